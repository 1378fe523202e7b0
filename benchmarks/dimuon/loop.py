"""The dimuon selection as a C++ loop over columns that uproot reads: `python loop.py FILE LIBRARY`."""

import ctypes
import json
import sys
from pathlib import Path

import numpy as np
from columns import CUTS, FLOATS, INTS, chunks, document, flat

library = ctypes.CDLL(sys.argv[2])
counts = np.zeros(1 + 2 * len(CUTS), dtype=np.int64)


def pointer(array):
    return ctypes.c_void_p(array.ctypes.data)


for read in chunks(Path(sys.argv[1])):
    values = {name: flat(read[name]) for name in (*INTS, *FLOATS)}
    offsets = [values[name][0] for name in ("tracks_p", "lkr_x", "muv3_x", "lav_time")]
    ints = (ctypes.c_void_p * len(INTS))(*(values[name][1].ctypes.data for name in INTS))
    floats = (ctypes.c_void_p * len(FLOATS))(*(values[name][1].ctypes.data for name in FLOATS))
    trigger = np.asarray(read["trigger_time"])
    library.loop(
        ctypes.c_size_t(len(trigger)), *map(pointer, offsets), pointer(trigger), ints, floats, pointer(counts)
    )
print(json.dumps(document(counts[0], counts[1 : 1 + len(CUTS)], counts[1 + len(CUTS) :])))

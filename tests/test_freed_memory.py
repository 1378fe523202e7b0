"""Freed memory is kept: arrays of the size of those before need no new pages."""

import platform
import subprocess
import sys

import pytest

CODE = """
import resource
import numpy as np
from bdana.freed_memory import LARGEST, keep_freed_memory

if {keep}:
    keep_freed_memory()
for _ in range(3):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    made = [np.ones(LARGEST // 32) for _ in range(6)]
    del made
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="of the GNU C library")
@pytest.mark.parametrize(("keep", "new"), [(True, False), (False, True)])
def test_arrays_of_the_size_of_those_that_were_freed_need_no_new_memory(keep, new):
    done = subprocess.run(
        [sys.executable, "-c", CODE.format(keep=keep)], capture_output=True, text=True, check=True
    )
    assert (int(done.stdout) > 1000) is new

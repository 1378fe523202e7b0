"""Single tracks for the combinatorial background of selections/pion_electron.py: as single_track, with its identification.

Numbers come from [selection.pion_electron]; [selection.single_pion_electron] can replace them.
"""

from dataclasses import replace

from . import pion_electron, single_track

selection = replace(
    single_track.selection,
    cuts=tuple(cut for cut in pion_electron.selection.cuts if cut.level != "pair"),
    parameters=pion_electron.Parameters,
    mass=pion_electron.selection.mass,
    like="pion_electron",
)

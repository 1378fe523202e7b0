"""Single tracks for the combinatorial background of selections/pion_lepton.py: as single_track, with its identification.

Numbers come from [selection.pion_lepton]; [selection.single_pion_lepton] can replace them.
"""

from dataclasses import replace

from . import pion_lepton, single_track

selection = replace(
    single_track.selection,
    cuts=tuple(cut for cut in pion_lepton.selection.cuts if cut.level != "pair"),
    parameters=pion_lepton.Parameters,
    mass=pion_lepton.selection.mass,
    like="pion_lepton",
)

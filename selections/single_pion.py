"""Single tracks for the combinatorial background of selections/dipion.py: as single_track, with its identification.

Numbers come from [selection.dipion]; [selection.single_pion] can replace them.
"""

from dataclasses import replace

from . import dipion, single_track

selection = replace(
    single_track.selection,
    cuts=tuple(cut for cut in dipion.selection.cuts if cut.level != "pair"),
    parameters=dipion.Parameters,
    mass=dipion.selection.mass,
    like="dipion",
)

"""Single electrons for the combinatorial background of electron pairs: as single_track, with electron identification.

Numbers come from [selection.dielectron]; [selection.single_electron] can replace them.
"""

from dataclasses import replace

from . import dielectron, single_track

selection = replace(
    single_track.selection,
    good_track=dielectron.selection.good_track,
    cuts=tuple(cut for cut in dielectron.CUTS if cut.level != "pair"),
    parameters=dielectron.Parameters,
    like="dielectron",
)

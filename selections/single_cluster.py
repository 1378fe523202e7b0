"""Single clusters for the combinatorial background of selections/diphoton.py: one good cluster, and nothing beside it.

Numbers come from [selection.diphoton]; [selection.single_cluster] can replace them. Q1 and H2 are here the triggers that
ask for one cluster and for two: [triggers] of the schema says which bits they are, since those of NA62 are not public.
"""

from dataclasses import replace

from . import diphoton, single_track

selection = replace(
    single_track.selection,
    good_track=None,
    good_cluster=diphoton.good_cluster,
    cuts=tuple(cut for cut in diphoton.CUTS if cut.level != "pair"),
    parameters=diphoton.Parameters,
    like="diphoton",
)

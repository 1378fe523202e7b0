"""Single tracks for the combinatorial background: the sample that is orthogonal to the muon pairs.

Events of the downscaled one-track trigger (Q1) that the two-track trigger (H2) did not take, with exactly one good
track. The track passes every cut that the dimuon selection makes on a track and on its event; the cuts on pairs
wait until the tracks are paired. Numbers come from [selection.dimuon]; [selection.single_track] can replace them.
"""

import bdana

from . import dimuon

selection = bdana.SingleTrackSelection(
    good_track=dimuon.good_track,
    cuts=tuple(cut for cut in dimuon.CUTS if cut.level != "pair"),
    parameters=dimuon.Parameters,
    like="dimuon",
    trigger="Q1",
    not_trigger="H2",
    # Windows as wide as the vetoes', clear of the track's own activity and inside the readout; assumed.
    accidental_offsets_ns=(-30.0, 30.0),
)

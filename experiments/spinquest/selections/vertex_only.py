"""Two tracks of opposite charge and nothing else: for layouts without times, vetoes or a known beam line."""

import numpy as np

import bdana


class Parameters(bdana.Parameters):
    """Only the mass hypothesis, `lepton`."""


@bdana.track_cut()
def track(track, par):
    """Every track; the selection takes events with exactly two."""
    return np.ones(len(track), dtype=bool)


@bdana.pair_cut()
def opposite_charge(pair, par):
    """Charges +1 and -1."""
    return (pair.plus.charge == 1) & (pair.minus.charge == -1)


selection = bdana.Selection(
    good_track=track,
    cuts=(opposite_charge,),
    parameters=Parameters,
    optional=("tracks.time",),
    any_detector=True,
)

"""A' -> mu+ mu- at SpinQuest: two muons of opposite charge from one vertex between FMAG and the first station.

Each cut is a function below; CUTS says which run, in which order. A cut gets tracks or pairs, and answers True where it
passes; anything undefined (NaN) must fail. Files need no times and no detectors but the chambers.
"""

import numpy as np
from hepunits import GeV, m
from pydantic import Field

import bdana


class Parameters(bdana.Parameters):
    """Numbers and switches; all are assumed."""

    max_chi2: float = Field(20.0, description="chi2 of the track fit, assumed")
    min_p_gev: float = Field(5.0, description="track momentum, assumed")
    max_cda_mm: float = Field(10.0, description="closest approach of the two tracks, assumed")
    min_z_vertex_m: float = Field(5.03, description="end of FMAG")
    max_z_vertex_m: float = Field(6.0, description="first station")

    acceptance: bool = Field(default=False, description="switch of the cut of this name")


@bdana.track_cut("tracks.chi2", "tracks.p")
def good_track(track, par):
    """Well-measured tracks; the selection takes events with exactly two of them."""
    return (track.chi2 < par.max_chi2) & (track.p > par.min_p_gev * GeV)


@bdana.pair_cut()
def opposite_charge(pair, par):
    """Charges +1 and -1."""
    return (pair.plus.charge == 1) & (pair.minus.charge == -1)


@bdana.pair_cut()
def cda(pair, par):
    """The two tracks meet."""
    return pair.cda < par.max_cda_mm


@bdana.pair_cut()
def vertex_z(pair, par):
    """They meet behind the dump and before the first station."""
    return (pair.z_vertex > par.min_z_vertex_m * m) & (pair.z_vertex < par.max_z_vertex_m * m)


@bdana.track_cut(*bdana.TRACK_AFTER)
def acceptance(track, par):
    """Each track crosses every station; needs a layout with the tracks behind the magnet."""
    return np.logical_and.reduce(
        [
            track.detector[name].contains(*track.at(track.detector[name].z_mm))
            for name in ("ST1", "KMAG", "ST2", "ST3")
        ]
    )


CUTS = (opposite_charge, cda, vertex_z, acceptance)

selection = bdana.Selection(
    good_track=good_track, cuts=CUTS, parameters=Parameters, optional=("tracks.time",)
)

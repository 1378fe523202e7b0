"""A' -> mu+ mu-: two muons of opposite charge from one vertex in the decay volume.

Each cut is a function below; CUTS says which run, in which order. A cut gets tracks, pairs, or events with the
candidate's time, and answers True where it passes; anything undefined (NaN) must fail. Change a number in
Parameters or a line of a cut, run `bdana select`, and see the cutflow move.
"""

import awkward as ak
import numpy as np
from hepunits import GeV, m
from pydantic import Field

import bdana


class Parameters(bdana.Parameters):
    """Numbers and switches, with the range of each; `assumed` marks working values without a public source."""

    max_chi2: float = Field(20.0, ge=0, description="chi2 of the track fit")
    min_chambers: int = Field(3, ge=0, description="straw chambers with hits")
    min_p_gev: float = Field(10.0, ge=0, description="track momentum, assumed")
    max_dt_ns: float = Field(5.0, ge=0, description="|t(+) - t(-)|")
    max_trigger_dt_ns: float = Field(5.0, ge=0, description="|track time - trigger time|, assumed")
    max_e_over_p: float = Field(0.2, ge=0, description="LKr energy over momentum")
    lkr_distance_mm: float = Field(50.0, ge=0, description="track to LKr cluster")
    muv3_distance_mm: float = Field(220.0, ge=0, description="track to MUV3 tile: one tile")
    muv3_dt_ns: float = Field(5.0, ge=0, description="|MUV3 time - track time|")
    max_cda_mm: float = Field(
        20.0, ge=0, description="closest approach of the two tracks, assumed (HNL search: 10)"
    )
    min_z_vertex_m: float = Field(105.0, description="begin of the decay volume")
    max_z_vertex_m: float = Field(180.0, description="end of the decay volume")
    lav_dt_ns: float = Field(10.0, ge=0, description="|LAV time - mean track time| of a veto")
    small_angle_dt_ns: float = Field(10.0, ge=0, description="|IRC or SAC time - mean track time| of a veto")
    min_straw1_distance_mm: float = Field(20.0, ge=0, description="between the tracks at STRAW1")

    straw1_separation: bool = Field(default=True, description="switch of the cut of this name")
    acceptance: bool = Field(default=True, description="switch of the cut of this name")
    small_angle_veto: bool = Field(default=False, description="switch of the cut of this name")


@bdana.track_cut("tracks.chi2", "tracks.n_chambers", "tracks.p")
def good_track(track, par):
    """Well-measured tracks; the selection takes events with exactly two of them."""
    return (
        (track.chi2 < par.max_chi2) & (track.n_chambers >= par.min_chambers) & (track.p > par.min_p_gev * GeV)
    )


@bdana.pair_cut()
def opposite_charge(pair, par):
    """Charges +1 and -1."""
    return (pair.plus.charge == 1) & (pair.minus.charge == -1)


@bdana.pair_cut("tracks.time")
def track_time_difference(pair, par):
    """The two tracks are in time with each other."""
    return abs(pair.dt) < par.max_dt_ns


@bdana.track_quantity("tracks.time", "trigger_time")
def trigger_dt(track, par):
    """Time of the track after the trigger."""
    return track.time - track.event.trigger_time


@bdana.track_cut(*trigger_dt.needs)
def trigger_time(track, par):
    """Each track is in time with the trigger."""
    return abs(trigger_dt(track, par)) < par.max_trigger_dt_ns


@bdana.track_quantity(*bdana.TRACK_AFTER, "lkr.x", "lkr.y", "lkr.energy")
def lkr_e_over_p(track, par):
    """Energy of the nearest LKr cluster over the momentum; no cluster counts as no energy."""
    x, y = track.at(track.detector["LKr"].z_mm)
    energy = bdana.nearest(track.event.lkr, x, y, within=par.lkr_distance_mm).energy
    return ak.fill_none(energy, 0.0) / track.p


@bdana.track_cut(*lkr_e_over_p.needs)
def e_over_p(track, par):
    """The nearest LKr cluster has the energy of a minimum-ionising particle."""
    return lkr_e_over_p(track, par) < par.max_e_over_p


@bdana.track_cut(*bdana.TRACK_AFTER, "tracks.time", "muv3.x", "muv3.y", "muv3.time")
def muv3(track, par):
    """A muon-veto tile behind the track fired in time with it."""
    x, y = track.at(track.detector["MUV3"].z_mm)
    return bdana.any_near(
        track.event.muv3, x, y, par.muv3_distance_mm, time=track.time, time_window=par.muv3_dt_ns
    )


@bdana.pair_cut()
def cda(pair, par):
    """The two tracks meet."""
    return pair.cda < par.max_cda_mm


@bdana.pair_cut()
def vertex_z(pair, par):
    """They meet inside the decay volume."""
    return (pair.z_vertex > par.min_z_vertex_m * m) & (pair.z_vertex < par.max_z_vertex_m * m)


@bdana.event_cut("tracks.time", "lav.time")
def lav_veto(event, time, par):
    """No large-angle veto hit in time with the candidate."""
    return ak.all(abs(event.lav.time - time) >= par.lav_dt_ns, axis=1)


@bdana.pair_quantity("tracks.time", "lav.time")
def lav_dt(pair, par):
    """Time between the candidate and the nearest LAV hit; NaN without a hit."""
    return ak.fill_none(ak.min(abs(pair.event.lav.time - pair.time), axis=1), np.nan)


@bdana.pair_quantity()
def straw1_distance(pair, par):
    """Distance of the two tracks at the first straw chamber."""
    z = pair.detector["STRAW1"].z_mm
    (x1, y1), (x2, y2) = pair.plus.at(z), pair.minus.at(z)
    return np.hypot(x1 - x2, y1 - y2)


@bdana.pair_cut()
def straw1_separation(pair, par):
    """The tracks are apart at the first straw chamber, so that each is measured on its own."""
    return straw1_distance(pair, par) > par.min_straw1_distance_mm


@bdana.event_cut("tracks.time", "irc.time", "sac.time")
def small_angle_veto(event, time, par):
    """No IRC or SAC hit in time with the candidate."""
    return ak.all(abs(event.irc.time - time) >= par.small_angle_dt_ns, axis=1) & ak.all(
        abs(event.sac.time - time) >= par.small_angle_dt_ns, axis=1
    )


@bdana.track_quantity(*bdana.TRACK_AFTER)
def muv3_radius(track, par):
    """Distance of the track from the z axis at MUV3."""
    return np.hypot(*track.at(track.detector["MUV3"].z_mm))


@bdana.track_cut(*bdana.TRACK_AFTER)
def acceptance(track, par):
    """Each track crosses the four straw chambers, NewCHOD, CHOD, LKr and MUV3, and passes inside LAV12."""
    inside = [
        track.detector[name].contains(*track.at(track.detector[name].z_mm))
        for name in ("STRAW1", "STRAW2", "STRAW3", "STRAW4", "NewCHOD", "CHOD_V", "CHOD_H", "LKr", "MUV3")
    ]
    lav12 = track.detector["LAV12"]
    return np.logical_and.reduce(inside) & ~lav12.contains(*track.at(lav12.z_mm))


CUTS = (
    opposite_charge,
    track_time_difference,
    trigger_time,
    e_over_p,
    muv3,
    cda,
    vertex_z,
    lav_veto,
    straw1_separation,
    small_angle_veto,
    acceptance,
)

# What [variables] and [n_minus_1] of analysis.toml can histogram, beside the quantities of the table of candidates.
QUANTITIES = (lkr_e_over_p, trigger_dt, lav_dt, straw1_distance, muv3_radius)

selection = bdana.Selection(good_track=good_track, cuts=CUTS, parameters=Parameters, quantities=QUANTITIES)

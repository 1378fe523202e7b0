"""a -> gamma gamma, of an axion-like particle: two clusters in the calorimeter, and no track.

A photon has no direction here. The particle comes from the dump, so its line goes from there to the energy-weighted centre of
the two clusters; `pair.mass` is for a decay in the middle of the decay volume, and a mass gives the decay point
(`pair.z_vertex`). The regions are of `pair.mass` and `pair.centre_distance`: no mass need be known to keep them closed.
The cuts on energies and distances are those of the public code ALPINIST (arXiv:2201.05170) for NA62, by authors of arXiv:1904.02091.
"""

import awkward as ak
import numpy as np
from hepunits import GeV, MeV, m
from pydantic import Field

import bdana


class Parameters(bdana.Parameters):
    """Numbers and switches, with the range of each; `assumed` marks working values without a public source."""

    min_energy_gev: float = Field(1.0, ge=0, description="energy of each cluster")
    min_total_energy_gev: float = Field(3.0, ge=0, description="sum of both")
    min_separation_mm: float = Field(100.0, ge=0, description="between the clusters")
    max_dt_ns: float = Field(5.0, ge=0, description="|t1 - t2|, assumed")
    max_trigger_dt_ns: float = Field(5.0, ge=0, description="|cluster time - trigger time|, assumed")
    track_dt_ns: float = Field(5.0, ge=0, description="|track time - mean cluster time| of a veto, assumed")
    muv3_dt_ns: float = Field(5.0, ge=0, description="|MUV3 time - mean cluster time| of a veto, assumed")
    lav_dt_ns: float = Field(10.0, ge=0, description="|LAV time - mean cluster time| of a veto")
    small_angle_dt_ns: float = Field(
        10.0, ge=0, description="|IRC or SAC time - mean cluster time| of a veto"
    )
    mass_mev: float = Field(100.0, gt=0, description="mass hypothesis, which gives the decay point, assumed")
    min_z_vertex_m: float = Field(105.0, description="begin of the decay volume")
    max_z_vertex_m: float = Field(180.0, description="end of the decay volume")

    muon_veto: bool = Field(default=True, description="switch of the cut of this name")
    small_angle_veto: bool = Field(default=False, description="switch of the cut of this name")
    decay_volume: bool = Field(default=False, description="switch of the cut of this name")


@bdana.cluster_cut("lkr.energy", "lkr.x", "lkr.y")
def good_cluster(cluster, par):
    """Clusters inside the calorimeter, at any time of the readout; the selection takes events with exactly two of them."""
    return (cluster.energy > par.min_energy_gev * GeV) & cluster.detector["LKr"].contains(
        cluster.x, cluster.y
    )


def mass(pair, par):
    """Both photons come from one particle of this mass."""
    return np.full(len(pair), par.mass_mev * MeV)


@bdana.pair_cut()
def cluster_time_difference(pair, par):
    """The two clusters are in time with each other."""
    return abs(pair.dt) < par.max_dt_ns


@bdana.cluster_cut("trigger_time")
def trigger_time(cluster, par):
    """Each cluster is in time with the trigger."""
    return abs(cluster.time - np.asarray(cluster.event.trigger_time)) < par.max_trigger_dt_ns


@bdana.pair_cut()
def total_energy(pair, par):
    """Together they have more energy than a muon leaves."""
    return pair.energy > par.min_total_energy_gev * GeV


@bdana.pair_cut()
def separation(pair, par):
    """The clusters are apart, so that each is measured on its own."""
    return pair.separation > par.min_separation_mm


@bdana.event_cut("tracks.time")
def no_track(event, time, par):
    """No track in time with the candidate, however bad."""
    return ak.all(abs(event.tracks.time - time) >= par.track_dt_ns, axis=1)


@bdana.event_cut("muv3.time")
def muon_veto(event, time, par):
    """No muon-veto tile in time with the candidate."""
    return ak.all(abs(event.muv3.time - time) >= par.muv3_dt_ns, axis=1)


@bdana.event_cut("lav.time")
def lav_veto(event, time, par):
    """No large-angle veto hit in time with the candidate."""
    return ak.all(abs(event.lav.time - time) >= par.lav_dt_ns, axis=1)


@bdana.event_cut("irc.time", "sac.time")
def small_angle_veto(event, time, par):
    """No IRC or SAC hit in time with the candidate."""
    return ak.all(abs(event.irc.time - time) >= par.small_angle_dt_ns, axis=1) & ak.all(
        abs(event.sac.time - time) >= par.small_angle_dt_ns, axis=1
    )


@bdana.pair_cut()
def decay_volume(pair, par):
    """A particle of the mass hypothesis decays inside the decay volume."""
    return (pair.z_vertex > par.min_z_vertex_m * m) & (pair.z_vertex < par.max_z_vertex_m * m)


CUTS = (
    cluster_time_difference,
    trigger_time,
    total_energy,
    separation,
    no_track,
    muon_veto,
    lav_veto,
    small_angle_veto,
    decay_volume,
)

selection = bdana.Selection(good_cluster=good_cluster, cuts=CUTS, parameters=Parameters, mass=mass)

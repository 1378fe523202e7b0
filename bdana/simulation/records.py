"""Canonical event records from charged particles: the response of all detectors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import awkward as ak
import numpy as np

from bdana.simulation.response import (
    Hits,
    accidental_hits,
    calorimeter,
    collect,
    correlated_lav,
    muon_veto,
    straw_tracks,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from bdana.detector import Detector
    from bdana.simulation.sample_config import SimulationConfig
    from bdana.simulation.tracks import Flight, Tracks

__all__ = ["HALO", "PROMPT", "SIGNAL", "Headers", "make_events"]

HALO, SIGNAL, PROMPT = 0, 1, 2
"""Codes of the simulated process in `truth.process`."""

CLOCK_NS = 24.951059536
"""Period of the trigger clock in ns; the trigger time is uniform in it."""


@dataclass(frozen=True)
class Headers:
    """Headers of the N events of a block; every attribute has shape (N,).

    Attributes
    ----------
    burst, event : ndarray of int
        Burst number and number of the event in the burst.
    timestamp : ndarray of float
        Time since the start of the burst in ns.
    trigger : ndarray of int
        Trigger bits.
    intensity : ndarray of float
        Intensity at the time of the event relative to the mean.
    weight : ndarray of float
        Event weight.
    truth : dict of str to ndarray
        Truth fields; empty for pseudo-data.
    """

    burst: NDArray[np.int64]
    event: NDArray[np.int64]
    timestamp: NDArray[np.float64]
    trigger: NDArray[np.int64]
    intensity: NDArray[np.float64]
    weight: NDArray[np.float64]
    truth: dict[str, NDArray[np.float64] | NDArray[np.int64]]


def make_events(
    headers: Headers,
    tracks: Tracks,
    flight: Flight,
    config: SimulationConfig,
    detector: Detector,
    rng: np.random.Generator,
    lav_correlated: float = 0.0,
) -> ak.Array:
    """Simulate the response to the charged particles of a block of events.

    The trigger time is that of the event's first track, or of its first cluster where there are only photons, and times are on
    its scale.

    Parameters
    ----------
    headers : Headers
    tracks : Tracks
    flight : Flight
    config : SimulationConfig
    detector : Detector
    rng : Generator
    lav_correlated : float
        Probability that a particle makes a hit of the large-angle veto in time with itself.
    """
    n = len(headers.event)
    uses = detector.uses
    response, activity, half = config.response, config.activity, config.beam.readout_ns
    per_mhz = headers.intensity * (2.0 * half * 1e-3)
    parts = {
        "tracks": [straw_tracks(tracks, flight, detector, response, rng)],
        "lkr": [
            calorimeter(tracks, flight, detector, response, rng),
            accidental_hits(
                _rate(activity.lkr_mhz, uses.calorimeter) * per_mhz,
                half,
                rng,
                _extent(detector, uses.calorimeter),
                activity.noise_energy_mev,
            ),
        ],
        "muv3": [
            muon_veto(tracks, flight, detector, response, rng),
            accidental_hits(
                _rate(activity.muv3_mhz, uses.muon_veto) * per_mhz,
                half,
                rng,
                _extent(detector, uses.muon_veto),
            ),
        ],
        "lav": [
            correlated_lav(tracks, lav_correlated, activity.lav_time_ns, rng),
            accidental_hits(activity.lav_mhz * per_mhz, half, rng),
        ],
        "irc": [accidental_hits(activity.irc_mhz * per_mhz, half, rng)],
        "sac": [accidental_hits(activity.sac_mhz * per_mhz, half, rng)],
    }
    phase = rng.uniform(0.0, CLOCK_NS, n)
    for hits in (hits for part in parts.values() for hits in part):
        hits.fields["time"] = hits.fields["time"] + phase[hits.event]
    columns = {
        "run": np.full(n, config.run, dtype=np.int32),
        "burst": headers.burst.astype(np.int32),
        "event": headers.event.astype(np.int32),
        "trigger_time": _trigger_time(tracks, parts["tracks"][0], parts["lkr"][0], phase).astype(np.float32),
        "timestamp": headers.timestamp,
        "trigger": headers.trigger.astype(np.int32),
        "quality": np.zeros(n, dtype=np.int32),
        "weight": headers.weight,
    }
    collections = {name: collect(n, *part) for name, part in parts.items()}
    if headers.truth:
        collections["truth"] = ak.zip(headers.truth)
    return ak.zip(columns | collections, depth_limit=1)


def _rate(mhz: float, element: str | None) -> float:
    return mhz if element is not None else 0.0


def _extent(detector: Detector, element: str | None) -> float:
    return detector[element].extent_mm if element is not None else 0.0


def _trigger_time(
    particles: Tracks, tracks: Hits, clusters: Hits, phase: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the time of each event's first track, or of its first cluster where it has only photons; without, that of its trigger."""
    time = phase.copy()
    neutral = np.bincount(particles.event, particles.charge != 0, minlength=len(phase)) == 0
    for hits, own in ((clusters, neutral), (tracks, np.ones(len(phase), dtype=np.bool_))):
        seen, first = np.unique(hits.event, return_index=True)
        time[seen[own[seen]]] = hits.fields["time"][first[own[seen]]]
    return time

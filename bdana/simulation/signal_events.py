"""Events of decays of a new particle."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from bdana.detector import load_detector
from bdana.events import load_schema
from bdana.simulation.bursts import intensity, timestamps
from bdana.simulation.decays import draw_decays
from bdana.simulation.records import SIGNAL, Headers, make_events
from bdana.simulation.response import radiated
from bdana.simulation.tracks import PHOTON, Flight
from bdana.simulation.transport import bend_in_tank

if TYPE_CHECKING:
    import awkward as ak
    from numpy.typing import NDArray

    from bdana.detector import Detector
    from bdana.events import BurstTable
    from bdana.simulation.decays import Decays
    from bdana.simulation.sample_config import Signal, SimulationConfig
    from bdana.simulation.tracks import Tracks

__all__ = ["decay_events", "signal_events", "track_events"]


def signal_events(
    config: SimulationConfig, signal: Signal, bursts: BurstTable, numbers: range, rng: np.random.Generator
) -> ak.Array:
    """Simulate signal events, each in a burst drawn with probability proportional to its protons.

    Every generated decay is an event, also when no track is seen: sums of weights before cuts are generated sums.

    Parameters
    ----------
    config : SimulationConfig
    signal : Signal
    bursts : BurstTable
    numbers : range
        Event numbers, one for each decay.
    rng : Generator
    """
    at = _bursts_of(bursts, len(numbers), rng)
    decays, weight = draw_decays(signal, load_detector(config.detector), len(numbers), config.pot, rng)
    return _events(config, decays.tracks, bursts, at, numbers, weight, _truth(decays, signal.mass_mev), rng)


def decay_events(
    config: SimulationConfig,
    decays: Decays,
    mass: float | NDArray[np.float64],
    weight: NDArray[np.float64],
    bursts: BurstTable,
    numbers: range,
    rng: np.random.Generator,
) -> ak.Array:
    """Simulate the events of given decays, each in a burst drawn with probability proportional to its protons.

    Parameters
    ----------
    config : SimulationConfig
    decays : Decays
    mass : float or ndarray, shape (N,)
        Of what decays, in MeV/c2.
    weight : ndarray, shape (N,)
        Of the events.
    bursts : BurstTable
    numbers : range
        Event numbers, one for each decay.
    rng : Generator
    """
    at = _bursts_of(bursts, len(numbers), rng)
    return _events(config, decays.tracks, bursts, at, numbers, weight, _truth(decays, mass), rng)


def track_events(
    config: SimulationConfig,
    tracks: Tracks,
    weight: NDArray[np.float64],
    truth: dict[str, NDArray[np.float64] | NDArray[np.int64]],
    bursts: BurstTable,
    numbers: range,
    rng: np.random.Generator,
) -> ak.Array:
    """Simulate events of any particles, each in a burst drawn with probability proportional to its protons.

    Parameters
    ----------
    config : SimulationConfig
    tracks : Tracks
        Whose `event` counts the numbers.
    weight : ndarray, shape (N,)
        Of the events.
    truth : dict of str to ndarray
        Truth fields of the events.
    bursts : BurstTable
    numbers : range
        Event numbers.
    rng : Generator
    """
    at = _bursts_of(bursts, len(numbers), rng)
    return _events(config, tracks, bursts, at, numbers, weight, truth, rng)


def _bursts_of(bursts: BurstTable, n: int, rng: np.random.Generator) -> NDArray[np.int64]:
    edges = np.cumsum(bursts.pot)[:-1]
    return np.sort(np.searchsorted(edges, rng.random(n) * bursts.pot.sum(), side="right"))


def _truth(
    decays: Decays, mass: float | NDArray[np.float64]
) -> dict[str, NDArray[np.float64] | NDArray[np.int64]]:
    n = len(decays.z)
    return {
        "process": np.full(n, SIGNAL),
        "mass": np.full(n, mass),
        "p": decays.particles.p,
        "z_decay": decays.z,
    }


def _events(
    config: SimulationConfig,
    tracks: Tracks,
    bursts: BurstTable,
    at: NDArray[np.int64],
    numbers: range,
    weight: NDArray[np.float64],
    truth: dict[str, NDArray[np.float64] | NDArray[np.int64]],
    rng: np.random.Generator,
) -> ak.Array:
    n = len(numbers)
    detector = load_detector(config.detector)
    tracks = radiated(bend_in_tank(tracks, config.tank_field), config.response, rng)
    flight = Flight.of(tracks, detector.magnet)
    fired = _fired(tracks, flight, detector, n)
    bits = load_schema("bdana").triggers
    clock = rng.spawn(1)[0]
    phase = clock.uniform(0.0, 2.0 * np.pi, n)
    headers = Headers(
        burst=bursts.burst[at],
        event=np.asarray(numbers),
        timestamp=timestamps(config, bursts.live_time_s[at], phase, clock),
        trigger=np.array([0, 1 << bits["Q1"], 1 << bits["H2"]])[np.minimum(fired, 2)],
        intensity=intensity(config, bursts)[at],
        weight=weight,
        truth=truth if config.truth else {},
    )
    return make_events(headers, tracks, flight, config, detector, rng)


def _fired(tracks: Tracks, flight: Flight, detector: Detector, n: int) -> NDArray[np.int64]:
    """Count what Q1 and H2 ask for, shape (n,): charged particles, or photons in the calorimeter where an event has no other."""
    charged = tracks.charge != 0
    counted = charged & flight.in_all(detector, *detector.uses.trigger)
    if detector.uses.calorimeter is not None:
        neutral = np.bincount(tracks.event, charged, minlength=n) == 0
        photons = (tracks.species == PHOTON) & neutral[tracks.event]
        counted |= photons & flight.in_all(detector, detector.uses.calorimeter)
    return np.bincount(tracks.event[counted], minlength=n)

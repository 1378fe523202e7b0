"""Events of A' -> mu+ mu- decays."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from bdana.detector import load_detector
from bdana.events import load_schema
from bdana.simulation.bursts import intensity, timestamps
from bdana.simulation.decays import draw_decays
from bdana.simulation.halo import TRIGGER_PLANES
from bdana.simulation.muons import Flight
from bdana.simulation.records import SIGNAL, Headers, make_events

if TYPE_CHECKING:
    import awkward as ak

    from bdana.events import BurstTable
    from bdana.simulation.sample_config import Signal, SimulationConfig

__all__ = ["signal_events"]


def signal_events(
    config: SimulationConfig, signal: Signal, bursts: BurstTable, numbers: range, rng: np.random.Generator
) -> ak.Array:
    """Simulate signal events, each in a burst drawn with probability proportional to its protons.

    Every generated decay is an event, also when no muon is seen: sums of weights before cuts are generated sums.

    Parameters
    ----------
    config : SimulationConfig
    signal : Signal
    bursts : BurstTable
    numbers : range
        Event numbers, one for each decay.
    rng : Generator
    """
    n = len(numbers)
    detector = load_detector(config.detector)
    edges = np.cumsum(bursts.pot)[:-1]
    at = np.sort(np.searchsorted(edges, rng.random(n) * bursts.pot.sum(), side="right"))
    decays, muons = draw_decays(signal, n, config.pot, rng)
    flight = Flight.of(muons, detector.magnet)
    fired = flight.in_all(detector, *TRIGGER_PLANES).reshape(n, 2).sum(axis=1)
    bits = load_schema("bdana").triggers
    truth = {
        "process": np.full(n, SIGNAL),
        "mass": np.full(n, signal.mass_mev),
        "p": decays.p,
        "z_decay": decays.z,
    }
    clock = rng.spawn(1)[0]
    phase = clock.uniform(0.0, 2.0 * np.pi, n)
    headers = Headers(
        burst=bursts.burst[at],
        event=np.asarray(numbers),
        timestamp=timestamps(config, bursts.live_time_s[at], phase, clock),
        trigger=np.array([0, 1 << bits["Q1"], 1 << bits["H2"]])[fired],
        intensity=intensity(config, bursts)[at],
        weight=decays.weight,
        truth=truth if config.truth else {},
    )
    return make_events(headers, muons, flight, config, detector, rng)

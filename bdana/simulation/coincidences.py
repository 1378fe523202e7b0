"""Events of halo muons: single tracks, accidental coincidences drawn directly, and prompt pairs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from bdana.detector import load_detector
from bdana.events import load_schema
from bdana.simulation.bursts import NS, intensity, mean_coincidences, mean_singles, timestamps
from bdana.simulation.halo import draw_halo, draw_prompt_partners
from bdana.simulation.records import HALO, PROMPT, Headers, make_events
from bdana.simulation.tracks import Flight, Tracks

if TYPE_CHECKING:
    import awkward as ak
    from numpy.typing import NDArray

    from bdana.events import BurstTable
    from bdana.simulation.sample_config import SimulationConfig

__all__ = ["Counts", "coincidence_counts", "halo_counts", "halo_events"]


@dataclass(frozen=True)
class Counts:
    """Number of events in each of N bursts; every attribute has shape (N,).

    Attributes
    ----------
    singles, pairs, prompt : ndarray of int
        Single tracks that Q1 recorded; accidental and prompt pairs that H2 recorded.
    """

    singles: NDArray[np.int64]
    pairs: NDArray[np.int64]
    prompt: NDArray[np.int64]


def halo_counts(config: SimulationConfig, bursts: BurstTable, rng: np.random.Generator) -> Counts:
    """Draw the numbers of single tracks, accidental pairs and prompt pairs in each burst.

    Parameters
    ----------
    config : SimulationConfig
    bursts : BurstTable
    rng : Generator
    """
    expected = mean_coincidences(config, bursts)
    return Counts(
        rng.poisson(mean_singles(config, bursts)),
        rng.poisson(expected),
        rng.poisson(expected * config.halo.prompt_fraction),
    )


def coincidence_counts(
    config: SimulationConfig, bursts: BurstTable, rng: np.random.Generator, oversample: float
) -> Counts:
    """Draw the numbers of accidental pairs in each burst for a multiple of its exposure.

    Parameters
    ----------
    config : SimulationConfig
    bursts : BurstTable
    rng : Generator
    oversample : float
        The multiple.
    """
    pairs = rng.poisson(oversample * mean_coincidences(config, bursts))
    return Counts(np.zeros_like(pairs), pairs, np.zeros_like(pairs))


def halo_events(
    config: SimulationConfig, bursts: BurstTable, counts: Counts, rng: np.random.Generator
) -> ak.Array:
    """Simulate events of halo muons: single tracks and pairs, in random order in each burst.

    Parameters
    ----------
    config : SimulationConfig
    bursts : BurstTable
    counts : Counts
        How many events of each kind.
    rng : Generator
    """
    n = len(bursts.run)
    sorts = np.stack([counts.singles, counts.pairs, counts.prompt])
    at = np.repeat(np.tile(np.arange(n), 3), sorts.ravel())
    sort = np.repeat(np.repeat(np.arange(3), n), sorts.ravel())
    order = np.lexsort((rng.random(len(at)), at))
    at, sort = at[order], sort[order]
    two, prompt = sort > 0, sort == 2
    clock = rng.spawn(1)[0]  # a stream of its own: the events do not depend on when in the spill they are
    ripple, phase = _inside_spill(config.beam.ripple, 1 + two, rng, clock)
    level = intensity(config, bursts)[at] * ripple
    detector = load_detector(config.detector)
    event, time, place = _tracks_in_time(config, level, two, rng)
    muons = draw_halo(config.halo, detector, rng, event, time)
    muons = _with_prompt(config, muons, prompt[event] & (place == 1), rng)
    bits = load_schema("bdana").triggers
    headers = Headers(
        burst=bursts.burst[at],
        event=np.arange(len(at)) - np.searchsorted(at, at),
        timestamp=timestamps(config, bursts.live_time_s[at], phase, clock),
        trigger=np.where(two, 1 << bits["H2"], 1 << bits["Q1"]),
        intensity=level,
        weight=np.ones(len(at)),
        truth={"process": np.where(prompt, PROMPT, HALO)} if config.truth else {},
    )
    flight = Flight.of(muons, detector.magnet)
    return make_events(headers, muons, flight, config, detector, rng, config.activity.lav_correlated)


def _tracks_in_time(
    config: SimulationConfig, level: NDArray[np.float64], two: NDArray[np.bool_], rng: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.int64]]:
    """Draw event, time (ns) and number in the event of every muon: the trigger's, its partner, accidental others.

    The others of a single-track event are outside the coincidence window, or H2 would have taken it.
    """
    beam = config.beam
    inner = np.where(two, 0.0, beam.coincidence_ns)
    mean = config.halo.rate_hz * level * 2.0 * (beam.readout_ns - inner) * NS
    tracks = 1 + two + rng.poisson(mean)
    event = np.repeat(np.arange(len(level)), tracks)
    place = np.arange(len(event)) - np.repeat(np.cumsum(tracks) - tracks, tracks)
    partner = two[event] & (place == 1)
    low = np.where(partner, 0.0, inner[event])
    high = np.where(partner, beam.coincidence_ns, beam.readout_ns)
    side = np.where(rng.random(len(event)) < 0.5, -1.0, 1.0)
    time = side * (low + (high - low) * rng.random(len(event)))
    return event, np.where(place == 0, 0.0, time), place


def _with_prompt(
    config: SimulationConfig, muons: Tracks, partner: NDArray[np.bool_], rng: np.random.Generator
) -> Tracks:
    """Replace the partners of prompt pairs by muons from a point of the first muon's path."""
    places = np.flatnonzero(partner)
    if not len(places):
        return muons
    new = draw_prompt_partners(config.halo, rng, muons.take(places - 1))
    columns = {name: getattr(muons, name).copy() for name in Tracks.__dataclass_fields__}
    for name, column in columns.items():
        column[places] = getattr(new, name)
    return Tracks(**columns)


def _inside_spill(
    ripple: float, power: NDArray[np.int64], rng: np.random.Generator, clock: np.random.Generator
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Draw intensity 1 + a sin(phase) and phase of events whose rate is proportional to its given power (1 or 2)."""
    level, phase = np.ones(len(power)), clock.uniform(0.0, 2.0 * np.pi, len(power))
    left = np.arange(len(power)) if ripple else np.empty(0, dtype=np.int64)
    while len(left):
        tried = rng.uniform(0.0, 2.0 * np.pi, len(left))
        drawn = 1.0 + ripple * np.sin(tried)
        taken = rng.random(len(left)) < (drawn / (1.0 + ripple)) ** power[left]
        level[left[taken]], phase[left[taken]] = drawn[taken], tried[taken]
        left = left[~taken]
    return level, phase

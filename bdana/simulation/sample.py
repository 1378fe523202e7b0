"""Whole samples: blocks of bursts, drawn one after the other, each from its own random stream."""

from __future__ import annotations

from typing import TYPE_CHECKING

import awkward as ak
import numpy as np

from bdana.detector import load_detector
from bdana.errors import ConfigError
from bdana.events import load_schema, write_events
from bdana.simulation.bursts import NS, draw_bursts, intensity, mean_coincidences, mean_singles
from bdana.simulation.decays import MUON_MASS, draw_decays
from bdana.simulation.halo import TRIGGER_PLANES, draw_halo, draw_prompt_partners
from bdana.simulation.muons import Flight, Muons
from bdana.simulation.records import Headers, make_events

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from bdana.engine import Progress
    from bdana.events import BurstTable
    from bdana.simulation.config import SimulationConfig

__all__ = ["simulate", "simulate_blocks", "simulate_bursts", "write_sample"]

BLOCK_EVENTS = 100_000
"""Expected events of a block; a block is whole bursts, and never depends on how blocks are grouped later."""
HALO, SIGNAL, PROMPT = 0, 1, 2
"""truth.process."""


def simulate_bursts(config: SimulationConfig, seed: int) -> BurstTable:
    """Draw the bursts of a sample."""
    return draw_bursts(config, _stream(seed, 0))


def simulate(config: SimulationConfig, seed: int) -> tuple[ak.Array, BurstTable]:
    """Simulate a sample in memory.

    Parameters
    ----------
    config : SimulationConfig
        What is simulated.
    seed : int
        The same config and seed give the same events.

    Returns
    -------
    events : ak.Array
        Canonical event records in mm, ns, MeV.
    bursts : BurstTable
        Their bursts, those without events included.

    Raises
    ------
    ConfigError
        When a value of the configuration makes no sense.
    """
    blocks = list(simulate_blocks(config, seed))
    return ak.concatenate(blocks), simulate_bursts(config, seed)


def write_sample(path: Path, config: SimulationConfig, seed: int, progress: Progress | None = None) -> int:
    """Simulate a sample into a ROOT file, one block in memory at a time; return the number of events."""
    bursts = simulate_bursts(config, seed)
    return write_events(path, _reported(config, seed, progress), bursts)


def simulate_blocks(config: SimulationConfig, seed: int) -> Iterator[ak.Array]:
    """Simulate a sample block by block."""
    for block, _ in _blocks(config, seed):
        yield block


def _reported(config: SimulationConfig, seed: int, progress: Progress | None) -> Iterator[ak.Array]:
    for block, done in _blocks(config, seed):
        yield block
        if progress:
            progress(done, config.signal.decays if config.signal else config.bursts)


def _blocks(config: SimulationConfig, seed: int) -> Iterator[tuple[ak.Array, int]]:
    """Yield each block with the number of bursts (signal: of decays) done after it."""
    _check(config)
    bursts = simulate_bursts(config, seed)
    if config.signal:
        starts = range(0, max(config.signal.decays, 1), BLOCK_EVENTS)
        for index, start in enumerate(starts):
            n = min(BLOCK_EVENTS, config.signal.decays - start)
            yield _signal_block(config, bursts, start, n, _stream(seed, 1, index)), start + n
        return
    per_burst = (
        float((mean_coincidences(config, bursts) + mean_singles(config, bursts)).sum()) / config.bursts
    )
    size = max(1, int(BLOCK_EVENTS / max(per_burst, 1.0)))
    for index, start in enumerate(range(0, config.bursts, size)):
        part = bursts.take(slice(start, start + size))
        yield _halo_block(config, part, _stream(seed, 2, index)), start + len(part.run)


def _halo_block(config: SimulationConfig, bursts: BurstTable, rng: np.random.Generator) -> ak.Array:
    detector, beam = load_detector(config.detector), config.beam
    coincidences = mean_coincidences(config, bursts)
    counts = np.stack(
        [
            rng.poisson(mean_singles(config, bursts)),
            rng.poisson(coincidences),
            rng.poisson(coincidences * config.halo.prompt_fraction),
        ]
    )
    # One event after the other in each burst, single tracks and pairs mixed.
    at = np.repeat(np.tile(np.arange(len(bursts.run)), 3), counts.ravel())
    kind = np.repeat(np.repeat(np.arange(3), len(bursts.run)), counts.ravel())
    order = np.lexsort((rng.random(len(at)), at))
    at, kind = at[order], kind[order]
    two = kind > 0
    level = intensity(config, bursts)[at] * _inside_spill(beam.ripple, 1 + two, rng)
    event, time, place = _tracks_in_time(config, level, two, rng)
    muons = draw_halo(config.halo, detector, rng, event, time)
    muons = _with_prompt(config, muons, (kind[event] == PROMPT) & (place == 1), rng)
    bits = load_schema("bdana").triggers
    process = np.where(kind == PROMPT, PROMPT, HALO)
    headers = Headers(
        burst=bursts.burst[at],
        event=_number_in_burst(at, len(bursts.run)),
        trigger=np.where(two, 1 << bits["H2"], 1 << bits["Q1"]),
        intensity=level,
        weight=np.ones(len(at)),
        truth={"process": process} if config.truth else {},
    )
    return make_events(headers, muons, config, detector, rng)


def _tracks_in_time(
    config: SimulationConfig, level: NDArray[np.float64], two: NDArray[np.bool_], rng: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.int64]]:
    """Draw event, time (ns) and number within the event of every muon: the first, its partner, accidental others."""
    beam = config.beam
    inner = np.where(two, 0.0, beam.coincidence_ns)
    mean = config.halo.rate_hz * level * 2.0 * (beam.readout_ns - inner) * NS
    tracks = 1 + two + rng.poisson(mean)
    event = np.repeat(np.arange(len(level)), tracks)
    place = np.arange(len(event)) - np.repeat(np.cumsum(tracks) - tracks, tracks)
    partner = two[event] & (place == 1)
    side = np.where(rng.random(len(event)) < 0.5, -1.0, 1.0)
    low = np.where(partner, 0.0, inner[event])
    high = np.where(partner, beam.coincidence_ns, beam.readout_ns)
    time = side * (low + (high - low) * rng.random(len(event)))
    return event, np.where(place == 0, 0.0, time), place


def _with_prompt(
    config: SimulationConfig, muons: Muons, partner: NDArray[np.bool_], rng: np.random.Generator
) -> Muons:
    """Replace the partners of prompt pairs by muons from the first one's path."""
    places = np.flatnonzero(partner)
    if not len(places):
        return muons
    new = draw_prompt_partners(config.halo, rng, muons.take(places - 1))
    columns = {name: getattr(muons, name).copy() for name in Muons.__dataclass_fields__}
    for name, column in columns.items():
        column[places] = getattr(new, name)
    return Muons(**columns)


def _signal_block(
    config: SimulationConfig, bursts: BurstTable, start: int, n: int, rng: np.random.Generator
) -> ak.Array:
    signal = config.signal
    if signal is None:
        raise ConfigError("a signal block needs a signal")
    detector = load_detector(config.detector)
    at = np.searchsorted(np.cumsum(bursts.pot), rng.random(n) * bursts.pot.sum())
    at = np.sort(np.minimum(at, len(bursts.pot) - 1))
    decays, muons = draw_decays(signal, n, rng)
    fired = Flight.of(muons, detector.magnet).in_all(detector, *TRIGGER_PLANES).reshape(n, 2).sum(axis=1)
    bits = load_schema("bdana").triggers
    headers = Headers(
        burst=bursts.burst[at],
        event=start + np.arange(n),
        trigger=np.select([fired == 2, fired == 1], [1 << bits["H2"], 1 << bits["Q1"]], default=0),
        intensity=intensity(config, bursts)[at],
        weight=decays.weight,
        truth={
            "process": np.full(n, SIGNAL),
            "mass": np.full(n, signal.mass_mev),
            "p": decays.p,
            "z_decay": decays.z,
        }
        if config.truth
        else {},
    )
    return make_events(headers, muons, config, detector, rng)


def _inside_spill(ripple: float, power: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.float64]:
    """Draw the intensity 1 + a sin(phase) at the time of events whose rate follows its given power (1 or 2)."""
    level = np.ones(len(power))
    if ripple == 0.0:
        return level
    left = np.arange(len(power))
    while len(left):
        drawn = 1.0 + ripple * np.sin(rng.uniform(0.0, 2.0 * np.pi, len(left)))
        taken = rng.random(len(left)) < (drawn / (1.0 + ripple)) ** power[left]
        level[left[taken]] = drawn[taken]
        left = left[~taken]
    return level


def _number_in_burst(at: NDArray[np.int64], bursts: int) -> NDArray[np.int64]:
    counts = np.bincount(at, minlength=bursts)
    return np.arange(len(at)) - np.repeat(np.cumsum(counts) - counts, counts)


def _check(config: SimulationConfig) -> None:
    if config.bursts < 1 or config.pot <= 0:
        raise ConfigError("a sample needs at least one burst and a positive number of protons on target")
    if config.signal and config.signal.mass_mev <= 2.0 * MUON_MASS:
        raise ConfigError(
            f"mass_mev = {config.signal.mass_mev:g}: an A' decays to two muons above {2 * MUON_MASS:.1f} MeV"
        )


def _stream(seed: int, *key: int) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64DXSM(np.random.SeedSequence(seed, spawn_key=key)))

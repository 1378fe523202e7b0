"""Simulation of whole samples in blocks of bursts or decays, each from its own random stream."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import awkward as ak
import numpy as np

from bdana._version import __version__
from bdana.engine import SerialExecutor
from bdana.errors import ConfigError
from bdana.events import write_events
from bdana.events.exposure import check_protons
from bdana.signal import check_mass
from bdana.simulation.bursts import draw_bursts, mean_coincidences, mean_singles, random_stream
from bdana.simulation.coincidences import coincidence_counts, halo_counts, halo_events
from bdana.simulation.decays import check_mode
from bdana.simulation.sample_config import check_parts
from bdana.simulation.signal_events import signal_events

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from bdana.engine import Executor, Progress
    from bdana.events import BurstTable
    from bdana.simulation.sample_config import Signal, SimulationConfig

__all__ = ["simulate", "simulate_blocks", "simulate_bursts", "simulate_coincidences", "write_sample"]

BLOCK_EVENTS = 50_000
"""Expected events of a block; halo blocks are whole bursts. With another value a seed gives other events."""


def simulate_bursts(config: SimulationConfig, seed: int) -> BurstTable:
    """Draw the bursts of a sample.

    Parameters
    ----------
    config : SimulationConfig
    seed : int
    """
    _check(config)
    return draw_bursts(config, random_stream(seed, 0))


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

    Examples
    --------
    >>> from bdana.simulation import SimulationConfig, simulate
    >>> events, bursts = simulate(SimulationConfig(pot=7e12, bursts=2), seed=1)
    >>> "tracks" in events.fields, len(bursts.run), f"{bursts.pot.sum():.1e}"
    (True, 2, '7.0e+12')
    """
    return ak.concatenate(list(simulate_blocks(config, seed))), simulate_bursts(config, seed)


def write_sample(
    path: Path,
    config: SimulationConfig,
    seed: int,
    progress: Progress | None = None,
    executor: Executor | None = None,
) -> int:
    """Simulate a sample into a ROOT file, a few blocks in memory at a time.

    Parameters
    ----------
    path : Path
        The file; it appears when it is complete.
    config : SimulationConfig
        What is simulated.
    seed : int
        The same config and seed give the same events.
    progress : callable, optional
        Called with (done, in all) after each block: bursts of a halo sample, decays of a signal sample.
    executor : Executor, optional
        Where blocks are simulated; serially in this process by default. The events are the same everywhere.

    Returns
    -------
    int
        Number of events written.

    Raises
    ------
    ConfigError
        When a value of the configuration makes no sense.
    InputError
        When the file cannot be written.
    """
    block = _Block(config, seed, simulate_bursts(config, seed))
    total = config.signal.decays if config.signal else config.bursts

    def reported() -> Iterator[ak.Array]:
        for number, events in enumerate((executor or SerialExecutor()).map(block, range(len(block.parts)))):
            yield events
            if progress:
                progress(block.parts[number].stop, total)

    provenance = {"program": "bdana simulate", "bdana_version": __version__}
    return write_events(path, reported(), block.bursts, provenance=provenance)


def simulate_blocks(config: SimulationConfig, seed: int) -> Iterator[ak.Array]:
    """Simulate a sample block by block, with one block in memory at a time.

    Parameters
    ----------
    config : SimulationConfig
    seed : int
    """
    block = _Block(config, seed, simulate_bursts(config, seed))
    yield from map(block, range(len(block.parts)))


def simulate_coincidences(config: SimulationConfig, seed: int, oversample: float) -> Iterator[ak.Array]:
    """Simulate only the accidental pairs of a halo sample, at a multiple of its exposure.

    Parameters
    ----------
    config : SimulationConfig
        The sample; its bursts and their intensities are those that `simulate` draws with the same seed.
    seed : int
        Seed of that sample.
    oversample : float
        How many times as many pairs as the sample has.

    Yields
    ------
    ak.Array
        Events of the two-track trigger with weight 1/oversample: sums of weights are expected counts of the sample.
    """
    block = _Block(config, seed, simulate_bursts(config, seed), oversample)
    for number in range(len(block.parts)):
        events = block(number)
        yield ak.with_field(events, np.full(len(events), 1.0 / oversample), "weight")


@dataclass(frozen=True)
class _Block:
    """Function that simulates one of the blocks of a sample, by its number; it is sent to workers."""

    config: SimulationConfig
    seed: int
    bursts: BurstTable
    oversample: float | None = None
    """Only accidental pairs, as many times as the sample has; None for all of its events."""

    @cached_property
    def parts(self) -> list[range]:
        """Return the bursts (signal: decays) of each block."""
        config = self.config
        if config.signal and self.oversample is None:
            total, size = config.signal.decays, BLOCK_EVENTS
        else:
            pairs = mean_coincidences(config, self.bursts)
            expected = (
                pairs + mean_singles(config, self.bursts)
                if self.oversample is None
                else self.oversample * pairs
            )
            total, size = config.bursts, max(1, int(BLOCK_EVENTS / max(float(expected.mean()), 1.0)))
        return [range(start, min(start + size, total)) for start in range(0, total, size)]

    def __call__(self, number: int) -> ak.Array:
        config, part = self.config, self.parts[number]
        if config.signal and self.oversample is None:
            rng = random_stream(self.seed, 2, number)
            return signal_events(config, config.signal, self.bursts, part, rng)
        rng = random_stream(self.seed, 1 if self.oversample is None else 3, number)
        bursts = self.bursts.take(slice(part.start, part.stop))
        counts = (
            halo_counts(config, bursts, rng)
            if self.oversample is None
            else coincidence_counts(config, bursts, rng, self.oversample)
        )
        return halo_events(config, bursts, counts, rng)


def _check(config: SimulationConfig) -> None:
    check_protons(config.pot, "pot =", ("pot",))
    if config.bursts < 1:
        raise ConfigError(f"bursts = {config.bursts}: a sample needs at least one burst")
    check_parts(config)
    if not config.beam.ripple_period_s > 0.0:
        raise ConfigError(f"ripple_period_s = {config.beam.ripple_period_s:g}: a period is positive")
    if config.signal:
        _check_signal(config.signal)


def _check_signal(signal: Signal) -> None:
    if signal.decays < 1:
        raise ConfigError(f"decays = {signal.decays}: a signal sample needs at least one decay")
    if signal.epsilon is not None and not 0.0 < signal.epsilon <= 1.0:
        raise ConfigError(f"epsilon = {signal.epsilon:g}: give a coupling above 0 and at most 1")
    model = signal.particle
    check_mass(model)
    check_mode(model, signal.mode)
    if signal.spectrum == "flat":  # what the model produces is not used
        return
    spectra = ("flat", "all", *model.production)
    if signal.spectrum not in spectra:
        raise ConfigError(f"spectrum '{signal.spectrum}' is unknown: choose {', '.join(spectra)}")

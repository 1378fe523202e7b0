"""Bursts of varying intensity: protons, live time, and rates that depend on the intensity."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from bdana.events import BurstTable

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from bdana.simulation.sample_config import SimulationConfig

__all__ = ["draw_bursts", "intensity", "mean_coincidences", "mean_singles", "random_stream", "timestamps"]

NS = 1e-9
"""One nanosecond in seconds."""


def draw_bursts(config: SimulationConfig, rng: np.random.Generator) -> BurstTable:
    """Draw bursts of log-normal intensity whose protons add up to those of the sample.

    Parameters
    ----------
    config : SimulationConfig
    rng : Generator

    Returns
    -------
    BurstTable
        Sorted by burst number, all good, of equal live time.
    """
    n, beam = config.bursts, config.beam
    sigma = np.sqrt(np.log1p(beam.intensity_rms**2))
    drawn = np.exp(sigma * rng.standard_normal(n))
    return BurstTable(
        run=np.full(n, config.run),
        burst=np.arange(1, n + 1),
        pot=config.pot * drawn / drawn.sum(),
        live_time_s=np.full(n, config.pot / beam.pot_per_spill * beam.spill_s / n),
        good=np.ones(n, dtype=np.bool_),
        downscale=np.full(n, beam.downscale),
    )


def intensity(config: SimulationConfig, bursts: BurstTable) -> NDArray[np.float64]:
    """Return the intensity of each burst relative to the mean one, shape (N,).

    Parameters
    ----------
    config : SimulationConfig
    bursts : BurstTable
    """
    beam = config.beam
    return bursts.pot / bursts.live_time_s * (beam.spill_s / beam.pot_per_spill)


def mean_coincidences(config: SimulationConfig, bursts: BurstTable) -> NDArray[np.float64]:
    """Return the expected pairs of halo muons within the H2 window in each burst, shape (N,).

    Of a Poisson process of rate R in a time T, R^2 T tau pairs have |t1 - t2| < tau; a ripple of amplitude a
    inside the spill makes <R^2> = (1 + a^2/2) <R>^2.

    Parameters
    ----------
    config : SimulationConfig
    bursts : BurstTable
    """
    rate = config.halo.rate_hz * intensity(config, bursts)
    boost = 1.0 + 0.5 * config.beam.ripple**2
    return rate**2 * bursts.live_time_s * (config.beam.coincidence_ns * NS) * boost


def mean_singles(config: SimulationConfig, bursts: BurstTable) -> NDArray[np.float64]:
    """Return the expected recorded Q1 events of each burst, shape (N,): muons without another in the H2 window.

    Parameters
    ----------
    config : SimulationConfig
    bursts : BurstTable
    """
    rate = config.halo.rate_hz * intensity(config, bursts)
    alone = np.exp(-2.0 * rate * config.beam.coincidence_ns * NS)
    return rate * alone * bursts.live_time_s / config.beam.downscale


def timestamps(
    config: SimulationConfig,
    live_time_s: NDArray[np.float64],
    phase: NDArray[np.float64],
    rng: np.random.Generator,
) -> NDArray[np.float64]:
    """Return times of events in ns since the start of their burst, shape (N,).

    Parameters
    ----------
    config : SimulationConfig
    live_time_s : ndarray, shape (N,)
        Of the burst of each event.
    phase : ndarray, shape (N,)
        Of the intensity ripple at the event, from 0 to 2 pi.
    rng : Generator
    """
    periods = np.maximum(np.rint(live_time_s / config.beam.ripple_period_s), 1.0)
    past = np.floor(periods * rng.random(len(phase)))
    return (past + phase / (2.0 * np.pi)) / periods * live_time_s / NS


def random_stream(seed: int, *key: int) -> np.random.Generator:
    """Return the random numbers of one part of a sample, independent of those of all other parts.

    Parameters
    ----------
    seed : int
        Of the sample.
    *key : int
        Of the part.
    """
    return np.random.Generator(np.random.PCG64DXSM(np.random.SeedSequence(seed, spawn_key=key)))

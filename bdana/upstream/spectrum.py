"""Unfolding of the energy spectrum of muons at production: response of the matter, unfolding, and closure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from bdana.display import short_repr
from bdana.errors import InputError
from bdana.upstream.propagation import MuonStates, backward, forward
from bdana.upstream.unfolding import unfold

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from bdana.upstream.propagation import Block

__all__ = [
    "ProductionSpectrum",
    "UnfoldingClosure",
    "production_spectrum",
    "seen_above",
    "simulate_response",
    "spectrum_edges",
]

GENERATED = 60_000
"""Number of muons simulated for a response matrix."""
MIN_EFFICIENCY = 0.01
"""Smallest efficiency of a bin that is unfolded; below, counts would be divided by nearly zero."""
FEWEST = 25
"""Smallest number of tracks in the last bin."""
ITERATIONS = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64)
"""Numbers of unfolding iterations that are tried, in this order."""
EXPERIMENTS = 20
"""Number of pseudo-experiments in a closure test."""
CLOSED = 1.1
"""Root mean square pull below which a closure test passes."""
BIASED = 1.0
"""Mean pull of every bin below which a closure test passes."""
REPLICAS = 50
"""Number of responses with fluctuated numbers of muons, whose spread is the error from the simulation."""


@dataclass(frozen=True)
class UnfoldingClosure:
    """Closure test: a known spectrum folded and unfolded again; every array has shape (C,).

    Attributes
    ----------
    true : ndarray
        Expected number in each bin.
    folded : ndarray
        What was seen of it.
    unfolded, error : ndarray
        What the unfolding made of that, and its error from the numbers of muons seen and simulated.
    rms_pull : float
        Of all bins that are unfolded in 20 such experiments.
    """

    true: NDArray[np.float64]
    folded: NDArray[np.float64]
    unfolded: NDArray[np.float64]
    error: NDArray[np.float64]
    rms_pull: float

    __repr__ = short_repr


@dataclass(frozen=True)
class ProductionSpectrum:
    """Unfolded energy spectrum of muons at production in C bins, corrected for muons that are not seen.

    Attributes
    ----------
    counts : ndarray, shape (C,)
        Number of muons; 0 in bins that are not unfolded.
    covariance, response_covariance : ndarray, shape (C, C)
        From the number of tracks, and from the number of simulated muons.
    efficiency : ndarray, shape (C,)
        Probability that a muon's track is above the threshold and is carried back into any of the bins.
    unfolded : ndarray of bool, shape (C,)
        Bins of sufficient efficiency.
    iterations : int
    closure : UnfoldingClosure
    """

    counts: NDArray[np.float64]
    covariance: NDArray[np.float64]
    response_covariance: NDArray[np.float64]
    efficiency: NDArray[np.float64]
    unfolded: NDArray[np.bool_]
    iterations: int
    closure: UnfoldingClosure

    __repr__ = short_repr


def seen_above(
    threshold: float, blocks: Sequence[Block], rng: np.random.Generator, beam_energy: float
) -> float:
    """Return the median energy in MeV at production of muons that arrive with the energy `threshold`.

    Few muons with less energy at production are seen.

    Parameters
    ----------
    threshold : float
        In MeV.
    blocks : sequence of Block
    rng : numpy.random.Generator
    beam_energy : float
        In MeV.
    """
    n = np.zeros(2_000)
    start = MuonStates(n, n, n, n, np.full(len(n), threshold), blocks[-1].z_max)
    return float(np.median(backward(start, blocks, rng, beam_energy).energy))


def spectrum_edges(
    energy: NDArray[np.float64],
    weights: NDArray[np.float64],
    lowest: float,
    bins: int,
    beam_energy: float,
) -> NDArray[np.float64]:
    """Return edges in MeV of bins equal in ln E up to the beam energy.

    The last bins are joined until 25 tracks are in them.

    Parameters
    ----------
    energy, weights : ndarray, shape (N,)
        Muons that were carried back, energies in MeV; N weighted ones count for (sum w)^2 / sum w^2.
    lowest : float
        Lowest edge in MeV.
    bins : int
        Largest number of bins.
    beam_energy : float
        In MeV: the last edge.

    Raises
    ------
    InputError
        When `lowest` is not below the beam energy.
    """
    if lowest >= beam_energy:
        raise InputError(f"muons of {lowest:g} MeV and less, as the beam makes them, do not arrive")
    edges = np.geomspace(lowest, beam_energy, bins + 1)
    tracks = np.histogram(energy, edges, weights=weights)[0] * weights.sum() / np.sum(weights**2)
    beyond = np.cumsum(tracks[::-1])[::-1]
    inner = edges[:-1][(beyond >= FEWEST) | (np.arange(bins) == 0)]
    return np.append(inner, beam_energy)


def production_spectrum(
    energy: NDArray[np.float64],
    weights: NDArray[np.float64],
    edges: NDArray[np.float64],
    blocks: Sequence[Block],
    rng: np.random.Generator,
    threshold: float = 0.0,
    iterations: int | None = None,
) -> ProductionSpectrum:
    """Unfold the energy spectrum of muons that were carried back to production.

    The number of iterations is the smallest whose pulls in pseudo-experiments with the spectrum found (by four
    iterations) have a root mean square below 1.1 over all bins and a mean within 1 in each, or else the one with the
    smallest root mean square.

    Parameters
    ----------
    energy, weights : ndarray, shape (N,)
        Energies in MeV and what each counts for.
    edges : ndarray, shape (C + 1,)
        The last is the energy of the beam.
    blocks : sequence of Block
    rng : numpy.random.Generator
    threshold : float
        Smallest energy in MeV of a track: muons that arrive with less are not seen.
    iterations : int, optional

    Raises
    ------
    InputError
        When no muon has an energy between the edges.
    """
    inside = (energy >= edges[0]) & (energy < edges[-1])
    if not inside.any():
        raise InputError(f"no muon has an energy between {edges[0]:g} and {edges[-1]:g} MeV at production")
    observed = np.histogram(energy, edges, weights=weights)[0]
    variance = np.histogram(energy, edges, weights=weights**2)[0]
    response = simulate_response(energy[inside], weights[inside], edges, blocks, threshold, rng)
    first = unfold(observed, _matrix(response), iterations or 4).counts
    # Weighted muons fluctuate like so many of weight one.
    truth = first * observed.sum() / variance.sum()
    # Muons drawn from the smoothed truth, not those of the response.
    smooth = _smooth(truth, edges, rng)
    folding = simulate_response(smooth, np.ones(len(smooth)), edges, blocks, threshold, rng)
    iterations, closure = _close(truth, folding, response, iterations, rng)
    found = unfold(observed, _matrix(response), iterations, variance=variance)
    efficiency = _efficiency(response)
    return ProductionSpectrum(
        counts=found.counts,
        covariance=found.covariance,
        response_covariance=_response_covariance(observed, response, iterations, rng),
        efficiency=efficiency,
        unfolded=efficiency >= MIN_EFFICIENCY,
        iterations=iterations,
        closure=closure,
    )


def simulate_response(
    energy: NDArray[np.float64],
    weights: NDArray[np.float64],
    edges: NDArray[np.float64],
    blocks: Sequence[Block],
    threshold: float,
    rng: np.random.Generator,
) -> NDArray[np.float64]:
    """Simulate the response: numbers of muons by bin seen and bin of production, shape (C + 1, C).

    Equally many muons of each bin are carried down and back. The last row counts those that are not seen. Inside a bin
    muons have the given energies, with their weights as probabilities, or are uniform in ln E where there is none.

    Parameters
    ----------
    energy, weights, edges, blocks, threshold, rng
        As for `production_spectrum`.
    """
    bins = len(edges) - 1
    each = GENERATED // bins
    place = np.digitize(energy, edges) - 1
    cause = np.concatenate(
        [_inside(energy[place == b], weights[place == b], edges[b : b + 2], each, rng) for b in range(bins)]
    )
    axis = np.zeros(len(cause))
    there = forward(MuonStates(axis, axis, axis, axis, cause, blocks[0].z_min), blocks, rng)
    seen = np.flatnonzero((there.energy > 0) & (there.energy >= threshold))
    again = backward(there.take(seen), blocks, rng, float(edges[-1])).energy
    index = np.repeat(np.arange(bins), each)[seen]
    counts = np.histogram2d(again, index, (edges, np.arange(bins + 1)))[0]
    return np.vstack([counts, each - counts.sum(axis=0)])


def _inside(
    energy: NDArray[np.float64],
    weights: NDArray[np.float64],
    edges: NDArray[np.float64],
    n: int,
    rng: np.random.Generator,
) -> NDArray[np.float64]:
    if len(energy):
        return rng.choice(energy, n, p=weights / weights.sum())
    low, high = np.log(edges)
    return np.asarray(np.exp(rng.uniform(low, high, n)))


def _smooth(
    counts: NDArray[np.float64], edges: NDArray[np.float64], rng: np.random.Generator, n: int = 5_000
) -> NDArray[np.float64]:
    """Draw energies, equally many of each bin, from a power law through the neighbouring bins."""
    low, high = np.log(edges[:-1]), np.log(edges[1:])
    density = np.log(np.maximum(counts, 0.5) / (high - low))
    slope = np.gradient(density, 0.5 * (low + high)) if len(counts) > 1 else np.zeros(1)
    slope = np.where(np.abs(slope) < 1e-6, 1e-6, slope)[:, np.newaxis]
    u = rng.random((len(counts), n))
    return np.exp(
        low[:, np.newaxis] + np.log1p(u * np.expm1(slope * (high - low)[:, np.newaxis])) / slope
    ).ravel()


def _efficiency(response: NDArray[np.float64]) -> NDArray[np.float64]:
    seen: NDArray[np.float64] = 1.0 - response[-1] / response.sum(axis=0)
    return seen


def _matrix(response: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return P(effect | cause), shape (C, C), zero for causes that are not unfolded."""
    matrix: NDArray[np.float64] = response[:-1] / np.maximum(response.sum(axis=0), 1.0)
    return np.where(_efficiency(response) >= MIN_EFFICIENCY, matrix, 0.0)


def _response_covariance(
    observed: NDArray[np.float64], response: NDArray[np.float64], iterations: int, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Return the covariance of counts unfolded with responses of fluctuated numbers of muons: parametric bootstrap."""
    counts = [
        unfold(observed, _matrix(rng.poisson(response).astype(np.float64)), iterations).counts
        for _ in range(REPLICAS)
    ]
    return np.atleast_2d(np.cov(np.array(counts).T))


def _close(
    truth: NDArray[np.float64],
    folding: NDArray[np.float64],
    response: NDArray[np.float64],
    iterations: int | None,
    rng: np.random.Generator,
) -> tuple[int, UnfoldingClosure]:
    """Choose the number of iterations, unless it is given, and return it with its closure test."""
    experiments = rng.poisson(_matrix(folding) @ truth, (EXPERIMENTS, len(truth))).astype(np.float64)
    at = (_efficiency(response) >= MIN_EFFICIENCY) & (truth > 0)
    tried = []
    for number in ITERATIONS if iterations is None else (iterations,):
        extra = _response_covariance(experiments[0], response, number, rng).diagonal()
        found = [unfold(e, _matrix(response), number) for e in experiments]
        errors = np.sqrt([f.covariance.diagonal() + extra for f in found])
        counts = np.array([f.counts for f in found])
        pulls = np.divide(counts - truth, errors, out=np.zeros_like(counts), where=errors > 0)
        rms = float(np.sqrt(np.mean(pulls[:, at] ** 2)))
        tried.append((number, UnfoldingClosure(truth, experiments[0], counts[0], errors[0], rms)))
        if rms < CLOSED and np.all(np.abs(pulls[:, at].mean(axis=0)) < BIASED):
            return tried[-1]
    return min(tried, key=lambda one: one[1].rms_pull)

"""Joint p-values far in the tail, where plain toys and the usual points of the expectations do not come.

The expectations are taken from normal distributions both as wide as they are and wider by a factor s, each with the weight
that it has. Where all tuples of counts can be summed they are. Otherwise toys are drawn from the wider distribution, with
counts that are wider than Poisson, so that a typical one is as unlikely as what is observed; each counts with its
probability over that of being drawn (importance sampling).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from typing import TYPE_CHECKING

import numpy as np
from scipy import special

from bdana.statistics.background import legendre
from bdana.statistics.correlated import blocks, drawn_expectations, factor, points
from bdana.statistics.count_tuples import sum_tail, tuple_table
from bdana.statistics.poisson import TIE, log_pmf

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from bdana.statistics.poisson import Background, Floats

__all__ = ["FarTail", "enumerated", "toys_in_the_tail"]

MAX_TUPLES = 20_000_000  # assumed: 0.16 GB
MAX_TABLE = 50_000_000  # points of the expectations times half of the tuples, assumed: 0.4 GB
LEFT_OUT = 1e-7  # of the probability of the observed tuple, in each region: what lies beyond the tuples that are summed
_SEEDS = 4  # sets of expectations, whose spread is the error
_SHARES, _TOYS, _DRAWS = 4, 1500, 1024  # independent shares, toys in each, and expectations of either width
_LEAST = 1.5  # smallest squared factor


@dataclass(frozen=True)
class FarTail:
    """Joint p-values in the tail, and how they were computed.

    Attributes
    ----------
    p_n, p_l : float
    computed : str
    """

    p_n: float
    p_l: float
    computed: str


def enumerated(
    counts: NDArray[np.int64], backgrounds: Sequence[Background], covariance: Floats, seed: int = 1
) -> FarTail | None:
    """Return joint p-values by a sum over all tuples of counts; None where they are too many.

    Parameters
    ----------
    counts : ndarray of int, shape (R,)
    backgrounds : sequence of Background
    covariance : ndarray, shape (R, R)
        Of the expectations, events squared.
    seed : int
    """
    groups = blocks(covariance)
    found = []
    for share in range(_SEEDS):
        parts = [_group_points(counts, backgrounds, covariance, group, seed + share) for group in groups]
        seen = 1.0
        for group, (values, weights) in zip(groups, parts, strict=True):
            seen *= float(weights @ np.exp(log_pmf(counts[group][None, :], values).sum(axis=1)))
        if not seen > 0.0:
            return None
        sizes = [
            [
                _size(int(counts[i]), values[:, column], weights, LEFT_OUT * seen)
                for column, i in enumerate(group)
            ]
            for group, (values, weights) in zip(groups, parts, strict=True)
        ]
        if np.prod([float(n) for own in sizes for n in own]) > MAX_TUPLES:
            return None
        if any(
            np.prod([float(n) for n in own[len(own) // 2 :]]) * len(weights) > MAX_TABLE
            for own, (_, weights) in zip(sizes, parts, strict=True)
        ):
            return None
        tables = [tuple_table(*part, own) for part, own in zip(parts, sizes, strict=True)]
        total = reduce(np.multiply.outer, (table.ravel() for table in tables)).ravel()
        here = np.prod([table[tuple(counts[group])] for table, group in zip(tables, groups, strict=True)])
        p_l = float(total[total <= here * (1 + TIE)].sum())
        sums = [(values.sum(axis=1), weights) for values, weights in parts]
        found.append((sum_tail(int(counts.sum()), sums), p_l))
    (p_n, p_l), errors = np.mean(found, axis=0), np.std(found, axis=0, ddof=1) / np.sqrt(_SEEDS)
    relative = max(float(e / p) for e, p in zip(errors, (p_n, p_l), strict=True) if p > 0)
    how = "exact" if relative < 1e-6 else f"sum over tuples, relative error={relative:.1g}"
    return FarTail(float(p_n), float(p_l), how)


def _group_points(
    counts: NDArray[np.int64],
    backgrounds: Sequence[Background],
    covariance: Floats,
    group: NDArray[np.int64],
    seed: int,
) -> tuple[Floats, Floats]:
    """Return expectations of one group of correlated regions that reach where its counts are likely, with weights."""
    chosen = [backgrounds[i] for i in group]
    if all(x.prior == "truncated_gaussian" for x in chosen):
        if not any(x.error for x in chosen):
            return np.array([[x.expected for x in chosen]]), np.ones(1)
        mean, own = np.array([x.expected for x in chosen]), covariance[np.ix_(group, group)]
        values, weights, s2 = _reaching(counts[group], chosen, own, seed)
        columns = factor(own)
        if columns.shape[1] == 1:
            return _along(mean, columns[:, 0], np.sqrt(s2 * len(mean)) + 9.0, counts[group])
        return values, weights
    if len(chosen) == 1:
        n = int(counts[group[0]])
        values, weights = chosen[0].nodes(2 * n + 50, least=0)
        return values[:, None], weights
    found = points(backgrounds, covariance, group)
    return found or _reaching(counts[group], chosen, covariance[np.ix_(group, group)], seed)[:2]


def _along(mean: Floats, shift: Floats, reach: float, counts: NDArray[np.int64]) -> tuple[Floats, Floats]:
    """Return expectations and weights along one source of error, up to a number of its standard deviations."""
    edges = -mean[shift != 0] / shift[shift != 0]
    low = max(-reach, float(edges[edges < 0].max(initial=-reach)))
    high = min(reach, float(edges[edges > 0].min(initial=reach)))
    narrowest = 1.0 / np.sqrt(1.0 + float((shift**2 * (counts + 1) / np.maximum(mean, 1e-3)).sum()))
    z, weights = legendre(low, high, (high - low) / narrowest)
    weights = weights * np.exp(-0.5 * (z**2 - (z**2).min()))
    return np.maximum(mean + z[:, None] * shift, 0.0), weights / weights.sum()


def _size(n: int, values: Floats, weights: Floats, rest: float) -> int:
    """Return how many counts of a region are summed: the observed one, and all but a probability of `rest`."""
    low, high = n + 1, 2 * n + 16
    while float(weights @ special.gammainc(high, values)) > rest:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (
            (middle, high) if float(weights @ special.gammainc(middle, values)) > rest else (low, middle)
        )
    return high


def _reaching(
    counts: NDArray[np.int64], backgrounds: Sequence[Background], covariance: Floats, seed: int
) -> tuple[Floats, Floats, float]:
    """Return expectations and weights that reach where the counts are likely, and the squared factor of the wider ones."""
    peak = np.array([np.floor([x.expected for x in backgrounds]).astype(np.int64), counts])
    none = np.zeros(0, dtype=np.int64)
    every, s2 = np.arange(len(counts)), 9.0
    for _ in range(6):  # until the factor fits the probability that it is found with
        values, weights = _points(backgrounds, covariance, s2, seed)
        highest, here = _log_probability(peak, every, values, weights, none, np.zeros(0))
        found = max(_LEAST, 2.0 * (highest - here) / len(counts))
        if abs(found / s2 - 1.0) < 0.1:
            break
        s2 = found
    return values, weights, s2


def toys_in_the_tail(
    counts: NDArray[np.int64], backgrounds: Sequence[Background], covariance: Floats, seed: int = 1
) -> FarTail:
    """Return joint p-values from toys that are drawn in the tail.

    Parameters
    ----------
    counts : ndarray of int, shape (R,)
    backgrounds : sequence of Background
    covariance : ndarray, shape (R, R)
        Of the expectations, events squared; 0 of exponential ones.
    seed : int
    """
    if all(
        x.prior == "exponential" for x in backgrounds
    ):  # a product of powers, which `enumerated` sums unless it is below double precision
        return FarTail(0.0, 0.0, "exact")
    found = np.array(
        [
            _share(counts, backgrounds, covariance, seed + share, np.random.default_rng([seed, share]))
            for share in range(_SHARES)
        ]
    )
    p_n, p_l = found.mean(axis=0).tolist()
    error = found[:, 1].std(ddof=1) / np.sqrt(_SHARES)
    return FarTail(p_n, p_l, f"toys, n={_SHARES * _TOYS}, error={error:.1g}, drawn in the tail")


def _share(
    counts: NDArray[np.int64],
    backgrounds: Sequence[Background],
    covariance: Floats,
    seed: int,
    rng: np.random.Generator,
) -> tuple[float, float]:
    mean = np.array([x.expected for x in backgrounds])
    unseen = np.array([x.prior == "exponential" for x in backgrounds])
    places, seen = np.flatnonzero(~unseen), np.flatnonzero(unseen)
    part = [x for x in backgrounds if x.prior != "exponential"], covariance[np.ix_(places, places)]
    ratio = mean[seen] / (1.0 + mean[seen])  # of the geometric distribution of their counts
    values, weights, s2 = _reaching(counts[places], *part, seed)
    wide_values, wide_weights = mean[None, places], np.ones(1)
    if part[1].any():
        wide_values, wide_weights, _, _ = drawn_expectations(*part, _DRAWS, seed, s2)
    chosen = rng.choice(len(wide_weights), _TOYS, p=wide_weights)
    toys = np.zeros((_TOYS, len(counts)), dtype=np.int64)
    # Gamma distributed expectations make counts s2 times as variable as Poisson ones; of small ones the counts must not
    # stay at zero, so that their shape is 1 at least.
    toys[:, places] = rng.poisson(rng.gamma(np.maximum(wide_values[chosen] / (s2 - 1.0), 1.0), s2 - 1.0))
    steeper = ratio ** (1.0 / s2)
    toys[:, seen] = rng.geometric(1.0 - steeper, (_TOYS, len(seen))) - 1
    logs = _log_probability(np.vstack([counts, toys]), places, values, weights, seen, ratio)
    drawn = _log_drawn(toys[:, places], wide_values, wide_weights, s2)
    drawn = drawn + toys[:, seen] @ np.log(steeper) + np.log1p(-steeper).sum()
    rare = logs[1:] <= logs[0] + TIE
    p_l = float(np.exp(logs[1:] - drawn)[rare].sum() / _TOYS)
    return _sum_tail(counts, values, weights, mean[seen]), p_l


def _points(
    backgrounds: Sequence[Background], covariance: Floats, s2: float, seed: int
) -> tuple[Floats, Floats]:
    """Return expectations and weights that are dense both around the mean and at errors wider by a factor.

    Each expectation counts by the part of its probability that belongs to the distribution it was drawn from.
    """
    if not covariance.any():
        return np.array([[x.expected for x in backgrounds]]), np.ones(1)
    rank = np.linalg.matrix_rank(covariance, hermitian=True) if covariance.size else 0
    parts = []
    for wider in (1.0, s2):
        values, weights, off, normal = drawn_expectations(backgrounds, covariance, _DRAWS, seed, wider)
        inverse = np.linalg.pinv(normal, rcond=1e-10, hermitian=True)
        distance = np.einsum("ij,jk,ik->i", off, inverse, off)
        closer = -0.5 * distance * (1.0 - 1.0 / s2)  # log of the narrow density over the wide one
        narrow = special.expit(closer + 0.5 * rank * np.log(s2))
        if wider > 1.0:
            scaled = np.log(np.maximum(weights, 1e-300)) + closer
            weights = np.exp(scaled - special.logsumexp(scaled)) * (1.0 - narrow)
        else:
            weights = weights * narrow
        parts.append((values, weights))
    return np.vstack([x for x, _ in parts]), np.concatenate([w for _, w in parts])


def _log_probability(
    tuples: NDArray[np.int64],
    places: NDArray[np.int64],
    values: Floats,
    weights: Floats,
    seen: NDArray[np.int64],
    ratio: Floats,
) -> Floats:
    logs, log_weights = np.log(np.maximum(values, 1e-300)), np.log(np.maximum(weights, 1e-300))
    found = []
    for part in np.array_split(tuples, max(1, len(tuples) // 1000)):
        n = part[:, places]
        terms = n @ logs.T - values.sum(axis=1)
        normal = special.logsumexp(terms + log_weights, axis=1) - special.gammaln(n + 1.0).sum(axis=1)
        found.append(normal + part[:, seen] @ np.log(ratio) + np.log1p(-ratio).sum())
    return np.concatenate(found)


def _log_drawn(toys: NDArray[np.int64], values: Floats, weights: Floats, s2: float) -> Floats:
    """Return the logarithm of the probability that counts are drawn: negative binomial for each expectation."""
    total = np.zeros((len(toys), len(weights)))
    shape = np.maximum(values / (s2 - 1.0), 1.0)
    for i in range(toys.shape[1]):
        n, which = np.unique(toys[:, i], return_inverse=True)
        k = shape[:, i][None, :]
        log = special.gammaln(n[:, None] + k) - special.gammaln(k) - special.gammaln(n + 1.0)[:, None]
        log = log - k * np.log(s2) + (n * np.log1p(-1.0 / s2))[:, None]
        total += log[which]
    return np.asarray(special.logsumexp(total + np.log(np.maximum(weights, 1e-300)), axis=1))


def _sum_tail(counts: NDArray[np.int64], values: Floats, weights: Floats, unseen: Floats) -> float:
    """Return P(N >= n) of the sum of Poisson counts and of geometric ones of the given means."""
    n = int(counts.sum())
    if n == 0:
        return 1.0
    total = values.sum(axis=1)
    if not len(unseen):
        return float(weights @ special.gammainc(n, total))
    ratio = unseen / (1.0 + unseen)
    top = n + int(np.ceil(42.0 / -np.log(ratio.max()))) + 1
    other = np.eye(1, top)[0]  # P of the geometric counts together
    for one in ratio.tolist():
        other = np.convolve(other, (1.0 - one) * one ** np.arange(top))[:top]
    tails = np.array([weights @ special.gammainc(n - k, total) for k in range(n)])
    return float(other[:n] @ tails + other[n:].sum())

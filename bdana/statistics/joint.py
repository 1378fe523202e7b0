"""Joint p-values of several regions whose background errors are correlated in any way."""

from __future__ import annotations

from functools import reduce
from typing import TYPE_CHECKING

import numpy as np
from scipy import special

from bdana.errors import InputError
from bdana.rounding import bounded_p
from bdana.statistics.correlated import MAX_RANK, blocks, drawn_expectations, full_covariance, points
from bdana.statistics.count_tuples import sum_tail, tuple_table
from bdana.statistics.far_tail import enumerated, toys_in_the_tail
from bdana.statistics.poisson import (
    TIE,
    Background,
    Counting,
    Floats,
    count_probabilities,
    p_values,
    upper_count,
    whole,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

__all__ = ["check_regions", "joint_p_values", "sum_tails"]

RARE, FEW = 1e-9, 20  # p-value, and toys, below which the tail has a computation of its own
MAX_TUPLES = 40_000_000  # assumed: 0.3 GB
MAX_PRODUCTS = 10_000_000_000  # tuples times expectations, assumed: seconds
_SHARES, _TOYS, _DRAWS = 8, 25_000, 2048  # independent shares, toys and drawn expectations in each


def check_regions(observed: Sequence[float], backgrounds: Sequence[Background]) -> list[int]:
    """Return the counts as integers, one for each region.

    Parameters
    ----------
    observed : sequence of float
    backgrounds : sequence of Background

    Raises
    ------
    InputError
        When a count is no whole number that is not negative, or there is not one for each region.
    """
    counts = [whole(n) for n in observed]
    if len(counts) != len(backgrounds) or not counts:
        raise InputError("give one observed count for each region, and at least one region")
    return counts


def joint_p_values(
    observed: Sequence[int],
    backgrounds: Sequence[Background],
    covariance: ArrayLike | None = None,
    seed: int = 1,
) -> Counting:
    """Return joint p-values of several regions: p_n = P(N >= n) of the summed count, p_l of the count tuple.

    p_l is the summed probability of all count tuples no likelier than the observed one. The expectations are normal
    around their values, cut where one would be negative; those of regions where nothing was seen to estimate them from
    (`Background.unseen`) are exponential, each independent of all others. Where errors are asymmetric, or of another form,
    every expectation has the distribution that it has alone, at the quantiles of normal variables that are correlated.

    Parameters
    ----------
    observed : sequence of int
    backgrounds : sequence of Background
        One for each region.
    covariance : array_like, optional
        Of the expectations, shape (regions, regions), events squared; by default all errors move together.
    seed : int
        Of the toys, which are made only when the tuples are too many or the sources of error more than three.

    Returns
    -------
    Counting
        Its `computed` says whether the numbers are exact.

    Examples
    --------
    >>> from bdana.statistics.joint import joint_p_values
    >>> from bdana.statistics.poisson import Background
    >>> p = joint_p_values([1, 1, 2], [Background(0.29, 0.04), Background(0.58, 0.07), Background(1.70, 0.22)])
    >>> round(p.p_n, 4), round(p.p_l, 4), p.computed
    (0.2595, 0.2396, 'exact')
    """
    counts = check_regions(observed, backgrounds)
    if len(counts) == 1:
        full_covariance(backgrounds, covariance)
        alone = p_values(counts[0], backgrounds[0])
        return _result(alone.p_n, alone.p_l, covariance is None, "exact")
    cov = full_covariance(backgrounds, covariance)
    groups = blocks(cov)
    found_points = [points(backgrounds, cov, group) for group in groups]
    sizes = [_size(x, n) for x, n in zip(backgrounds, counts, strict=True)]
    exact = None not in found_points and np.prod(sizes, dtype=float) <= MAX_TUPLES
    tables = []
    for group, found in zip(groups, found_points, strict=True):
        lengths = [sizes[i] for i in group]
        if not exact or found is None or np.prod(lengths, dtype=float) * len(found[1]) > MAX_PRODUCTS:
            made = _toys(counts, backgrounds, cov, covariance is None, seed)
            return made or _far(counts, backgrounds, cov, covariance is None, seed)
        tables.append((tuple_table(*found, lengths), [counts[i] for i in group]))
    total = reduce(np.multiply.outer, (table.ravel() for table, _ in tables)).ravel()
    seen = float(np.prod([table[tuple(n)] for table, n in tables]))
    p_l = float(total[total <= seen * (1 + TIE)].sum())
    sums = [(found[0].sum(axis=1), found[1]) for found in found_points if found is not None]
    p_n = sum_tail(sum(counts), sums)
    # Only what is impossible has the probability 0; the rest is too rare for double precision.
    nothing = [not any((x.expected, *x.errors)) for x in backgrounds]
    impossible = any(none and n for none, n in zip(nothing, counts, strict=True))
    if min(p_n, p_l) < RARE and not impossible:
        return _far(counts, backgrounds, cov, covariance is None, seed)
    return _result(p_n if all(nothing) else bounded_p(p_n), p_l, covariance is None, "exact")


def sum_tails(
    counts: Sequence[int], backgrounds: Sequence[Background], covariance: ArrayLike | None = None
) -> list[float]:
    """Return P(N >= n) of the summed count of several regions, for several n.

    Parameters
    ----------
    counts : sequence of int
        The values of n.
    backgrounds, covariance
        As for `joint_p_values`.

    Raises
    ------
    InputError
        When more than three independent sources of error move several regions.
    """
    cov = full_covariance(backgrounds, covariance)
    found = [points(backgrounds, cov, group) for group in blocks(cov)]
    if None in found:
        raise InputError(f"more than {MAX_RANK} independent sources move several backgrounds together")
    sums = [(x[0].sum(axis=1), x[1]) for x in found if x is not None]
    return [sum_tail(n, sums) for n in counts]


def _result(p_n: float, p_l: float, together: bool, computed: str) -> Counting:
    errors = "errors 100% correlated" if together else "errors with the given covariance"
    convention = f"p_n of the sum, p_l of the joint likelihood of all count tuples; {errors}; {computed}"
    return Counting(min(p_n, 1.0), min(p_l, 1.0), convention, computed)


def _size(background: Background, n: int) -> int:
    p = count_probabilities(background, upper_count(background, n))
    beyond = np.cumsum(p[::-1])[::-1]
    return max(n + 1, int((beyond > 1e-12).sum()))


def _far(
    counts: list[int], backgrounds: Sequence[Background], cov: Floats, together: bool, seed: int
) -> Counting:
    """Return p-values far in the tail: by all tuples, with expectations that reach there, else by toys drawn there."""
    n = np.array(counts, dtype=np.int64)
    found = enumerated(n, backgrounds, cov, seed)
    if found is None:
        found = toys_in_the_tail(n, backgrounds, cov, seed)
    return _result(bounded_p(found.p_n), bounded_p(found.p_l), together, found.computed)


def _toys(
    counts: list[int], backgrounds: Sequence[Background], cov: Floats, together: bool, seed: int
) -> Counting | None:
    """Return p-values from toy counts, in shares whose spread is the error.

    None where hardly a toy is as rare.
    """
    p_n, rarer = np.zeros(_SHARES), np.zeros(_SHARES)
    mean = np.array([x.expected for x in backgrounds])
    unseen = np.array([x.prior == "exponential" for x in backgrounds])
    normal, among = [x for x in backgrounds if x.prior != "exponential"], np.ix_(~unseen, ~unseen)
    found = points(backgrounds, cov, np.arange(len(mean))) if not unseen.any() else None
    exact = found if found is not None and len(found[1]) <= _DRAWS else None
    for share in range(_SHARES):
        rng = np.random.default_rng([seed, share])
        if exact:
            values, weights = exact
        else:
            known, weights, _, _ = drawn_expectations(normal, cov[among], _DRAWS, seed + share)
            values = np.empty((len(weights), len(mean)))
            values[:, ~unseen] = known
            values[:, unseen] = rng.exponential(mean[unseen], (len(values), int(unseen.sum())))
        toys = rng.poisson(values[rng.choice(len(weights), _TOYS, p=weights)])
        p_n[share] = weights @ special.gammainc(sum(counts), values.sum(axis=1)) if sum(counts) else 1.0
        tuples, repeated = np.unique(toys, axis=0, return_counts=True)
        logs = _log_likelihood(np.vstack([counts, tuples]), values, weights)
        rarer[share] = repeated[logs[1:] <= logs[0] + TIE].sum()
    if rarer.sum() < FEW or p_n.mean() < RARE:
        return None
    error = max(rarer.std(ddof=1) / _TOYS, p_n.std(ddof=1)) / np.sqrt(_SHARES)
    computed = f"toys, n={_SHARES * _TOYS}, error={max(error, 1 / (_SHARES * _TOYS)):.1g}"
    p_l = (rarer.sum() + 1) / (_SHARES * _TOYS + 1)  # never zero: the data are one more experiment
    return _result(float(p_n.mean()), float(p_l), together, computed)


def _log_likelihood(tuples: NDArray[np.int64], values: Floats, weights: Floats) -> Floats:
    logs = np.log(np.maximum(values, 1e-300))
    found = []
    for part in np.array_split(tuples, max(1, len(tuples) // 2000)):
        terms = part @ logs.T - values.sum(axis=1)
        found.append(special.logsumexp(terms, axis=1, b=weights) - special.gammaln(part + 1.0).sum(axis=1))
    return np.concatenate(found)

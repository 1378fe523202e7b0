"""Quadrature over background expectations of several regions with correlated errors, none of them below zero."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import scipy
from scipy import special
from scipy.sparse.csgraph import connected_components

from bdana.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

    from bdana.statistics.background import Background, Floats

__all__ = [
    "MAX_RANK",
    "blocks",
    "diagonal",
    "drawn_expectations",
    "draws",
    "factor",
    "full_covariance",
    "points",
    "quadrature",
    "valid_covariance",
]

MAX_RANK = 3  # independent sources of error up to which a quadrature is feasible
_POINTS = {0: 1, 1: 96, 2: 64, 3: 40}  # per source
_REACH = {0: 1.0, 1: 9.0, 2: 8.0, 3: 7.0}  # standard deviations


def full_covariance(backgrounds: Sequence[Background], covariance: ArrayLike | None = None) -> Floats:
    """Check a covariance of the expectations, or return that of fully correlated errors.

    Parameters
    ----------
    backgrounds : sequence of Background
        One for each region; exponential ones (`Background.unseen`) are independent of all others and have neither
        variance nor covariance here.
    covariance : array_like, optional
        Shape (regions, regions), events squared; by default the outer product of the errors. Its diagonal is the square
        of the upward errors. Where errors are not Gaussian its correlations are those of the normal variables of which each
        expectation is a function (a Gaussian copula), so that every region keeps the errors that it has alone.

    Raises
    ------
    InputError
        When it is not a covariance (square, finite, symmetric, no negative variance in any direction), or its
        diagonal is not the square of the errors within 1%.
    """
    errors = _errors(backgrounds)
    if covariance is None:
        return np.outer(errors, errors)
    given = np.asarray(covariance, dtype=float)
    if given.shape != (errors.size, errors.size) or not np.isfinite(given).all():
        raise InputError(f"the covariance must be {errors.size} x {errors.size} finite numbers")
    scale = float(np.abs(given).max(initial=0.0))
    if not np.allclose(given, given.T, rtol=1e-6, atol=1e-12 * scale):
        raise InputError("the covariance is not symmetric")
    if not np.allclose(np.sqrt(np.maximum(np.diag(given), 0)), errors, rtol=0.01, atol=0):
        raise InputError("the diagonal of the covariance is not the square of the errors")
    unit = np.where(errors > 0, errors, 1.0)
    if np.linalg.eigvalsh(given / np.outer(unit, unit)).min() < -1e-6:
        raise InputError("the covariance has a negative variance in some direction")
    return (given + given.T) / 2


def _errors(backgrounds: Sequence[Background]) -> Floats:
    """Return the upward errors, and 0 for exponential expectations."""
    return np.array([0.0 if x.prior == "exponential" else x.error for x in backgrounds])


def _gaussian(backgrounds: Sequence[Background]) -> bool:
    return all(x.prior in {"truncated_gaussian", "exponential"} or not any(x.errors) for x in backgrounds)


def diagonal(backgrounds: Sequence[Background]) -> Floats:
    """Return the covariance of backgrounds whose errors are independent, as `full_covariance` takes it.

    Parameters
    ----------
    backgrounds : sequence of Background
    """
    return np.diag([0.0 if x.prior == "exponential" else x.error**2 for x in backgrounds])


def blocks(covariance: Floats) -> list[NDArray[np.int64]]:
    """Group the indices of the regions so that different groups are uncorrelated.

    Parameters
    ----------
    covariance : ndarray, shape (regions, regions)
    """
    number, labels = connected_components(covariance != 0, directed=False)
    return [np.flatnonzero(labels == i) for i in range(number)]


def valid_covariance(estimated: ArrayLike) -> Floats:
    """Return an estimated covariance, its correlations scaled down where some direction had a negative variance.

    Unbiased estimates of few events may have that. The variances themselves stay as they are.

    Parameters
    ----------
    estimated : array_like, shape (regions, regions)
        Symmetric; a negative variance on the diagonal becomes zero.
    """
    given = np.asarray(estimated, dtype=float)
    errors = np.sqrt(np.maximum(np.diag(given), 0.0))
    unit = np.where(errors > 0, errors, 1.0)
    outer = np.outer(unit, unit)
    correlation = np.where(np.outer(errors, errors) > 0, given / outer, 0.0)
    np.fill_diagonal(correlation, 1.0)
    lowest = float(np.linalg.eigvalsh(correlation).min())
    if lowest < 0:
        correlation /= 1.0 - lowest
        np.fill_diagonal(correlation, 1.0)
    return np.asarray(correlation * np.outer(errors, errors))


def factor(covariance: Floats) -> Floats:
    """Return F with F F^T = covariance and as few columns as its rank (pivoted Cholesky).

    Parameters
    ----------
    covariance : ndarray, shape (regions, regions)
    """
    rest = covariance.copy()
    start = np.where(np.diag(covariance) > 0, np.diag(covariance), 1.0)
    columns: list[Floats] = []
    while (np.diag(rest) / start).max() > 1e-9:
        pivot = int((np.diag(rest) / start).argmax())
        columns.append(rest[:, pivot] / np.sqrt(rest[pivot, pivot]))
        columns[-1][np.abs(columns[-1]) < 1e-9 * np.sqrt(start)] = 0.0
        rest = rest - np.outer(columns[-1], columns[-1])
    return np.array(columns).T.reshape(len(covariance), len(columns))


@cache
def _legendre(points: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    nodes, weights = np.polynomial.legendre.leggauss(points)
    return nodes, weights


def _limits(values: Floats, columns: Floats, column: int, reach: float) -> tuple[Floats, Floats]:
    """Return the range of one nuisance parameter in which all expectations that depend on no later one are positive."""
    low, high = np.full(len(values), -reach), np.full(len(values), reach)
    later = columns[:, column + 1 :].any(axis=1)
    for i in np.flatnonzero((columns[:, column] != 0) & ~later):
        edge = -values[:, i] / columns[i, column]
        if columns[i, column] > 0:
            low = np.maximum(low, edge)
        else:
            high = np.minimum(high, edge)
    return low, np.maximum(high, low)


def quadrature(mean: Floats, covariance: Floats, *, cut: bool = True) -> tuple[Floats, Floats] | None:
    """Return quadrature points (points, regions) and weights (sum 1); None with more than `MAX_RANK` sources of error.

    Parameters
    ----------
    mean : ndarray, shape (regions,)
        Expectations, in events.
    covariance : ndarray, shape (regions, regions)
    cut : bool
        Whether values below zero are cut off.
    """
    columns = factor(covariance)
    rank = columns.shape[1]
    if rank > MAX_RANK:
        return None
    t, w = _legendre(_POINTS[rank])
    values, weights = mean[None, :], np.ones(1)
    for column in range(rank):
        low, high = _limits(values if cut else values + np.inf, columns, column, _REACH[rank])
        half = (high - low)[:, None] / 2
        z = low[:, None] + half * (t + 1)
        weights = (weights[:, None] * half * w * np.exp(-z * z / 2)).ravel()
        values = (values[:, None, :] + z[:, :, None] * columns[:, column]).reshape(-1, mean.size)
    return np.maximum(values, 0.0) if cut else values, weights / weights.sum()


def points(
    backgrounds: Sequence[Background], covariance: Floats, group: NDArray[np.int64]
) -> tuple[Floats, Floats] | None:
    """Return quadrature points and weights of one group of correlated regions, as `quadrature` does.

    An exponential region is a group of its own. Where errors are not Gaussian each expectation is at the quantile of its
    normal variable, and those have the correlations of the covariance.

    Parameters
    ----------
    backgrounds : sequence of Background
        Of all regions.
    covariance : ndarray, shape (regions, regions)
    group : ndarray of int
        Indices of the regions, one entry of `blocks`.
    """
    first = backgrounds[group[0]]
    if (len(group) == 1 and not _gaussian([first])) or first.prior == "exponential":
        values, weights = first.nodes()
        return values[:, None], weights
    if not _gaussian(chosen := [backgrounds[i] for i in group]):
        correlation = _correlation(chosen, covariance[np.ix_(group, group)])
        found = quadrature(np.zeros(len(group)), correlation, cut=False)
        return None if found is None else (_at_quantiles(chosen, found[0]), found[1])
    mean = np.array([backgrounds[i].expected for i in group])
    return quadrature(mean, covariance[np.ix_(group, group)])


def _correlation(backgrounds: Sequence[Background], covariance: Floats) -> Floats:
    errors = _errors(backgrounds)
    unit = np.where(errors > 0, errors, 1.0)
    return np.asarray(covariance / np.outer(unit, unit))


def _at_quantiles(backgrounds: Sequence[Background], z: Floats) -> Floats:
    """Return expectations at the quantiles of normal variables, shape (points, regions)."""
    return np.stack([x.quantile(column) for x, column in zip(backgrounds, z.T, strict=True)], axis=1)


def drawn_expectations(
    backgrounds: Sequence[Background], covariance: Floats, number: int, seed: int, wider: float = 1.0
) -> tuple[Floats, Floats, Floats, Floats]:
    """Return expectations and weights as `draws` does, for errors of any form, with the normal variables behind them.

    Parameters
    ----------
    backgrounds : sequence of Background
        None of them exponential.
    covariance : ndarray, shape (regions, regions)
        As `full_covariance` returns it.
    number, seed
        As for `draws`.
    wider : float
        Factor on the variances of the normal variables.

    Returns
    -------
    values, weights : ndarray
    off : ndarray, shape (number, regions)
        The normal variables, of mean zero.
    normal : ndarray, shape (regions, regions)
        Their covariance, without the factor.
    """
    if _gaussian(backgrounds):
        mean = np.array([x.expected for x in backgrounds])
        values, weights = draws(mean, wider * covariance, number, seed)
        return values, weights, values - mean, covariance
    correlation = _correlation(backgrounds, covariance)
    off, weights = draws(np.zeros(len(backgrounds)), wider * correlation, number, seed, cut=False)
    return _at_quantiles(backgrounds, off), weights, off, correlation


def draws(
    mean: Floats, covariance: Floats, number: int, seed: int, *, cut: bool = True
) -> tuple[Floats, Floats]:
    """Return expectations and weights from scrambled Sobol points, for covariances of any rank.

    One source after the other is drawn from its part that keeps the expectations positive, with the part's
    probability as weight: Genz, J. Comput. Graph. Stat. 1 (1992) 141.

    Parameters
    ----------
    mean, covariance
        As for `quadrature`.
    number : int
        Number of points, a power of two.
    seed : int
    cut : bool
        Whether values below zero are cut off.
    """
    columns = factor(covariance)
    values, weights = np.repeat(mean[None, :], number, axis=0), np.ones(number)
    if columns.shape[1]:
        # Not imported above: scipy loads its slow part `stats` when it is first asked for, which is here alone.
        uniform = scipy.stats.qmc.Sobol(columns.shape[1], rng=seed).random(number)
        for column in range(columns.shape[1]):
            ends = _limits(values if cut else values + np.inf, columns, column, 9.0)
            low, high = (special.ndtr(x) for x in ends)
            z = special.ndtri(np.clip(low + uniform[:, column] * (high - low), 1e-300, 1 - 1e-16))
            weights = weights * (high - low)
            values = values + z[:, None] * columns[:, column]
    return np.maximum(values, 0.0) if cut else values, weights / weights.sum()

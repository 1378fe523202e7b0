"""Frequentist coverage: how often the limits of a method contain the true signal."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from scipy import stats

from bdana.errors import InputError
from bdana.statistics.limits import efficiency_nodes
from bdana.statistics.methods import limits
from bdana.statistics.poisson import Background, Floats, check_level, log_pmf, upper_count, whole

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from bdana.statistics.limits import Interval

__all__ = ["Coverage", "coverage"]


@dataclass(frozen=True, slots=True)
class Coverage:
    """Coverage of one method at the true signals.

    Attributes
    ----------
    signals, values, errors : numpy.ndarray
        True signals in events, shape (n,), the probability that the limits contain each, and its Monte Carlo
        error.
    level : float
        The nominal one.
    computed : str
        `exact`, or `toys, n=..., error=...` with the largest error.
    """

    signals: Floats
    values: Floats
    errors: Floats
    level: float
    computed: str


def coverage(
    signals: ArrayLike,
    background: Background,
    level: float = 0.9,
    method: str = "cls",
    efficiency_error: float = 0.0,
    toys: int = 2000,
    seed: int = 1,
) -> Coverage:
    """Return the probability that the limits of `method` contain the true signal.

    With a known background and efficiency it is a sum over counts, without Monte Carlo error. With errors each
    toy draws its count at the true expectation and, as estimates of the background and the efficiency, values
    around the true ones (rounded to a quarter of the error); its limits are made with these estimates.

    Parameters
    ----------
    signals : array_like
        True signals in events, shape (n,).
    background : Background
        The true expectation, and the error of its estimates.
    level : float
    method : str
    efficiency_error : float
        Of the estimate of an efficiency that is 1.
    toys, seed : int
        Toys for each signal.
    """
    s = np.atleast_1d(np.asarray(signals, dtype=float))
    if s.ndim != 1 or not (np.isfinite(s) & (s >= 0)).all():
        raise InputError("true signals are finite numbers that are not negative, in one row")
    check_level(level)
    efficiency_nodes(efficiency_error)  # refuses a wrong error
    if background.error == 0 and efficiency_error == 0:
        return Coverage(s, _summed(s, background, level, method), np.zeros(s.size), level, "exact")
    if whole(toys, "number of toys") < 1:
        raise InputError("the number of toys is 0: give at least one")
    values = _counted(s, background, level, method, efficiency_error, toys, seed)
    errors = np.maximum(np.sqrt(values * (1 - values) / toys), 1 / toys)
    return Coverage(s, values, errors, level, f"toys, n={toys}, error={errors.max():.1g}")


def _summed(s: Floats, background: Background, level: float, method: str) -> Floats:
    found = np.zeros(s.size)
    for n in range(upper_count(Background(float(s.max()) + background.expected)) + 1):
        probability = np.exp(log_pmf(n, s + background.expected))
        if n > background.expected + s.max() and probability.max() < 1e-13:
            break
        interval = limits(n, background, level, 0.0, (method,))[method]
        found += probability * ((interval.low <= s) & (s <= interval.high))
    return found


def _counted(
    s: Floats, background: Background, level: float, method: str, error: float, toys: int, seed: int
) -> Floats:
    rng = np.random.default_rng(seed)
    estimates = _rounded_normal(rng, background.expected, background.error, toys)
    # An estimate of the efficiency that is off by a factor makes limits off by its inverse.
    factors = np.exp(_rounded_normal(rng, 0.0, float(np.log1p(error)), toys, low=-np.inf))
    known: dict[tuple[int, float], Interval] = {}
    found = np.zeros(s.size)
    for i, signal in enumerate(s):
        counts = rng.poisson(signal + background.expected, size=toys)
        for n, b, factor in zip(counts.tolist(), estimates.tolist(), factors.tolist(), strict=True):
            if (n, b) not in known:
                given = replace(background, expected=b)
                known[n, b] = limits(n, given, level, error, (method,))[method]
            found[i] += known[n, b].low <= signal * factor <= known[n, b].high
    return found / toys


def _rounded_normal(
    rng: np.random.Generator, mean: float, error: float, number: int, low: float = 0.0
) -> Floats:
    if error == 0:
        return np.full(number, mean)
    drawn = stats.truncnorm.rvs((low - mean) / error, np.inf, mean, error, size=number, random_state=rng)
    return np.asarray(
        np.maximum(np.round((drawn - mean) / (error / 4)) * (error / 4) + mean, 0 if low == 0 else low)
    )

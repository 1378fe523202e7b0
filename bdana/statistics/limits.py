"""Upper limits on a signal count: exact CLs, flat-prior Bayes and classical one-sided."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import optimize, special

from bdana.errors import InputError
from bdana.statistics.poisson import Background, Floats, check_level, legendre, log_pmf, whole

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import ArrayLike

__all__ = [
    "Interval",
    "bayes",
    "check_efficiency_error",
    "classical",
    "cls",
    "efficiency_nodes",
    "known_background",
]


@dataclass(frozen=True, slots=True)
class Interval:
    """Limits on the number of signal events, at the confidence level `level`."""

    low: float
    high: float
    level: float
    convention: str


def check_efficiency_error(error: float) -> float:
    """Return the relative error of efficiency and protons on target unchanged, if it is between 0 and 1.

    Parameters
    ----------
    error : float

    Raises
    ------
    InputError
        When it is not: a larger one is a percentage by mistake.

    Examples
    --------
    >>> from bdana.statistics.limits import check_efficiency_error
    >>> check_efficiency_error(0.2)
    0.2
    """
    if not 0 <= error <= 1:
        raise InputError(
            f"the efficiency error is {error:g}: it is relative, so give a number from 0 to 1, like 0.2 for 20%"
        )
    return error


def efficiency_nodes(error: float, n: int = 0) -> tuple[Floats, Floats]:
    """Return efficiencies (log-normal, median 1, sigma = ln(1 + error)) and their weights (sum 1).

    There are enough of them to integrate the likelihood of `n` counts.

    Parameters
    ----------
    error : float
        Relative error of the efficiency, from 0 to 1.
    n : int

    Raises
    ------
    InputError
        When it is out of range.
    """
    if check_efficiency_error(error) == 0:
        return np.ones(1), np.ones(1)
    z, w = legendre(-9.0, 9.0, 9 * np.log1p(error) * np.sqrt(n + 1))
    weights = w * np.exp(-0.5 * z * z)
    return np.exp(np.log1p(error) * z), weights / weights.sum()


def log_below(n: int, mean: Floats) -> Floats:
    """Return the logarithm of P(N <= n) at `mean`, also where the probability itself underflows.

    Parameters
    ----------
    n : int
    mean : ndarray
        Expectations, in events.
    """
    value = special.gammaincc(n + 1, mean)
    small = value < 1e-280
    logs = np.log(np.where(small, 1.0, value))
    if small.any():
        # Each term is smaller than the next by n/mean, here below 1 - 36/sqrt(n): these are all in double precision.
        counts = np.arange(max(0, n - int(2 * np.sqrt(n)) - 60), n + 1)
        logs[small] = special.logsumexp(log_pmf(counts, mean[small][:, None]), axis=1)
    return np.asarray(logs)


def _nuisances(n: int, background: Background, error: float) -> tuple[Floats, Floats, Floats]:
    b, wb = background.nodes(n)
    e, we = efficiency_nodes(error, n)
    return (
        np.repeat(e, b.size),
        np.tile(b, e.size),
        np.log(np.maximum(np.outer(we, wb).ravel(), 1e-300)),
    )


def _solve(tail: Callable[[float], float], log_alpha: float, n: int, b: float) -> float:
    if tail(0.0) <= log_alpha:
        return 0.0
    high = n + 1.0 - log_alpha + np.sqrt(b)
    while tail(high) > log_alpha:
        high *= 2
    return float(optimize.brentq(lambda s: tail(s) - log_alpha, 0.0, high, xtol=1e-13, rtol=1e-13))


def _label(name: str, background: Background, error: float) -> str:
    efficiency = (
        f"efficiency log-normal, median 1, sigma = ln(1 + {error:g})" if error else "efficiency known"
    )
    return f"{name}; {background.convention}; {efficiency}"


def _one_sided(
    name: str, observed: int, background: Background, level: float, efficiency_error: float
) -> Interval:
    n = whole(observed)
    log_alpha = float(np.log1p(-check_level(level)))
    e, b, log_w = _nuisances(n, background, efficiency_error)
    if name == "flat-prior Bayes":
        log_w = log_w - np.log(e)  # the flat prior in s, integrated: 1/e for each efficiency

    def tail(s: float) -> float:
        return float(special.logsumexp(log_w + log_below(n, s * e + b)))

    start = 0.0 if name.startswith("classical") else tail(0.0)
    high = _solve(lambda s: tail(s) - start, log_alpha, n, background.expected)
    return Interval(0.0, high, level, _label(name, background, efficiency_error))


def cls(observed: int, background: Background, level: float = 0.9, efficiency_error: float = 0.0) -> Interval:
    """Return the CLs upper limit from exact count probabilities: P(N<=n | s+b) / P(N<=n | b) = 1 - level.

    Read, J. Phys. G 28 (2002) 2693, with the errors marginalised (Cousins and Highland, NIM A 320 (1992) 331).

    Parameters
    ----------
    observed : int
    background : Background
    level : float
        Confidence level, between 0 and 1.
    efficiency_error : float
        Relative error of signal efficiency and POT: log-normal of median 1, sigma = ln(1 + error).

    Examples
    --------
    >>> from bdana.statistics.limits import cls
    >>> from bdana.statistics.poisson import Background
    >>> round(cls(1, Background(0.016, 0.002), efficiency_error=0.1).high, 2)
    3.91
    """
    return _one_sided("exact CLs", observed, background, level, efficiency_error)


def bayes(
    observed: int, background: Background, level: float = 0.9, efficiency_error: float = 0.0
) -> Interval:
    """Return the Bayesian upper limit with a prior flat in the signal count: Helene, NIM 212 (1983) 319.

    Parameters
    ----------
    observed, background, level, efficiency_error
        As for `cls`.

    Examples
    --------
    >>> from bdana.statistics.limits import bayes
    >>> from bdana.statistics.poisson import Background
    >>> round(bayes(1, Background(0.016, 0.002), efficiency_error=0.1).high, 2)
    3.94
    """
    return _one_sided("flat-prior Bayes", observed, background, level, efficiency_error)


def classical(
    observed: int, background: Background, level: float = 0.9, efficiency_error: float = 0.0
) -> Interval:
    """Return the classical upper limit, P(N<=n | s+b) = 1 - level; 0 where even no signal is excluded.

    Parameters
    ----------
    observed, background, level, efficiency_error
        As for `cls`.

    Examples
    --------
    >>> from bdana.statistics.limits import classical
    >>> from bdana.statistics.poisson import Background
    >>> round(classical(1, Background(3.0)).high, 2)
    0.89
    """
    return _one_sided("classical one-sided", observed, background, level, efficiency_error)


def known_background(observed: ArrayLike, background: ArrayLike, level: float = 0.9) -> Floats:
    """Return CLs = Bayes upper limits for known backgrounds, in closed form; the arguments broadcast.

    s = Q^-1(n+1, (1-level) Q(n+1, b)) - b with Q the regularised upper incomplete gamma function.

    Parameters
    ----------
    observed, background : array_like
        In events.
    level : float
    """
    shape, b = np.asarray(observed, dtype=float) + 1, np.asarray(background, dtype=float)
    alpha = 1 - check_level(level)
    return np.asarray(special.gammainccinv(shape, alpha * special.gammaincc(shape, b)) - b)

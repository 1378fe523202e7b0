"""Poisson probabilities and p-values of a count, marginalised over the error of its expectation."""

from __future__ import annotations

import operator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from bdana.errors import InputError
from bdana.on_demand import late_module
from bdana.rounding import bounded_p
from bdana.statistics.background import MOST_EVENTS, PRIORS, Background, Floats, Prior, legendre

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from scipy import special
else:
    special = late_module("scipy.special")

__all__ = [
    "PRIORS",
    "Background",
    "Counting",
    "Floats",
    "Prior",
    "TooManyCountsError",
    "count_probabilities",
    "legendre",
    "p_values",
    "upper_count",
]

TIE = 1e-9  # relative: counts this close in probability are equally likely
MAX_TERMS = 10**9  # assumed: of a sum over counts and values of the background, some ten seconds
_BLOCK = 10**6


class TooManyCountsError(InputError):
    """Raised when sums over counts would take too long."""


@dataclass(frozen=True, slots=True)
class Counting:
    """The p-values of observed counts.

    Attributes
    ----------
    p_n, p_l : float
        Smaller ones than `bdana.rounding.SMALLEST_P` are given as it, but for those of counts that are impossible: 0.
    convention : str
        How they are defined.
    computed : str
        `exact`, or `toys, n=..., error=...` with the Monte Carlo error of the less precise one.
    """

    p_n: float
    p_l: float
    convention: str
    computed: str = "exact"


def whole(n: float, name: str = "observed count") -> int:
    """Return `n` as an int, if it is a whole number that is not negative.

    Parameters
    ----------
    n : float
    name : str
        What the message of the error calls it.

    Raises
    ------
    InputError
        When it is not.
    """
    if not (np.isfinite(n) and n >= 0 and float(n).is_integer()):
        raise InputError(f"the {name} is {n}: give a whole number that is not negative")
    if n > MOST_EVENTS:
        raise InputError(f"the {name} is {n:g}: no search counts more than {MOST_EVENTS:g} events")
    return operator.index(int(n))


def check_level(level: float) -> float:
    """Return `level` unchanged, if it is between 0 and 1.

    Parameters
    ----------
    level : float

    Raises
    ------
    InputError
        When it is not.
    """
    if not 0 < level < 1:
        raise InputError(f"the confidence level is {level}: give a number between 0 and 1, like 0.9")
    return level


def log_pmf(n: NDArray[np.int64] | int, mean: Floats) -> Floats:
    """Return the logarithm of the Poisson probability of `n` at `mean`; the arguments broadcast.

    Parameters
    ----------
    n : int or ndarray of int
    mean : ndarray
    """
    return np.asarray(special.xlogy(n, mean) - mean - special.gammaln(np.add(n, 1.0)))


def count_probabilities(background: Background, n_max: int) -> Floats:
    """Return P(N) for N = 0 .. `n_max`, marginalised over the background error, shape (n_max + 1,).

    Parameters
    ----------
    background : Background
    n_max : int

    Raises
    ------
    TooManyCountsError
        When the sum has more than 10^9 terms.
    """
    if background.prior == "exponential":
        b, n = background.expected, np.arange(n_max + 1)
        return np.asarray((b / (1.0 + b)) ** n / (1.0 + b))
    x, w = background.nodes(n_max, least=0)
    if x.size * (n_max + 1) > MAX_TERMS:
        raise TooManyCountsError(
            f"exact probabilities of {n_max:.3g} counts take too long: at such numbers a count is Gaussian"
        )
    found = np.empty(n_max + 1)
    rows = max(1, _BLOCK // x.size)
    for first in range(0, n_max + 1, rows):
        counts = np.arange(first, min(first + rows, n_max + 1))
        found[counts] = np.exp(log_pmf(counts[:, None], x[None, :])) @ w
    return found


def upper_count(background: Background, n: int = 0) -> int:
    """Return the count beyond which the marginalised probability is far below double precision.

    Parameters
    ----------
    background : Background
    n : int
        Smallest value to return.
    """
    x, _ = background.nodes()
    if background.prior == "exponential":  # (b/(1+b))^N below 1e-18
        return max(n, int(np.ceil(42.0 / np.log1p(1.0 / background.expected))) + 1)
    wide = background.prior in {"gamma", "lognormal"}
    top = background.expected + 12 * background.error if wide else x.max()
    return int(max(n, top + 12 * np.sqrt(top + 1) + 30))


def p_values(observed: int, background: Background) -> Counting:
    """Return p_n = P(N >= n), and p_l, the summed probability of all counts no likelier than the observed one.

    Background error marginalised as in Cousins and Highland, NIM A 320 (1992) 331; ties belong to the sum.

    Parameters
    ----------
    observed : int
    background : Background

    Examples
    --------
    >>> from bdana.statistics.poisson import Background, p_values
    >>> p = p_values(28, Background(26.3, 3.4))
    >>> round(p.p_n, 4), round(p.p_l, 4)
    (0.4065, 0.744)
    """
    n = whole(observed)
    convention = (
        "p_n = P(N >= n), p_l = P(L <= Lobs) = sum of P(N) over P(N) <= P(n), ties included; "
        + background.convention
    )
    if background.prior == "exponential":
        # P(N) = (b/(1+b))^N / (1+b) falls with N, so that both are its sum from n on.
        p = (background.expected / (1.0 + background.expected)) ** n
        return Counting(bounded_p(p), bounded_p(p), convention)
    x, w = background.nodes(n)
    p_n = float(w @ special.gammainc(n, x)) if n else 1.0
    top = upper_count(background, n)
    probabilities = count_probabilities(background, top)
    while probabilities[top] > probabilities[n]:  # far below the expectation, rarer counts begin far above it
        top *= 2
        probabilities = count_probabilities(background, top)
    likelier = probabilities > probabilities[n] * (1 + TIE)
    # The tail above is exact (incomplete gamma); what lies below the likelier counts is summed directly.
    if not likelier.any():
        p_l = 1.0
    else:
        first, last = int(np.flatnonzero(likelier)[0]), int(np.flatnonzero(likelier)[-1])
        x, w = background.nodes(last + 1)
        p_l = float(probabilities[:first].sum() + w @ special.gammainc(last + 1, x))
    if not background.expected and not any(background.errors):
        return Counting(min(p_n, 1.0), min(p_l, 1.0), convention)
    return Counting(bounded_p(min(p_n, 1.0)), bounded_p(min(p_l, 1.0)), convention)

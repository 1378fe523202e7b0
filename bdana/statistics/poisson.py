"""Poisson probabilities and p-values of a count, marginalised over the error of its expectation."""

from __future__ import annotations

import operator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray
from scipy import special

from bdana.errors import InputError

if TYPE_CHECKING:
    from bdana.observed import Predicted

__all__ = [
    "PRIORS",
    "Background",
    "Counting",
    "Prior",
    "TooManyCountsError",
    "count_probabilities",
    "p_values",
    "upper_count",
]

Prior = Literal["truncated_gaussian", "gamma", "lognormal", "exponential"]
PRIORS: tuple[Prior, ...] = ("truncated_gaussian", "gamma", "lognormal")
"""Forms that an analyst may choose; `exponential` is that of `Background.unseen`."""
MAX_RATIO = 5  # assumed: of error and expectation, where gamma and log-normal priors can be integrated
TIE = 1e-9  # relative: counts this close in probability are equally likely
MAX_TERMS = 10**9  # assumed: of a sum over counts and values of the background, some ten seconds
_BLOCK = 10**6
Floats = NDArray[np.float64]
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(96)


class TooManyCountsError(InputError):
    """Raised when sums over counts would take too long."""


@dataclass(frozen=True, slots=True)
class Background:
    """An expected count with its error and the form of that error.

    Attributes
    ----------
    expected, error : float
        Mean and standard deviation, in events; of a log-normal prior the median, and sigma = ln(1 + error/expected).
    prior : {"truncated_gaussian", "gamma", "lognormal"}
        Distribution of the expectation; `exponential` comes from `unseen` only.

    Examples
    --------
    >>> from bdana.statistics.poisson import Background
    >>> Background(0.016, 0.002).convention
    'background error marginalised (truncated_gaussian)'
    >>> print(f"{Background.unseen(upper_limit=0.023).expected:.4f}")
    0.0100
    """

    expected: float
    error: float = 0.0
    prior: Prior = "truncated_gaussian"

    def __post_init__(self) -> None:
        for name, value in (("background", self.expected), ("background error", self.error)):
            if not (np.isfinite(value) and value >= 0):
                raise InputError(f"the {name} is {value}: give a finite number that is not negative")
        if self.prior == "exponential" and not self.error == self.expected > 0:
            raise InputError("an exponential prior needs an error equal to the expectation, above zero")
        if self.prior not in {*PRIORS, "exponential"}:
            raise InputError(f"unknown prior '{self.prior}': one of {', '.join(PRIORS)}")
        if self.error > 0 and self.expected == 0 and self.prior != "truncated_gaussian":
            raise InputError(f"a {self.prior} prior needs an expectation above zero")
        if self.error > MAX_RATIO * self.expected and self.prior != "truncated_gaussian":
            raise InputError(f"a {self.prior} prior needs an error below {MAX_RATIO} times the expectation")

    @classmethod
    def unseen(cls, upper_limit: float) -> Background:
        """Return the background of a region whose estimate has no event: its posterior for a flat prior.

        Where zero events are seen, each of which would stand for w expected ones, the density of the expectation b is
        exp(-b/w)/w, whose 90% quantile is w ln(10).

        Parameters
        ----------
        upper_limit : float
            90% CL upper limit on the expectation.
        """
        scale = float(upper_limit / np.log(10.0))
        return cls(scale, scale, "exponential")

    @classmethod
    def of(cls, predicted: Predicted) -> Background:
        """Return the background of a prediction: truncated Gaussian, or `unseen` where it has a limit only.

        Parameters
        ----------
        predicted : Predicted
        """
        if predicted.upper_limit is not None:
            return cls.unseen(predicted.upper_limit)
        return cls(predicted.value, predicted.error)

    @property
    def convention(self) -> str:
        """How the error of the expectation is treated, for people to read."""
        if self.prior == "exponential":
            return "no pair seen: expectation marginalised with its posterior for a flat prior (exponential)"
        return f"background error marginalised ({self.prior})" if self.error else "background known"

    def nodes(self, n: int = 0) -> tuple[Floats, Floats]:
        """Return values of the expectation and their weights (sum 1), to integrate the likelihood of `n` counts.

        Gauss-Legendre in the prior's natural variable: the expectation itself (truncated Gaussian), its
        logarithm (log-normal, median `expected`, sigma = ln(1 + error/expected)) or its gamma quantile variable.

        Parameters
        ----------
        n : int
        """
        b, d = self.expected, self.error
        if d == 0:
            return np.array([b]), np.ones(1)
        if self.prior == "truncated_gaussian":
            peak = (b - d * d) / 2 + np.hypot((b - d * d) / 2, np.sqrt(n) * d)
            low, high = max(0.0, min(b, peak) - 9 * d), max(b, peak) + 9 * d
            x, w = legendre(low, high, np.sqrt(high - low))
            log_density = -0.5 * ((x - b) / d) ** 2
        elif self.prior == "exponential":
            scale = b / (1.0 + b)  # of prior times likelihood, for no count
            high = max(45.0 * b, scale * (n + 46.0 + 9.0 * np.sqrt(n + 1.0)))
            x, w = legendre(0.0, high, high / (2.0 * scale))
            log_density = -x / b
        elif self.prior == "lognormal":
            sigma = np.log1p(d / b)
            shift = min(n * sigma * sigma, max(0.0, float(np.log((n + 1) / b))))
            y, w = legendre(-9 * sigma, 9 * sigma + shift, (9 * sigma + shift / 2) * np.sqrt(n + 1))
            x, log_density = b * np.exp(y), -0.5 * (y / sigma) ** 2
        else:
            shape = (b / d) ** 2
            low = -9 / np.sqrt(shape) - 45 / shape
            high = np.log1p((9 * np.sqrt(shape) + 45 + n) / shape)
            y, w = legendre(low, high, (high - low) / 2 * np.sqrt(n + 1))
            x, log_density = b * np.exp(y), shape * (y - np.expm1(y))
        weights = w * np.exp(log_density - log_density.max())
        return x, weights / weights.sum()


@dataclass(frozen=True, slots=True)
class Counting:
    """The p-values of observed counts.

    Attributes
    ----------
    p_n, p_l : float
    convention : str
        How they are defined.
    computed : str
        `exact`, or `toys, n=..., error=...` with the Monte Carlo error of the less precise one.
    """

    p_n: float
    p_l: float
    convention: str
    computed: str = "exact"


def legendre(low: float, high: float, widths: float = 0.0) -> tuple[Floats, Floats]:
    """Return points and weights of Gauss-Legendre panels, fine enough for narrow features.

    Parameters
    ----------
    low, high : float
    widths : float
        How many times narrower than half of the interval the features are.
    """
    edges = np.linspace(low, high, 1 + max(1, int(np.ceil(np.pi * widths / _NODES.size))))
    half = np.diff(edges)[:, None] / 2
    return (edges[:-1, None] + half * (_NODES + 1)).ravel(), (half * _WEIGHTS).ravel()


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
    x, w = background.nodes(n_max)
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
    top = x.max() if background.prior == "truncated_gaussian" else background.expected + 12 * background.error
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
        return Counting(p, p, convention)
    x, w = background.nodes(n)
    p_n = float(w @ special.gammainc(n, x)) if n else 1.0
    probabilities = count_probabilities(background, upper_count(background, n))
    likelier = probabilities > probabilities[n] * (1 + TIE)
    # The tail above is exact (incomplete gamma); what lies below the likelier counts is summed directly.
    if not likelier.any():
        p_l = 1.0
    else:
        first, last = int(np.flatnonzero(likelier)[0]), int(np.flatnonzero(likelier)[-1])
        p_l = float(probabilities[:first].sum() + w @ special.gammainc(last + 1, x))
    return Counting(min(p_n, 1.0), min(p_l, 1.0), convention)

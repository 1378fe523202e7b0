"""An expected background with its error: Gaussian, asymmetric, gamma, log-normal, from toys, or from no event at all."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bdana.errors import InputError
from bdana.on_demand import late_module

if TYPE_CHECKING:
    from scipy import special

    from bdana.observed import Predicted
else:
    special = late_module("scipy.special")

__all__ = ["PRIORS", "Background", "Floats", "Prior", "legendre"]

Prior = Literal["truncated_gaussian", "split_normal", "gamma", "lognormal", "toys", "exponential"]
PRIORS: tuple[Prior, ...] = ("truncated_gaussian", "gamma", "lognormal")
"""Forms that an analyst may choose; two different errors make `split_normal`, a list of values `toys`, no event `exponential`."""
MOST_EVENTS = 1e12  # assumed
MAX_RATIO = 5  # assumed: of error and expectation, where gamma and log-normal priors can be integrated
NARROWEST = 1e-3  # smallest error over the other of a prediction, assumed
TOY_BINS = 2000  # of the values of toys, assumed: each then stands for its mean
Floats = NDArray[np.float64]
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(96)


@dataclass(frozen=True, slots=True)
class Background:
    """An expected count with its error and the form of that error.

    Attributes
    ----------
    expected, error : float
        Mean and standard deviation, in events. Of a split normal prior the most likely value and the upward error; of a
        log-normal one the median, and sigma = ln(1 + error/expected); of toys their median and the distance to their
        84.1% quantile.
    prior : {"truncated_gaussian", "split_normal", "gamma", "lognormal"}
        Distribution of the expectation; `toys` comes from `of_toys`, `exponential` from `unseen`.
    error_down : float or None
        Downward error of a split normal prior, in events, above zero.
    toys : tuple of float
        Values of the expectation, all equally likely.

    Examples
    --------
    >>> from bdana.statistics.poisson import Background
    >>> Background(0.016, 0.002).convention
    'background error marginalised (truncated_gaussian)'
    >>> Background(7.03, 1.05, "split_normal", error_down=0.82).errors
    (1.05, 0.82)
    >>> print(f"{Background.unseen(upper_limit=0.023).expected:.4f}")
    0.0100
    """

    expected: float
    error: float = 0.0
    prior: Prior = "truncated_gaussian"
    error_down: float | None = None
    toys: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        numbers = {
            "background": self.expected,
            "background error": self.error,
            "downward error": self.error_down,
        }
        for name, value in numbers.items():
            if value is not None and not (np.isfinite(value) and value >= 0):
                raise InputError(f"the {name} is {value}: give a finite number that is not negative")
            if value is not None and value > MOST_EVENTS:
                raise InputError(
                    f"the {name} is {value:g}: no search counts more than {MOST_EVENTS:g} events"
                )
        if self.prior not in {*PRIORS, "split_normal", "toys", "exponential"}:
            raise InputError(f"unknown prior '{self.prior}': one of {', '.join(PRIORS)}")
        if (self.prior in {"split_normal", "toys"}) != (self.error_down is not None):
            raise InputError(
                "an upward and a downward error need the prior split_normal, which needs both of them"
            )
        if self.prior == "split_normal" and not (self.error > 0 and self.error_down):
            raise InputError("a split_normal prior needs an upward and a downward error above zero")
        if self.prior == "exponential" and not self.error == self.expected > 0:
            raise InputError("an exponential prior needs an error equal to the expectation, above zero")
        if self.prior in {"gamma", "lognormal"}:
            if self.error > 0 and self.expected == 0:
                raise InputError(f"a {self.prior} prior needs an expectation above zero")
            if self.error > MAX_RATIO * self.expected:
                raise InputError(
                    f"a {self.prior} prior needs an error below {MAX_RATIO} times the expectation"
                )

    @classmethod
    def asymmetric(cls, expected: float, up: float, down: float) -> Background:
        """Return a background of which upward and downward error differ: two halves of normal densities.

        Parameters
        ----------
        expected : float
            Most likely value, in events.
        up, down : float
            Errors, both positive; equal ones make a truncated Gaussian.
        """
        return cls(expected, up) if up == down else cls(expected, up, "split_normal", down)

    @classmethod
    def of_toys(cls, values: ArrayLike) -> Background:
        """Return the background of a list of equally likely expectations, such as the toys of an estimate.

        Parameters
        ----------
        values : array_like, shape (N,)
            In events, at least two.

        Raises
        ------
        InputError
            When there are fewer, or one of them is not finite or negative.
        """
        toys = np.sort(np.asarray(values, dtype=np.float64).ravel())
        if toys.size < 2 or not np.isfinite(toys).all() or toys[0] < 0:
            raise InputError("toys of the background: give two or more finite numbers that are not negative")
        low, middle, high = np.quantile(toys, special.ndtr([-1.0, 0.0, 1.0])).tolist()
        return cls(middle, high - middle, "toys", middle - low, tuple(toys.tolist()))

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
        """Return the background of a prediction.

        Truncated Gaussian; split normal where its two errors differ; `unseen` where it has a limit only.

        Parameters
        ----------
        predicted : Predicted
        """
        if predicted.upper_limit is not None:
            return cls.unseen(predicted.upper_limit)
        if predicted.error_down is None:
            return cls(predicted.value, predicted.error)
        # Of nothing but sources that raise, or lower, the number one error is next to nothing.
        least = NARROWEST * max(predicted.error, predicted.error_down)
        return cls.asymmetric(predicted.value, max(predicted.error, least), max(predicted.error_down, least))

    @property
    def convention(self) -> str:
        """How the error of the expectation is treated, for people to read."""
        if self.prior == "exponential":
            return "no pair seen: expectation marginalised with its posterior for a flat prior (exponential)"
        form = self.prior + (f", {len(self.toys)} values" if self.toys else "")
        return f"background error marginalised ({form})" if self.error or self.toys else "background known"

    @property
    def errors(self) -> tuple[float, float]:
        """Upward and downward error, in events."""
        return self.error, self.error if self.error_down is None else self.error_down

    def moved(self, expected: float) -> Background:
        """Return the background with the same form of its error around a larger expectation.

        Parameters
        ----------
        expected : float
            In events; the mean of an exponential prior, whose error is as large.
        """
        if self.prior == "exponential":
            return replace(self, expected=expected, error=expected)
        toys = tuple(x + expected - self.expected for x in self.toys)
        return replace(self, expected=expected, toys=toys)

    def shifted(self, z: ArrayLike) -> Any:
        """Return the expectation, in events, that is `z` standard deviations of its error from the expected one.

        z is that of the likelihood of the expectation, exp(-z^2/2) of its largest value, of toys that of their quantile.

        Parameters
        ----------
        z : array_like
        """
        x, b = np.asarray(z, dtype=np.float64), self.expected
        if self.prior == "toys":
            return np.quantile(self.toys, special.ndtr(x))
        if self.prior == "exponential":
            return b * np.maximum(x, 0.0) ** 2 / 2.0
        if self.error == 0:
            return np.full_like(x, b)[()]
        if self.prior == "lognormal":
            return b * np.exp(np.log1p(self.error / b) * x)
        if (
            self.prior == "gamma"
        ):  # of shape k: k (r - 1 - ln r) = z^2/2 for the ratio r to the expected value
            branch = -np.exp(-1.0 - 0.5 * (x * self.error / b) ** 2)
            lower, upper = (-special.lambertw(branch, k).real for k in (0, -1))
            return b * np.where(x == 0, 1.0, np.where(x < 0, lower, upper))[()]
        up, down = self.errors
        return np.maximum(b + x * np.where(x > 0, up, down), 0.0)[()]

    def quantile(self, z: Floats) -> Floats:
        """Return the expectation, in events, below which the probability is that of a normal variable below `z`.

        Parameters
        ----------
        z : ndarray
        """
        b, d = self.expected, self.error
        p, above = special.ndtr(z), special.ndtr(-z)  # either is exact in its own tail
        if self.prior == "gamma" and d > 0:
            shape = (b / d) ** 2
            ends = special.gammaincinv(shape, p), special.gammainccinv(shape, above)
            return np.asarray(np.where(z < 0, *ends) * d * d / b)
        if self.prior == "exponential":
            return np.asarray(-b * special.log_ndtr(-z))
        if self.prior not in {"truncated_gaussian", "split_normal"} or d == 0:
            return np.asarray(self.shifted(z))
        up, down = self.errors
        # The halves have probabilities in the ratio of their errors; what is below zero is cut off.
        cut = 2 * down / (up + down) * special.ndtr(-b / down)
        low, high = (
            (cut + (1 - cut) * p) * (up + down) / (2 * down),
            (1 - cut) * above * (up + down) / (2 * up),
        )
        x = np.where(
            low <= 0.5, b + down * special.ndtri(low.clip(0, 1)), b - up * special.ndtri(high.clip(0, 1))
        )
        return np.maximum(x, 0.0)

    def nodes(self, n: int = 0, least: int | None = None) -> tuple[Floats, Floats]:
        """Return values of the expectation and their weights (sum 1), to integrate the likelihood of `n` counts.

        Gauss-Legendre in the prior's natural variable: the expectation itself (truncated Gaussian, split normal), its
        logarithm (log-normal, median `expected`, sigma = ln(1 + error/expected)) or its gamma quantile variable.

        Parameters
        ----------
        n : int
        least : int, optional
            Smallest count to be integrated too; `n` by default.
        """
        b, d = self.expected, self.error
        least = n if least is None else least
        if self.toys:
            return _binned(np.array(self.toys))
        if d == 0:
            return np.array([b]), np.ones(1)
        if self.prior in {"truncated_gaussian", "split_normal"}:
            up, down = self.errors
            low = max(0.0, min(b, _peak(b, down, least)) - 9 * down)
            high = max(b, _peak(b, up, n)) + 9 * up
            edges = [low, high] if up == down or low == b else [low, b, high]
            parts = [legendre(x, y, np.sqrt(y - x)) for x, y in pairwise(edges)]
            x, w = (np.concatenate(column) for column in zip(*parts, strict=True))
            log_density = -0.5 * ((x - b) / np.where(x > b, up, down)) ** 2
        elif self.prior == "exponential":
            scale = b / (1.0 + b)  # of prior times likelihood, for no count
            high = max(45.0 * b, scale * (n + 46.0 + 9.0 * np.sqrt(n + 1.0)))
            x, w = legendre(0.0, high, high / (2.0 * scale))
            log_density = -x / b
        elif self.prior == "lognormal":
            sigma = np.log1p(d / b)
            shift = min(n * sigma * sigma, max(0.0, float(np.log((n + 1) / b))))
            low = -9 * sigma - float(special.lambertw(b * sigma * sigma).real)
            high = 9 * sigma + shift
            y, w = legendre(low, high, (high - low) / 2 * np.sqrt(n + 1))
            x, log_density = b * np.exp(y), -0.5 * (y / sigma) ** 2
        else:
            shape = (b / d) ** 2
            low = -9 / np.sqrt(shape) - 45 / shape - np.log1p(d * d / b)
            high = np.log1p((9 * np.sqrt(shape) + 45 + n) / shape)
            y, w = legendre(low, high, (high - low) / 2 * np.sqrt(n + 1))
            x, log_density = b * np.exp(y), shape * (y - np.expm1(y))
        weights = w * np.exp(log_density - log_density.max())
        return x, weights / weights.sum()


def _peak(b: float, d: float, n: int) -> float:
    """Return the expectation that is likeliest with `n` counts and a Gaussian error d."""
    half = (b - d * d) / 2
    return float(half + np.hypot(half, np.sqrt(n) * d))


def _binned(toys: Floats) -> tuple[Floats, Floats]:
    """Return toys and equal weights; many of them in narrow bins of their value, each by its mean and share."""
    if toys.size <= TOY_BINS or toys[0] == toys[-1]:
        return toys, np.full(toys.size, 1.0 / toys.size)
    place = np.minimum(((toys - toys[0]) / (toys[-1] - toys[0]) * TOY_BINS).astype(int), TOY_BINS - 1)
    number, total = np.bincount(place), np.bincount(place, toys)
    used = number > 0
    return total[used] / number[used], number[used] / toys.size


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

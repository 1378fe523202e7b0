"""Limits and p-values from the shape of a few events: the extended unbinned likelihood ratio, with toys.

With s signal and b background events of densities f_s and f_b, the logarithm of the extended likelihood (Barlow, NIM A
297 (1990) 496) relative to that without a signal is ln Q(s) = -s + sum of ln(1 + s f_s(x_i) / (b f_b(x_i))). Limits are
CLs (Read, J. Phys. G 28 (2002) 2693) in Q at the tested s, p-values use the largest Q over s >= 0. Toys draw the
background expectation and the signal efficiency from their priors, as the counting limits do; where both densities are
equal, Q orders by the count and the limits are the counting ones.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from scipy import optimize

from bdana.errors import InputError
from bdana.statistics.correlated import draws, valid_covariance
from bdana.statistics.densities import Template
from bdana.statistics.limits import cls, efficiency_nodes
from bdana.statistics.poisson import TIE, Background, Floats, check_level, whole

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

    from bdana.statistics.densities import Density

__all__ = ["ShapeLimit", "ShapeModel", "ShapePValue", "shape_limit", "shape_p_value", "shape_scan"]

_FAINT = 1e-12  # events: replaces an expectation of zero, for which the likelihood ratio would be infinite
_LARGEST = 1e250  # of a ratio of densities
_DRAWS = 1024  # of uncertain shapes, assumed
_STEPS = 40  # halvings of the interval of s


@dataclass(frozen=True)
class ShapeModel:
    """A signal hypothesis and the background in the same variables.

    Attributes
    ----------
    signal, background : Density
        Normalised to one over the same window.
    expected : Background
        Background events in the window.
    covariance : ndarray or None, shape (bins, bins)
        Of the expected events in the bins of the background, which is then a `Template`, in events squared: its shape is
        uncertain too, and toys draw it. The error of `expected` is in it.
    """

    signal: Density
    background: Density
    expected: Background
    covariance: Floats | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        if self.covariance is None:
            return
        size = self.background.shares.size if isinstance(self.background, Template) else 0
        if np.shape(self.covariance) != (size, size) or not np.isfinite(self.covariance).all():
            raise InputError(
                "an uncertain shape needs a Template as background, and a finite covariance of all of its bins"
            )

    def weights(self, events: ArrayLike) -> Floats:
        """Return the signal density over the expected background density, f_s / (b f_b), of each event; shape (n,).

        Parameters
        ----------
        events : array_like, shape (n,) or (n, variables)

        Raises
        ------
        InputError
            When an event is where neither density is, or is not finite.
        """
        x = np.asarray(events, dtype=float)
        x = x[:, None] if x.ndim == 1 else x
        signal, background = self.signal(x), self.background(x)
        if not np.isfinite(x).all() or ((signal <= 0) & (background <= 0)).any():
            raise InputError(
                "an event is not finite or outside the window of both densities: select events of the window first"
            )
        with np.errstate(divide="ignore", over="ignore"):
            ratio = signal / (background * max(self.expected.expected, _FAINT))
        return np.minimum(ratio, _LARGEST)


@dataclass(frozen=True)
class ShapeLimit:
    """An upper limit on the number of signal events in the window.

    Attributes
    ----------
    high : float
    error : float
        Its Monte Carlo error.
    level : float
    convention : str
    """

    high: float
    error: float
    level: float
    convention: str


@dataclass(frozen=True)
class ShapePValue:
    """The p-value of a signal shape: how often the background alone fits the signal at least as well as the data.

    Attributes
    ----------
    p_local, error : float
        Probability at this hypothesis, or at the most significant one of a scan, and its Monte Carlo error.
    p_global, error_global : float
        Probability anywhere in the scan; the local one where there is one hypothesis.
    where : int
        Index of the most significant hypothesis.
    signal : float
        Signal events that fit best there.
    convention : str
    """

    p_local: float
    error: float
    p_global: float
    error_global: float
    where: int
    signal: float
    convention: str


@dataclass(frozen=True)
class _Toys:
    """Events of many experiments, one after the other.

    Attributes
    ----------
    events : ndarray, shape (n, variables)
    owner : ndarray of int, shape (n,)
        The experiment of each event.
    number : int
    """

    events: Floats
    owner: NDArray[np.int64]
    number: int

    def sums(self, values: Floats) -> Floats:
        """Sum values of the events by experiment, shape (number,).

        Parameters
        ----------
        values : ndarray, shape (n,)
        """
        return np.asarray(np.bincount(self.owner, values, self.number), dtype=np.float64)

    @cached_property
    def counts(self) -> NDArray[np.int64]:
        """Number of events of each experiment."""
        return np.bincount(self.owner, minlength=self.number)


def shape_limit(
    model: ShapeModel,
    observed: ArrayLike,
    level: float = 0.9,
    efficiency_error: float = 0.0,
    toys: int = 20_000,
    seed: int = 1,
) -> ShapeLimit:
    """Return the CLs upper limit on the signal from the positions of the observed events, with toys.

    Parameters
    ----------
    model : ShapeModel
    observed : array_like
        Events in the window, shape (n,) or (n, variables).
    level : float
    efficiency_error : float
        Relative error of signal efficiency and POT; log-normal of median 1, sigma = ln(1 + error).
    toys, seed : int
        Experiments with and without a signal; the same ones at every s.

    Raises
    ------
    InputError
        When an event is outside both densities, a number makes no sense, or there are too few toys.
    """
    alpha, number = 1 - check_level(level), _number(toys)
    weights = model.weights(observed)
    rng = np.random.default_rng(seed)
    background = _background_toys(model, number, rng)
    spread, shares = efficiency_nodes(efficiency_error)
    efficiency = rng.choice(spread, size=number, p=shares)
    by_background = model.weights(background.events)
    largest = 1.5 * cls(len(weights), Background(0.0), level, efficiency_error).high
    while True:
        signal, arrival = _signal_toys(model, largest * efficiency, np.random.default_rng([seed, 1]))
        by_signal = model.weights(signal.events)

        def tails(s: float) -> tuple[float, float]:
            seen = np.log1p(s * weights).sum()
            most = seen * (1 + TIE) + TIE
            without = background.sums(np.log1p(s * by_background))
            arrived = arrival <= s * efficiency[signal.owner]  # noqa: B023 - called within its turn
            added = signal.sums(np.where(arrived, np.log1p(s * by_signal), 0.0))  # noqa: B023
            below = np.array([without + added <= most, without <= most]).sum(axis=1)
            with_signal, alone = ((below + 1) / (number + 1)).tolist()
            return with_signal, alone

        def excess(s: float) -> float:
            with_signal, without = tails(s)
            return with_signal - alpha * without

        with_signal, without = tails(largest)
        if with_signal <= alpha * without:
            break
        if (
            with_signal <= 1 / number
        ):  # not one experiment with a signal is left, and yet this is not small enough
            raise InputError(
                f"{number} toys are too few for a limit at {100 * level:g}% CL: only {without:.1%} of those without signal "
                f"are as little like a signal as what was observed; give {10 * number} or more"
            )
        largest *= 2
    high = float(optimize.bisect(excess, 1e-6, largest, xtol=1e-5 * largest))
    with_signal, without = tails(high)
    error = np.sqrt((1 / max(with_signal, 1 / number) + 1 / max(without, 1 / number) - 2) / number)
    step = 0.05 * high
    slope = abs(excess(high + step) - excess(high - step)) / (2 * step)
    return ShapeLimit(
        high,
        float(alpha * without * error / max(slope, 1e-300)),
        level,
        f"CLs of the unbinned likelihood ratio; {model.expected.convention}; toys, n={number}",
    )


def shape_p_value(model: ShapeModel, observed: ArrayLike, toys: int = 20_000, seed: int = 1) -> ShapePValue:
    """Return the probability that the background alone fits a signal at least as well.

    Parameters
    ----------
    model, observed, toys, seed
        As for `shape_limit`.
    """
    return shape_scan([model], observed, toys, seed)


def shape_scan(
    models: Sequence[ShapeModel], observed: ArrayLike, toys: int = 20_000, seed: int = 1
) -> ShapePValue:
    """Return the local p-value of the most significant hypothesis, and the global one of all, from the same toys.

    Parameters
    ----------
    models : sequence of ShapeModel
        Hypotheses with one background, such as a peak at each mass.
    observed, toys, seed
        As of `shape_limit`.

    Raises
    ------
    InputError
        When there is no hypothesis, their backgrounds differ, or an event is outside both densities.
    """
    if not models:
        raise InputError("a scan needs at least one hypothesis")
    first, number = models[0], _number(toys)
    if any(
        m.background != first.background
        or m.expected != first.expected
        or m.covariance is not first.covariance
        for m in models
    ):
        raise InputError("the hypotheses of a scan share one background")
    background = _background_toys(first, number, np.random.default_rng(seed))
    seen = _Toys(np.empty((0, 1)), np.zeros(len(first.weights(observed)), dtype=np.int64), 1)
    fits = [_best(seen, model.weights(observed)) for model in models]
    where = int(np.argmax([q[0] for _, q in fits]))
    signal, largest = float(fits[where][0][0]), float(fits[where][1][0])
    least = largest * (1 - TIE) - TIE
    local, anywhere = np.zeros(number, dtype=bool), np.zeros(number, dtype=bool)
    for i, model in enumerate(models):
        as_large = _best(background, model.weights(background.events))[1] >= least
        anywhere |= as_large
        if i == where:
            local = as_large
    (p, error), (p_global, error_global) = (_share(found) for found in (local, anywhere))
    convention = (
        f"P(largest likelihood ratio over s >= 0 as large as the one seen | background) of {len(models)} hypotheses; "
        f"{first.expected.convention}; toys, n={number}"
    )
    return ShapePValue(p, error, p_global, error_global, where, signal, convention)


def _number(toys: int) -> int:
    if whole(toys, "number of toys") < 1:
        raise InputError("the number of toys is 0: give at least one")
    return toys


def _share(found: NDArray[np.bool_]) -> tuple[float, float]:
    p = float((found.sum() + 1) / (found.size + 1))  # never zero: the data are one more experiment
    return p, max(float(np.sqrt(p * (1 - p) / found.size)), 1 / found.size)


def _background_toys(model: ShapeModel, number: int, rng: np.random.Generator) -> _Toys:
    if model.covariance is not None and isinstance(model.background, Template):
        return _uncertain_toys(model.background, model.expected.expected, model.covariance, number, rng)
    values, shares = model.expected.nodes()
    counts = rng.poisson(rng.choice(values, size=number, p=shares))
    return _Toys(
        model.background.sample(rng, int(counts.sum())), np.repeat(np.arange(number), counts), number
    )


def _uncertain_toys(
    template: Template, expected: float, covariance: Floats, number: int, rng: np.random.Generator
) -> _Toys:
    """Draw experiments whose expected contents of the bins are normal with a covariance, cut at zero."""
    mean = expected * template.shares.ravel()
    values, shares = draws(mean, valid_covariance(covariance), _DRAWS, int(rng.integers(2**31)))
    chosen = rng.choice(_DRAWS, size=number, p=shares)
    counts = rng.poisson(values.sum(axis=1)[chosen])
    cumulative = np.cumsum(values, axis=1)
    owner = np.repeat(np.arange(number), counts)
    bins = np.empty(owner.size, dtype=np.int64)
    order = np.argsort(
        chosen[owner], kind="stable"
    )  # events of experiments with the same expectations together
    for draw, mine in enumerate(
        np.split(order, np.cumsum(np.bincount(chosen[owner], minlength=_DRAWS))[:-1])
    ):
        height = rng.random(mine.size) * cumulative[draw, -1]
        bins[mine] = np.searchsorted(cumulative[draw], height, side="right").clip(0, mean.size - 1)
    return _Toys(template.sample_bins(rng, bins), owner, number)


def _signal_toys(model: ShapeModel, largest: Floats, rng: np.random.Generator) -> tuple[_Toys, Floats]:
    """Draw signal events, each with the smallest s times efficiency that contains it: a Poisson process in s."""
    counts = rng.poisson(largest)
    owner = np.repeat(np.arange(largest.size), counts)
    toys = _Toys(model.signal.sample(rng, owner.size), owner, largest.size)
    return toys, rng.random(owner.size) * largest[owner]


def _best(toys: _Toys, weights: Floats) -> tuple[Floats, Floats]:
    """Return the s >= 0 that fits each experiment best, and ln Q there, by bisection of d ln Q / ds."""
    low, high = np.zeros(toys.number), toys.counts.astype(float)
    for _ in range(_STEPS):
        middle = (low + high) / 2
        rising = toys.sums(weights / (1 + middle[toys.owner] * weights)) > 1
        low, high = np.where(rising, middle, low), np.where(rising, high, middle)
    s = (low + high) / 2
    return s, toys.sums(np.log1p(s[toys.owner] * weights)) - s

"""Best fit of a signal to counts, with intervals: the profile likelihood of one or several categories.

Category i counts n_i events, Poisson distributed around x / s_i + b_i: x is what is measured, such as a branching ratio,
s_i the single-event sensitivity, the x that would give one expected event, and b_i the background. An interval holds all x
whose likelihood is above that of the best fit by no more than half of the chi-squared quantile of one degree of freedom.
The statistical interval keeps backgrounds and sensitivities at their values, the total one takes them where they fit best.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import optimize, special

from bdana.errors import InputError
from bdana.statistics.limits import check_efficiency_error
from bdana.statistics.poisson import Background, Floats, check_level, whole

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["ONE_SIGMA", "Category", "SignalFit", "fit_signal"]

ONE_SIGMA = 0.6826894921370859
"""Probability within one standard deviation, the level of an interval by default."""
_REACH = 8.0  # standard deviations of a nuisance parameter
_FAR = 1e30  # replaces an infinite difference of log-likelihoods
_GRID = np.linspace(-_REACH, _REACH, 321)


@dataclass(frozen=True, slots=True)
class Category:
    """A count of a measurement, with its background and its single-event sensitivity.

    Attributes
    ----------
    name : str
    observed : int
    background : Background
    sensitivity : float
        What is measured per expected signal event, in its unit; 1 measures signal events.
    sensitivity_error : float
        Its relative error, from 0 to 1, log-normal; common to all categories.

    Examples
    --------
    >>> from bdana.statistics.poisson import Background
    >>> from bdana.statistics.signal_fit import Category
    >>> Category("2017", 2, Background(1.46, 0.3), sensitivity=0.389e-10).observed
    2
    """

    name: str
    observed: int
    background: Background
    sensitivity: float = 1.0
    sensitivity_error: float = 0.0

    def __post_init__(self) -> None:
        if not (np.isfinite(self.sensitivity) and self.sensitivity > 0):
            raise InputError(
                f"category {self.name}: the single-event sensitivity is {self.sensitivity:g}: give a finite number above zero"
            )
        try:
            whole(self.observed)
            check_efficiency_error(self.sensitivity_error)
        except InputError as err:
            raise InputError(f"category {self.name}: {err}") from None


@dataclass(frozen=True, slots=True)
class SignalFit:
    """A fitted signal with its intervals.

    Attributes
    ----------
    value : float
        Best fit, not below zero.
    up, down : float
        Statistical errors, both positive.
    total_up, total_down : float
        With the errors of backgrounds and sensitivities.
    z : float
        Significance: root of twice the gain of log-likelihood over no signal, all errors included; asymptotic.
    level : float
        Of the intervals.
    convention : str
    """

    value: float
    up: float
    down: float
    total_up: float
    total_down: float
    z: float
    level: float
    convention: str


def fit_signal(
    categories: Sequence[Category], level: float = ONE_SIGMA, *, independent: bool = False
) -> SignalFit:
    """Fit a signal to the counts of one or several categories.

    Parameters
    ----------
    categories : sequence of Category
    level : float
        Of the intervals, between 0 and 1.
    independent : bool
        Whether each category's background error moves alone; by default all move together.

    Raises
    ------
    InputError
        When there is no category, or two have one name.

    Examples
    --------
    >>> from bdana.statistics.poisson import Background
    >>> from bdana.statistics.signal_fit import Category, fit_signal
    >>> one = Category("all", 20, Background.asymmetric(7.03, 1.05, 0.82), 0.839, 0.053 / 0.839)
    >>> fit = fit_signal([one])
    >>> print(f"{fit.value:.2f} +{fit.up:.2f} -{fit.down:.2f}; +{fit.total_up:.2f} -{fit.total_down:.2f}")
    10.88 +4.04 -3.48; +4.19 -3.63
    """
    names = [x.name for x in categories]
    if not names or len(set(names)) < len(names):
        raise InputError("give one category or more, each with a name of its own")
    half = float(special.ndtri((1.0 + check_level(level)) / 2.0)) ** 2 / 2.0
    scale = 1.0 / sum(
        1.0 / x.sensitivity for x in categories
    )  # what is measured per signal event of all of them
    model = _Likelihood.of(categories, scale, independent)
    best = model.best()
    low, high = model.interval(best, model.known, half)
    total_low, total_high = model.interval(best, model.profiled, half)
    gain = model.profiled(best) - model.profiled(0.0)
    moved = "independent" if independent else "all together"
    convention = (
        f"profile likelihood, value not below 0, interval at {level:.4g}; up and down: backgrounds and sensitivities at their "
        "values; total: where they fit best"
        + (f", background errors {moved}" if len(names) > 1 else "")
        + "; sensitivity log-normal"
    )
    return SignalFit(
        scale * best,
        scale * (high - best),
        scale * (best - low),
        scale * (total_high - best),
        scale * (best - total_low),
        float(np.sqrt(2.0 * max(gain, 0.0))) if gain < _FAR / 2 else np.inf,
        level,
        convention,
    )


def _shifts(background: Background) -> Callable[[float], float]:
    """Return `Background.shifted`, of toys from a table: they may be many."""
    if not background.toys:
        return lambda z: float(background.shifted(z))
    table = background.shifted(_GRID)
    return lambda z: float(np.interp(z, _GRID, table))


@dataclass(frozen=True)
class _Likelihood:
    """Log-likelihood of the signal events of all categories; `spread` is ln(1 + relative error) of each sensitivity."""

    counts: Floats
    backgrounds: tuple[Background, ...]
    shifted: tuple[Callable[[float], float], ...]
    sensitivity: Floats
    spread: Floats
    independent: bool

    @classmethod
    def of(cls, categories: Sequence[Category], scale: float, independent: bool) -> _Likelihood:
        return cls(
            np.array([float(x.observed) for x in categories]),
            tuple(x.background for x in categories),
            tuple(_shifts(x.background) for x in categories),
            np.array([x.sensitivity / scale for x in categories]),
            np.log1p([x.sensitivity_error for x in categories]),
            independent,
        )

    def known(self, x: float) -> float:
        """Return the log-likelihood with backgrounds and sensitivities at their values."""
        return self.at(x, np.zeros(len(self.counts)), 0.0)

    def at(self, x: float, pulls: Floats, pull: float) -> float:
        """Return the log-likelihood at standard deviations of the backgrounds and of the sensitivities."""
        backgrounds = np.array([shifted(z) for shifted, z in zip(self.shifted, pulls, strict=True)])
        mean = x / self.sensitivity * np.exp(-self.spread * pull) + backgrounds
        return float((special.xlogy(self.counts, mean) - mean).sum())

    def profiled(self, x: float) -> float:
        """Return the log-likelihood with backgrounds and sensitivities where they fit best."""
        uncertain = any(any(b.errors) for b in self.backgrounds)
        n = (len(self.counts) if self.independent else 1) if uncertain else 0
        scaled = int(bool(self.spread.any()) and x > 0)
        if n + scaled == 0:
            return self.known(x)

        def loss(theta: Floats) -> float:
            pulls = np.zeros(len(self.counts)) + (theta[:n] if n else 0.0)
            value = self.at(x, pulls, float(theta[n]) if scaled else 0.0)
            return -max(value, -_FAR) + 0.5 * float(theta @ theta)

        bounds = [(-_REACH, _REACH)] * (n + scaled)
        options = {"xtol": 1e-9, "ftol": 1e-13}
        found = optimize.minimize(
            loss, np.full(n + scaled, 1e-3), method="Powell", bounds=bounds, options=options
        )
        return -float(found.fun)

    def best(self) -> float:
        """Return the best fit, where the derivative of the likelihood is zero; not below zero."""
        b = np.array([x.expected for x in self.backgrounds])

        def slope(x: float) -> float:
            mean = x / self.sensitivity + b
            return float(((self.counts / mean - 1.0) / self.sensitivity).sum())

        used = self.counts > 0
        if not used.any() or (((b > 0) | ~used).all() and slope(0.0) <= 0):
            return 0.0
        # All counts as signal, with the largest sensitivity, is more than fits.
        high = float(self.counts.sum() * self.sensitivity.max())
        return float(optimize.brentq(slope, 1e-12 * high, high, xtol=1e-14 * high, rtol=1e-13))

    def interval(
        self, best: float, log_likelihood: Callable[[float], float], half: float
    ) -> tuple[float, float]:
        """Return where a log-likelihood has fallen by `half` from that of the best fit, on both sides."""
        top = log_likelihood(best)

        def left(x: float) -> float:
            return log_likelihood(x) - top + half

        low = float(optimize.brentq(left, 0.0, best, rtol=1e-9)) if best > 0 and left(0.0) < 0 else 0.0
        step = (half + np.sqrt(self.counts.sum() + 1.0)) * float(self.sensitivity.max())
        high = best + step
        while left(high) > 0:
            high += step
            step *= 2.0
        return low, float(optimize.brentq(left, best, high, rtol=1e-9))

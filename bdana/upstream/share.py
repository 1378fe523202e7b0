"""The share of in-time pairs in the time differences of selected pairs: flat accidentals and a Gaussian peak.

With yields A (accidental, density u = 1/2W) and P (prompt, density g), the extended likelihood is
exp(-A - P) prod(A u + P g_i). In N = A + P and s = P / N it factorises into a Poisson term of N and
L(s) = prod((1 - s) u + s g_i), so the fit of two yields is one in s, and a prior flat in both yields is flat in s.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.optimize import brentq
from scipy.special import erf

from bdana.errors import ConfigError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["PromptShare", "fit_prompt_share"]


@dataclass(frozen=True)
class PromptShare:
    """In-time component of pairs, fitted without a bound at zero.

    Attributes
    ----------
    pairs : int
        Pairs in the window.
    prompt, error : float
        Fitted number of prompt pairs and its error; NaN without pairs.
    fraction, fraction_error : float
        Prompt over accidental pairs in the window of the selection, `within`; NaN without pairs.
    upper_limit : float
        Bayesian upper limit on that fraction at `level`, flat prior in both (non-negative) yields.
    level : float
        Credibility.
    """

    pairs: int
    prompt: float
    error: float
    fraction: float
    fraction_error: float
    upper_limit: float
    level: float

    def to_dict(self) -> dict[str, Any]:
        """Return the result as plain values for JSON: None where there is none."""
        return {name: value if np.isfinite(value) else None for name, value in asdict(self).items()}


def fit_prompt_share(
    dt: NDArray[np.float64], window: float, width: float, within: float, level: float = 0.90
) -> PromptShare:
    """Fit the prompt component.

    Parameters
    ----------
    dt : ndarray, shape (N,)
        Time differences in ns; those outside the window and NaN are left out.
    window : float
        Half width W of the window in ns.
    width : float
        Gaussian width of the prompt peak in ns: sqrt(2) times the resolution of one track.
    within : float
        Half width in ns of the window that fractions and limit refer to: that of the selection. Fewer accidental
        pairs lie in a narrower one, but nearly as many prompt pairs.
    level : float
        Of the upper limit.

    Raises
    ------
    ConfigError
        When the peak is not narrower than the window: nothing could tell it from the accidentals.
    """
    if not (0.0 < width < window and within > 0.0 and 0.0 < level < 1.0):
        raise ConfigError(
            f"prompt peak of {width} ns in a window of +-{window} ns at level {level}: "
            "the peak must be narrower than the window, the level between 0 and 1"
        )
    inside = dt[np.abs(dt) < window]
    # The ratio of the densities, minus one: L(s) = prod(1 + s x_i).
    x = _gauss(inside, width) / erf(window / width / np.sqrt(2.0)) * 2.0 * window - 1.0
    scale = window / within * erf(within / width / np.sqrt(2.0)) / erf(window / width / np.sqrt(2.0))
    limit = scale * _upper_limit(x, level)
    n = len(x)
    if not n:
        return PromptShare(0, np.nan, np.nan, np.nan, np.nan, limit, level)
    s = _best(x)
    variance = 1.0 / np.sum((x / (1.0 + s * x)) ** 2)
    return PromptShare(
        pairs=n,
        prompt=n * s,
        error=float(np.sqrt(n**2 * variance + n * s**2)),
        fraction=scale * s / (1.0 - s) if s < 1.0 else np.inf,
        fraction_error=scale * float(np.sqrt(variance)) / (1.0 - s) ** 2 if s < 1.0 else np.inf,
        upper_limit=limit,
        level=level,
    )


def _gauss(x: NDArray[np.float64], width: float) -> NDArray[np.float64]:
    return np.exp(-0.5 * (x / width) ** 2) / (width * np.sqrt(2.0 * np.pi))


def _best(x: NDArray[np.float64]) -> float:
    """Return the s that maximises prod(1 + s x), where every factor is positive and s is at most 1."""

    def score(s: float) -> float:
        return float(np.sum(x / (1.0 + s * x)))

    if x.max() <= 0.0:
        return (
            -1.0
        )  # no pair near the peak: the likelihood has no lower end, and the yields may not swap signs
    low = max(-1.0, -1.0 / x.max() * (1.0 - 1e-9))
    high = 1.0 - 1e-9
    if score(high) >= 0.0:
        return 1.0
    return low if score(low) <= 0.0 else float(brentq(score, low, high))


def _upper_limit(x: NDArray[np.float64], level: float) -> float:
    """Integrate L(s) over 0 < s < 1 (trapezoidal rule) and turn the quantile into s / (1 - s)."""
    s = np.linspace(0.0, 1.0, 20_001)[:-1]
    log_l = np.zeros_like(s)
    for part in np.array_split(x, len(x) // 200 + 1):
        log_l += np.log1p(s[:, np.newaxis] * part).sum(axis=1)
    density = np.exp(log_l - log_l.max())
    sums = np.concatenate([[0.0], np.cumsum(0.5 * (density[1:] + density[:-1]))])
    quantile = float(np.interp(level, sums / sums[-1], s))
    return quantile / (1.0 - quantile)

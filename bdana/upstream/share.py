"""The share of in-time pairs in the time differences of selected pairs: flat accidentals and a Gaussian peak.

With yields A (accidental, density u = 1/2W) and P (prompt, density g), the extended likelihood is
exp(-A - P) prod(A u + P g_i). In N = A + P and s = P / N it factorises into a Poisson term of N and
L(s) = prod((1 - s) u + s g_i), so the fit of two yields is one in s, and a prior flat in both yields is flat in s.
The width of the peak is known to an error only: L(s, w) has a Gaussian factor for it.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from bdana.display import shortened
from bdana.errors import ConfigError
from bdana.on_demand import late_module
from bdana.rounding import plus_minus

if TYPE_CHECKING:
    import scipy
    from numpy.typing import NDArray

    from bdana.events.bad_files import BadFile
else:
    scipy = late_module("scipy")

__all__ = ["PromptShare", "fit_prompt_share"]

WIDTHS = 4.0
"""Range of peak widths in the likelihood, in errors on both sides."""
QUANTILES = 200
"""Values of the number of prompt pairs that stand for its distribution."""
DROP = 20.0
"""Shares whose log-likelihood is lower than the largest one by more than this are left out."""


@dataclass(frozen=True)
class PromptShare:
    """Fitted in-time (prompt) component of pairs, with yields constrained to be non-negative.

    Attributes
    ----------
    pairs : int
        Pairs in the window.
    prompt : float
        Fitted number of prompt pairs; NaN without pairs.
    prompt_low, prompt_high : float
        Ends of the 68.3% interval of that number, from the likelihood of both yields.
    prompt_quantiles : tuple of float
        `QUANTILES` values of that number with equal probability, for a flat prior in both yields: at the middle of each
        of as many equal parts of its distribution.
    contained : float
        Share of the prompt pairs of the fit that lie in the window of the selection.
    fraction : float
        Prompt over accidental pairs in the window of the selection, `within`: where the likelihood is largest; NaN
        without pairs, infinite when no pair need be accidental.
    low, high : float
        Ends of the 68.3% interval of that fraction, where -2 ln of the likelihood ratio is 1; NaN without pairs.
    upper_limit : float
        Bayesian upper limit on that fraction at `level`, flat prior in both yields.
    level : float
        Credibility of the limit.
    bad_files : tuple of BadFile
        Files that cannot be read and were left out with their bursts.
    """

    pairs: int
    prompt: float
    prompt_low: float
    prompt_high: float
    prompt_quantiles: tuple[float, ...]
    contained: float
    fraction: float
    low: float
    high: float
    upper_limit: float
    level: float
    bad_files: tuple[BadFile, ...] = ()

    def __repr__(self) -> str:
        return shortened(f"PromptShare({self.text}; below {self.upper_limit:.3g} at {self.level:.0%} CL)")

    def to_dict(self) -> dict[str, Any]:
        """Return the result as plain values for JSON; None where a value is undefined."""
        numbers = asdict(self) | {"prompt_quantiles": list(self.prompt_quantiles)}
        bad = numbers.pop("bad_files")
        return {name: None if _undefined(value) else value for name, value in numbers.items()} | (
            {"bad_files": list(bad)} if bad else {}
        )

    @property
    def text(self) -> str:
        """Result of the fit in words: `3.1 of 29 pairs in time, 0.190 (+0.150 -0.110) of the accidental ones`."""
        if not self.pairs:
            return "no pairs"
        if not np.isfinite(self.fraction):
            return f"all of {self.pairs} pairs in time, more than {self.low:.3f} of the accidental ones"
        fraction = plus_minus(self.fraction, self.high - self.fraction, self.fraction - self.low)
        return f"{self.prompt:.1f} of {self.pairs} pairs in time, {fraction} of the accidental ones"


def fit_prompt_share(
    dt: NDArray[np.float64],
    window: float,
    width: float,
    within: float,
    width_error: float = 0.0,
    level: float = 0.90,
) -> PromptShare:
    """Fit the prompt component in the time differences of pairs.

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
    width_error : float
        Gaussian error of the width in ns: the interval takes the best width for every share, the limit averages.
    level : float
        Of the upper limit.

    Raises
    ------
    ConfigError
        When the peak is not narrower than the window: nothing could tell it from the accidentals.
    """
    if not (0.0 < width < window and within > 0.0 and width_error >= 0.0 and 0.0 < level < 1.0):
        raise ConfigError(
            f"prompt peak of {width} +- {width_error} ns in a window of +-{window} ns at level {level}: "
            "the peak must be narrower than the window, the level between 0 and 1"
        )
    inside = dt[np.abs(dt) < window]
    pulls = np.linspace(-WIDTHS, WIDTHS, 17) if width_error else np.zeros(1)
    widths = width + pulls * width_error
    allowed = (widths > 0.1 * width) & (widths < window)
    pulls, widths = pulls[allowed], widths[allowed, np.newaxis]
    # The ratio of the densities, minus one: L(s) = prod(1 + s x_i).
    x = _gauss(inside, widths) / _contained(window, widths) * 2.0 * window - 1.0
    scale = float(window / within * _contained(within, width) / _contained(window, width))
    s, log_l = _likelihood(x, pulls)
    averaged = np.exp(log_l - log_l.max()).sum(axis=1)
    limit = scale * _odds(_quantile(s, averaged, level))
    best, low, high = _interval(s, log_l.max(axis=1)) if len(inside) else (np.nan, np.nan, np.nan)
    fewest, most, quantiles = _prompt_pairs(
        len(inside), s, log_l.max(axis=1), np.log(np.maximum(averaged, 1e-300))
    )
    return PromptShare(
        pairs=len(inside),
        prompt=float(len(inside) * best),
        prompt_low=fewest,
        prompt_high=most,
        prompt_quantiles=quantiles,
        contained=float(_contained(within, width) / _contained(window, width)),
        fraction=scale * _odds(best),
        low=scale * _odds(low),
        high=scale * _odds(high),
        upper_limit=limit,
        level=level,
    )


def _gauss(x: NDArray[np.float64], width: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.exp(-0.5 * (x / width) ** 2) / (width * np.sqrt(2.0 * np.pi))


def _contained(half: float, width: Any) -> Any:
    return scipy.special.erf(half / width / np.sqrt(2.0))


def _odds(s: float) -> float:
    return np.inf if s >= 1.0 else s / (1.0 - s)  # NaN stays NaN


def _likelihood(
    x: NDArray[np.float64], pulls: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return shares s, shape (S,), where the likelihood is not negligible, and ln L of each with each width (S, W)."""

    def log_l(s: NDArray[np.float64]) -> NDArray[np.float64]:
        total = np.tile(-0.5 * pulls**2, (len(s), 1))
        for part in np.array_split(x, x.shape[1] // 200 + 1, axis=1):
            # s = 1 is impossible when a pair lies far from the peak.
            total += np.log(np.maximum(1.0 + s[:, np.newaxis, np.newaxis] * part, 1e-300)).sum(axis=2)
        return total

    s = np.linspace(0.0, 1.0, 201)
    best = log_l(s).max(axis=1)
    likely = np.flatnonzero(best > best.max() - DROP)
    s = np.linspace(s[max(likely[0] - 1, 0)], s[min(likely[-1] + 1, 200)], 401)
    return s, log_l(s)


def _interval(s: NDArray[np.float64], log_l: NDArray[np.float64]) -> tuple[float, float, float]:
    """Return the maximum of ln L and the ends of the interval where it is less than 1/2 below that."""
    top = int(np.argmax(log_l))
    best, most = float(s[top]), float(log_l[top])
    if 0 < top < len(s) - 1:
        # The top of the parabola through three points.
        before, after = log_l[top] - log_l[top - 1], log_l[top] - log_l[top + 1]
        move = 0.5 * (before - after) / (before + after) if before + after > 0 else 0.0
        best += move * (s[1] - s[0])
        most += 0.25 * (before - after) * move
    drop = most - 0.5 - log_l
    low = float(np.interp(0.0, -drop[: top + 1], s[: top + 1])) if drop[0] > 0 else float(s[0])
    high = float(np.interp(0.0, drop[top:], s[top:])) if drop[-1] > 0 else float(s[-1])
    return best, low, high


def _prompt_pairs(
    n: int, s: NDArray[np.float64], best: NDArray[np.float64], averaged: NDArray[np.float64]
) -> tuple[float, float, tuple[float, ...]]:
    """Return the 68.3% interval and quantiles of the prompt yield P, from ln L of the shares.

    ln L(P, N') = -N' + n ln N' + ln L(s = P/N') is maximised, or its exponential summed, over all N' >= P.
    """
    reach = 8.0 * np.sqrt(n + 1.0)
    total = np.linspace(max(n - reach, 1e-3), n + 2.0 * reach, 301)
    prompt = np.linspace(0.0, s[-1] * total[-1], 401)
    share = prompt[:, np.newaxis] / total
    common = n * np.log(total) - total

    def log_l(of_shares: NDArray[np.float64]) -> NDArray[np.float64]:
        found = common + np.interp(share, s, of_shares, left=-np.inf, right=-np.inf)
        return np.asarray(found - found.max())

    _, low, high = _interval(prompt, log_l(best).max(axis=1))
    density = np.exp(log_l(averaged)).sum(axis=1)
    middles = (np.arange(QUANTILES) + 0.5) / QUANTILES
    return low, high, tuple(_quantile(prompt, density, level) for level in middles.tolist())


def _undefined(value: Any) -> bool:
    return isinstance(value, float) and not np.isfinite(value)


def _quantile(s: NDArray[np.float64], density: NDArray[np.float64], level: float) -> float:
    """Return a quantile of a density in s (trapezoidal rule)."""
    sums = np.concatenate([[0.0], np.cumsum(0.5 * (density[1:] + density[:-1]))])
    return float(np.interp(level, sums / sums[-1], s))

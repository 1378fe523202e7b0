"""Profile-likelihood interval bounded at s >= 0, as a comparison: its coverage holds only asymptotically."""

from __future__ import annotations

import numpy as np
from scipy import optimize, special

from bdana.statistics.limits import Interval, efficiency_nodes
from bdana.statistics.poisson import Background, check_level, whole

__all__ = ["log_likelihood", "profile_likelihood", "profiled_background"]


def profiled_background(signal: float, n: float, background: Background) -> float:
    """Return the likeliest background beside `signal` expected events: the root of a quadratic.

    Parameters
    ----------
    signal, n : float
        Expected signal and observed count, in events.
    background : Background
    """
    b0, variance = background.expected, background.errors[0 if n > signal + background.expected else 1] ** 2
    if not variance:
        return b0
    half = (signal + b0 - variance) / 2
    return max(0.0, half + np.sqrt(half * half + n * variance) - signal)


def log_likelihood(s: float, n: float, background: Background, sigma: float) -> float:
    """Return the profile log-likelihood of `s`: background (Gaussian, each side with its error) and efficiency (log-normal) at their best.

    Parameters
    ----------
    s, n : float
        Expected signal and observed count, in events.
    background : Background
    sigma : float
        Of the logarithm of the efficiency.
    """

    def at(z: float) -> float:
        signal = s * np.exp(sigma * z)
        b = profiled_background(signal, n, background)
        error = background.errors[0 if b > background.expected else 1]
        pull = (b - background.expected) / error if error else 0.0
        return float(special.xlogy(n, signal + b) - signal - b - (pull * pull + z * z) / 2)

    if sigma == 0 or s == 0:
        return at(0.0)
    best = optimize.minimize_scalar(
        lambda z: -at(z), bounds=(-8, 8), method="bounded", options={"xatol": 1e-9}
    )
    return -float(best.fun)


def profile_likelihood(
    observed: int, background: Background, level: float = 0.9, efficiency_error: float = 0.0
) -> Interval:
    """Return the interval of -2 ln lambda(s) <= chi2_1(level), s >= 0: Rolke et al., NIM A 551 (2005) 493.

    Parameters
    ----------
    observed, background, level, efficiency_error
        As for `bdana.statistics.limits.cls`.
    """
    n = whole(observed)
    half = float(special.ndtri((1 + check_level(level)) / 2)) ** 2 / 2
    efficiency_nodes(efficiency_error)  # refuses a wrong error
    sigma = float(np.log1p(efficiency_error))

    def fall(s: float) -> float:
        return log_likelihood(s, n, background, sigma) - top + half

    best = max(0.0, n - background.expected)
    top = log_likelihood(best, n, background, sigma)
    low = float(optimize.brentq(fall, 0.0, best)) if best > 0 and fall(0.0) < 0 else 0.0
    high = best + 1.0
    while fall(high) > 0:
        high = 2 * high
    return Interval(
        low,
        float(optimize.brentq(fall, best, high)),
        level,
        "two-sided profile likelihood bounded at s >= 0, Gaussian background, log-normal efficiency; asymptotic",
    )

"""CLs from asymptotic formulae: only on request, since they are wrong by tens of per cent at a few events."""

from __future__ import annotations

import warnings
from dataclasses import replace

import numpy as np
from scipy import optimize, special

from bdana.statistics.limits import Interval, cls, efficiency_nodes
from bdana.statistics.poisson import Background, check_level, whole
from bdana.statistics.profile import log_likelihood, profiled_background

__all__ = ["asymptotic_cls"]


def _statistic(s: float, n: float, background: Background, sigma: float) -> float:
    """Return the test statistic q~ of an upper limit: Cowan, Cranmer, Gross and Vitells, equation 16."""
    best = max(0.0, n - background.expected)
    if s <= best:
        return 0.0
    fall = log_likelihood(best, n, background, sigma) - log_likelihood(s, n, background, sigma)
    return max(0.0, 2 * fall)


def asymptotic_cls(
    observed: int, background: Background, level: float = 0.9, efficiency_error: float = 0.0
) -> Interval:
    """Return the CLs upper limit from the asymptotic distribution of q~, and warn how far it is from exact CLs.

    Cowan, Cranmer, Gross and Vitells, Eur. Phys. J. C 71 (2011) 1554 (arXiv:1007.1727), equations 62 to 65, with
    the Asimov counts of no signal at the background fitted to the observed count. The background error is
    Gaussian, the efficiency error log-normal.

    Parameters
    ----------
    observed, background, level, efficiency_error
        As for `bdana.statistics.limits.cls`.

    Warns
    -----
    UserWarning
        Always: how far the limit is from the exact one.
    """
    n, log_alpha = whole(observed), float(np.log1p(-check_level(level)))
    efficiency_nodes(efficiency_error)  # refuses a wrong error
    sigma = float(np.log1p(efficiency_error))
    fitted = profiled_background(0.0, n, background)
    asimov = replace(background, expected=fitted, prior="truncated_gaussian")

    def log_cls(s: float) -> float:
        q, q_a = _statistic(s, n, background, sigma), _statistic(s, fitted, asimov, sigma)
        root, root_a = np.sqrt(q), np.sqrt(q_a)
        if q <= q_a or q_a == 0:
            return float(special.log_ndtr(-root) - special.log_ndtr(root_a - root))
        return float(special.log_ndtr(-(q + q_a) / (2 * root_a)) - special.log_ndtr((q_a - q) / (2 * root_a)))

    high = n + 1.0
    while log_cls(high) > log_alpha:
        high *= 2
    low = 1e-9 * high
    high = float(optimize.brentq(lambda s: log_cls(s) - log_alpha, low, high, xtol=1e-10))
    exact = cls(n, background, level, efficiency_error).high
    convention = (
        f"asymptotic CLs (arXiv:1007.1727), Gaussian background, log-normal efficiency: "
        f"{high / exact - 1:+.1%} from the exact limit {exact:.4g}"
    )
    warnings.warn(convention, stacklevel=2)
    return Interval(0.0, high, level, convention)

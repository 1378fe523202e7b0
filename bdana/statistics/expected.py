"""Expected limits without a signal: exact quantiles of the count, not an asymptotic band."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import special

from bdana.statistics.methods import limits
from bdana.statistics.poisson import Background, count_probabilities, upper_count

__all__ = ["ExpectedLimit", "expected_limit", "median_count"]


@dataclass(frozen=True, slots=True)
class ExpectedLimit:
    """Upper limits at the -2, -1, 0, +1 and +2 sigma quantiles of the count."""

    counts: tuple[int, ...]
    limits: tuple[float, ...]
    collapsed: bool
    convention: str


def expected_limit(
    background: Background, level: float = 0.9, efficiency_error: float = 0.0, method: str = "cls"
) -> ExpectedLimit:
    """Return the expected upper limit and its band; `collapsed` is True when all five quantiles are one count.

    Parameters
    ----------
    background, level, efficiency_error
        As for `bdana.statistics.limits.cls`.
    method : str
        One of `bdana.statistics.methods.METHODS`.

    Examples
    --------
    >>> from bdana.statistics.expected import expected_limit
    >>> from bdana.statistics.poisson import Background
    >>> found = expected_limit(Background(2.57, 0.33))
    >>> found.counts, [round(limit, 2) for limit in found.limits]
    ((0, 1, 2, 4, 6), [2.3, 2.91, 3.69, 5.68, 8.02])
    """
    cumulative = np.cumsum(count_probabilities(background, upper_count(background)))
    quantiles = special.ndtr(np.arange(-2.0, 3.0))
    counts = tuple(int(n) for n in np.searchsorted(cumulative, quantiles))
    by_count = {
        n: limits(n, background, level, efficiency_error, (method,))[method].high for n in set(counts)
    }
    collapsed = len(by_count) == 1
    convention = f"{method} at the count quantiles of -2 to +2 sigma" + (
        f"; the band is collapsed: every quantile is n = {counts[0]}" if collapsed else ""
    )
    return ExpectedLimit(counts, tuple(by_count[n] for n in counts), collapsed, convention)


def median_count(background: Background) -> int:
    """Return the count at the median without a signal.

    Parameters
    ----------
    background : Background
    """
    cumulative = np.cumsum(count_probabilities(background, upper_count(background)))
    return int(np.searchsorted(cumulative, 0.5))

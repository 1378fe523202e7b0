"""Closure test on simulated samples: estimated over simulated number of pairs, with statistical errors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from bdana.pairing import PairEstimate

__all__ = ["Closure", "close"]


@dataclass(frozen=True)
class Closure:
    """Estimated and simulated number of pairs of one kind in a simulated sample.

    Attributes
    ----------
    source : str
        Which pairs.
    estimate, error : float
        Their estimate with its statistical error. Systematic errors are not part of it: in a simulated sample live
        time, downscale and halo are what they are said to be.
    observed : int
    ratio, ratio_error : float or None
        Estimate over observed number, with the errors of both; None when nothing was observed.
    pull : float
        Estimate minus observed number over the error of both, sqrt(estimate + error^2).
    """

    source: str
    estimate: float
    error: float
    observed: int
    ratio: float | None
    ratio_error: float | None
    pull: float


def close(source: str, estimate: PairEstimate, observed: int, scale: float = 1.0) -> Closure | None:
    """Compare an estimate, summed over all regions, with the observed number; None without an estimated pair.

    Parameters
    ----------
    source : str
        Which pairs.
    estimate : PairEstimate
    observed : int
    scale : float
        Width of the observed window of time differences over that of the estimate.
    """
    expected = scale * float(estimate.expected.sum())
    variance = scale**2 * max(float(estimate.covariance.sum()), 0.0)
    if expected == 0.0:
        return None
    both = float(np.sqrt(expected + variance))
    ratio = expected / observed if observed else None
    ratio_error = (
        ratio * float(np.sqrt(1.0 / observed + variance / expected**2)) if ratio is not None else None
    )
    return Closure(
        source, expected, float(np.sqrt(variance)), observed, ratio, ratio_error, (expected - observed) / both
    )

"""A bootstrap over tracks, which checks the variance of the U-statistic in another way."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from bdana.selection import Candidates

__all__ = ["Bootstrap", "BootstrapErrors"]

SEED = 20221102
"""Of the replicas, so that the same sample gives the same errors."""


@dataclass(frozen=True)
class BootstrapErrors:
    """Errors of R regions from a bootstrap.

    Attributes
    ----------
    replicas : int
    error : ndarray, shape (R,)
        Without the excess of a bootstrap of pairs; 0 where that leaves nothing.
    plain : ndarray, shape (R,)
        Standard deviation of the replicas.
    """

    replicas: int
    error: NDArray[np.float64]
    plain: NDArray[np.float64]


class Bootstrap:
    """Replicas of a sum over pairs, in which each track stands a Poisson number of times, of mean 1.

    With multiplicities m a replica is sum_ij m_i m_j h_ij. Pairs that share a track have the covariance
    E[m_i^2 m_j m_k] - 1 = 1, a pair with itself E[m_i^2 m_j^2] - 1 = 3, so the replicas' variance is the unbiased one of
    `PairSums` plus 2 sum h^2, which is subtracted (derivation in docs/combinatorial.md).

    Parameters
    ----------
    tracks : int
        Number of tracks.
    regions : int
        Number of regions; pairs of further ones are left out.
    replicas : int
    """

    def __init__(self, tracks: int, regions: int, replicas: int) -> None:
        rng = np.random.default_rng(SEED)
        self._times = np.minimum(rng.poisson(1.0, (replicas, tracks)), 255).astype(np.uint8)
        self._sums = np.zeros((replicas, regions))
        self._sum_w2 = np.zeros(regions)

    def fill(
        self,
        first: NDArray[np.int64],
        second: NDArray[np.int64],
        region: NDArray[np.int64],
        candidates: Candidates,
    ) -> None:
        """Add a batch of selected pairs."""
        regions = len(self._sum_w2)
        known = region < regions
        first, second, region, weight = first[known], second[known], region[known], candidates.weight[known]
        self._sum_w2 += np.bincount(region, weight**2, minlength=regions)
        for times, sums in zip(self._times, self._sums, strict=True):
            sums += np.bincount(region, times[first] * (times[second] * weight), minlength=regions)

    def result(self) -> BootstrapErrors:
        """Return the errors."""
        variance = self._sums.var(axis=0, ddof=1)
        return BootstrapErrors(
            replicas=len(self._sums),
            error=np.sqrt(np.maximum(variance - 2.0 * self._sum_w2, 0.0)),
            plain=np.sqrt(variance),
        )

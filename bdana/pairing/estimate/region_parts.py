"""Sums over the pairs of each region, apart for each closed envelope that the pairs may lie in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from bdana.display import short_repr

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from bdana.pairing.estimate.u_statistic import PairSums

__all__ = ["RegionParts", "RegionSums"]


@dataclass(frozen=True)
class RegionSums:
    """Sums over the pairs of R regions, or of parts of them.

    Attributes
    ----------
    total : ndarray, shape (R,)
        Sum of weights.
    covariance : ndarray, shape (R, R)
        Of the sums, without bias.
    pairs : ndarray of int, shape (R,)
    sum_w2 : ndarray, shape (R,)
        Sum of squared weights.
    widening : ndarray, shape (R,)
        What the variances have to be raised by for pulls of width 1 (`PairSums.widening`).
    """

    total: NDArray[np.float64]
    covariance: NDArray[np.float64]
    pairs: NDArray[np.int64]
    sum_w2: NDArray[np.float64]
    widening: NDArray[np.float64]

    __repr__ = short_repr

    @classmethod
    def of(cls, sums: PairSums, regions: int) -> RegionSums:
        """Take the first regions of sums by region.

        Parameters
        ----------
        sums : PairSums
        regions : int
        """
        first = slice(regions)
        return cls(
            sums.total[first],
            sums.covariance()[first, first],
            sums.pairs[first],
            sums.sum_w2[first],
            sums.widening()[first],
        )

    @property
    def widened(self) -> NDArray[np.float64]:
        """Covariance with the variances that give pulls of width 1, shape (R, R)."""
        return self.covariance + np.diag(self.widening)


@dataclass(frozen=True)
class RegionParts:
    """Sums over the pairs of R regions, and over their parts in each of E envelopes and outside them.

    Attributes
    ----------
    whole : RegionSums
        Of all pairs of each region.
    parts : RegionSums
        Of R (E + 1) parts: those of the first region come first.
    """

    whole: RegionSums
    parts: RegionSums

    __repr__ = short_repr

    def counted(self, which: NDArray[np.bool_]) -> RegionSums:
        """Return the sums over some parts of each region.

        Parameters
        ----------
        which : ndarray of bool, shape (R, E + 1)
            The parts; a region that has all of its pairs in them is `whole`, to the last bit. Of others what variances
            are raised by is the sum over parts.
        """
        regions, parts = which.shape
        own = self.parts
        every = (which | (own.pairs.reshape(which.shape) == 0)).all(axis=1)
        chosen = np.zeros((regions, regions, parts))
        chosen[np.arange(regions), np.arange(regions)] = which
        table = chosen.reshape(regions, regions * parts)
        return RegionSums(
            np.where(every, self.whole.total, table @ own.total),
            np.where(np.outer(every, every), self.whole.covariance, table @ own.covariance @ table.T),
            np.where(every, self.whole.pairs, (table @ own.pairs).astype(np.int64)),
            np.where(every, self.whole.sum_w2, table @ own.sum_w2),
            np.where(every, self.whole.widening, table @ own.widening),
        )

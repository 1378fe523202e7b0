"""Sums over pairs of tracks in bins, and their covariance when a track is part of many pairs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import sparse

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["PairSums"]


class PairSums:
    """Weighted sums over pairs in bins, with the two-sample U-statistic's covariance.

    With h^a_ij the weight of pair (i, j) if it is in bin a and 0 otherwise, and s^a_t the sum of h^a over all pairs
    that track t is part of, the covariance of the sums in bins a and b for Poisson numbers of tracks is estimated
    without bias by sum_t s^a_t s^b_t - sum_ij h^a_ij h^b_ij (Hoeffding, Ann. Math. Statist. 19 (1948) 293;
    derivation in docs/combinatorial.md). Only the sums by track are kept, never the pairs, and those only until
    `close`.

    Parameters
    ----------
    tracks : int
        Number of tracks; tracks are named by 0 ... tracks - 1, those of both charges in one numbering.
    bins : int
        Number of bins.
    covariance : bool
        Whether bins are wanted with their covariance, which takes bins^2 numbers, or with their variance only.
    """

    def __init__(self, tracks: int, bins: int, *, covariance: bool = True) -> None:
        self.total = np.zeros(bins)
        """Sum of weights in each bin, shape (bins,)."""
        self.sum_w2 = np.zeros(bins)
        """Sum of squared weights in each bin, shape (bins,): what the variance would be if pairs were independent."""
        self.pairs = np.zeros(bins, dtype=np.int64)
        """Number of pairs in each bin, shape (bins,)."""
        self._squares = np.zeros((bins, bins) if covariance else bins)
        self._nothing = sparse.csr_array((tracks, bins))
        self._by_track = self._nothing

    def fill(
        self,
        first: NDArray[np.int64],
        second: NDArray[np.int64],
        bins: NDArray[np.int64],
        weight: NDArray[np.float64],
    ) -> None:
        """Add pairs of the tracks `first` and `second` in the given bins with their weights (each shape (K,))."""
        n = len(self.total)
        self.total += np.bincount(bins, weight, minlength=n)
        self.sum_w2 += np.bincount(bins, weight**2, minlength=n)
        self.pairs += np.bincount(bins, minlength=n)
        where = np.concatenate([first, second]), np.concatenate([bins, bins])
        values = np.concatenate([weight, weight])
        self._by_track = self._by_track + sparse.coo_array((values, where), self._by_track.shape).tocsr()

    def close(self) -> None:
        """Forget the tracks of the pairs so far: no pair that is still to come has any of them."""
        self._squares += self._squares_of_tracks()
        self._by_track = self._nothing

    def covariance(self) -> NDArray[np.float64]:
        """Return the covariance of all bins, shape (bins, bins)."""
        squares: NDArray[np.float64] = self._squares + self._squares_of_tracks()
        return squares - np.diag(self.sum_w2)

    def variance(self) -> NDArray[np.float64]:
        """Return the variance of each bin, shape (bins,)."""
        squares: NDArray[np.float64] = self._squares + self._squares_of_tracks()
        return (np.diag(squares) if squares.ndim == 2 else squares) - self.sum_w2

    def _squares_of_tracks(self) -> NDArray[np.float64]:
        """Sum s^a_t s^b_t, or the square of s^a_t, over the tracks that are not forgotten."""
        kept = self._by_track
        summed = (kept.T @ kept).toarray() if self._squares.ndim == 2 else kept.power(2).sum(axis=0)
        squares: NDArray[np.float64] = np.asarray(summed)
        return squares

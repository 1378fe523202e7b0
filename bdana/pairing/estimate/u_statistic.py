"""Sums over pairs of tracks in bins, and their covariance, given that a track is part of many pairs."""

from __future__ import annotations

from copy import copy
from typing import TYPE_CHECKING, Any

import numba
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from bdana.pairing.estimate.pooled_weights import PooledWeights
    from bdana.selection import Histogram, Variable

__all__ = ["HistogramSums", "PairSums", "flat_in_time"]


class PairSums:
    """Weighted sums over pairs in bins, with the two-sample U-statistic's covariance.

    With h^a_ij the weight of pair (i, j) if it is in bin a and 0 otherwise, and s^a_t the sum of h^a over all pairs
    that track t is part of, the covariance of the sums in bins a and b for Poisson numbers of tracks is estimated
    without bias by sum_t s^a_t s^b_t - sum_ij h^a_ij h^b_ij (Hoeffding, Ann. Math. Statist. 19 (1948) 293;
    derivation in docs/combinatorial.md). Neither pairs nor sums by track are kept: all pairs of a track come together.

    The shape is pooled (`PooledWeights`): every pair weighs the same, up to a function of its time difference, and a
    burst counts with the weight of all its pairs of tracks. The sum in bin b is then one over pairs with
    h^b_ij + m_ij p_b for h^b_ij, with m_ij the difference of the two weights and p_b the share of the bin.

    Parameters
    ----------
    bins : int
        Number of bins.
    pooled : PooledWeights, optional
        By default every pair has its own weight.
    classes : ndarray of int, shape (bins,), optional
        Which of the pooled weights each bin has; the first if not given.

    Examples
    --------
    >>> import numpy as np
    >>> from bdana.pairing import PairSums
    >>> sums = PairSums(bins=1)  # two pairs, (0, 1) and (0, 2), each as seen from both its tracks
    >>> track, counted = np.array([0, 0, 1, 2]), np.array([True, True, False, False])
    >>> sums.fill(track, np.zeros(4, dtype=np.int64), np.ones(4), counted)
    >>> sums.total, sums.variance()  # not 2: the pairs share a track
    (array([2.]), array([4.]))
    """

    def __init__(
        self, bins: int, pooled: PooledWeights | None = None, classes: NDArray[np.int64] | None = None
    ) -> None:
        self.pooled = pooled
        self.classes = np.zeros(bins, dtype=np.int64) if classes is None else classes
        self.total = np.zeros(bins)
        """Sum of weights in each bin, shape (bins,)."""
        self.sum_w2 = np.zeros(bins)
        """Sum of squared weights in each bin, shape (bins,): what the variance would be if pairs were independent."""
        self.pairs = np.zeros(bins, dtype=np.int64)
        """Number of pairs in each bin, shape (bins,)."""
        self._squares = np.zeros((bins, bins))
        self._cubes = np.zeros(bins)
        self._mixed = np.zeros((bins, len(pooled.weight) if pooled else 1))

    def fill(
        self,
        track: NDArray[np.int64],
        bins: NDArray[np.int64],
        weight: NDArray[np.float64],
        counted: NDArray[np.bool_],
        shared: NDArray[np.float64] | None = None,
    ) -> None:
        """Add pairs as seen from one of their tracks; every pair comes once from each of its two.

        Parameters
        ----------
        track : ndarray of int, shape (K,)
            The track. All its pairs follow each other, and none of them is in another call.
        bins : ndarray of int, shape (K,) or (K, 2)
            Bin of each pair, or bins of its two entries.
        weight : ndarray, shape (K,)
            Weight of each pair.
        counted : ndarray of bool, shape (K,)
            Whether the pair is added to the sums over pairs: the first or the second time, not both.
        shared : ndarray, shape (K, C), optional
            `PooledWeights.shared` of each pair, where weights are pooled.
        """
        n = len(self.total)
        if bins.ndim == 2:
            # h^a_ij h^b_ij of both entries of one pair, beside the squares of each that `sum_w2` has.
            first, second = bins[counted].T
            both = weight[counted] ** 2 * np.where(first == second, 2.0, 1.0)
            self._squares -= np.bincount(first * n + second, both, minlength=n * n).reshape(n, n)
            track, weight, counted = np.repeat(track, 2), np.repeat(weight, 2), np.repeat(counted, 2)
            shared = None if shared is None else np.repeat(shared, 2, axis=0)
            bins = bins.ravel()
        own, value = bins[counted], weight[counted]
        self.total += np.bincount(own, value, minlength=n)
        self.sum_w2 += np.bincount(own, value**2, minlength=n)
        self.pairs += np.bincount(own, minlength=n)
        self._cubes -= np.bincount(own, value**3, minlength=n)
        _add_powers(track, bins, weight, self._squares, self._cubes)
        if shared is not None:
            for one, of_class in enumerate(shared.T):
                self._mixed[:, one] += np.bincount(bins, weight * of_class, minlength=n)

    def __add__(self, other: PairSums) -> PairSums:
        """Return the sums over the pairs of both, none of whose tracks are in both."""
        together = PairSums(len(self.total), self.pooled, self.classes)
        for name, own in together.arrays.items():
            own[:] = self.arrays[name] + other.arrays[name]
        return together

    @property
    def arrays(self) -> dict[str, NDArray[Any]]:
        """Everything that was added up, by name: the arrays themselves."""
        return {
            name: getattr(self, name) for name in ("total", "sum_w2", "pairs", "_squares", "_cubes", "_mixed")
        }

    def covariance(self) -> NDArray[np.float64]:
        """Return the covariance of all bins, shape (bins, bins)."""
        covariance = self._squares + self._squares.T
        covariance -= np.diag(np.diag(self._squares) + self.sum_w2)
        if self.pooled is not None and self.pooled.total:
            share = self.total / self.pooled.total
            mixed = self._mixed[:, self.classes] * share
            covariance += mixed + mixed.T
            common = self.pooled.variance + self.pooled.common_variance * self.pooled.total**2
            covariance += common[np.ix_(self.classes, self.classes)] * np.outer(share, share)
        return covariance

    def variance(self) -> NDArray[np.float64]:
        """Return the variance of each bin, shape (bins,)."""
        return np.diag(self.covariance())

    def widening(self) -> NDArray[np.float64]:
        """Return what the variance of each bin has to be raised by for pulls of width 1, shape (bins,).

        The estimated variance V follows the sum that it belongs to, and so the mean square of sum minus truth over V is
        1 + 2 g^2, with g the skewness of the sum (Hall, Ann. Probab. 15 (1987) 920, for means; docs/combinatorial.md). Its
        third cumulant is taken to be sum_t s_t^3 - sum_ij h_ij^3: triples of pairs that all share one track. So n independent
        pairs of weight 1 have n + 2 for n. The largest g^2 is 1, that of one pair or of one track in all pairs.

        Bins in which a pair has one entry at most.
        """
        variance = np.maximum(self.variance(), 0.0)
        skewness2 = np.divide(self._cubes**2, variance**3, out=np.zeros_like(variance), where=variance > 0)
        widening: NDArray[np.float64] = 2.0 * np.minimum(skewness2, 1.0) * variance
        return widening


@numba.njit(cache=True, nogil=True)
def _add_powers(track, bins, weight, squares, cubes):  # type: ignore[no-untyped-def]
    """Add s^a s^b and (s^a)^3 of every track: each two different bins once, in the order in which the track came to them."""
    n = 0
    met, is_met = np.empty(len(squares), dtype=np.int64), np.zeros(len(squares), dtype=np.bool_)
    by_bin = np.zeros(len(squares))
    for k in range(len(track)):
        if not is_met[bins[k]]:
            is_met[bins[k]] = True
            met[n] = bins[k]
            n += 1
        by_bin[bins[k]] += weight[k]
        if k + 1 == len(track) or track[k + 1] != track[k]:
            for x in range(n):
                cubes[met[x]] += by_bin[met[x]] ** 3
                for y in range(x, n):
                    squares[met[x], met[y]] += by_bin[met[x]] * by_bin[met[y]]
            for x in range(n):
                is_met[met[x]] = False
                by_bin[met[x]] = 0.0
            n = 0


class HistogramSums:
    """Sums over pairs in the bins of one variable by region, underflow and overflow included.

    Parameters
    ----------
    variable : Variable
    regions : sequence of str
        Names of the R regions that are counted.
    pooled : PooledWeights
    classes : ndarray of int, shape (R,)
        Which of the pooled weights each region has.
    """

    def __init__(
        self,
        variable: Variable,
        regions: Sequence[str],
        pooled: PooledWeights,
        classes: NDArray[np.int64],
    ) -> None:
        self.variable, self.made = variable, variable.histogram(regions)
        bins = variable.bins + 2
        self.sums = PairSums(len(regions) * bins, pooled, np.repeat(classes[: len(regions)], bins))

    def __add__(self, other: HistogramSums) -> HistogramSums:
        """Return the sums over the pairs of both, none of whose tracks are in both."""
        together = copy(self)
        together.sums = self.sums + other.sums
        return together

    def fill(
        self,
        track: NDArray[np.int64],
        region: NDArray[np.int64],
        value: NDArray[np.float64],
        weight: NDArray[np.float64],
        counted: NDArray[np.bool_],
        shared: NDArray[np.float64],
        *,
        pair: NDArray[np.int64],
    ) -> None:
        """Add pairs as seen from one of their tracks.

        Parameters
        ----------
        track, counted, shared
            As for `PairSums.fill`, of S sights.
        region : ndarray of int, shape (K,)
            Place of each pair's region.
        value : ndarray, shape (K,) or (K, 2)
            Of each pair, or its two entries, in the unit of the axis.
        weight : ndarray, shape (K,)
        pair : ndarray of int, shape (S,)
            Which of the pairs is seen.
        """
        inside = np.asarray(self.made.axes[1].index(value)) + 1  # the underflow comes first
        first = region * (self.variable.bins + 2)
        bins, weight = (inside + (first if value.ndim == 1 else first[:, None]))[pair], weight[pair]
        known = (region < len(self.made.axes[0]))[pair]
        if not known.all():
            track, bins, weight = track[known], bins[known], weight[known]
            counted, shared = counted[known], shared[known]
        self.sums.fill(track, bins, weight, counted, shared)

    def result(self) -> tuple[Histogram, NDArray[np.float64]]:
        """Return the histogram, and the covariance of its bins without those of the flow, shape (R, B, R, B)."""
        view: Any = self.made.view(flow=True)
        view["value"] = self.sums.total.reshape(view.shape)
        # Of few pairs with weights of both signs the unbiased estimate can be below 0.
        view["variance"] = np.maximum(self.sums.variance(), 0.0).reshape(view.shape)
        covariance = self.sums.covariance().reshape(view.shape * 2)
        return self.made, covariance[:, 1:-1, :, 1:-1]


def flat_in_time(
    variable: Variable,
    regions: Sequence[str],
    total: NDArray[np.float64],
    covariance: NDArray[np.float64],
    window: float,
) -> tuple[Histogram, NDArray[np.float64]]:
    """Spread each region evenly over the window of time differences; bins of one region then vary together.

    Returns what `HistogramSums.result` does.

    Parameters
    ----------
    variable : Variable
    regions : sequence of str
        R names.
    total, covariance : ndarray, shape (R,) and (R, R)
        Sums of weights of the regions.
    window : float
        Full width in ns.
    """
    made = variable.histogram(regions)
    edges = np.clip(made.axes[1].edges * variable.scale, -0.5 * window, 0.5 * window)
    share = np.diff(edges) / window
    view: Any = made.view()
    view["value"] = np.outer(total, share)
    view["variance"] = np.outer(np.diag(covariance), share**2)
    return made, np.einsum("rs,a,b->rasb", covariance, share, share)

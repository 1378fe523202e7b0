"""Trends, slices and waves: how the tracks of a pair are weighted by their times, region by region."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from bdana.pairing.estimate.time_weights import EVERY_PAIR, TimeWeight

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from bdana.pairing.estimate.trends import Trends
    from bdana.pairing.estimate.u_statistic import PairSums

__all__ = ["NEGLIGIBLE", "SHAPE", "Slice", "SpillStructure", "choose_slices"]

NEGLIGIBLE = 0.002
"""Relative excess of pairs inside the bursts below which whole bursts are paired, assumed."""
SHAPE = 0.5
"""Error on the pairs of a region over the excess that its slices do not see, assumed."""
STRONGER = 3.0
"""Structure of the pairs of a region over that of all pairs, with which weights are chosen, assumed."""
FEWEST = 25.0
"""Selected pairs that a region must keep, assumed."""


class Slice(NamedTuple):
    """A weight by time difference, what it leaves unresolved of the structure inside the bursts, and what it costs.

    Attributes
    ----------
    weight : TimeWeight
    missed : float
        Relative excess of pairs, <R^2>/<R>^2, that it does not see.
    error : float
        Statistical error of that.
    cost : float
        Factor on the variance of a sum over few pairs: 1 where every pair of a burst counts alike.
    """

    weight: TimeWeight
    missed: float
    error: float
    cost: float

    @property
    def beyond(self) -> float:
        """What is missed, beyond its fluctuation."""
        return float(np.sqrt(max(self.missed**2 - self.error**2, 0.0)))


@dataclass(frozen=True)
class SpillStructure:
    """Model of the pairs of tracks by time difference, and the weights of pairs that follow from it.

    The model is a constant, or the shape that trends over the spill have, waves and terms 1 - t/w that fall to 0 at t = w,
    each times the pairs of constant rates.

    Attributes
    ----------
    seen, squares, flat : ndarray, shape (bins,)
        Pairs of each time difference with their weights, sums of squared weights, and pairs of constant rates.
    all_flat : float
        The latter at all time differences.
    width : float
        Of the bins, in ns.
    window : int
        Bins whose pairs are compared with the model.
    terms : ndarray, shape (1 + M, bins)
        A constant or the shape of the trends, and the M terms in the order of their strength.
    amplitudes : ndarray, shape (1 + M,)
    frequency, reach : ndarray, shape (M,)
        Frequency of a wave in 1/ns, 0 for a term that falls; time difference in ns where that ends.
    best : ndarray, shape (bins,)
        Weights whose mean over pairs of constant rates is g at time difference 0.
    trends : Trends or None
        Of the rate over the spill; None where there are none.
    """

    seen: NDArray[np.float64]
    squares: NDArray[np.float64]
    flat: NDArray[np.float64]
    all_flat: float
    width: float
    window: int
    terms: NDArray[np.float64]
    amplitudes: NDArray[np.float64]
    frequency: NDArray[np.float64]
    reach: NDArray[np.float64]
    best: NDArray[np.float64]
    trends: Trends | None = None

    def slices(self, fixed: int | None = None) -> tuple[Slice, ...]:
        """Return what may be chosen, whole bursts first.

        Parameters
        ----------
        fixed : int, optional
            Bins of the only slice there shall be.
        """
        if fixed is not None:
            return (self._box(fixed),)
        whole = self._slice(EVERY_PAIR, np.ones(len(self.flat) + 1))
        terms = range(len(self.reach) + 1)
        if self.trends:
            degrees = (self.trends.degree, 2 * self.trends.degree)
            return (whole, *(self._with_trends(self.trends, n, degree) for degree in degrees for n in terms))
        return (whole, *(self._matched(n) for n in terms[1:]))

    def _box(self, bins: int) -> Slice:
        values = np.zeros(len(self.flat) + 1)
        values[:bins] = self.all_flat / float(self.flat[:bins].sum())
        return self._slice(TimeWeight((float(values[0]),), (0.0,), (bins * self.width,)), values)

    def _matched(self, terms: int) -> Slice:
        """Return the weight 1 + b m, with m the part of the model that the first terms make, its mean taken off.

        Of all weights that find a structure in proportion to m in full it is the one that costs least.
        """
        used, amplitudes = self.terms[1 : terms + 1], self.amplitudes[1 : terms + 1]
        rest = self.all_flat - float(self.flat.sum())
        beyond = (self.all_flat - float(self.amplitudes @ self.terms @ self.flat)) / rest if rest > 0 else 0.0
        level = self.amplitudes[0] - beyond if rest > 0 else 0.0
        mean = float(level * self.flat.sum() + amplitudes @ used @ self.flat) / self.all_flat
        model = np.append(level + amplitudes @ used, 0.0) - mean
        flat = np.append(self.flat, max(rest, 0.0))
        at_zero, square = level + float(amplitudes.sum()) - mean, float(model**2 @ flat) / self.all_flat
        if not (at_zero > 0 and square > 0):
            return Slice(EVERY_PAIR, 1.0, 0.0, np.inf)
        factor = at_zero / square
        far = len(self.flat) * self.width
        frequency, reach = self.frequency[:terms], self.reach[:terms]
        weight = TimeWeight(
            (1.0 - factor * mean, factor * level, *(factor * amplitudes).tolist()),
            (0.0, 0.0, *frequency.tolist()),
            (np.inf, far, *reach.tolist()),
            (False, False, *(frequency == 0).tolist()),
        )
        return self._slice(weight, 1.0 + factor * model)

    def _with_trends(self, trends: Trends, terms: int, degree: int) -> Slice:
        """Return the weight of trends up to a degree and of the part m of the model that the first terms make.

        It is a sum of P_n(t1) P_n(t2), P_0 = 1, and of m, with the coefficients that find a structure of any amplitudes of
        these in full; of all such weights it costs least. A rate that is a polynomial of the degree, R = sum r_n P_n, has the
        mean square sum r_n^2, and no other weight of the times finds r_n^2 with less.
        """
        shapes = trends.by_lag(self.width, len(self.flat))[: degree + 1]
        model = self.amplitudes[1 : terms + 1] @ self.terms[1 : terms + 1]
        common = shapes @ (self.flat * model) / self.all_flat
        own = float(model**2 @ self.flat) / self.all_flat - float(common @ common)
        top = float(self.amplitudes[1 : terms + 1].sum()) - float(common.sum())
        if terms and not (top > 0 and own > 0):
            return Slice(EVERY_PAIR, 1.0, 0.0, np.inf)
        factor = top / own if terms else 0.0
        levels = 1.0 - factor * common
        frequency, reach = self.frequency[:terms], self.reach[:terms]
        weight = TimeWeight(
            (float(levels[0]), *(factor * self.amplitudes[1 : terms + 1]).tolist()),
            (0.0, *frequency.tolist()),
            (np.inf, *reach.tolist()),
            (False, *(frequency == 0).tolist()),
            tuple(levels[1:].tolist()),
            trends.length,
        )
        far = levels[0] + factor * model
        mean = float(levels @ trends.found[: degree + 1]) + factor * float(model @ self.seen) / self.all_flat
        square = float(levels @ trends.squares[: degree + 1, : degree + 1] @ levels)
        square += float((far**2 - levels[0] ** 2) @ self.seen) / self.all_flat
        found = self._slice(weight, np.append(levels @ shapes + factor * model, 0.0), (mean, square))
        # Tracks in proportion to the rate have the square of it: of degree 2 where the rate has degree 1.
        second = trends.second if degree == trends.degree else 0.0
        return found._replace(missed=float(np.hypot(found.missed, second)))

    def _slice(
        self, weight: TimeWeight, values: NDArray[np.float64], moments: tuple[float, float] | None = None
    ) -> Slice:
        """Return a slice of the mean weight by time difference, and of its mean and mean square over the pairs."""
        # All pairs of tracks are those of the numbers of tracks, so that only differences in time fluctuate.
        seen = np.append(self.seen, max(self.all_flat - float(self.seen.sum()), 0.0))
        mean, square, of_best = (
            float(x @ seen) / self.all_flat for x in (values, values**2, np.append(self.best, 0.0))
        )
        mean, square = moments or (mean, square)
        if not mean > 0:
            return Slice(weight, 1.0, 0.0, np.inf)
        differs = self.best - values[:-1]
        differs = differs - float(differs @ self.seen) / max(float(self.seen.sum()), 1.0)
        error = float(np.sqrt(differs**2 @ self.squares)) / self.all_flat
        return Slice(weight, of_best / mean - 1.0, error / mean, square / mean**2)


def choose_slices(
    slices: tuple[Slice, ...], sums: PairSums
) -> tuple[tuple[TimeWeight, ...], NDArray[np.int64], NDArray[np.float64]]:
    """Choose for each region the slice of smallest mean squared error.

    What a slice does not see of the structure is corrected for all regions alike by the duty factor. Where tracks change with
    the rate a region may have more or less of it: that bias is weighed against the fluctuation of fewer pairs.

    Parameters
    ----------
    slices : tuple of Slice
        Whole bursts first; a single one is taken for all regions.
    sums : PairSums
        Of pairs of whole bursts, by region.

    Returns
    -------
    weights : tuple of TimeWeight
        Those that are used; the first counts every pair alike.
    of_region : ndarray of int
        The one of each region.
    missed : ndarray
        Relative excess that the slices of each region do not see.
    """
    if slices[0].weight != EVERY_PAIR:
        everywhere = np.ones(len(sums.total), dtype=np.int64)
        return (EVERY_PAIR, slices[0].weight), everywhere, np.full(len(sums.total), slices[0].beyond)
    used: list[TimeWeight] = [EVERY_PAIR]
    of_region = np.zeros(len(sums.total), dtype=np.int64)
    missed = np.full(len(sums.total), slices[0].beyond)
    variance = sums.variance()
    for region, total in enumerate(sums.total):
        if not total > 0 or sums.pairs[region] < FEWEST:
            continue
        of_pairs = float(sums.sum_w2[region]) / total**2
        of_tracks = max(float(variance[region]) / total**2 - of_pairs, 0.0)
        possible = [one for one in slices if sums.pairs[region] >= FEWEST * one.cost] or [slices[0]]
        best = min(possible, key=lambda one: of_tracks + of_pairs * one.cost + (STRONGER * one.beyond) ** 2)
        missed[region] = best.beyond
        if best.weight not in used:
            used.append(best.weight)
        of_region[region] = used.index(best.weight)
    return tuple(used), of_region, missed

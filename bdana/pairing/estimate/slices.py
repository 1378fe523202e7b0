"""Choice of slices and waves: how close in time the tracks of a pair must be, region by region."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from bdana.pairing.estimate.time_weights import EVERY_PAIR, TimeWeight

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from bdana.pairing.estimate.u_statistic import PairSums

__all__ = ["NEGLIGIBLE", "SHAPE", "Slice", "SpillStructure", "choose_slices"]

NEGLIGIBLE = 0.002
"""Relative excess of pairs inside the bursts below which whole bursts are paired, assumed."""
SHAPE = 0.5
"""Error on the pairs of a region over the excess that its slices do not see, assumed."""
FEWEST = 10.0
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
    """Pairs of tracks by time difference, and the weights by time difference that could be taken.

    Attributes
    ----------
    seen, squares, flat : ndarray, shape (bins,)
        Pairs of each time difference with their weights, sums of squared weights, and pairs of constant rates.
    all_flat : float
        The latter at all time differences.
    width : float
        Of the bins, in ns.
    lines : ndarray, shape (L,)
        Frequencies of the structure in 1/ns, strongest first.
    whole : ndarray, shape (L,)
        Mean of the wave of each line over all pairs of constant rates.
    window : int
        Bins that the duty factor is measured in.
    """

    seen: NDArray[np.float64]
    squares: NDArray[np.float64]
    flat: NDArray[np.float64]
    all_flat: float
    width: float
    lines: NDArray[np.float64]
    whole: NDArray[np.float64]
    window: int

    def slices(self, fixed: int | None = None) -> tuple[Slice, ...]:
        """Return what may be chosen, whole bursts first.

        Parameters
        ----------
        fixed : int, optional
            Bins of the only slice there shall be.
        """
        best = self._values(*self._weight(self.window, len(self.lines)))
        if fixed is not None:
            return (self._slice(*self._weight(fixed, 0), best),)
        sizes = np.unique(np.rint(10.0 ** np.arange(0.0, np.log10(len(self.seen)) + 1e-9, 0.1))).astype(int)
        windows = [None, *(int(size) for size in sizes[::-1] if size >= self.window)]
        return tuple(
            self._slice(*self._weight(window, lines), best)
            for lines in range(len(self.lines) + 1)
            for window in windows
        )

    def _slice(self, weight: TimeWeight, beyond: float, best: NDArray[np.float64]) -> Slice:
        values = self._values(weight, beyond)
        outside = max(
            self.all_flat - float(self.seen.sum()), 0.0
        )  # numbers of all pairs are those of the tracks
        mean = (float(values[:-1] @ self.seen) + values[-1] * outside) / self.all_flat
        square = (float(values[:-1] ** 2 @ self.seen) + values[-1] ** 2 * outside) / self.all_flat
        of_best = (float(best[:-1] @ self.seen) + best[-1] * outside) / self.all_flat
        if not mean > 0:
            return Slice(weight, 1.0, 0.0, np.inf)
        # All pairs are normalised to the numbers of tracks, so that only differences in time fluctuate.
        differs = best[:-1] - values[:-1]
        differs = differs - float(differs @ self.seen) / max(float(self.seen.sum()), 1.0)
        error = np.sqrt(float(differs**2 @ self.squares)) / self.all_flat
        return Slice(weight, of_best / mean - 1.0, float(error) / mean, square / mean**2)

    def _values(self, weight: TimeWeight, beyond: float) -> NDArray[np.float64]:
        """Return the weight in each bin of time differences, and beyond them."""
        middle = self.width * (np.arange(len(self.seen)) + 0.5)
        return np.append(weight(np.asarray(middle, dtype=np.float64)), beyond)

    def _weight(self, window: int | None, lines: int) -> tuple[TimeWeight, float]:
        """Return the weight whose sum over pairs estimates the pairs at time difference 0, and its value far away."""
        frequency = self.lines[:lines]
        middle = self.width * (np.arange(len(self.flat)) + 0.5)
        if window is None or window >= len(self.flat):
            reach, inside, level = np.inf, self.whole[:lines], 1.0
        else:
            reach = window * self.width
            share = float(self.flat[:window].sum())
            inside = np.cos(2.0 * np.pi * np.outer(frequency, middle[:window])) @ self.flat[:window] / share
            level = self.all_flat / share
        if not lines:
            return TimeWeight((level,), (0.0,), (reach,)), level if reach == np.inf else 0.0
        terms = np.vstack([np.ones(len(middle)), np.cos(2.0 * np.pi * np.outer(frequency, middle))])
        normal = (terms * self.flat) @ terms.T
        # Amplitudes are the solution of normal @ amplitude = sum over pairs of the terms: weights of the pairs.
        waves = self.all_flat * np.linalg.lstsq(normal, np.append(0.0, 1.0 - inside), rcond=1e-9)[0]
        far = len(self.flat) * self.width
        return (
            TimeWeight((level, *waves), (0.0, 0.0, *frequency), (reach, *[far] * (lines + 1))),
            level if reach == np.inf else 0.0,
        )


def choose_slices(
    slices: tuple[Slice, ...], sums: PairSums
) -> tuple[tuple[TimeWeight, ...], NDArray[np.int64], NDArray[np.float64]]:
    """Choose for each region the slice of smallest mean squared error.

    What a slice does not see of the structure is corrected for all regions alike by the duty factor. Where tracks change with
    the rate a region may have none of it, or twice as much: that bias is weighed against the fluctuation of fewer pairs.

    Parameters
    ----------
    slices : tuple of Slice
        Whole bursts first.
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
        best = min(possible, key=lambda one: of_tracks + of_pairs * one.cost + one.beyond**2)
        missed[region] = best.beyond
        if best.weight not in used:
            used.append(best.weight)
        of_region[region] = used.index(best.weight)
    return tuple(used), of_region, missed

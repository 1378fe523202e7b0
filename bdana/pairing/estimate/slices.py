"""Choice of slices and waves: how close in time the tracks of a pair must be, region by region."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
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
STEP = 0.15
"""Between the logarithms of the widths of slices."""
NUMBERS = (0, 1, 2, 3, 5, 8, 12)
"""Numbers of lines that are tried, beside all."""
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
        best = self._weight(self.window, len(self.lines))[1]
        if fixed is not None:
            return (self._slice(*self._weight(fixed, 0), best),)
        sizes = np.unique(np.rint(10.0 ** np.arange(0.0, np.log10(len(self.seen)) + 1e-9, STEP))).astype(int)
        windows = [None, *(int(size) for size in sizes[::-1] if size >= self.window)]
        numbers = [number for number in NUMBERS if number < len(self.lines)] + [len(self.lines)]
        return tuple(
            self._slice(*self._weight(window, lines), best) for lines in numbers for window in windows
        )

    def _slice(self, weight: TimeWeight, values: NDArray[np.float64], best: NDArray[np.float64]) -> Slice:
        # All pairs of tracks are those of the numbers of tracks, so that only differences in time fluctuate.
        seen = np.append(self.seen, max(self.all_flat - float(self.seen.sum()), 0.0))
        mean, square, of_best = (float(x @ seen) / self.all_flat for x in (values, values**2, best))
        if not mean > 0:
            return Slice(weight, 1.0, 0.0, np.inf)
        differs = (best - values)[:-1]
        differs = differs - float(differs @ self.seen) / max(float(self.seen.sum()), 1.0)
        error = float(np.sqrt(differs**2 @ self.squares)) / self.all_flat
        return Slice(weight, of_best / mean - 1.0, error / mean, square / mean**2)

    @cached_property
    def _terms(self) -> NDArray[np.float64]:
        """A constant and the wave of each line, in each bin of time differences."""
        middle = self.width * (np.arange(len(self.flat)) + 0.5)
        return np.vstack([np.ones(len(middle)), np.cos(2.0 * np.pi * np.outer(self.lines, middle))])

    @cached_property
    def _normal(self) -> NDArray[np.float64]:
        """Matrix of the normal equations of a fit of these terms to the pairs."""
        return np.asarray((self._terms * self.flat) @ self._terms.T)

    def _weight(self, window: int | None, lines: int) -> tuple[TimeWeight, NDArray[np.float64]]:
        """Return the weight whose sum over pairs estimates the pairs at time difference 0; its values by bin, and beyond."""
        values = np.zeros(len(self.flat) + 1)
        if window is None or window >= len(self.flat):
            reach, inside, level = np.inf, self.whole[:lines], 1.0
            values[:] = 1.0
        else:
            reach = window * self.width
            share = float(self.flat[:window].sum())
            inside = self._terms[1 : lines + 1, :window] @ self.flat[:window] / share
            level = self.all_flat / share
            values[:window] = level
        if not lines:
            return TimeWeight((level,), (0.0,), (reach,)), values
        # Amplitudes are the solution of normal @ amplitude = sum over pairs of the terms: weights of the pairs.
        normal = self._normal[: lines + 1, : lines + 1]
        waves = self.all_flat * np.linalg.lstsq(normal, np.append(0.0, 1.0 - inside), rcond=1e-9)[0]
        values[:-1] += waves @ self._terms[: lines + 1]
        far = len(self.flat) * self.width
        frequency = tuple(float(line) for line in self.lines[:lines])
        amplitude = (level, *(float(wave) for wave in waves))
        return TimeWeight(amplitude, (0.0, 0.0, *frequency), (reach, *[far] * (lines + 1))), values


def choose_slices(
    slices: tuple[Slice, ...], sums: PairSums
) -> tuple[tuple[TimeWeight, ...], NDArray[np.int64], NDArray[np.float64]]:
    """Choose for each region the slice of smallest mean squared error.

    What a slice does not see of the structure is corrected for all regions alike by the duty factor. Where tracks change with
    the rate a region may have none of it, or twice as much: that bias is weighed against the fluctuation of fewer pairs.

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
    if len(slices) == 1:
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
        best = min(possible, key=lambda one: of_tracks + of_pairs * one.cost + one.beyond**2)
        missed[region] = best.beyond
        if best.weight not in used:
            used.append(best.weight)
        of_region[region] = used.index(best.weight)
    return tuple(used), of_region, missed

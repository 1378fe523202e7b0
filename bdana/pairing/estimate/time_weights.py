"""Weight of a pair by the time difference of its tracks: slices of the burst, and waves for what is periodic."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import hepunits
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["EVERY_PAIR", "TimeWeight", "TimedTracks"]


@dataclass(frozen=True)
class TimeWeight:
    """Function of the time difference of two tracks of a burst, by which their pair is weighted.

    k(t) = sum_m a_m cos(2 pi f_m t) for |t| up to w_m. A single term without frequency is a slice of width w: only tracks
    so close in time are paired. Waves take what is periodic from all time differences.

    Attributes
    ----------
    amplitude : tuple of float
    frequency : tuple of float
        In 1/ns.
    reach : tuple of float
        In ns; infinite for a whole burst.
    """

    amplitude: tuple[float, ...] = (1.0,)
    frequency: tuple[float, ...] = (0.0,)
    reach: tuple[float, ...] = (float("inf"),)

    def __call__(self, lag: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return k of time differences in ns.

        Parameters
        ----------
        lag : ndarray
        """
        lag = np.abs(lag)
        total = np.zeros(lag.shape)
        for amplitude, frequency, reach in zip(self.amplitude, self.frequency, self.reach, strict=True):
            wave = np.cos(2.0 * np.pi * frequency * lag) if frequency else 1.0
            total += np.where(lag <= reach, amplitude * wave, 0.0)
        return total

    def __str__(self) -> str:
        whole = np.isinf(self.reach[0])
        text = "whole bursts" if whole else f"pairs within {self.reach[0] / hepunits.ms:.3g} ms"
        waves = ", ".join(f"{line * hepunits.s:.4g}" for line in self.frequency[1:] if line)
        return text + (f", waves of {waves} Hz" if waves else "")

    @property
    def largest(self) -> float:
        """Bound on k."""
        return float(np.abs(self.amplitude).sum())


EVERY_PAIR = TimeWeight()
"""All pairs of a burst count alike."""


@dataclass(frozen=True)
class TimedTracks:
    """Times of tracks, with which their pairs are weighted.

    Attributes
    ----------
    since : ndarray, shape (N,)
        Time since the start of the burst, in ns.
    weights : tuple of TimeWeight
        Of C classes of regions.
    of_region : ndarray of int
        Class of each region.
    """

    since: NDArray[np.float64]
    weights: tuple[TimeWeight, ...]
    of_region: NDArray[np.int64]

    def sums(
        self,
        weight: TimeWeight,
        places: NDArray[np.int64],
        single: NDArray[np.float64],
    ) -> NDArray[np.float64]:
        """Return, for each track, the sum of event weight and k over the other tracks of its group.

        Parameters
        ----------
        weight : TimeWeight
        places : ndarray of int, shape (N,)
            Group of each track.
        single : ndarray, shape (N,)
            Weight of its event.
        """
        apart = 2.0 * float(self.since.max(initial=0.0)) + 1.0
        place = places * apart + self.since  # tracks of other groups are out of reach
        order = np.argsort(place, kind="stable")
        placed, total = place[order], np.zeros(len(place))
        for amplitude, frequency, reach in zip(weight.amplitude, weight.frequency, weight.reach, strict=True):
            near = min(reach, 0.5 * apart - 0.25)
            phase = np.exp(2j * np.pi * frequency * self.since)
            below = np.concatenate([[0.0], np.cumsum((single * phase)[order])])
            low = np.searchsorted(placed, place - near, side="left")
            high = np.searchsorted(placed, place + near, side="right")
            total += amplitude * ((below[high] - below[low]) * np.conj(phase)).real
        return np.asarray(total - single * weight(np.zeros(1))[0])

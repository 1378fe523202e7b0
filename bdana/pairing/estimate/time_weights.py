"""Weight of a pair by the time difference of its tracks: slices of the burst, and waves for what is periodic."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import hepunits
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

__all__ = ["EVERY_PAIR", "TimeWeight", "TimedTracks"]


@dataclass(frozen=True)
class TimeWeight:
    """Function of the time difference of two tracks of a burst, by which their pair is weighted.

    k(t) is a sum of terms a cos(2 pi f t) for |t| up to w. A single term without frequency is a slice of width w: only
    tracks so close in time are paired. Waves take what is periodic from all time differences; terms that fall, a
    (1 - |t|/w), raise the weight of close pairs.

    Attributes
    ----------
    amplitude : tuple of float
    frequency : tuple of float
        In 1/ns.
    reach : tuple of float
        In ns; infinite for a whole burst.
    falls : tuple of bool
        Terms 1 - |t|/w; none if empty.
    """

    amplitude: tuple[float, ...] = (1.0,)
    frequency: tuple[float, ...] = (0.0,)
    reach: tuple[float, ...] = (float("inf"),)
    falls: tuple[bool, ...] = ()

    @property
    def terms(self) -> Iterator[tuple[float, float, float, bool]]:
        """Amplitude, frequency, reach and whether it falls, of each term."""
        falls = self.falls or (False,) * len(self.amplitude)
        return zip(self.amplitude, self.frequency, self.reach, falls, strict=True)

    def __call__(self, lag: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return k of time differences in ns.

        Parameters
        ----------
        lag : ndarray
        """
        lag = np.abs(lag)
        total = np.zeros(lag.shape)
        for amplitude, frequency, reach, falls in self.terms:
            wave = 1.0 - lag / reach if falls else np.cos(2.0 * np.pi * frequency * lag) if frequency else 1.0
            total += np.where(lag <= reach, amplitude * wave, 0.0)
        return total

    def __str__(self) -> str:
        whole = np.isinf(self.reach[0])
        text = "whole bursts" if whole else f"pairs within {self.reach[0] / hepunits.ms:.3g} ms"
        terms = list(self.terms)
        close = ", ".join(f"{reach / hepunits.ms:.3g}" for *_, reach, falls in terms if falls)
        waves = ", ".join(f"{line * hepunits.s:.4g}" for _, line, *_ in terms[1:] if line)
        text += f", pairs within {close} ms raised" if close else ""
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
        for amplitude, frequency, reach, falls in weight.terms:
            near = min(reach, 0.5 * apart - 0.25)
            phase = np.exp(2j * np.pi * frequency * self.since)
            below = np.concatenate([[0.0], np.cumsum((single * phase)[order])])
            low = np.searchsorted(placed, place - near, side="left")
            high = np.searchsorted(placed, place + near, side="right")
            total += amplitude * ((below[high] - below[low]) * np.conj(phase)).real
            if falls:
                at, partners = _rank(order), below.real
                times = np.concatenate([[0.0], np.cumsum((single * self.since)[order])])
                after = times[high] + times[low] - 2.0 * times[at]
                later = partners[high] + partners[low] - 2.0 * partners[at]
                total -= amplitude / reach * (after - self.since * later)
        return np.asarray(total - single * weight(np.zeros(1))[0])


def _rank(order: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the place of each track in an order."""
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    return rank

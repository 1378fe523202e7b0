"""Weight of a pair by the times of its tracks: trends over the spill, slices of the burst, waves for what is periodic."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import hepunits
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

__all__ = ["EVERY_PAIR", "TimeWeight", "TimedTracks", "trend_shapes"]


def trend_shapes(since: NDArray[np.float64], length: float, number: int) -> NDArray[np.float64]:
    """Return Legendre polynomials of the time in the spill, of degree 0 to `number` and mean square 1, shape (1 + number, ...).

    Parameters
    ----------
    since : ndarray
        Time since the start of the burst, in ns.
    length : float
        Of the spill, in ns.
    number : int
    """
    values = np.moveaxis(np.polynomial.legendre.legvander(2.0 * since / length - 1.0, number), -1, 0)
    norms = np.sqrt(2.0 * np.arange(number + 1) + 1.0)
    return np.asarray(norms.reshape(-1, *[1] * np.ndim(since)) * values)


@dataclass(frozen=True)
class TimeWeight:
    """Function of the times of two tracks of a burst, by which their pair is weighted.

    k is a sum of terms a cos(2 pi f t) of the time difference t, for |t| up to w. A single term without frequency is a slice
    of width w: only tracks so close in time are paired. Waves take what is periodic from all time differences; terms that
    fall, a (1 - |t|/w), raise the weight of close pairs. A trend over the spill is no function of the time difference: it has
    terms a P(t1) P(t2), with P a Legendre polynomial of the time in the spill.

    Attributes
    ----------
    amplitude : tuple of float
    frequency : tuple of float
        In 1/ns.
    reach : tuple of float
        In ns; infinite for a whole burst.
    falls : tuple of bool
        Terms 1 - |t|/w; none if empty.
    trends : tuple of float
        Amplitudes of the terms of `trend_shapes` of degree 1, 2 and so on; none if empty.
    length : float
        Of the spill in ns, for these.
    """

    amplitude: tuple[float, ...] = (1.0,)
    frequency: tuple[float, ...] = (0.0,)
    reach: tuple[float, ...] = (float("inf"),)
    falls: tuple[bool, ...] = ()
    trends: tuple[float, ...] = ()
    length: float = float("inf")

    @property
    def terms(self) -> Iterator[tuple[float, float, float, bool]]:
        """Amplitude, frequency, reach and whether it falls, of each term."""
        falls = self.falls or (False,) * len(self.amplitude)
        return zip(self.amplitude, self.frequency, self.reach, falls, strict=True)

    def __call__(self, first: NDArray[np.float64], second: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return k of pairs.

        Parameters
        ----------
        first, second : ndarray
            Times of the tracks since the start of their burst, in ns.
        """
        lag = np.abs(first - second)
        total = np.zeros(lag.shape)
        for amplitude, frequency, reach, falls in self.terms:
            wave = 1.0 - lag / reach if falls else np.cos(2.0 * np.pi * frequency * lag) if frequency else 1.0
            total += np.where(lag <= reach, amplitude * wave, 0.0)
        for amplitude, one, other in zip(self.trends, self.shapes(first), self.shapes(second), strict=True):
            total += amplitude * one * other
        return total

    def shapes(self, since: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the shapes of the trends at times since the start of the burst, shape (trends, ...).

        Parameters
        ----------
        since : ndarray
            In ns.
        """
        return trend_shapes(since, self.length, len(self.trends))[1:]

    def __str__(self) -> str:
        whole = np.isinf(self.reach[0])
        text = "whole bursts" if whole else f"pairs within {self.reach[0] / hepunits.ms:.3g} ms"
        terms = list(self.terms)
        close = ", ".join(f"{reach / hepunits.ms:.3g}" for *_, reach, falls in terms if falls)
        waves = ", ".join(f"{line * hepunits.s:.4g}" for _, line, *_ in terms[1:] if line)
        text += f", trends over the spill up to degree {len(self.trends)}" if self.trends else ""
        text += f", pairs within {close} ms raised" if close else ""
        return text + (f", waves of {waves} Hz" if waves else "")

    @property
    def largest(self) -> float:
        """Bound on k."""
        degree = np.arange(len(self.trends)) + 1.0
        return float(np.abs(self.amplitude).sum() + np.abs(self.trends) @ (2.0 * degree + 1.0))


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
        if weight.trends:
            for amplitude, shape in zip(weight.trends, weight.shapes(self.since), strict=True):
                total += amplitude * shape * np.bincount(places, single * shape)[places]
        return np.asarray(total - single * weight(self.since, self.since))


def _rank(order: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the place of each track in an order."""
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    return rank

"""What tracks are paired within: a burst, time slices of it where the intensity varies inside, or several bursts mixed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import hepunits
import numpy as np

from bdana.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from bdana.pairing.bursts import SingleBursts

__all__ = ["DutyFactor", "duty_factor", "mix_bursts", "slice_weights", "time_slices"]


def time_slices(
    timestamp: NDArray[np.float64],
    places: NDArray[np.int64],
    bursts: SingleBursts,
    spill_s: float | None,
    width_ms: float,
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Sort tracks into slices of equal length.

    Parameters
    ----------
    timestamp : ndarray, shape (N,)
        Time of each track since the start of its burst in ns.
    places : ndarray of int, shape (N,)
        Burst of each track.
    bursts : SingleBursts
    spill_s : float or None
        Length of a burst in s, dead time included; None: its live time, or up to its last track if that is longer.
    width_ms : float
        Length of a slice in ms, shortened so that whole slices fill the burst.

    Returns
    -------
    slices : ndarray of int, shape (N,)
        Slice of each track within its burst.
    number : ndarray of int, shape (bursts,)
        Slices of each burst.

    Raises
    ------
    InputError
        When a track has no timestamp inside its burst, or all tracks have the same.
    """
    if np.isnan(timestamp).any():
        at = places[np.flatnonzero(np.isnan(timestamp))[0]]
        raise InputError(
            f"run {bursts.run[at]} burst {bursts.burst[at]}: a single track has no timestamp, without which it is in no "
            "time slice; remove background.combinatorial.slice_ms"
        )
    if len(timestamp) > 1 and (timestamp == timestamp[0]).all():
        raise InputError(
            f"all {len(timestamp)} single tracks have the timestamp {timestamp[0] / hepunits.s:g} s, so the files have no "
            "times inside the burst; remove background.combinatorial.slice_ms"
        )
    if spill_s is None:
        length = bursts.live_time.copy()
        np.fmax.at(length, places, timestamp)
    else:
        length = np.full(len(bursts), spill_s * hepunits.s)
    inside = (timestamp >= 0) & (timestamp <= length[places])
    if not inside.all():
        k = np.flatnonzero(~inside)[0]
        at = places[k]
        raise InputError(
            f"run {bursts.run[at]} burst {bursts.burst[at]}: timestamp {timestamp[k] / hepunits.s:g} s is not within "
            f"the burst of {length[at] / hepunits.s:g} s; correct it, or set background.combinatorial.spill_s"
        )
    known = np.where(np.isfinite(length), length, 0.0)  # the others have no track
    number = np.maximum(np.ceil(known / (width_ms * hepunits.ms)), 1.0).astype(np.int64)
    slices = np.minimum((timestamp / length[places] * number[places]).astype(np.int64), number[places] - 1)
    return slices, number


def slice_weights(
    slices: NDArray[np.int64],
    number: NDArray[np.int64],
    places: NDArray[np.int64],
    weight: NDArray[np.float64],
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.int64]]:
    """Give the slices that hold tracks numbers, and a weight to pairs in them.

    The live time of a slice is that of the burst over the number of slices, so D^2 W / T grows by this number.

    Parameters
    ----------
    slices : ndarray of int, shape (N,)
    number : ndarray of int, shape (bursts,)
        Both from `time_slices`.
    places : ndarray of int, shape (N,)
        Burst of each track.
    weight : ndarray, shape (bursts,)
        Weight of a pair in each burst, without slices.

    Returns
    -------
    places : ndarray of int, shape (N,)
        Slice of each track among all slices with tracks.
    weight : ndarray, shape (slices,)
        Weight of a pair in each.
    burst : ndarray of int, shape (slices,)
        The burst of each.
    """
    first = np.cumsum(number) - number
    _, where, own = np.unique(first[places] + slices, return_index=True, return_inverse=True)
    burst = places[where]
    return own, weight[burst] * number[burst], burst


@dataclass(frozen=True)
class DutyFactor:
    """<R>^2/<R^2> inside the bursts: what pairs without time slices are of the truth.

    Attributes
    ----------
    value : float
        Averaged over pairs; structures shorter than a slice are not seen.
    error : float
        Its relative statistical error.
    slice_ms : float
        Length of the slices.
    """

    value: float
    error: float
    slice_ms: float


def duty_factor(
    slices: NDArray[np.int64],
    number: NDArray[np.int64],
    places: NDArray[np.int64],
    weight: NDArray[np.float64],
    width_ms: float,
) -> DutyFactor | None:
    """Measure the duty factor; None without two tracks in a slice.

    Of n tracks in a burst n (n - 1) ordered pairs estimate <R>^2 without bias, those within slices times the number
    of slices estimate <R^2>. Pairs within slices share few tracks, so their number fluctuates as independent ones do.

    Parameters
    ----------
    slices, number, places
        As for `slice_weights`.
    weight : ndarray, shape (bursts,)
        Weight of a pair in each burst, without slices.
    width_ms : float
        As for `time_slices`.
    """
    own, sliced, _ = slice_weights(slices, number, places, weight)
    whole, part = np.bincount(places, minlength=len(weight)), np.bincount(own, minlength=len(sliced))
    pairs = float(np.sum(sliced * part * (part - 1)))
    if not pairs:
        return None
    squares = float(np.sum(sliced**2 * part * (part - 1)))
    value = float(np.sum(weight * whole * (whole - 1))) / pairs
    return DutyFactor(value, float(np.sqrt(2.0 * squares)) / pairs, width_ms)


def mix_bursts(
    number: int, places: NDArray[np.int64], weight: NDArray[np.float64], bursts: SingleBursts
) -> tuple[NDArray[np.int64], NDArray[np.float64], float]:
    """Put neighbouring bursts together, so that tracks of different bursts are paired too.

    A pair weighs D^2 W / T, and a mixed burst has the live time of all its own: 1 / w = sum_k 1 / w_k. The estimate is
    then of <n>^2 instead of <n^2>: biased low by how much the intensity varies from burst to burst.

    Parameters
    ----------
    number : int
        Bursts that are mixed.
    places : ndarray of int, shape (N,)
        Burst of each track.
    weight : ndarray, shape (bursts,)
        Weight of a pair in each burst; bursts of weight 0 have no track and add nothing.
    bursts : SingleBursts

    Returns
    -------
    places : ndarray of int, shape (N,)
        Mixed burst of each track.
    weight : ndarray, shape (mixed bursts,)
    bias : float
        Relative bias of the number of pairs of opposite charge; NaN without a pair.
    """
    group = np.arange(len(weight)) // number
    known = weight > 0
    inverse = np.bincount(group[known], 1.0 / weight[known], minlength=group[-1] + 1)
    mixed = np.divide(1.0, inverse, out=np.zeros_like(inverse), where=inverse > 0)
    pairs = float(np.sum(weight * bursts.plus * bursts.minus))
    both = np.bincount(group, bursts.plus) * np.bincount(group, bursts.minus)
    return group[places], mixed, float(np.sum(mixed * both)) / pairs - 1.0 if pairs else float("nan")

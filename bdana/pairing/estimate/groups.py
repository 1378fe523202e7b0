"""Groups of tracks that are paired with each other: a burst, time slices of a burst, or several bursts mixed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import hepunits
import numpy as np

from bdana.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from bdana.pairing.estimate.pairing_parameters import PairingParameters
    from bdana.pairing.estimate.single_bursts import SingleBursts
    from bdana.reconstruction import Tracks

__all__ = [
    "DutyFactor",
    "Grouped",
    "WeightedBursts",
    "duty_factor",
    "mix_bursts",
    "slice_weights",
    "time_slices",
]

EMPTY = 0.01
"""Fraction of a burst that may be empty before its first track: changes the pairs in slices by little, assumed."""
CHANCE = 1e-6
"""Probability of an empty fraction for a uniform beam, below which the beam is said to begin later, assumed."""


def time_slices(
    timestamp: NDArray[np.float64],
    places: NDArray[np.int64],
    bursts: SingleBursts,
    par: PairingParameters,
    width_ms: float,
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Sort tracks into slices of equal length, which fill the bursts from their beginning to their end.

    Parameters
    ----------
    timestamp : ndarray, shape (N,)
        Time of each track since the start of its burst in ns.
    places : ndarray of int, shape (N,)
        Burst of each track.
    bursts : SingleBursts
    par : PairingParameters
        `spill_start_s` is the timestamp at which bursts begin, `spill_s` their length in s, dead time included; None: 0,
        and the live time, or up to the last track if that is longer.
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
        When a track has no timestamp inside its burst, or all tracks have the same, or the first track of all comes so
        late that the timestamps do not begin with the beam.
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
    since = timestamp - (par.spill_start_s or 0.0) * hepunits.s
    if par.spill_s is None:
        length = bursts.live_time.copy()
        np.fmax.at(length, places, since)
    else:
        length = np.full(len(bursts), par.spill_s * hepunits.s)
    inside = (since >= 0) & (since <= length[places])
    if not inside.all():
        k = np.flatnonzero(~inside)[0]
        at = places[k]
        raise InputError(
            f"run {bursts.run[at]} burst {bursts.burst[at]}: timestamp {timestamp[k] / hepunits.s:g} s is not within "
            f"the burst of {length[at] / hepunits.s:g} s; correct it, or set background.combinatorial.spill_s or "
            "spill_start_s"
        )
    if par.spill_start_s is None and len(since):
        _require_beam_from_zero(since, length[places])
    known = np.where(np.isfinite(length), length, 0.0)  # the others have no track
    number = np.maximum(np.ceil(known / (width_ms * hepunits.ms)), 1.0).astype(np.int64)
    slices = np.minimum((since / length[places] * number[places]).astype(np.int64), number[places] - 1)
    return slices, number


def _require_beam_from_zero(timestamp: NDArray[np.float64], length: NDArray[np.float64]) -> None:
    """Refuse tracks that all come late in their bursts: slices without beam would raise the number of pairs."""
    first = float((timestamp / length).min())
    if first > EMPTY and (1.0 - first) ** len(timestamp) < CHANCE:
        begin = float(timestamp.min()) / hepunits.s
        raise InputError(
            f"no single track before {begin:g} s, {first:.1%} of the burst: set background.combinatorial.spill_start_s to "
            "the time at which the beam begins, or to 0 if the live time counts from there"
        )


def slice_weights(
    slices: NDArray[np.int64],
    number: NDArray[np.int64],
    places: NDArray[np.int64],
    weight: NDArray[np.float64],
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.int64]]:
    """Return consecutive numbers of the time slices that hold tracks, and the weight of a pair in each.

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
    """Duty factor <R>^2/<R^2> inside the bursts: estimated over true number of pairs without time slices.

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

    def __str__(self) -> str:
        return f"{self.value:.4f} ± {self.error * self.value:.4f} in slices of {self.slice_ms:g} ms"


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
    """Merge neighbouring bursts, so that tracks of different bursts are paired too.

    A pair weighs D^2 W / T, and a mixed burst has the live time of all its own: 1 / w = sum_k 1 / w_k. The estimate is
    then of <n>^2 instead of <n^2>: biased low by how much the intensity varies from burst to burst. With downscales D_i
    and D_j a pair of two bursts would weigh D_i D_j W / T: bursts are mixed only where they are equal.

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

    Raises
    ------
    InputError
        When bursts with different downscales would be mixed.
    """
    group = np.arange(len(weight)) // number
    known = weight > 0
    for mixed_number in np.unique(group[known]):
        own = np.flatnonzero(known & (group == mixed_number))
        other = own[bursts.downscale[own] != bursts.downscale[own[0]]]
        if len(other):
            a, b = own[0], other[0]
            raise InputError(
                f"run {bursts.run[a]} burst {bursts.burst[a]} and run {bursts.run[b]} burst {bursts.burst[b]} have downscales "
                f"{bursts.downscale[a]:g} and {bursts.downscale[b]:g}, so their tracks cannot be mixed: select bursts of one "
                "downscale, or remove background.combinatorial.mix_bursts"
            )
    inverse = np.bincount(group[known], 1.0 / weight[known], minlength=group[-1] + 1)
    mixed = np.divide(1.0, inverse, out=np.zeros_like(inverse), where=inverse > 0)
    pairs = float(np.sum(weight * bursts.plus * bursts.minus))
    both = np.bincount(group, bursts.plus) * np.bincount(group, bursts.minus)
    return group[places], mixed, float(np.sum(mixed * both)) / pairs - 1.0 if pairs else float("nan")


@dataclass(frozen=True)
class Grouped:
    """Groups of tracks that are paired with each other, and the weight of a pair in each.

    Attributes
    ----------
    places : ndarray of int, shape (N,)
        Group of each track.
    weight : ndarray, shape (groups,)
        Weight of a pair in each.
    burst : ndarray of int, shape (groups,)
        The burst of each, the first one where several are mixed.
    largest : float
        Largest weight that a pair could have.
    warnings : tuple of str
    """

    places: NDArray[np.int64]
    weight: NDArray[np.float64]
    burst: NDArray[np.int64]
    largest: float
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class WeightedBursts:
    """Bursts of the single tracks with the weight of a pair in each, before they are sliced or mixed.

    Attributes
    ----------
    bursts : SingleBursts
    weight : ndarray, shape (bursts,)
        0 in a burst that cannot be used.
    par : PairingParameters
    """

    bursts: SingleBursts
    weight: NDArray[np.float64]
    par: PairingParameters

    def group(self, tracks: Tracks, places: NDArray[np.int64]) -> Grouped:
        """Group tracks by burst, by time slice, or by several bursts, as the parameters say.

        Parameters
        ----------
        tracks : Tracks
            N single tracks.
        places : ndarray of int, shape (N,)
            Burst of each.
        """
        bursts, weight, par = self.bursts, self.weight, self.par
        if par.slice_ms is not None:
            timestamp = np.asarray(tracks.events.timestamp, dtype=np.float64)[tracks.index]
            slices, number = time_slices(timestamp, places, bursts, par, par.slice_ms)
            own, sliced, burst = slice_weights(slices, number, places, weight)
            return Grouped(own, sliced, burst, float((weight * number).max()))
        if par.mix_bursts > 1:
            own, mixed, bias = mix_bursts(par.mix_bursts, places, weight, bursts)
            first = np.arange(len(mixed)) * par.mix_bursts
            said = (
                f"tracks of {par.mix_bursts} bursts are mixed: the estimate is biased by {bias:+.1%} from the intensities of "
                "the bursts; for studies only"
            )
            return Grouped(own, mixed, first, float(mixed.max()), (said,))
        return Grouped(places, weight, np.arange(len(weight)), float(weight.max()))

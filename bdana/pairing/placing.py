"""Where single tracks are paired: within a burst, within a time slice of it, or, on request, across all bursts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import awkward as ak
import numpy as np

from bdana.errors import ConfigError, InputError
from bdana.pairing.slices import DutyFactor, duty_factor, slice_weights, time_slices

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from bdana.events import BurstTable
    from bdana.pairing.bursts import SingleBursts
    from bdana.reconstruction import Tracks

__all__ = ["Placing", "measured_duty", "place_tracks"]


@dataclass(frozen=True)
class Placing:
    """N tracks in P places; pairs are made within a place.

    Attributes
    ----------
    places : ndarray of int, shape (N,)
        Place of each track.
    weight : ndarray, shape (P,)
        Weight of a pair in each place.
    burst : ndarray of int, shape (P,)
        Burst of each place.
    largest : float
        Largest weight that a pair could have.
    mixed : ndarray, shape (bursts,), or None
        For pairs across all bursts, each burst's share in the pairs that are within bursts; else None.
    """

    places: NDArray[np.int64]
    weight: NDArray[np.float64]
    burst: NDArray[np.int64]
    largest: float
    mixed: NDArray[np.float64] | None = None

    def by_burst(self, by_place: NDArray[np.float64], bursts: int) -> NDArray[np.float64]:
        """Turn sums by place, shape (P, R), into sums by burst, shape (bursts, R)."""
        if self.mixed is not None:
            return np.outer(self.mixed, by_place[0])
        total = np.zeros((bursts, by_place.shape[1]))
        np.add.at(total, self.burst, by_place)
        return total


def place_tracks(
    tracks: Tracks, table: BurstTable, bursts: SingleBursts, weight: NDArray[np.float64], par: Any
) -> Placing:
    """Put tracks where they are paired.

    Parameters
    ----------
    tracks : Tracks
    table : BurstTable
    bursts : SingleBursts
        Those of the table.
    weight : ndarray, shape (bursts,) or (1,)
        Weight of a pair in each burst; when bursts are mixed, in all.
    par : BaseModel
        With `slice_ms`, `spill_s` and `mix_bursts`.

    Raises
    ------
    ConfigError
        When bursts are to be mixed and sliced.
    InputError
        When slices are asked for and a track has no timestamp inside its burst.
    """
    if par.mix_bursts:
        if par.slice_ms is not None:
            raise ConfigError(
                "background.combinatorial: mix_bursts and slice_ms exclude each other; remove one"
            )
        within = bursts.rate * bursts.events * bursts.downscale
        share = within / max(within.sum(), np.finfo(np.float64).tiny)
        one = np.zeros(len(tracks), dtype=np.int64)
        return Placing(one, weight, np.zeros(1, dtype=np.int64), float(weight[0]), share)
    places = _bursts_of(tracks, table)
    if par.slice_ms is None:
        return Placing(places, weight, np.arange(len(bursts)), float(weight.max()))
    timestamp = np.asarray(tracks.events.timestamp, dtype=np.float64)
    slices, number = time_slices(timestamp, places, bursts, par.spill_s, par.slice_ms)
    own, sliced, burst = slice_weights(slices, number, places, weight)
    return Placing(own, sliced, burst, float((weight * number).max()))


def measured_duty(
    tracks: Tracks,
    table: BurstTable,
    bursts: SingleBursts,
    weight: NDArray[np.float64],
    spill_s: float | None,
    width_ms: float,
) -> DutyFactor | str:
    """Measure the duty factor in slices of the given length, or say why that cannot be done."""
    if "timestamp" not in ak.fields(tracks.events):
        return "the files have no timestamps"
    places = _bursts_of(tracks, table)
    try:
        slices, number = time_slices(
            np.asarray(tracks.events.timestamp, dtype=np.float64), places, bursts, spill_s, width_ms
        )
    except InputError as problem:
        return str(problem)
    return duty_factor(slices, number, places, weight, width_ms) or f"no two tracks within {width_ms:g} ms"


def _bursts_of(tracks: Tracks, table: BurstTable) -> NDArray[np.int64]:
    return table.places(np.asarray(tracks.events.run), np.asarray(tracks.events.burst))

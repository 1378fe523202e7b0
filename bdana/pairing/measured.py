"""What the single tracks themselves tell of the uncertainties of the estimate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import awkward as ak
import numpy as np

from bdana.errors import InputError
from bdana.pairing.slices import DutyFactor, duty_factor, time_slices

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from bdana.pairing.bursts import SingleBursts
    from bdana.pairing.sums import PairSums
    from bdana.reconstruction import Tracks

__all__ = ["Measured", "SampleChoice", "measured_duty"]

KNOWN = 0.05
"""Largest relative statistical error of a ratio that counts as measured: a coarser one tells of its own fluctuation."""


def measured_duty(
    tracks: Tracks,
    places: NDArray[np.int64],
    bursts: SingleBursts,
    weight: NDArray[np.float64],
    spill_s: float | None,
    width_ms: float,
) -> DutyFactor | str:
    """Measure the duty factor in slices of the given length (arguments of `time_slices`), or say why that cannot be done."""
    if "timestamp" not in ak.fields(tracks.events):
        return "the files have no timestamps"
    timestamp = np.asarray(tracks.events.timestamp, dtype=np.float64)[tracks.index]
    try:
        slices, number = time_slices(timestamp, places, bursts, spill_s, width_ms)
    except InputError as problem:
        return str(problem)
    return duty_factor(slices, number, places, weight, width_ms) or f"no two tracks within {width_ms:g} ms"


@dataclass(frozen=True)
class SampleChoice:
    """Vetoed single tracks against all of them.

    Attributes
    ----------
    ratio : float
        Pairs of tracks that pass the vetoes, over pairs of all tracks times the square of the vetoes' survival: 1 when
        what vetoes a track has nothing to do with where it goes.
    error : float
        Its relative statistical error if a veto hits tracks at random: the pairs of a track vary together, and of
        the sum over pairs a share (1 - v) / v of the variance is left, with v the survival.
    """

    ratio: float
    error: float

    @classmethod
    def of(cls, every: PairSums, vetoed: float, survival: float) -> SampleChoice | None:
        """Compare the sums over pairs of all tracks with that over pairs of tracks that pass; None without pairs."""
        total = float(every.total[:-1].sum())
        if not total or not vetoed:
            return None
        variance = float(every.covariance()[:-1, :-1].sum())
        error = np.sqrt(max(variance, 0.0) * (1.0 - survival) / survival) / total
        return cls(vetoed / (total * survival**2), float(error))


@dataclass(frozen=True)
class Measured:
    """Measured sources of uncertainty; None where there are too few tracks, or no times, to tell.

    Attributes
    ----------
    duty : DutyFactor or None
        Inside the bursts.
    finer : DutyFactor or None
        In slices of half the length, when pairs are made within slices.
    sliced : bool
        Whether pairs are made within slices, so that `duty` is corrected.
    choice : SampleChoice or None
    notes : tuple of str
        What a reader of the result must be told.
    """

    duty: DutyFactor | None
    finer: DutyFactor | None
    sliced: bool
    choice: SampleChoice | None
    notes: tuple[str, ...]

    @classmethod
    def of(
        cls,
        duty: DutyFactor | str,
        finer: DutyFactor | str | None,
        choice: SampleChoice | None,
    ) -> Measured:
        """Keep what is known well enough, with notes on the rest; a text in place of a duty factor says why there is none."""
        notes = []
        measured: list[DutyFactor | None] = []
        for what, number in (("duty factor", duty), ("duty factor in slices of half the length", finer)):
            why = number if isinstance(number, str) else None
            if number is None or isinstance(number, str):
                measured.append(None)
            else:
                known = number.error < KNOWN
                why = None if known else f"its statistical error would be {number.error:.0%}"
                measured.append(number if known else None)
            if why:
                notes.append(f"{what} inside the bursts not measured, and no part of the error: {why}")
        if choice is None or choice.error >= KNOWN:
            notes.append(
                "choice of vetoed tracks not measured, and no part of the error: too few vetoed tracks or pairs"
            )
            choice = None
        return cls(measured[0], measured[1], finer is not None, choice, tuple(notes))

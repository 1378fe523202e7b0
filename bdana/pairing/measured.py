"""What the single tracks themselves tell of the uncertainties of the estimate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from bdana.pairing.slices import DutyFactor
    from bdana.pairing.sums import PairSums

__all__ = ["Measured", "SampleChoice"]

KNOWN = 0.05
"""Largest relative statistical error of a ratio that counts as measured: a coarser one tells of its own fluctuation."""


@dataclass(frozen=True)
class SampleChoice:
    """Vetoed single tracks against all of them.

    Attributes
    ----------
    ratio : float
        Pairs of tracks that pass the vetoes, over pairs of all tracks times the square of the vetoes' survival: 1 when
        what vetoes a track has nothing to do with where it goes.
    error : float
        Relative statistical error of the numbers of pairs.
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
        return cls(vetoed / (total * survival**2), float(np.sqrt(max(variance, 0.0))) / total)


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
    mixing_bias : float or None
        <n>^2/<n^2> of the bursts when pairs are made across them, NaN if unknown; else None.
    notes : tuple of str
        What a reader of the result must be told.
    """

    duty: DutyFactor | None
    finer: DutyFactor | None
    sliced: bool
    choice: SampleChoice | None
    mixing_bias: float | None
    notes: tuple[str, ...]

    @classmethod
    def of(
        cls,
        duty: DutyFactor | str,
        finer: DutyFactor | str | None,
        choice: SampleChoice | None,
        mixing_bias: float | None,
    ) -> Measured:
        """Keep what is known well enough, with notes on the rest; a text in place of a duty factor says why there is none."""
        notes = []
        if mixing_bias is not None:
            notes.append(
                "WARNING: tracks of different bursts are paired, so the estimate is only "
                f"<n>^2/<n^2> = {mixing_bias:.3f} of the truth, measured from the bursts and not corrected"
            )
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
                "sample choice not measured, and no part of the error: too few vetoed tracks or pairs"
            )
            choice = None
        return cls(measured[0], measured[1], finer is not None, choice, mixing_bias, tuple(notes))

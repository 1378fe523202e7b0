"""What the single tracks themselves tell of the estimate: corrections with their errors, and systematic uncertainties."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from bdana.errors import InputError
from bdana.pairing.estimate.in_spill import duty_factor, spill_times
from bdana.pairing.estimate.inputs import Input
from bdana.pairing.estimate.slices import NEGLIGIBLE
from bdana.pairing.estimate.time_weights import EVERY_PAIR
from bdana.rounding import percent

if TYPE_CHECKING:
    from bdana.pairing.estimate.in_spill import DutyFactor, SpillClock
    from bdana.pairing.estimate.pairing_parameters import PairingParameters
    from bdana.pairing.estimate.shape_test import ShapeTest
    from bdana.pairing.estimate.single_bursts import SingleBursts
    from bdana.pairing.estimate.singles import SingleSample
    from bdana.pairing.estimate.slices import Slice
    from bdana.pairing.estimate.u_statistic import PairSums

__all__ = ["InSpill", "Measured", "SampleChoice", "measured_in_spill"]

DIFFERENT = 1e-3
"""Probability of a difference between bursts of different weights below which a warning says so, assumed."""
KNOWN = 0.05
"""Largest relative statistical error of a ratio that counts as measured: a larger one is mostly fluctuation."""


@dataclass(frozen=True)
class InSpill:
    """What the times of the single tracks tell of the structure inside the bursts.

    Attributes
    ----------
    duty : DutyFactor
    slices : tuple of Slice
        Weights by time difference that may be chosen, whole bursts first.
    clock : SpillClock
        What the times of tracks since the start of their bursts are.
    """

    duty: DutyFactor
    slices: tuple[Slice, ...]
    clock: SpillClock

    @property
    def flat(self) -> bool:
        """Whether pairs of whole bursts miss next to nothing, so that no slices are needed."""
        first = self.slices[0]
        return first.weight == EVERY_PAIR and first.beyond < NEGLIGIBLE


def measured_in_spill(
    sample: SingleSample, bursts: SingleBursts, par: PairingParameters, precision: float
) -> InSpill | str:
    """Measure the structure inside the bursts, or return why that cannot be done.

    Parameters
    ----------
    sample : SingleSample
    bursts : SingleBursts
    par : PairingParameters
    precision : float
        Relative statistical error that is aimed at.

    Raises
    ------
    InputError
        When `slice_ms` is set and the times cannot be used.
    """
    if not sample.has("timestamp"):
        return "the files have no timestamps"
    try:
        times = spill_times(sample, bursts, par)
    except InputError as problem:
        if par.slice_ms is not None:
            raise
        return str(problem)
    found = duty_factor(times, precision, par.slice_ms)
    if found is None:
        return "too few single tracks in a burst"
    duty, structure = found
    fixed = None if par.slice_ms is None else structure.window
    return InSpill(duty, structure.slices(fixed), times.clock)


@dataclass(frozen=True)
class SampleChoice:
    """Test of the vetoes: pairs of single tracks that pass them against pairs of all single tracks.

    Attributes
    ----------
    ratio : float
        Selected share of the pairs of tracks that pass the vetoes, over that of the pairs of all tracks: 1 when what
        vetoes a track has nothing to do with where it goes.
    error : float
        Its relative statistical error if a veto hits tracks at random: the pairs of a track vary together, and of
        the sum over pairs a share (1 - v) / v of the variance is left, with v the survival.
    """

    ratio: float
    error: float

    @classmethod
    def of(
        cls, passing: tuple[PairSums, float], every: tuple[PairSums, float], survival: float
    ) -> SampleChoice | None:
        """Compare pairs of tracks that pass the vetoes with pairs of all tracks; None without selected pairs.

        Parameters
        ----------
        passing, every : tuple of PairSums and float
            Sums by region, `undefined` last, and what all pairs of tracks add up to.
        survival : float
            Share of tracks that pass the vetoes.
        """
        shares = [float(sums.total[:-1].sum()) / total if total else 0.0 for sums, total in (passing, every)]
        if not all(shares):
            return None
        sums, total = every
        variance = float(sums.covariance()[:-1, :-1].sum())
        error = np.sqrt(max(variance, 0.0) * (1.0 - survival) / survival) / (shares[1] * total)
        return cls(shares[0] / shares[1], float(error))


@dataclass(frozen=True)
class Measured:
    """What is measured with the single tracks; None where there are too few of them, or no times.

    Attributes
    ----------
    duty : DutyFactor or None
        Inside the bursts: the estimate is corrected for it.
    choice : SampleChoice or None
    notes : tuple of str
        What a reader of the result must be told.
    warnings : tuple of str
        What must be said wherever the numbers are shown.
    """

    duty: DutyFactor | None
    choice: SampleChoice | None
    notes: tuple[str, ...]
    warnings: tuple[str, ...]

    @classmethod
    def of(
        cls, in_spill: InSpill | str, choice: SampleChoice | None, shapes: ShapeTest | None = None
    ) -> Measured:
        """Keep what is measured precisely enough, with notes on the others.

        Parameters
        ----------
        in_spill : InSpill or str
            Inside the bursts; a str says why it could not be measured.
        choice : SampleChoice or None
        shapes : ShapeTest, optional
            Of bursts with different weights.
        """
        notes, warnings = [], []
        if isinstance(in_spill, str):
            warnings.append(
                f"structure of the beam inside the bursts not measured, so that the estimate may be too low: {in_spill}"
            )
        if choice is None or choice.error >= KNOWN:
            notes.append(
                "choice of vetoed tracks not measured, and no part of the error: too few vetoed tracks or pairs"
            )
            choice = None
        if shapes:
            notes.append(f"{shapes}")
            if shapes.p_value < DIFFERENT:
                warnings.append(
                    f"bursts of different downscale have different pairs, which the estimate does not know: {shapes}"
                )
        return cls(
            None if isinstance(in_spill, str) else in_spill.duty, choice, tuple(notes), tuple(warnings)
        )

    @property
    def one_sided(self) -> frozenset[str]:
        """Sources that can only raise the estimate."""
        return frozenset() if self.duty else frozenset({"duty_factor"})

    def systematics(self, par: PairingParameters) -> dict[str, tuple[float, str]]:
        """Return the sources beside the statistical error: name -> (relative effect on every region, where it is from).

        Parameters
        ----------
        par : PairingParameters
        """
        sources = {}
        if self.choice:
            said = (
                f"selected share of pairs of vetoed single tracks, over that of all: {self.choice.ratio:.4f}"
            )
            sources["veto_choice"] = (abs(self.choice.ratio - 1.0), said)
        duty = self.duty
        if duty is None:
            assumed = par.unmeasured_duty_factor
            sources["duty_factor"] = (
                1.0 / assumed - 1.0,
                f"assumed: <R>²/<R²> not below {assumed:g} inside the bursts, not measured; the truth can only be higher",
            )
        elif duty.change is not None and duty.change_error is not None and duty.change_error < KNOWN:
            effect = max(abs(duty.change) - duty.change_error, 0.0)
            sources["duty_factor"] = (
                effect,
                (
                    f"<R>²/<R²> = {duty}, which is corrected; half of that length changes it by "
                    f"{percent(duty.change, duty.change_error)}, of which what exceeds the error counts"
                ),
            )
        return sources

    def inputs(self, bursts: SingleBursts) -> tuple[Input, ...]:
        """Return what is measured, with its error.

        Parameters
        ----------
        bursts : SingleBursts
            Those that are used.
        """
        survival = bursts.survival
        rows = [
            Input(
                "accidental_survival",
                survival.mean,
                survival.mean * survival.relative_error,
                "measured",
                f"displaced windows of {bursts.tried.sum():.0f} single tracks, {survival.classes} classes of intensity",
            )
        ]
        if self.duty:
            duty = self.duty
            said = f"time differences of single tracks below {duty.slice_ms:.3g} ms"
            if duty.lines_hz:
                said += ", and " + ", ".join(f"{line:.4g}" for line in duty.lines_hz) + " Hz"
            rows.append(Input("duty_factor", duty.value, duty.value * duty.error, "measured", said))
        if self.choice:
            said = "selected pairs of single tracks with and without vetoes"
            rows.append(Input("veto_choice", self.choice.ratio, self.choice.error, "measured", said))
        return tuple(rows)

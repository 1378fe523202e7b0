"""Systematic uncertainties of the estimate that are measured with the single tracks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import awkward as ak
import numpy as np

from bdana.errors import InputError
from bdana.pairing.estimate.groups import DutyFactor, duty_factor, time_slices

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from bdana.pairing.estimate.groups import WeightedBursts
    from bdana.pairing.estimate.single_bursts import SingleBursts
    from bdana.pairing.estimate.u_statistic import PairSums
    from bdana.reconstruction import Tracks

__all__ = ["Measured", "SampleChoice", "measured_duty"]

KNOWN = 0.05
"""Largest relative statistical error of a ratio that counts as measured: a larger one is mostly fluctuation."""
PRECISE = 0.02
"""Relative statistical error of a duty factor below which longer slices are not tried, assumed."""


def measured_duty(
    tracks: Tracks,
    places: NDArray[np.int64],
    weighted: WeightedBursts,
    widths_ms: Sequence[float],
) -> DutyFactor | str:
    """Measure the duty factor in slices of one of the given lengths, or return why that cannot be done.

    Short slices see the most structure; the shortest ones whose error is below 2% are taken, otherwise those with the
    smallest error.

    Parameters
    ----------
    tracks : Tracks
        N single tracks.
    places : ndarray of int, shape (N,)
        Burst of each.
    weighted : WeightedBursts
    widths_ms : sequence of float
        Lengths to be tried, in ms.
    """
    if "timestamp" not in ak.fields(tracks.events):
        return "the files have no timestamps"
    timestamp = np.asarray(tracks.events.timestamp, dtype=np.float64)[tracks.index]
    found: list[DutyFactor] = []
    for width_ms in sorted(widths_ms):
        try:
            slices, number = time_slices(timestamp, places, weighted.bursts, weighted.par, width_ms)
        except InputError as problem:
            return str(problem)
        duty = duty_factor(slices, number, places, weighted.weight, width_ms)
        if duty and duty.error < PRECISE:
            return duty
        found += [duty] if duty else []
    return min(found, key=lambda duty: duty.error) if found else f"no two tracks within {max(widths_ms):g} ms"


@dataclass(frozen=True)
class SampleChoice:
    """Test of the vetoes: pairs of single tracks that pass them against pairs of all single tracks.

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
    def of(cls, every: PairSums, passing: float, survival: float) -> SampleChoice | None:
        """Compare pairs of all tracks with pairs of tracks that pass the vetoes; None without pairs.

        Parameters
        ----------
        every : PairSums
            Of all tracks, by region.
        passing : float
            Sum of weights over pairs of tracks that pass, in all regions.
        survival : float
            Share of tracks that pass the vetoes.
        """
        total = float(every.total[:-1].sum())
        if not total or not passing:
            return None
        variance = float(every.covariance()[:-1, :-1].sum())
        error = np.sqrt(max(variance, 0.0) * (1.0 - survival) / survival) / total
        return cls(passing / (total * survival**2), float(error))


@dataclass(frozen=True)
class Measured:
    """Measured sources of uncertainty; None where there are too few tracks, or no times, to measure them.

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
        """Keep the sources that are measured precisely enough, with notes on the others.

        Without slices a duty factor is known with its error; with slices only the change from one length to half of it
        is used, for which both must be known well.

        Parameters
        ----------
        duty : DutyFactor or str
            Inside the bursts; a str says why it could not be measured.
        finer : DutyFactor, str or None
            In slices of half the length; None when pairs are not made within slices.
        choice : SampleChoice or None
        """
        sliced, notes = finer is not None, []
        if isinstance(duty, str):
            notes.append(f"duty factor inside the bursts not measured, and no part of the error: {duty}")
        for number in (duty, finer) if sliced and not isinstance(duty, str) else ():
            poor = isinstance(number, DutyFactor) and number.error >= KNOWN
            if isinstance(number, str) or poor:
                notes.append(
                    f"change of the pairs in slices of half the length not measured, and no part of the error: {number}"
                )
                finer = None
                break
        if choice is None or choice.error >= KNOWN:
            notes.append(
                "choice of vetoed tracks not measured, and no part of the error: too few vetoed tracks or pairs"
            )
            choice = None
        return cls(
            None if isinstance(duty, str) else duty,
            None if isinstance(finer, str) else finer,
            sliced,
            choice,
            tuple(notes),
        )

    def systematics(self, bursts: SingleBursts) -> dict[str, tuple[float, str]]:
        """Return the measured sources: name -> (relative effect on every region, where it comes from).

        Parameters
        ----------
        bursts : SingleBursts
            Those that are used.
        """
        survival = bursts.accidental_survival
        sources = {
            "accidental_survival": (
                bursts.accidental_survival_error / survival,
                f"binomial error of the measured survival {survival:.4f}",
            )
        }
        if self.choice:
            sources["veto_choice"] = (
                abs(self.choice.ratio - 1.0),
                (
                    f"vetoed single tracks, over all tracks and the vetoes' survival {bursts.veto_survival:.4f} squared: "
                    f"{self.choice.ratio:.4f}"
                ),
            )
        duty, finer = self.duty, self.finer
        if duty and not self.sliced:
            effect = max(abs(1.0 / duty.value - 1.0), duty.error)
            sources["duty_factor"] = (effect, f"<R>²/<R²> = {duty}, not corrected: set slice_ms")
        if duty and finer:
            effect = abs(duty.value / finer.value - 1.0)
            sources["duty_factor"] = (effect, f"{duty}, which is corrected, against {finer}")
        return sources

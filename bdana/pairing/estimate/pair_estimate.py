"""The combinatorial estimate: single tracks of a burst paired, weighted, and put through the cuts of the data."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from bdana._version import __version__
from bdana.display import shortened
from bdana.errors import ConfigError
from bdana.observed import Predicted

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from bdana.events import Dataset
    from bdana.events.bad_files import BadFile
    from bdana.events.open_part import OpenPart
    from bdana.pairing.estimate.in_spill import DutyFactor
    from bdana.pairing.estimate.inputs import Input
    from bdana.pairing.estimate.region_parts import RegionParts, RegionSums
    from bdana.pairing.estimate.shape_test import ShapeTest
    from bdana.pairing.estimate.single_bursts import SingleBursts
    from bdana.pairing.estimate.u_statistic import PairSums
    from bdana.selection import Cutflow, Histogram
    from bdana.statistics import Systematic

__all__ = ["PairEstimate", "PairSample"]


@dataclass(frozen=True)
class PairEstimate:
    """Expected number of accidental pairs by region, with covariance, histograms and systematic uncertainties.

    An estimate for data that are partly closed is that of what is open of each open region, and of all of each closed one.

    Attributes
    ----------
    regions : tuple of str
        Names of the R regions, innermost first.
    expected : ndarray, shape (R,)
        Expected number in each region.
    covariance : ndarray, shape (R, R)
        Its statistical covariance, from the finite number of single tracks: of the pairs, and of what is measured with
        the same tracks (duty factor, survival of the vetoes). Variances are those that give pulls of width 1, above those
        without bias where few tracks tell them (`PairSums.widening`).
    pairs : ndarray of int, shape (R,)
        Built pairs in each region.
    sum_w2 : ndarray, shape (R,)
        Sum of squared weights: what the variance would be if the pairs were independent, which they are not.
    upper_limit : ndarray, shape (R,)
        `unseen` of a region without a pair; NaN where there are pairs.
    unseen : ndarray, shape (R,)
        90% CL upper limit on the expectation of a region without a pair: 2.303 pairs, of the weight at its 90% end.
    hists : mapping of str to hist.Hist
        The analysis' variables by region, with the variance of the U-statistic.
    bin_covariances : mapping of str to ndarray, shape (R, B, R, B)
        Statistical covariance of the B bins of each variable in each region.
    systematics : tuple of Systematic
        Their relative effects by region.
    inputs : tuple of Input
        Numbers that go into the estimate, measured ones first, then those that are assumed.
    bursts : SingleBursts
        What the weights were made of.
    by_burst : ndarray, shape (bursts, R)
        Expected number in all of each region from each burst.
    built : int
        Pairs of the sample: of opposite charge, or like-sign ones.
    duty_factor : DutyFactor or None
        <R>^2/<R^2> inside the bursts; None where it cannot be measured.
    slices : tuple of str
        How close in time the tracks of a pair are in each region.
    warnings : tuple of str
        What must be said wherever the numbers are shown.
    notes : tuple of str
        Sources of uncertainty that could not be measured, and why.
    bootstrap_error : ndarray or None, shape (R,)
        The statistical errors of all of each region by the bootstrap, if that was asked for.
    undefined : float
        Expected number of selected pairs without finite (z_TAX, CDA_TAX).
    single_cutflow : Cutflow
        Of the single tracks.
    parts : RegionParts or None
        Sums by region and closed envelope; None where nothing of the data is closed.
    bad_files : tuple of BadFile
        Files that cannot be read and were left out with their bursts.
    dataset : Dataset or None
        What the single tracks were read from, bad files left out; None where they were given.
    plane : hist.Hist or None
        Sum of weights of all regions in the (z_TAX, CDA_TAX) plane; None where no variables are histogrammed.
    """

    regions: tuple[str, ...]
    expected: NDArray[np.float64]
    covariance: NDArray[np.float64]
    pairs: NDArray[np.int64]
    sum_w2: NDArray[np.float64]
    upper_limit: NDArray[np.float64]
    unseen: NDArray[np.float64]
    hists: Mapping[str, Histogram]
    bin_covariances: Mapping[str, NDArray[np.float64]]
    systematics: tuple[Systematic, ...]
    inputs: tuple[Input, ...]
    bursts: SingleBursts
    by_burst: NDArray[np.float64]
    built: int
    duty_factor: DutyFactor | None
    slices: tuple[str, ...]
    warnings: tuple[str, ...]
    notes: tuple[str, ...]
    bootstrap_error: NDArray[np.float64] | None
    undefined: float
    single_cutflow: Cutflow
    parts: RegionParts | None = None
    bad_files: tuple[BadFile, ...] = ()
    dataset: Dataset | None = None
    plane: Histogram | None = None

    def __repr__(self) -> str:
        rows = (f"{name} {number}" for name, number in self.predicted.items())
        return shortened(f"PairEstimate({self.built} pairs built: {'; '.join(rows)})")

    @property
    def predicted(self) -> dict[str, Predicted]:
        """Expected number with its total error by region, innermost first; the upper limit where there is no pair."""
        down = self.error_down
        rows = zip(self.regions, self.expected, self.total_error, down, self.upper_limit, strict=True)
        return {
            name: Predicted(
                float(b),
                float(up),
                None if np.isnan(limit) else float(limit),
                float(low) if low != up else None,
            )
            for name, b, up, low, limit in rows
        }

    @property
    def whole(self) -> PairEstimate:
        """The estimate of all of every region; the histograms are those of this one."""
        if self.parts is None or self.expected is self.parts.whole.total:
            return self
        return self._with(self.parts.whole)

    def restricted_to(self, part: OpenPart | None) -> PairEstimate:
        """Return the estimate of what is counted of each region; the histograms are those of this one.

        Parameters
        ----------
        part : OpenPart or None
            None: of all of every region.
        """
        if self.parts is None or part is None:
            return self.whole
        return self._with(self.parts.counted(part.counted(self.regions)))

    def _with(self, sums: RegionSums) -> PairEstimate:
        return replace(
            self,
            expected=sums.total,
            covariance=sums.widened,
            pairs=sums.pairs,
            sum_w2=sums.sum_w2,
            upper_limit=np.where(sums.pairs == 0, self.unseen, np.nan),
        )

    @property
    def error(self) -> NDArray[np.float64]:
        """Statistical error of each region, shape (R,)."""
        return np.sqrt(np.maximum(np.diag(self.covariance), 0.0))

    @property
    def systematic_covariance(self) -> NDArray[np.float64]:
        """Covariance of all systematic sources, shape (R, R)."""
        return self._covariance_of(self.systematics)

    @property
    def total_error(self) -> NDArray[np.float64]:
        """Statistical and systematic error of each region in quadrature, shape (R,); upward where a source is one-sided."""
        return self._error_towards(1.0)

    @property
    def error_down(self) -> NDArray[np.float64]:
        """The same downward: without sources that can only raise the number, with those that can only lower it."""
        return self._error_towards(-1.0)

    def _error_towards(self, sign: float) -> NDArray[np.float64]:
        variance = self.error**2
        for source in self.systematics:
            effect = np.array([source.effect.get(name, 0.0) for name in self.regions])
            if source.one_sided:
                effect = np.maximum(sign * effect, 0.0)
            variance = variance + (self.expected * effect) ** 2
        return np.sqrt(variance)

    def _covariance_of(self, sources: Sequence[Systematic]) -> NDArray[np.float64]:
        total = np.zeros_like(self.covariance)
        for source in sources:
            shift = self.expected * np.array([source.effect.get(name, 0.0) for name in self.regions])
            total += np.outer(shift, shift) if source.correlated else np.diag(shift**2)
        return total

    @property
    def total_covariance(self) -> NDArray[np.float64]:
        """Covariance of the regions with the squared total errors on its diagonal, shape (R, R).

        The unbiased estimate of the statistical part can have directions of negative variance where pairs are few:
        their variance is set to zero, and the errors are kept.
        """
        errors = self.total_error
        unit = np.where(errors > 0, errors, 1.0)
        correlation = (self.covariance + self.systematic_covariance) / np.outer(unit, unit)
        values, vectors = np.linalg.eigh(correlation)
        positive = (vectors * np.maximum(values, 0.0)) @ vectors.T
        size = np.sqrt(np.diag(positive))
        scale = errors * np.divide(1.0, size, out=np.zeros_like(size), where=size > 0)
        return positive * np.outer(scale, scale)

    def bin_covariance(self, variable: str, regions: Sequence[str] | None = None) -> NDArray[np.float64]:
        """Return the statistical covariance of the bins of a variable, summed over regions, shape (B, B).

        Parameters
        ----------
        variable : str
            Name of a variable of `hists`.
        regions : sequence of str, optional
            Which regions; all if not given.

        Raises
        ------
        ConfigError
            When there is no such variable or region.
        """
        if variable not in self.bin_covariances:
            raise ConfigError(f"no variable '{variable}': there are {', '.join(self.bin_covariances)}")
        chosen = self.regions if regions is None else regions
        unknown = [name for name in chosen if name not in self.regions]
        if unknown:
            raise ConfigError(f"no region '{unknown[0]}': there are {', '.join(self.regions)}")
        places = [self.regions.index(name) for name in chosen]
        covariance = self.bin_covariances[variable][places][:, :, places]
        summed: NDArray[np.float64] = covariance.sum(axis=(0, 2))
        return summed

    def to_dict(self, *, bins: bool = False) -> dict[str, Any]:
        """Return the result as plain values, for JSON.

        Parameters
        ----------
        bins : bool
            Whether the covariance of the bins, summed over regions, is included, and that of the regions in each bin.
        """
        rows = zip(
            self.regions,
            self.expected,
            self.error,
            self.total_error,
            self.pairs,
            self.upper_limit,
            [number.error_down for number in self.predicted.values()],
            strict=True,
        )
        checked: dict[str, Any] = (
            {} if self.bootstrap_error is None else {"bootstrap_error": self.bootstrap_error.tolist()}
        )
        if bins:
            checked["bin_covariance"] = {
                name: self.bin_covariance(name).tolist() for name in self.bin_covariances
            }
            checked["covariance_in_bins"] = {
                name: np.einsum("abcb->acb", found).tolist() for name, found in self.bin_covariances.items()
            }
            checked["variance_in_merged_bins"] = {
                name: merged_variances(found) for name, found in self.bin_covariances.items()
            }
        return checked | {
            "regions": [
                {
                    "name": name,
                    "expected": float(expected),
                    "error": float(total),
                    "statistical_error": float(error),
                    "pairs": int(pairs),
                }
                | ({} if pairs else {"upper_limit_90": float(limit)})
                | ({} if down is None else {"error_down": down})
                for name, expected, error, total, pairs, limit, down in rows
            ],
            "statistical_covariance": self.covariance.tolist(),
            "systematic_covariance": self.systematic_covariance.tolist(),
            "systematics": [
                {
                    "name": s.name,
                    "effect": dict(s.effect),
                    "correlated": s.correlated,
                    "one_sided": s.one_sided,
                    "source": s.source,
                }
                for s in self.systematics
            ],
            "inputs": [asdict(row) for row in self.inputs],
            "single_tracks": {
                "plus": int(self.bursts.plus.sum()),
                "minus": int(self.bursts.minus.sum()),
                "clusters": int(self.bursts.neutral.sum()),
            },
            "single_cutflow": self.single_cutflow.to_list(),
            "pairs": self.built,
            "undefined": self.undefined,
            "bursts": len(self.bursts),
            "duty_factor": asdict(self.duty_factor) if self.duty_factor else None,
            "slices": dict(zip(self.regions, self.slices, strict=True)),
            "warnings": list(self.warnings),
            "notes": list(self.notes),
            "accidental_survival": self.bursts.accidental_survival,
            "bdana_version": __version__,
            **({"bad_files": [bad.to_dict() for bad in self.bad_files]} if self.bad_files else {}),
        }


@dataclass(frozen=True)
class PairSample:
    """Sums over all pairs of a sample: by region, in histograms, by burst, and of bootstrap replicas.

    Attributes
    ----------
    sums : PairSums
        By region, `undefined` last.
    parts : RegionParts or None
        By region and closed envelope; None where nothing of the data is closed.
    hists : mapping of str to hist.Hist
        The variables by region, with the variance of the U-statistic, of what is counted.
    bin_covariances : mapping of str to ndarray, shape (R, B, R, B)
        Covariance of their bins.
    built : int
        Number of pairs, those that were not built because they cannot pass included.
    replicas : ndarray, shape (replicas, regions)
        Sum of weights of each bootstrap replica, by region and `undefined`.
    shapes : ShapeTest or None
        Comparison of bursts of different weights; None where there is none to make.
    every : PairSums or None
        By region, of all tracks, vetoed ones included; None where that was not asked for.
    plane : hist.Hist or None
        Sum of weights in the (z_TAX, CDA_TAX) plane, all regions; None where nothing is histogrammed.
    """

    sums: PairSums
    parts: RegionParts | None
    hists: Mapping[str, Histogram]
    bin_covariances: Mapping[str, NDArray[np.float64]]
    built: int
    replicas: NDArray[np.float64]
    shapes: ShapeTest | None = None
    every: PairSums | None = None
    plane: Histogram | None = None

    def bootstrap_error(self, regions: int) -> NDArray[np.float64]:
        """Return the statistical error of the first regions from the spread of the bootstrap replicas.

        Each track counts Poisson(1) times in a replica, so the spread of sum h_ij m_i m_j is
        sum r^2 + sum c^2 + sum h^2: more than the variance by twice the last term, which is taken off again.

        Parameters
        ----------
        regions : int
            How many regions.
        """
        spread = self.replicas.var(axis=0, ddof=1) - 2.0 * self.sums.sum_w2
        error: NDArray[np.float64] = np.sqrt(np.maximum(spread, 0.0))[:regions]
        return error


def merged_variances(covariance: NDArray[np.float64]) -> dict[str, Any]:
    """Return the covariance of the regions in bins that are merged by each divisor of their number.

    Parameters
    ----------
    covariance : ndarray, shape (R, B, R, B)

    Returns
    -------
    dict
        By the number of bins that are one, as text, nested lists of shape (R, R, merged bins).
    """
    regions, bins = covariance.shape[:2]
    found = {}
    for factor in (f for f in range(2, bins // 2 + 1) if bins % f == 0):
        split = covariance.reshape(regions, bins // factor, factor, regions, bins // factor, factor)
        found[str(factor)] = np.einsum("abicbj->acb", split).tolist()
    return found

"""The prompt background of a search: expected from its single tracks, bounded by its pairs in open regions."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from bdana.display import short_repr
from bdana.errors import ConfigError
from bdana.observed import Predicted
from bdana.reconstruction import Clusters
from bdana.rounding import error_text, p_equals
from bdana.search.estimates import prompt_share
from bdana.statistics.poisson import Background, p_values
from bdana.statistics.significance import two_sided
from bdana.upstream import transfer_prompt

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from bdana.analysis import AnalysisFolder
    from bdana.engine import SelectionRun
    from bdana.events.open_part import OpenPart
    from bdana.observed import Observed
    from bdana.pairing import PairEstimate, SingleSample
    from bdana.search.kept_parts import KeptParts
    from bdana.upstream import PromptEstimate, PromptRegion, PromptShare

__all__ = ["Bounded", "PromptCheck", "Varied", "bound", "check_prompt", "expected_pairs", "vary"]

MUONS = 20_000
"""Largest number of single tracks that are propagated back; of more, a random subset stands for all."""
SEED = 1
"""Seed of the propagation: the same single tracks give the same result, bit for bit."""


@dataclass(frozen=True)
class Varied:
    """Expected number of one region with a prompt component added, its error or limit, and its p(N >= n)."""

    region: str
    expected: float
    error: float
    p_n: float | None
    """None while the region is closed."""
    upper_limit_90: float | None = None
    error_down: float | None = None

    @property
    def z_two_sided(self) -> float | None:
        """The p-value in two-sided standard deviations; None while the region is closed."""
        return None if self.p_n is None else two_sided(self.p_n).z

    @property
    def text(self) -> str:
        """The variation in words, with p-value and significance of a region that is open."""
        more = Predicted(self.expected, self.error, self.upper_limit_90, self.error_down)
        said = f"{self.region}, with the upper limit of the prompt share added: {more} expected"
        if self.p_n is None:
            return said
        p = f"= {self.p_n:.2%}" if self.p_n >= 1e-3 else p_equals(self.p_n)
        return f"{said}, p(N ≥ n) {p}, {self.z_two_sided:.1f} sigma two-sided"


@dataclass(frozen=True)
class Bounded:
    """Prompt pairs of one region beside its combinatorial background, and that with the upper limit added.

    Attributes
    ----------
    prompt : PromptRegion
    combinatorial : Predicted
    varied : Varied
        With the upper limit of the prompt pairs added.
    """

    prompt: PromptRegion
    combinatorial: Predicted
    varied: Varied

    __repr__ = short_repr

    @property
    def share(self) -> float | None:
        """The bound over the combinatorial background; None in a region without a pair to estimate that from."""
        known = self.combinatorial.upper_limit is None and self.combinatorial.value > 0.0
        return self.prompt.upper_limit / self.combinatorial.value if known else None

    @property
    def text(self) -> str:
        """How the bound compares with the combinatorial background, in words."""
        row, share = self.prompt, self.share
        what = "upper limit on prompt pairs" if row.constrained else "upper end of the assumed prompt pairs"
        said = f"{row.region}: the {what}, {error_text(row.upper_limit)} at {row.level:.0%} CL,"
        if share is None:
            return (
                f"{said} cannot be compared: no pair was seen to estimate the combinatorial background from"
            )
        if share > 1.0:
            return (
                f"{said} is {share:.2g} times the combinatorial background of {self.combinatorial}: "
                "that prompt pairs are the larger background there is not excluded"
            )
        return f"{said} is {share:.0%} of the combinatorial background of {self.combinatorial}"

    def to_dict(self) -> dict[str, Any]:
        """Return the row as plain values, for JSON."""
        with_bound = {key: value for key, value in asdict(self.varied).items() if key != "region"}
        return asdict(self.prompt) | {
            "combinatorial": self.combinatorial.value,
            "share": self.share,
            "text": self.text,
            "with_limit": with_bound | {"z_two_sided": self.varied.z_two_sided},
        }


@dataclass(frozen=True)
class PromptCheck:
    """In-time component fitted in open regions, the effect of its upper limit, and what single tracks predict.

    Attributes
    ----------
    share : PromptShare
    left_out : tuple of str
        Cuts that its pairs need not pass.
    varied : tuple of Varied
        Every region with the upper limit added, innermost first.
    estimate : PromptEstimate or None
        From the single tracks, with an assumed yield; None without single tracks.
    bounded : tuple of Bounded
        The fitted yield carried over to every region, innermost first; empty without single tracks.
    """

    share: PromptShare
    left_out: tuple[str, ...]
    varied: tuple[Varied, ...]
    estimate: PromptEstimate | None
    bounded: tuple[Bounded, ...] = ()

    __repr__ = short_repr

    def to_dict(self) -> dict[str, Any]:
        """Return the check as plain values, for JSON."""
        document = {
            "share": self.share.to_dict() | {"text": self.share.text, "left_out": list(self.left_out)},
            "varied": [asdict(row) for row in self.varied],
            "z_two_sided": self.varied[0].z_two_sided,
            "bounded": [row.to_dict() for row in self.bounded],
            "estimate": None,
        }
        if self.estimate:
            document["estimate"] = _plain(self.estimate)
        return document


def _plain(made: PromptEstimate) -> dict[str, Any]:
    keys = ("region", "expected", "error", "unfolding_error", "pairs", "simulation_error", "upper_limit_90")
    limits = [None if np.isnan(limit) else limit for limit in made.upper_limit.tolist()]
    columns = (made.expected, made.error, made.unfolding_error, made.pairs, made.simulation_error)
    rows = zip(made.regions, *(column.tolist() for column in columns), limits, strict=True)
    spectrum, closure = made.spectrum, made.spectrum.closure
    widths = {name: value.tolist() for name, value in vars(made.directions).items()}
    return {
        "regions": [dict(zip(keys, row, strict=True)) for row in rows],
        "edges_mev": made.edges.tolist(),
        "carried_back": made.carried_back.tolist(),
        "unfolded": spectrum.counts.tolist(),
        "unfolded_error": np.sqrt(spectrum.covariance.diagonal()).tolist(),
        "response_error": np.sqrt(spectrum.response_covariance.diagonal()).tolist(),
        "efficiency": spectrum.efficiency.tolist(),
        "iterations": spectrum.iterations,
        "closure": {n: v.tolist() for n, v in vars(closure).items() if isinstance(v, np.ndarray)},
        "rms_pull": closure.rms_pull,
        "widths": {"of": ["x_mm", "y_mm", "tx", "ty"], **widths},
        "unresolved": made.unresolved,
    }


def check_prompt(
    analysis: AnalysisFolder,
    data: SelectionRun,
    observed: Mapping[str, Observed],
    sample: SingleSample,
    estimate: PairEstimate,
    kept: KeptParts | None = None,
    part: OpenPart | None = None,
) -> PromptCheck:
    """Fit the in-time component in open regions, vary the estimate by its limit, and predict it from single tracks.

    Parameters
    ----------
    analysis, data, observed, sample, estimate, kept, part
        As for `run_checks`.
    """
    is_open = [name for name in analysis.regions.names if name not in data.closed]
    share = prompt_share(analysis, str(analysis.config.search.prompt), data, is_open)
    varied = tuple(
        vary(expected, share.upper_limit, observed[name]) for name, expected in estimate.predicted.items()
    )
    prompt, par = analysis.prompt(str(analysis.config.search.prompt))

    def make() -> PromptEstimate | None:
        return expected_pairs(analysis, sample, estimate.bursts.downscale, part)

    made = kept.once(analysis, ("prompt pairs", *(part.envelopes if part else ())), make) if kept else make()
    bounded: tuple[Bounded, ...] = ()
    if made:
        # No pair passes a veto more often than by accident.
        survival = estimate.bursts.accidental_survival
        parts, fitted = made.parts, None
        if parts and part:
            fitted = parts.with_open(part.counted(made.regions))
            made = made.restricted_to(part)
        rows = transfer_prompt(share, made, is_open, par.transfer_error, survival, fitted)
        bounded = tuple(bound(row, estimate.predicted[row.region], observed[row.region]) for row in rows)
    return PromptCheck(share, prompt.left_out, varied, made, bounded)


def bound(prompt: PromptRegion, expected: Predicted, observed: Observed) -> Bounded:
    """Add the upper limit of the prompt pairs to the combinatorial background, whose error stays; two limits make one.

    Parameters
    ----------
    prompt : PromptRegion
    expected : Predicted
        Of the combinatorial background.
    observed : Observed
        Of the same region, which may be closed.
    """
    limit = prompt.upper_limit
    if expected.upper_limit is None:
        more = Predicted(expected.value + limit, expected.error, None, expected.error_down)
    else:
        more = Predicted(expected.value, expected.error, expected.upper_limit + limit)
    p = None if observed.state == "closed" else p_values(observed.value, Background.of(more)).p_n
    return Bounded(prompt, expected, _varied(observed, more, p))


def vary(expected: Predicted, fraction: float, observed: Observed) -> Varied:
    """Add a prompt component of a fraction of the combinatorial background, with the same relative error.

    Parameters
    ----------
    expected : Predicted
        Of the combinatorial background.
    fraction : float
    observed : Observed
        Of one region, which may be closed.
    """
    more = expected.scaled(1.0 + fraction)
    p = None if observed.state == "closed" else p_values(observed.value, Background.of(more)).p_n
    return _varied(observed, more, p)


def _varied(observed: Observed, more: Predicted, p: float | None) -> Varied:
    return Varied(observed.region, more.value, more.error, p, more.upper_limit, more.error_down)


def expected_pairs(
    analysis: AnalysisFolder,
    sample: SingleSample,
    downscale: NDArray[np.float64],
    part: OpenPart | None = None,
) -> PromptEstimate | None:
    """Estimate the prompt pairs of a sample of single tracks; None without tracks.

    Parameters
    ----------
    analysis : AnalysisFolder
    sample : SingleSample
    downscale : ndarray, shape (bursts,)
        Of the single-track trigger in each burst, with gaps of the table filled.
    part : OpenPart, optional
        Its envelopes tell parts of the regions apart.
    """
    number = len(sample)
    if not number:
        return None
    search = analysis.config.search
    prompt, par = analysis.prompt(str(search.prompt))
    rng = np.random.default_rng(SEED)
    scale = max(1.0, number / MUONS)
    chosen = np.sort(rng.choice(number, MUONS, replace=False)) if number > MUONS else np.arange(number)
    tracks = sample.selected(chosen)
    if isinstance(tracks, Clusters):
        raise ConfigError(
            f'{analysis.folder / "analysis.toml"}: prompt = "{search.prompt}" is of muons, and {search.selection} pairs clusters: '
            "leave it out"
        )
    weights = scale * downscale[sample.burst_of(tracks)]
    selection, cuts = analysis.selection(search.selection)
    return prompt.expect(tracks, weights, selection, cuts, par, analysis.setup, rng, part)

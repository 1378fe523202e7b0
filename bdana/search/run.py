"""Running the search that analysis.toml declares: samples, background, table, checks."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from bdana.display import shortened
from bdana.engine import run_selection
from bdana.errors import BadFilesError, ConfigError
from bdana.events.open_part import OpenPart
from bdana.observed import Observed
from bdana.pairing import PairOptions
from bdana.search.channels import by_channel, require_one_channel, require_own_background
from bdana.search.checks import Checks, left_out_cuts, run_checks
from bdana.search.estimates import error_sources, estimate_singles, single_tracks
from bdana.search.kept_parts import KeptParts
from bdana.search.mass_scan import mass_search
from bdana.search.opened import Opened
from bdana.selection import Candidates
from bdana.statistics.table import CountingTable, counting_table

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from bdana.analysis import AnalysisFolder
    from bdana.engine import CutMasks, Executor, Progress, RegionCounts, SelectionRun
    from bdana.events import BurstTable, Dataset, Exposure
    from bdana.pairing import PairEstimate, SingleSample
    from bdana.search.opened import OpenedRegion
    from bdana.selection import Cutflow, Histogram
    from bdana.selection.cutflow import AccountingStep
    from bdana.statistics.mass_windows import MassSearch

__all__ = ["SampleRun", "run_open_part", "run_sample", "run_search"]


@dataclass(frozen=True)
class SampleRun:
    """Results of one sample.

    Attributes
    ----------
    name : str
        Its name in analysis.toml.
    selected : SelectionRun
        Cutflow, candidates, histograms, exposure.
    estimate : PairEstimate or None
        The combinatorial background; for the sample that [search] names as data.
    table : CountingTable or None
        Expected against observed; for the same sample.
    opened : tuple of OpenedRegion
        The regions of the table that were opened, with what was frozen before.
    checks : Checks or None
        What is open of the data against the estimate; for the same sample.
    masses : MassSearch or None
        The signal region in windows of mass; for the same sample, with [search.mass_windows].
    channel : str or None
        Its channel in an analysis that searches several.
    part : OpenPart or None
        What is counted of each region of blinded data.
    """

    name: str
    selected: SelectionRun
    estimate: PairEstimate | None
    table: CountingTable | None
    opened: tuple[OpenedRegion, ...] = ()
    checks: Checks | None = None
    masses: MassSearch | None = None
    channel: str | None = None
    part: OpenPart | None = None

    def __repr__(self) -> str:
        table = f"; {self.table!r}" if self.table else ""
        return shortened(f"SampleRun({self.title}: {len(self.candidates)} candidates{table})")

    @property
    def regions(self) -> RegionCounts:
        """Number of candidates of each region that is open."""
        return self.selected.regions

    @property
    def masks(self) -> CutMasks:
        """Which of the open events pass each cut: see `SelectionRun.masks`."""
        return self.selected.masks

    @property
    def title(self) -> str:
        """Name of the sample, behind that of the channel where there are several."""
        return _title(self.channel, self.name)

    @property
    def cutflow(self) -> Cutflow:
        """Number of events after each cut."""
        return self.selected.cutflow

    @property
    def accounting(self) -> tuple[AccountingStep, ...]:
        """One chain of numbers from the events that were read to the candidates, with efficiencies."""
        return self.selected.accounting

    @property
    def candidates(self) -> Candidates:
        """The selected pairs."""
        return self.selected.candidates

    @property
    def hists(self) -> Mapping[str, Histogram]:
        """Histograms of the variables of analysis.toml, by region."""
        return self.selected.hists

    @property
    def exposure(self) -> Exposure | None:
        """Exposure of the bursts used."""
        return self.selected.exposure


def run_search(
    analysis: AnalysisFolder,
    executor: Executor | None = None,
    progress: Callable[[str], Progress | None] | None = None,
    kept: KeptParts | None = None,
) -> tuple[SampleRun, ...]:
    """Run the search: every two-track sample of analysis.toml, in every channel.

    Parameters
    ----------
    analysis : AnalysisFolder
    executor : Executor, optional
        Where chunks run.
    progress : callable, optional
        Called with the title of each run; returns what is called with (events done, events in all).
    kept : KeptParts, optional
        Keeps what the search makes for another one of the same files with other [systematics], or has it from one.

    Raises
    ------
    ConfigError
        When analysis.toml names no sample.
    BdanaError
        Whatever is wrong with one of them.
    """
    names = analysis.selected_samples()
    parts: list[tuple[str | None, AnalysisFolder]] = [*by_channel(analysis).items()] or [(None, analysis)]
    runs = []
    for channel, part in parts:
        for name in names:
            bar = progress(_title(channel, name)) if progress else None
            run = run_sample(part, name, executor, bar, kept)
            runs.append(replace(run, channel=channel))
    return tuple(runs)


def run_sample(
    analysis: AnalysisFolder,
    name: str,
    executor: Executor | None = None,
    progress: Progress | None = None,
    kept: KeptParts | None = None,
) -> SampleRun:
    """Select one sample; for the data of the search also estimate the background, check it and fill the table.

    Parameters
    ----------
    analysis : AnalysisFolder
    name : str
    executor, progress
        As for `run_selection`.
    kept : KeptParts, optional
        As for `run_search`.

    Raises
    ------
    ConfigError
        When the analysis searches several channels: `search.channel` chooses one.
    BdanaError
        Whatever is wrong, by file and name.
    """
    opened = Opened.of(analysis, name)
    shown = [region.name for region in opened.regions if region.same]
    filled = None if opened.filled is None else shown
    run, singles = _open_part(analysis, name, executor, progress, opened.by_stage, kept, filled or ())
    if run.table is None or run.estimate is None or singles is None:
        return run
    counted = {row.name: opened.added_to(row.observed) for row in run.table.rows}
    expected = {row.name: row.expected for row in run.table.rows}
    missing = {row.name: row.missing for row in run.table.rows}
    table = counting_table(
        expected, counted, analysis.config.search.joint, run.table.errors, run.selected.label, missing
    )
    checks = run_checks(analysis, run.selected, counted, *singles, run.estimate, executor, kept, run.part)
    together = Candidates.concatenate([Candidates.of_rows([]), *opened.candidates.values()])
    selected = run.selected.with_opened(
        shown, together, analysis.regions.names, analysis.variables, opened.filled
    )
    inner = counted[analysis.regions.names[0]]
    masses = mass_search(analysis, run.estimate, inner, selected.candidates)
    return replace(run, selected=selected, table=table, opened=opened.regions, checks=checks, masses=masses)


def run_open_part(
    analysis: AnalysisFolder, name: str, executor: Executor | None = None, progress: Progress | None = None
) -> SampleRun:
    """Run a sample as `run_sample` does, without opened regions and checks: the part that anybody can repeat.

    Parameters
    ----------
    analysis, name, executor, progress
        As for `run_sample`.

    Raises
    ------
    BdanaError
        Whatever is wrong, by file and name.
    """
    return _open_part(analysis, name, executor, progress)[0]


def _open_part(
    analysis: AnalysisFolder,
    name: str,
    executor: Executor | None,
    progress: Progress | None,
    opened: Mapping[str, Collection[str]] | None = None,
    kept: KeptParts | None = None,
    filled: Sequence[str] = (),
) -> tuple[SampleRun, tuple[SingleSample, Dataset] | None]:
    require_one_channel(analysis)
    require_own_background(analysis)
    kept = kept or KeptParts()
    search = analysis.config.search
    (dataset,) = analysis.sample(name)
    singles = search.single_tracks
    if name != search.data or singles is None:
        task = analysis.selection_task(dataset, search.selection)
        chosen = kept.once(analysis, ("selection", name), lambda: run_selection(task, executor, progress))
        return SampleRun(name, replace(chosen, analysis_hash=analysis.hash), None, None), None
    selected, source, sample = kept.once(
        analysis,
        ("selection and single tracks", name, *filled),
        lambda: _select_both(analysis, dataset, singles, executor, progress, filled),
    )
    selected = replace(selected, analysis_hash=analysis.hash)
    part = OpenPart(dataset.gate, opened or {}) if dataset.gate else None
    estimate = estimate_singles(
        analysis, search.background, sample, PairOptions(executor=executor), part=part, kept=kept
    )
    run = SampleRun(name, selected, estimate, _table(analysis, selected, estimate, part), part=part)
    return run, (sample, source)


def _select_both(
    analysis: AnalysisFolder,
    data: Dataset,
    singles: str,
    executor: Executor | None,
    progress: Progress | None,
    filled: Sequence[str],
) -> tuple[SelectionRun, Dataset, SingleSample]:
    """Select pairs and single tracks of the same bursts: what one sample must leave out, the other leaves out too."""
    search = analysis.config.search
    (source,) = analysis.sample(singles)
    while True:
        data = data.leave_out_bursts(source.without)
        task = analysis.selection_task(data, search.selection, left_out_cuts(analysis), filled)
        selected = run_selection(task, executor, progress)
        source = source.leave_out_bursts(selected.datasets[0].without)
        if not _same_bursts(source.used_bursts, selected.datasets[0].used_bursts):
            raise ConfigError(
                f"[samples.{singles}] and [samples.{search.data}] must be of the same bursts, or the prediction "
                f"is not for the data; their exposures are {source.exposure} and {selected.exposure}"
            )
        try:
            sample = single_tracks(analysis, search.background, source, selected.candidates, executor)
        except BadFilesError as err:
            if not source.allow_bad_files:
                raise
            source = source.leave_out(err.reasons)  # and the same bursts of the data
        else:
            return selected.with_bad_files(source.bad_files), source, sample


def _title(channel: str | None, sample: str) -> str:
    return sample if channel is None else f"{channel}, {sample}"


def _same_bursts(one: BurstTable | None, other: BurstTable | None) -> bool:
    if one is None or other is None:
        return one is other
    return all(np.array_equal(getattr(one, key), getattr(other, key)) for key in ("run", "burst", "pot"))


def _table(
    analysis: AnalysisFolder, selected: SelectionRun, estimate: PairEstimate, part: OpenPart | None
) -> CountingTable:
    counted = {region.name: region.observed for region in selected.regions}
    expected = dict(reversed(estimate.predicted.items()))  # the outermost first
    observed = {name: Observed(name, None if name in selected.closed else counted[name]) for name in expected}
    errors = error_sources(estimate, tuple(expected))
    missing = part.missing(analysis.regions) if part else {}
    return counting_table(expected, observed, analysis.config.search.joint, errors, selected.label, missing)

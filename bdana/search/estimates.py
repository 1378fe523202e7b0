"""Estimates of the backgrounds that an analysis declares, from its files or from selected single tracks."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from bdana.engine import SerialExecutor, run_selection
from bdana.errors import BadFilesError, ConfigError
from bdana.pairing import (
    PairOptions,
    PairSelection,
    SinglesTask,
    select_singles,
)
from bdana.regions import OUTSIDE
from bdana.statistics import Systematic
from bdana.statistics.error_sources import ErrorSources

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bdana.analysis import AnalysisFolder
    from bdana.engine import Executor, SelectionRun
    from bdana.events import Dataset
    from bdana.events.open_part import OpenPart
    from bdana.pairing import PairEstimate, SingleSample
    from bdana.search.kept_parts import KeptParts
    from bdana.selection import Candidates
    from bdana.upstream import PromptShare

__all__ = [
    "error_sources",
    "estimate_combinatorial",
    "estimate_singles",
    "fit_prompt",
    "prompt_share",
    "single_tracks",
]


def estimate_combinatorial(
    analysis: AnalysisFolder,
    name: str,
    dataset: Dataset,
    two_track: Candidates | None = None,
    executor: Executor | None = None,
    options: PairOptions = PairOptions(),
) -> PairEstimate:
    """Estimate the combinatorial background backgrounds/NAME.py from a dataset.

    Parameters
    ----------
    analysis : AnalysisFolder
    name : str
        Name of the background.
    dataset : Dataset
        Files that hold the single-track sample.
    two_track : Candidates, optional
        Candidates of the sample that is to be predicted: it must share no event with the single tracks.
    executor : Executor, optional
        Where chunks are selected and bunches of tracks are paired; serially in this process by default.
    options : PairOptions
        Apart from the executor.

    Raises
    ------
    BdanaError
        Whatever is wrong, by file and name.
    """
    while True:
        try:
            sample = single_tracks(analysis, name, dataset, two_track, executor)
        except BadFilesError as err:
            if not dataset.allow_bad_files:
                raise
            dataset = dataset.leave_out(err.reasons)
        else:
            made = estimate_singles(analysis, name, sample, replace(options, executor=executor))
            return replace(made, bad_files=dataset.bad_files, dataset=dataset)


def single_tracks(
    analysis: AnalysisFolder,
    name: str,
    dataset: Dataset,
    two_track: Candidates | None = None,
    executor: Executor | None = None,
) -> SingleSample:
    """Select the single tracks that backgrounds/NAME.py pairs.

    Parameters
    ----------
    analysis, name, dataset, two_track, executor
        As for `estimate_combinatorial`, and so are the errors.
    """
    background, par = analysis.combinatorial(name)
    single, single_par = analysis.single_track(background.single_track)
    bursts = dataset.used_bursts
    if bursts is None:
        raise ConfigError(
            f"{dataset.files[0]}: the layout has no burst table, so live time and downscale of the single tracks "
            "are unknown"
        )
    chosen, cuts = analysis.selection(background.selection)
    shown = {axis.function for axis in analysis.variables.values()} & set(chosen.quantity)
    predicted = [q for name in sorted(shown) if (q := chosen.quantity[name]).is_predicted]
    predicted = [one for one in predicted if all(dataset.has(column) for column in one.needs)]
    needs = single.needs(single_par) | background.needs(par)
    needs |= {
        column: f"quantity {one.name}" for one in predicted for column in one.needs if column not in needs
    }
    columns = dataset.columns(needs, background.optional, background.single_track)
    setup = analysis.setup_for(dataset, background.single_track)
    task = SinglesTask(
        analysis,
        setup,
        background.single_track,
        columns,
        dataset,
        background.full_window(cuts, par),
        analysis.handling.checkpoints,
        background.selection,
        tuple(one.name for one in predicted if one.level == "track"),
    )
    return select_singles(task, bursts, executor or SerialExecutor(), two_track)


def estimate_singles(
    analysis: AnalysisFolder,
    name: str,
    sample: SingleSample,
    options: PairOptions = PairOptions(),
    *,
    hists: bool = True,
    part: OpenPart | None = None,
    kept: KeptParts | None = None,
) -> PairEstimate:
    """Estimate the combinatorial background from selected single tracks.

    Parameters
    ----------
    analysis : AnalysisFolder
    name : str
        Name of the background.
    sample : SingleSample
    options : PairOptions
    hists : bool
        Whether the variables of the analysis are histogrammed.
    part : OpenPart, optional
        What is counted of each region of the data that are predicted; all if not given.
    kept : KeptParts, optional
        Where an estimate of the same single tracks may be found.
    """
    background, par = analysis.combinatorial(name)
    selection, cuts = analysis.selection(background.selection)
    declared = [
        Systematic(
            source, dict.fromkeys(analysis.regions.names, s.effect), s.correlated, s.source, s.one_sided
        )
        for source, s in sorted(
            analysis.config.systematics.items()
        )  # one order, or sums differ in the last bit
    ]
    known = {"", *(name for name, one in selection.quantity.items() if sample.tells(one))}
    shown = {key: axis for key, axis in analysis.variables.items() if hists and axis.function in known}
    pairs = PairSelection(selection, cuts, analysis.setup, shown, part, (analysis, background.selection))

    def make() -> PairEstimate:
        return background.estimate(sample, pairs, par, (), options)

    opened = sorted((region, sorted(stages)) for region, stages in part.opened.items()) if part else None
    what = ("estimate", name, str(options.like_sign), str(hists), str(opened))
    made = kept.once(analysis, what, make) if kept else make()
    return replace(made, systematics=(*made.systematics, *declared))


def error_sources(estimate: PairEstimate, regions: Sequence[str] | None = None) -> ErrorSources:
    """Return what the errors of an estimate are made of: its statistical covariance and each systematic uncertainty.

    Parameters
    ----------
    estimate : PairEstimate
    regions : sequence of str, optional
        Some of its regions, in the order wanted; all by default.
    """
    names = estimate.regions if regions is None else tuple(regions)
    at = [estimate.regions.index(name) for name in names]
    return ErrorSources.of(
        names, estimate.expected[at], estimate.covariance[np.ix_(at, at)], estimate.systematics
    )


def fit_prompt(
    analysis: AnalysisFolder,
    name: str,
    dataset: Dataset,
    executor: Executor | None = None,
    open_regions: Sequence[str] = (OUTSIDE,),
) -> PromptShare:
    """Fit the fraction of in-time pairs in a dataset, without the cuts that backgrounds/NAME.py leaves out.

    Parameters
    ----------
    analysis : AnalysisFolder
    name : str
        Name of the background.
    dataset : Dataset
        Files that hold two-track events.
    executor : Executor, optional
        Where chunks are selected; serially in this process by default.
    open_regions : sequence of str
        Regions that are fitted.

    Raises
    ------
    BdanaError
        Whatever is wrong, by file and name.
    """
    background = analysis.prompt(name)[0]
    task = analysis.selection_task(dataset, background.selection, background.left_out)
    run = run_selection(task, executor)
    return replace(prompt_share(analysis, name, run, open_regions), bad_files=tuple(run.bad_files))


def prompt_share(
    analysis: AnalysisFolder, name: str, run: SelectionRun, open_regions: Sequence[str]
) -> PromptShare:
    """Fit the fraction of in-time pairs among the loose candidates of a run, as `fit_prompt` does for a dataset.

    Parameters
    ----------
    analysis : AnalysisFolder
    name : str
        Name of the background.
    run : SelectionRun
    open_regions : sequence of str
        Regions that are fitted.
    """
    background, par = analysis.prompt(name)
    others = [cut for cut in run.loose.passes if cut not in background.left_out]
    pairs = run.loose.candidates.take(run.loose.passing(*others))
    cuts = analysis.selection(background.selection)[1]
    return background.share(pairs, cuts, par, analysis.regions, open_regions)

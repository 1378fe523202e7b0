"""Running a background estimate of an analysis on files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bdana.engine import SerialExecutor
from bdana.errors import ConfigError
from bdana.pairing import SinglesTask, require_orthogonal, select_singles
from bdana.regions import OUTSIDE
from bdana.statistics import Systematic

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bdana.analysis.analysis import Analysis
    from bdana.engine import Executor, SelectionRun
    from bdana.events import Dataset
    from bdana.pairing import PairEstimate
    from bdana.pairing.estimate import PairSink
    from bdana.selection import Candidates, SelectedSingles
    from bdana.upstream import PromptShare

__all__ = ["estimate_combinatorial", "estimate_singles", "fit_prompt", "prompt_share", "single_tracks"]


def estimate_combinatorial(
    analysis: Analysis,
    name: str,
    dataset: Dataset,
    two_track: Candidates | None = None,
    executor: Executor | None = None,
    *,
    bootstrap: int = 0,
    sink: PairSink | None = None,
) -> PairEstimate:
    """Estimate the combinatorial background backgrounds/NAME.py from a dataset.

    Parameters
    ----------
    analysis : Analysis
    name : str
        Name of the background.
    dataset : Dataset
        Files that hold the single-track sample.
    two_track : Candidates, optional
        Candidates of the sample that is to be predicted: it must share no event with the single tracks.
    executor : Executor, optional
        Where chunks are selected; serially in this process by default.
    bootstrap, sink
        As for `Combinatorial.estimate`.

    Raises
    ------
    BdanaError
        Whatever is wrong, by file and name.
    """
    singles = single_tracks(analysis, name, dataset, two_track, executor)
    return estimate_singles(analysis, name, dataset, singles, bootstrap=bootstrap, sink=sink)


def single_tracks(
    analysis: Analysis,
    name: str,
    dataset: Dataset,
    two_track: Candidates | None = None,
    executor: Executor | None = None,
) -> SelectedSingles:
    """Select the single tracks of backgrounds/NAME.py: parameters and errors as for `estimate_combinatorial`."""
    background, par = analysis.combinatorial(name)
    single, single_par = analysis.single_track(background.single_track)
    if dataset.bursts is None:
        raise ConfigError(
            f"{dataset.files[0]}: the layout has no burst table, so live time and downscale of the single tracks "
            "are unknown"
        )
    needs = single.needs(single_par) | background.needs(par)
    dataset.require(needs, background.single_track)
    columns = (*needs, *filter(dataset.has, background.optional))
    setup = analysis.setup_for(dataset, background.single_track)
    task = SinglesTask(analysis, setup, background.single_track, columns, dataset)
    singles = select_singles(task, executor or SerialExecutor())
    if two_track is not None:
        require_orthogonal(singles, two_track)
    return singles


def estimate_singles(
    analysis: Analysis,
    name: str,
    dataset: Dataset,
    singles: SelectedSingles,
    *,
    like_sign: bool = False,
    hists: bool = True,
    bootstrap: int = 0,
    sink: PairSink | None = None,
) -> PairEstimate:
    """Estimate the background from selected single tracks of a dataset; other arguments as of `Combinatorial.estimate`."""
    background, par = analysis.combinatorial(name)
    selection, cuts = analysis.selection(background.selection)
    table = dataset.used_bursts
    if table is None:
        raise ConfigError(f"{dataset.files[0]}: the layout has no burst table")
    declared = [
        Systematic(source, dict.fromkeys(analysis.regions.names, s.effect), s.correlated, s.source)
        for source, s in sorted(
            analysis.config.systematics.items()
        )  # one order, or sums differ in the last bit
    ]
    variables = analysis.variables if hists else {}
    return background.estimate(
        singles,
        table,
        selection,
        cuts,
        par,
        analysis.setup,
        variables,
        declared,
        like_sign=like_sign,
        bootstrap=bootstrap,
        sink=sink,
    )


def fit_prompt(
    analysis: Analysis,
    name: str,
    dataset: Dataset,
    executor: Executor | None = None,
    open_regions: Sequence[str] = (OUTSIDE,),
) -> PromptShare:
    """Fit the in-time component of the pairs of a dataset, before the vetoes that backgrounds/NAME.py leaves out.

    Parameters
    ----------
    analysis : Analysis
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
    run = analysis.select_from(dataset, background.selection, executor, left_out=background.left_out)
    return prompt_share(analysis, name, run, open_regions)


def prompt_share(
    analysis: Analysis, name: str, run: SelectionRun, open_regions: Sequence[str]
) -> PromptShare:
    """Fit the in-time component of a run's loose candidates, which need not pass what backgrounds/NAME.py leaves out."""
    background, par = analysis.prompt(name)
    others = [cut for cut in run.loose.passes if cut not in background.left_out]
    pairs = run.loose.candidates.take(run.loose.passing(*others))
    cuts = analysis.selection(background.selection)[1]
    return background.share(pairs, cuts, par, analysis.regions, open_regions)

"""The Python interface: `load()` and the `Analysis` that it returns."""

from __future__ import annotations

import operator
from functools import reduce
from pathlib import Path
from typing import TYPE_CHECKING

from bdana import engine, pairing, search
from bdana.analysis import AnalysisFolder, find_analysis, template_folder
from bdana.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bdana.engine import Executor, Progress, SelectionRun
    from bdana.events import Dataset, Files
    from bdana.pairing import PairEstimate, PairSink
    from bdana.search.run import SampleRun
    from bdana.selection import Candidates
    from bdana.upstream import PromptShare

__all__ = ["Analysis", "load"]


def load(folder: str | Path | None = None, overrides: Sequence[str] = ()) -> Analysis:
    """Load an analysis: its configuration, selections and backgrounds.

    Parameters
    ----------
    folder : path, optional
        The analysis folder. By default the nearest one upwards from here, else the packaged default analysis.
    overrides : sequence of str
        `KEY=VALUE` with a dotted key of analysis.toml and a TOML value.

    Returns
    -------
    Analysis

    Raises
    ------
    ConfigError
        When there is no analysis there, or something in it is wrong.

    Examples
    --------
    >>> import bdana
    >>> analysis = bdana.load(overrides=["selection.dimuon.acceptance=false"])
    >>> analysis.regions.names
    ('SR', 'CR', 'CR1', 'CR2', 'CR3', 'outside')
    """
    where = Path(folder).resolve() if folder is not None else find_analysis() or template_folder()
    return Analysis.read(where, overrides)


class Analysis(AnalysisFolder):
    """A loaded analysis: its configuration, and methods that select events and estimate backgrounds with it."""

    def select(
        self,
        files: Files | None = None,
        *,
        sample: str | Sequence[str] = (),
        kind: str = "data",
        schema: str | None = None,
        selection: str = "dimuon",
        all_bursts: bool = False,
        good_runs: str | Path | None = None,
        executor: Executor | None = None,
        progress: Progress | None = None,
    ) -> SelectionRun:
        """Run one selection on files, or on samples of analysis.toml.

        Parameters
        ----------
        files : path or EventArrays, or a sequence of them
            ROOT files, globs, `@list.txt` files with a name a line, or events in memory.
        sample : str or sequence of str
            Name of a sample in place of files; several add up.
        kind : {"data", "mc", "pseudo"}
            What the files hold.
        schema : str, optional
            Shipped schema by name or path of a schema file; by default the one shipped schema that matches.
        selection : str
            Name of a module of selections/.
        all_bursts : bool
            Use all bursts, not only the good ones.
        good_runs : path, optional
            A good-run list (docs/schemas.md).
        executor : Executor, optional
            Where chunks run; serially in this process by default. Every executor gives the same bits.
        progress : callable, optional
            Called with (events done, events in all) after each chunk.

        Returns
        -------
        SelectionRun
            Cutflow, candidates, region counts and the exposure that was used; which events passed each cut.

        Raises
        ------
        BdanaError
            Whatever is wrong, by file and name.

        Examples
        --------
        >>> import bdana
        >>> from bdana.events import EventArrays
        >>> from bdana.simulation import Signal, SimulationConfig, simulate
        >>> events, bursts = simulate(SimulationConfig(signal=Signal(mass_mev=411.0, decays=200)), seed=1)
        >>> run = bdana.load().select([EventArrays(events, bursts)], kind="mc")
        >>> {region.name: region.observed for region in run.regions}
        {'SR': 71, 'CR': 1, 'CR1': 0, 'CR2': 0, 'CR3': 1, 'outside': 1}
        >>> run
        SelectionRun(dimuon on mc: 74 candidates; SR 71, CR 1, CR1 0, CR2 0, CR3 1, outside 1)
        >>> run.regions["SR"].observed, int(run.masks["cda"].sum()), len(run.masks.pairs)
        (71, 133, 133)
        """
        datasets = self.datasets(
            files, sample=sample, kind=kind, schema=schema, all_bursts=all_bursts, good_runs=good_runs
        )
        runs = [self.select_from(dataset, selection, executor, progress) for dataset in datasets]
        return reduce(operator.add, runs)

    def datasets(
        self,
        files: Files | None = None,
        *,
        sample: str | Sequence[str] = (),
        kind: str = "data",
        schema: str | None = None,
        all_bursts: bool = False,
        good_runs: str | Path | None = None,
    ) -> list[Dataset]:
        """Open files as one dataset, or samples of analysis.toml as one each.

        Parameters
        ----------
        files, sample, kind, schema, all_bursts, good_runs
            As for `select`.

        Raises
        ------
        ConfigError
            Unless either files or samples are given; a sample has its own kind, schema and good-run list.
        BdanaError
            Whatever is wrong, by file and name.
        """
        names = [sample] if isinstance(sample, str) else list(sample)
        given = files is not None and not (isinstance(files, (list, tuple)) and not files)
        if given == bool(names):
            raise ConfigError("give either files or a sample: one of them")
        if names and (kind != "data" or schema or good_runs):
            raise ConfigError(
                "kind, schema and good runs are of files; a sample has its own in analysis.toml"
            )
        if names:
            return self.sample(*names, all_bursts=all_bursts)
        return [
            self.dataset(files or [], kind=kind, schema=schema, all_bursts=all_bursts, good_runs=good_runs)
        ]

    def select_from(
        self,
        dataset: Dataset,
        selection: str = "dimuon",
        executor: Executor | None = None,
        progress: Progress | None = None,
        left_out: tuple[str, ...] = (),
    ) -> SelectionRun:
        """Run one selection on an open dataset: what `select` does after opening the files.

        Parameters
        ----------
        dataset : Dataset
        selection, executor, progress
            As for `select`.
        left_out : tuple of str
            Cuts that the run's loose candidates need not pass.
        """
        return engine.run_selection(self.selection_task(dataset, selection, left_out), executor, progress)

    def background(
        self,
        files: Files,
        *,
        kind: str = "data",
        schema: str | None = None,
        name: str = "combinatorial",
        all_bursts: bool = False,
        two_track: Candidates | None = None,
        executor: Executor | None = None,
        bootstrap: int = 0,
        sink: PairSink | None = None,
    ) -> PairEstimate:
        """Estimate the combinatorial background from files that hold the single-track sample.

        Parameters
        ----------
        files, kind, schema, all_bursts, executor
            As for `select`.
        name : str
            Name of a module of backgrounds/.
        two_track : Candidates, optional
            Candidates of the sample that is to be predicted: it must share no event with the single tracks.
        bootstrap : int
            Replicas of the sample that cross-check the errors.
        sink : callable, optional
            Gets every batch of selected pairs; `bdana.pairing.estimate.pair_file` writes them.

        Returns
        -------
        PairEstimate
            Expected pairs by region with covariance, histograms and systematic sources.

        Raises
        ------
        BdanaError
            Whatever is wrong, by file and name.

        Examples
        --------
        >>> import bdana
        >>> from bdana.events import EventArrays
        >>> from bdana.simulation import SimulationConfig, simulate
        >>> events, bursts = simulate(SimulationConfig(pot=3.5e14, bursts=5), seed=1)
        >>> estimate = bdana.load().background([EventArrays(events, bursts)], kind="pseudo")
        >>> print(estimate.predicted["CR"])  # pairs of 3.5e14 protons, statistical and systematic error
        0.000438 ± 0.000082
        """
        dataset = self.dataset(files, kind=kind, schema=schema, all_bursts=all_bursts)
        options = pairing.PairOptions(bootstrap=bootstrap, sink=sink)
        return search.estimate_combinatorial(self, name, dataset, two_track, executor, options)

    def prompt_share(
        self,
        files: Files,
        *,
        kind: str = "data",
        schema: str | None = None,
        name: str = "prompt",
        all_bursts: bool = False,
        executor: Executor | None = None,
    ) -> PromptShare:
        """Fit the fraction of in-time (prompt) pairs outside all boxes, with its upper limit.

        Parameters
        ----------
        files, kind, schema, name, all_bursts, executor
            As for `background`, and so are the errors.
        """
        dataset = self.dataset(files, kind=kind, schema=schema, all_bursts=all_bursts)
        return search.fit_prompt(self, name, dataset, executor)

    def run(
        self, sample: str, executor: Executor | None = None, progress: Progress | None = None
    ) -> SampleRun:
        """Run the selection of the search on a sample of analysis.toml; for the sample of data, the whole search.

        Parameters
        ----------
        sample : str
            Name of the sample.
        executor, progress
            As for `select`.

        Returns
        -------
        SampleRun
            cutflow, candidates, hists, exposure; estimate and table for the sample that [search] names as data.

        Raises
        ------
        BdanaError
            Whatever is wrong, by file and name.
        """
        return search.run_sample(self, sample, executor, progress)

"""The analysis: configuration and modules of a folder, the one object that commands work on."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import bdana
from bdana.analysis.background import estimate_combinatorial, fit_prompt
from bdana.analysis.declared import DeclaredAnalysis
from bdana.analysis.modules import AnalysisModules
from bdana.analysis.reading import read_config
from bdana.engine import SelectionTask, SerialExecutor, run_selection
from bdana.errors import ConfigError
from bdana.events import Dataset, GoodRuns

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bdana.analysis.search import SampleRun
    from bdana.engine import Executor, Progress, SelectionRun
    from bdana.events import EventArrays
    from bdana.pairing import PairEstimate
    from bdana.pairing.estimate import PairSink
    from bdana.selection import Candidates, Setup
    from bdana.upstream import PromptShare

__all__ = ["Analysis", "find_analysis", "load", "template_folder"]


def template_folder() -> Path:
    """Return the packaged analysis: inside an installed wheel, or the repository root of an editable install."""
    package = Path(bdana.__file__).parent
    packaged = package / "_template"
    return packaged if packaged.is_dir() else package.parent


def find_analysis(start: Path | None = None) -> Path | None:
    """Find the analysis folder: the nearest one upwards from `start` (default: here) with an analysis.toml."""
    here = (start or Path()).resolve()
    return next((folder for folder in (here, *here.parents) if (folder / "analysis.toml").is_file()), None)


def load(folder: str | Path | None = None, overrides: Sequence[str] = ()) -> Analysis:
    """Load an analysis.

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
    path = where / "analysis.toml"
    if not path.is_file():
        raise ConfigError(
            f"{where}: no analysis.toml there; `bdana select` outside an analysis folder uses the packaged one"
        )
    config = read_config(path, overrides)
    modules = AnalysisModules.read(where)
    for name in config.selection:
        if name not in modules.names("selections"):
            raise ConfigError(
                f"{path}: [selection.{name}] has no selections/{name}.py; there are: {', '.join(modules.names('selections'))}"
            )
    return Analysis(where, config, modules, tuple(overrides))


class Analysis(DeclaredAnalysis):
    """A loaded analysis: what its folder declares, and what is done with it."""

    def select(
        self,
        files: Sequence[str | Path | EventArrays],
        *,
        kind: str = "data",
        schema: str | None = None,
        selection: str = "dimuon",
        all_bursts: bool = False,
        good_runs: str | Path | None = None,
        executor: Executor | None = None,
        progress: Progress | None = None,
    ) -> SelectionRun:
        """Run one selection on files.

        Parameters
        ----------
        files : sequence of path or EventArrays
            ROOT files, globs, `@list.txt` files with a name a line, or events in memory.
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
            Cutflow, candidates, region counts and the exposure that was used.

        Raises
        ------
        BdanaError
            Whatever is wrong, by file and name.
        """
        dataset = self.dataset(files, kind=kind, schema=schema, all_bursts=all_bursts, good_runs=good_runs)
        return self.select_from(dataset, selection, executor, progress)

    def dataset(
        self,
        files: Sequence[str | Path | EventArrays],
        *,
        kind: str = "data",
        schema: str | None = None,
        all_bursts: bool = False,
        good_runs: str | Path | None = None,
    ) -> Dataset:
        """Open files behind the analysis' gate: parameters and errors as for `select`."""
        return Dataset.open(
            files,
            kind=kind,
            schema=schema,
            all_bursts=all_bursts,
            good_runs=_good_runs(good_runs),
            gate=self.gate,
        )

    def sample(self, *names: str, all_bursts: bool = False) -> list[Dataset]:
        """Open samples of analysis.toml by name.

        Raises
        ------
        ConfigError
            When there is no such sample.
        BdanaError
            When a file of it is wrong.
        """
        opened = []
        for name in names:
            if name not in self.config.samples:
                there = ", ".join(self.config.samples) or "none"
                raise ConfigError(
                    f"no sample '{name}' in {self.folder / 'analysis.toml'}; there are: {there}"
                )
            sample = self.config.samples[name]
            layout = sample.layout
            dataset = Dataset.open(
                [
                    f"@{self.folder / file[1:]}" if file.startswith("@") else self.folder / file
                    for file in sample.files
                ],
                kind=sample.kind,
                schema=str(self.folder / layout) if layout and layout.endswith(".toml") else layout,
                all_bursts=all_bursts,
                good_runs=_good_runs(self.folder / sample.good_runs if sample.good_runs else None),
                trigger=sample.trigger,
                weight=sample.weight,
                gate=self.gate,
            )
            opened.append(dataset)
        return opened

    def select_from(
        self,
        dataset: Dataset,
        selection: str = "dimuon",
        executor: Executor | None = None,
        progress: Progress | None = None,
        left_out: tuple[str, ...] = (),
    ) -> SelectionRun:
        """Run one selection on an open dataset: what `select` does after opening the files.

        `left_out` names cuts that the run's loose candidates need not pass.
        """
        chosen, par = self.selection(selection)
        chosen.require_cuts(left_out)
        dataset.require(chosen.needs(par), selection)
        setup = self.setup_for(dataset, selection, any_detector=chosen.any_detector)
        columns = (*chosen.needs(par), *filter(dataset.has, chosen.optional))
        task = SelectionTask(self, setup, selection, columns, dataset, left_out)
        return run_selection(task, executor or SerialExecutor(), progress)

    def setup_for(self, dataset: Dataset, selection: str, *, any_detector: bool = False) -> Setup:
        """Return the setup for files, without beam line where they are of another geometry, which not every selection allows.

        Raises
        ------
        ConfigError
            When the selection needs the analysis' geometry and the files are of another one.
        """
        others = dataset.detectors - {self.detector.name}
        if others and not any_detector:
            raise ConfigError(
                f"{dataset.files[0]}: measured with the geometry {', '.join(sorted(others))}, but selection {selection} of "
                f"{self.folder} is for {self.detector.name}; set analysis.detector and [beam_line] to yours"
            )
        return replace(self.setup, beam_line=None) if others else self.setup

    def background(
        self,
        files: Sequence[str | Path | EventArrays],
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
            Gets every batch of selected pairs; `bdana.pairing.pair_file` writes them.

        Returns
        -------
        PairEstimate
            Expected pairs by region with covariance, histograms and systematic sources.

        Raises
        ------
        BdanaError
            Whatever is wrong, by file and name.
        """
        dataset = self.dataset(files, kind=kind, schema=schema, all_bursts=all_bursts)
        return estimate_combinatorial(
            self, name, dataset, two_track, executor, bootstrap=bootstrap, sink=sink
        )

    def prompt_share(
        self,
        files: Sequence[str | Path | EventArrays],
        *,
        kind: str = "data",
        schema: str | None = None,
        name: str = "prompt",
        all_bursts: bool = False,
        executor: Executor | None = None,
    ) -> PromptShare:
        """Fit the share of in-time pairs outside all boxes and bound it: parameters and errors as for `background`."""
        dataset = self.dataset(files, kind=kind, schema=schema, all_bursts=all_bursts)
        return fit_prompt(self, name, dataset, executor)

    def run(
        self, sample: str, executor: Executor | None = None, progress: Progress | None = None
    ) -> SampleRun:
        """Run the search's selection on a sample of analysis.toml, and for its data the whole search.

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
        from bdana.analysis.search import run_sample  # noqa: PLC0415 - it is built on this module

        return run_sample(self, sample, executor, progress)

    def __reduce__(self) -> tuple[object, ...]:
        # Workers get the place and the hash, not the code: they load it themselves, once.
        return _load_again, (self.folder, self.overrides, self.hash)


@lru_cache(maxsize=2)
def _load_again(folder: Path, overrides: tuple[str, ...], expected: str) -> Analysis:
    analysis = load(folder, overrides)
    if analysis.hash != expected:
        raise ConfigError(f"the analysis in {folder} changed while it was running; start again")
    return analysis


def _good_runs(path: str | Path | None) -> GoodRuns | None:
    return GoodRuns.read(Path(path)) if path is not None else None

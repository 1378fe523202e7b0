"""Check of a whole analysis folder before anything runs: every problem that can be found without reading events."""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache
from traceback import extract_tb
from typing import TYPE_CHECKING, Any

import awkward as ak
import numpy as np

from bdana.analysis import AnalysisFolder
from bdana.analysis.config import check_config
from bdana.analysis.modules import AnalysisModules
from bdana.engine import run_selection
from bdana.errors import BdanaError, ConfigError
from bdana.events import EVENT_COLUMNS, Dataset, EventArrays, GoodRuns, guess_schema, load_schema, open_events
from bdana.events.file_names import expand, refuse_files_twice
from bdana.events.location import is_remote
from bdana.events.model import CANONICAL
from bdana.search.channels import by_channel, require_own_background
from bdana.sensitivity.yields import searched_particle

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from bdana.analysis.config import SampleConfig
    from bdana.events import EventFile

__all__ = ["FolderCheck", "Problem", "check_folder"]

SECONDS = 2.5
"""Time in which files are opened; those that are left are only looked for."""


@dataclass(frozen=True)
class Problem:
    """Something that would stop a run.

    Attributes
    ----------
    part : str
        Where it is: a file of the folder, or a table of analysis.toml.
    message : str
        What is wrong, and how to mend it.
    """

    part: str
    message: str


@dataclass(frozen=True)
class FolderCheck:
    """What the check of an analysis folder found.

    Attributes
    ----------
    problems : tuple of Problem
        All of them; none when the folder is good to run.
    notes : tuple of str
        What was not looked at, and why.
    files : int
        Files that were opened.
    """

    problems: tuple[Problem, ...]
    notes: tuple[str, ...]
    files: int


def check_folder(folder: Path, overrides: Sequence[str] = ()) -> FolderCheck:
    """Look for everything in an analysis folder that would stop a run; no event is read.

    analysis.toml, selections and backgrounds with their parameters, channels, regions, detector, blinding policy, signal,
    and of every sample its files, schema, columns, trigger and good-run list. Every selection runs once on no events at
    all, which finds misspelt names in cuts that are switched on, and detector elements that are not there.

    Parameters
    ----------
    folder : Path
    overrides : sequence of str
        `KEY=VALUE` with a dotted key of analysis.toml.

    Returns
    -------
    FolderCheck
    """
    checker = _Checker(folder)
    checker.check(overrides)
    problems = dict.fromkeys(checker.problems)  # several things may stumble over one
    return FolderCheck(tuple(problems), tuple(dict.fromkeys(checker.notes)), checker.files)


class _Checker:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.problems: list[Problem] = []
        self.notes: list[str] = []
        self.files = 0
        self.deadline = time.monotonic() + SECONDS

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        """Take down what is raised inside as a problem of a part, and go on."""
        try:
            yield
        except (BdanaError, ValueError) as err:
            if not any(str(err) == problem.message for problem in self.problems):
                self.problems.append(Problem(name, str(err)))

    def check(self, overrides: Sequence[str]) -> None:
        path, config = self.folder / "analysis.toml", None
        with self.part("analysis.toml"):
            if not path.is_file():
                raise ConfigError(f"{self.folder}: no analysis.toml there; `bdana init` makes one")
            config, problems = check_config(path, overrides)
            self.problems += [Problem("analysis.toml", message) for message in problems]
        with self.part("selections/"):
            modules = AnalysisModules.read(self.folder)
            if config is None:
                self._modules_alone(modules)
                self.notes.append("the rest is checked once analysis.toml can be read")
                return
            analysis = _usable(AnalysisFolder(self.folder, config, modules, tuple(overrides)))
            for message in analysis.tables_without_module():
                self.problems.append(Problem("analysis.toml", message))
            self._declarations(analysis, list(config.regions))

    def _modules_alone(self, modules: AnalysisModules) -> None:
        for folder in ("selections", "backgrounds"):
            for name in modules.names(folder):
                with self.part(f"{folder}/{name}.py"):
                    modules.load(folder, name)

    def _declarations(self, analysis: AnalysisFolder, regions: Sequence[str]) -> None:
        with self.part("detector"):
            analysis.detector  # noqa: B018 - read, and so checked
        if list(analysis.config.regions) == regions:
            with self.part("blinding/policy.toml"):
                analysis.gate  # noqa: B018
        else:
            self.notes.append("blinding/policy.toml is checked once the regions fit together")
        for name in analysis.modules.names("selections"):
            self._selection(analysis, name)
        for name in analysis.modules.names("backgrounds"):
            self._background(analysis, name)
        parts = [*by_channel(analysis).values()] or [analysis]
        for part in parts:
            self._search(part)
        for name, sample in analysis.config.samples.items():
            self._sample(analysis, name, sample, parts)
        if analysis.config.signal is not None:
            self._signal(analysis)
        if not analysis.config.samples:
            self.notes.append("no sample is declared: `bdana run` needs [samples.<name>]")

    def _selection(self, analysis: AnalysisFolder, name: str) -> None:
        """Check a selection and its parameters, and run a two-track one on no events."""
        with self.part(f"selections/{name}.py"):
            if analysis.like(name) is not None:
                analysis.single_track(name)
            else:
                analysis.selection(name)
                _run_on_nothing(analysis, name)

    def _background(self, analysis: AnalysisFolder, name: str) -> None:
        with self.part(f"backgrounds/{name}.py"):
            if analysis.is_prompt(name):
                prompt, _ = analysis.prompt(name)
                analysis.selection(prompt.selection)[0].require_cuts(prompt.left_out)
                return
            background, _ = analysis.combinatorial(name)
            analysis.single_track(background.single_track)
            background.require_cuts_of(analysis.selection(background.selection)[0])

    def _search(self, analysis: AnalysisFolder) -> None:
        search = analysis.config.search
        where = f"[channels.{search.channel}]" if search.channel else "[search]"
        with self.part(where):
            analysis.selection(search.selection)
        with self.part(where):
            if search.single_tracks is not None or search.channel:
                analysis.combinatorial(search.background)
                require_own_background(analysis)
        if search.prompt is not None:
            with self.part(where):
                analysis.prompt(search.prompt)

    def _sample(
        self, analysis: AnalysisFolder, name: str, sample: SampleConfig, parts: Sequence[AnalysisFolder]
    ) -> None:
        where = f"[samples.{name}]"
        if sample.good_runs is not None:
            with self.part(where):
                GoodRuns.read(analysis.folder / sample.good_runs)
        layout = analysis.layout_of(sample)
        if layout is not None:
            with self.part(where):
                load_schema(layout)
        paths = []
        for names in sample.files:
            with self.part(where):
                paths += expand([names], analysis.folder)
        opened: list[EventFile] = []
        for path in paths:
            if is_remote(str(path)):
                self.notes.append(f"{where}: {path} is remote and was not opened")
            elif time.monotonic() > self.deadline:
                with self.part(where):
                    if isinstance(path, EventArrays) or not (self.folder / str(path)).is_file():
                        raise ConfigError(f"{path}: no such file")
                self.notes.append(
                    f"{where}: there was no time to open all {len(paths)} files; those left exist"
                )
            elif not isinstance(path, EventArrays):
                with self.part(where):
                    file = open_events(path, layout or guess_schema(path))
                    self.files += 1
                    opened.append(file)
                    self._file(name, sample, file, parts)
        with self.part(where):
            refuse_files_twice(opened, sample.kind)

    def _file(
        self,
        name: str,
        sample: SampleConfig,
        file: EventFile,
        parts: Sequence[AnalysisFolder],
    ) -> None:
        where = f"[samples.{name}]"
        with self.part(where):
            if sample.trigger != "any" and sample.trigger not in file.schema.triggers:
                there = ", ".join(file.schema.triggers) or "none"
                raise ConfigError(
                    f"{file.path}: schema '{file.schema.name}' names no trigger {sample.trigger}; its [triggers] are {there}"
                )
        with self.part(where):
            if sample.kind != "mc" and file.schema.bursts is None and sample.good_runs is None:
                raise ConfigError(
                    f"{file.path}: data without a burst table have no exposure; give a good-run list with good_runs"
                )
        for part in parts:
            if name == part.config.search.single_tracks:
                with self.part(where):
                    _require_exposure(part, file)
        needed = {"trigger": f"trigger {sample.trigger} of the sample"} if sample.trigger != "any" else {}
        for part in parts:
            search = part.config.search
            singles = name == search.single_tracks
            with self.part(where):
                if singles:
                    background, par = part.combinatorial(search.background)
                    single, single_par = part.single_track(background.single_track)
                    needs, selection = (
                        single.needs(single_par) | background.needs(par),
                        background.single_track,
                    )
                else:
                    chosen, cuts = part.selection(search.selection)
                    needs, selection = chosen.needs(cuts), search.selection
                dataset = Dataset((file,), sample.kind, None, all_bursts=False)
                dataset.require(needs | needed, selection)
                part.setup_for(dataset, selection, any_detector=not singles and chosen.any_detector)

    def _signal(self, analysis: AnalysisFolder) -> None:
        with self.part("[signal]"):
            for mode in analysis.signal.channels:
                self._channel(analysis, mode)

    def _channel(self, analysis: AnalysisFolder, mode: str) -> None:
        signal, there = analysis.signal, analysis.modules.names("selections")
        with self.part("[signal]"):
            if signal.channels[mode] not in there:
                raise ConfigError(
                    f"channels: mode {mode} is searched with selections/{signal.channels[mode]}.py, which is not there; there "
                    f"are: {', '.join(there) or 'none'}"
                )
        with self.part("[signal]"):
            searched_particle(analysis, mode, signal.masses(mode)[0])
        with self.part("[signal]"):
            searched_particle(analysis, mode, signal.point[0])


def _require_exposure(analysis: AnalysisFolder, file: EventFile) -> None:
    """Raise an error unless it is known for how many triggers the single tracks of a file stand."""
    _, par = analysis.combinatorial(analysis.config.search.background)
    bursts = file.bursts()
    if bursts is None:
        raise ConfigError(
            f"{file.path}: the layout has no burst table, so live time and downscale of the single tracks are unknown"
        )
    if par.downscale is None and len(bursts.downscale) and np.isnan(bursts.downscale).all():
        raise ConfigError(
            f"{file.path}: the burst table has no downscale of the single-track trigger: name its column `downscale` in the "
            f"schema, or give downscale in [background.{analysis.config.search.background}]"
        )


def _run_on_nothing(analysis: AnalysisFolder, name: str) -> None:
    """Run a selection on no events, so that each cut that is switched on is called once."""
    dataset = Dataset((_no_events(),), "mc", None, all_bursts=False)
    try:
        run_selection(analysis.selection_task(dataset, name))
    except BdanaError:
        raise
    except Exception as err:  # whatever a cut raises
        own = [
            frame
            for frame in extract_tb(err.__traceback__)
            if frame.filename.startswith(str(analysis.folder))
        ]
        where = f"{own[-1].filename}, line {own[-1].lineno}, {own[-1].name}" if own else f"selection {name}"
        raise ConfigError(f"{where}: {type(err).__name__}: {err}") from err


def _usable(analysis: AnalysisFolder) -> AnalysisFolder:
    """Return the analysis without the variables and outer regions that contradict each other, to check the rest."""
    config = analysis.config
    kept: dict[str, Any] = {}
    try:
        config.partition()
    except (BdanaError, ValueError):
        kept["regions"] = dict(list(config.regions.items())[:1])
        kept["cluster_regions"] = dict(list(config.cluster_regions.items())[:1])
    try:
        config.model_copy(update=kept).cluster_partition()
    except (BdanaError, ValueError):
        kept["cluster_regions"] = {}
    try:
        config.histogrammed()
    except (BdanaError, ValueError):
        kept["variables"] = {}
    return replace(analysis, config=config.model_copy(update=kept)) if kept else analysis


@cache
def _no_events() -> EventArrays:
    columns: dict[str, Any] = {}
    for name, column in EVENT_COLUMNS.items():
        empty = np.empty(0, dtype=CANONICAL[column.kind])
        if column.collection is None:
            columns[name] = ak.Array(empty)
        elif column.collection == "truth":
            columns.setdefault("truth", {})[column.field] = ak.Array(empty)
        else:
            lists = ak.unflatten(ak.Array(empty), np.empty(0, dtype=np.int64))
            columns.setdefault(column.collection, {})[column.field] = lists
    return EventArrays(
        ak.zip({name: ak.zip(v) if isinstance(v, dict) else v for name, v in columns.items()}, depth_limit=1)
    )

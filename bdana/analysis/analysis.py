"""The analysis: configuration and modules of a folder, the one object that commands work on."""

from __future__ import annotations

import hashlib
import json
import tomllib
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import BaseModel, ValidationError

import bdana
from bdana.analysis.background import estimate_combinatorial, fit_prompt
from bdana.analysis.config import AnalysisConfig
from bdana.analysis.modules import AnalysisModules
from bdana.blinding import SealedOnly, load_policy
from bdana.detector import Detector, load_detector
from bdana.engine import SelectionTask, SerialExecutor, run_selection
from bdana.errors import ConfigError
from bdana.events import Dataset, GoodRuns
from bdana.pairing import Combinatorial
from bdana.selection import Parameters, Selection, Setup, SingleTrackSelection
from bdana.upstream import Prompt

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bdana.analysis.search import SampleRun
    from bdana.engine import Executor, Progress, SelectionRun
    from bdana.events import EventArrays, EventFile, Gate
    from bdana.pairing import PairEstimate
    from bdana.regions import Regions
    from bdana.selection import Candidates, Variable
    from bdana.upstream import PromptShare

__all__ = ["Analysis", "find_analysis", "load", "template_folder"]


Declared = TypeVar("Declared")
Model = TypeVar("Model", bound=BaseModel)


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
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as err:
        raise ConfigError(f"{path}: {err}") from None
    for override in overrides:
        _override(values, override)
    try:
        config = AnalysisConfig.model_validate(values)
        config.partition()
        config.beam_line.line()
        config.histogrammed()
        config.require_samples()
    except ValidationError as err:
        raise ConfigError(f"{path}: {_explain(err)}") from None
    except (ConfigError, ValueError) as err:
        raise ConfigError(f"{path}: {err}") from None
    modules = AnalysisModules.read(where)
    for name in config.selection:
        if name not in modules.names("selections"):
            raise ConfigError(
                f"{path}: [selection.{name}] has no selections/{name}.py; there are: {', '.join(modules.names('selections'))}"
            )
    return Analysis(where, config, modules, tuple(overrides))


@dataclass(frozen=True)
class Analysis:
    """A loaded analysis.

    Attributes
    ----------
    folder : Path
        Where it lies.
    config : AnalysisConfig
        analysis.toml with the overrides applied.
    modules : AnalysisModules
        Its Python text.
    overrides : tuple of str
        The `KEY=VALUE` replacements.
    """

    folder: Path
    config: AnalysisConfig
    modules: AnalysisModules
    overrides: tuple[str, ...]

    @cached_property
    def hash(self) -> str:
        """SHA-256 of the effective configuration and of every module's text."""
        content = {"config": self.config.model_dump(mode="json"), "modules": self.modules.hashes}
        return hashlib.sha256(json.dumps(content, sort_keys=True, separators=(",", ":")).encode()).hexdigest()

    @cached_property
    def detector(self) -> Detector:
        """The geometry that analysis.toml names."""
        return load_detector(self.config.analysis.detector, self.folder)

    @property
    def regions(self) -> Regions:
        """The partition of the (z_TAX, CDA_TAX) plane."""
        return self.config.partition()

    @property
    def setup(self) -> Setup:
        """What every selection is told."""
        return Setup(self.detector, self.config.beam_line.line(), self.regions)

    @property
    def gate(self) -> Gate | None:
        """What blinding/policy.toml keeps closed in data; None when there is no policy.

        Raises
        ------
        ConfigError
            When the policy is wrong or does not cover the regions.
        """
        policy = load_policy(self.folder, self.regions)
        if policy is None:
            return None
        return policy.gate(self.detector, SealedOnly(policy) if policy.people else None)

    @property
    def variables(self) -> dict[str, Variable]:
        """What is histogrammed of candidates, by name."""
        return self.config.histogrammed()

    def selection(self, name: str) -> tuple[Selection, Parameters]:
        """Return the selection selections/NAME.py with its parameters as analysis.toml sets them.

        Raises
        ------
        ConfigError
            When there is no such selection, its module fails, or a parameter is unknown or has a wrong value.
        """
        selection = self._declared("selections", name, "selection", Selection)
        return selection, self._parameters("selection", name, selection.parameters)

    def single_track(self, name: str) -> tuple[SingleTrackSelection, Parameters]:
        """Return the single-track selection selections/NAME.py with its parameters.

        Those are the parameters of the selection it is `like`, with the values of [selection.NAME] in their place.

        Raises
        ------
        ConfigError
            As `selection` does.
        """
        selection = self._declared("selections", name, "selection", SingleTrackSelection)
        return selection, self._parameters("selection", name, selection.parameters, like=selection.like)

    def combinatorial(self, name: str) -> tuple[Combinatorial, BaseModel]:
        """Return the background backgrounds/NAME.py with its parameters.

        Raises
        ------
        ConfigError
            When there is no such background, its module fails, or a parameter is unknown or has a wrong value.
        """
        background = self._declared("backgrounds", name, "background", Combinatorial)
        return background, self._parameters("background", name, background.parameters)

    def prompt(self, name: str) -> tuple[Prompt, BaseModel]:
        """Return the prompt background backgrounds/NAME.py with its parameters; raises as `combinatorial`."""
        background = self._declared("backgrounds", name, "background", Prompt)
        return background, self._parameters("background", name, background.parameters)

    def is_prompt(self, name: str) -> bool:
        """Tell whether backgrounds/NAME.py declares a prompt background."""
        return isinstance(getattr(self.modules.load("backgrounds", name), "background", None), Prompt)

    def parameters(self) -> dict[str, BaseModel]:
        """Return the parameters of every selection and background by `selection.NAME` and `background.NAME`."""
        found: dict[str, BaseModel] = {}
        for name in self.modules.names("selections"):
            declared = getattr(self.modules.load("selections", name), "selection", None)
            single = isinstance(declared, SingleTrackSelection)
            found[f"selection.{name}"] = (self.single_track(name) if single else self.selection(name))[1]
        for name in self.modules.names("backgrounds"):
            found[f"background.{name}"] = (self.prompt if self.is_prompt(name) else self.combinatorial)(name)[
                1
            ]
        return found

    def _declared(self, folder: str, name: str, attribute: str, declared: type[Declared]) -> Declared:
        found = getattr(self.modules.load(folder, name), attribute, None)
        if not isinstance(found, declared):
            raise ConfigError(
                f"{self.folder}/{folder}/{name}.py must define `{attribute} = bdana.{declared.__name__}(...)`"
            )
        return found

    def _parameters(self, table: str, name: str, model: type[Model], like: str = "") -> Model:
        written: dict[str, dict[str, Any]] = getattr(self.config, table)
        try:
            return model.model_validate(written.get(like, {}) | written.get(name, {}))
        except ValidationError as err:
            raise ConfigError(
                f"[{table}.{name}] of {self.folder / 'analysis.toml'}: {_explain(err)}"
            ) from None

    def missing_columns(self, file: EventFile) -> dict[str, tuple[str, ...]]:
        """Return, for every two-track selection, the columns it needs that a file does not have."""
        present = file.columns() | {"weight"}  # 1 where the file has none
        missing = {}
        for name in self.modules.names("selections"):
            if isinstance(getattr(self.modules.load("selections", name), "selection", None), Selection):
                chosen, par = self.selection(name)
                missing[name] = tuple(column for column in chosen.needs(par) if column not in present)
        return missing

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
        dataset = Dataset.open(
            files,
            kind=kind,
            schema=schema,
            all_bursts=all_bursts,
            good_runs=_good_runs(good_runs),
            gate=self.gate,
        )
        return self.select_from(dataset, selection, executor, progress)

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
    ) -> SelectionRun:
        """Run one selection on an open dataset: what `select` does after opening the files."""
        chosen, par = self.selection(selection)
        dataset.require(chosen.needs(par), selection)
        others = dataset.detectors - {self.detector.name}
        if others and not chosen.any_detector:
            raise ConfigError(
                f"{dataset.files[0]}: measured with the geometry {', '.join(sorted(others))}, but selection {selection} of "
                f"{self.folder} is for {self.detector.name}; set analysis.detector and [beam_line] to yours"
            )
        setup = replace(self.setup, beam_line=None) if others else self.setup
        columns = (*chosen.needs(par), *filter(dataset.has, chosen.optional))
        task = SelectionTask(self, setup, selection, columns, dataset)
        return run_selection(task, executor or SerialExecutor(), progress)

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

        Returns
        -------
        PairEstimate
            Expected pairs by region with covariance, histograms and systematic sources.

        Raises
        ------
        BdanaError
            Whatever is wrong, by file and name.
        """
        dataset = Dataset.open(files, kind=kind, schema=schema, all_bursts=all_bursts, gate=self.gate)
        return estimate_combinatorial(self, name, dataset, two_track, executor)

    def prompt_share(
        self,
        files: Sequence[str | Path | EventArrays],
        *,
        kind: str = "data",
        schema: str | None = None,
        name: str = "prompt",
        all_bursts: bool = False,
    ) -> PromptShare:
        """Fit the share of in-time pairs outside all boxes and bound it: parameters and errors as for `background`."""
        dataset = Dataset.open(files, kind=kind, schema=schema, all_bursts=all_bursts, gate=self.gate)
        return fit_prompt(self, name, dataset)

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


def _override(values: dict[str, Any], override: str) -> None:
    key, equals, text = override.partition("=")
    path = key.strip().split(".")
    if not equals or not all(path):
        raise ConfigError(f"--set {override}: write KEY=VALUE, such as selection.dimuon.acceptance=false")
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        raise ConfigError(
            f"--set {override}: '{text}' is not a TOML value (strings need quotes, true and false are small)"
        ) from None
    table = values
    for part in path[:-1]:
        table = table.setdefault(part, {})
        if not isinstance(table, dict):
            raise ConfigError(f"--set {override}: {part} is a value, not a table")
    table[path[-1]] = value


def _explain(err: ValidationError) -> str:
    return "; ".join(f"{'.'.join(str(part) for part in e['loc'])}: {e['msg']}" for e in err.errors())

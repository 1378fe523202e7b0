"""An analysis folder: its configuration and modules, and its samples, read through the blinding gate."""

from __future__ import annotations

import hashlib
import json
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeVar

from pydantic import BaseModel

from bdana import pairing, upstream
from bdana.analysis.config import read_config
from bdana.analysis.modules import AnalysisModules
from bdana.analysis.signal_config import SearchedSignal, SignalConfig
from bdana.detector import Detector, load_detector
from bdana.display import shortened
from bdana.errors import BdanaError, ConfigError, UserCodeError
from bdana.events.exposure import why_impossible
from bdana.mistakes import Written, did_you_mean, validated
from bdana.on_demand import late_module
from bdana.selection import Cut, Distributions, Parameters, Selection, Setup, SingleTrackSelection, border
from bdana.strict import read_text
from bdana.user_code import raise_user_error

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from bdana import blinding, engine, events, sealing
    from bdana.analysis.config import AnalysisConfig, SampleConfig
    from bdana.blinding import Ledger, Policy
    from bdana.engine import SelectionTask
    from bdana.events import Dataset, EventFile, Files, Gate, GoodRuns
    from bdana.pairing import Combinatorial, PairingParameters
    from bdana.regions import AnyBox, Regions
    from bdana.selection import Variable
    from bdana.upstream import Prompt, PromptParameters
else:
    blinding, engine, events, sealing = (
        late_module(f"bdana.{room}") for room in ("blinding", "engine", "events", "sealing")
    )

__all__ = ["AnalysisFolder", "Handling", "find_analysis", "template_folder"]

Declared = TypeVar("Declared")
Model = TypeVar("Model", bound=BaseModel)


def template_folder() -> Path:
    """Return the folder of the packaged analysis: in an installed wheel, or the repository of an editable install."""
    package = Path(__file__).parents[1]
    packaged = package / "_template"
    return packaged if packaged.is_dir() else package.parent


def find_analysis(start: Path | None = None) -> Path | None:
    """Find the analysis folder: the nearest one upwards with an analysis.toml; None when there is none.

    Parameters
    ----------
    start : Path, optional
        Where to begin; by default the working directory.

    Examples
    --------
    >>> from bdana.analysis import find_analysis, template_folder
    >>> find_analysis(template_folder() / "selections") == template_folder().resolve()
    True
    """
    here = (start or Path()).resolve()
    return next((folder for folder in (here, *here.parents) if (folder / "analysis.toml").is_file()), None)


@dataclass(frozen=True)
class Handling:
    """What is done about files that cannot be read, memory and interruptions; it changes nothing else in a result.

    Attributes
    ----------
    allow_bad_files : bool
        Whether files that cannot be read are left out with the protons of their bursts; else they are an error.
    memory_limit : int or None
        Bytes that a process may take, about.
    checkpoints : Path or None
        Folder of results of finished chunks, from which an interrupted run goes on.
    """

    allow_bad_files: bool = False
    memory_limit: int | None = None
    checkpoints: Path | None = None


@dataclass(frozen=True)
class AnalysisFolder:
    """Declarations of an analysis folder: geometry, regions, blinding, selections and backgrounds with parameters.

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
    handling : Handling
        What is done about bad files, memory and interruptions: no part of the analysis.
    """

    folder: Path
    config: AnalysisConfig
    modules: AnalysisModules
    overrides: tuple[str, ...]
    handling: Handling = Handling()

    @classmethod
    def read(cls, folder: Path, overrides: Sequence[str] = ()) -> Self:
        """Read and check analysis.toml, and read the modules of a folder.

        Parameters
        ----------
        folder : Path
        overrides : sequence of str
            `KEY=VALUE` with a dotted key of analysis.toml and a TOML value.

        Raises
        ------
        ConfigError
            When there is no analysis there, or something in it is wrong.
        """
        path = folder / "analysis.toml"
        if not path.is_file():
            raise ConfigError(
                f"{folder}: no analysis.toml there; `bdana select` outside an analysis folder uses the packaged one"
            )
        config = read_config(path, overrides)
        analysis = cls(folder, config, AnalysisModules.read(folder), tuple(overrides))
        if problems := analysis.tables_without_module():
            raise ConfigError("\n".join(problems))
        return analysis

    def tables_without_module(self) -> list[str]:
        """Return what is wrong with tables [selection.NAME] and [background.NAME] that no module has."""
        found = []
        for table, named in (("selection", self.config.selection), ("background", self.config.background)):
            known = self.modules.names(f"{table}s")
            for name in named:
                if name not in known:
                    where = Written(str(self.folder / "analysis.toml"), table, self.overrides).origin([name])
                    found.append(
                        f"{where}: [{table}.{name}] has no {table}s/{name}.py: {did_you_mean(name, known)}"
                    )
        return found

    def __repr__(self) -> str:
        samples = ", ".join(self.config.samples) or "none"
        return shortened(
            f"{type(self).__name__}({self.config.analysis.name!r} in {self.folder}, samples: {samples})"
        )

    def __reduce__(self) -> tuple[object, ...]:
        # Workers get the place and the hash, not the code: they read it themselves, once.
        return _read_again, (self.folder, self.overrides, self.hash)

    @cached_property
    def hash(self) -> str:
        """SHA-256 of the effective configuration, of a geometry of the folder, and of every module's text."""
        return self.hash_without()

    def hash_without(self, *tables: str) -> str:
        """Return `hash` as if some tables of the configuration did not matter.

        Parameters
        ----------
        *tables : str
            Their names in analysis.toml.
        """
        own = self.folder / self.config.analysis.detector
        content = {
            "config": self.config.model_dump(mode="json", exclude=set(tables)),
            "detector": read_text(own)
            if own.is_file()
            else "",  # a shipped one goes with the version of bdana
            "modules": self.modules.hashes,
        }
        return hashlib.sha256(json.dumps(content, sort_keys=True, separators=(",", ":")).encode()).hexdigest()

    @cached_property
    def detector(self) -> Detector:
        """Detector geometry that analysis.toml names."""
        return load_detector(self.detector_file)

    @property
    def detector_file(self) -> str:
        """Shipped geometry, or the path of a .toml file, that analysis.toml names."""
        name = self.config.analysis.detector
        return str(self.folder / name) if name.endswith(".toml") else name

    @property
    def regions(self) -> Regions:
        """The partition of the (z_TAX, CDA_TAX) plane."""
        return self.config.partition()

    @property
    def cluster_regions(self) -> Regions | None:
        """The partition of the plane of pairs of clusters; None where analysis.toml has no [cluster_regions]."""
        return self.config.cluster_partition()

    @property
    def setup(self) -> Setup:
        """Detector, beam line and regions, as every selection gets them."""
        line = self.config.beam_line.line(self.beam_point_mm)
        return Setup(self.detector, line, self.regions, self.cluster_regions)

    @property
    def beam_point_mm(self) -> tuple[float, float, float]:
        """The point of the beam line that analysis.toml gives, or where the beam hits the dump of the detector."""
        return self.config.beam_line.point_mm or self.detector.beam_dump.point_mm

    @property
    def policy(self) -> Policy | None:
        """Blinding policy in force, checked against the regions; None when there is none.

        Raises
        ------
        ConfigError
            When it is wrong or does not cover the regions.
        BlindingError
            When it is not the one that the ledger says is in force.
        """
        return blinding.load_policy(self.folder, self.regions, self.cluster_regions)

    @property
    def ledger(self) -> Ledger:
        """Blinding ledger of the folder."""
        return blinding.Ledger(self.folder / "blinding" / "ledger")

    @property
    def gate(self) -> Gate | None:
        """Blinding gate: what the policy keeps closed in data; None without a policy. Raises as `policy`."""
        policy = self.policy
        if policy is None:
            return None
        files = [file for s in self.config.samples.values() if s.kind == "data" for file in s.files]
        folders = tuple(sorted({(self.folder / file.removeprefix("@")).parent for file in files}))
        admission = sealing.ManifestAdmission(folders, policy if policy.people else None)
        return policy.gate(self.detector, admission)  # guard: folder-gate

    def plane_of(self, selection: str, closed: Collection[str] = ()) -> tuple[Regions, list[AnyBox]]:
        """Return the regions of the plane that a selection is counted in, and the envelopes of those that are closed.

        Parameters
        ----------
        selection : str
            Its name: of tracks or of clusters.
        closed : collection of str
            Names of the closed regions; guard bands are included.
        """
        gate, regions = self.gate if closed else None, self.cluster_regions
        if self.selection(selection)[0].good_cluster is None or regions is None:
            return self.regions, [box for box in gate.envelopes.boxes if box.name in closed] if gate else []
        rule = gate.clusters if gate else None
        return regions, [box for box in rule.envelopes.boxes if box.name in closed] if rule else []

    @property
    def dump_name(self) -> str:
        """What the dump of the detector is called, for labels."""
        return self.detector.dump.name if self.detector.dump else "dump"

    @cached_property
    def signal(self) -> SearchedSignal:
        """The new particle that is searched for; what analysis.toml does not say is default, or that of the detector."""
        return (self.config.signal or SignalConfig()).in_detector(self.detector)

    @property
    def variables(self) -> dict[str, Variable]:
        """Variables of candidates that are histogrammed, by name."""
        return self.config.histogrammed()

    def distributions(self, selection: str, regions: Sequence[str]) -> Distributions:
        """Return what is histogrammed while a selection runs: functions of it, and variables without one of its cuts.

        What belongs to another selection that is searched is left out, and so are cuts that are switched off.

        Parameters
        ----------
        selection : str
        regions : sequence of str
            Those that are open.

        Raises
        ------
        ConfigError
            When no selection that is searched has such a function or cut, or a parameter at a border.
        """
        chosen, par = self.selection(selection)
        without = self.config.without_cuts()
        for name, axis in self.variables.items():
            self._require_quantity(chosen, f"variables.{name}", axis.function)
        for name, one in without.items():
            self._require_quantity(chosen, f"n_minus_1.{name}", one.variable.function)
            self._require_in(chosen, f"n_minus_1.{name}", "cut", one.cut, "cuts")
        active = {cut.name for cut in chosen.active(par)}
        own = {
            name: one
            for name, one in without.items()
            if one.cut in active and one.variable.function in {"", *chosen.quantity}
        }
        for name, one in without.items():
            for text in one.borders:
                self._require_in(chosen, f"n_minus_1.{name}", "number", text.removeprefix("-"), "parameters")
                border(text, par, one.variable)
        variables = {name: axis for name, axis in self.variables.items() if axis.function in chosen.quantity}
        return Distributions(variables, own, tuple(regions))

    def _require_quantity(self, chosen: Selection, table: str, function: str) -> None:
        if function:
            self._require_in(chosen, table, "function", function, "quantities")

    def _require_in(self, chosen: Selection, table: str, what: str, name: str, among: str) -> None:
        """Raise an error when neither a selection nor another one of the folder has a cut, a quantity or a parameter."""
        known = _names(chosen, among)
        for other in self.modules.names("selections"):
            if name in known:
                return
            with suppress(BdanaError):  # it is not the one that runs
                known |= _names(self.selection(other)[0], among)
                if among == "cuts":  # taken out of CUTS, where its function stayed
                    module = vars(self.modules.load("selections", other))
                    known |= {value.name for value in module.values() if isinstance(value, Cut)}
        if name not in known:
            raise ConfigError(
                f"{self.folder / 'analysis.toml'}: [{table}]: no {what} '{name}' in selections/: "
                f"{did_you_mean(name, known)}"
            )

    def selection(self, name: str) -> tuple[Selection, Parameters]:
        """Return the selection selections/NAME.py with its parameters as analysis.toml sets them.

        Parameters
        ----------
        name : str

        Raises
        ------
        ConfigError
            When there is no such selection, its module fails, or a parameter is unknown or has a wrong value.
        """
        selection = self._declared("selections", name, "selection", Selection).named(name)
        return selection, self._parameters("selection", name, selection.parameters)

    def single_track(self, name: str) -> tuple[SingleTrackSelection, Parameters]:
        """Return the single-track selection selections/NAME.py with its parameters.

        Those are the parameters of the selection it is `like`, with the values of [selection.NAME] in their place.

        Parameters
        ----------
        name : str

        Raises
        ------
        ConfigError
            As `selection` does.
        """
        selection = self._declared("selections", name, "selection", SingleTrackSelection).named(name)
        return selection, self._parameters("selection", name, selection.parameters, like=selection.like)

    def like(self, name: str) -> str | None:
        """Return the selection whose parameters selections/NAME.py takes over; None when it has only its own.

        Parameters
        ----------
        name : str
        """
        declared = getattr(self.modules.load("selections", name), "selection", None)
        return declared.like if isinstance(declared, SingleTrackSelection) else None

    def combinatorial(self, name: str) -> tuple[Combinatorial, PairingParameters]:
        """Return the background backgrounds/NAME.py with its parameters.

        Parameters
        ----------
        name : str

        Raises
        ------
        ConfigError
            When there is no such background, its module fails, or a parameter is unknown or has a wrong value.
        """
        background = replace(
            self._declared("backgrounds", name, "background", pairing.Combinatorial), name=name
        )
        if not _has_base(background.parameters, pairing.PairingParameters):
            raise ConfigError(
                f"{self.folder}/backgrounds/{name}.py: the parameters of a bdana.Combinatorial must have "
                "bdana.PairingParameters as base"
            )
        par = self._parameters("background", name, background.parameters)
        unusual = self.config.exposure.unusual
        wrong = why_impossible("downscale", par.downscale, unusual) if par.downscale is not None else ""
        if wrong:
            raise ConfigError(
                f'[background.{name}] {wrong}; if it is meant, write unusual = ["downscale"] into the table [exposure] of '
                "analysis.toml"
            )
        return background, par

    def prompt(self, name: str) -> tuple[Prompt, PromptParameters]:
        """Return the prompt background backgrounds/NAME.py with its parameters; raises as `combinatorial`.

        Parameters
        ----------
        name : str
        """
        background = replace(self._declared("backgrounds", name, "background", upstream.Prompt), name=name)
        if not _has_base(background.parameters, upstream.PromptParameters):
            raise ConfigError(
                f"{self.folder}/backgrounds/{name}.py: the parameters of a bdana.Prompt must have "
                "bdana.PromptParameters as base"
            )
        return background, self._parameters("background", name, background.parameters)

    def is_prompt(self, name: str) -> bool:
        """Tell whether backgrounds/NAME.py declares a prompt background.

        Parameters
        ----------
        name : str
        """
        return isinstance(
            getattr(self.modules.load("backgrounds", name), "background", None), upstream.Prompt
        )

    def parameters(self) -> dict[str, BaseModel]:
        """Return the parameters of every selection and background by `selection.NAME` and `background.NAME`."""
        found: dict[str, BaseModel] = {}
        for name in self.modules.names("selections"):
            single = self.like(name) is not None
            found[f"selection.{name}"] = (self.single_track(name) if single else self.selection(name))[1]
        for name in self.modules.names("backgrounds"):
            found[f"background.{name}"] = (self.prompt if self.is_prompt(name) else self.combinatorial)(name)[
                1
            ]
        return found

    def _declared(self, folder: str, name: str, attribute: str, declared: type[Declared]) -> Declared:
        module = self.modules.load(folder, name)
        found = getattr(module, attribute, None)
        if not isinstance(found, declared):
            others = [key for key, value in vars(module).items() if isinstance(value, declared)]
            there = f"there it is of type {type(found).__name__}" if found is not None else ""
            there = f"`{others[0]}` is one: call it `{attribute}`" if others else there
            if isinstance(found, (Selection, SingleTrackSelection, pairing.Combinatorial, upstream.Prompt)):
                raise ConfigError(
                    f"{self.folder}/{folder}/{name}.py is a bdana.{type(found).__name__}, and a bdana.{declared.__name__} is "
                    "needed here"
                )
            raise UserCodeError(
                f"{self.folder}/{folder}/{name}.py must define `{attribute} = bdana.{declared.__name__}(...)`"
                + (f"; {there}" if there else "")
            )
        return found

    def _parameters(self, table: str, name: str, model: type[Model], like: str = "") -> Model:
        written: dict[str, dict[str, Any]] = getattr(self.config, table)
        source = Written(str(self.folder / "analysis.toml"), f"{table}.{name}", self.overrides)
        try:
            if like:  # first by itself, for the table and the option that say what is wrong
                validated(model, written.get(like, {}), replace(source, table=f"{table}.{like}"))
            return validated(model, written.get(like, {}) | written.get(name, {}), source)
        except ConfigError:
            raise
        except Exception as err:  # noqa: BLE001 - of a validator of theirs
            raise_user_error(err, f"the parameters for [{source.table}] of {source.file}", model)

    def missing_columns(self, file: EventFile) -> dict[str, tuple[str, ...]]:
        """Return, for every two-track selection, the columns that it needs and a file does not have.

        Parameters
        ----------
        file : EventFile
        """
        present = file.columns() | {"weight"}  # 1 where the file has none
        missing = {}
        for name in self.modules.names("selections"):
            if isinstance(getattr(self.modules.load("selections", name), "selection", None), Selection):
                chosen, par = self.selection(name)
                missing[name] = tuple(column for column in chosen.needs(par) if column not in present)
        return missing

    def dataset(
        self,
        files: Files,
        *,
        kind: str = "data",
        schema: str | None = None,
        all_bursts: bool = False,
        good_runs: str | Path | None = None,
    ) -> Dataset:
        """Open files as one dataset, read through the blinding gate of the analysis.

        Parameters
        ----------
        files, kind, schema, all_bursts, good_runs
            As for `Analysis.select`.

        Raises
        ------
        BdanaError
            Whatever is wrong, by file and name.

        Examples
        --------
        >>> import bdana
        >>> from bdana.events import EventArrays
        >>> from bdana.simulation import SimulationConfig, simulate
        >>> events, bursts = simulate(SimulationConfig(pot=7e13, bursts=1), seed=1)
        >>> dataset = bdana.load().dataset([EventArrays(events, bursts)], kind="pseudo")
        >>> dataset.kind, dataset.exposure.bursts
        ('pseudo', 1)
        """
        return events.Dataset.open(
            files,
            kind=kind,
            schema=schema,
            all_bursts=all_bursts,
            good_runs=self._good_runs(good_runs),
            gate=self.gate,
            unusual=self.config.exposure.unusual,
            remote=self.config.remote,
            allow_bad_files=self.handling.allow_bad_files,
            memory_limit=self.handling.memory_limit,
        )

    def layout_of(self, sample: SampleConfig) -> str | None:
        """Return the schema of a sample: shipped, by name, or the path of a .toml file; None when files are to tell.

        Parameters
        ----------
        sample : SampleConfig
        """
        layout = sample.layout
        return str(self.folder / layout) if layout and layout.endswith(".toml") else layout

    def selected_samples(self) -> list[str]:
        """Return the names of the two-track samples of analysis.toml, which a search selects.

        Raises
        ------
        ConfigError
            When there is none.
        """
        names = [name for name in self.config.samples if name != self.config.search.single_tracks]
        if not names:
            raise ConfigError(
                f"{self.folder / 'analysis.toml'} names no sample to select: add [samples.<name>] with kind and files"
            )
        return names

    def sample(self, *names: str, all_bursts: bool = False) -> list[Dataset]:
        """Open samples of analysis.toml by name.

        Parameters
        ----------
        *names : str
        all_bursts : bool
            Use all bursts, not only the good ones.

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
                raise ConfigError(
                    f"no sample '{name}' in {self.folder / 'analysis.toml'}: {did_you_mean(name, self.config.samples)}"
                )
            sample = self.config.samples[name]
            dataset = events.Dataset.open(
                sample.files,
                kind=sample.kind,
                schema=self.layout_of(sample),
                all_bursts=all_bursts,
                good_runs=self._good_runs(self.folder / sample.good_runs if sample.good_runs else None),
                unusual=self.config.exposure.unusual,
                trigger=sample.trigger,
                weight=sample.weight,
                gate=self.gate,
                folder=self.folder,
                remote=self.config.remote,
                allow_bad_files=self.handling.allow_bad_files,
                memory_limit=self.handling.memory_limit,
            )
            opened.append(dataset)
        return opened

    def _good_runs(self, path: str | Path | None) -> GoodRuns | None:
        return None if path is None else events.GoodRuns.read(Path(path), self.config.exposure.unusual)

    def selection_task(
        self,
        dataset: Dataset,
        selection: str,
        left_out: tuple[str, ...] = (),
        opened: Collection[str] = (),
    ) -> SelectionTask:
        """Return the task that selects candidates from each chunk of a dataset.

        Parameters
        ----------
        dataset : Dataset
        selection : str
            Name of a module of selections/.
        left_out : tuple of str
            Cuts that the loose candidates need not pass.
        opened : collection of str
            Closed regions that were opened: what the dataset holds there is histogrammed too.

        Raises
        ------
        ConfigError
            When there is no such selection or cut, or the selection needs another geometry.
        MissingColumnError
            When a file lacks a column that the selection needs.
        """
        chosen, par = self.selection(selection)
        chosen.require_cuts(left_out)
        is_open = [name for name in self.regions.names if name in opened or name not in dataset.closed]
        distributions = self.distributions(selection, is_open)
        needs = chosen.needs(par, distributions.functions)
        columns = dataset.columns(needs, chosen.optional, selection)
        setup = self.setup_for(dataset, selection, any_detector=chosen.any_detector)
        return engine.SelectionTask(
            self, setup, selection, columns, dataset, left_out, self.handling.checkpoints, distributions
        )

    def setup_for(self, dataset: Dataset, selection: str, *, any_detector: bool = False) -> Setup:
        """Return detector, beam line and regions for a dataset; no beam line for files of another geometry.

        Parameters
        ----------
        dataset : Dataset
        selection : str
            Name of a module of selections/, for the error message.
        any_detector : bool
            Whether the selection allows files of another geometry.

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


def _names(selection: Selection, among: str) -> set[str]:
    if among == "parameters":
        return set(selection.parameters.model_fields)
    return {one.name for one in getattr(selection, among)}


def _has_base(declared: object, base: type) -> bool:
    return isinstance(declared, type) and issubclass(declared, base)


@lru_cache(maxsize=2)
def _read_again(folder: Path, overrides: tuple[str, ...], expected: str) -> AnalysisFolder:
    analysis = AnalysisFolder.read(folder, overrides)
    if analysis.hash != expected:
        raise ConfigError(f"the analysis in {folder} changed while it was running; start again")
    return analysis

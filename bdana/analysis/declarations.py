"""What an analysis folder declares: geometry, regions, signal, selections and backgrounds with their parameters."""

from __future__ import annotations

import hashlib
import json
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import BaseModel

from bdana import pairing, upstream
from bdana.analysis.signal_config import SearchedSignal, SignalConfig
from bdana.detector import Detector, load_detector
from bdana.errors import BdanaError, ConfigError, UserCodeError
from bdana.events.exposure import why_impossible
from bdana.mistakes import Written, did_you_mean, validated
from bdana.on_demand import late_module
from bdana.selection import Cut, Distributions, Parameters, Selection, Setup, SingleTrackSelection, border
from bdana.strict import read_text
from bdana.user_code import raise_user_error

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from bdana import blinding, engine, events, sealing
    from bdana.analysis.config import AnalysisConfig
    from bdana.analysis.modules import AnalysisModules
    from bdana.events import EventFile
    from bdana.pairing import Combinatorial, PairingParameters
    from bdana.regions import Regions
    from bdana.selection import Variable
    from bdana.upstream import Prompt, PromptParameters
else:
    blinding, engine, events, sealing = (
        late_module(f"bdana.{room}") for room in ("blinding", "engine", "events", "sealing")
    )

__all__ = ["Declarations"]

Declared = TypeVar("Declared")
Model = TypeVar("Model", bound=BaseModel)


@dataclass(frozen=True)
class Declarations:
    """Declarations of an analysis folder: geometry, regions, signal, selections and backgrounds with parameters.

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


def _names(selection: Selection, among: str) -> set[str]:
    if among == "parameters":
        return set(selection.parameters.model_fields)
    return {one.name for one in getattr(selection, among)}


def _has_base(declared: object, base: type) -> bool:
    return isinstance(declared, type) and issubclass(declared, base)

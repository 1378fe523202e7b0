"""What an analysis folder declares: geometry, regions, gate, selections and backgrounds with their parameters."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import BaseModel, ValidationError

from bdana.analysis.reading import explain
from bdana.blinding import KnownData, SealedOnly, load_policy
from bdana.detector import Detector, load_detector
from bdana.errors import ConfigError
from bdana.pairing import Combinatorial, PairingParameters
from bdana.selection import Parameters, Selection, Setup, SingleTrackSelection
from bdana.upstream import Prompt

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    from bdana.analysis.config import AnalysisConfig
    from bdana.analysis.modules import AnalysisModules
    from bdana.events import EventFile, Gate
    from bdana.regions import Box, Regions
    from bdana.selection import Variable

__all__ = ["DeclaredAnalysis"]

Declared = TypeVar("Declared")
Model = TypeVar("Model", bound=BaseModel)


@dataclass(frozen=True)
class DeclaredAnalysis:
    """Configuration and modules of an analysis folder.

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
        files = [file for s in self.config.samples.values() if s.kind == "data" for file in s.files]
        folders = tuple(sorted({(self.folder / file.removeprefix("@")).parent for file in files}))
        gate = policy.gate(self.detector, SealedOnly(policy, folders) if policy.people else None)
        return replace(gate, refuse_known=KnownData(folders))

    def closed_boxes(self, names: Collection[str]) -> list[Box]:
        """Return the envelopes (mm) of some of the regions that the policy closes."""
        gate = self.gate
        return [box for box in gate.envelopes.boxes if box.name in names] if gate else []

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

    def like(self, name: str) -> str | None:
        """Return the selection whose parameters hold in selections/NAME.py too; None for one that stands alone."""
        declared = getattr(self.modules.load("selections", name), "selection", None)
        return declared.like if isinstance(declared, SingleTrackSelection) else None

    def combinatorial(self, name: str) -> tuple[Combinatorial, PairingParameters]:
        """Return the background backgrounds/NAME.py with its parameters.

        Raises
        ------
        ConfigError
            When there is no such background, its module fails, or a parameter is unknown or has a wrong value.
        """
        background = self._declared("backgrounds", name, "background", Combinatorial)
        if not issubclass(background.parameters, PairingParameters):
            raise ConfigError(
                f"{self.folder}/backgrounds/{name}.py: the parameters of a bdana.Combinatorial must have "
                "bdana.PairingParameters as base"
            )
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
            single = self.like(name) is not None
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
                f"[{table}.{name}] of {self.folder / 'analysis.toml'}: {explain(err)}"
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

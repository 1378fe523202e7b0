"""Schemas: how the branches of a ROOT layout map onto the event model. One TOML file for each layout."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache, cached_property
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import hepunits
from pydantic import BeforeValidator, Field, ValidationError, model_validator

from bdana.errors import ConfigError
from bdana.events.model import BURST_COLUMNS, COLLECTIONS, EVENT_COLUMNS, Column
from bdana.strict import StrictModel

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "BranchMap",
    "Collection",
    "Schema",
    "Source",
    "Tree",
    "load_schema",
    "shipped_schemas",
    "unit_factor",
]


def _as_tuple(value: object) -> object:
    return (value,) if isinstance(value, str) else value


class BranchMap(StrictModel, allow_inf_nan=True):
    """Where a canonical column comes from and what its values may be."""

    branch: Annotated[tuple[str, ...], BeforeValidator(_as_tuple)] = Field(
        default=(), description="full branch path after the prefix; the first of a list that exists is used"
    )
    norm: tuple[str, ...] = Field(
        default=(), description="branches of a vector's components, in place of `branch`: its length"
    )
    ratio: tuple[str, str] | None = Field(
        default=None, description="two branches, in place of `branch`: the first over the second"
    )
    member: str | None = Field(
        default=None, description="member of a class-valued branch, such as fX of a TVector3"
    )
    value: float | None = Field(
        default=None, description="a constant in place of a branch, such as a reference z"
    )
    unit: str = Field(
        default="", description="unit of the file's numbers, a name of hepunits; empty for pure numbers"
    )
    scale: float = Field(
        default=1.0, description="factor for file numbers that are counts of the canonical unit"
    )
    equals: int | None = Field(
        default=None, description="makes a yes/no column: true where the file has this number"
    )
    range: tuple[float, float] | None = Field(
        default=None, description="smallest and largest value, in file units"
    )
    nan: bool = Field(default=False, description="whether NaN is a legal value")
    required: bool = Field(default=True, description="whether a file of this layout must have it")

    @model_validator(mode="after")
    def _one_source(self) -> BranchMap:
        if sum(map(bool, (self.branch, self.norm, self.ratio, self.value is not None))) != 1:
            raise ValueError("give one of branch, norm, ratio and value")
        if self.unit and not hasattr(hepunits, self.unit):
            raise ValueError(f"'{self.unit}' is not a unit of hepunits")
        return self

    def candidates(self, prefixes: tuple[str, ...] = ("",)) -> tuple[tuple[str, ...], ...]:
        """Return the branches that can hold the column, best first: single ones, or groups that are combined.

        Parameters
        ----------
        prefixes : tuple of str
            What is put in front of the branches, best first.
        """
        together = self.norm or self.ratio
        groups = (together,) if together else tuple((name,) for name in self.branch)
        return tuple(tuple(prefix + name for name in names) for prefix in prefixes for names in groups)


@dataclass(frozen=True)
class Source:
    """Where a column comes from in the files of a schema.

    Attributes
    ----------
    map : BranchMap
        As the schema says it.
    candidates : tuple of tuple of str
        Full branch paths: the first group that a file has is used. Empty for a constant.
    """

    map: BranchMap
    candidates: tuple[tuple[str, ...], ...]


class Tree(StrictModel, allow_inf_nan=True):
    """A tree or RNTuple with one value an entry for each column."""

    tree: str
    columns: dict[str, BranchMap]


class Collection(StrictModel, allow_inf_nan=True):
    """A collection with a list of records for each event; its branches share a prefix."""

    prefix: Annotated[tuple[str, ...], BeforeValidator(_as_tuple)] = Field(
        default=("",), description="put in front of every branch; of a list, the first that exists"
    )
    columns: dict[str, BranchMap]


class Schema(StrictModel, allow_inf_nan=True):
    """Layout of event files: which branches hold which canonical columns.

    Attributes
    ----------
    columns, burst_columns : mapping of str to Source
        Canonical columns, their branches with the prefix put in front.
    """

    name: str
    title: str
    detector: str | None = Field(
        default=None, description="name of the geometry of such files; none: that of the analysis"
    )
    absent: dict[str, str] = Field(default={}, description="why the layout lacks a column or a collection")
    triggers: dict[str, int] = Field(default={}, description="bit of each trigger in the column `trigger`")
    events: Tree
    collections: dict[str, Collection] = Field(default={}, description="lists of an event, by name")
    bursts: Tree | None = None

    @model_validator(mode="after")
    def _canonical(self) -> Schema:
        for name in self.collections:
            if name not in (*COLLECTIONS, "truth"):
                raise ValueError(
                    f"unknown collection '{name}': the event model has {', '.join(COLLECTIONS)}, truth"
                )
        for known, columns in ((EVENT_COLUMNS, self.columns), (BURST_COLUMNS, self.burst_columns)):
            for name, source in columns.items():
                if name not in known:
                    raise ValueError(f"unknown column '{name}': docs/events.md lists the event model")
                unit_factor(known[name], source.map)
        return self

    @cached_property
    def columns(self) -> Mapping[str, Source]:
        """Canonical event columns by name."""
        own = {name: Source(source, source.candidates()) for name, source in self.events.columns.items()}
        for name, collection in self.collections.items():
            for field, source in collection.columns.items():
                own[f"{name}.{field}"] = Source(source, source.candidates(collection.prefix))
        return own

    @cached_property
    def burst_columns(self) -> Mapping[str, Source]:
        """Canonical burst columns by name; empty when the layout has no burst table."""
        columns = self.bursts.columns if self.bursts else {}
        return {name: Source(source, source.candidates()) for name, source in columns.items()}

    def why_absent(self, column: str) -> str:
        """Say in words why this layout has no such column.

        Parameters
        ----------
        column : str
        """
        reason = self.absent.get(column) or self.absent.get(column.partition(".")[0])
        return reason or "the schema does not map it"


def unit_factor(column: Column, source: BranchMap) -> float:
    """Return the factor that turns a file's number into the column's canonical unit.

    Parameters
    ----------
    column : Column
    source : BranchMap

    Raises
    ------
    ValueError
        When only one of the two has a unit.
    """
    if bool(column.unit) != bool(source.unit) and source.scale == 1.0 and source.equals is None:
        raise ValueError(
            f"column '{column.name}' needs a unit that converts to '{column.unit or 'a pure number'}'"
        )
    if not source.unit:
        return source.scale
    factor = getattr(hepunits, source.unit) / getattr(hepunits, column.unit)
    return float(factor * source.scale)


def shipped_schemas() -> dict[str, Path]:
    """Return the schemas that come with bdana, by name."""
    folder = Path(str(files("bdana.events") / "schemas"))
    return {path.stem: path for path in sorted(folder.glob("*.toml"))}


@cache
def load_schema(name: str) -> Schema:
    """Load a shipped schema by name, or a schema file by path (`*.toml`).

    Parameters
    ----------
    name : str

    Raises
    ------
    ConfigError
        When there is no such schema or the file is wrong.
    """
    shipped = shipped_schemas()
    path = Path(name) if name.endswith(".toml") else shipped.get(name)
    if path is None or not path.is_file():
        raise ConfigError(
            f"no schema '{name}': shipped are {', '.join(shipped)}; your own is given as a path to a .toml file"
        )
    try:
        return Schema.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except (tomllib.TOMLDecodeError, ValidationError) as err:
        raise ConfigError(f"schema {path}: {err}") from None

"""Schemas: how the branches of a ROOT layout map onto the event model. One TOML file for each layout."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property, lru_cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from pydantic import (
    BeforeValidator,
    Field,
    Strict,
    StrictBool,
    StringConstraints,
    model_validator,
)

from bdana.display import short_repr
from bdana.errors import ConfigError
from bdana.events.model import BURST_COLUMNS, COLLECTIONS, EVENT_COLUMNS, Column
from bdana.events.units import dimension, value_of
from bdana.mistakes import Written, did_you_mean, nearest, validated
from bdana.strict import StrictModel, parse_toml, read_text

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "BranchMap",
    "Collection",
    "Schema",
    "SchemaText",
    "Source",
    "Tree",
    "load_schema",
    "read_schema",
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
    member: str | tuple[str, ...] | None = Field(
        default=None,
        description="member of a class-valued branch, such as fX of a TVector3; a list for `norm` and `ratio`, in their order",
    )
    value: Annotated[float, Strict()] | None = Field(
        default=None, description="a constant in place of a branch, such as a reference z"
    )
    unit: str = Field(
        default="", description="unit of the file's numbers, a name of hepunits; empty for pure numbers"
    )
    scale: Annotated[float, Strict()] = Field(
        default=1.0, description="factor for file numbers that are counts of the canonical unit"
    )
    equals: int | None = Field(
        default=None, description="makes a yes/no column: true where the file has this number"
    )
    range: tuple[Annotated[float, Strict()], Annotated[float, Strict()]] | None = Field(
        default=None,
        description="smallest and largest value, in file units; [0, 1] for a yes/no column without `equals`",
    )
    nan: StrictBool = Field(default=False, description="whether NaN is a legal value")
    required: StrictBool = Field(default=True, description="whether a file of this layout must have it")

    @model_validator(mode="after")
    def _one_source(self) -> BranchMap:
        if sum(map(bool, (self.branch, self.norm, self.ratio, self.value is not None))) != 1:
            raise ValueError("give one of branch, norm, ratio and value")
        if isinstance(self.member, tuple) and len(self.member) != len(self.norm or self.ratio or ()):
            raise ValueError("give member as one name, or as many as norm or ratio have branches")
        dimension(self.unit)
        if not (math.isfinite(self.scale) and self.scale):
            raise ValueError(f"scale {self.scale:g} is no factor")
        if self.range and not self.range[0] <= self.range[1]:
            raise ValueError(f"range [{self.range[0]:g}, {self.range[1]:g}] holds no number")
        return self

    def members(self, branches: int) -> tuple[str | None, ...]:
        """Return which member is read of each branch that is combined, None for a branch of numbers.

        Parameters
        ----------
        branches : int
            Number of branches.
        """
        return self.member if isinstance(self.member, tuple) else (self.member,) * branches

    def spelled(self, branches: tuple[str, ...]) -> tuple[str, ...]:
        """Return branches with the members that are read of them, such as `P.fX`.

        Parameters
        ----------
        branches : tuple of str
        """
        pairs = zip(branches, self.members(len(branches)), strict=True)
        return tuple(f"{branch}.{member}" if member else branch for branch, member in pairs)

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

    __repr__ = short_repr


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
    event_numbers_repeat: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)] | None = (
        Field(
            default=None,
            description="why simulation of this layout has events with the same run, burst and event number, which are then "
            "not refused; data are refused all the same",
        )
    )
    triggers: dict[str, int] = Field(default={}, description="bit of each trigger in the column `trigger`")
    events: Tree
    collections: dict[str, Collection] = Field(default={}, description="lists of an event, by name")
    bursts: Tree | None = None

    @model_validator(mode="after")
    def _canonical(self) -> Schema:
        for name in self.collections:
            if name not in (*COLLECTIONS, "truth"):
                raise ValueError(
                    f"unknown collection '{name}': {did_you_mean(name, (*COLLECTIONS, 'truth'))}"
                )
        for known, columns in ((EVENT_COLUMNS, self.columns), (BURST_COLUMNS, self.burst_columns)):
            for name, source in columns.items():
                if name not in known:
                    near = nearest(name, known)
                    hint = f"did you mean '{near}'? " if near else ""
                    raise ValueError(f"unknown column '{name}': {hint}docs/events.md lists the event model")
                unit_factor(known[name], source.map)
                _check_kind(known[name], source.map)
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
        When the units are of different dimensions, or only one of the two has a unit.
    """
    own, others = dimension(column.unit), dimension(source.unit)
    counted = not others and source.scale != 1.0  # in the canonical unit, as clock ticks are
    if own != others and not counted and source.equals is None:
        wanted = f"a unit of {own}, such as {column.unit}" if own else "no unit, since it is a pure number"
        given = f"'{source.unit}', a unit of {others}" if others else "none"
        raise ValueError(f"column '{column.name}' needs {wanted}; the schema gives {given}")
    return source.scale if counted else value_of(source.unit) / value_of(column.unit) * source.scale


def _check_kind(column: Column, source: BranchMap) -> None:
    """Refuse what makes no number of the kind of a column: int, float or bool."""
    whole = column.kind != "float"
    if source.equals is not None and column.kind != "bool":
        raise ValueError(f"column '{column.name}' is {column.kind}: 'equals' makes a yes/no column")
    if whole and (source.norm or source.ratio):
        raise ValueError(f"column '{column.name}' is {column.kind}: 'norm' and 'ratio' make fractions")
    if whole and (
        source.nan or not source.scale.is_integer() or (column.kind == "bool" and source.scale != 1.0)
    ):
        raise ValueError(
            f"column '{column.name}' is {column.kind}: 'nan' and 'scale' are of columns that are measured"
        )
    if source.value is None:
        return
    if whole and not (source.value.is_integer() and (column.kind == "int" or source.value in {0.0, 1.0})):
        raise ValueError(f"column '{column.name}' is {column.kind}: {source.value:g} is no value of it")
    low, high = source.range or (source.value, source.value)
    if not (math.isfinite(source.value) and low <= source.value <= high):
        raise ValueError(f"column '{column.name}': its value {source.value:g} is not finite and in its range")


def shipped_schemas() -> dict[str, Path]:
    """Return the schemas that come with bdana, by name."""
    folder = Path(str(files("bdana.events") / "schemas"))
    return {path.stem: path for path in sorted(folder.glob("*.toml"))}


@dataclass(frozen=True)
class SchemaText:
    """A schema as it is written in its file, which tells it from any other state of the file.

    Attributes
    ----------
    path : Path
    text : str
    """

    path: Path
    text: str

    __repr__ = short_repr

    @property
    def schema(self) -> Schema:
        """The schema; raises ConfigError when the text is wrong."""
        return _parsed(self)


@lru_cache(maxsize=64)
def _parsed(written: SchemaText) -> Schema:
    where = f"schema {written.path}"
    return validated(Schema, parse_toml(written.text, where), Written(where))


def read_schema(name: str) -> SchemaText:
    """Read a shipped schema by name, or a schema file by path (`*.toml`), as it is now.

    Parameters
    ----------
    name : str

    Raises
    ------
    ConfigError
        When there is no such schema or the file cannot be read.
    """
    shipped = shipped_schemas()
    path = Path(name) if name.endswith(".toml") else shipped.get(name)
    if path is not None and not path.is_file():
        raise ConfigError(f"{path}: no such schema file; shipped are {', '.join(shipped)}")
    if path is None:
        raise ConfigError(
            f"no schema '{name}': shipped are {', '.join(shipped)}; your own is given as a path to a .toml file"
        )
    return SchemaText(path, read_text(path))


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
    return read_schema(name).schema

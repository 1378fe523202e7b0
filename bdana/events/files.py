"""Event files: a ROOT file read through a schema into canonical records."""

from __future__ import annotations

from collections import defaultdict
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import awkward as ak
import numpy as np

from bdana.errors import ConfigError, InputError, MissingColumnError
from bdana.events.containers import Container, RootFile, open_root
from bdana.events.exposure import MEASURED, BurstTable, measured_column
from bdana.events.flat import FlatEvents
from bdana.events.lists import counts_and_flat
from bdana.events.model import BURST_COLUMNS, CANONICAL, COLLECTIONS, EVENT_COLUMNS, Column
from bdana.events.ranges import OutOfRange
from bdana.events.schema import BranchMap, Schema, Source, load_schema, shipped_schemas, unit_factor

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["EventFile", "guess_schema", "open_events"]

_KINDS = {"int": "iu", "float": "fiu", "bool": "biu"}


class EventFile:
    """A ROOT file and the schema it is read with.

    Attributes
    ----------
    path : Path
        The file.
    schema : Schema
        Its layout.
    entries : int
        Number of events.
    """

    def __init__(self, root: RootFile, schema: Schema, schema_key: str) -> None:
        self._schema_key = schema_key
        self.path = root.path
        self.schema = schema
        self._root = root
        self._events = root.container(schema.events.tree)
        self.entries = self._events.entries

    def __reduce__(self) -> tuple[object, ...]:
        # Workers open the file themselves, once.
        return open_events, (self.path, self._schema_key)

    def columns(self) -> set[str]:
        """Return the canonical columns that schema and file both have."""
        return {
            name
            for name, source in self.schema.columns.items()
            if not source.candidates or _find(self._events, source)
        }

    def stored_types(self) -> dict[str, np.dtype[Any]]:
        """Return the types that hold the values of columns exactly, where the file has them in the canonical unit."""
        types = {}
        for name, source in self.schema.columns.items():
            found = _find(self._events, source) if source.candidates else None
            plain = source.map.member is None and source.map.equals is None and found and len(found) == 1
            if plain and found and unit_factor(EVENT_COLUMNS[name], source.map) == 1.0:
                stored = self._events.stored_type(found[0])
                # NaN stands for what is out of range, and no integer holds it.
                if stored is not None and stored.kind in (
                    "f" if EVENT_COLUMNS[name].kind == "float" else "iu"
                ):
                    types[name] = stored
        return types

    def require(self, columns: Mapping[str, str], selection: str) -> None:
        """Refuse the file unless it has all of the given columns; values say what needs each.

        Raises
        ------
        MissingColumnError
            Naming every column that is missing, why it is, and what needs it.
        """
        present, missing = self.columns(), defaultdict(list)
        for name, why in columns.items():
            if name not in present:
                missing[self.why_missing(name)].append(f"{name} ({why})")
        if missing:
            told = "; ".join(f"{reason}: {', '.join(names)}" for reason, names in missing.items())
            raise MissingColumnError(
                f"{self.path}: selection {selection} needs columns that are not there with schema "
                f"'{self.schema.name}': {told}"
            )

    def why_missing(self, column: str) -> str:
        """Say in words why the file does not have a column."""
        source = self.schema.columns.get(column)
        return _why_no_branch(self._events, source) if source else self.schema.why_absent(column)

    def clusters(self, columns: Iterable[str]) -> list[int]:
        """Return the entries at which a chunk may begin without reading a basket twice."""
        branches = self._branches(columns)
        try:
            return self._events.clusters(branches)
        except Exception as err:  # uproot raises many kinds for damaged bytes
            raise InputError(
                f"{self.path}: tree '{self._events.name}' is damaged ({err}); copy the file again"
            ) from err

    def read(self, columns: Iterable[str], start: int, stop: int) -> ak.Array:
        """Read events.

        Parameters
        ----------
        columns : iterable of str
            Canonical names; each must be in `columns()`. A `weight` that the file does not have is 1.
        start, stop : int
            Range of entries.

        Returns
        -------
        ak.Array
            Records of the event model in mm, ns, MeV.

        Raises
        ------
        InputError
            When bytes are damaged, a type is wrong, or a value is outside the schema's range.
        """
        events, found = self.read_unchecked(columns, start, stop)
        for out_of_range in found:
            out_of_range.refuse()
        return events

    def read_unchecked(
        self, columns: Iterable[str], start: int, stop: int
    ) -> tuple[ak.Array, list[OutOfRange]]:
        """Read events whose values need not lie in the schema's ranges, as `read`.

        Closed events are judged, and left out, before anybody is told what is wrong in the others.

        Returns
        -------
        ak.Array
            Records of the event model; a floating-point value out of range is NaN.
        list of OutOfRange
            What is out of range, one for each branch.

        Raises
        ------
        InputError
            When bytes are damaged or a type is wrong.
        """
        flat, found = self.read_flat(columns, start, stop)
        return flat.records(), found

    def read_flat(self, columns: Iterable[str], start: int, stop: int) -> tuple[FlatEvents, list[OutOfRange]]:
        """Read events as `read_unchecked`, in flat columns."""
        wanted = set(columns)
        default_weight = "weight" in wanted and "weight" not in self.columns()
        if default_weight:
            wanted.remove("weight")
        sources = {name: self.schema.columns[name] for name in sorted(wanted)}
        read, found = _read_columns(self.path, self._events, sources, EVENT_COLUMNS, start, stop)
        length = stop - start
        values = {name: np.broadcast_to(flat, length) for name, (_, flat) in read.items() if "." not in name}
        if default_weight:
            values["weight"] = np.ones(length)
        counts, members = {}, {}
        for collection in sorted({EVENT_COLUMNS[name].collection or "" for name in read} - {""}):
            inside = {name: value for name, value in read.items() if name.startswith(f"{collection}.")}
            known = self._counts(collection, inside)
            if known is not None:
                counts[collection] = known
            total = length if known is None else int(known.sum())
            members[collection] = {
                name.partition(".")[2]: np.broadcast_to(flat, total) for name, (_, flat) in inside.items()
            }
        return FlatEvents(length, values, counts, members), found

    def bursts(self) -> BurstTable | None:
        """Read the burst table; None when the layout has none.

        A number that cannot be, in a burst that is marked bad, is NaN. NaN in a good burst is left to whoever needs
        the number.

        Raises
        ------
        MissingColumnError
            When a column is missing.
        InputError
            Naming the first good burst whose number is outside the schema's range.
        """
        if self.schema.bursts is None:
            return None
        container = self._root.container(self.schema.bursts.tree)
        sources: dict[str, Source] = {}
        for name, source in self.schema.burst_columns.items():
            if not source.candidates or _find(container, source):
                sources[name] = source
            elif source.map.required:
                raise MissingColumnError(
                    f"{self.path}: the burst table needs '{name}': {_why_no_branch(container, source)}"
                )
        values, found = _read_columns(
            self.path, container, sources, BURST_COLUMNS, 0, container.entries, MEASURED
        )
        for out_of_range in found:
            out_of_range.refuse()
        columns = {name: np.broadcast_to(flat, container.entries) for name, (_, flat) in values.items()}
        measured = {
            name: measured_column(self.path, columns, name, *self._range(name))
            for name in MEASURED
            if name in columns
        }
        return BurstTable.of_file(self.path, columns | measured)

    def _range(self, name: str) -> tuple[float, float]:
        source = self.schema.burst_columns[name].map
        low, high = source.range or (-np.inf, np.inf)
        factor = unit_factor(BURST_COLUMNS[name], source)
        return low * factor, high * factor

    def _branches(self, columns: Iterable[str]) -> set[str]:
        sources = [self.schema.columns[name] for name in columns if name in self.schema.columns]
        return {branch for source in sources for branch in _find(self._events, source) or ()}

    def _counts(
        self, name: str, members: Mapping[str, tuple[NDArray[Any] | None, NDArray[Any]]]
    ) -> NDArray[np.int64] | None:
        """Return the length of the lists of a collection; None for truth, one record an event."""
        lengths = [counts for counts, _ in members.values() if counts is not None]
        for counts in lengths[1:]:
            if not np.array_equal(counts, lengths[0]):
                raise InputError(
                    f"{self.path}: the branches of '{name}' have different numbers of entries in one event: the file is damaged"
                )
        if not lengths and name in COLLECTIONS:
            raise InputError(
                f"{self.path}: all columns of '{name}' that are asked for are constants of schema '{self.schema.name}', so that "
                "nobody knows how many entries an event has; map one of them to a branch"
            )
        return lengths[0] if lengths else None


def open_events(path: Path, schema: str) -> EventFile:
    """Open an event file; the handle is kept, so that a worker opens each file once.

    Raises
    ------
    InputError
        When the file is absent, not ROOT, damaged, or lacks the tree of the schema.
    ConfigError
        When there is no such schema.
    """
    there = path.stat() if path.is_file() else None
    return _open_cached(path, schema, *((there.st_size, there.st_mtime_ns) if there else (0, 0)))


@lru_cache(maxsize=64)
def _open_cached(path: Path, schema: str, size: int, changed: int) -> EventFile:  # noqa: ARG001 - else another file
    return EventFile(open_root(path), load_schema(schema), schema)


def guess_schema(path: Path) -> str:
    """Name the one shipped schema whose required branches a file has.

    Raises
    ------
    ConfigError
        When none or several match; the message lists what speaks against each.
    """
    root = open_root(path)
    schemas = {name: load_schema(name) for name in shipped_schemas()}
    near = {
        name: _why_not(root, schema) for name, schema in schemas.items() if schema.events.tree in root.trees
    }
    matching = [name for name, verdict in near.items() if verdict is None]
    if len(matching) == 1:
        return matching[0]
    if matching:
        raise ConfigError(f"{path}: the schemas {', '.join(matching)} all match; choose one with --schema")
    reasons = "; ".join(f"{name} because {verdict}" for name, verdict in near.items())
    there = f"it is not {reasons}" if near else f"its trees are {', '.join(root.trees) or 'none'}"
    raise ConfigError(
        f"{path}: matches none of the schemas {', '.join(schemas)}: {there}; choose one with --schema"
    )


def _why_not(root: RootFile, schema: Schema) -> str | None:
    for tree, columns in ((schema.events, schema.columns), (schema.bursts, schema.burst_columns)):
        if tree is None:
            continue
        if tree.tree not in root.trees:
            return f"there is no tree '{tree.tree}'"
        container = root.container(tree.tree)
        for source in columns.values():
            if source.map.required and source.candidates and not _find(container, source):
                return _why_no_branch(container, source)
    return None


def _find(container: Container, source: Source) -> tuple[str, ...] | None:
    """Return the first group of branches of a source that the container has."""
    return next((names for names in source.candidates if container.paths.issuperset(names)), None)


def _why_no_branch(container: Container, source: Source) -> str:
    branch = next(name for name in source.candidates[0] if name not in container.paths)
    parent = branch.partition("/")[0]
    unsplit = (
        "/" in branch
        and parent in container.paths
        and not any(p.startswith(f"{parent}/") for p in container.paths)
    )
    if unsplit:
        return (
            f"branch '{parent}' of tree '{container.name}' is not split into its members, "
            "which cannot be read reliably; write the tree with split level 99"
        )
    return f"tree '{container.name}' has no branch '{branch}'"


def _read_columns(
    path: Path,
    container: Container,
    sources: Mapping[str, Source],
    model: Mapping[str, Column],
    start: int,
    stop: int,
    unchecked: Iterable[str] = (),
) -> tuple[dict[str, tuple[NDArray[Any] | None, NDArray[Any]]], list[OutOfRange]]:
    """Read columns as (counts an event or None, flat values in canonical units), and say what is out of range.

    Numbers out of range are NaN, unless their column is in `unchecked`.
    """
    branches = {name: found for name, source in sources.items() if (found := _find(container, source))}
    raw = _read_branches(
        path, container, sorted({b for names in branches.values() for b in names}), start, stop
    )
    values: dict[str, tuple[NDArray[Any] | None, NDArray[Any]]] = {}
    out_of_range: list[OutOfRange] = []
    for name, source in sources.items():
        column, factor = model[name], unit_factor(model[name], source.map)
        if name not in branches:
            constant = np.asarray(source.map.value) * factor
            values[name] = (None, constant.astype(CANONICAL[column.kind]))
            continue
        parts = []
        for branch in branches[name]:
            where = f"{path}: branch '{branch}' of tree '{container.name}'"
            array = (
                raw[branch] if source.map.member is None else _member(raw[branch], source.map.member, where)
            )
            counts, flat = _flatten(array, jagged=column.collection not in (None, "truth"), where=where)
            typed = _typed(flat, source.map, column, where)
            bad = None if name in unchecked else _out_of_range(typed, source.map)
            if bad is not None:
                out_of_range.append(OutOfRange(where, _asked(source.map, column), bad, counts))
                typed = np.where(bad, np.nan, typed) if column.kind == "float" else typed
            parts.append((counts, typed))
        values[name] = _combined(
            parts, source.map, f"{path}: column '{name}' of tree '{container.name}'", factor
        )
    return values, out_of_range


def _combined(
    parts: list[tuple[NDArray[Any] | None, NDArray[Any]]], source: BranchMap, where: str, factor: float
) -> tuple[NDArray[Any] | None, NDArray[Any]]:
    counts, values = parts[0]
    for other, _ in parts[1:]:
        if counts is not None and other is not None and not np.array_equal(counts, other):
            raise InputError(
                f"{where}: its branches have different numbers of entries in one event: the file is damaged"
            )
    if source.norm:
        values = np.sqrt(sum(component**2 for _, component in parts))
    if source.ratio:
        with np.errstate(divide="ignore", invalid="ignore"):
            quotient = values / parts[1][1]
        values = np.where(np.isfinite(quotient), quotient, np.nan)  # a track without direction
    return counts, values if factor == 1.0 else values * factor


def _read_branches(
    path: Path, container: Container, branches: list[str], start: int, stop: int
) -> dict[str, ak.Array]:
    try:
        return container.arrays(branches, start, stop)
    except Exception as err:  # uproot raises many kinds for damaged bytes
        for branch in branches:
            try:
                container.arrays([branch], start, stop)
            except Exception as one:
                raise InputError(
                    f"{path}: branch '{branch}' of tree '{container.name}' is damaged between entries {start} and {stop} "
                    f"({type(one).__name__}: {one}); copy the file again or leave it out"
                ) from one
        raise InputError(f"{path}: tree '{container.name}' is damaged ({err})") from err


def _member(array: ak.Array, member: str, where: str) -> ak.Array:
    if member not in ak.fields(array):
        raise InputError(
            f"{where} has no member '{member}' but {', '.join(ak.fields(array)) or 'plain numbers'}"
        )
    return array[member]


def _flatten(array: ak.Array, where: str, *, jagged: bool) -> tuple[NDArray[Any] | None, NDArray[Any]]:
    expected = 2 if jagged else 1
    if array.ndim != expected:
        raise InputError(
            f"{where} is {array.type.content}, not {'a list of numbers' if jagged else 'one number'} an event"
        )
    if not jagged:
        return None, ak.to_numpy(array)
    return counts_and_flat(array)


def _typed(flat: NDArray[Any], source: BranchMap, column: Column, where: str) -> NDArray[Any]:
    """Check the type, and convert to the canonical one."""
    if flat.dtype.kind not in _KINDS[column.kind]:
        raise InputError(f"{where} holds {flat.dtype} values, but '{column.name}' must be {column.kind}")
    if source.equals is not None:
        return flat == source.equals
    return flat.astype(CANONICAL[column.kind])


def _out_of_range(values: NDArray[Any], source: BranchMap) -> NDArray[np.bool_] | None:
    """Say which values, in file units, are not in the range of the layout; None where all are."""
    low, high = source.range or (-np.inf, np.inf)
    if values.dtype == np.bool_ or (
        len(values)
        and low <= values.min()
        and values.max() <= high
        and np.isfinite(values.min() + values.max())
    ):
        return None  # NaN would make this false
    bad = ~np.isfinite(values)
    if source.nan:
        bad &= ~np.isnan(values)
    bad |= (values < low) | (values > high)
    return bad if bad.any() else None


def _asked(source: BranchMap, column: Column) -> str:
    allowed = f"numbers between {source.range[0]:g} and {source.range[1]:g}" if source.range else "finite"
    return f"{allowed}, as schema column '{column.name}' asks: the file is damaged, or the schema's unit or range is wrong"

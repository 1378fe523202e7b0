"""Draft of a schema for a file of unknown layout: what names and types tell, and a marked line for everything else."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from bdana.errors import InputError
from bdana.events.branch_names import BURST_NAMES, EVENT_NAMES, collections_of, match
from bdana.events.branches import describe
from bdana.events.columns import find_branches
from bdana.events.containers import open_root
from bdana.events.lists import counts_and_flat
from bdana.events.model import BURST_COLUMNS, COLLECTIONS, EVENT_COLUMNS
from bdana.events.remote_config import DEFAULTS, RemoteConfig
from bdana.events.schema import load_schema, shipped_schemas
from bdana.events.units import dimension, value_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from bdana.events.branch_names import Group
    from bdana.events.branches import Branch
    from bdana.events.containers import Container, RootFile
    from bdana.events.location import Location
    from bdana.events.model import Column
    from bdana.events.schema import BranchMap, Schema, Source

__all__ = ["NEEDED", "SchemaDraft", "draft_schema"]

NEEDED = "NEEDED"
"""Marks the lines of a draft that somebody has to fill in."""

_READ = 20_000
"""Entries of simulation whose values tell the units."""
_ALIKE = 0.7
"""Share of a shipped schema's required columns that a file must have to be taken for that layout."""
_CHOICES = {"energy": ("MeV", "GeV"), "length": ("mm", "cm", "m"), "angle": ("rad", "mrad"), "time": ("ns",)}
_WHOLE = {"run": "run number", "burst": "number of the burst (spill); without bursts write { value = 0 }",
          "event": "number of the event"}  # fmt: skip
_TRACKS = ("charge", "p", "x_before", "y_before", "z_before", "tx_before", "ty_before")
"""What every selection needs of tracks."""
_BURST = ("run", "burst", "pot", "live_time_s", "good")


@dataclass(frozen=True)
class SchemaDraft:
    """Draft of a schema.

    Attributes
    ----------
    text : str
        TOML that loads as a schema at once; what could not be guessed are commented lines with the word NEEDED.
    like : str or None
        Shipped schema whose layout the file has.
    mapped : tuple of str
        Columns that are mapped, `bursts.` in front of those of the burst table.
    needed : tuple of str
        Columns that somebody has to fill in.
    """

    text: str
    like: str | None
    mapped: tuple[str, ...]
    needed: tuple[str, ...]


class _Lines:
    """Lines of the draft, with a record of what is mapped and what is needed."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.mapped: list[str] = []
        self.needed: list[str] = []

    def add(self, *lines: str) -> None:
        self.lines += lines

    def column(self, name: str, entry: str, comment: str = "", *, path: str) -> None:
        self.mapped.append(path)
        self.lines.append(f"{name} = {entry}" + (f" # {comment}" if comment else ""))

    def need(self, name: str, entry: str, why: str, *, path: str) -> None:
        self.needed.append(path)
        self.lines.append(f"# {name} = {entry} # {NEEDED}: {why}")


def draft_schema(
    path: Location,
    name: str,
    may_read: Callable[[str], bool] | None = None,
    tree: str | None = None,
    remote: RemoteConfig = DEFAULTS,
) -> SchemaDraft:
    """Draft a schema for a file from the names, titles and types of its branches.

    Parameters
    ----------
    path : Path or str
    name : str
        Name of the schema.
    may_read : callable, optional
        Gets the text of a draft and says whether values of the file may be read to tell units apart, as of simulation;
        by default none is read.
    tree : str, optional
        Tree of the events; by default the one that looks most like it.
    remote : RemoteConfig, optional
        How long the server of a remote file is waited for.

    Raises
    ------
    InputError
        When the file cannot be read, or has no such tree or none at all.
    """
    root = open_root(path, remote)
    trees = root.trees
    if not trees or (tree is not None and tree not in trees):
        wanted = f"no tree '{tree}'" if tree else "no tree or RNTuple"
        raise InputError(f"{path}: {wanted}; trees in the file: {', '.join(trees) or 'none'}")
    like = _most_alike(root, tree)
    drafter = _Drafter(root, name, like, tree or (like[1] if like else None))
    draft = drafter.draft({})
    unknown = [column for column in draft.needed if column in drafter.without_unit]
    if unknown and may_read is not None and may_read(draft.text):
        return drafter.draft(drafter.units_of_values())
    return draft


def _most_alike(root: RootFile, tree: str | None) -> tuple[Schema, str] | None:
    """Return the shipped schema, and its tree of events, of which the file has most required columns."""
    best, share = None, _ALIKE
    for known in map(load_schema, shipped_schemas()):
        if known.events.tree not in root.trees or tree not in {None, known.events.tree}:
            continue
        container = root.container(known.events.tree)
        required = [s for s in known.columns.values() if s.map.required and s.candidates]
        there = sum(find_branches(container, source) is not None for source in required) / len(required)
        if there >= share:
            best, share = (known, known.events.tree), there
    return best


class _Drafter:
    def __init__(self, root: RootFile, name: str, like: tuple[Schema, str] | None, tree: str | None) -> None:
        self.root, self.name = root, name
        self.like = like[0] if like else None
        described = {each: describe(root.container(each)) for each in root.trees}
        self.branches = {each: found for each, (found, _) in described.items()}
        self.tree = tree or max(root.trees, key=lambda each: _score_of_events(self.branches[each]))
        others = [each for each in root.trees if each != self.tree]
        known = self.like.bursts.tree if self.like and self.like.bursts else None
        self.burst_tree = (
            known if known in others else _burst_tree({each: self.branches[each] for each in others})
        )
        self.unread = described[self.tree][1]
        self.groups = collections_of(self.branches[self.tree])
        self.used: set[tuple[str, str | None]] = set()
        self.without_unit: dict[str, Branch] = {}

    def draft(self, units: Mapping[str, str]) -> SchemaDraft:
        """Return the draft, with the units of dimensions that values told."""
        out = _Lines()
        self.used = set()
        self._head(out)
        self._events(out, units)
        for collection in (*COLLECTIONS, "truth"):
            self._collection(out, collection, units)
        self._bursts(out)
        begun = {path for path, _ in self.used}
        left = [  # of records that are used in part, the other members
            f"{b.path}.{b.member}" if b.member and b.path in begun else b.path
            for b in self.branches[self.tree]
            if (b.path, b.member) not in self.used
        ]
        left = [*dict.fromkeys(left), *self.unread]
        if left:
            out.add("", f"# Branches of '{self.tree}' that are not used:", *_wrapped(left))
        text = "\n".join(out.lines) + "\n"
        return SchemaDraft(text, self.like.name if self.like else None, tuple(out.mapped), tuple(out.needed))

    def units_of_values(self) -> dict[str, str]:
        """Return the unit of each dimension that the values of tracks tell, where they leave no doubt."""
        container = self.root.container(self.tree)
        found: dict[str, str] = {}
        for column, branch in self.without_unit.items():
            kind = dimension(_model(column).unit)
            unit = _unit_of(column.rpartition(".")[2], _values(container, branch))
            if unit:
                found.setdefault(kind, unit)
        return found

    def _head(self, out: _Lines) -> None:
        like = self.like
        out.add(
            f"# Drafted from the names and types of {self.root.path}.",
            f"# Check every line: a name says little of what is in a branch. Lines with the word {NEEDED} could not be guessed:",
            "# fill them in and take the # in front away. docs/schemas.md explains every key, and",
            "# `bdana schema check FILE --schema THIS.toml` says what is still missing.",
        )
        if like:
            out.add(
                f"# The layout is that of the shipped schema '{like.name}', or near it; its lines are taken over."
            )
        out.add(f"name = {json.dumps(self.name)}")
        out.add(f"title = {json.dumps(like.title if like else f'tree {self.tree}')}")
        if like and like.detector:
            out.add(f'detector = "{like.detector}"')
        else:
            out.add('# detector = "..." # geometry of these files; without it that of the analysis')
        if like and like.absent:
            out.add(
                "",
                "[absent]",
                *(f"{json.dumps(key)} = {json.dumps(why)}" for key, why in like.absent.items()),
            )
        out.add("", "[triggers] # bits of the column `trigger`")
        if like:
            out.add(*(f"{key} = {bit}" for key, bit in like.triggers.items()))
        else:
            out.add('# H2 = ... # bit of the two-track trigger, for samples with trigger = "H2"')
            out.add("# Q1 = ... # bit of the one-track trigger")

    def _known(self, column: str) -> Source | None:
        """Return the source of a column of the events in the shipped schema, where the file has it."""
        source = self.like.columns.get(column) if self.like else None
        return source if source and self._readable(source, self.tree) else None

    def _readable(self, source: Source, tree: str) -> bool:
        """Tell whether a tree has the branches of a source, with numbers in them."""
        there = find_branches(self.root.container(tree), source)
        numbers = {branch.path for branch in self.branches[tree]}
        return not source.candidates or (there is not None and numbers.issuperset(there))

    def _events(self, out: _Lines, units: Mapping[str, str]) -> None:
        out.add("", "[events]", f"tree = {json.dumps(self.tree)}", "", "[events.columns]")
        named = match(self.branches[self.tree], EVENT_NAMES)
        for name in EVENT_NAMES:
            known = self._known(name)
            if known:
                self._copy(out, name, known, name)
            elif name in named:
                self._guess(out, name, named[name].path, named[name], name, units)
            elif name in _WHOLE:
                out.need(name, '{ branch = "..." }', _WHOLE[name], path=name)

    def _collection(self, out: _Lines, collection: str, units: Mapping[str, str]) -> None:
        fields = [column.field for column in EVENT_COLUMNS.values() if column.collection == collection]
        known = {field: source for field in fields if (source := self._known(f"{collection}.{field}"))}
        group = self.groups.get(collection)
        told = self.like is not None and collection in self.like.absent
        if not known and (told or not group) and collection != "tracks":
            return
        prefixes = self.like.collections[collection].prefix if known and self.like else ()
        prefix = prefixes if known else (group.prefix if group else "",)
        out.add("", f"[collections.{collection}]", f"prefix = {json.dumps(list(prefix))}")
        out.add("", f"[collections.{collection}.columns]")
        if group is None and not known:
            out.add(
                "# No list of tracks was found: bdana reads a list of numbers an event, a number for each track."
            )
        for field in fields:
            path = f"{collection}.{field}"
            if field in known:
                self._copy(out, field, known[field], path)
            else:
                self._field(out, field, path, group if not known else None, units)

    def _field(
        self, out: _Lines, field: str, path: str, group: Group | None, units: Mapping[str, str]
    ) -> None:
        branches = group.fields if group else {}
        start = len(group.prefix) if group else 0
        axes = {"p": ("px", "py", "pz"), "tx_before": ("px", "pz"), "ty_before": ("py", "pz")}.get(field, ())
        if field in branches:
            self._guess(out, field, branches[field].path[start:], branches[field], path, units)
        elif axes and all(axis in branches for axis in axes):
            self._combined(out, field, path, [branches[axis] for axis in axes], start, units)
        elif path == "tracks.z_before":
            out.need(
                field, '{ value = ..., unit = "mm" }', "z of the plane in which x and y are given", path=path
            )
        elif path == "tracks.z_after" and "x_after" in branches:
            out.need(
                field,
                '{ value = ..., unit = "mm" }',
                "z of the plane of x and y behind the magnet",
                path=path,
            )
        elif path.startswith("tracks.") and field in _TRACKS:
            unit = ', unit = "..."' if EVENT_COLUMNS[path].unit else ""
            out.need(field, f'{{ branch = "..."{unit} }}', EVENT_COLUMNS[path].meaning, path=path)

    def _combined(
        self, out: _Lines, field: str, path: str, parts: list[Branch], start: int, units: Mapping[str, str]
    ) -> None:
        """Write the line of a column that is made of the components of the momentum."""
        names = json.dumps([branch.path[start:] for branch in parts])
        if any(branch.member for branch in parts):
            names += f", member = {json.dumps([branch.member for branch in parts])}"
        self.used |= {(branch.path, branch.member) for branch in parts}
        if field != "p":
            out.column(field, f'{{ ratio = {names}, unit = "rad", range = {_limits(-1e6, 1e6)} }}', path=path)
            return
        unit = parts[0].unit if _fits(parts[0].unit, "energy") else units.get("energy", "")
        if unit:
            largest = _range(EVENT_COLUMNS[path], unit)[1]  # of each component, which has a sign
            limits = _limits(-largest, largest)
            out.column(field, f'{{ norm = {names}, unit = "{unit}", range = {limits} }}', path=path)
        else:
            self.without_unit[path] = parts[-1]
            out.need(field, f'{{ norm = {names}, unit = "..." }}', _asked("energy"), path=path)

    def _guess(
        self, out: _Lines, name: str, shown: str, branch: Branch, path: str, units: Mapping[str, str]
    ) -> None:
        """Write the line of a column that a branch seems to hold."""
        column = _model(path)
        self.used.add((branch.path, branch.member))
        member = f", member = {json.dumps(branch.member)}" if branch.member else ""
        start = f"{{ branch = {json.dumps(shown)}{member}"
        if column.kind != "float" and branch.kind == "float":
            note = "whole numbers, stored as floating-point numbers"
        else:
            note = ""
        kind = dimension(column.unit)
        nan = ", nan = true" if column.name == "tracks.chi2" else ""
        if not kind:
            out.column(name, f"{start}, range = {_limits(*_range(column, ''))}{nan} }}", note, path=path)
            return
        unit = branch.unit if _fits(branch.unit, kind) else units.get(kind, "")
        if not unit and kind == "time" and branch.kind == "int":
            out.need(name, f"{start}, scale = ... }}", "the ns of one count", path=path)
            return
        if not unit and kind == "time":
            unit, note = "ns", "assumed to be ns"
        if unit:
            limits = _limits(*_range(column, unit))
            out.column(name, f"{start}, unit = {json.dumps(unit)}, range = {limits} }}", note, path=path)
        else:
            self.without_unit[path] = branch
            out.need(name, f'{start}, unit = "..." }}', _asked(kind), path=path)

    def _copy(self, out: _Lines, name: str, source: Source, path: str) -> None:
        container = self.root.container(
            self.burst_tree if path.startswith("bursts.") and self.burst_tree else self.tree
        )
        found = find_branches(container, source) or ()
        self.used |= set(zip(found, source.map.members(len(found)), strict=True))
        out.column(name, _entry(source.map), path=path)

    def _bursts(self, out: _Lines) -> None:
        known = self.like.burst_columns if self.like else {}
        if self.burst_tree is None:
            out.add(
                "", "# No tree of bursts was found: the exposure is unknown, and data need a good-run list."
            )
            out.add("# [bursts]", '# tree = "..."')
            return
        out.add("", "[bursts]", f"tree = {json.dumps(self.burst_tree)}", "", "[bursts.columns]")
        named = match(self.branches[self.burst_tree], BURST_NAMES)
        for name in BURST_NAMES:
            path, source = f"bursts.{name}", known.get(name)
            if source and self._readable(source, self.burst_tree):
                self._copy(out, name, source, path)
            elif name in named:
                self._burst_column(out, name, named[name])
            elif name in _BURST:
                out.need(name, '{ branch = "..." }', BURST_COLUMNS[name].meaning, path=path)

    def _burst_column(self, out: _Lines, name: str, branch: Branch) -> None:
        path, start = f"bursts.{name}", f"{{ branch = {json.dumps(branch.path)}"
        words = "".join(word for word, _ in branch.words)
        if name == "pot" and (power := re.search(r"e(\d+)$", words)):
            scale = 10.0 ** int(power[1])
            limits = _limits(0, _range(BURST_COLUMNS[name], "")[1] / scale)
            out.column(
                name, f"{start}, scale = {scale:g}, range = {limits} }}", "the name says so", path=path
            )
        elif name == "live_time_s":
            if _fits(branch.unit, "time"):
                limits = _limits(*_range(BURST_COLUMNS[name], branch.unit))
                out.column(name, f'{start}, unit = "{branch.unit}", range = {limits} }}', path=path)
            else:
                out.need(name, f'{start}, unit = "..." }}', "the unit: s or ms", path=path)
        elif name == "good" and not (branch.kind == "bool" and "good" in words):
            told = "good bursts" if "good" in words else "bursts that are not bad"
            entry = f"{start} }}" if "good" in words else f"{start}, equals = 0 }}"
            out.column(name, entry, f"check the number of {told}", path=path)
        elif name == "good":
            out.column(name, f"{start} }}", path=path)
        else:
            out.column(name, f"{start}, range = {_limits(*_range(BURST_COLUMNS[name], ''))} }}", path=path)


def _model(path: str) -> Column:
    return BURST_COLUMNS[path.removeprefix("bursts.")] if path.startswith("bursts.") else EVENT_COLUMNS[path]


def _score_of_events(branches: list[Branch]) -> tuple[int, int, int]:
    """Return how much a tree looks like that of the events."""
    groups = collections_of(branches)
    tracks = len(groups["tracks"].fields) if "tracks" in groups else 0
    return tracks, len(match(branches, EVENT_NAMES)), sum(branch.jagged for branch in branches)


def _burst_tree(trees: Mapping[str, list[Branch]]) -> str | None:
    """Return the tree that has bursts with their protons or live time."""
    found = {tree: match(branches, BURST_NAMES) for tree, branches in trees.items()}
    looks = {
        t: len(names)
        for t, names in found.items()
        if "burst" in names and {"pot", "live_time_s"} & set(names)
    }
    return max(looks, key=lambda tree: looks[tree]) if looks else None


def _fits(unit: str, kind: str) -> bool:
    return bool(unit) and dimension(unit) == kind


def _range(column: Column, unit: str) -> tuple[float, float]:
    """Return the range that bdana's own layout gives a column, in another unit."""
    own = load_schema("bdana")
    known = (
        own.burst_columns if column.name in BURST_COLUMNS and column.name not in own.columns else own.columns
    )
    source = known.get(column.name) or own.burst_columns[column.name]
    low, high = source.map.range or (0.0, 1.0)
    factor = value_of(source.map.unit) / value_of(unit) if unit else 1.0
    return low * factor, high * factor


def _limits(low: float, high: float) -> str:
    return f"[{_number(low)}, {_number(high)}]"


def _number(value: float) -> str:
    """Write a number as TOML, whole ones below a million without exponent."""
    value = float(f"{value:.6g}") if abs(value) < 2**53 and not float(value).is_integer() else value
    return f"{int(value):_}" if float(value).is_integer() and abs(value) < 2**53 else f"{value:g}"


def _asked(kind: str) -> str:
    return f"the unit: {' or '.join(_CHOICES[kind])}"


def _entry(known: BranchMap) -> str:
    """Write what a schema says of a column as an inline table."""
    parts = []
    for key, value in known.model_dump(exclude_defaults=True).items():
        if key == "range":
            parts.append(f"range = {_limits(*value)}")
        elif isinstance(value, (list, tuple)):
            names = list(value)
            parts.append(f"{key} = {json.dumps(names[0] if key == 'branch' and len(names) == 1 else names)}")
        elif isinstance(value, float):
            parts.append(f"{key} = {value!r}")
        else:
            parts.append(f"{key} = {json.dumps(value)}")
    return f"{{ {', '.join(parts)} }}"


def _wrapped(names: list[str]) -> list[str]:
    lines, line = [], "#  "
    for name in names:
        if len(line) + len(name) > 110 and line != "#  ":
            lines.append(line)
            line = "#  "
        line += f" {name},"
    return [*lines, line.rstrip(",")]


def _values(container: Container, branch: Branch) -> np.ndarray[Any, np.dtype[np.float64]]:
    try:
        array = container.arrays([branch.path], 0, min(container.entries, _READ))[branch.path]
    except Exception:  # noqa: BLE001 - uproot raises many kinds for damaged bytes: then values tell nothing
        return np.empty(0)
    array = array[branch.member] if branch.member else array
    flat = counts_and_flat(array)[1] if branch.jagged else np.asarray(array)
    numbers = np.abs(np.asarray(flat, dtype=np.float64))
    return numbers[np.isfinite(numbers)]


def _unit_of(field: str, sizes: np.ndarray[Any, np.dtype[np.float64]]) -> str:
    """Return the unit that the sizes of momenta, places or slopes leave no doubt of; empty when they leave one."""
    if len(sizes) < 10:
        return ""
    middle, large = np.quantile(sizes, [0.5, 0.95])
    if field == "p":  # tracks of some GeV
        return "MeV" if middle > 1e3 else "GeV" if 0.3 < middle < 500.0 else ""
    if field in {"x_before", "y_before"}:  # chambers of about a metre
        return "mm" if large > 300.0 else "cm" if 10.0 < large < 200.0 else "m" if 0.05 < large < 2.0 else ""
    if field in {"tx_before", "ty_before"}:  # angles of some mrad
        return "mrad" if large > 1.0 else "rad" if large < 0.3 else ""
    return ""

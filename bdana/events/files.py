"""Event files: a ROOT file read through a schema into canonical records."""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict, defaultdict
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from bdana.errors import BadFileError, ConfigError, InputError, MissingColumnError
from bdana.events.columns import find_branches, read_columns, why_no_branch
from bdana.events.containers import RootFile, open_root
from bdana.events.exposure import MEASURED, BurstTable, measured_column
from bdana.events.flat import FlatEvents
from bdana.events.model import BURST_COLUMNS, COLLECTIONS, EVENT_COLUMNS
from bdana.events.remote_config import DEFAULTS, RemoteConfig
from bdana.events.schema import (
    Schema,
    SchemaText,
    Source,
    load_schema,
    read_schema,
    shipped_schemas,
    unit_factor,
)
from bdana.events.source import EventSource
from bdana.on_demand import late_module

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import awkward as ak
    from numpy.typing import NDArray

    from bdana.events import remote as remote_files
    from bdana.events.containers import Container
    from bdana.events.gate import Gate
    from bdana.events.location import Location
    from bdana.events.ranges import OutOfRange
else:
    remote_files = late_module("bdana.events.remote")

__all__ = [
    "EventFile",
    "forget_files",
    "guess_schema",
    "open_draft",
    "open_events",
    "read_bursts",
    "read_flat_with_closed",
]

State: TypeAlias = tuple[int | str, ...]


class EventFile(EventSource):
    """A ROOT file and the schema it is read with; it holds what was read of the file, and no open file.

    Attributes
    ----------
    path : Path or str
        The file, or the address of a remote one.
    schema : Schema
        Its layout.
    entries : int
        Number of events.
    identity : tuple
        What tells the file from any other state of it: UUID, and size and times, or what the server of its address says.
    """

    def __init__(self, path: Location, schema: SchemaText, remote: RemoteConfig = DEFAULTS) -> None:
        self._schema_text = schema
        self._remote, self._state = remote, _state_of(path, remote)
        self.path = path
        self.file = None if isinstance(path, str) else path
        self.schema = schema.schema
        events = self._events
        self.entries = events.entries
        self._columns = _shared(
            frozenset(
                name
                for name, source in self.schema.columns.items()
                if not source.candidates or find_branches(events, source)
            )
        )
        self.identity = (str(path) if isinstance(path, str) else "", self._root.uuid, *self._state[:2])
        made = self._root.provenance
        self._simulated = made.get("program") == "bdana simulate" or made.get("simulated") is True

    def __reduce__(self) -> tuple[object, ...]:
        # Workers read with the schema of here, whatever its file says by then, and open no file before they read it.
        known = (self.path, self._remote, self._state, self.entries, self.identity)
        found = (self._columns, self._simulated)
        return _known_file, (self._schema_text, self.gate, *known, *found)  # guard: worker-has-the-gate

    @property
    def _root(self) -> RootFile:
        return _opened(self.path, self._remote, self._state)

    @property
    def _events(self) -> Container:
        return self._root.container(self.schema.events.tree)

    def sha256(self) -> str:
        """Return the SHA-256 of the file.

        Raises
        ------
        InputError
            When it cannot be read, or is not any more in the state that it had.
        """
        if self.file is not None:
            with self.file.open("rb") as opened:
                digest = hashlib.file_digest(opened, "sha256").hexdigest()
            now: State = _state_of(self.path, self._remote)
        else:
            there = remote_files.RemoteFile(str(self.path), self._remote)
            digest, now = there.sha256(), there.identity
        if now != self._state:
            raise BadFileError(f"{self.path}: was changed while it was read; start again")
        return digest

    @property
    def schema_text(self) -> str:
        """The schema as it is written."""
        return self._schema_text.text

    @property
    def simulated(self) -> bool:
        """Whether `bdana simulate` made the file, or what it was sealed or skimmed from; False where nothing says so."""
        return self._simulated

    def columns(self) -> set[str]:
        """Return the canonical columns that schema and file both have."""
        return set(self._columns)

    def stored_types(self) -> dict[str, np.dtype[Any]]:
        """Return the types in the file of the columns that it stores in canonical units, and therefore exactly."""
        types = {}
        for name, source in self.schema.columns.items():
            found = find_branches(self._events, source) if source.candidates else None
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
        """Raise an error unless the file has all of the given columns.

        Parameters
        ----------
        columns, selection
            As for `EventSource.require`.

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
        """Say in words why the file does not have a column.

        Parameters
        ----------
        column : str
        """
        source = self.schema.columns.get(column)
        return why_no_branch(self._events, source) if source else self.schema.why_absent(column)

    def clusters(self, columns: Iterable[str]) -> list[int]:
        """Return the entries at which a chunk may begin without reading a basket twice.

        Parameters
        ----------
        columns
            As for `EventSource.clusters`.
        """
        branches = self._branches(columns)
        try:
            return self._events.clusters(branches)
        except InputError:  # of a server
            raise
        except Exception as err:  # uproot raises many kinds for damaged bytes
            raise BadFileError(
                f"{self.path}: tree '{self._events.name}' is damaged ({err}); copy the file again"
            ) from err

    def _read(self, columns: Iterable[str], start: int, stop: int) -> tuple[ak.Array, list[OutOfRange]]:
        flat, found = self._read_flat(columns, start, stop)
        return flat.records(), found

    def _read_flat(
        self, columns: Iterable[str], start: int, stop: int
    ) -> tuple[FlatEvents, list[OutOfRange]]:
        wanted = set(columns)
        default_weight = "weight" in wanted and "weight" not in self.columns()
        if default_weight:
            wanted.remove("weight")
        sources = {name: self.schema.columns[name] for name in sorted(wanted)}
        read, found = read_columns(self.path, self._events, sources, EVENT_COLUMNS, start, stop)
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

        A number out of range in a burst that is marked bad becomes NaN. NaN in a good burst is an error only where the
        number is used.

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
            if not source.candidates or find_branches(container, source):
                sources[name] = source
            elif source.map.required:
                raise MissingColumnError(
                    f"{self.path}: the burst table needs '{name}': {why_no_branch(container, source)}"
                )
        values, found = read_columns(
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
        sources, events = (
            [self.schema.columns[name] for name in columns if name in self.schema.columns],
            self._events,
        )
        return {branch for source in sources for branch in find_branches(events, source) or ()}

    def _counts(
        self, name: str, members: Mapping[str, tuple[NDArray[Any] | None, NDArray[Any]]]
    ) -> NDArray[np.int64] | None:
        """Return the length of the lists of a collection; None for truth, one record an event."""
        lengths = [counts for counts, _ in members.values() if counts is not None]
        for counts in lengths[1:]:
            if counts is not lengths[0] and not np.array_equal(counts, lengths[0]):
                raise BadFileError(
                    f"{self.path}: the branches of '{name}' have different numbers of entries in one event: the file is damaged"
                )
        if not lengths and name in COLLECTIONS:
            raise InputError(
                f"{self.path}: all columns of '{name}' that are asked for are constants of schema '{self.schema.name}', so that "
                "nobody knows how many entries an event has; map one of them to a branch"
            )
        return lengths[0] if lengths else None


def open_events(path: Location, schema: str, remote: RemoteConfig = DEFAULTS) -> EventFile:
    """Open an event file; the handle is kept until file or schema changes, so that a worker opens each file once.

    Parameters
    ----------
    path : Path or str
        Text is the address of a remote file.
    schema : str
        As for `load_schema`.
    remote : RemoteConfig, optional
        How long the server of a remote file is waited for.

    Raises
    ------
    InputError
        When the file is absent, not ROOT, damaged, or lacks the tree of the schema.
    ConfigError
        When there is no such schema.
    """
    return EventFile(path, read_schema(schema), remote)


def _known_file(
    schema: SchemaText,
    gate: Gate | None,
    path: Location,
    remote: RemoteConfig,
    state: State,
    entries: int,
    identity: State,
    columns: frozenset[str],
    simulated: bool,
) -> EventFile:
    """Make an event file of what another process knows of it."""
    file = object.__new__(EventFile)
    file._schema_text, file.schema = schema, schema.schema
    file.path, file._remote, file._state = path, remote, state
    file.file = None if isinstance(path, str) else path
    file.entries, file.identity, file._columns, file._simulated = entries, identity, columns, simulated
    file.gate = gate
    return file


def open_draft(path: Location, text: str, remote: RemoteConfig = DEFAULTS) -> EventFile:
    """Open an event file with a schema that is not in a file yet.

    Parameters
    ----------
    path : Path or str
        Text is the address of a remote file.
    text : str
        TOML of the schema.
    remote
        As for `open_events`.

    Raises
    ------
    InputError
        As `open_events` does.
    ConfigError
        When the text is no schema.
    """
    return EventFile(path, SchemaText(Path("draft.toml"), text), remote)


def read_flat_with_closed(
    file: EventFile, columns: Iterable[str], start: int, stop: int
) -> tuple[FlatEvents, list[OutOfRange]]:
    """Read events of a file as `read_with_closed`, in flat columns: for the seal.

    Parameters
    ----------
    file : EventFile
    columns, start, stop
        As for `EventSource.read`.
    """
    return file._read_flat(columns, start, stop)


def read_bursts(path: Location, like: EventSource) -> BurstTable | None:
    """Return the burst table of a file whose events cannot be read; None when that cannot be read either.

    Parameters
    ----------
    path : Path or str
    like : EventSource
        A source of the same layout.
    """
    if not isinstance(like, EventFile):
        return None
    try:
        state = _state_of(path, like._remote)
        known = _known_file(like._schema_text, None, path, like._remote, state, 0, (), frozenset(), False)
        return known.bursts()
    except InputError:
        return None


def forget_files() -> None:
    """Drop the cached handles of all files: the next reading opens them again."""
    with _LOCK:
        _OPEN.clear()


OPEN_FILES = 64
"""Files that a process keeps open, those that were used last; an open one holds about 0.5 MB of what it says of its trees."""
_OPEN: OrderedDict[tuple[Location, RemoteConfig, State], RootFile] = OrderedDict()
_LOCK = threading.Lock()
_COLUMNS: dict[frozenset[str], frozenset[str]] = {}


def _state_of(path: Location, remote: RemoteConfig) -> State:
    """Return what changes when a file does: size, times and inode, or what a server tells; nothing for an absent file."""
    if isinstance(path, str):
        return remote_files.RemoteFile(path, remote).identity
    with suppress(OSError):  # what cannot be looked at is said when it is opened
        if path.is_file():
            state = path.stat()
            # A change within one tick of the clock leaves the time as it was, but mostly not the others.
            return (state.st_size, state.st_mtime_ns, state.st_ctime_ns, state.st_ino)
    return ()


def _opened(path: Location, remote: RemoteConfig, state: State) -> RootFile:
    """Return an open file, of those that are kept open or opened again.

    Raises
    ------
    InputError
        When it cannot be opened, or is not any more in the state that it had.
    """
    key = (path, remote, state)
    with _LOCK:
        if key in _OPEN:
            _OPEN.move_to_end(key)
            return _OPEN[key]
    root = open_root(path, remote)
    if (root.identity if isinstance(path, str) else _state_of(path, remote)) != state:
        where = " on the server" if isinstance(path, str) else ""
        raise BadFileError(f"{path}: was changed{where} while it was read; start again")
    with _LOCK:
        _OPEN[key] = root
        while len(_OPEN) > OPEN_FILES:
            _OPEN.popitem(last=False)
    return root


def _shared(columns: frozenset[str]) -> frozenset[str]:
    """Return equal sets as one object: files of a sample mostly have the same columns."""
    return _COLUMNS.setdefault(columns, columns)


def guess_schema(path: Location, remote: RemoteConfig = DEFAULTS) -> str:
    """Return the name of the one shipped schema whose required branches a file has.

    Parameters
    ----------
    path : Path or str
    remote
        As for `open_events`.

    Raises
    ------
    ConfigError
        When none or several match; the message lists what speaks against each.
    """
    root = _opened(path, remote, _state_of(path, remote))
    schemas = _shipped()
    of_schemas = {tree.tree for schema in schemas.values() for tree in (schema.events, schema.bursts) if tree}
    known = frozenset((name, root.container(name).paths) for name in of_schemas.intersection(root.trees))
    if known in _GUESSED:
        return _GUESSED[known]
    near = {
        name: _why_not(root, schema) for name, schema in schemas.items() if schema.events.tree in root.trees
    }
    matching = [name for name, verdict in near.items() if verdict is None]
    if len(matching) == 1:
        return _GUESSED.setdefault(known, matching[0])
    if matching:
        raise ConfigError(f"{path}: the schemas {', '.join(matching)} all match; choose one with --schema")
    reasons = "; ".join(f"{name} because {verdict}" for name, verdict in near.items())
    there = f"it is not {reasons}" if near else f"its trees are {', '.join(root.trees) or 'none'}"
    raise ConfigError(
        f"{path}: matches none of the schemas {', '.join(schemas)}: {there}; choose one with --schema, or draft one for this "
        f"layout: bdana schema init {path} mine.toml"
    )


@lru_cache(maxsize=1)
def _shipped() -> dict[str, Schema]:
    return {name: load_schema(name) for name in shipped_schemas()}


_GUESSED: dict[frozenset[tuple[str, frozenset[str]]], str] = {}
"""Schemas by the branches of the trees that matched them."""


def _why_not(root: RootFile, schema: Schema) -> str | None:
    for tree, columns in ((schema.events, schema.columns), (schema.bursts, schema.burst_columns)):
        if tree is None:
            continue
        if tree.tree not in root.trees:
            return f"there is no tree '{tree.tree}'"
        container = root.container(tree.tree)
        for source in columns.values():
            if source.map.required and source.candidates and not find_branches(container, source):
                return why_no_branch(container, source)
    return None

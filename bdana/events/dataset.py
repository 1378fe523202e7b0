"""Dataset: the files that are read as one sample, with burst table, trigger, weight and blinding."""

from __future__ import annotations

import logging
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias, cast, get_args

import awkward as ak
import numpy as np

from bdana.display import short_repr
from bdana.errors import BadFileError, BadFilesError, BlindingError, ConfigError, InputError
from bdana.events.arrays import EventArrays
from bdana.events.bad_files import bursts_without, left_out
from bdana.events.exposure import BurstTable, Exposure, burst_key
from bdana.events.file_names import expand, refuse_files_twice
from bdana.events.files import EventFile, guess_schema, open_events, read_bursts
from bdana.events.kinds import Kind, Trigger
from bdana.events.remote_config import DEFAULTS, RemoteConfig
from bdana.events.source import EventSource, read_with_closed
from bdana.events.together import read_together
from bdana.events.usage import reading

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from bdana.events.bad_files import BadFile
    from bdana.events.file_names import Files
    from bdana.events.gate import Gate
    from bdana.events.good_runs import GoodRuns
    from bdana.events.location import Location

__all__ = ["Batch", "Chunk", "Dataset", "require_countable"]

_log = logging.getLogger(__name__)

CHUNK_ENTRIES = 500_000
"""Entries that are read at once, at least, where there are as many."""
LARGEST_CHUNK = 2 * CHUNK_ENTRIES
"""Entries that are read at once, at most: of a larger cluster something is read twice."""
BASE_MEMORY = 400 * 10**6
"""Bytes of a process that has read nothing yet, assumed."""
EACH_COLUMN = 16
"""Bytes of a column in an event of two tracks."""
COPIES = 8
"""Bytes that work on a chunk takes at its peak, for each byte of its events, assumed."""
SHARING_FILES = 50
"""Small files that are read together, at most."""


@dataclass(frozen=True)
class Chunk:
    """A range of entries of one source of a dataset."""

    source: int
    start: int
    stop: int

    @property
    def entries(self) -> int:
        """Number of entries."""
        return self.stop - self.start


Batch: TypeAlias = tuple[Chunk, ...]
"""Chunks that are read together: one, or several small files of one layout, in their order."""


@dataclass(frozen=True)
class Dataset:
    """Files, or events in memory, that are read as one sample.

    Attributes
    ----------
    sources : tuple of EventSource
        Files, in the order given, or events in memory, each read through the gate.
    kind : {"data", "mc", "pseudo"}
        Data, simulation or pseudo-data.
    bursts : BurstTable or None
        The bursts of all sources; None when there is no burst table and no good-run list.
    all_bursts : bool
        Whether bursts that are not good are used too.
    listed_only : bool
        Whether the bursts are those of a good-run list, so that events of others are left out.
    trigger : {"any", "H2", "Q1"}
        Events of other triggers are left out at reading.
    weight : float
        Factor to every event weight.
    gate : Gate or None
        Blinding: which events are closed; None for simulation.
    unusual : tuple of str
        Columns of the burst table whose values are meant, as for `BurstTable.total`.
    bad_files : tuple of BadFile
        Files that cannot be read and were left out.
    allow_bad_files : bool
        Whether such files are left out; else they are an error.
    without : BurstTable or None
        Bursts that files left out had a part of: events of other files in them are left out too.
    shared_bursts : bool
        Whether a burst may be in several files.
    memory_limit : int or None
        Bytes that a process may take, about: larger chunks are cut.
    """

    sources: tuple[EventSource, ...]
    kind: Kind
    bursts: BurstTable | None
    all_bursts: bool
    listed_only: bool = False
    trigger: Trigger = "any"
    weight: float = 1.0
    gate: Gate | None = None
    unusual: tuple[str, ...] = ()
    bad_files: tuple[BadFile, ...] = ()
    allow_bad_files: bool = False
    without: BurstTable | None = None
    shared_bursts: bool = False
    memory_limit: int | None = None

    __repr__ = short_repr

    @classmethod
    def open(
        cls,
        files: Files,
        *,
        kind: str,
        schema: str | None = None,
        all_bursts: bool = False,
        good_runs: GoodRuns | None = None,
        trigger: Trigger = "any",
        weight: float = 1.0,
        gate: Gate | None,
        folder: Path | None = None,
        unusual: Sequence[str] = (),
        remote: RemoteConfig = DEFAULTS,
        allow_bad_files: bool = False,
        memory_limit: int | None = None,
    ) -> Dataset:
        """Open the files and join their burst tables; data and pseudo-data need a gate, which hides closed events.

        Parameters
        ----------
        files : str, Path or EventArrays, or a sequence of them
            As for `bdana.events.file_names.expand`.
        kind, all_bursts, trigger, weight, gate, unusual, allow_bad_files, memory_limit
            Attributes of the dataset.
        schema : str, optional
            As for `load_schema`; by default the shipped schema that matches each file.
        good_runs : GoodRuns, optional
            Bursts that are not listed are not good.
        folder : Path, optional
            What relative names of files are relative to; by default the current folder.
        remote : RemoteConfig, optional
            How long servers of remote files are waited for.

        Raises
        ------
        BlindingError
            For data and pseudo-data without a gate, or that the gate cannot judge.
        ConfigError
            When the kind is unknown, no schema fits, or there is no file.
        InputError
            When files are absent or damaged, with each of them; a file is given twice, burst tables disagree, or data have no
            exposure.
        """
        if kind not in get_args(Kind):  # guard: known-kind
            raise ConfigError(f"kind '{kind}' is unknown: choose {', '.join(get_args(Kind))}")
        if kind != "mc" and gate is None:  # guard: data-need-a-policy
            raise BlindingError(
                f"refused: these files are read as '{kind}', and the analysis has no blinding/policy.toml that says what "
                "stays closed; if they are simulation, say so with --kind mc"
            )
        opened = [_opened(file, schema, remote) for file in expand(files, folder, remote)]
        bad = {place: str(file.error) for place, file in enumerate(opened) if file.error}
        sources = tuple(file.source for file in opened if file.source)
        if bad and not (allow_bad_files and sources):
            raise BadFilesError(bad)
        refuse_files_twice(sources, kind)
        if gate is not None:
            for source in sources:
                _check_kind(source, kind, gate)
            if kind == "pseudo":  # never sealed: closed events are dropped
                gate = replace(gate, admission=None)
        bursts, shared = _joined_bursts(opened)
        listed_only = bursts is None and good_runs is not None
        if good_runs is not None:
            bursts = good_runs.table() if bursts is None else good_runs.among(bursts)
        if bursts is None and kind != "mc":
            raise InputError(
                f"{sources[0].path}: data without a burst table have no exposure; give a good-run list with --good-runs"
            )
        if kind == "mc":
            gate = None
        dataset = cls(
            sources=tuple(source.behind(gate) for source in sources) if gate else sources,
            kind=cast("Kind", kind),
            bursts=bursts,
            all_bursts=all_bursts,
            listed_only=listed_only,
            trigger=trigger,
            weight=weight,
            gate=gate,
            unusual=tuple(unusual),
            allow_bad_files=allow_bad_files,
            shared_bursts=shared or listed_only,
            memory_limit=memory_limit,
        )
        like = sources[0]  # files of a sample mostly have one layout
        return dataset._leave_out(
            [
                (opened[place].name, reason, read_bursts(opened[place].name, like))
                for place, reason in bad.items()
            ]
        )

    def leave_out(self, bad: Mapping[int, str]) -> Dataset:
        """Return the dataset without files that cannot be read, and without all of the bursts that they have a part of.

        Parameters
        ----------
        bad : mapping of int to str
            What is wrong with a source, by its place in `sources`.

        Raises
        ------
        InputError
            When nobody can tell which bursts they are, or no file is left.
        """
        found = [
            (self.sources[place].path, reason, self.sources[place].bursts()) for place, reason in bad.items()
        ]
        kept = tuple(source for place, source in enumerate(self.sources) if place not in bad)
        if not kept:
            raise BadFilesError(bad)
        return replace(self, sources=kept)._leave_out(found)

    def leave_out_bursts(self, lost: BurstTable | None) -> Dataset:
        """Return the dataset without some bursts, which another sample of the same bursts had to leave out.

        Parameters
        ----------
        lost : BurstTable or None
        """
        if lost is None or self.bursts is None:
            return self
        without = lost if self.without is None else BurstTable.union([("", self.without), ("", lost)])
        return replace(
            self, bursts=bursts_without(self.bursts, [lost], ["the sample"], shared=False), without=without
        )

    def _leave_out(self, files: Sequence[tuple[Location, str, BurstTable | None]]) -> Dataset:
        if not files:
            return self
        names, tables = [str(name) for name, _, _ in files], [table for _, _, table in files]
        own = [(name, table) for name, table in zip(names, tables, strict=True) if table is not None]
        known = None if self.bursts is None else [("the other files", self.bursts), *own]
        # Bursts of a file that could not be opened are not among those of the others; a list of runs has them all.
        sample = self.bursts if self.listed_only or known is None else BurstTable.union(known)
        lost = [
            left_out(name, reason, table, sample, all_bursts=self.all_bursts) for name, reason, table in files
        ]
        without = [("files left out", self.without), *own] if self.without is not None else own
        return replace(
            self,
            bursts=bursts_without(self.bursts, tables, names, shared=self.shared_bursts),
            bad_files=(*self.bad_files, *lost),
            without=BurstTable.union(without) if without else None,
        )

    @property
    def files(self) -> tuple[str, ...]:
        """Names of the sources."""
        return tuple(str(source.path) for source in self.sources)

    @property
    def label(self) -> str:
        """What the events are, said wherever they are shown: data, simulation, or pseudo-data (simulated, read like data)."""
        if self.kind == "mc":
            return "simulation"
        simulated = self.kind == "pseudo" or any(source.simulated for source in self.sources)
        return "pseudo-data" if simulated else "data"

    @property
    def schemas(self) -> tuple[str, ...]:
        """Names of the schemas the sources are read with."""
        return tuple(source.schema.name for source in self.sources)

    @property
    def closed(self) -> tuple[str, ...]:
        """Names of the regions that are closed in these sources, most secret first."""
        return self.gate.names if self.gate else ()  # guard: closed-is-absent

    @property
    def sealed(self) -> bool:
        """Whether the sources are sealed data."""
        return self.gate is not None and self.gate.sealed

    @property
    def detectors(self) -> set[str]:
        """Names of the geometries that the schemas say their files were measured in."""
        return {source.schema.detector for source in self.sources if source.schema.detector}

    def require(self, columns: Mapping[str, str], selection: str) -> None:
        """Raise an error unless every source has the given columns.

        Parameters
        ----------
        columns, selection
            As for `EventSource.require`.

        Raises
        ------
        MissingColumnError
            Naming file, columns, branches and what needs them.
        """
        needed = {name: why for name, why in columns.items() if name != "weight"}  # 1 where the file has none
        if self.trigger != "any":
            needed |= {"trigger": f"trigger {self.trigger} of the sample"}
        for source in self.sources:
            source.require(needed, selection)

    def columns(self, needs: Mapping[str, str], optional: Iterable[str], selection: str) -> tuple[str, ...]:
        """Return the columns to read for a selection: what it needs, and what it takes where all sources have it.

        Parameters
        ----------
        needs : mapping of str to str
            Columns, and what needs each.
        optional : iterable of str
        selection : str
            Name of the selection, for the message.

        Raises
        ------
        MissingColumnError
            As `require`.
        """
        self.require(needs, selection)
        return (*needs, *filter(self.has, optional))

    def has(self, column: str) -> bool:
        """Tell whether every source has a column.

        Parameters
        ----------
        column : str
        """
        return all(column in source.columns() for source in self.sources)

    @property
    def exposure(self) -> Exposure | None:
        """Sum over the bursts that are used; None when there is no burst table."""
        return self.used_bursts.total(self.unusual) if self.used_bursts else None

    @property
    def used_bursts(self) -> BurstTable | None:
        """The bursts that are used: the good ones, or all."""
        if self.bursts is None or self.all_bursts:
            return self.bursts
        return self.bursts.take(self.bursts.good)

    def chunks(self, columns: Iterable[str]) -> list[Chunk]:
        """Cut the sources into chunks of whole clusters, at least 500 000 entries each; an empty source gives one.

        A cluster that is much larger is cut into parts.

        Parameters
        ----------
        columns : iterable of str
        """
        columns = set(columns)
        largest = self._largest_chunk(columns)
        least = min(CHUNK_ENTRIES, largest)
        chunks = []
        for index, source in enumerate(self.sources):
            start = 0
            # A small file is read at once, whatever its clusters: it need not be opened here.
            ends = [source.entries] if source.entries <= least else source.clusters(columns)[1:]
            for end in ends:
                if end - start >= least or end == ends[-1]:
                    parts = max(1, -(-(end - start) // largest))
                    cuts = [start + (end - start) * part // parts for part in range(parts + 1)]
                    chunks += [Chunk(index, low, high) for low, high in pairwise(cuts)]
                    start = end
        return chunks

    def _largest_chunk(self, columns: set[str]) -> int:
        """Return the entries that are read at once, at most; told by the columns alone, and by no event."""
        if self.memory_limit is None:
            return LARGEST_CHUNK
        each = COPIES * EACH_COLUMN * max(len(columns), 1)
        return int(np.clip((self.memory_limit - BASE_MEMORY) / each, 1000, LARGEST_CHUNK))

    def batches(self, columns: Iterable[str]) -> list[Batch]:
        """Return the chunks as `chunks` does, those of small neighbouring files of one layout together.

        Parameters
        ----------
        columns : iterable of str
        """
        columns = set(columns)
        least = min(CHUNK_ENTRIES, self._largest_chunk(columns))
        batches: list[list[Chunk]] = []
        for chunk in self.chunks(columns):
            before = batches[-1] if batches else []
            source = self.sources[chunk.source]
            if (
                before
                and isinstance(source, EventFile)  # arrays in memory may have other types
                and sum(part.entries for part in before) + chunk.entries <= least
                and len(before) < SHARING_FILES
                and self.sources[before[-1].source].schema is source.schema
            ):
                before.append(chunk)
            else:
                batches.append([chunk])
        return [tuple(batch) for batch in batches]

    def read(self, chunk: Chunk | Batch, columns: Iterable[str]) -> ak.Array:
        """Read the events of a chunk that are not closed, lie in bursts that are used, and fired the trigger.

        Parameters
        ----------
        chunk : Chunk or tuple of Chunk
            Several are read one after the other.
        columns : iterable of str
        """
        return self.read_counted(chunk, columns)[0]

    def read_counted(
        self, chunk: Chunk | Batch, columns: Iterable[str]
    ) -> tuple[ak.Array, dict[str, NDArray[np.float64]]]:
        """Read the events of a chunk as `read`, and return the weights of those that are left after each step too.

        Closed events are in no step, the first one included: no difference of two numbers tells of them.

        Parameters
        ----------
        chunk : Chunk or tuple of Chunk
        columns : iterable of str

        Returns
        -------
        ak.Array
            The events.
        dict of str to ndarray
            `read`, `good_bursts` (all that are used, with `all_bursts`) and `trigger`, in this order.

        Raises
        ------
        BadFilesError
            When files cannot be read, with every one of the chunk.
        """
        wanted = set(columns) | ({"trigger"} if self.trigger != "any" else set())
        batch = (chunk,) if isinstance(chunk, Chunk) else chunk
        if len(batch) > 1:
            files = [(self.sources[part.source], part.start, part.stop) for part in batch]
            with reading():
                together = read_together(files, wanted)
                if together is not None:
                    with suppress(InputError):  # said again below, with the file that it is of
                        return self._counted(batch[0], together, wanted)
        parts, bad = [], {}
        for part in batch:
            try:
                with reading():
                    parts.append(self._read_counted(part, wanted))
            except BadFileError as err:
                bad[part.source] = str(err)
        if bad:
            raise BadFilesError(bad)
        if len(parts) == 1:
            return parts[0]
        events = ak.concatenate([events for events, _ in parts])
        return events, {step: np.concatenate([left[step] for _, left in parts]) for step in parts[0][1]}

    def _read_counted(
        self, chunk: Chunk, columns: set[str]
    ) -> tuple[ak.Array, dict[str, NDArray[np.float64]]]:
        return self._counted(
            chunk, self.sources[chunk.source].read(columns, chunk.start, chunk.stop), columns
        )

    def _counted(
        self, chunk: Chunk, events: ak.Array, columns: set[str]
    ) -> tuple[ak.Array, dict[str, NDArray[np.float64]]]:
        source = self.sources[chunk.source]
        if self.without is not None:
            keys = burst_key(np.asarray(events.run), np.asarray(events.burst))
            events = events[~np.isin(keys, burst_key(self.without.run, self.without.burst))]
        used = np.ones(len(events), dtype=np.bool_)
        steps = {"read": used.copy()}
        if self.bursts is not None:
            listed_only = self.listed_only
            used &= self.bursts.used(events, source.path, all_bursts=self.all_bursts, listed_only=listed_only)
        steps["good_bursts"] = used.copy()
        if self.trigger != "any":
            used &= self.fired(chunk, events, self.trigger)
            if self.trigger == "Q1":
                used &= ~self.fired(chunk, events, "H2")
        if self.weight != 1.0 and "weight" in columns:
            events["weight"] = events.weight * self.weight
        weights = np.asarray(events.weight) if "weight" in columns else np.ones(len(events))
        left = {name: _taken(weights, mask) for name, mask in (steps | {"trigger": used}).items()}
        return events if used.all() else events[used], left

    def fired(self, chunk: Chunk | Batch, events: ak.Array, trigger: str) -> NDArray[np.bool_]:
        """Tell which events of a chunk fired a trigger.

        Parameters
        ----------
        chunk : Chunk or tuple of Chunk
        events : ak.Array
            With the column `trigger`.
        trigger : str
            A name in the schema's [triggers].

        Raises
        ------
        ConfigError
            When the schema does not say which bit it is.
        """
        source = self.sources[(chunk if isinstance(chunk, Chunk) else chunk[0]).source]  # one layout in all
        schema = source.schema
        if trigger not in schema.triggers:
            raise ConfigError(
                f"{source.path}: schema '{schema.name}' has no trigger {trigger}: add its bit to [triggers]"
            )
        return (np.asarray(events.trigger) >> schema.triggers[trigger] & 1).astype(np.bool_)


def _taken(weights: NDArray[np.float64], mask: NDArray[np.bool_]) -> NDArray[np.float64]:
    return weights if mask.all() else weights[mask]


@dataclass(frozen=True)
class _Opened:
    """One of the files given: what was opened and its burst table, or why not."""

    name: Location
    source: EventSource | None = None
    error: BadFileError | None = None
    bursts: BurstTable | None = None
    no_bursts: InputError | None = None


def _opened(file: Location | EventArrays, schema: str | None, remote: RemoteConfig) -> _Opened:
    try:
        source = (
            file
            if isinstance(file, EventArrays)
            else open_events(file, schema or guess_schema(file, remote), remote)
        )
    except BadFileError as err:
        return _Opened(file.path if isinstance(file, EventArrays) else file, error=err)
    try:
        return _Opened(source.path, source, bursts=source.bursts())
    except BadFileError as err:
        return _Opened(source.path, error=err)
    except InputError as err:  # said after what is wrong with the files themselves
        return _Opened(source.path, source, no_bursts=err)


def require_countable(source: EventSource, kind: str | None, gate: Gate | None) -> None:
    """Raise an error for a file that may hold closed events, of which not even counts and sums may be shown.

    Parameters
    ----------
    source : EventSource
    kind : {"data", "mc"} or None
        What it holds. None: a file with truth columns is simulation, others are data. As long as a policy has no people,
        files of another detector are none of its data.
    gate : Gate or None
        What is closed; None without a policy.

    Raises
    ------
    BlindingError
        For data that are not sealed, and simulation that is data by its runs or its hash.
    ConfigError
        When the kind is another one.
    """
    if kind not in {None, "data", "mc"}:
        raise ConfigError(f"kind '{kind}': entries and sums are shown of data and mc")
    known = kind or ("mc" if _has_truth(source) else "data")
    if kind is None and gate and not gate.sealed and source.schema.detector not in {None, gate.detector.name}:
        known = "mc"  # nothing of another detector is closed here
    if gate is not None and (gate.sealed or known == "mc"):
        _check_kind(source, known, gate)
    elif known == "data":  # guard: unsealed-is-not-counted
        raise BlindingError(
            f"refused: {source.path} is data that are not sealed, so closed events would be counted; if it is simulation, "
            "say so with --kind mc"
        )


def _has_truth(source: EventSource) -> bool:
    return any(column.startswith("truth.") for column in source.columns())


def _refuse_runs_of_data(source: EventSource, kind: str, gate: Gate) -> None:
    """Refuse a file without truth that has runs of the data."""
    if gate.data_runs and not _has_truth(source):
        runs = np.asarray(
            read_with_closed(source, ["run"], 0, source.entries)[0].run
        )  # guard: unchecked-runs
        if any(((first <= runs) & (runs <= last)).any() for first, last in gate.data_runs):
            raise BlindingError(  # guard: runs-of-data
                f"refused: {source.path} has runs of the data and no truth columns, so it is data and not {kind}; leave "
                f"out --kind {kind}"
            )


def _check_kind(source: EventSource, kind: str, gate: Gate) -> None:
    """Refuse data that the gate cannot judge; warn when files are simulation only by their declared kind."""
    path = source.file or Path("arrays in memory")
    remote = isinstance(source.path, str)
    named = gate.sealed or (kind != "data" and gate.admission is not None and gate.admission.has_manifests)
    if remote and named and (kind == "data" or not _has_truth(source)):  # guard: remote-is-not-compared
        beside = ", with NAME.manifest.json and NAME.manifest.json.sig beside it" if kind == "data" else ""
        raise BlindingError(
            f"refused: {source.path} is a remote file, which nobody can compare with the manifests of the data; copy it "
            f"here{beside} (curl -O, xrdcp)"
        )
    if gate.admission:
        gate.admission.check(path, kind)
    if kind != "data":
        _refuse_runs_of_data(source, kind, gate)
    if kind == "mc":
        if not _has_truth(source):
            _log.warning("%s: has no truth columns; it is read as mc because it was named so", source.path)
        return
    missing = [column for column in gate.columns if column not in source.columns()]
    if missing:  # guard: columns-of-the-gate
        raise BlindingError(
            f"refused: {source.path} is read as '{kind}' but lacks {', '.join(missing)}, without which nobody can tell "
            "what is closed; if it is simulation, say so with --kind mc"
        )
    if source.schema.detector not in {None, gate.detector.name}:  # guard: geometry-of-the-policy
        raise BlindingError(
            f"refused: {source.path} is read as '{kind}' and was measured with the geometry {source.schema.detector}, but "
            f"blinding/policy.toml is for {gate.detector.name}; if it is simulation, say so with --kind mc"
        )


def _joined_bursts(opened: Sequence[_Opened]) -> tuple[BurstTable | None, bool]:
    """Return the bursts of all files that were opened, and whether one is in several of them."""
    for file in opened:
        if file.no_bursts:
            raise file.no_bursts
    there = [file for file in opened if file.source]
    known = [(file.name, file.bursts) for file in there if file.bursts is not None]
    if known and len(known) < len(there):
        without = next(file.name for file in there if file.bursts is None)
        raise InputError(
            f"{without}: has no burst table, other files have one: their exposure cannot be added"
        )
    union = BurstTable.union(known) if known else None
    return union, union is not None and len(union.run) < sum(len(table.run) for _, table in known)

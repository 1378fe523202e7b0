"""Dataset: the files that are read as one sample, with burst table, trigger, weight and blinding."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal, cast, get_args

import numpy as np

from bdana.display import short_repr
from bdana.errors import BlindingError, ConfigError, InputError
from bdana.events.arrays import EventArrays
from bdana.events.exposure import BurstTable, Exposure
from bdana.events.file_names import expand, refuse_files_twice
from bdana.events.files import guess_schema, open_events
from bdana.events.gate import GATE_COLUMNS, Gate
from bdana.events.servers import DEFAULTS, RemoteConfig
from bdana.events.source import EventSource, read_with_closed

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import awkward as ak
    from numpy.typing import NDArray

    from bdana.events.file_names import Files
    from bdana.events.good_runs import GoodRuns
    from bdana.events.location import Location

__all__ = ["Chunk", "Dataset", "Kind", "Trigger", "require_countable"]

_log = logging.getLogger(__name__)

Kind = Literal["data", "mc", "pseudo"]
Trigger = Literal["any", "H2", "Q1"]
"""H2: taken by the two-track trigger. Q1: taken by the downscaled one-track trigger and not by H2."""
CHUNK_ENTRIES = 100_000


@dataclass(frozen=True)
class Chunk:
    """A range of entries of one source of a dataset."""

    source: int
    start: int
    stop: int


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
    ) -> Dataset:
        """Open the files and join their burst tables; data and pseudo-data need a gate, which hides closed events.

        Parameters
        ----------
        files : str, Path or EventArrays, or a sequence of them
            As for `bdana.events.file_names.expand`.
        kind, all_bursts, trigger, weight, gate, unusual
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
            When a file is absent, damaged or given twice, burst tables disagree, or data have no exposure.
        """
        if kind not in get_args(Kind):  # guard: known-kind
            raise ConfigError(f"kind '{kind}' is unknown: choose {', '.join(get_args(Kind))}")
        if kind != "mc" and gate is None:  # guard: data-need-a-policy
            raise BlindingError(
                f"refused: these files are read as '{kind}', and the analysis has no blinding/policy.toml that says what "
                "stays closed; if they are simulation, say so with --kind mc"
            )
        sources = tuple(_open(file, schema, remote) for file in expand(files, folder, remote))
        refuse_files_twice(sources, kind)
        if gate is not None:
            for source in sources:
                _check_kind(source, kind, gate)
            if kind == "pseudo":  # never sealed: closed events are dropped
                gate = replace(gate, admission=None)
        bursts = _joined_bursts(sources)
        listed_only = bursts is None and good_runs is not None
        if good_runs is not None:
            bursts = good_runs.table() if bursts is None else good_runs.among(bursts)
        if bursts is None and kind != "mc":
            raise InputError(
                f"{sources[0].path}: data without a burst table have no exposure; give a good-run list with --good-runs"
            )
        if kind == "mc":
            gate = None
        return cls(
            sources=tuple(source.behind(gate) for source in sources) if gate else sources,
            kind=cast("Kind", kind),
            bursts=bursts,
            all_bursts=all_bursts,
            listed_only=listed_only,
            trigger=trigger,
            weight=weight,
            gate=gate,
            unusual=tuple(unusual),
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
        """Cut the sources into chunks of whole clusters, at least 100 000 entries each; an empty source gives one.

        Parameters
        ----------
        columns : iterable of str
        """
        chunks = []
        for index, source in enumerate(self.sources):
            start, *ends = source.clusters(columns)
            for end in ends or [start]:
                if end - start >= CHUNK_ENTRIES or end == (ends or [start])[-1]:
                    chunks.append(Chunk(index, start, end))
                    start = end
        return chunks

    def read(self, chunk: Chunk, columns: Iterable[str]) -> ak.Array:
        """Read the events of a chunk that are not closed, lie in bursts that are used, and fired the trigger.

        Parameters
        ----------
        chunk : Chunk
        columns : iterable of str
        """
        return self.read_counted(chunk, columns)[0]

    def read_counted(
        self, chunk: Chunk, columns: Iterable[str]
    ) -> tuple[ak.Array, dict[str, NDArray[np.float64]]]:
        """Read the events of a chunk as `read`, and return the weights of those that are left after each step too.

        Closed events are in no step, the first one included: no difference of two numbers tells of them.

        Parameters
        ----------
        chunk : Chunk
        columns : iterable of str

        Returns
        -------
        ak.Array
            The events.
        dict of str to ndarray
            `read`, `good_bursts` (all that are used, with `all_bursts`) and `trigger`, in this order.
        """
        source = self.sources[chunk.source]
        wanted = {*columns, "trigger"} if self.trigger != "any" else set(columns)
        events = source.read(wanted, chunk.start, chunk.stop)
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
        if self.weight != 1.0 and "weight" in wanted:
            events["weight"] = events.weight * self.weight
        weights = np.asarray(events.weight) if "weight" in wanted else np.ones(len(events))
        left = {name: weights[mask] for name, mask in (steps | {"trigger": used}).items()}
        return events if used.all() else events[used], left

    def fired(self, chunk: Chunk, events: ak.Array, trigger: str) -> NDArray[np.bool_]:
        """Tell which events of a chunk fired a trigger.

        Parameters
        ----------
        chunk : Chunk
        events : ak.Array
            With the column `trigger`.
        trigger : str
            A name in the schema's [triggers].

        Raises
        ------
        ConfigError
            When the schema does not say which bit it is.
        """
        schema = self.sources[chunk.source].schema
        if trigger not in schema.triggers:
            raise ConfigError(
                f"{self.sources[chunk.source].path}: schema '{schema.name}' has no trigger {trigger}: add its bit to [triggers]"
            )
        return (np.asarray(events.trigger) >> schema.triggers[trigger] & 1).astype(np.bool_)


def _open(file: Location | EventArrays, schema: str | None, remote: RemoteConfig) -> EventSource:
    if isinstance(file, EventArrays):
        return file
    return open_events(file, schema or guess_schema(file, remote), remote)


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
        raise BlindingError(
            f"refused: {source.path} is a remote file, which nobody can compare with the manifests of the data; copy it here"
        )
    if gate.admission:
        gate.admission.check(path, kind)
    if kind != "data":
        _refuse_runs_of_data(source, kind, gate)
    if kind == "mc":
        if not _has_truth(source):
            _log.warning("%s: has no truth columns; it is read as mc because it was named so", source.path)
        return
    missing = [column for column in GATE_COLUMNS if column not in source.columns()]
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


def _joined_bursts(sources: Sequence[EventSource]) -> BurstTable | None:
    tables = [(source.path, source.bursts()) for source in sources]
    known = [(path, table) for path, table in tables if table is not None]
    if known and len(known) < len(tables):
        without = next(path for path, table in tables if table is None)
        raise InputError(
            f"{without}: has no burst table, other files have one: their exposure cannot be added"
        )
    return BurstTable.union(known) if known else None

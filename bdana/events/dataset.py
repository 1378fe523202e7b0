"""A dataset: the files that are read as one sample, the bursts of them that are used, and the gate in front."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, cast, get_args

import numpy as np

from bdana.errors import BlindingError, ConfigError, InputError
from bdana.events.exposure import BurstTable, Exposure
from bdana.events.files import guess_schema, open_events
from bdana.events.gate import GATE_COLUMNS, Gate
from bdana.events.schema import load_schema

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    import awkward as ak

    from bdana.events.files import EventFile

__all__ = ["Chunk", "Dataset", "Kind"]

_log = logging.getLogger(__name__)

Kind = Literal["data", "mc", "pseudo"]
CHUNK_ENTRIES = 100_000


@dataclass(frozen=True)
class Chunk:
    """Entries start to stop of one file."""

    path: Path
    start: int
    stop: int


@dataclass(frozen=True)
class Dataset:
    """Files of one sample.

    Attributes
    ----------
    files : tuple of Path
        The ROOT files, in the order given.
    schemas : tuple of str
        The schema each is read with.
    kind : {"data", "mc", "pseudo"}
        What they hold.
    bursts : BurstTable or None
        The bursts of all files; None when the layout has no burst table.
    all_bursts : bool
        Whether bursts that are not good are used too.
    entries : int
        Number of events in the files.
    gate : Gate or None
        What is kept closed; None for simulation.
    """

    files: tuple[Path, ...]
    schemas: tuple[str, ...]
    kind: Kind
    bursts: BurstTable | None
    all_bursts: bool
    entries: int
    gate: Gate | None

    @classmethod
    def open(
        cls, files: Sequence[Path], *, kind: str, schema: str | None, all_bursts: bool, gate: Gate | None
    ) -> Dataset:
        """Open every file once and join the burst tables; data and pseudo-data are read through the gate.

        Raises
        ------
        BlindingError
            For data and pseudo-data without gate, or that lack what the gate must know.
        ConfigError
            When the kind is unknown, no schema fits, or there is no file.
        InputError
            When a file is absent, damaged or given twice, or burst tables disagree.
        """
        if kind not in get_args(Kind):
            raise ConfigError(f"kind '{kind}' is unknown: choose {', '.join(get_args(Kind))}")
        if kind != "mc" and gate is None:
            raise BlindingError(
                f"refused: these files are read as '{kind}', and the analysis has no blinding/policy.toml that says what "
                "stays closed; if they are simulation, say so with --kind mc"
            )
        if not files:
            raise ConfigError("no input file: name at least one ROOT file")
        resolved = [path.resolve() for path in files]
        for path in files:
            if resolved.count(path.resolve()) > 1:
                raise InputError(f"{path}: given twice; its events would count double")
        schemas = tuple(schema or guess_schema(path) for path in files)
        opened = [open_events(path, name) for path, name in zip(files, schemas, strict=True)]
        if gate is not None:
            for file in opened:
                _check_kind(file, kind, gate)
        tables = [(file.path, file.bursts()) for file in opened]
        known = [(path, table) for path, table in tables if table is not None]
        if known and len(known) < len(tables):
            without = next(path for path, table in tables if table is None)
            raise InputError(
                f"{without}: has no burst table, other files have one: their exposure cannot be added"
            )
        return cls(
            files=tuple(files),
            schemas=schemas,
            kind=cast("Kind", kind),
            bursts=BurstTable.union(known) if known else None,
            all_bursts=all_bursts,
            entries=sum(file.entries for file in opened),
            gate=gate if kind != "mc" else None,
        )

    def require(self, columns: Mapping[str, str], selection: str) -> None:
        """Refuse the dataset unless every file has the columns; values say what needs each.

        Raises
        ------
        MissingColumnError
            Naming file, column, branch and what needs it.
        """
        needed = {name: why for name, why in columns.items() if name != "weight"}  # 1 where the file has none
        for path, schema in zip(self.files, self.schemas, strict=True):
            open_events(path, schema).require(needed, selection)

    def has(self, column: str) -> bool:
        """Tell whether every file has a column."""
        return all(
            column in open_events(*file).columns() for file in zip(self.files, self.schemas, strict=True)
        )

    @property
    def detectors(self) -> set[str]:
        """Names of the geometries that the schemas say their files were measured in."""
        return {name for schema in self.schemas if (name := load_schema(schema).detector)}

    @property
    def exposure(self) -> Exposure | None:
        """Sum over the bursts that are used; None when the layout has no burst table."""
        if self.bursts is None:
            return None
        return (self.bursts if self.all_bursts else self.bursts.take(self.bursts.good)).exposure

    def chunks(self, columns: Iterable[str]) -> list[Chunk]:
        """Cut the files into chunks of whole clusters with at least 100 000 entries; one empty chunk for an empty file."""
        chunks = []
        for path, schema in zip(self.files, self.schemas, strict=True):
            start, *ends = open_events(path, schema).clusters(columns)
            for end in ends or [start]:
                if end - start >= CHUNK_ENTRIES or end == (ends or [start])[-1]:
                    chunks.append(Chunk(path, start, end))
                    start = end
        return chunks

    def read(self, chunk: Chunk, columns: Iterable[str]) -> ak.Array:
        """Read the events of a chunk that are not closed and lie in bursts that are used."""
        file = open_events(chunk.path, self.schemas[self.files.index(chunk.path)])
        if self.gate is None:
            events = file.read(columns, chunk.start, chunk.stop)
        else:
            events = file.read({*columns, *GATE_COLUMNS}, chunk.start, chunk.stop)
            events = self.gate.open_events(events)
        if self.bursts is None:
            return events
        used = self.bursts.used(events, chunk.path, all_bursts=self.all_bursts)
        return events if used.all() else events[used]


def _check_kind(file: EventFile, kind: str, gate: Gate) -> None:
    """Refuse data that the gate cannot judge; say when simulation is taken on trust."""
    if kind == "mc":
        if not any(column.startswith("truth.") for column in file.columns()):
            runs = np.asarray(file.read(["run"], 0, file.entries).run)
            if any(((first <= runs) & (runs <= last)).any() for first, last in gate.data_runs):
                raise BlindingError(
                    f"refused: {file.path} has runs of the data and no truth columns, so it is data and not mc; leave out "
                    "--kind mc"
                )
            _log.warning("%s: has no truth columns; it is read as mc because it was named so", file.path)
        return
    missing = [column for column in GATE_COLUMNS if column not in file.columns()]
    if missing:
        raise BlindingError(
            f"refused: {file.path} is read as '{kind}' but lacks {', '.join(missing)}, without which nobody can tell "
            "what is closed; if it is simulation, say so with --kind mc"
        )
    if file.schema.detector not in {None, gate.detector.name}:
        raise BlindingError(
            f"refused: {file.path} is read as '{kind}' and was measured with the geometry {file.schema.detector}, but "
            f"blinding/policy.toml is for {gate.detector.name}; if it is simulation, say so with --kind mc"
        )

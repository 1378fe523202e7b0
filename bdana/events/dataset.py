"""A dataset: the files that are read as one sample, the bursts of them that are used, and the gate in front."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

from bdana.errors import BlindingError, ConfigError, InputError
from bdana.events.exposure import BurstTable, Exposure
from bdana.events.files import guess_schema, open_events
from bdana.events.schema import load_schema

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    import awkward as ak

__all__ = ["Chunk", "Dataset", "Kind"]

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
    """

    files: tuple[Path, ...]
    schemas: tuple[str, ...]
    kind: Kind
    bursts: BurstTable | None
    all_bursts: bool
    entries: int

    @classmethod
    def open(cls, files: Sequence[Path], *, kind: str, schema: str | None, all_bursts: bool) -> Dataset:
        """Open every file once and join the burst tables.

        Raises
        ------
        BlindingError
            For data and pseudo-data: there is no gate yet that could keep their closed regions closed.
        ConfigError
            When the kind is unknown, no schema fits, or there is no file.
        InputError
            When a file is absent, damaged or given twice, or burst tables disagree.
        """
        if kind not in get_args(Kind):
            raise ConfigError(f"kind '{kind}' is unknown: choose {', '.join(get_args(Kind))}")
        if kind != "mc":
            raise BlindingError(
                f"refused: these files are read as '{kind}', and data cannot be opened until blinding gates them; "
                "if they are simulation, say so with --kind mc"
            )
        if not files:
            raise ConfigError("no input file: name at least one ROOT file")
        resolved = [path.resolve() for path in files]
        for path in files:
            if resolved.count(path.resolve()) > 1:
                raise InputError(f"{path}: given twice; its events would count double")
        schemas = tuple(schema or guess_schema(path) for path in files)
        opened = [open_events(path, name) for path, name in zip(files, schemas, strict=True)]
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
            kind="mc",
            bursts=BurstTable.union(known) if known else None,
            all_bursts=all_bursts,
            entries=sum(file.entries for file in opened),
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
        """Read the events of a chunk that lie in bursts that are used."""
        schema = self.schemas[self.files.index(chunk.path)]
        events = open_events(chunk.path, schema).read(columns, chunk.start, chunk.stop)
        if self.bursts is None:
            return events
        used = self.bursts.used(events, chunk.path, all_bursts=self.all_bursts)
        return events if used.all() else events[used]

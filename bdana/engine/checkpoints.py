"""Results of finished batches on disk, from which a run that was interrupted goes on.

A checkpoint is found under a hash of everything that its result depends on: the analysis (configuration, cuts and their
code), the code of bdana, what is closed, which bursts are used, and content and range of the files. It holds what a
selection keeps of open events, as numbers without Python objects; closed events were dropped before. Checkpoints of data
that were made while something else was closed are deleted.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import re
import zipfile
from dataclasses import asdict, fields
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

import numpy as np

from bdana.engine.batches import BatchTask, map_batches
from bdana.engine.code_version import code_version
from bdana.errors import ConfigError
from bdana.events import EventFile

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from bdana.engine.executors import Executor
    from bdana.events import Dataset, Gate
    from bdana.events.dataset import Batch
    from bdana.selection import Setup

__all__ = ["Checkpoints", "clear_checkpoints", "kept_batches"]

_log = logging.getLogger(__name__)

SIMULATION = "simulation"
_DATA = re.compile(r"data-[0-9a-f]{16}")
_FILE = re.compile(r"[0-9a-f]{64}\.npz(\.\d+\.part)?")
Result = TypeVar("Result")


class HasHash(Protocol):
    """Interface of an analysis, as far as checkpoints use it."""

    @property
    def hash(self) -> str:
        """Hash of configuration and code."""
        ...


class Checkpointed(Protocol[Result]):
    """Interface of a task, as far as checkpoints use it."""

    @property
    def analysis(self) -> HasHash:
        """The analysis."""
        ...

    @property
    def setup(self) -> Setup:
        """Detector, beam line and regions."""
        ...

    @property
    def dataset(self) -> Dataset:
        """What is read."""
        ...

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns that are read."""
        ...

    @property
    def settings(self) -> Sequence[Any]:
        """What it does with them, as plain values."""
        ...

    def packed(self, result: Result, /) -> dict[str, NDArray[Any]]:
        """Return the result of a batch as arrays of numbers.

        Parameters
        ----------
        result : object
        """
        ...

    def unpacked(self, kept: Mapping[str, NDArray[Any]], /) -> Result:
        """Return the result of a batch that was packed.

        Parameters
        ----------
        kept : mapping of str to ndarray
        """
        ...


class CheckpointedTask(Checkpointed[Result], BatchTask[Result], Protocol[Result]):
    """Function of a batch whose results can be kept."""


def kept_batches(
    task: CheckpointedTask[Result], batches: Sequence[Batch], executor: Executor, folder: Path | None
) -> Iterator[Result | None]:
    """Yield task(batch) for each batch as `map_batches` does; kept from before where there is one, else made and kept.

    Parameters
    ----------
    task : callable
    batches : sequence of Batch
    executor : Executor
    folder : Path or None
        Of the checkpoints; None: nothing is kept.

    Raises
    ------
    BadFilesError
        Naming every file that cannot be read.
    """
    if folder is None:
        yield from map_batches(task, batches, executor)
        return
    kept = Checkpoints(folder, task)
    there = [kept.has(batch) for batch in batches]
    new = map_batches(task, [b for b, known in zip(batches, there, strict=True) if not known], executor)
    for batch, known in zip(batches, there, strict=True):
        found = kept.read(batch) if known else None
        if found is None:
            found = task(batch) if known else next(new)  # a damaged checkpoint is made again
            if found is not None:
                kept.write(batch, found)
        yield found
    yield from new  # of no batch any more: it raises what is wrong with files


class Checkpoints(Generic[Result]):
    """Checkpoints of one selection of a dataset.

    Parameters
    ----------
    folder : Path
        Where they are kept; it is made when it is not there.
    task : Checkpointed
        Such as a `SelectionTask`.

    Raises
    ------
    ConfigError
        When the folder cannot be made or written.
    """

    def __init__(self, folder: Path, task: Checkpointed[Result]) -> None:
        gate = task.dataset.gate
        self._folder = folder / (
            f"data-{_closed(gate)[:16]}" if gate else SIMULATION
        )  # guard: folder-of-the-gate
        self._writes = True
        self._key, self._task = _task_key(task), task
        self._sources = task.dataset.sources
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            if gate is not None:
                for other in _folders(folder):
                    if other not in {self._folder, folder / SIMULATION}:  # guard: other-gate-is-deleted
                        _empty(other)
        except OSError as err:
            raise ConfigError(
                f"{folder}: finished chunks cannot be kept there ({err.strerror}); name another folder with --resume"
            ) from None

    def path(self, batch: Batch) -> Path | None:
        """Return where the result of a batch is kept; None for events in memory, which nothing identifies.

        Parameters
        ----------
        batch : tuple of Chunk
        """
        parts = []
        for chunk in batch:
            source = self._sources[chunk.source]
            if not isinstance(source, EventFile):
                return None
            parts.append([*source.identity, source.schema_text, chunk.start, chunk.stop])
        return self._folder / f"{_digest([self._key, parts])}.npz"

    def has(self, batch: Batch) -> bool:
        """Tell whether a batch was finished.

        Parameters
        ----------
        batch : tuple of Chunk
        """
        path = self.path(batch)
        return path is not None and path.is_file()

    def read(self, batch: Batch) -> Result | None:
        """Return the result of a batch that was finished; None when it was not, or its file is damaged.

        Parameters
        ----------
        batch : tuple of Chunk
        """
        path = self.path(batch)
        if path is None or not path.is_file():
            return None
        try:
            with path.open("rb") as file, np.load(file, allow_pickle=False) as kept:
                return self._task.unpacked({name: kept[name] for name in kept.files})
        except (OSError, ValueError, KeyError, EOFError, TypeError, zipfile.BadZipFile):
            return None

    def write(self, batch: Batch, result: Result) -> None:
        """Keep the result of a batch; where that is not possible, say so once and go on without.

        Parameters
        ----------
        batch : tuple of Chunk
        result : object
        """
        path = self.path(batch)
        if path is None or not self._writes:
            return
        part = path.with_name(f"{path.name}.{os.getpid()}.part")
        try:
            with part.open("wb") as file:
                np.savez(file, allow_pickle=False, **self._task.packed(result))
            part.replace(path)
        except OSError as err:
            self._writes = False
            part.unlink(missing_ok=True)
            _log.warning(
                "%s: checkpoints cannot be written (%s): going on without, so what comes now is lost if the run is interrupted",
                self._folder.parent,
                err.strerror,
            )


def clear_checkpoints(folder: Path) -> None:
    """Delete all checkpoints in a folder, and nothing else.

    Parameters
    ----------
    folder : Path
    """
    for found in [*_folders(folder)]:
        _empty(found)
    if folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()


def _folders(folder: Path) -> Iterator[Path]:
    if folder.is_dir():
        yield from (
            path for path in folder.iterdir() if path.name == SIMULATION or _DATA.fullmatch(path.name)
        )


def _empty(folder: Path) -> None:
    for path in folder.iterdir():
        if _FILE.fullmatch(path.name):
            path.unlink(missing_ok=True)
    if not any(folder.iterdir()):
        folder.rmdir()


def _task_key(task: Checkpointed[Any]) -> str:
    """Return a hash of everything but the files that the result of a batch depends on."""
    data = task.dataset
    what_is_closed = _closed(data.gate) if data.gate else ""  # guard: key-has-the-gate
    return _digest(
        [
            task.analysis.hash,
            code_version(),
            list(task.settings),
            sorted(task.columns),
            task.setup.beam_line is None,
            [data.kind, data.trigger, data.weight, data.all_bursts, data.listed_only],
            what_is_closed,
            [_table(bursts) for bursts in (data.bursts, data.without)],
        ]
    )


def _closed(gate: Gate) -> str:
    """Return a hash of what a gate keeps closed."""
    return _digest(
        [
            [asdict(box) for box in gate.envelopes.boxes],
            [gate.max_dt, gate.max_chi2, gate.min_p, gate.sealed],
            [np.asarray(value).tolist() for value in vars(gate.beam_line).values()],
            gate.detector.model_dump(mode="json"),
            gate.clusters and gate.clusters.document,
        ]
    )


def _table(table: Any) -> str:
    if table is None:
        return ""
    digest = hashlib.sha256()
    for field in fields(table):
        digest.update(np.ascontiguousarray(getattr(table, field.name)).tobytes())
    return digest.hexdigest()


def _digest(content: Sequence[Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()

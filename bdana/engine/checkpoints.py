"""Results of finished batches on disk, from which a run that was interrupted goes on.

A checkpoint is found under a hash of everything that its result depends on: the analysis (configuration, cuts and their
code), the code of bdana, what is closed, which bursts are used, and content and range of the files. It holds what a
selection keeps of open events, as numbers without Python objects; closed events were dropped before.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from bdana.engine.batches import BatchTask, map_batches
from bdana.engine.checkpoint_folder import CheckpointFolder, what_is_closed
from bdana.engine.code_version import code_version
from bdana.engine.fingerprint import fingerprint
from bdana.events import EventFile

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from bdana.engine.executors import Executor
    from bdana.events import Dataset
    from bdana.events.dataset import Batch
    from bdana.selection import Setup

__all__ = ["Checkpoints", "kept_batches"]

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
        self.folder = CheckpointFolder(folder, task.dataset.gate)
        self._key, self._task = _task_key(task), task
        self._sources = task.dataset.sources

    def key(self, batch: Batch) -> str | None:
        """Return the hash under which the result of a batch is kept; None for events in memory, which nothing identifies.

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
        return fingerprint(self._key, parts)

    def has(self, batch: Batch) -> bool:
        """Tell whether a batch was finished.

        Parameters
        ----------
        batch : tuple of Chunk
        """
        key = self.key(batch)
        return key is not None and self.folder.path(key).is_file()

    def read(self, batch: Batch) -> Result | None:
        """Return the result of a batch that was finished; None when it was not, or its file is damaged.

        Parameters
        ----------
        batch : tuple of Chunk
        """
        key = self.key(batch)
        found = None if key is None else self.folder.read(key)
        try:
            return None if found is None else self._task.unpacked(found)
        except (ValueError, KeyError, TypeError):
            return None

    def write(self, batch: Batch, result: Result) -> None:
        """Keep the result of a batch; where that is not possible, say so once and go on without.

        Parameters
        ----------
        batch : tuple of Chunk
        result : object
        """
        key = self.key(batch)
        if key is not None:
            self.folder.write(key, lambda: self._task.packed(result))


def _task_key(task: Checkpointed[Any]) -> str:
    """Return a hash of everything but the files that the result of a batch depends on."""
    data = task.dataset
    closed = what_is_closed(data.gate) if data.gate else ""  # guard: key-has-the-gate
    return fingerprint(
        task.analysis.hash,
        code_version(),
        task.settings,
        sorted(task.columns),
        task.setup.beam_line is None,
        [data.kind, data.trigger, data.weight, data.all_bursts, data.listed_only],
        closed,
        data.bursts,
        data.without,
    )

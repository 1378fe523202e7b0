"""Accounting of long work: files, events, bytes by branch, time for reading and computing, protons used."""

from __future__ import annotations

import time
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from bdana.display import short_repr

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from bdana.events import Dataset
    from bdana.events.dataset import Batch
    from bdana.events.usage import Usage

__all__ = ["Accounting", "Step", "accounted", "accounting", "active_accounting", "exposures"]


@dataclass
class Step:
    """What one step of the work took, over all processes.

    Attributes
    ----------
    files : set of str
        That were read.
    chunks : int
    events : int or None
        That were read; None behind a gate, where nobody may know their number.
    read_bytes : int
        Compressed.
    reading_s, computing_s : float
    """

    files: set[str] = field(default_factory=set)
    chunks: int = 0
    events: int | None = 0
    read_bytes: int = 0
    reading_s: float = 0.0
    computing_s: float = 0.0

    __repr__ = short_repr


class Accounting:
    """What the work in a block of `accounting` took.

    Attributes
    ----------
    steps : dict of str to Step
    branch_bytes : dict of str to int
        Compressed bytes that were read, by branch.
    watched : callable or None
        Called after each batch of chunks: a display.
    """

    def __init__(self) -> None:
        self.steps: dict[str, Step] = {}
        self.branch_bytes: dict[str, int] = {}
        self.watched: Callable[[], None] | None = None
        self.present = ""
        """Name of the present step."""
        self.files = (0, 0)
        """Files that it has come to, and in all."""
        self.chunks = (0, 0)
        """Batches of chunks that it has finished, and in all."""
        self._rounded = False
        self._begun = time.perf_counter()

    __repr__ = short_repr

    @property
    def read_bytes(self) -> int:
        """Compressed bytes of all steps."""
        return sum(step.read_bytes for step in self.steps.values())

    @property
    def wall_s(self) -> float:
        """Time since the beginning."""
        return time.perf_counter() - self._begun

    def add(
        self, what: str, usage: Usage, batch: Batch, dataset: Dataset | None, done: tuple[int, int] = (0, 0)
    ) -> None:
        """Add what the work on a batch took.

        Parameters
        ----------
        what : str
            Name of the step.
        usage : Usage
        batch : Batch
        dataset : Dataset or None
            What it is of.
        done : tuple of int
            Number of batches that are finished with this one, and in all.
        """
        self.present, self.chunks = what, done
        step = self.steps.setdefault(what, Step())
        step.chunks += len(batch)
        step.reading_s += usage.reading_s
        step.computing_s += usage.total_s - usage.reading_s
        step.read_bytes += sum(usage.branch_bytes.values())
        for name, number in usage.branch_bytes.items():
            self.branch_bytes[name] = self.branch_bytes.get(name, 0) + number
        if dataset is None or dataset.gate is not None:
            step.events = None
            self._rounded = True
        elif step.events is not None:
            step.events += sum(chunk.entries for chunk in batch)
        if dataset is not None:
            step.files |= {str(dataset.sources[chunk.source].path) for chunk in batch}
            self.files = 1 + max(chunk.source for chunk in batch), len(dataset.sources)
        if self.watched:
            self.watched()

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, for JSON.

        Behind a gate bytes are told to the megabyte: nobody may know the number of events.
        """

        def told(number: int) -> int:
            return round(number, -6) if self._rounded else number

        return {
            "wall_s": self.wall_s,
            "steps": {
                name: {
                    "files": len(step.files),
                    "chunks": step.chunks,
                    **({} if step.events is None else {"events": step.events}),
                    "bytes": told(step.read_bytes),
                    "reading_s": step.reading_s,
                    "computing_s": step.computing_s,
                }
                for name, step in self.steps.items()
            },
            "branch_bytes": {
                name: told(number)
                for name, number in sorted(self.branch_bytes.items(), key=lambda one: (-one[1], one[0]))
            },
        }


_ACTIVE: ContextVar[Accounting | None] = ContextVar("accounting", default=None)


@contextmanager
def accounting() -> Iterator[Accounting]:
    """Account for what is read and computed in the block, wherever an executor does it.

    Examples
    --------
    >>> import bdana
    >>> from bdana.engine.accounting import accounting
    >>> with accounting() as account:
    ...     pass  # analysis.select(files)
    >>> account.to_dict()["steps"]
    {}
    """
    found = Accounting()
    token = _ACTIVE.set(found)
    try:
        yield found
    finally:
        _ACTIVE.reset(token)


@contextmanager
def accounted(what: str) -> Iterator[Callable[[int, int], None]]:
    """Count the time of the block as computing; gives the function to call with the parts that are done, and all.

    Parameters
    ----------
    what : str
        Name of the step.
    """
    begun, active = time.perf_counter(), _ACTIVE.get()

    def come_to(done: int, total: int) -> None:
        if active is not None:
            active.present, active.chunks, active.files = what, (done, total), (0, 0)
            active.steps.setdefault(what, Step(events=None))
            if active.watched:
                active.watched()

    try:
        yield come_to
    finally:
        if active is not None:
            step = active.steps.setdefault(what, Step(events=None))
            step.computing_s += time.perf_counter() - begun


def active_accounting() -> Accounting | None:
    """Return the accounting of the block that this is in; None where nobody accounts."""
    return _ACTIVE.get()


def exposures(datasets: Mapping[str, Dataset]) -> dict[str, dict[str, Any]]:
    """Return the protons on target of the bursts that are used, against those of all bursts of the files asked for.

    Parameters
    ----------
    datasets : mapping of str to Dataset
        By what they are called; those without burst table are left out.
    """
    rows = {}
    for name, dataset in datasets.items():
        table, used = dataset.bursts, dataset.used_bursts
        if table is None or used is None:
            continue
        bad = dataset.bad_files
        rows[name] = {
            "pot_used": float(np.nansum(used.pot)),
            "pot_requested": float(np.nansum(table.pot)) + sum(one.pot or 0.0 for one in bad),
            "bursts_used": len(used.run),
            "bursts_requested": len(table.run) + sum(one.bursts or 0 for one in bad),
            **({"more_in_bad_files": True} if any(one.pot is None for one in bad) else {}),
        }
    return rows

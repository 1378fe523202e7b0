"""What reading takes: its time, and the compressed bytes of each branch."""

from __future__ import annotations

import time
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bdana.display import short_repr

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["Usage", "count_bytes", "is_metered", "metered", "reading"]


@dataclass
class Usage:
    """Time and bytes of some work.

    Attributes
    ----------
    reading_s, total_s : float
        Time in which events were read, and of all.
    branch_bytes : dict of str to int
        Compressed bytes of each branch as they are in the file.
    """

    reading_s: float = 0.0
    total_s: float = 0.0
    branch_bytes: dict[str, int] = field(default_factory=dict)

    __repr__ = short_repr

    def add_bytes(self, found: Mapping[str, int]) -> None:
        """Add bytes of branches.

        Parameters
        ----------
        found : mapping of str to int
        """
        for name, number in found.items():
            self.branch_bytes[name] = self.branch_bytes.get(name, 0) + number


_METER: ContextVar[Usage | None] = ContextVar("meter", default=None)


@contextmanager
def metered() -> Iterator[Usage]:
    """Measure what the block takes, in this process.

    Examples
    --------
    >>> from bdana.events.usage import count_bytes, metered, reading
    >>> with metered() as usage:
    ...     with reading():
    ...         count_bytes({"fRun": 120})
    >>> usage.branch_bytes, 0 <= usage.reading_s <= usage.total_s
    ({'fRun': 120}, True)
    """
    usage, begun = Usage(), time.perf_counter()
    token = _METER.set(usage)
    try:
        yield usage
    finally:
        _METER.reset(token)
        usage.total_s = time.perf_counter() - begun


@contextmanager
def reading() -> Iterator[None]:
    """Count the time of the block as reading, where somebody measures."""
    usage, begun = _METER.get(), time.perf_counter()
    try:
        yield
    finally:
        if usage is not None:
            usage.reading_s += time.perf_counter() - begun


def is_metered() -> bool:
    """Tell whether somebody measures."""
    return _METER.get() is not None


def count_bytes(found: Mapping[str, int]) -> None:
    """Count compressed bytes of branches that are read.

    Parameters
    ----------
    found : mapping of str to int
    """
    usage = _METER.get()
    if usage is not None:
        usage.add_bytes(found)

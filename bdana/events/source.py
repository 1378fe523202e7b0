"""Base class of the sources of events: files, and events in memory."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    import awkward as ak

    from bdana.events.exposure import BurstTable
    from bdana.events.gate import Gate
    from bdana.events.location import Location
    from bdana.events.ranges import OutOfRange
    from bdana.events.schema import Schema

__all__ = ["EventSource", "read_with_closed"]


class EventSource(ABC):
    """Events of one layout with their burst table, read by ranges of entries.

    Attributes
    ----------
    path : Path or str
        The file, the address of a remote one, or what messages call events in memory.
    file : Path or None
        The file; None for remote ones and events in memory.
    schema : Schema
        The layout.
    entries : int
        Number of events.
    gate : Gate or None
        Blinding: closed events are not read; None for what has none, and for a file that was opened by itself.
    """

    path: Location
    file: Path | None
    schema: Schema
    entries: int
    gate: Gate | None = None

    def behind(self, gate: Gate) -> Self:
        """Return this source as it is read through a gate.

        Parameters
        ----------
        gate : Gate
        """
        gated = object.__new__(type(self))  # not `copy`, which goes through the cache of opened files
        gated.__dict__ |= self.__dict__ | {"gate": gate}
        return gated

    @property
    def simulated(self) -> bool:
        """Whether it says that bdana simulated its events; False for what does not say how it was made."""
        return False

    @abstractmethod
    def columns(self) -> set[str]:
        """Return the canonical columns that can be read."""

    @abstractmethod
    def require(self, columns: Mapping[str, str], selection: str) -> None:
        """Raise an error unless the source has the columns that a selection needs.

        Parameters
        ----------
        columns : mapping of str to str
            Canonical names, and what needs each.
        selection : str
            Name of the selection, for the message.

        Raises
        ------
        MissingColumnError
            Naming every column that is missing and what needs it.
        """

    @abstractmethod
    def clusters(self, columns: Iterable[str]) -> list[int]:
        """Return the entries at which a chunk may begin without reading anything twice, and the number of entries.

        Parameters
        ----------
        columns : iterable of str
            What will be read.
        """

    def read(self, columns: Iterable[str], start: int, stop: int) -> ak.Array:
        """Read events that are not closed, whose values all lie in the ranges of the schema.

        Parameters
        ----------
        columns : iterable of str
            Canonical names; each must be in `columns()`. A `weight` that the source does not have is 1.
        start, stop : int
            Range of entries.

        Returns
        -------
        ak.Array
            Records of the event model in mm, ns, MeV.

        Raises
        ------
        InputError
            When bytes are damaged, a type is wrong, or a value is out of range.
        """
        if self.gate is None:
            events, found = self._read(columns, start, stop)
            for out_of_range in found:
                out_of_range.refuse()
            return events
        # Judged first: what is wrong in a closed event is not told.
        judged = self._read({*columns, *self.gate.columns}, start, stop)
        return self.gate.open_events(*judged)  # guard: checked-if-open

    @abstractmethod
    def _read(self, columns: Iterable[str], start: int, stop: int) -> tuple[ak.Array, list[OutOfRange]]:
        """Read all events, closed ones too, and report values out of range in place of raising an error."""

    @abstractmethod
    def bursts(self) -> BurstTable | None:
        """Return the burst table; None when there is none."""


def read_with_closed(
    source: EventSource, columns: Iterable[str], start: int, stop: int
) -> tuple[ak.Array, list[OutOfRange]]:
    """Read events as `EventSource.read`, closed ones too: for what decides which events are closed, before any is shown.

    Parameters
    ----------
    source : EventSource
    columns, start, stop
        As for `EventSource.read`.

    Returns
    -------
    ak.Array
        Records of the event model; a floating-point value out of range is NaN.
    list of OutOfRange
        What is out of range, one for each branch, in place of an error, which would tell of a value.
    """
    return source._read(columns, start, stop)

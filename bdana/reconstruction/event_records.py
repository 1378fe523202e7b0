"""Tracks or clusters of many events, one after the other: columns are gathered when they are asked for."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Self

import awkward as ak
import numpy as np

from bdana.display import short_repr
from bdana.errors import MissingColumnError
from bdana.reconstruction.read_only import ReadOnlyEvents, joined_lists, read_only, read_only_records

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from bdana.detector import Detector

__all__ = ["EventRecords"]


@dataclass(frozen=True)
class EventRecords:
    """N tracks, or clusters, and the events they belong to.

    Attributes
    ----------
    record : ak.Array, type N * record
        Their canonical fields (docs/events.md), in mm, ns, MeV.
    events : ak.Array
        The events of the chunk.
    index : ndarray of int, shape (N,)
        The place in `events` of the event of each.
    detector : Detector
        The geometry they were measured in.
    """

    collection: ClassVar[str]
    """The field of an event that holds them."""
    called: ClassVar[str]
    """What they are called in messages."""

    record: ak.Array
    events: ak.Array
    index: NDArray[np.int64]
    detector: Detector

    __repr__ = short_repr

    def __post_init__(self) -> None:
        object.__setattr__(self, "record", read_only_records(self.record))
        object.__setattr__(self, "events", read_only_records(self.events, ReadOnlyEvents))

    @classmethod
    def of_events(cls, events: ak.Array, detector: Detector) -> Self:
        """Take all of every event, in order.

        Parameters
        ----------
        events : ak.Array, type N * record
        detector : Detector
        """
        record, index = joined_lists(events[cls.collection])
        return cls(record, events, index, detector)

    def __len__(self) -> int:
        return len(self._taken_from[1]) if "_taken_from" in vars(self) else len(self.index)

    def take(self, where: NDArray[Any]) -> Self:
        """Return those at the given places (indices or mask).

        Parameters
        ----------
        where : ndarray
        """
        places = np.arange(len(self))[where]
        taken = object.__new__(type(self))  # `record` and `index` are gathered when asked for, as columns are
        sample, within = vars(self).get("_taken_from", (self, slice(None)))
        places = places if sample is self else within[places]
        vars(taken).update(events=self.events, detector=self.detector, _taken_from=(sample, places))
        return taken

    def __getattr__(self, name: str) -> Any:
        if name in {"record", "index"} and "_taken_from" in vars(self):
            sample, places = self._taken_from
            value = getattr(sample, name)[places]
            vars(self)[name] = read_only_records(value) if name == "record" else value
            return vars(self)[name]
        raise AttributeError(f"'{type(self).__name__}' object has no attribute '{name}'", name=name, obj=self)

    @cached_property
    def event(self) -> ak.Array:
        """The event of each, type N * record."""
        return read_only_records(self.events[self.index], ReadOnlyEvents)

    def column(self, name: str) -> NDArray[Any]:
        """Return a field of `record`, shape (N,).

        Parameters
        ----------
        name : str

        Raises
        ------
        MissingColumnError
            When there is no such field.
        """
        if not self.has(name):
            raise MissingColumnError(
                f"the {self.called} have no column '{name}': the schema does not map it, or the cut does not declare it with "
                f'"{self.collection}.{name}" in its decorator'
            )
        if name not in self._columns:
            self._columns[name] = read_only(self._gathered(name))
        return self._columns[name]

    def has(self, name: str) -> bool:
        """Tell whether there is a field of `record`.

        Parameters
        ----------
        name : str
        """
        if "_taken_from" in vars(self):
            return bool(self._taken_from[0].has(name))
        return name in self._fields or name in self._columns

    @cached_property
    def _fields(self) -> frozenset[str]:
        return frozenset(ak.fields(self.record))

    def _gathered(self, name: str) -> NDArray[Any]:
        if "_taken_from" in vars(self):
            sample, places = self._taken_from
            column: NDArray[Any] = sample.column(name)[places]
            return column
        return ak.to_numpy(self.record[name])

    @cached_property
    def _columns(self) -> dict[str, NDArray[Any]]:
        return {}

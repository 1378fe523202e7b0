"""Read-only events and arrays: what one cut sees, no other cut has changed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

import awkward as ak
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = [
    "ReadOnlyEvents",
    "ReadOnlyRecords",
    "joined_lists",
    "read_only",
    "read_only_events",
    "read_only_records",
]

Array = TypeVar("Array")


class ReadOnlyRecords(ak.Array):  # type: ignore[misc]
    """Awkward records whose fields cannot be set; what is computed of them is an array like any other."""

    def __setitem__(self, where: Any, what: Any) -> NoReturn:
        raise TypeError(f"events are read-only: '{where}' cannot be set")

    def __delitem__(self, where: Any) -> NoReturn:
        raise TypeError(f"events are read-only: '{where}' cannot be removed")


class ReadOnlyEvents(ReadOnlyRecords):
    """Events, whose plain numbers are NumPy arrays: awkward takes longer for each operation than these for the numbers."""

    def __getitem__(self, where: Any) -> Any:
        plain = _plain_field(self.layout, where) if isinstance(where, str) else None
        return super().__getitem__(where) if plain is None else plain


def _plain_field(layout: Any, name: str) -> NDArray[Any] | None:
    """Return a field of one number a record; None for what is no such field."""
    where: Any = slice(layout.length)
    if layout.is_indexed and not layout.is_option:
        where, layout = np.asarray(layout.index), layout.content
    if not layout.is_record or name not in layout.fields:
        return None
    content = layout.content(name)
    return read_only(content.data[where]) if content.is_numpy and content.data.ndim == 1 else None


def read_only_records(records: ak.Array, kind: type[ReadOnlyRecords] = ReadOnlyRecords) -> ak.Array:
    """Return the same records, without copy, as ones whose fields cannot be set.

    Parameters
    ----------
    records : ak.Array
    kind : type
        ReadOnlyEvents for events.
    """
    view = ak.Array(records)
    view.__class__ = kind  # awkward chooses the class of what it makes
    return view


def read_only_events(events: ak.Array) -> ak.Array:
    """Return the same events, without copy, as ones whose numbers cannot be written into through NumPy either.

    Parameters
    ----------
    events : ak.Array

    Examples
    --------
    >>> import awkward as ak, numpy as np
    >>> from bdana.reconstruction.read_only import read_only_events
    >>> events = read_only_events(ak.Array([{"weight": 1.0}]))
    >>> np.asarray(events.weight)[0] = 2.0
    Traceback (most recent call last):
    ValueError: assignment destination is read-only
    """
    return read_only_records(ak.Array(_protected(events.layout), behavior=events.behavior), ReadOnlyEvents)


def _protected(layout: Any) -> Any:
    if layout.is_numpy:
        return layout.copy(data=read_only(layout.data))
    if layout.is_record:
        return layout.copy(contents=[_protected(content) for content in layout.contents])
    return layout.copy(content=_protected(layout.content)) if hasattr(layout, "content") else layout


def joined_lists(lists: ak.Array) -> tuple[ak.Array, NDArray[np.int64]]:
    """Return the records of all lists one after the other, and the place of the list that each is of.

    Parameters
    ----------
    lists : ak.Array, type N * var * record
    """
    layout = lists.layout
    if isinstance(layout, ak.contents.ListOffsetArray):  # what awkward would do, but slower
        offsets = np.asarray(layout.offsets)
        counts, records = np.diff(offsets), ak.Array(layout.content[int(offsets[0]) : int(offsets[-1])])
    else:
        counts, records = ak.to_numpy(ak.num(lists, axis=1)), ak.flatten(lists, axis=1)
    return records, np.repeat(np.arange(len(counts)), counts)


def read_only(array: Array) -> Array:
    """Return a view of an array that cannot be written into.

    Parameters
    ----------
    array : ndarray
    """
    view: Any = np.asanyarray(array).view()
    view.flags.writeable = False
    return view

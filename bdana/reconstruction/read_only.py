"""Read-only events and arrays: what one cut sees, no other cut has changed."""

from __future__ import annotations

from typing import Any, NoReturn, TypeVar

import awkward as ak
import numpy as np

__all__ = ["ReadOnlyRecords", "read_only", "read_only_events", "read_only_records"]

Array = TypeVar("Array")


class ReadOnlyRecords(ak.Array):  # type: ignore[misc]
    """Awkward records whose fields cannot be set; what is computed of them is an array like any other."""

    def __setitem__(self, where: Any, what: Any) -> NoReturn:
        raise TypeError(f"events are read-only: '{where}' cannot be set")

    def __delitem__(self, where: Any) -> NoReturn:
        raise TypeError(f"events are read-only: '{where}' cannot be removed")


def read_only_records(records: ak.Array) -> ak.Array:
    """Return the same records, without copy, as ones whose fields cannot be set.

    Parameters
    ----------
    records : ak.Array
    """
    view = ak.Array(records)
    view.__class__ = ReadOnlyRecords  # awkward chooses the class of what it makes
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

    def protect(layout: Any, **_: Any) -> Any:
        if not layout.is_numpy:
            return None
        return ak.contents.NumpyArray(read_only(layout.data), parameters=layout.parameters)

    return read_only_records(ak.transform(protect, events) if len(ak.fields(events)) else events)


def read_only(array: Array) -> Array:
    """Return a view of an array that cannot be written into.

    Parameters
    ----------
    array : ndarray
    """
    view: Any = np.asanyarray(array).view()
    view.flags.writeable = False
    return view

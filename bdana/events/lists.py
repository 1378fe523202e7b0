"""Jagged arrays as counts and flat values: the buffers themselves, without a copy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import awkward as ak
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["counts_and_flat", "fit"]


def counts_and_flat(array: ak.Array) -> tuple[NDArray[np.int64], NDArray[Any]]:
    """Return the length of each list, shape (N,), and the numbers of all lists one after the other.

    Parameters
    ----------
    array : ak.Array, type N * var * number
    """
    layout = array.layout
    if isinstance(layout, ak.contents.ListOffsetArray) and isinstance(layout.content, ak.contents.NumpyArray):
        offsets, content = np.asarray(layout.offsets), np.asarray(layout.content.data)
        return _counts(layout.offsets), content[offsets[0] : offsets[-1]]
    return ak.to_numpy(ak.num(array, axis=1)), ak.to_numpy(ak.flatten(array, axis=1))


def fit(array: ak.Array, entries: int) -> bool:
    """Tell whether an array has the given number of entries, and no list reaches beyond the values.

    Parameters
    ----------
    array : ak.Array
    entries : int
    """
    layout = array.layout
    if isinstance(layout, ak.contents.ListOffsetArray) and isinstance(layout.content, ak.contents.NumpyArray):
        offsets = np.asarray(layout.offsets)
        ordered = offsets[0] >= 0 and bool((_counts(layout.offsets) >= 0).all())
        return ordered and len(offsets) == entries + 1 and offsets[-1] <= len(layout.content)
    return len(array) == entries and not ak.validity_error(array)


def _counts(offsets: ak.index.Index) -> NDArray[np.int64]:
    """Return the lengths of lists; those of the last array that was asked for are kept, as columns of a collection share it."""
    last = _last[0]
    if last is None or last[0] is not offsets:
        counts = np.diff(np.asarray(offsets)).astype(np.int64, copy=False)
        counts.flags.writeable = False
        _last[0] = last = (offsets, counts)
    return last[1]


_last: list[tuple[ak.index.Index, NDArray[np.int64]] | None] = [None]

"""Jagged arrays as counts and flat values: the buffers themselves, without a copy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple
from weakref import WeakKeyDictionary

import awkward as ak
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["counts_and_flat", "fit", "list_ends", "plain_numbers"]


def counts_and_flat(array: ak.Array) -> tuple[NDArray[np.int64], NDArray[Any]]:
    """Return the length of each list, shape (N,), and the numbers of all lists one after the other.

    Parameters
    ----------
    array : ak.Array, type N * var * number
    """
    layout = array.layout
    if isinstance(layout, ak.contents.ListOffsetArray) and isinstance(layout.content, ak.contents.NumpyArray):
        offsets, content = np.asarray(layout.offsets), np.asarray(layout.content.data)
        return _lengths(layout.offsets).counts, content[offsets[0] : offsets[-1]]
    return ak.to_numpy(ak.num(array, axis=1)), ak.to_numpy(ak.flatten(array, axis=1))


def plain_numbers(array: ak.Array) -> NDArray[Any]:
    """Return numbers, one an entry, as a NumPy array.

    Parameters
    ----------
    array : ak.Array, type N * number
    """
    layout = array.layout
    return np.asarray(layout.data if isinstance(layout, ak.contents.NumpyArray) else array)


def list_ends(array: ak.Array) -> NDArray[np.int64]:
    """Return where each list ends among the numbers of `counts_and_flat`, behind a 0, shape (N + 1,).

    Parameters
    ----------
    array : ak.Array, type N * var * number
    """
    layout = array.layout
    if isinstance(layout, ak.contents.ListOffsetArray):
        offsets: NDArray[np.int64] = np.asarray(layout.offsets)
        return offsets - offsets[0] if offsets[0] else offsets
    return np.concatenate([[0], np.cumsum(counts_and_flat(array)[0])])


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
        return (
            offsets[0] >= 0
            and _lengths(layout.offsets).valid
            and len(offsets) == entries + 1
            and offsets[-1] <= len(layout.content)
        )
    whole = isinstance(layout, ak.contents.NumpyArray) or not ak.validity_error(array)
    return len(array) == entries and whole


class _Lengths(NamedTuple):
    """Lengths of lists, read-only, and whether none is below 0."""

    counts: NDArray[np.int64]
    valid: bool


def _lengths(offsets: ak.index.Index) -> _Lengths:
    """Return the lengths of lists, which are kept as long as the offsets are: columns of a collection share these."""
    found = _known.get(offsets)
    if found is None:
        counts = np.diff(np.asarray(offsets)).astype(np.int64, copy=False)
        counts.flags.writeable = False
        found = _known[offsets] = _Lengths(counts, bool(counts.min(initial=0) >= 0))
    return found


_known: WeakKeyDictionary[ak.index.Index, _Lengths] = WeakKeyDictionary()

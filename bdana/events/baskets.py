"""Plain numbers and lists of numbers from the baskets of a local TTree: as uproot reads them, without its general machinery."""

from __future__ import annotations

import operator
import struct
from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import awkward as ak
import numpy as np

from bdana.events.stored_bytes import StoredBytes
from bdana.on_demand import late_module

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import uproot
    from numpy.typing import NDArray
else:
    uproot = late_module("uproot")

__all__ = ["baskets_between", "is_plain", "read_plain"]

_KEY, _BASKET = struct.Struct(">ihiIhh"), struct.Struct(">hiiiib")
"""What stands first and last in the key of a basket (ROOT, TKey and TBasket::Streamer)."""


def is_plain(branch: Any) -> bool:
    """Tell whether the baskets of a branch hold numbers, or lists of numbers without a header, and nothing else.

    Parameters
    ----------
    branch : uproot TBranch
    """
    found = branch.interpretation
    if isinstance(found, uproot.AsJagged):
        if found.header_bytes:
            return False
        found = found.content
    return type(found) is uproot.AsDtype and found.from_dtype.shape == () and found.from_dtype.kind in "biuf"


def baskets_between(entry_offsets: Sequence[int], start: int, stop: int) -> range:
    """Return the numbers of the baskets that hold entries start to stop.

    Parameters
    ----------
    entry_offsets : sequence of int
        First entry of each basket, and the number of entries.
    start, stop : int
    """
    first = max(bisect_right(entry_offsets, start) - 1, 0)
    return range(first, min(bisect_left(entry_offsets, stop), len(entry_offsets) - 1))


def read_plain(path: Path, branches: Mapping[str, Any], start: int, stop: int) -> dict[str, ak.Array]:
    """Read entries of branches that are plain, but those whose baskets do not say how long their lists are.

    Columns whose lists are equally long share one array of offsets.

    Parameters
    ----------
    path : Path
        The file that they are in.
    branches : mapping of str to uproot TBranch
    start, stop : int
        Range of entries.

    Raises
    ------
    ValueError
        When a basket does not hold what it should.
    """
    found: dict[str, ak.Array] = {}
    known = _Lists([])
    with StoredBytes(path) as file:
        for name, branch in branches.items():
            read = _read(file, branch, start, stop, known)
            if read is None:
                continue
            lists, values = read
            layout: Any = ak.contents.NumpyArray(values)
            if lists is not None:
                known = lists
                layout = ak.contents.ListOffsetArray(lists.offsets, layout)
            found[name] = ak.Array(layout)
    return found


@dataclass(frozen=True)
class _Basket:
    """A basket as it is in the file: its bytes after the key, which says how many they stand for, and which are values."""

    number: int
    entries: int
    inside: slice
    stored: memoryview
    key: int
    size: int
    last: int


class _Ends:
    """Where the lists of a basket begin, and where the last one ends, in numbers, and which of its entries are read."""

    def __init__(self, basket: _Basket, stored: NDArray[np.int32], itemsize: int) -> None:
        self.inside = basket.inside
        self.numbers = np.empty(basket.entries + 1, dtype=np.int32)
        np.subtract(stored, np.int32(basket.key), out=self.numbers[:-1])
        self.numbers[-1] = basket.last
        np.right_shift(self.numbers, itemsize.bit_length() - 1, out=self.numbers)
        self._stored = {(basket.key, itemsize): stored.copy()}

    def are(self, basket: _Basket, stored: NDArray[np.int32], itemsize: int) -> bool:
        """Tell whether a basket, whose places of lists in bytes are given as they are stored, has the same."""
        if self.inside != basket.inside or len(self.numbers) != basket.entries + 1:
            return False
        if int(self.numbers[-1]) * itemsize != basket.last:
            return False
        expected = self._stored.get((basket.key, itemsize))
        if expected is None:  # the places count from the key, whose length is that of the names in it
            expected = (self.numbers[:-1] * np.int32(itemsize) + np.int32(basket.key)).astype(stored.dtype)
            self._stored[basket.key, itemsize] = expected
        return np.array_equal(expected.view(np.int32), stored.view(np.int32))


class _Lists:
    """Where lists are in each basket, and in the numbers that are read of all of them."""

    def __init__(self, baskets: list[_Ends]) -> None:
        self.baskets = baskets
        parts = [each.numbers[each.inside.start : each.inside.stop + 1] for each in baskets]
        offsets = np.zeros(1 + sum(len(part) - 1 for part in parts), dtype=np.int64)
        filled = 0
        for part in parts:
            place = slice(filled + 1, filled + len(part))
            np.subtract(part[1:], part[0], out=offsets[place])
            offsets[place] += offsets[filled]
            filled += len(part) - 1
        self.offsets = ak.index.Index64(offsets)


def _read(
    file: StoredBytes, branch: Any, start: int, stop: int, known: _Lists
) -> tuple[_Lists | None, NDArray[Any]] | None:
    """Return the lists, those that are known where they are the same, None for numbers, and the values.

    None where a basket does not say how long its lists are.
    """
    jagged = isinstance(branch.interpretation, uproot.AsJagged)
    number = branch.interpretation.content if jagged else branch.interpretation
    itemsize = number.from_dtype.itemsize
    baskets = _baskets(file, branch, start, stop)
    values = np.empty(sum(basket.last // itemsize for basket in baskets), number.to_dtype)
    filled = 0
    lists: list[_Ends] = []
    for basket in baskets:
        whole = file.decompressed(basket.stored, basket.size)
        content = whole[: basket.last].view(number.from_dtype)
        if jagged:
            if basket.last == basket.size:
                return None
            lists.append(_ends(basket, whole[basket.last :].view(">i4"), itemsize, known, len(lists)))
            ends = lists[-1].numbers
            content = content[ends[basket.inside.start] : ends[basket.inside.stop]]
        elif len(content) != basket.entries:
            raise ValueError(
                f"basket {basket.number} has {len(content)} numbers for {basket.entries} entries"
            )
        else:
            content = content[basket.inside]
        values[filled : filled + len(content)] = content
        filled += len(content)
    if filled != len(values):  # some of a basket
        values = values[:filled].copy()
    if not jagged:
        return None, values
    same = len(lists) == len(known.baskets) and all(map(operator.is_, lists, known.baskets))
    return known if same else _Lists(lists), values


def _baskets(file: StoredBytes, branch: Any, start: int, stop: int) -> list[_Basket]:
    offsets, found = branch.entry_offsets, []
    written = branch.num_baskets - len(branch.embedded_baskets)
    for k in baskets_between(offsets, start, stop):
        first, last = offsets[k], offsets[k + 1]
        inside = slice(max(start, first) - first, min(stop, last) - first)
        if inside.start < inside.stop:
            stored = _stored(file, branch, k) if k < written else _embedded(branch.basket(k))
            found.append(_Basket(k, last - first, inside, *stored))
    return found


def _stored(file: StoredBytes, branch: Any, number: int) -> tuple[memoryview, int, int, int]:
    raw = file.read(int(branch.member("fBasketSeek")[number]), int(branch.member("fBasketBytes")[number]))
    length, _, size, _, key, _ = _KEY.unpack_from(raw)
    last = _BASKET.unpack_from(raw, key - _BASKET.size)[4] - key
    if not 0 <= last <= size:
        raise ValueError(f"basket {number} has {last} of {size} bytes of values")
    return memoryview(raw)[key:length], key, size, last


def _embedded(basket: Any) -> tuple[memoryview, int, int, int]:
    """Return a basket that is in the tree itself as those are that are written by themselves."""
    data = basket.data.tobytes()
    places = b""
    if basket.byte_offsets is not None:
        places = np.concatenate([[len(basket.byte_offsets)], basket.byte_offsets]).astype(">i4").tobytes()
    return memoryview(data + places), 0, len(data) + len(places), len(data)


def _ends(basket: _Basket, stored: NDArray[np.int32], itemsize: int, known: _Lists, place: int) -> _Ends:
    """Return the ends of the lists of a basket, of which the number of places is stored first, and any number last."""
    if len(stored) != basket.entries + 2:
        raise ValueError(f"{len(stored) - 2} lists for {basket.entries} entries")
    begins = stored[1:-1]
    if place < len(known.baskets) and known.baskets[place].are(basket, begins, itemsize):
        return known.baskets[place]
    return _Ends(basket, begins, itemsize)

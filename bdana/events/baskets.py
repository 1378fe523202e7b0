"""Plain numbers and lists of numbers from the baskets of a local TTree: as uproot reads them, without its general machinery."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import awkward as ak
import numpy as np

from bdana.events.stored_bytes import StoredBytes
from bdana.on_demand import late_module

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import uproot
    from numpy.typing import NDArray
else:
    uproot = late_module("uproot")

__all__ = ["is_plain", "read_plain"]

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
    known: list[_Lists] = []
    with StoredBytes(path) as file:
        for name, branch in branches.items():
            read = _read(file, branch, start, stop)
            if read is None:
                continue
            ends, values = read
            layout: Any = ak.contents.NumpyArray(values)
            if ends is not None:
                lists = next((lists for lists in known if lists.are(ends)), None) or _Lists.of(ends)
                known = [lists]
                layout = ak.contents.ListOffsetArray(lists.offsets, layout)
            found[name] = ak.Array(layout)
    return found


@dataclass(frozen=True)
class _Lists:
    """Where the lists of each basket begin and the last one ends, in numbers, and that of all baskets together."""

    ends: list[NDArray[np.int32]]
    offsets: ak.index.Index64

    @classmethod
    def of(cls, ends: list[NDArray[np.int32]]) -> _Lists:
        offsets = np.zeros(1 + sum(len(each) - 1 for each in ends), dtype=np.int64)
        filled = 0
        for each in ends:
            place = slice(filled + 1, filled + len(each))
            np.subtract(each[1:], each[0], out=offsets[place])
            offsets[place] += offsets[filled]
            filled += len(each) - 1
        return cls(ends, ak.index.Index64(offsets))

    def are(self, ends: list[NDArray[np.int32]]) -> bool:
        return len(ends) == len(self.ends) and all(map(np.array_equal, ends, self.ends))


def _read(
    file: StoredBytes, branch: Any, start: int, stop: int
) -> tuple[list[NDArray[np.int32]] | None, NDArray[Any]] | None:
    """Return the ends of the lists of each basket, None for numbers, and the values; None where no basket has lengths."""
    jagged = isinstance(branch.interpretation, uproot.AsJagged)
    number = branch.interpretation.content if jagged else branch.interpretation
    values, lists = [np.empty(0, number.to_dtype)], []
    for k, (first, last) in enumerate(pairwise(branch.entry_offsets)):
        inside = slice(max(start, first) - first, min(stop, last) - first)
        if first >= stop or last <= start or inside.start >= inside.stop:
            continue
        data, byte_offsets = _basket(file, branch, k)
        content = data.view(number.from_dtype)
        if jagged:
            if byte_offsets is None:
                return None
            ends = _ends(byte_offsets, number.from_dtype.itemsize, last - first)
            ends = ends[inside.start : inside.stop + 1]
            content = content[ends[0] : ends[-1]]
            lists.append(ends)
        elif len(content) != last - first:
            raise ValueError(f"basket {k} has {len(content)} numbers for {last - first} entries")
        else:
            content = content[inside]
        values.append(content.astype(number.to_dtype))
    flat = values[1] if len(values) == 2 else np.concatenate(values)
    return lists if jagged else None, flat


def _basket(
    file: StoredBytes, branch: Any, number: int
) -> tuple[NDArray[np.uint8], NDArray[np.int32] | None]:
    """Return the bytes of the values, until the next basket is read, and where each entry begins, None without lists."""
    if number >= branch.num_baskets - len(
        branch.embedded_baskets
    ):  # in the tree itself, not written as others are
        basket = branch.basket(number)
        return basket.data, basket.byte_offsets
    raw = file.read(int(branch.member("fBasketSeek")[number]), int(branch.member("fBasketBytes")[number]))
    length, _, size, _, key, _ = _KEY.unpack_from(raw)
    last = _BASKET.unpack_from(raw, key - _BASKET.size)[4] - key
    whole = file.decompressed(memoryview(raw)[key:length], size)
    if last == size:
        return whole, None
    byte_offsets = whole[last:].view(">i4")[1:].astype(np.int32)
    byte_offsets -= np.int32(key)
    byte_offsets[-1] = last
    return whole[:last], byte_offsets


def _ends(byte_offsets: NDArray[np.int32], size: int, entries: int) -> NDArray[np.int32]:
    """Return where the lists of a basket begin, and where the last one ends, in numbers."""
    if len(byte_offsets) != entries + 1:
        raise ValueError(f"{len(byte_offsets) - 1} lists for {entries} entries")
    return np.right_shift(byte_offsets, size.bit_length() - 1)

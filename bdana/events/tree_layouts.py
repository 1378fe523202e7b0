"""Trees whose description in the file has the bytes of one that was read before, but for numbers: only these are read.

Files of a sample mostly have the same branches. Reading the description of a tree takes longer than reading its events
where there are few; here all of its bytes are compared instead, and the numbers of entries and the places of the baskets
are taken from where they stood in the first one.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from bdana.events.baskets import is_plain

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

__all__ = ["LikeBranch", "TreeLayout", "known_layout", "remember_layout"]

MOST = 32
"""Layouts that are remembered."""
_TREE_NUMBERS = 5 * 8
"""Bytes of entries and sizes in a tree, of which the entries are first (ROOT, TTree::Streamer, version 20)."""
_AT_BASKET_SIZE, _AT_OFFSET_LENGTH, _AT_WRITE_BASKET, _FIRST_FIELDS = 4, 8, 12, 24
"""Where numbers are in the fields of a branch before its features, and the length of these (TBranch, version 13)."""
_AT_ENTRIES, _SECOND_FIELDS = 12, 44
"""The same behind its features: entries, first entry and sizes are last."""


@dataclass(frozen=True)
class _Place:
    """Where the numbers of a branch are."""

    offset_length: int
    write_basket: int
    entries: int
    baskets: int
    most: int
    has_offsets: bool
    interpretation: Any


@dataclass
class LikeBranch:
    """What is read of a branch: interpretation and places of its baskets, by the names that uproot gives them.

    Attributes
    ----------
    interpretation : uproot Interpretation
    entry_offsets : list of int
        First entry of each basket, and the number of entries.
    num_baskets : int
    embedded_baskets : tuple
        None: trees that have some are read by uproot.
    """

    interpretation: Any
    entry_offsets: list[int]
    num_baskets: int
    members: Mapping[str, NDArray[Any]]
    embedded_baskets: tuple[()] = ()

    def member(self, name: str) -> NDArray[Any]:
        """Return the places or the lengths of the baskets in the file.

        Parameters
        ----------
        name : {"fBasketSeek", "fBasketBytes"}
        """
        return self.members[name]


@dataclass
class TreeLayout:
    """Description of a tree that was read whole, and where in it the numbers are.

    Attributes
    ----------
    name : str
        Name of the tree.
    fixed : ndarray of uint8
        Its bytes, zero where numbers are.
    mask : ndarray of uint8
        Zero where numbers are.
    entries_at : int
        Where the number of entries is.
    paths, leaves : frozenset of str
        As for `Container`.
    places : dict of str to _Place
        Of the branches that are plain.
    """

    name: str
    fixed: NDArray[np.uint8]
    mask: NDArray[np.uint8]
    entries_at: int
    paths: frozenset[str]
    leaves: frozenset[str]
    places: dict[str, _Place] = field(default_factory=dict)

    def fits(self, data: NDArray[np.uint8]) -> bool:
        """Tell whether a tree differs from this one in numbers alone.

        Parameters
        ----------
        data : ndarray of uint8
            Its description in the file, decompressed.
        """
        return len(data) == len(self.fixed) and bool(np.array_equal(data & self.mask, self.fixed))

    def entries(self, data: NDArray[np.uint8]) -> int:
        """Return the number of entries of a tree that fits.

        Parameters
        ----------
        data : ndarray of uint8
        """
        return _number(data, self.entries_at, ">i8")

    def branch(self, data: NDArray[np.uint8], path: str) -> LikeBranch | None:
        """Return a branch of a tree that fits; None where it is not plain, or has more baskets than places.

        Parameters
        ----------
        data : ndarray of uint8
        path : str
        """
        place = self.places.get(path)
        if place is None or bool(_number(data, place.offset_length, ">i4")) != place.has_offsets:
            return None
        sizes, firsts, seeks = _basket_arrays(data, place.baskets, place.most)
        number = 0
        written = _number(data, place.write_basket, ">i4")
        while number < place.most and number != written and seeks[number] != 0:
            number += 1
        if number == place.most:
            return None
        offsets = firsts[: number + 1].tolist() if number else [0]
        entries = _number(data, place.entries, ">i8")
        if offsets[-1] != entries:
            raise ValueError(f"baskets of '{path}' have {offsets[-1]} of {entries} entries")
        members = {"fBasketSeek": seeks, "fBasketBytes": sizes}
        return LikeBranch(place.interpretation, offsets, number, members)


_known: list[TreeLayout] = []


def known_layout(name: str, data: NDArray[np.uint8]) -> TreeLayout | None:
    """Return the layout that a tree fits, of those that are remembered.

    Parameters
    ----------
    name : str
        Name of the tree.
    data : ndarray of uint8
        Its description in the file, decompressed.
    """
    return next((layout for layout in _known if layout.name == name and layout.fits(data)), None)


def remember_layout(tree: Any, data: NDArray[np.uint8]) -> None:
    """Remember the layout of a tree that uproot read; nothing where it has what is not known here.

    Parameters
    ----------
    tree : uproot TTree
    data : ndarray of uint8
        Its description in the file, decompressed.
    """
    layout = _layout(tree, data)
    if layout is not None:
        _known.insert(0, layout)
        del _known[MOST:]


def _layout(tree: Any, data: NDArray[np.uint8]) -> TreeLayout | None:
    if type(tree).__name__ != "Model_TTree_v20" or len(data) > 2**31:
        return None
    branches = dict(tree.iteritems(recursive=True, full_paths=True))
    mask = np.full(len(data), 255, dtype=np.uint8)
    entries_at = _end(tree.bases[-1])
    mask[entries_at : entries_at + _TREE_NUMBERS] = 0
    if _number(data, entries_at, ">i8") != tree.num_entries:
        return None
    places = {}
    for path, branch in branches.items():
        place = _place(branch, data, mask)
        if place is None:
            return None
        if not branch.branches and is_plain(branch):
            places[path] = place
    leaves = frozenset(path for path, branch in branches.items() if not branch.branches)
    return TreeLayout(tree.name, data & mask, mask, entries_at, frozenset(branches), leaves, places)


def _place(branch: Any, data: NDArray[np.uint8], mask: NDArray[np.uint8]) -> _Place | None:
    """Return where the numbers of a branch are, and mask them; None where they are not where they should be."""
    known = next(
        (part for part in (branch, *branch.bases) if type(part).__name__ == "Model_TBranch_v13"), None
    )
    if known is None or branch.embedded_baskets:
        return None
    first, second = _end(known.bases[-1]), _end(known.member("fIOFeatures"))
    baskets = known._cursor_baskets.index
    baskets += (_number(data, baskets, ">u4") & 0x3FFFFFFF) + 4
    most = int(known.member("fMaxBaskets"))
    place = _Place(
        first + _AT_OFFSET_LENGTH,
        first + _AT_WRITE_BASKET,
        second + _AT_ENTRIES,
        baskets,
        most,
        bool(known.member("fEntryOffsetLen")),
        branch.interpretation,
    )
    found = _basket_arrays(data, baskets, most)
    names = ("fBasketBytes", "fBasketEntry", "fBasketSeek")
    same = all(np.array_equal(array, known.member(name)) for array, name in zip(found, names, strict=True))
    numbers = {
        first + _AT_BASKET_SIZE: (">i4", "fBasketSize"),
        place.offset_length: (">i4", "fEntryOffsetLen"),
        place.write_basket: (">i4", "fWriteBasket"),
        place.entries: (">i8", "fEntries"),
    }
    if not same or any(_number(data, at, of) != known.member(name) for at, (of, name) in numbers.items()):
        return None
    for start, stop in (
        (first + _AT_BASKET_SIZE, first + _FIRST_FIELDS),
        (second + _AT_ENTRIES, second + _SECOND_FIELDS),
        *_array_bytes(baskets, most),
        *(
            (_end(leaf.bases[-1]), _end(leaf)) for leaf in known.member("fLeaves")
        ),  # smallest and largest value
    ):
        mask[start:stop] = 0
    return place


def _end(model: Any) -> int:
    return int(model.cursor.index + model.num_bytes)


def _number(data: NDArray[np.uint8], at: int, kind: str) -> int:
    return int(np.frombuffer(data, kind, 1, at)[0])


def _array_bytes(start: int, most: int) -> list[tuple[int, int]]:
    """Return where the three arrays of the baskets are: lengths, first entries and places, with a byte before each."""
    places = []
    for size in (4, 8, 8):
        places.append((start + 1, start + 1 + size * most))
        start = places[-1][1]
    return places


def _basket_arrays(data: NDArray[np.uint8], start: int, most: int) -> list[NDArray[Any]]:
    kinds = (">i4", ">i8", ">i8")
    places = _array_bytes(start, most)
    return [np.frombuffer(data, kind, most, at) for kind, (at, _) in zip(kinds, places, strict=True)]

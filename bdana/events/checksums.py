"""Checksums of the columns of ROOT files, which reveal bytes that changed on disk even where decompression succeeds.

A file of bdana's own layout keeps, for every tree and column, one XXH3 digest of each piece that was written; ROOT's RNTuple
keeps one of each page (RNTuple Reference Specifications 1.0, "Page Locations"), which uproot does not look at.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

import awkward as ak
import numpy as np
import xxhash

from bdana.display import short_repr
from bdana.events.lists import counts_and_flat, list_ends

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import NDArray

__all__ = ["OBJECT_NAME", "ColumnChecksums", "damaged_page_list", "damaged_pages"]

OBJECT_NAME = "checksums"
"""Name of the object of a ROOT file that holds the digests of its trees as JSON."""


@dataclass
class ColumnChecksums:
    """XXH3 checksums (digests) of the columns of one tree.

    Attributes
    ----------
    entries : list of int
        Where each piece begins, and the number of entries.
    digests : dict of str to list of str
        One digest a piece, by name of the branch.
    """

    entries: list[int] = field(default_factory=lambda: [0])
    digests: dict[str, list[str]] = field(default_factory=dict)

    __repr__ = short_repr

    def add(self, columns: Mapping[str, Any]) -> None:
        """Add the digests of one piece that was written; records are split into members, `name_member`.

        Parameters
        ----------
        columns : mapping of str to array
        """
        for name, column in columns.items():
            array = column if isinstance(column, ak.Array) else ak.Array(column)
            for branch, values in _branches(name, array):
                self.digests.setdefault(branch, []).append(_digest(values))
        self.entries.append(self.entries[-1] + len(array))

    def changed(self, columns: Mapping[str, ak.Array], start: int, stop: int) -> str | None:
        """Return the name of a column whose checksum is wrong, or None; pieces partly in the range are skipped.

        Parameters
        ----------
        columns : mapping of str to ak.Array
        start, stop : int
            Range of entries that the columns hold.
        """
        lists: _Lists | None = None
        for name, values in columns.items():
            digests = self.digests.get(name)
            if not digests:
                continue
            counts, flat = counts_and_flat(values) if values.ndim > 1 else (None, np.asarray(values))
            if counts is not None and (lists is None or lists.counts is not counts):
                lists = _Lists(counts, list_ends(values))
            for first, last, digest in zip(self.entries, self.entries[1:], digests, strict=False):
                if first < start or last > stop:
                    continue
                piece = slice(first - start, last - start)
                if counts is None or lists is None:
                    found = _added(xxhash.xxh3_64(), flat[piece])
                else:
                    found = _added(
                        lists.digest(piece), flat[lists.ends[piece.start] : lists.ends[piece.stop]]
                    )
                if found.hexdigest() != digest:
                    return name
        return None

    @classmethod
    def of_file(cls, text: str) -> dict[str, Self]:
        """Read the digests of the trees of a file, by name of the tree.

        Parameters
        ----------
        text : str
            The JSON in the object `checksums`.
        """
        return {tree: cls(kept["entries"], kept["digests"]) for tree, kept in json.loads(text).items()}


def _branches(name: str, array: ak.Array) -> Iterable[tuple[str, ak.Array]]:
    members = ak.fields(array)
    return [(f"{name}_{member}", array[member]) for member in members] if members else [(name, array)]


class _Lists:
    """Lengths of lists, which the columns of a collection share: they are digested once for all of them."""

    def __init__(self, counts: NDArray[np.int64], ends: NDArray[np.int64]) -> None:
        self.counts, self.ends = counts, ends
        self._digests: dict[int, xxhash.xxh3_64] = {}

    def digest(self, piece: slice) -> xxhash.xxh3_64:
        """Return the digest of the lengths in a piece, to which its values are added."""
        if piece.start not in self._digests:
            self._digests[piece.start] = _added(xxhash.xxh3_64(), self.counts[piece])
        return self._digests[piece.start].copy()


def _digest(values: ak.Array) -> str:
    counts, flat = counts_and_flat(values) if values.ndim > 1 else (None, np.asarray(values))
    begun = xxhash.xxh3_64() if counts is None else _added(xxhash.xxh3_64(), counts)
    return _added(begun, flat).hexdigest()


def _added(digest: xxhash.xxh3_64, numbers: NDArray[Any]) -> xxhash.xxh3_64:
    little = np.ascontiguousarray(numbers, dtype=numbers.dtype.newbyteorder("<"))
    digest.update(little.view(np.uint8).data)
    return digest


def damaged_page_list(ntuple: Any) -> bool:
    """Tell whether a list of pages of an RNTuple has a wrong checksum.

    Parameters
    ----------
    ntuple : uproot RNTuple
    """
    for group in ntuple.footer.cluster_group_records:
        link = group.page_list_link
        chunk, cursor = ntuple.read_locator(link.locator, link.env_uncomp_size)
        begin = cursor.index - chunk.start
        envelope = bytes(chunk.raw_data[begin : begin + link.env_uncomp_size])
        if xxhash.xxh3_64_digest(envelope[:-8])[::-1] != envelope[-8:]:
            return True
    return False


def damaged_pages(ntuple: Any, fields: Iterable[str], start: int, stop: int) -> str | None:
    """Return the name of a top-level field that has a page with a wrong checksum, or None.

    Parameters
    ----------
    ntuple : uproot RNTuple
    fields : iterable of str
    start, stop : int
        Range of entries; pages of clusters outside are not read.
    """
    tops: dict[str, list[int]] = {name: [] for name in fields}
    records = ntuple.field_records
    for column in ntuple.column_records:
        top = column.field_id
        while records[top].parent_field_id != top:
            top = records[top].parent_field_id
        if records[top].field_name in tops:
            tops[records[top].field_name].append(column.idx)
    for summary, cluster in zip(ntuple.cluster_summaries, ntuple.page_link_list, strict=True):
        if summary.num_first_entry >= stop or summary.num_first_entry + summary.num_entries <= start:
            continue
        for name, columns in tops.items():
            # A field that was added to the model later has no pages in the clusters before.
            there = [column for column in columns if column < len(cluster)]
            pages = (page for column in there for page in cluster[column].pages if page.has_checksum)
            if any(_damaged(ntuple, page.locator) for page in pages):
                return name
    return None


def _damaged(ntuple: Any, locator: Any) -> bool:
    # The digest follows the page, little-endian; xxh3_64_digest gives big-endian.
    chunk = ntuple.file.source.chunk(locator.offset, locator.offset + locator.num_bytes + 8)
    raw = bytes(chunk.raw_data)
    return xxhash.xxh3_64_digest(raw[:-8])[::-1] != raw[-8:]

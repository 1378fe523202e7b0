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
from bdana.events.lists import counts_and_flat

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

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
        for name, values in columns.items():
            digests = self.digests.get(name, [])
            for first, last, digest in zip(self.entries, self.entries[1:], digests, strict=False):
                inside = start <= first and last <= stop
                if not inside:
                    continue
                piece = values if (first, last) == (start, stop) else values[first - start : last - start]
                if _digest(piece) != digest:
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


def _digest(values: ak.Array) -> str:
    digest = xxhash.xxh3_64()
    flat = values
    if values.ndim > 1:
        counts, flat = counts_and_flat(values)
        digest.update(np.ascontiguousarray(counts, dtype="<i8").view(np.uint8).data)
    flat = np.asarray(flat)
    digest.update(np.ascontiguousarray(flat, dtype=flat.dtype.newbyteorder("<")).view(np.uint8).data)
    return digest.hexdigest()


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

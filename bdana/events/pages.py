"""Plain numbers and lists of numbers from the pages of a local RNTuple: as uproot reads them, without its general machinery.

After the RNTuple Binary Format Specification 1.0, sections "Column Types", "Page Locations" and "Cluster Summary".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import awkward as ak
import numpy as np
import xxhash

from bdana.events.stored_bytes import StoredBytes

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["PlainField", "decoded", "plain_fields", "read_plain_fields"]

_LEAF, _COLLECTION = 0, 1
"""Roles of a field that are read here."""
_LISTS = ("std::vector<", "ROOT::VecOps::RVec<")
"""Classes of a collection whose entries may be any number; of others, as `std::optional`, uproot knows more."""
_INDEX = {0x0E: "u4", 0x0F: "u8", 0x1A: "u4", 0x1B: "u8"}
"""Types of columns that say where lists end."""
_NUMBERS = {
    0x00: "?", 0x03: "i1", 0x04: "u1", 0x05: "i2", 0x06: "u2", 0x07: "i4", 0x08: "u4", 0x09: "i8", 0x0A: "u8", 0x0C: "f4",
    0x0D: "f8", 0x11: "i2", 0x12: "u2", 0x13: "i4", 0x14: "u4", 0x15: "i8", 0x16: "u8", 0x18: "f4", 0x19: "f8",
}  # fmt: skip
"""Types of columns of numbers."""
_BIT, _FIRST_SPLIT = 0x00, 0x11
_ZIGZAG, _DELTA = {0x11, 0x13, 0x15}, {0x1A, 0x1B}
_CHECKSUM = 8


@dataclass(frozen=True)
class PlainField:
    """A field of numbers, or of lists of numbers.

    Attributes
    ----------
    number : int
        The column of the numbers.
    index : int or None
        The column that says where lists end; None for one number an entry.
    """

    number: int
    index: int | None = None


@dataclass(frozen=True)
class _Lists:
    """Where lists are: the stored bytes that say it, offsets from the first number that is read, and its range in each cluster."""

    stored: tuple[tuple[int, bytes], ...]
    offsets: ak.index.Index64
    ranges: tuple[tuple[int, int], ...]


def plain_fields(ntuple: Any) -> dict[str, PlainField]:
    """Return the top-level fields that are numbers or lists of numbers, each in one column in all of the file.

    Parameters
    ----------
    ntuple : uproot RNTuple
    """
    fields = ntuple.field_records
    columns: dict[int, list[Any]] = {}
    for column in ntuple.column_records:
        columns.setdefault(column.field_id, []).append(column)
    children: dict[int, list[int]] = {}
    for place, field in enumerate(fields):
        if field.parent_field_id != place:
            children.setdefault(field.parent_field_id, []).append(place)

    def only_column(place: int, types: Mapping[int, str]) -> int | None:
        found = columns.get(place, [])
        if len(found) != 1 or fields[place].flags or found[0].flags or found[0].first_element_index:
            return None
        return int(found[0].idx) if found[0].type in types else None

    plain = {}
    for place, field in enumerate(fields):
        inside, index, leaf = children.get(place, []), None, place
        if field.struct_role == _COLLECTION and field.type_name.startswith(_LISTS) and len(inside) == 1:
            index, leaf = only_column(place, _INDEX), inside[0]
        number = only_column(leaf, _NUMBERS)
        if field.parent_field_id != place or number is None or fields[leaf].struct_role != _LEAF:
            continue
        if leaf == place or index is not None:
            plain[field.field_name] = PlainField(number, index)
    return plain


def read_plain_fields(
    ntuple: Any, path: Path, fields: Mapping[str, PlainField], start: int, stop: int
) -> dict[str, ak.Array]:
    """Read entries of plain fields, but those that have no pages of their own in one of the clusters.

    Lists whose lengths are stored as the same bytes share one array of offsets.

    Parameters
    ----------
    ntuple : uproot RNTuple
    path : Path
        Its file.
    fields : mapping of str to PlainField
    start, stop : int
        Range of entries.

    Raises
    ------
    ValueError
        When a checksum of a page is wrong, or a page does not hold what it should.
    """
    clusters, ranges = [], []
    for summary, pages in zip(ntuple.cluster_summaries, ntuple.page_link_list, strict=True):
        first, last = summary.num_first_entry, summary.num_first_entry + summary.num_entries
        if max(start, first) < min(stop, last):
            clusters.append(pages)
            ranges.append((max(start, first) - first, min(stop, last) - first))
    found: dict[str, ak.Array] = {}
    known: list[_Lists] = []
    with StoredBytes(path) as file:
        for name, field in fields.items():
            needed = [column for column in (field.number, field.index) if column is not None]
            if any(c >= len(pages) or pages[c].suppressed for pages in clusters for c in needed):
                continue
            types = {column: ntuple.column_records[column].type for column in needed}
            try:
                found[name] = _array(file, field, types, clusters, ranges, known)
            except ValueError as err:
                raise ValueError(f"'{name}': {err}") from err
    return found


def _array(
    file: StoredBytes,
    field: PlainField,
    types: Mapping[int, int],
    clusters: list[Any],
    ranges: list[tuple[int, int]],
    known: list[_Lists],
) -> ak.Array:
    inside = ranges
    lists = None
    if field.index is not None:
        lists = _lists(file, [c[field.index].pages for c in clusters], types[field.index], ranges, known)
        inside = list(lists.ranges)
    values = np.empty(sum(b - a for a, b in inside), _NUMBERS[types[field.number]])
    filled = 0
    for cluster, (first, last) in zip(clusters, inside, strict=True):
        for page, begin in _overlapping(cluster[field.number].pages, first, last):
            size = page.num_elements
            low, high = max(first - begin, 0), min(last - begin, size)
            content = decoded(file, _stored(file, page), size, types[field.number])
            values[filled : filled + high - low] = content[low:high]
            filled += high - low
    if filled != len(values):
        raise ValueError(f"{filled} of {len(values)} numbers are there")
    layout: Any = ak.contents.NumpyArray(values)
    return ak.Array(layout if lists is None else ak.contents.ListOffsetArray(lists.offsets, layout))


def _lists(
    file: StoredBytes, clusters: list[Any], kind: int, ranges: list[tuple[int, int]], known: list[_Lists]
) -> _Lists:
    parts = []
    for pages, (first, last) in zip(clusters, ranges, strict=True):
        # The entry before says where the first list begins.
        parts.append([(p, b, _stored(file, p)) for p, b in _overlapping(pages, max(first - 1, 0), last)])
    stored = tuple((page.num_elements, raw) for part in parts for page, _, raw in part)
    for lists in known:
        if lists.stored == stored:
            return lists
    offsets, spans = [np.zeros(1, dtype=np.int64)], []
    for part, (first, last) in zip(parts, ranges, strict=True):
        before = part[0][1] if part else 0
        ends = [decoded(file, raw, page.num_elements, kind) for page, _, raw in part]
        joined = np.concatenate([np.zeros(1), *ends], dtype=np.int64, casting="unsafe")
        chosen = joined[first - before : last - before + 1]
        if len(chosen) != last - first + 1 or chosen[0] < 0 or (np.diff(chosen) < 0).any():
            raise ValueError("its lists do not fit its entries")
        spans.append((int(chosen[0]), int(chosen[-1])))
        offsets.append(chosen[1:] - chosen[0] + offsets[-1][-1])
    made = _Lists(stored, ak.index.Index64(np.concatenate(offsets)), tuple(spans))
    known.append(made)
    return made


def _overlapping(pages: list[Any], first: int, last: int) -> Iterator[tuple[Any, int]]:
    """Yield the pages of a cluster with some of a range of its elements, each with the number of its first one."""
    begin = 0
    for page in pages:
        if max(begin, first) < min(begin + page.num_elements, last):
            yield page, begin
        begin += page.num_elements


def _stored(file: StoredBytes, page: Any) -> bytes:
    """Return the bytes of a page, which the file's checksum confirms where there is one."""
    start, size = page.locator.offset, page.locator.num_bytes
    if not page.has_checksum:
        return file.read(start, size)
    raw = file.read(start, size + _CHECKSUM)
    # The digest follows the page, little-endian; xxh3_64_digest gives big-endian.
    if xxhash.xxh3_64_digest(memoryview(raw)[:size])[::-1] != raw[size:]:
        raise ValueError("checksum of a page is wrong")
    return raw[:size]


def decoded(file: StoredBytes, stored: bytes, elements: int, kind: int) -> NDArray[Any]:
    """Return the elements of a page; the memory may be used again when the next page is decoded.

    Parameters
    ----------
    file : StoredBytes
    stored : bytes
        The page as it is in the file.
    elements : int
    kind : int
        Type of the column.
    """
    dtype = np.dtype((_NUMBERS | _INDEX)[kind])
    if kind == _BIT:
        bits = file.decompressed(stored, -(-elements // 8))
        return np.unpackbits(bits, count=elements, bitorder="little").view(np.bool_)
    raw = file.decompressed(stored, elements * dtype.itemsize)
    if kind >= _FIRST_SPLIT:  # the first bytes of all numbers, then the second ones, ...
        raw = np.ascontiguousarray(raw.reshape(dtype.itemsize, elements).T)
    values = raw.reshape(-1).view(dtype.newbyteorder("<"))
    if kind in _ZIGZAG:
        unsigned = values.view(f"u{dtype.itemsize}")
        values = (np.right_shift(unsigned, 1) ^ -(unsigned & 1)).view(dtype)
    return np.cumsum(values, dtype=dtype) if kind in _DELTA else values

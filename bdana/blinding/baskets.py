"""Events in baskets of a fixed number, whatever the chunks they come in: sizes must not tell how many are missing.

Columns are kept as flat NumPy arrays, one for each branch, which costs far less than taking event records apart and
putting them together again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import awkward as ak
import numpy as np

from bdana.events.lists import counts_and_flat

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

__all__ = ["FlatEvents", "baskets"]


@dataclass(frozen=True)
class FlatEvents:
    """N events.

    Attributes
    ----------
    values : mapping of str to ndarray, shape (N,)
        Columns with one value an event.
    counts : mapping of str to ndarray of int, shape (N,)
        Length of each collection.
    members : mapping of str to mapping of str to ndarray
        Columns of each collection, one event after the other.
    """

    values: Mapping[str, NDArray[np.generic]]
    counts: Mapping[str, NDArray[np.int64]]
    members: Mapping[str, Mapping[str, NDArray[np.generic]]]

    @classmethod
    def of_records(cls, events: ak.Array, types: Mapping[str, np.dtype[np.generic]]) -> FlatEvents:
        """Take event records apart; columns in `types` get that type, which must hold their values exactly."""
        names = ak.fields(events)
        collections = [name for name in names if events[name].ndim == 2]

        def typed(name: str, column: ak.Array | NDArray[np.generic]) -> NDArray[np.generic]:
            flat = np.asarray(column)
            return flat.astype(types.get(name, flat.dtype), copy=False)

        lists = {
            name: {k: counts_and_flat(events[name][k]) for k in ak.fields(events[name])}
            for name in collections
        }
        return cls(
            {name: typed(name, events[name]) for name in names if name not in collections},
            {name: next(iter(columns.values()))[0] for name, columns in lists.items()},
            {
                name: {key: typed(f"{name}.{key}", flat) for key, (_, flat) in columns.items()}
                for name, columns in lists.items()
            },
        )

    def __len__(self) -> int:
        return len(next(iter(self.values.values())))

    def take(self, where: NDArray[np.bool_] | slice) -> FlatEvents:
        """Return some of the events: by mask, or a range of them."""
        inside: dict[str, NDArray[np.bool_] | slice] = {}
        for name, counts in self.counts.items():
            if isinstance(where, slice):
                ends = np.concatenate([[0], np.cumsum(counts)])
                first, last, _ = where.indices(len(self))
                inside[name] = slice(ends[first], ends[last])
            else:
                inside[name] = np.repeat(where, counts)
        return FlatEvents(
            {name: column[where] for name, column in self.values.items()},
            {name: counts[where] for name, counts in self.counts.items()},
            {
                name: {key: column[inside[name]] for key, column in columns.items()}
                for name, columns in self.members.items()
            },
        )

    @classmethod
    def concatenate(cls, parts: Sequence[FlatEvents]) -> FlatEvents:
        """Join events in the order given."""
        first = parts[0]
        if len(parts) == 1:
            return first
        return cls(
            {name: np.concatenate([part.values[name] for part in parts]) for name in first.values},
            {name: np.concatenate([part.counts[name] for part in parts]) for name in first.counts},
            {
                name: {key: np.concatenate([part.members[name][key] for part in parts]) for key in columns}
                for name, columns in first.members.items()
            },
        )

    def records(self) -> ak.Array:
        """Return event records again."""
        contents: dict[str, ak.Array] = {name: ak.Array(column) for name, column in self.values.items()}
        for name, columns in self.members.items():
            offsets = np.concatenate([[0], np.cumsum(self.counts[name])])
            record = ak.contents.RecordArray(
                [ak.contents.NumpyArray(column) for column in columns.values()],
                list(columns),
                int(offsets[-1]),
            )
            contents[name] = ak.Array(ak.contents.ListOffsetArray(ak.index.Index64(offsets), record))
        return ak.zip(contents, depth_limit=1)


def baskets(chunks: Iterator[FlatEvents], size: int) -> Iterator[ak.Array]:
    """Cut events anew into pieces of `size`; at least one piece, so that the columns are known."""
    kept: list[FlatEvents] = []
    first = True
    for chunk in chunks:
        kept.append(chunk)
        while sum(map(len, kept)) >= size:
            joined = FlatEvents.concatenate(kept)
            yield joined.take(slice(0, size)).records()
            rest = joined.take(slice(size, None))
            first, kept = False, [rest] if len(rest) else []
    if kept and (first or sum(map(len, kept))):
        yield FlatEvents.concatenate(kept).records()

"""Events as flat columns, one NumPy array for each branch, which are cheap to cut and to join."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import awkward as ak
import numpy as np

from bdana.events.lists import plain_numbers

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

__all__ = ["FlatEvents"]


@dataclass(frozen=True)
class FlatEvents:
    """N events as flat columns.

    Attributes
    ----------
    length : int
        N.
    values : mapping of str to ndarray, shape (N,)
        Columns with one value an event.
    counts : mapping of str to ndarray of int, shape (N,)
        Length of each collection; a collection that is not here has one record an event.
    members : mapping of str to mapping of str to ndarray
        Columns of each collection, one event after the other.
    """

    length: int
    values: Mapping[str, NDArray[np.generic]]
    counts: Mapping[str, NDArray[np.int64]]
    members: Mapping[str, Mapping[str, NDArray[np.generic]]]

    def __len__(self) -> int:
        return self.length

    def split(self, where: NDArray[np.bool_]) -> tuple[FlatEvents, FlatEvents]:
        """Return the events of a mask, and the others.

        Parameters
        ----------
        where : ndarray of bool, shape (N,)
        """
        inside = {name: np.repeat(where, counts) for name, counts in self.counts.items()}
        chosen = int(np.count_nonzero(where))
        return (
            self._take(chosen, where, inside),
            self._take(len(self) - chosen, ~where, {name: ~mask for name, mask in inside.items()}),
        )

    def cut(self, first: int, last: int) -> FlatEvents:
        """Return a range of events, without a copy.

        Parameters
        ----------
        first, last : int
            The last is excluded.
        """
        inside = {
            name: slice(int(counts[:first].sum()), int(counts[:last].sum()))
            for name, counts in self.counts.items()
        }
        return self._take(last - first, slice(first, last), inside)

    def _take(
        self,
        length: int,
        where: NDArray[np.bool_] | slice,
        inside: Mapping[str, NDArray[np.bool_] | slice],
    ) -> FlatEvents:
        return FlatEvents(
            length,
            {name: column[where] for name, column in self.values.items()},
            {name: counts[where] for name, counts in self.counts.items()},
            {
                name: {key: column[inside.get(name, where)] for key, column in columns.items()}
                for name, columns in self.members.items()
            },
        )

    def astype(self, types: Mapping[str, np.dtype[np.generic]]) -> FlatEvents:
        """Return the events with columns in other types, which must hold their values exactly.

        Parameters
        ----------
        types : mapping of str to dtype
            By column; others keep their type.
        """

        def typed(name: str, column: NDArray[np.generic]) -> NDArray[np.generic]:
            return column.astype(types.get(name, column.dtype), copy=False)

        return FlatEvents(
            self.length,
            {name: typed(name, column) for name, column in self.values.items()},
            self.counts,
            {
                name: {key: typed(f"{name}.{key}", column) for key, column in columns.items()}
                for name, columns in self.members.items()
            },
        )

    @classmethod
    def of_records(cls, events: ak.Array) -> FlatEvents:
        """Return records of the event model as flat columns.

        Parameters
        ----------
        events : ak.Array
        """
        columns = dict(zip(ak.fields(events), ak.unzip(events), strict=True))
        values = {name: plain_numbers(column) for name, column in columns.items() if not ak.fields(column)}
        counts = {name: ak.to_numpy(ak.num(columns[name])) for name in columns if columns[name].ndim > 1}
        members = {}
        for name in columns.keys() - values.keys():
            flat = ak.flatten(columns[name]) if name in counts else columns[name]
            members[name] = {key: plain_numbers(flat[key]) for key in ak.fields(flat)}
        return cls(len(events), values, counts, members)

    @classmethod
    def concatenate(cls, parts: Sequence[FlatEvents]) -> FlatEvents:
        """Join events in the order given.

        Parameters
        ----------
        parts : sequence of FlatEvents
        """
        first = parts[0]
        if len(parts) == 1:
            return first
        return cls(
            sum(map(len, parts)),
            {name: np.concatenate([part.values[name] for part in parts]) for name in first.values},
            {name: np.concatenate([part.counts[name] for part in parts]) for name in first.counts},
            {
                name: {key: np.concatenate([part.members[name][key] for part in parts]) for key in columns}
                for name, columns in first.members.items()
            },
        )

    def records(self) -> ak.Array:
        """Return the events as records of the event model, without a copy."""
        contents = {name: ak.contents.NumpyArray(column) for name, column in self.values.items()}
        for name, columns in self.members.items():
            counts = self.counts.get(name)
            record = ak.contents.RecordArray(
                [ak.contents.NumpyArray(column) for column in columns.values()],
                list(columns),
                len(self) if counts is None else int(counts.sum()),
            )
            contents[name] = record if counts is None else _lists(counts, record)
        return ak.Array(ak.contents.RecordArray(list(contents.values()), list(contents), len(self)))


def _lists(counts: NDArray[np.int64], content: ak.contents.Content) -> ak.contents.Content:
    offsets = np.zeros(len(counts) + 1, dtype=np.int64)
    np.cumsum(counts, out=offsets[1:])
    return ak.contents.ListOffsetArray(ak.index.Index64(offsets), content)

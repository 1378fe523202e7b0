"""Rows of columns found again by burst: in memory where they are few, else in a temporary file."""

from __future__ import annotations

import tempfile
import weakref
from typing import IO, TYPE_CHECKING, NamedTuple

import numpy as np

from bdana.display import short_repr
from bdana.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

__all__ = ["BurstStore", "Rows"]

IN_MEMORY = 64 * 2**20
"""Bytes that are kept in memory; more are in a temporary file."""


class Rows(NamedTuple):
    """Rows of some bursts: burst by burst, in each those that passed first.

    Attributes
    ----------
    place : ndarray of int, shape (N,)
        Burst of each.
    passed : ndarray of bool, shape (N,)
    columns : mapping of str to ndarray, shape (N,)
    """

    place: NDArray[np.int64]
    passed: NDArray[np.bool_]
    columns: Mapping[str, NDArray[np.generic]]


class _Part(NamedTuple):
    """Rows that came together: their bursts, where those begin, how many passed in each, and where columns are written."""

    bursts: NDArray[np.int64]
    start: NDArray[np.int64]
    passed: NDArray[np.int64]
    columns: Mapping[str, tuple[int, np.dtype[np.generic]]]


class BurstStore:
    """Rows of columns that come chunk by chunk and are wanted burst by burst.

    Memory holds what says where each burst is, and the rows as long as they are few; beyond that they are in a temporary
    file, which is deleted with the store.

    Examples
    --------
    >>> import numpy as np
    >>> from bdana.pairing.estimate.burst_store import BurstStore
    >>> store = BurstStore()
    >>> passed = np.array([True, True, False])
    >>> store.add(np.array([1, 0, 1]), passed, {"p": np.array([5.0, 6.0, 7.0])})
    >>> store.add(np.array([1, 2, 2]), passed, {"p": np.array([8.0, 9.0, 10.0])})
    >>> rows = store.read(1, 2, ["p"])
    >>> rows.columns["p"], rows.passed
    (array([5., 8., 7.]), array([ True,  True, False]))
    """

    def __init__(self) -> None:
        self._file: IO[bytes] = tempfile.SpooledTemporaryFile(max_size=IN_MEMORY)  # noqa: SIM115 - kept open
        weakref.finalize(self, self._file.close)
        self._parts: list[_Part] = []
        self._written = 0

    __repr__ = short_repr

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the columns that all rows have."""
        if not self._parts:
            return ()
        common = set.intersection(*(set(part.columns) for part in self._parts))
        return tuple(name for name in self._parts[0].columns if name in common)

    def add(
        self,
        place: NDArray[np.int64],
        passed: NDArray[np.bool_],
        columns: Mapping[str, NDArray[np.generic]],
    ) -> None:
        """Add rows.

        Parameters
        ----------
        place : ndarray of int, shape (N,)
            Burst of each.
        passed : ndarray of bool, shape (N,)
        columns : mapping of str to ndarray, shape (N,)
            Of numbers.

        Raises
        ------
        InputError
            When the temporary file cannot be written.
        """
        order = np.lexsort((~passed, place))
        ordered = place[order]
        bursts, start = np.unique(ordered, return_index=True)
        start = np.append(start, len(place))
        below = np.append(0, np.cumsum(passed[order]))
        where: dict[str, tuple[int, np.dtype[np.generic]]] = {}
        try:
            self._file.seek(self._written)
            for name, column in columns.items():
                values = np.ascontiguousarray(column[order])
                where[name] = self._written, values.dtype
                self._written += self._file.write(values.data)
        except OSError as err:
            raise InputError(
                f"{tempfile.gettempdir()}: cannot hold the single tracks ({err.strerror}); set TMPDIR to a folder with more "
                "room"
            ) from None
        self._parts.append(_Part(bursts, start, np.diff(below[start]), where))

    def read(self, begin: int, end: int, names: Sequence[str]) -> Rows:
        """Return the rows of the bursts from `begin` to before `end`.

        Parameters
        ----------
        begin, end : int
        names : sequence of str
            Columns wanted.
        """
        place, passed = [np.empty(0, dtype=np.int64)], [np.empty(0, dtype=np.bool_)]
        columns: dict[str, list[NDArray[np.generic]]] = {name: [] for name in names}
        for part in self._parts:
            if not len(part.bursts) or part.bursts[0] >= end or part.bursts[-1] < begin:
                continue
            low, high = np.searchsorted(part.bursts, (begin, end))
            first, number = part.start[low:high], np.diff(part.start[low : high + 1])
            place.append(np.repeat(part.bursts[low:high], number))
            rank = np.arange(int(number.sum())) + part.start[low] - np.repeat(first, number)
            passed.append(rank < np.repeat(part.passed[low:high], number))
            for name in names:
                columns[name].append(self._column(part, name, int(part.start[low]), int(part.start[high])))
        found = {name: _joined(values) for name, values in columns.items()}
        rows = Rows(np.concatenate(place), np.concatenate(passed), found)
        if len(place) <= 2:  # of one part, and in its order
            return rows
        order = np.lexsort((~rows.passed, rows.place))
        return Rows(
            rows.place[order],
            rows.passed[order],
            {name: column[order] for name, column in rows.columns.items()},
        )

    def _column(self, part: _Part, name: str, first: int, last: int) -> NDArray[np.generic]:
        offset, dtype = part.columns[name]
        self._file.seek(offset + first * dtype.itemsize)
        return np.frombuffer(self._file.read((last - first) * dtype.itemsize), dtype=dtype)


def _joined(parts: list[NDArray[np.generic]]) -> NDArray[np.generic]:
    if not parts:
        return np.empty(0)
    return parts[0] if len(parts) == 1 else np.concatenate(parts)

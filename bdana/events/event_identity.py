"""Identity of events: run, burst and event number, which a sample has once each, in memory that does not grow with it."""

from __future__ import annotations

import tempfile
from typing import IO, TYPE_CHECKING, Self

import numpy as np

from bdana.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import awkward as ak
    from numpy.typing import NDArray

__all__ = ["IDENTITY", "SeenEvents", "first_repeated", "identities", "identity_hashes"]

IDENTITY = ("run", "burst", "event")
"""Columns whose values together belong to one event."""

IN_MEMORY = 64 * 2**20
"""Bytes of hashes that are kept in memory; those of more events are in a temporary file."""
COMPARED = 2**22
"""Hashes that are compared at once, about."""
SAMPLED = 4093
"""Of this many hashes one tells how all of them are spread: a prime number, which no length of chunks is a multiple of."""
_BITS = {"run": 20, "burst": 15, "event": 28}
"""Bits of each number in a hash that holds all three, 63 in all."""
_HASHED = np.uint64(2**63)
"""Bit of a hash that does not hold the numbers."""


def identities(events: ak.Array) -> NDArray[np.int64]:
    """Return run, burst and event number of each event, shape (N, 3).

    Parameters
    ----------
    events : ak.Array, type N * record
    """
    return np.stack([np.asarray(events[name], dtype=np.int64) for name in IDENTITY], axis=1)


def identity_hashes(events: ak.Array) -> NDArray[np.uint64]:
    """Return a 64-bit hash of run, burst and event number for each event, shape (N,), in ascending order.

    Where all three are small it holds them one after the other, so that it is in order where the events are.

    Parameters
    ----------
    events : ak.Array, type N * record
    """
    numbers = {name: np.asarray(events[name], dtype=np.int64) for name in IDENTITY}
    joined = np.zeros(len(numbers["run"]), dtype=np.int64)
    for name, bits in _BITS.items():
        joined <<= bits
        joined |= numbers[name]
    hashes = joined.view(np.uint64)
    if not all(_inside(numbers[name], bits).all() for name, bits in _BITS.items()):
        small = np.logical_and.reduce([_inside(numbers[name], bits) for name, bits in _BITS.items()])
        hashes = np.where(small, hashes, _mixed(*numbers.values()) | _HASHED)
    return _ascending(hashes)


def _inside(numbers: NDArray[np.int64], bits: int) -> NDArray[np.bool_]:
    return numbers.view(np.uint64) < np.uint64(2**bits)


def _mixed(run: NDArray[np.int64], burst: NDArray[np.int64], event: NDArray[np.int64]) -> NDArray[np.uint64]:
    """Return a hash of three numbers of any size.

    Odd multipliers join them; the finaliser of SplitMix64 (Steele, Lea and Flood, OOPSLA 2014,
    doi:10.1145/2660193.2660195) spreads them evenly.
    """
    mixed = run.view(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    mixed += burst.view(np.uint64) * np.uint64(0xC2B2AE3D27D4EB4F)
    mixed += event.view(np.uint64) * np.uint64(0xD6E8FEB86659FD93)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        mixed ^= mixed >> np.uint64(shift)
        mixed *= np.uint64(factor)
    return mixed ^ (mixed >> np.uint64(31))


def _ascending(hashes: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Sort hashes, which mostly are in order for long stretches."""
    descents = np.count_nonzero(hashes[1:] < hashes[:-1])
    if descents:
        hashes.sort(kind="stable" if descents < len(hashes) / 256 else "quicksort")
    return hashes


def first_repeated(rows: NDArray[np.int64]) -> tuple[int, int] | None:
    """Return the places of the first row that occurs a second time, and of the row it repeats; None without any.

    Parameters
    ----------
    rows : ndarray of int, shape (N, 3)
        As `identities` gives them.
    """
    order = np.lexsort(rows.T[::-1])  # stable: of equal rows the first comes first
    ordered = rows[order]
    same = np.flatnonzero((ordered[1:] == ordered[:-1]).all(axis=1))
    if not len(same):
        return None
    at = same[np.argmin(order[same + 1])]
    return int(order[at]), int(order[at + 1])


class SeenEvents:
    """Hashes of the events of all chunks of a sample, to find an event that is there twice; used in a `with` block.

    They are kept sorted, chunk by chunk, in memory and beyond 64 MiB in a temporary file; a part of the range of
    hashes is compared at a time.

    Examples
    --------
    >>> import awkward as ak
    >>> from bdana.events.event_identity import SeenEvents, identity_hashes
    >>> with SeenEvents() as seen:
    ...     for numbers in ([1, 2, 3], [4, 5], [6, 2]):
    ...         seen.add(identity_hashes(ak.Array([{"run": 9000, "burst": 1, "event": n} for n in numbers])))
    ...     print(list(seen.repeated()))
    [[0, 2]]
    """

    def __init__(self) -> None:
        self._chunks: list[NDArray[np.uint64]] = []
        self._file: IO[bytes] | None = None
        self._lengths: list[int] = []
        self._total = 0
        self._sample: list[NDArray[np.uint64]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        self._chunks.clear()
        if self._file is not None:
            self._file.close()

    def add(self, hashes: NDArray[np.uint64]) -> None:
        """Add the events of the next chunk.

        Parameters
        ----------
        hashes : ndarray of uint64, shape (N,)
            As `identity_hashes` gives them.

        Raises
        ------
        InputError
            When the temporary file cannot be written.
        """
        self._sample.append(hashes[-self._total % SAMPLED :: SAMPLED].copy())
        self._lengths.append(len(hashes))
        self._total += len(hashes)
        self._chunks.append(hashes)
        if self._file is None and 8 * self._total <= IN_MEMORY:
            return
        try:
            if self._file is None:
                self._file = tempfile.TemporaryFile()  # noqa: SIM115 - kept open
            for chunk in self._chunks:
                self._file.write(chunk.data)
        except OSError as err:
            raise InputError(
                f"{tempfile.gettempdir()}: cannot hold the numbers of the events, 8 bytes each ({err.strerror}); set TMPDIR "
                "to a folder with more room"
            ) from None
        self._chunks.clear()

    def repeated(self) -> Iterator[list[int]]:
        """Yield the chunks that share a hash, by their place in the order of `add`; one twice where it repeats in itself.

        Equal hashes are nearly always equal events; whoever asks compares the events themselves.
        """
        chunks = self._every_chunk()
        spread = np.sort(np.concatenate([np.empty(0, np.uint64), *self._sample]))
        begins = np.zeros(len(chunks), dtype=np.int64)
        for border in (*np.unique(spread[:: max(1, COMPARED // SAMPLED)])[1:], None):
            ends = np.array([len(c) if border is None else np.searchsorted(c, border) for c in chunks])
            parts = [chunk[a:b] for chunk, a, b in zip(chunks, begins, ends, strict=True)]
            begins = ends
            together = _ascending(np.concatenate([np.empty(0, np.uint64), *parts]))
            for value in np.unique(together[1:][together[1:] == together[:-1]]):
                yield _holders(parts, value)

    def _every_chunk(self) -> list[NDArray[np.uint64]]:
        if self._file is None:
            return self._chunks
        self._file.flush()
        ends = np.cumsum(self._lengths)
        return np.split(np.asarray(np.memmap(self._file, np.uint64, "r", shape=(self._total,))), ends[:-1])


def _holders(parts: Sequence[NDArray[np.uint64]], value: np.uint64) -> list[int]:
    times = [np.searchsorted(part, value, "right") - np.searchsorted(part, value) for part in parts]
    return [chunk for chunk, n in enumerate(times) for _ in range(int(n))]

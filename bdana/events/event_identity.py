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
"""Hashes that are compared at once."""
_PARTS = np.arange(257, dtype=np.float64) * 2.0**56  # of equal width, over all 64-bit numbers


def identities(events: ak.Array) -> NDArray[np.int64]:
    """Return run, burst and event number of each event, shape (N, 3).

    Parameters
    ----------
    events : ak.Array, type N * record
    """
    return np.stack([np.asarray(events[name], dtype=np.int64) for name in IDENTITY], axis=1)


def identity_hashes(events: ak.Array) -> NDArray[np.uint64]:
    """Return a 64-bit hash of run, burst and event number for each event, shape (N,), in ascending order.

    Parameters
    ----------
    events : ak.Array, type N * record

    Notes
    -----
    Odd multipliers join the three numbers; the finaliser of SplitMix64 (Steele, Lea and Flood, OOPSLA 2014,
    doi:10.1145/2660193.2660195) spreads them evenly.
    """
    run, burst, event = (np.asarray(events[name], dtype=np.int64).view(np.uint64) for name in IDENTITY)
    mixed = run * np.uint64(0x9E3779B97F4A7C15) + burst * np.uint64(0xC2B2AE3D27D4EB4F)
    mixed += event * np.uint64(0xD6E8FEB86659FD93)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        mixed ^= mixed >> np.uint64(shift)
        mixed *= np.uint64(factor)
    mixed ^= mixed >> np.uint64(31)
    mixed.sort()
    return mixed


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
        self._kept: IO[bytes] = tempfile.SpooledTemporaryFile(max_size=IN_MEMORY)  # noqa: SIM115 - kept open
        self._places: IO[bytes] = tempfile.SpooledTemporaryFile(max_size=IN_MEMORY // 4)  # noqa: SIM115
        self._total = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        self._kept.close()
        self._places.close()

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
        inner = np.searchsorted(hashes, _PARTS[1:-1].astype(np.uint64))
        places = self._total + np.concatenate([[0], inner, [len(hashes)]]).astype(np.int64)
        self._total += len(hashes)
        try:
            self._places.write(places.data)
            self._kept.seek(0, 2)
            self._kept.write(hashes.data)
        except OSError as err:
            raise InputError(
                f"{tempfile.gettempdir()}: cannot hold the numbers of the events, 8 bytes each ({err.strerror}); set TMPDIR "
                "to a folder with more room"
            ) from None

    def repeated(self) -> Iterator[list[int]]:
        """Yield the chunks that share a hash, by their place in the order of `add`; one twice where it repeats in itself.

        Equal hashes are nearly always equal events; whoever asks compares the events themselves.
        """
        rows = self._rows()
        step = max(1, COMPARED * (len(_PARTS) - 1) // max(self._total, 1))
        for first in range(0, len(_PARTS) - 1, step):
            last = min(first + step, len(_PARTS) - 1)
            parts = [
                self._read(start, stop) for start, stop in zip(rows[:, first], rows[:, last], strict=True)
            ]
            together = np.sort(np.concatenate(parts)) if parts else np.empty(0, dtype=np.uint64)
            for value in np.unique(together[1:][together[1:] == together[:-1]]):
                yield _holders(parts, value)

    def _rows(self) -> NDArray[np.int64]:
        """Return where the parts of each chunk begin among the hashes, shape (N, 257)."""
        shape = (self._places.tell() // (8 * len(_PARTS)), len(_PARTS))
        if shape[0] * 8 * len(_PARTS) > IN_MEMORY // 4:  # then it is a file
            self._places.flush()
            return np.memmap(self._places, np.int64, "r", shape=shape)
        self._places.seek(0)
        return np.frombuffer(self._places.read(), dtype=np.int64).reshape(shape)

    def _read(self, start: np.int64, stop: np.int64) -> NDArray[np.uint64]:
        self._kept.seek(8 * int(start))
        return np.frombuffer(self._kept.read(8 * int(stop - start)), dtype=np.uint64)


def _holders(parts: Sequence[NDArray[np.uint64]], value: np.uint64) -> list[int]:
    times = [np.searchsorted(part, value, "right") - np.searchsorted(part, value) for part in parts]
    return [chunk for chunk, n in enumerate(times) for _ in range(int(n))]

"""Bytes of a local file as ROOT stores them in blocks, decompressed into memory that is used again and again."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Self

import cramjam
import numpy as np
import xxhash

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["StoredBytes"]

SMALL = 2**20
"""Bytes of a file that is read at once."""
_HEADER = 9
"""Bytes before a block: algorithm, version, and its length compressed and not, of three bytes each (ROOT, RZip.cxx)."""
_INTO: dict[bytes, Any] = {
    b"ZS": cramjam.zstd.decompress_into,
    b"ZL": cramjam.zlib.decompress_into,
    b"XZ": cramjam.xz.decompress_into,
    b"L4": cramjam.lz4.decompress_block_into,
}
"""What decompresses a block of each algorithm into an array, and returns the number of bytes."""


class StoredBytes:
    """A local file while some entries are read.

    Parameters
    ----------
    path : Path
    """

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_RDONLY)
        self._memory = np.empty(0, dtype=np.uint8)
        size = os.fstat(self._file).st_size
        self._whole = os.pread(self._file, size, 0) if size <= SMALL else None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        os.close(self._file)

    def read(self, start: int, size: int) -> bytes:
        """Return bytes of the file as they are.

        Parameters
        ----------
        start, size : int

        Raises
        ------
        ValueError
            When the file has fewer.
        """
        found = self._whole[start : start + size] if self._whole else os.pread(self._file, size, start)
        if len(found) != size:
            raise ValueError(f"{len(found)} of {size} bytes at {start} are there")
        return found

    def decompressed(self, stored: bytes | memoryview, size: int) -> NDArray[np.uint8]:
        """Return blocks of ROOT decompressed; the memory is used again by the next call.

        Parameters
        ----------
        stored : bytes or memoryview
            As it is when it has the size of what it stands for.
        size : int
            Bytes that it stands for.

        Raises
        ------
        ValueError
            When it stands for another number of bytes, or its algorithm is not known.
        """
        if len(stored) == size:
            return np.frombuffer(stored, dtype=np.uint8)
        if len(self._memory) < size:
            self._memory = np.empty(size, dtype=np.uint8)
        stored = memoryview(stored)
        place = filled = 0
        while place < len(stored):
            header = bytes(stored[place : place + _HEADER])
            algorithm, lengths = header[:2], header[3:]
            block, whole = int.from_bytes(lengths[:3], "little"), int.from_bytes(lengths[3:], "little")
            data = stored[place + _HEADER : place + _HEADER + block]
            if algorithm == b"L4":  # the one with a checksum, before its data
                if xxhash.xxh64_digest(data[8:]) != data[:8]:
                    raise ValueError("checksum of a block is wrong")
                data = data[8:]
            if algorithm not in _INTO or len(lengths) < _HEADER - 3:
                raise ValueError(f"no block of a known compression at byte {place}")
            if (
                filled + whole > size
                or _INTO[algorithm](data, self._memory[filled : filled + whole]) != whole
            ):
                raise ValueError(f"a block has not the {whole} bytes that it should")
            place, filled = place + _HEADER + block, filled + whole
        if filled != size:
            raise ValueError(f"{filled} of {size} bytes are there")
        return self._memory[:size]

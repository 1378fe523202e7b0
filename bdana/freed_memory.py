"""Memory that is freed stays with the process, so that the next array of its size need not be asked of the system again."""

from __future__ import annotations

import ctypes
from contextlib import suppress

__all__ = ["keep_freed_memory"]

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
"""Numbers of the parameters in malloc.h of the GNU C library."""
KEPT = 256 * 2**20
"""Bytes that are kept, at most."""
LARGEST = 32 * 2**20
"""Bytes of the largest array for which that holds; one above it goes back when it is freed."""


def keep_freed_memory() -> None:
    """Let this process keep what it frees, where its C library can: it reads chunk after chunk, in arrays of one size.

    The pages of new memory cost more time than what is done with the numbers in them.
    """
    with suppress(OSError, AttributeError, TypeError):  # of another C library
        library = ctypes.CDLL(None)
        library.mallopt(_MMAP_THRESHOLD, LARGEST)
        library.mallopt(_TRIM_THRESHOLD, KEPT)

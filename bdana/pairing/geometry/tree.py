"""Sorting of tracks into leaves of neighbours (a k-d tree), with boxes by which most pairs are rejected.

A track inside the decay volume is a segment, and a segment is a point in four dimensions: (x, y) at its two ends.
Halving the widest of them again and again puts tracks that run side by side into one leaf.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numba
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Leaves"]


@dataclass(frozen=True)
class Leaves:
    """N track segments in the order of 2^k leaves, the last of which may have fewer segments or none.

    Attributes
    ----------
    order : ndarray of int, shape (N,)
        Place in the input of each segment.
    start : ndarray of int, shape (2^k + 1,)
        First segment of each leaf, and N.
    low, high : ndarray, shape (2^k, 4)
        Boxes around the ends (x1, y1, x2, y2) in mm of each leaf; an empty one has infinite ends, low above high.
    ends : ndarray, shape (N, 4)
        The ends, in this order.
    """

    order: NDArray[np.int64]
    start: NDArray[np.int64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    ends: NDArray[np.float64]

    @classmethod
    def of_segments(cls, ends: NDArray[np.float64], size: int) -> Leaves:
        """Sort segments into leaves.

        Parameters
        ----------
        ends : ndarray, shape (N, 4)
            Finite (x1, y1, x2, y2) in mm.
        size : int
            Largest number of segments of a leaf.
        """
        depth = int(np.ceil(np.log2(max(len(ends), size) / size)))
        order = np.arange(len(ends))
        start = np.minimum(size * np.arange(2**depth + 1), len(ends))
        sorted_ends = np.array(ends, dtype=np.float64, order="C")
        _halve(sorted_ends, order, start, depth)
        low, high = _boxes(sorted_ends, start)
        return cls(order, start, low, high, sorted_ends)


@numba.njit(cache=True, nogil=True)
def _halve(rows, order, start, depth):  # type: ignore[no-untyped-def]
    """Put the segments of each half of each node on their side of the median of the node's widest coordinate."""
    for level in range(depth):
        step = 1 << (depth - level)
        for node in range(1 << level):
            begin, end = start[node * step], start[node * step + step]
            if end - begin > 1:
                middle = start[node * step + step // 2]
                _select(rows, order, _widest(rows, begin, end), begin, middle, end)


@numba.njit(cache=True)
def _widest(rows, begin, end):  # type: ignore[no-untyped-def]
    """Return the coordinate with the largest variance."""
    widest, most = 0, -1.0
    for c in range(4):
        total = total2 = 0.0
        origin = rows[begin, c]
        for k in range(begin, end):
            v = rows[k, c] - origin
            total += v
            total2 += v * v
        spread = total2 - total * total / (end - begin)
        if spread > most:
            widest, most = c, spread
    return widest


@numba.njit(cache=True)
def _select(rows, order, c, begin, middle, end):  # type: ignore[no-untyped-def]
    """Reorder rows[begin:end] so that no value c before `middle` is larger than one from there on (Hoare's quickselect)."""
    left, right = begin, end - 1
    while left < right:
        pivot = rows[(left + right) // 2, c]
        i, j = left, right
        while i <= j:
            while rows[i, c] < pivot:
                i += 1
            while rows[j, c] > pivot:
                j -= 1
            if i <= j:
                order[i], order[j] = order[j], order[i]
                for k in range(4):
                    rows[i, k], rows[j, k] = rows[j, k], rows[i, k]
                i += 1
                j -= 1
        if middle <= j:
            right = j
        elif middle >= i:
            left = i
        else:
            return


@numba.njit(cache=True, nogil=True)
def _boxes(ends, start):  # type: ignore[no-untyped-def]
    leaves = len(start) - 1
    low, high = np.full((leaves, 4), np.inf), np.full((leaves, 4), -np.inf)
    for leaf in range(leaves):
        for k in range(start[leaf], start[leaf + 1]):
            for c in range(4):
                low[leaf, c] = min(low[leaf, c], ends[k, c])
                high[leaf, c] = max(high[leaf, c], ends[k, c])
    return low, high

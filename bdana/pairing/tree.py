"""Tracks in leaves of neighbours: the order and the boxes that let the pair search leave out most pairs.

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
    """N segments in the order of 2^k leaves, the last of which may have fewer segments or none.

    Attributes
    ----------
    order : ndarray of int, shape (N,)
        Place in the input of each segment.
    start : ndarray of int, shape (2^k + 1,)
        First segment of each leaf, and N.
    low, high : ndarray, shape (2^(k+1), 4)
        Boxes around the ends (x1, y1, x2, y2) in mm of the tree's nodes: node n has the children 2n and 2n + 1,
        leaf l is node 2^k + l, the root is 1.
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
        """Sort segments with finite ends (mm, shape (N, 4)) into leaves of at most `size`."""
        depth = int(np.ceil(np.log2(max(len(ends), size) / size)))
        order = np.arange(len(ends))
        start = np.minimum(size * np.arange(2**depth + 1), len(ends))
        _halve(np.ascontiguousarray(ends.T), order, start, depth)
        low, high = _boxes(ends[order], start)
        return cls(order, start, low, high, ends[order])


@numba.njit(cache=True)
def _halve(columns, order, start, depth):  # type: ignore[no-untyped-def]
    """Put the segments of each half of each node on their side of the median of the node's widest coordinate."""
    leaves = 1 << depth
    for level in range(depth):
        step = leaves >> level
        for first in range(0, leaves, step):
            begin, middle, end = start[first], start[first + step // 2], start[first + step]
            if end - begin < 2:
                continue
            widest, most = 0, -1.0
            for c in range(4):
                total = total2 = 0.0
                origin = columns[c, order[begin]]
                for k in range(begin, end):
                    v = columns[c, order[k]] - origin
                    total += v
                    total2 += v * v
                spread = total2 - total * total / (end - begin)
                if spread > most:
                    widest, most = c, spread
            _select(columns[widest], order, begin, middle, end)


@numba.njit(cache=True)
def _select(values, order, begin, middle, end):  # type: ignore[no-untyped-def]
    """Reorder order[begin:end] so that no value before `middle` is larger than one from there on (Hoare's quickselect)."""
    left, right = begin, end - 1
    while left < right:
        pivot = values[order[(left + right) // 2]]
        i, j = left, right
        while i <= j:
            while values[order[i]] < pivot:
                i += 1
            while values[order[j]] > pivot:
                j -= 1
            if i <= j:
                order[i], order[j] = order[j], order[i]
                i += 1
                j -= 1
        if middle <= j:
            right = j
        elif middle >= i:
            left = i
        else:
            return


@numba.njit(cache=True)
def _boxes(ends, start):  # type: ignore[no-untyped-def]
    leaves = len(start) - 1
    low = np.full((2 * leaves, 4), np.inf)
    high = np.full((2 * leaves, 4), -np.inf)
    for leaf in range(leaves):
        for k in range(start[leaf], start[leaf + 1]):
            for c in range(4):
                low[leaves + leaf, c] = min(low[leaves + leaf, c], ends[k, c])
                high[leaves + leaf, c] = max(high[leaves + leaf, c], ends[k, c])
    for node in range(leaves - 1, 0, -1):
        for c in range(4):
            low[node, c] = min(low[2 * node, c], low[2 * node + 1, c])
            high[node, c] = max(high[2 * node, c], high[2 * node + 1, c])
    return low, high

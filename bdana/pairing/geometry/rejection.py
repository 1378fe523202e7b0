"""Compiled comparisons of the pair finder: boxes with boxes, and tracks with the tracks of a leaf.

What is compared is single precision; the margins keep it from losing a pair (docs/combinatorial.md).
"""

from __future__ import annotations

import numba
import numpy as np
from numba.cpython.unsafe.numbers import trailing_zeros

__all__ = [
    "EPSILON",
    "ITSELF",
    "NONE",
    "UP_TO_ITSELF",
    "WIDTH",
    "candidate_leaves",
    "find_partners",
    "workspace",
]

WIDTH = 16
"""Number of tracks of a leaf, which vector instructions compare together."""
EPSILON = float(np.finfo(np.float32).eps)
NONE, UP_TO_ITSELF, ITSELF = 0, 1, 2
"""Tracks of the same set that a track is not paired with: none, those up to itself, or itself."""


@numba.njit(cache=True, error_model="numpy", fastmath={"contract"})
def _cut(a, b, low, high):  # type: ignore[no-untyped-def]
    """Cut [low, high] to where a (1 - u) + b u <= 0, without a branch."""
    zero, never = np.float32(0.0), np.float32(2.0)
    u = a / (a - b)
    edge = (never if b > zero else u) if a > zero else zero
    last = u if (a <= zero) & (b > zero) else np.float32(1.0)
    # Not min and max: their care for NaN would cost twice the time.
    return (edge if edge > low else low), (last if last < high else high)  # noqa: FURB136


@numba.njit(cache=True, error_model="numpy", fastmath={"contract"})
def _test_boxes(lows, highs, margins, i, boxes, n, flags):  # type: ignore[no-untyped-def]
    """Mark which of n boxes hold segments that can meet those of box i in x and in y at one z."""
    margin = margins[i]
    a, b, c, d = lows[i, 0] - margin, lows[i, 1] - margin, lows[i, 2] - margin, lows[i, 3] - margin
    e, f, g, h = highs[i, 0] + margin, highs[i, 1] + margin, highs[i, 2] + margin, highs[i, 3] + margin
    for m in range(n):
        # Unsigned: an index that may be negative would keep the loop from being vectorised.
        k = np.uint64(m)
        from_, to = _cut(boxes[0, k] - e, boxes[2, k] - g, np.float32(0.0), np.float32(1.0))
        from_, to = _cut(a - boxes[4, k], c - boxes[6, k], from_, to)
        from_, to = _cut(boxes[1, k] - f, boxes[3, k] - h, from_, to)
        from_, to = _cut(b - boxes[5, k], d - boxes[7, k], from_, to)
        flags[k] = from_ <= to


@numba.njit(cache=True)
def candidate_leaves(group, tracks, within, work):  # type: ignore[no-untyped-def]
    """List the leaves of the second set that can meet a group of the first, with their boxes; return how many.

    Parameters
    ----------
    group : int
    tracks : tuple of ndarray
        `PairFinder.tracks`.
    within : int
        `PairFinder.within`.
    work : tuple of ndarray
        Of `workspace`; the list is written there.
    """
    start, lows, highs, margins, _, _, _, boxes, _ = tracks
    leaves, near, flags = work[0], work[1], work[2]
    _test_boxes(lows, highs, margins, group, boxes, boxes.shape[1], flags)
    n = 0
    for leaf in range(start[group] // WIDTH if within == UP_TO_ITSELF else 0, boxes.shape[1]):
        leaves[n] = leaf
        n += flags[leaf]
    for c in range(len(boxes)):
        for k in range(n):
            near[c, k] = boxes[c, leaves[k]]
    return n


@numba.njit(cache=True, fastmath={"contract"}, inline="always")
def _test_tracks(a, i, b, leaf, radius2):  # type: ignore[no-untyped-def]
    """Return a bit for each track of a leaf of the second set that can meet track i of the first.

    With m the difference in the middle and d its change to the end, abs(m + s d) for -1 <= s <= 1 is smallest at
    s = -m.d/d^2, where it is cross/abs(d), or at the nearer end, where it is m^2 + d^2 - 2 abs(m.d).
    """
    ax, ay, adx, ady = a[i, 0], a[i, 1], a[i, 2], a[i, 3]
    two, rounded = np.float32(2.0), np.float32(1.0 - 8.0 * EPSILON)
    bits = np.uint32(0)
    for k in range(WIDTH):
        mx, my, dx, dy = b[leaf, 0, k] - ax, b[leaf, 1, k] - ay, b[leaf, 2, k] - adx, b[leaf, 3, k] - ady
        d2 = dx * dx + dy * dy
        along = abs(mx * dx + my * dy)
        cross = mx * dy - my * dx
        near_end = (mx * mx + my * my + d2) * rounded - two * along <= radius2
        meets = near_end | ((along <= d2) & (cross * cross <= radius2 * d2))
        bits |= np.uint32(meets) << np.uint32(k)
    return bits


@numba.njit(cache=True, inline="always")
def _occupied(b, leaf):  # type: ignore[no-untyped-def]
    """Return a bit for each track that a leaf holds."""
    bits = np.uint32(0)
    for k in range(WIDTH):
        bits |= np.uint32(not np.isnan(b[leaf, 0, k])) << np.uint32(k)
    return bits


@numba.njit(cache=True)
def find_partners(i, candidates, tracks, within, work):  # type: ignore[no-untyped-def]
    """List the tracks that can meet track i in the last array of `work`; return how many, and leaves compared.

    Parameters
    ----------
    i : int
    candidates : int
        What `candidate_leaves` returned for its group.
    tracks, within, work
        As for `candidate_leaves`.
    """
    _, _, _, _, ends, middle, margins, _, lanes = tracks
    leaves, near, flags, hits, radii, bits, words, found = work
    _test_boxes(ends, ends, margins, i, near, candidates, flags)
    # Writing each and keeping the place of those without a flag costs less than a branch that cannot be foreseen.
    n_hits = 0
    for k in range(candidates):
        hits[n_hits] = leaves[k]
        radii[n_hits] = margins[i] + near[8, k]
        n_hits += flags[k]
    for h in range(n_hits):
        radius2 = radii[h] * radii[h]
        if radius2 < np.inf:
            bits[h] = _test_tracks(middle, i, lanes, hits[h], radius2)
        else:
            bits[h] = _occupied(lanes, hits[h])
        if within == UP_TO_ITSELF:
            behind = min(max(i + 1 - hits[h] * WIDTH, 0), WIDTH)
            bits[h] = (bits[h] >> behind) << behind
        elif within == ITSELF and hits[h] == i // WIDTH:
            bits[h] &= ~(1 << (i % WIDTH))
    for h in range(n_hits, n_hits + 4):
        bits[h] = 0
    n = 0
    for w in range((n_hits + 3) // 4):
        word = words[w]
        while word:
            bit = trailing_zeros(word)
            found[n] = hits[4 * w + bit // WIDTH] * WIDTH + bit % WIDTH
            n += 1
            word &= word - np.uint64(1)
    return n, n_hits


@numba.njit(cache=True)
def workspace(boxes):  # type: ignore[no-untyped-def]
    """Return the arrays that `candidate_leaves` and `find_partners` write into.

    Leaves, their boxes and flags; leaves met, the largest distance for each, their tracks as bits; tracks found.

    Parameters
    ----------
    boxes : ndarray, shape (9, leaves)
        `PairFinder.boxes`.
    """
    leaves = boxes.shape[1]
    bits = np.empty((leaves + 7) // 4 * 4, dtype=np.uint16)
    return (
        np.empty(leaves, dtype=np.int64),
        np.empty((len(boxes), leaves), dtype=np.float32),
        np.empty(leaves, dtype=np.uint8),
        np.empty(leaves, dtype=np.int64),
        np.empty(leaves, dtype=np.float32),
        bits,
        bits.view(np.uint64),
        np.empty(leaves * WIDTH, dtype=np.int64),
    )

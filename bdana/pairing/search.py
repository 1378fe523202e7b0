"""Which pairs of lines can meet: a search that never loses a pair and tests few of all (docs/combinatorial.md)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numba
import numpy as np

from bdana.pairing.tree import Leaves

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from bdana.reconstruction import Line

__all__ = ["PairSearch", "close_pairs"]

FIRST_LEAF = 64
SECOND_LEAF = 64
BRANCH = 64
"""Tracks of a leaf: small leaves have tight boxes, the second fills the lanes of the processor."""
ALONE = 30_000_000
"""Pairs below which a search uses one thread."""
EPSILON = float(np.finfo(np.float32).eps)


def close_pairs(
    first: Line, second: Line, max_cda: float, z_min: float, z_max: float
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Find every pair of lines that may come closer than `max_cda` at z_min < z < z_max.

    Parameters
    ----------
    first, second : Line
        N and M lines. Lines with a NaN or infinity are in no pair.
    max_cda : float
        Largest distance of closest approach in mm.
    z_min, z_max : float
        Range in mm of the z of the midpoint of the closest approach.

    Returns
    -------
    i, j : ndarray of int, shape (K,)
        Places in `first` and `second`: every pair within the cuts, and few others. The order depends on nothing
        but the input.
    """
    search = PairSearch.prepare(first, second, max_cda, z_min, z_max)
    # To wait for threads that have no processor costs far more than a small search.
    alone = len(first.point) * len(second.point) < ALONE
    counts = (_count_alone if alone else _count)(*search.arrays)
    i = np.empty(int(counts.sum()), dtype=np.int64)
    j = np.empty_like(i)
    (_fill_alone if alone else _fill)(*search.arrays, np.cumsum(counts) - counts, i, j)
    return search.first_places[i], search.second_places[j]


@dataclass(frozen=True)
class PairSearch:
    """Two sets of tracks in leaves, ready to be searched.

    Attributes
    ----------
    first, second : Leaves
    first_places, second_places : ndarray of int
        Place in the input of each track, in the order of the leaves.
    first_middle, second_middle : ndarray of float32, shape (4, N)
        Position (x, y) in mm in the middle of the range of z, and how far the track moves from there to its end.
    radius : float
        Largest transverse distance in mm at the z of the closest approach.
    rough_radius : float
        The same with the rounding of single precision.
    """

    first: Leaves
    second: Leaves
    first_ends: NDArray[np.float32]
    boxes: tuple[NDArray[np.float32], NDArray[np.float32]]
    first_places: NDArray[np.int64]
    second_places: NDArray[np.int64]
    first_middle: NDArray[np.float32]
    second_middle: NDArray[np.float32]
    radius: float
    rough_radius: float

    @classmethod
    def prepare(cls, first: Line, second: Line, max_cda: float, z_min: float, z_max: float) -> PairSearch:
        """Sort two sets of lines into leaves; arguments as for `close_pairs`."""
        a, places_a, slope_a = _segments(first, z_min, z_max)
        b, places_b, slope_b = _segments(second, z_min, z_max)
        # The ends of the shortest segment lie at z within max_cda * slope of its middle: at the middle's z the
        # lines are at most this far apart. The absolute term covers the rounding of `at`.
        largest = max(np.abs(a).max(initial=1.0), np.abs(b).max(initial=1.0))
        radius = max_cda * (1.0 + max(slope_a, slope_b) ** 2) + 1e-12 * largest
        origin = np.concatenate([a, b]).mean(axis=0) if len(a) + len(b) else np.zeros(4)
        leaves_a, leaves_b = Leaves.of_segments(a, FIRST_LEAF), Leaves.of_segments(b, SECOND_LEAF)
        middle_a, middle_b = _middle(leaves_a.ends - origin), _middle(leaves_b.ends - origin)
        reach = max(np.abs(middle_a).max(initial=0.0), np.abs(middle_b).max(initial=0.0))
        # The last leaves are filled with NaN, which is near nothing.
        lanes = SECOND_LEAF * (len(leaves_b.start) - 1)
        padded = np.full((4, lanes), np.nan, dtype=np.float32)
        padded[:, : len(b)] = middle_b
        n = len(leaves_b.start) - 1
        ends = np.ascontiguousarray((leaves_a.ends - origin).T, dtype=np.float32)
        low, high = (
            np.ascontiguousarray((corner[n:] - origin).T, dtype=np.float32)
            for corner in (leaves_b.low, leaves_b.high)
        )
        places = np.full(lanes, -1)
        places[: len(b)] = places_b[leaves_b.order]
        return cls(
            leaves_a,
            leaves_b,
            ends,
            (low, high),
            places_a[leaves_a.order],
            places,
            middle_a,
            padded,
            radius,
            radius + 64.0 * EPSILON * float(reach),
        )

    @property
    def arrays(self) -> tuple[Any, ...]:
        """What the compiled functions get."""
        a, b = self.first, self.second
        return (
            (a.start, a.low, a.high, b.low, b.high),
            (self.first_ends, self.first_middle, *self.boxes, self.second_middle),
            (self.radius, np.float32(self.rough_radius), np.float32(self.rough_radius**2)),
            SECOND_LEAF,
        )

    def count(self) -> NDArray[np.int64]:
        """Return the number of pairs found for each leaf of `first`."""
        counts: NDArray[np.int64] = _count(*self.arrays)
        return counts

    def tested(self) -> int:
        """Return the number of pairs whose tracks are compared; all others are left out by their leaves."""
        return int(_tested(*self.arrays).sum())


def _segments(line: Line, z_min: float, z_max: float) -> tuple[NDArray[np.float64], NDArray[np.int64], float]:
    """Return the finite ends (x1, y1, x2, y2) in mm, whose they are, and the largest slope."""
    with np.errstate(all="ignore"):
        ends = np.stack([*line.at(z_min), *line.at(z_max)], axis=1)
        slope = np.hypot(line.direction[:, 0], line.direction[:, 1]) / np.abs(line.direction[:, 2])
    finite = np.flatnonzero(np.isfinite(ends).all(axis=1) & np.isfinite(slope))
    return ends[finite], finite, float(slope[finite].max(initial=0.0))


def _middle(ends: NDArray[np.float64]) -> NDArray[np.float32]:
    x1, y1, x2, y2 = ends.T
    middle = np.stack([x1 + x2, y1 + y2, x2 - x1, y2 - y1])
    return np.ascontiguousarray(0.5 * middle, dtype=np.float32)


@numba.njit(cache=True, inline="always")
def _narrow(a, b, low, high):  # type: ignore[no-untyped-def]
    """Cut [low, high] to where a (1 - u) + b u <= 0."""
    if a > 0.0:
        if b > 0.0:
            return 1.0, 0.0
        return max(low, a / (a - b)), high
    if b > 0.0:
        return low, min(high, a / (a - b))
    return low, high


@numba.njit(cache=True)
def _can_meet(a_low, a_high, b_low, b_high, radius):  # type: ignore[no-untyped-def]
    """Tell whether segments of two boxes can be within `radius` in x and in y at one z."""
    low, high = 0.0, 1.0
    for c in range(2):
        low, high = _narrow(b_low[c] - a_high[c] - radius, b_low[c + 2] - a_high[c + 2] - radius, low, high)
        if low > high:
            return False
        low, high = _narrow(a_low[c] - b_high[c] - radius, a_low[c + 2] - b_high[c + 2] - radius, low, high)
        if low > high:
            return False
    return True


@numba.njit(cache=True)
def _branches(leaf_low, leaf_high, low, high, first, radius, stack, found):  # type: ignore[no-untyped-def]
    """List the nodes first ... 2 first - 1 of a tree that can meet one leaf of the other."""
    depth, n = 1, 0
    stack[0] = 1
    while depth:
        depth -= 1
        node = stack[depth]
        if _can_meet(leaf_low, leaf_high, low[node], high[node], radius):
            if node >= first:
                found[n] = node - first
                n += 1
            else:
                stack[depth] = 2 * node + 1
                stack[depth + 1] = 2 * node
                depth += 2
    return n


@numba.njit(cache=True, error_model="numpy", fastmath={"contract"})
def _cut(a, b, low, high):  # type: ignore[no-untyped-def]
    """`_narrow` without a branch: every lane computes everything and selects."""
    zero, never = np.float32(0.0), np.float32(2.0)
    u = a / (a - b)
    edge = (never if b > zero else u) if a > zero else zero
    last = u if (a <= zero) & (b > zero) else np.float32(1.0)
    # Not min and max: their care for NaN would cost twice the time.
    return (edge if edge > low else low), (last if last < high else high)  # noqa: FURB136


@numba.njit(cache=True, error_model="numpy", fastmath={"contract"})
def _test_leaves(ends, i, low, high, begin, n, radius, flags):  # type: ignore[no-untyped-def]
    """Mark which of n leaves can meet segment i: `_can_meet` for a point and many boxes, without a branch."""
    x1, y1, x2, y2 = ends[0, i], ends[1, i], ends[2, i], ends[3, i]
    for k in range(np.uint64(n)):
        j = (
            np.uint64(begin) + k
        )  # unsigned: an index that may be negative would keep the loop from being vectorised
        from_, to = _cut(low[0, j] - x1 - radius, low[2, j] - x2 - radius, np.float32(0.0), np.float32(1.0))
        from_, to = _cut(x1 - high[0, j] - radius, x2 - high[2, j] - radius, from_, to)
        from_, to = _cut(low[1, j] - y1 - radius, low[3, j] - y2 - radius, from_, to)
        from_, to = _cut(y1 - high[1, j] - radius, y2 - high[3, j] - radius, from_, to)
        flags[k] = from_ <= to


@numba.njit(cache=True, fastmath={"contract"})
def _test_tracks(a, i, b, begin, n, radius2, flags):  # type: ignore[no-untyped-def]
    """Mark which of n tracks of the second set can meet track i of the first, without a branch.

    With m the difference in the middle and d its change to the end, abs(m + s d) for -1 <= s <= 1 is smallest at
    s = -m.d/d^2, where it is cross/abs(d), or at the nearer end, where it is m^2 + d^2 - 2 abs(m.d).
    """
    ax, ay, adx, ady = a[0, i], a[1, i], a[2, i], a[3, i]
    two, rounded = np.float32(2.0), np.float32(1.0 - 8.0 * EPSILON)
    for k in range(np.uint64(n)):
        j = np.uint64(begin) + k
        mx, my, dx, dy = b[0, j] - ax, b[1, j] - ay, b[2, j] - adx, b[3, j] - ady
        d2 = dx * dx + dy * dy
        along = abs(mx * dx + my * dy)
        cross = mx * dy - my * dx
        near_end = (mx * mx + my * my + d2) * rounded - two * along <= radius2
        flags[k] = near_end | ((along <= d2) & (cross * cross <= radius2 * d2))


@numba.njit(cache=True)
def search_track(i, begin, branch, tracks, radii, width, work, out_i, out_j, n, write):  # type: ignore[no-untyped-def]
    """Search the pairs of track i with the leaves of a branch; write them from place n on if asked to, return the next."""
    a_ends, a, leaf_low, leaf_high, b = tracks
    _, rough, radius2 = radii
    leaf_flags, flags = work[2], work[3]
    _test_leaves(a_ends, i, leaf_low, leaf_high, begin, branch, rough, leaf_flags)
    for m in range(branch):
        if leaf_flags[m]:
            j = (begin + m) * width
            _test_tracks(a, i, b, j, width, radius2, flags)
            if write:
                for k in range(width):
                    if flags[k]:
                        out_i[n] = i
                        out_j[n] = j + k
                        n += 1
            else:
                for k in range(width):
                    n += flags[k]
    return n


@numba.njit(cache=True)
def branches_of(leaf, trees, branch, radius, work):  # type: ignore[no-untyped-def]
    """List in `work` the branches of the second tree that can meet a leaf of the first; return how many."""
    _, a_low, a_high, b_low, b_high = trees
    node = len(a_low) // 2 + leaf
    first = len(b_low) // 2 // branch
    return _branches(a_low[node], a_high[node], b_low, b_high, first, radius, work[1], work[0])


@numba.njit(cache=True)
def _search_leaf(leaf, trees, tracks, radii, width, work, out_i, out_j, n, write):  # type: ignore[no-untyped-def]
    branch = min(BRANCH, tracks[2].shape[1])
    for f in range(branches_of(leaf, trees, branch, radii[0], work)):
        for i in range(trees[0][leaf], trees[0][leaf + 1]):
            n = search_track(
                i, work[0][f] * branch, branch, tracks, radii, width, work, out_i, out_j, n, write
            )
    return n


@numba.njit(cache=True)
def workspace(leaves, width):  # type: ignore[no-untyped-def]
    """Return memory for a search: branches found, stack of the tree, flags of leaves, flags of tracks."""
    return (
        np.empty(leaves, dtype=np.int64),
        np.empty(128, dtype=np.int64),
        np.empty(BRANCH, dtype=np.uint8),
        np.empty(width, dtype=np.uint8),
    )


@numba.njit(cache=True, parallel=True)
def _count(trees, tracks, radii, width):  # type: ignore[no-untyped-def]
    counts = np.zeros(len(trees[0]) - 1, dtype=np.int64)
    nowhere = np.empty(0, dtype=np.int64)
    for leaf in numba.prange(len(counts)):
        work = workspace(tracks[2].shape[1], width)
        counts[leaf] = _search_leaf(leaf, trees, tracks, radii, width, work, nowhere, nowhere, 0, False)
    return counts


@numba.njit(cache=True, parallel=True)
def _fill(trees, tracks, radii, width, place, out_i, out_j):  # type: ignore[no-untyped-def]
    for leaf in numba.prange(len(place)):
        work = workspace(tracks[2].shape[1], width)
        _search_leaf(leaf, trees, tracks, radii, width, work, out_i, out_j, place[leaf], True)


@numba.njit(cache=True)
def _count_alone(trees, tracks, radii, width):  # type: ignore[no-untyped-def]
    counts, nowhere = np.zeros(len(trees[0]) - 1, dtype=np.int64), np.empty(0, dtype=np.int64)
    work = workspace(tracks[2].shape[1], width)
    for leaf in range(len(counts)):
        counts[leaf] = _search_leaf(leaf, trees, tracks, radii, width, work, nowhere, nowhere, 0, False)
    return counts


@numba.njit(cache=True)
def _fill_alone(trees, tracks, radii, width, place, out_i, out_j):  # type: ignore[no-untyped-def]
    work = workspace(tracks[2].shape[1], width)
    for leaf in range(len(place)):
        _search_leaf(leaf, trees, tracks, radii, width, work, out_i, out_j, place[leaf], True)


@numba.njit(cache=True, parallel=True)
def _tested(trees, tracks, radii, width):  # type: ignore[no-untyped-def]
    tested = np.zeros(len(trees[0]) - 1, dtype=np.int64)
    a_ends, _, leaf_low, leaf_high, _ = tracks
    branch = min(BRANCH, leaf_low.shape[1])
    for leaf in numba.prange(len(tested)):
        work = workspace(leaf_low.shape[1], width)
        for f in range(branches_of(leaf, trees, branch, radii[0], work)):
            for i in range(trees[0][leaf], trees[0][leaf + 1]):
                _test_leaves(a_ends, i, leaf_low, leaf_high, work[0][f] * branch, branch, radii[1], work[2])
                tested[leaf] += width * work[2][:branch].sum()
    return tested

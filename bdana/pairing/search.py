"""Which pairs of lines can meet: a search that never loses a pair and tests few of all (docs/combinatorial.md)."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numba
import numpy as np
from numba.cpython.unsafe.numbers import trailing_zeros

from bdana.pairing.tree import Leaves

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from bdana.reconstruction import Line

__all__ = ["PairSearch", "close_pairs"]

WIDTH = 16
"""Tracks of a leaf: they fill the lanes of the processor."""
GROUP = 4
"""Leaves of the first set that share a list of leaves of the second."""
ALONE = 30_000_000
"""Pairs below which a search uses one thread."""
EPSILON = float(np.finfo(np.float32).eps)


def close_pairs(
    first: Line, second: Line | None, max_cda: float, z_min: float, z_max: float
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Find every pair of lines that may come closer than `max_cda` at z_min < z < z_max.

    Parameters
    ----------
    first : Line
        N lines. Lines with a NaN or infinity are in no pair.
    second : Line, optional
        M lines. Without them, pairs are formed within `first`, each once.
    max_cda : float
        Largest distance of closest approach in mm.
    z_min, z_max : float
        Range in mm of the z of the midpoint of the closest approach.

    Returns
    -------
    i, j : ndarray of int, shape (K,)
        Places in `first` and `second`, or i < j in `first`: every pair within the cuts, and few others. The order
        depends on nothing but the input.
    """
    i, j = PairSearch.prepare(first, second, max_cda, z_min, z_max).pairs()
    return (i, j) if second is not None else (np.minimum(i, j), np.maximum(i, j))


@dataclass(frozen=True)
class PairSearch:
    """Two sets of tracks in leaves, ready to be searched; or one set, to be searched for pairs within it.

    Attributes
    ----------
    first, second : Leaves
        The same if there is one set.
    first_places, second_places : ndarray of int
        Place in the input of each track, in the order of the leaves.
    groups : tuple of ndarray
        First track of each group of leaves of `first`, and N; lower and upper ends (float32) of the groups.
    first_ends, first_middle : ndarray of float32, shape (N, 4)
        Ends (x1, y1, x2, y2) in mm; position (x, y) in the middle of the range of z, and how far the track moves from
        there to its end.
    boxes : ndarray of float32, shape (8, leaves)
        Lower and upper ends of the leaves of `second`.
    second_middle : ndarray of float32, shape (leaves, 4, WIDTH)
        As `first_middle`; empty lanes hold NaN, which is near nothing.
    radius : float
        Largest transverse distance in mm at the z of the closest approach, with the rounding of single precision.
    """

    first: Leaves
    second: Leaves
    first_places: NDArray[np.int64]
    second_places: NDArray[np.int64]
    groups: tuple[NDArray[np.int64], NDArray[np.float32], NDArray[np.float32]]
    first_ends: NDArray[np.float32]
    first_middle: NDArray[np.float32]
    boxes: NDArray[np.float32]
    second_middle: NDArray[np.float32]
    radius: float

    @classmethod
    def prepare(
        cls, first: Line, second: Line | None, max_cda: float, z_min: float, z_max: float
    ) -> PairSearch:
        """Sort lines into leaves; arguments as for `close_pairs`."""
        (leaves_a, places_a, slope_a), (leaves_b, places_b, slope_b) = _sorted(first, second, z_min, z_max)
        a, b = leaves_a.ends, leaves_b.ends
        # The ends of the shortest segment lie at z within max_cda * slope of its middle: at the middle's z the
        # lines are at most this far apart. The absolute term covers the rounding of `at`.
        largest = max(np.abs(a).max(initial=1.0), np.abs(b).max(initial=1.0))
        radius = max_cda * (1.0 + max(slope_a, slope_b) ** 2) + 1e-12 * largest
        origin = 0.5 * (a.sum(axis=0) / max(len(a), 1) + b.sum(axis=0) / max(len(b), 1))
        middle_a, middle_b = _middle(a - origin), _middle(b - origin)
        reach = max(np.abs(middle_a).max(initial=0.0), np.abs(middle_b).max(initial=0.0))
        lanes = np.full((len(leaves_b.low) * WIDTH, 4), np.nan, dtype=np.float32)
        lanes[: len(b)] = middle_b
        size = min(GROUP, len(leaves_a.low))
        return cls(
            leaves_a,
            leaves_b,
            places_a,
            places_b,
            (
                leaves_a.start[::size].copy(),
                (leaves_a.low.reshape(-1, size, 4).min(axis=1) - origin).astype(np.float32),
                (leaves_a.high.reshape(-1, size, 4).max(axis=1) - origin).astype(np.float32),
            ),
            (a - origin).astype(np.float32),
            middle_a,
            np.ascontiguousarray(
                np.hstack([leaves_b.low - origin, leaves_b.high - origin]).T, dtype=np.float32
            ),
            np.ascontiguousarray(lanes.reshape(-1, WIDTH, 4).transpose(0, 2, 1)),
            radius + 64.0 * EPSILON * float(reach),
        )

    @property
    def arrays(self) -> tuple[Any, ...]:
        """What the compiled functions get."""
        return (
            (*self.groups, self.first_ends, self.first_middle, self.boxes, self.second_middle),
            (np.float32(self.radius), np.float32(self.radius**2)),
            self.first is self.second,
            numba.get_num_threads(),
        )

    def count(self) -> NDArray[np.int64]:
        """Return the number of pairs found for each group of leaves of `first`."""
        return self._counts()[0]

    def tested(self) -> int:
        """Return the number of pairs whose tracks are compared; all others are left out by their leaves."""
        return WIDTH * int(self._counts()[1].sum())

    def pairs(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the places of both tracks of every pair found, each of shape (K,)."""
        counts = self.count()
        found = np.empty(int(counts.sum()), dtype=np.int64), np.empty(int(counts.sum()), dtype=np.int64)
        places = self.first_places, self.second_places
        self._run(_fill_share, _fill, np.cumsum(counts) - counts, found, places)
        return found

    def _counts(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        groups = len(self.groups[0]) - 1
        counts, compared = np.zeros(groups, dtype=np.int64), np.zeros(groups, dtype=np.int64)
        self._run(_count_share, _count, counts, compared)
        return counts, compared

    def _run(self, alone: Any, shared: Any, *more: Any) -> None:
        tracks, radii, same, threads = self.arrays
        # To wait for threads that have no processor costs far more than a small search.
        if len(self.first_places) * len(self.second_places) < ALONE:
            alone(0, 1, tracks, radii, same, *more)
        else:
            shared(threads, tracks, radii, same, *more)


def _sorted(
    first: Line, second: Line | None, z_min: float, z_max: float
) -> tuple[tuple[Leaves, NDArray[np.int64], float], tuple[Leaves, NDArray[np.int64], float]]:
    """Sort both sets into leaves, at the same time if they are large; once if there is one set."""
    if second is None:
        one = _leaves(first, z_min, z_max)
        return one, one
    if numba.get_num_threads() == 1 or len(first.point) * len(second.point) < ALONE:
        return _leaves(first, z_min, z_max), _leaves(second, z_min, z_max)
    with ThreadPoolExecutor(2) as pool:
        one, other = pool.map(_leaves, (first, second), (z_min, z_min), (z_max, z_max))
    return one, other


def _leaves(line: Line, z_min: float, z_max: float) -> tuple[Leaves, NDArray[np.int64], float]:
    """Return leaves of the segments with finite ends, the place of each in the input, and the largest slope."""
    with np.errstate(all="ignore"):
        ends = np.stack([*line.at(z_min), *line.at(z_max)], axis=1)
        slope = np.hypot(line.direction[:, 0], line.direction[:, 1]) / np.abs(line.direction[:, 2])
    finite = np.flatnonzero(np.isfinite(ends).all(axis=1) & np.isfinite(slope))
    leaves = Leaves.of_segments(ends[finite], WIDTH)
    return leaves, finite[leaves.order], float(slope[finite].max(initial=0.0))


def _middle(ends: NDArray[np.float64]) -> NDArray[np.float32]:
    half = 0.5 * np.hstack([ends[:, :2] + ends[:, 2:], ends[:, 2:] - ends[:, :2]])
    return half.astype(np.float32)


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
def _test_boxes(lows, highs, i, boxes, n, radius, flags):  # type: ignore[no-untyped-def]
    """Mark which of n boxes hold segments that can be within `radius` of those of box i in x and in y at one z."""
    a, b, c, d = lows[i, 0], lows[i, 1], lows[i, 2], lows[i, 3]
    e, f, g, h = highs[i, 0], highs[i, 1], highs[i, 2], highs[i, 3]
    for m in range(n):
        # Unsigned: an index that may be negative would keep the loop from being vectorised.
        k = np.uint64(m)
        from_, to = _cut(boxes[0, k] - e - radius, boxes[2, k] - g - radius, np.float32(0.0), np.float32(1.0))
        from_, to = _cut(a - boxes[4, k] - radius, c - boxes[6, k] - radius, from_, to)
        from_, to = _cut(boxes[1, k] - f - radius, boxes[3, k] - h - radius, from_, to)
        from_, to = _cut(b - boxes[5, k] - radius, d - boxes[7, k] - radius, from_, to)
        flags[k] = from_ <= to


@numba.njit(cache=True)
def candidate_leaves(group, tracks, radii, same, work):  # type: ignore[no-untyped-def]
    """List the leaves of the second set that can meet a group of the first, with their boxes; return how many."""
    start, lows, highs, _, _, boxes, _ = tracks
    leaves, near, flags = work[0], work[1], work[2]
    _test_boxes(lows, highs, group, boxes, boxes.shape[1], radii[0], flags)
    n = 0
    for leaf in range(start[group] // WIDTH if same else 0, boxes.shape[1]):
        leaves[n] = leaf
        n += flags[leaf]
    for c in range(8):
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


@numba.njit(cache=True)
def search_track(i, candidates, tracks, radii, same, work):  # type: ignore[no-untyped-def]
    """List the tracks that can meet track i in the last array of `work`; return how many, and leaves compared."""
    _, _, _, ends, middle, _, lanes = tracks
    leaves, near, flags, hits, bits, words, found = work
    _test_boxes(ends, ends, i, near, candidates, radii[0], flags)
    # Writing each and keeping the place of those without a flag costs less than a branch that cannot be foreseen.
    n_hits = 0
    for k in range(candidates):
        hits[n_hits] = leaves[k]
        n_hits += flags[k]
    for h in range(n_hits):
        bits[h] = _test_tracks(middle, i, lanes, hits[h], radii[1])
        if same:
            behind = min(max(i + 1 - hits[h] * WIDTH, 0), WIDTH)
            bits[h] = (bits[h] >> behind) << behind
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
    """Return memory for a search: leaves, their boxes and flags, leaves met, their tracks as bits, tracks found."""
    leaves = boxes.shape[1]
    bits = np.empty((leaves + 7) // 4 * 4, dtype=np.uint16)
    return (
        np.empty(leaves, dtype=np.int64),
        np.empty((8, leaves), dtype=np.float32),
        np.empty(leaves, dtype=np.uint8),
        np.empty(leaves, dtype=np.int64),
        bits,
        bits.view(np.uint64),
        np.empty(leaves * WIDTH, dtype=np.int64),
    )


@numba.njit(cache=True)
def _count_share(thread, threads, tracks, radii, same, counts, compared):  # type: ignore[no-untyped-def]
    """Count the pairs found and the leaves compared of every `threads`-th group."""
    work = workspace(tracks[5])
    for group in range(thread, len(counts), threads):
        candidates = candidate_leaves(group, tracks, radii, same, work)
        for i in range(tracks[0][group], tracks[0][group + 1]):
            n, leaves = search_track(i, candidates, tracks, radii, same, work)
            counts[group] += n
            compared[group] += leaves


@numba.njit(cache=True)
def _fill_share(thread, threads, tracks, radii, same, place, out, places):  # type: ignore[no-untyped-def]
    work = workspace(tracks[5])
    for group in range(thread, len(place), threads):
        candidates = candidate_leaves(group, tracks, radii, same, work)
        to = place[group]
        for i in range(tracks[0][group], tracks[0][group + 1]):
            n, _ = search_track(i, candidates, tracks, radii, same, work)
            for k in range(n):
                out[0][to + k] = places[0][i]
                out[1][to + k] = places[1][work[-1][k]]
            to += n


@numba.njit(cache=True, parallel=True)
def _count(threads, tracks, radii, same, counts, compared):  # type: ignore[no-untyped-def]
    for thread in numba.prange(threads):
        _count_share(thread, threads, tracks, radii, same, counts, compared)


@numba.njit(cache=True, parallel=True)
def _fill(threads, tracks, radii, same, place, out, places):  # type: ignore[no-untyped-def]
    for thread in numba.prange(threads):
        _fill_share(thread, threads, tracks, radii, same, place, out, places)

"""Finding the pairs of lines that may meet: none is lost, and few of all are compared (docs/combinatorial.md)."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numba
import numpy as np

from bdana.pairing.geometry.rejection import (
    EPSILON,
    ITSELF,
    NONE,
    UP_TO_ITSELF,
    WIDTH,
    candidate_leaves,
    find_partners,
    workspace,
)
from bdana.pairing.geometry.tree import Leaves

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from bdana.lengths import Millimetres
    from bdana.reconstruction import Line

__all__ = [
    "PairBounds",
    "PairFinder",
    "SortedTracks",
    "close_pairs",
    "ends_of",
    "margin_of",
    "middle_of",
    "origin_of",
    "sorted_sets",
]

GROUP = 4
"""Number of leaves of the first set that share a list of leaves of the second."""
FEW_PAIRS = 30_000_000
"""Number of possible pairs below which one thread finds them."""
LARGEST_COORDINATE = 1e9
"""Largest coordinate in mm of which a product of four fits into single precision."""


@dataclass(frozen=True)
class PairBounds:
    """Bounds on the pairs that are built; the cuts of a selection must be as tight or tighter.

    Attributes
    ----------
    max_cda : float
        Largest distance of closest approach of the two tracks in mm.
    z_min, z_max : float
        Range in mm of the z of the midpoint of the closest approach, the decay vertex.

    Examples
    --------
    >>> from bdana import PairBounds
    >>> PairBounds(max_cda=20.0, z_min=105e3, z_max=180e3)
    PairBounds(max_cda=20.0, z_min=105000.0, z_max=180000.0)
    """

    max_cda: Millimetres
    z_min: Millimetres
    z_max: Millimetres


def close_pairs(
    first: Line, second: Line | None, bounds: PairBounds
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Find every pair of lines that may lie within some bounds.

    Parameters
    ----------
    first : Line
        N lines. Lines with a NaN or infinity are in no pair.
    second : Line, optional
        M lines. Without them, pairs are formed within `first`, each once.
    bounds : PairBounds

    Returns
    -------
    i, j : ndarray of int, shape (K,)
        Places in `first` and `second`, or i < j in `first`: every pair within the cuts, and few others. The order
        depends on nothing but the input.

    Examples
    --------
    >>> from bdana import Line, PairBounds
    >>> from bdana.pairing import close_pairs
    >>> plus = Line.from_slopes(x=[60.0, 900.0], y=[0.0, 0.0], z=180e3, tx=[0.001, 0.001], ty=[0.0, 0.0])
    >>> minus = Line.from_slopes(x=[-60.0], y=[0.0], z=180e3, tx=[-0.001], ty=[0.0])
    >>> close_pairs(plus, minus, PairBounds(max_cda=20.0, z_min=105e3, z_max=180e3))
    (array([0]), array([0]))
    """
    i, j = PairFinder.prepare(first, second, bounds).pairs()
    return (i, j) if second is not None else (np.minimum(i, j), np.maximum(i, j))


@dataclass(frozen=True)
class PairFinder:
    """Two sets of tracks sorted into leaves, to find pairs between them; or one set, to find pairs within it.

    Attributes
    ----------
    first, second : SortedTracks
        The same if there is one set.
    twice : bool
        Whether a pair within one set is found from both its tracks, instead of once.
    groups : tuple of ndarray
        First track of each group of leaves of `first`, and N; lower and upper ends, and margins, of the groups.
    ends, middle, margins : ndarray of float32, shape (N, 4), (N, 4) and (N,)
        Of each track of `first`: ends (x1, y1, x2, y2) in mm; position (x, y) in the middle of the range of z, and how
        far the track moves from there to its end; its part of the largest distance of a pair.
    boxes : ndarray of float32, shape (9, leaves)
        Lower and upper ends of the leaves of `second`, wider by their margins; these margins.
    lanes : ndarray of float32, shape (leaves, 4, WIDTH)
        `middle` of the tracks of `second`; empty lanes hold NaN, which is near nothing.
    """

    first: SortedTracks
    second: SortedTracks
    twice: bool
    groups: tuple[NDArray[np.int64], NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]
    ends: NDArray[np.float32]
    middle: NDArray[np.float32]
    margins: NDArray[np.float32]
    boxes: NDArray[np.float32]
    lanes: NDArray[np.float32]

    @classmethod
    def prepare(
        cls,
        first: Line,
        second: Line | None,
        bounds: PairBounds,
        *,
        twice: bool = False,
        sets: tuple[SortedTracks, SortedTracks] | None = None,
    ) -> PairFinder:
        """Sort lines into leaves.

        Parameters
        ----------
        first, second, bounds
            As for `close_pairs`.
        twice : bool
            Whether a pair within one set is found from both its tracks.
        sets : tuple of SortedTracks, optional
            Both as `sorted_sets` sorts them.
        """
        a, b = sets or sorted_sets(first, second, bounds)
        origin = origin_of(a.leaves.ends, b.leaves.ends)
        margins_a, margins_b = a.margins(bounds.max_cda, origin), b.margins(bounds.max_cda, origin)
        leaves_a, leaves_b = a.leaves, b.leaves
        size = min(GROUP, len(leaves_a.low))
        of_leaves = _padded(margins_b, leaves_b, 0.0).max(axis=1)
        low, high = leaves_b.low - origin - of_leaves, leaves_b.high - origin + of_leaves
        with np.errstate(over="ignore"):  # of tracks that no margin leaves out
            return cls(
                a,
                b,
                twice,
                (
                    leaves_a.start[::size].copy(),
                    (leaves_a.low.reshape(-1, size, 4).min(axis=1) - origin).astype(np.float32),
                    (leaves_a.high.reshape(-1, size, 4).max(axis=1) - origin).astype(np.float32),
                    _padded(margins_a, leaves_a, 0.0).reshape(-1, size * WIDTH).max(axis=1),
                ),
                (leaves_a.ends - origin).astype(np.float32),
                middle_of(leaves_a.ends - origin),
                margins_a[:, 0],
                np.ascontiguousarray(np.hstack([low, high, of_leaves]).T, dtype=np.float32),
                np.ascontiguousarray(
                    _padded(middle_of(leaves_b.ends - origin), leaves_b, np.nan).transpose(0, 2, 1)
                ),
            )

    @property
    def tracks(self) -> tuple[Any, ...]:
        """Arrays that the compiled functions of `rejection` read."""
        return (*self.groups, self.ends, self.middle, self.margins, self.boxes, self.lanes)

    @property
    def within(self) -> int:
        """Tracks of the same set that a track is not paired with: NONE, UP_TO_ITSELF or ITSELF."""
        if self.first is not self.second:
            return NONE
        return ITSELF if self.twice else UP_TO_ITSELF

    @property
    def threads(self) -> int:
        """Number of threads: one for few pairs, for which starting more would take longer than it saves."""
        small = len(self.first.places) * len(self.second.places) < FEW_PAIRS
        return 1 if small else int(numba.get_num_threads())

    def count(self) -> NDArray[np.int64]:
        """Return the number of pairs found for each track of `first`, in the order of the leaves."""
        return self._counts()[0]

    def tested(self) -> int:
        """Return the number of pairs whose tracks are compared; all others are rejected with their leaves."""
        return WIDTH * int(self._counts()[1].sum())

    def tested_boxes(self) -> int:
        """Return the number of times that a leaf's box is compared with a track or with the box of a group."""
        return int(self._counts()[2].sum())

    def pairs(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the places of both tracks of every pair found, each of shape (K,)."""
        counts = self.count()
        found = np.empty(int(counts.sum()), dtype=np.int64), np.empty(int(counts.sum()), dtype=np.int64)
        places = self.first.places, self.second.places
        self._run(_fill_share, _fill, np.cumsum(counts) - counts, found, places)
        return found

    def _counts(self) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        counts = np.zeros(len(self.first.places), dtype=np.int64)
        compared, boxes = np.zeros((2, len(self.groups[0]) - 1), dtype=np.int64)
        self._run(_count_share, _count, counts, compared, boxes)
        return counts, compared, boxes

    def _run(self, alone: Any, shared: Any, *more: Any) -> None:
        if self.threads == 1:
            alone(0, 1, self.tracks, self.within, *more)
        else:
            shared(self.threads, self.tracks, self.within, *more)


@dataclass(frozen=True)
class SortedTracks:
    """Tracks with finite ends, in the order of their leaves.

    Attributes
    ----------
    leaves : Leaves
    places : ndarray of int, shape (N,)
        Place of each in the input.
    slope : ndarray, shape (N,)
        Of each line against z.
    size : ndarray, shape (N,)
        Largest of the coordinates in mm that went into its ends: what their rounding is relative to.
    """

    leaves: Leaves
    places: NDArray[np.int64]
    slope: NDArray[np.float64]
    size: NDArray[np.float64]

    @classmethod
    def of_lines(cls, line: Line, bounds: PairBounds) -> SortedTracks:
        """Sort the lines between the planes of z_min and z_max; those with a NaN or infinity are left out.

        Parameters
        ----------
        line : Line
            N lines.
        bounds : PairBounds
        """
        ends, slope, size = ends_of(line, bounds)
        finite = np.flatnonzero(np.isfinite(size) & np.isfinite(slope))
        leaves = Leaves.of_segments(ends[finite], WIDTH)
        places = finite[leaves.order]
        return cls(leaves, places, slope[places], size[places])

    def margins(self, max_cda: float, origin: NDArray[np.float64]) -> NDArray[np.float32]:
        """Return how much of the largest distance of a pair is due to each track (docs/combinatorial.md).

        At the z of the closest approach two tracks within the cuts are no further apart than their margins together.

        Parameters
        ----------
        max_cda : float
            Largest distance of closest approach in mm.
        origin : ndarray, shape (4,)
            What the ends are relative to in single precision, in mm.

        Returns
        -------
        ndarray of float32, shape (N, 1)
            In mm. Infinity for a track that single precision cannot hold: it is paired with every other.
        """
        return margin_of(self.leaves.ends, self.slope, self.size, max_cda, origin)[:, np.newaxis]


def sorted_sets(first: Line, second: Line | None, bounds: PairBounds) -> tuple[SortedTracks, SortedTracks]:
    """Sort both sets into leaves, at the same time if they are large; once if there is one set.

    Parameters
    ----------
    first, second, bounds
        As for `close_pairs`.
    """
    if second is None:
        one = SortedTracks.of_lines(first, bounds)
        return one, one
    if numba.get_num_threads() == 1 or len(first.point) * len(second.point) < FEW_PAIRS:
        return SortedTracks.of_lines(first, bounds), SortedTracks.of_lines(second, bounds)
    with ThreadPoolExecutor(2) as pool:
        one, other = pool.map(SortedTracks.of_lines, (first, second), (bounds, bounds))
    return one, other


def ends_of(
    line: Line, bounds: PairBounds
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return the ends (x1, y1, x2, y2) in mm of N lines at z_min and z_max, their slopes, and the coordinates' size.

    Parameters
    ----------
    line : Line
    bounds : PairBounds
    """
    with np.errstate(all="ignore"):
        ends = np.stack([*line.at(bounds.z_min), *line.at(bounds.z_max)], axis=1)
        slope = np.hypot(line.direction[:, 0], line.direction[:, 1]) / np.abs(line.direction[:, 2])
    size = np.abs(ends).max(axis=1, initial=0.0) + np.abs(line.point[:, :2]).max(axis=1, initial=0.0)
    return ends, slope, size


def margin_of(
    ends: NDArray[np.float64],
    slope: NDArray[np.float64],
    size: NDArray[np.float64],
    max_cda: float,
    origin: NDArray[np.float64],
) -> NDArray[np.float32]:
    """Return the margins of N tracks: see `SortedTracks.margins`.

    Parameters
    ----------
    ends, slope, size
        As `ends_of` gives them.
    max_cda, origin
        As for `SortedTracks.margins`.
    """
    reach = np.abs(ends - origin).max(axis=1, initial=0.0)
    with np.errstate(over="ignore"):
        margin = 0.5 * max_cda * (1.0 + slope**2) + 64.0 * EPSILON * reach + 1e-12 * size
    margin[(reach > LARGEST_COORDINATE) | (margin > LARGEST_COORDINATE)] = np.inf
    return (margin * (1.0 + 8.0 * EPSILON)).astype(np.float32)


def origin_of(*ends: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return ends in the middle of the tracks, shape (4,): the median of some, which a far track does not move.

    Parameters
    ----------
    *ends : ndarray, shape (N, 4)
        Of one or more sets.
    """
    some = np.concatenate([rows[:: len(rows) // 500 + 1] for rows in ends])
    # Not np.median: for few tracks it takes as long as finding the pairs.
    return np.sort(some, axis=0)[len(some) // 2] if len(some) else np.zeros(4)


def _padded(rows: NDArray[Any], leaves: Leaves, value: float) -> NDArray[np.float32]:
    """Give every leaf WIDTH rows, those that it has no track for filled with a value: shape (leaves, WIDTH, columns)."""
    filled = np.full((len(leaves.low) * WIDTH, rows.shape[1]), value, dtype=np.float32)
    filled[: len(rows)] = rows
    return filled.reshape(-1, WIDTH, rows.shape[1])


def middle_of(ends: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return the position (x, y) of N tracks in the middle of the range of z, and how far each moves to its end.

    Parameters
    ----------
    ends : ndarray, shape (N, 4)
        In mm.
    """
    half = 0.5 * np.hstack([ends[:, :2] + ends[:, 2:], ends[:, 2:] - ends[:, :2]])
    return half.astype(np.float32)


@numba.njit(cache=True)
def _count_share(thread, threads, tracks, within, counts, compared, boxes):  # type: ignore[no-untyped-def]
    """Count the pairs found by track, and leaves and boxes compared by group, of every `threads`-th group."""
    start, leaves = tracks[0], tracks[7]
    work = workspace(leaves)
    for group in range(thread, len(compared), threads):
        candidates = candidate_leaves(group, tracks, within, work)
        boxes[group] = leaves.shape[1] + candidates * (start[group + 1] - start[group])
        for i in range(start[group], start[group + 1]):
            n, met = find_partners(i, candidates, tracks, within, work)
            counts[i] = n
            compared[group] += met


@numba.njit(cache=True)
def _fill_share(thread, threads, tracks, within, place, out, places):  # type: ignore[no-untyped-def]
    start = tracks[0]
    work = workspace(tracks[7])
    for group in range(thread, len(start) - 1, threads):
        candidates = candidate_leaves(group, tracks, within, work)
        for i in range(start[group], start[group + 1]):
            n, _ = find_partners(i, candidates, tracks, within, work)
            for k in range(n):
                out[0][place[i] + k] = places[0][i]
                out[1][place[i] + k] = places[1][work[-1][k]]


@numba.njit(cache=True, parallel=True)
def _count(threads, tracks, within, counts, compared, boxes):  # type: ignore[no-untyped-def]
    for thread in numba.prange(threads):
        _count_share(thread, threads, tracks, within, counts, compared, boxes)


@numba.njit(cache=True, parallel=True)
def _fill(threads, tracks, within, place, out, places):  # type: ignore[no-untyped-def]
    for thread in numba.prange(threads):
        _fill_share(thread, threads, tracks, within, place, out, places)

"""Reconstruction of all pairs of two sets of tracks within given bounds, track by track, in blocks of bounded size."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numba
import numpy as np

from bdana.pairing.geometry.kernel import BATCH, QUANTITIES, STATE, gather, reconstruct, track_states
from bdana.pairing.geometry.pair_finder import PairFinder
from bdana.pairing.geometry.rejection import candidate_leaves, find_partners, workspace

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from bdana.pairing.geometry.pair_finder import PairBounds, SortedTracks
    from bdana.reconstruction import Line

__all__ = ["PairBlock", "built_pairs"]


class PairBlock(NamedTuple):
    """Block of reconstructed pairs: those of one track follow each other, and all its pairs are in the same block.

    Attributes
    ----------
    track, partner : ndarray of int, shape (K,)
        Places in the first set, and in the second.
    quantities : ndarray, shape (5, K)
        cda, z_vertex, z_tax, cda_tax in mm and mass in MeV/c2 (`QUANTITIES`).
    """

    track: NDArray[np.int64]
    partner: NDArray[np.int64]
    quantities: NDArray[np.float64]


def built_pairs(
    first: tuple[Line, NDArray[np.float64], NDArray[np.float64]],
    second: tuple[Line, NDArray[np.float64], NDArray[np.float64]] | None,
    bounds: PairBounds,
    beam: NDArray[np.float64],
    size: int,
    sets: tuple[SortedTracks, SortedTracks] | None = None,
) -> Iterator[PairBlock]:
    """Reconstruct the pairs of each track of the first set with all of the second, or with all others of its own set.

    Parameters
    ----------
    first : tuple of Line, ndarray and ndarray, shape (N,)
        Lines, momenta in MeV/c, and mass hypotheses in MeV/c2.
    second : tuple of Line, ndarray and ndarray, shape (M,), optional
        Without them, each pair within `first` comes twice, once from each track.
    bounds : PairBounds
        Borders included.
    beam : ndarray, shape (6,)
        Of `beam_numbers`.
    size : int
        Pairs of a block, unless a single track has more.
    sets : tuple of SortedTracks, optional
        Both sets as `sorted_sets` sorts them.

    Yields
    ------
    PairBlock
        The same for any number of threads.
    """
    finder = PairFinder.prepare(first[0], second[0] if second else None, bounds, twice=True, sets=sets)
    states = track_states(*first, finder.first.places)
    others = track_states(*second, finder.second.places) if second else states
    numbers = np.array([bounds.max_cda, bounds.z_min, bounds.z_max])
    start = np.zeros(len(states) + 1, dtype=np.int64)
    places = finder.first.places, finder.second.places

    def run(begin: int, end: int, block: PairBlock | None) -> None:
        groups = finder.groups[0]
        some = int(np.searchsorted(groups, begin, side="right")) - 1, int(np.searchsorted(groups, end))
        out = block or _room(0)
        own = np.array([begin, end, *some])
        sorted_tracks = finder.tracks, finder.within, places
        lines = states, others, numbers, beam
        if finder.threads == 1:
            _build_share(0, 1, own, sorted_tracks, lines, start, block is not None, out)
        else:
            _build(finder.threads, own, sorted_tracks, lines, start, block is not None, out)

    most = len(states) * len(others)
    if finder.threads == 1 and most <= 10 * size:  # room for all pairs there may be: one pass
        block = _room(most)
        run(0, len(states), block)
        n = int(start[-1])
        if n <= size:
            if n:
                yield PairBlock(
                    block.track[:n].copy(), block.partner[:n].copy(), block.quantities[:, :n].copy()
                )
            return
        start[:] = 0
    run(0, len(states), None)
    ends = np.cumsum(start)  # start[i + 1] was the number of pairs of track i
    begin = 0
    while begin < len(states):
        end = max(int(np.searchsorted(ends, ends[begin] + size, side="right")) - 1, begin + 1)
        start[:] = ends - ends[begin]
        n = int(start[end])
        if n:
            block = _room(n)
            run(begin, end, block)
            yield block
        begin = end


def _room(n: int) -> PairBlock:
    return PairBlock(np.empty(n, dtype=np.int64), np.empty(n, dtype=np.int64), np.empty((len(QUANTITIES), n)))


@numba.njit(cache=True)
def _build_share(thread, threads, own, sorted_tracks, lines, start, fill, block):  # type: ignore[no-untyped-def]
    """Count the pairs of tracks own[0] to own[1] in start[1:], or write those of track i from start[i] to start[i + 1].

    One thread need not know `start`: it comes to the tracks in their order, and sets the end of each.
    """
    tracks, within, places = sorted_tracks
    a, b, numbers, beam = lines
    max_cda, z_min, z_max = numbers[0], numbers[1], numbers[2]
    work, columns, out = workspace(tracks[7]), np.empty((STATE, BATCH)), np.empty((5, BATCH))
    found = work[-1]
    for group in range(own[2] + thread, own[3], threads):
        candidates = candidate_leaves(group, tracks, within, work)
        for i in range(max(tracks[0][group], own[0]), min(tracks[0][group + 1], own[1])):
            n, _ = find_partners(i, candidates, tracks, within, work)
            to = start[i] if fill else 0
            for begin in range(0, n, BATCH):
                m = min(BATCH, n - begin)
                gather(b, found, begin, m, columns)
                reconstruct(a, i, columns, m, beam, out)
                for k in range(m):
                    if (out[0, k] <= max_cda) & (z_min <= out[1, k]) & (out[1, k] <= z_max):
                        if fill:
                            block[0][to], block[1][to] = places[0][i], places[1][found[begin + k]]
                            for c in range(5):
                                block[2][c, to] = out[c, k]
                        to += 1
            start[i + 1] = to


@numba.njit(cache=True, parallel=True)
def _build(threads, own, sorted_tracks, lines, start, fill, block):  # type: ignore[no-untyped-def]
    """Run `_build_share` on all threads, each for every `threads`-th group; each track has its own place in `block`."""
    tracks, within, places = sorted_tracks  # numba shares no tuple of tuples among threads
    for thread in numba.prange(threads):
        _build_share(thread, threads, own, (tracks, within, places), lines, start, fill, block)

"""All pairs of two sets of tracks within the bounds of a search, track by track, in blocks of bounded size."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import numba
import numpy as np

from bdana.pairing.comparison import candidate_leaves, search_track, workspace
from bdana.pairing.kernel import BATCH, QUANTITIES, gather, reconstruct, track_states
from bdana.pairing.search import PairSearch
from bdana.reconstruction import Line, Pairs, Tracks

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

__all__ = ["Block", "BuiltPairs", "PickedTracks", "built_pairs"]


class Block(NamedTuple):
    """Pairs of some tracks: those of one track follow each other, and all its pairs are there.

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
    first: tuple[Line, NDArray[np.float64]],
    second: tuple[Line, NDArray[np.float64]] | None,
    bounds: tuple[float, float, float],
    lepton_mass: float,
    beam: NDArray[np.float64],
    size: int,
) -> Iterator[Block]:
    """Reconstruct the pairs of each track of the first set with all of the second, or with all others of its own set.

    Parameters
    ----------
    first : tuple of Line and ndarray, shape (N,)
        Lines and momenta in MeV/c.
    second : tuple of Line and ndarray, shape (M,), optional
        Without them, each pair within `first` comes twice, once from each track.
    bounds : tuple of float
        Largest CDA, smallest and largest z of the vertex in mm, borders included.
    lepton_mass : float
        Mass hypothesis in MeV/c2.
    beam : ndarray, shape (6,)
        Of `beam_numbers`.
    size : int
        Pairs of a block, unless a single track has more.

    Yields
    ------
    Block
        The same for any number of threads.
    """
    search = PairSearch.prepare(first[0], second[0] if second else None, *bounds, twice=True)
    states = track_states(*first, search.first.places)
    others = track_states(*second, search.second.places) if second else states
    numbers = np.array([lepton_mass, *bounds])
    start = np.zeros(len(states) + 1, dtype=np.int64)
    places = search.first.places, search.second.places

    def run(begin: int, end: int, block: Block | None) -> None:
        groups = search.groups[0]
        some = int(np.searchsorted(groups, begin, side="right")) - 1, int(np.searchsorted(groups, end))
        out = block or Block(
            np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64), np.empty((len(QUANTITIES), 0))
        )
        search_numbers = search.tracks, search.within, states, others, numbers, beam
        own = np.array([begin, end, *some])
        if search.threads == 1:
            _build_share(0, 1, own, *search_numbers, start, block is not None, places, out)
        else:
            _build(search.threads, own, *search_numbers, start, block is not None, places, out)

    run(0, len(states), None)
    ends = np.cumsum(start)  # start[i + 1] was the number of pairs of track i
    begin = 0
    while begin < len(states):
        end = max(int(np.searchsorted(ends, ends[begin] + size, side="right")) - 1, begin + 1)
        start[:] = ends - ends[begin]
        n = int(start[end])
        if n:
            block = Block(
                np.empty(n, dtype=np.int64), np.empty(n, dtype=np.int64), np.empty((len(QUANTITIES), n))
            )
            run(begin, end, block)
            yield block
        begin = end


@numba.njit(cache=True)
def _build_share(  # type: ignore[no-untyped-def]
    thread, threads, own, tracks, within, a, b, numbers, beam, start, fill, places, block
):
    """Count the pairs of tracks own[0] to own[1] in start[1:], or write them from `start` on."""
    max_cda, z_min, z_max = numbers[1], numbers[2], numbers[3]
    work, columns, out = workspace(tracks[7]), np.empty((8, BATCH)), np.empty((5, BATCH))
    found = work[-1]
    for group in range(own[2] + thread, own[3], threads):
        candidates = candidate_leaves(group, tracks, within, work)
        for i in range(max(tracks[0][group], own[0]), min(tracks[0][group + 1], own[1])):
            n, _ = search_track(i, candidates, tracks, within, work)
            to = start[i] if fill else 0
            for begin in range(0, n, BATCH):
                m = min(BATCH, n - begin)
                gather(b, found, begin, m, columns)
                reconstruct(a, i, columns, m, numbers[0], beam, out)
                for k in range(m):
                    if (out[0, k] <= max_cda) & (z_min <= out[1, k]) & (out[1, k] <= z_max):
                        if fill:
                            block[0][to], block[1][to] = places[0][i], places[1][found[begin + k]]
                            for c in range(5):
                                block[2][c, to] = out[c, k]
                        to += 1
            if not fill:
                start[i + 1] = to


@numba.njit(cache=True, parallel=True)
def _build(  # type: ignore[no-untyped-def]
    threads, own, tracks, within, a, b, numbers, beam, start, fill, places, block
):
    """Every thread takes every `threads`-th group; each track has its own place in the result."""
    for thread in numba.prange(threads):
        _build_share(thread, threads, own, tracks, within, a, b, numbers, beam, start, fill, places, block)


class PickedTracks(Tracks):
    """Tracks at the given places of a sample; a column is gathered only when a cut asks for it."""

    sample: Tracks
    places: NDArray[np.int64]

    def __init__(self, sample: Tracks, places: NDArray[np.int64]) -> None:
        vars(self).update(sample=sample, places=places, events=sample.events, detector=sample.detector)

    def __len__(self) -> int:
        return len(self.places)

    @cached_property
    def record(self) -> Any:
        """As in `Tracks`."""
        return self.sample.record[self.places]

    @cached_property
    def index(self) -> NDArray[np.int64]:
        """As in `Tracks`."""
        return self.sample.index[self.places]

    @cached_property
    def before(self) -> Line:
        """As in `Tracks`."""
        return _picked(self.sample.before, self.places)

    @cached_property
    def after(self) -> Line:
        """As in `Tracks`."""
        return _picked(self.sample.after, self.places)

    def take(self, where: NDArray[Any]) -> PickedTracks:
        """As in `Tracks`."""
        return PickedTracks(self.sample, self.places[where])

    def column(self, name: str) -> NDArray[Any]:
        """As in `Tracks`."""
        return self.sample.column(name)[self.places]


def _picked(line: Line, places: NDArray[np.int64]) -> Line:
    # Several times faster than an index between brackets.
    return Line(np.take(line.point, places, axis=0), np.take(line.direction, places, axis=0))


class BuiltPairs(Pairs):
    """Pairs of tracks of a sample with the quantities of `built_pairs`; everything else is computed when asked for.

    Parameters
    ----------
    plus, minus : Tracks
    lepton_mass : float
        In MeV/c2.
    beam_line : Line or None
    quantities : ndarray, shape (5, K)
    """

    quantities: NDArray[np.float64]

    def __init__(
        self,
        plus: Tracks,
        minus: Tracks,
        lepton_mass: float,
        beam_line: Line | None,
        quantities: NDArray[np.float64],
    ) -> None:
        super().__init__(plus, minus, lepton_mass, beam_line)
        vars(self).update(zip(QUANTITIES, quantities, strict=True))
        vars(self)["quantities"] = quantities

    def take(self, where: NDArray[Any]) -> BuiltPairs:
        """As in `Pairs`."""
        plus, minus = self.plus.take(where), self.minus.take(where)
        left = (
            np.compress(where, self.quantities, axis=1)
            if where.dtype == np.bool_
            else self.quantities[:, where]
        )
        return BuiltPairs(plus, minus, self.lepton_mass, self.beam_line, left)

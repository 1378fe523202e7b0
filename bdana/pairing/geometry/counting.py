"""Region counts of all pairs of two large sets of tracks, with the sums by track that the covariance needs.

The estimate of an analysis puts pairs through the cuts of its selection, one batch of columns after the other. Here
the cuts are the CDA and the z of the vertex, and everything stays in compiled code: a million tracks have 10^11 pairs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numba
import numpy as np

from bdana.pairing.geometry.kernel import (
    BATCH,
    STATE,
    beam_numbers,
    box_numbers,
    find_regions,
    gather,
    reconstruct,
    track_states,
)
from bdana.pairing.geometry.pair_finder import PairFinder
from bdana.pairing.geometry.rejection import candidate_leaves, find_partners, workspace

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from bdana.pairing.geometry.pair_finder import PairBounds
    from bdana.reconstruction import Line
    from bdana.regions import Regions

__all__ = ["PairCounts", "count_pairs"]


@dataclass(frozen=True)
class PairCounts:
    """Number of pairs within the cuts, by region.

    Attributes
    ----------
    regions : tuple of str
        R names, `outside` last; pairs without finite (z_TAX, CDA_TAX) are not counted.
    counts : ndarray of int, shape (R,)
    by_first, by_second : ndarray of int, shape (N, R) and (M, R)
        Pairs that each track is part of, in the order of the input. Of pairs within one set all are in `by_first`,
        and M is 0.
    mass : ndarray of int, shape (R, bins)
        Histogram of the invariant mass; masses outside its range are not counted.
    """

    regions: tuple[str, ...]
    counts: NDArray[np.int64]
    by_first: NDArray[np.int64]
    by_second: NDArray[np.int64]
    mass: NDArray[np.int64]

    @property
    def covariance(self) -> NDArray[np.float64]:
        """Covariance of the counts, shape (R, R), as in `PairSums.covariance`."""
        a, b = self.by_first.astype(np.float64), self.by_second.astype(np.float64)
        covariance: NDArray[np.float64] = a.T @ a + b.T @ b - np.diag(self.counts)
        return covariance


def count_pairs(
    first: tuple[Line, NDArray[np.float64]],
    second: tuple[Line, NDArray[np.float64]] | None,
    lepton_mass: float,
    cuts: PairBounds,
    beam_line: Line,
    regions: Regions,
    mass_axis: tuple[int, float, float] = (60, 200.0, 1400.0),
) -> PairCounts:
    """Reconstruct all pairs of tracks of two sets, or within one set, and count them by region.

    Parameters
    ----------
    first : tuple of Line and ndarray, shape (N,)
        Lines and momenta in MeV/c.
    second : tuple of Line and ndarray, shape (M,), optional
        Without them, pairs are formed within `first`, each once: tracks of like sign.
    lepton_mass : float
        Mass hypothesis in MeV/c2.
    cuts : PairBounds
        All borders excluded.
    beam_line : Line
        The line that pairs are extrapolated back to.
    regions : Regions
    mass_axis : tuple
        Number of bins, lower and upper end in MeV/c2.

    Returns
    -------
    PairCounts
        The same for any number of threads.

    Examples
    --------
    >>> import numpy as np
    >>> from bdana import Box, Line, PairBounds, Regions
    >>> from bdana.pairing import count_pairs
    >>> plus = Line.from_slopes(x=[328.0, 428.0], y=[0.0, 0.0], z=180e3, tx=[0.004, 0.004], ty=[0.0, 0.0])
    >>> minus = Line.from_slopes(x=[-14.0], y=[0.0], z=180e3, tx=[-0.002], ty=[0.0])
    >>> counts = count_pairs(
    ...     (plus, np.array([40e3, 40e3])),
    ...     (minus, np.array([40e3])),
    ...     lepton_mass=105.658,
    ...     cuts=PairBounds(max_cda=20.0, z_min=105e3, z_max=180e3),
    ...     beam_line=Line(np.array([0.0, 0.0, 23e3]), np.array([0.0, 0.0, 1.0])),
    ...     regions=Regions((Box("SR", 6e3, 40e3, 20.0),)),
    ... )
    >>> dict(zip(counts.regions, counts.counts.tolist()))
    {'SR': 1, 'outside': 1}
    """
    finder = PairFinder.prepare(first[0], second[0] if second else None, cuts)
    names = regions.names
    states = track_states(*first, lepton_mass, finder.first.places)
    by_first, by_second, mass = _count_regions(
        int(numba.get_num_threads()),
        (finder.tracks, finder.within),
        (states, track_states(*second, lepton_mass, finder.second.places) if second else states),
        np.array([cuts.max_cda, cuts.z_min, cuts.z_max, mass_axis[1], mass_axis[2]]),
        beam_numbers(beam_line),
        box_numbers(regions),
        mass_axis[0],
    )
    counts = by_first.sum(axis=0)[:-1]
    if second is None:
        by_first = by_first + by_second
        by_second = by_second[:0]
    return PairCounts(
        names,
        counts,
        _in_input_order(by_first, finder.first.places, len(first[0].point)),
        _in_input_order(
            by_second, finder.second.places[: len(by_second)], len(second[0].point) if second else 0
        ),
        mass[:-1, :-1],
    )


def _in_input_order(sums: NDArray[np.int64], places: NDArray[np.int64], n: int) -> NDArray[np.int64]:
    result = np.zeros((n, sums.shape[1] - 1), dtype=np.int64)
    result[places] = sums[:, :-1]
    return result


@numba.njit(cache=True)
def _classify(out, n, numbers, boxes, bins, region, place):  # type: ignore[no-untyped-def]
    """Find region and mass bin of n pairs: one past the last region or bin for those that are not counted."""
    scale = bins / (numbers[4] - numbers[3])
    find_regions(out[2], out[3], n, boxes, region)
    for m in range(n):
        k = np.uint64(m)
        within = (out[0, k] < numbers[0]) & (numbers[1] < out[1, k]) & (out[1, k] < numbers[2])
        region[k] = region[k] if within else len(boxes) + 1
        scaled = (out[4, k] - numbers[3]) * scale
        place[k] = np.int64(scaled if (scaled >= 0.0) & (scaled < bins) else bins)


@numba.njit(cache=True, parallel=True)
def _count_regions(threads, finder, states, numbers, beam, boxes, bins):  # type: ignore[no-untyped-def]
    """Count pairs on all threads, each for every `threads`-th group; sums of integers do not depend on the order."""
    (tracks, within), (a, b) = finder, states
    groups, rows = len(tracks[0]) - 1, len(boxes) + 2
    by_first = np.zeros((len(a), rows), dtype=np.int64)
    by_second = np.zeros((threads, len(b), rows), dtype=np.int32)
    mass = np.zeros((threads, rows, bins + 1), dtype=np.int64)
    for thread in numba.prange(threads):
        work, columns, out = workspace(tracks[7]), np.empty((STATE, BATCH)), np.empty((5, BATCH))
        region, place = np.empty(BATCH, dtype=np.int64), np.empty(BATCH, dtype=np.int64)
        found = work[-1]
        for group in range(thread, groups, threads):
            candidates = candidate_leaves(group, tracks, within, work)
            for i in range(tracks[0][group], tracks[0][group + 1]):
                n, _ = find_partners(i, candidates, tracks, within, work)
                for begin in range(0, n, BATCH):
                    m = min(BATCH, n - begin)
                    gather(b, found, begin, m, columns)
                    reconstruct(a, i, columns, m, beam, out)
                    _classify(out, m, numbers, boxes, bins, region, place)
                    for k in range(m):
                        by_first[i, region[k]] += 1
                        by_second[thread, found[begin + k], region[k]] += 1
                        mass[thread, region[k], place[k]] += 1
    total = np.zeros((len(b), rows), dtype=np.int64)
    for j in numba.prange(len(b)):
        for thread in range(threads):
            for r in range(rows):
                total[j, r] += by_second[thread, j, r]
    return by_first, total, mass.sum(axis=0)

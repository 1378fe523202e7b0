"""Region counts of all pairs of two large sets of tracks, with the sums by track that the covariance needs.

The estimate of an analysis puts pairs through the cuts of its selection, one batch of columns after the other. Here
the cuts are the CDA and the z of the vertex, and everything stays in compiled code: a million tracks have 10^11 pairs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numba
import numpy as np

from bdana.pairing.search import PairSearch, candidate_leaves, search_track, workspace
from bdana.reconstruction import PARALLEL_SINE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from bdana.reconstruction import Line
    from bdana.regions import Regions

__all__ = ["PairCounts", "count_pairs"]

BATCH = 256
"""Pairs that are reconstructed together: few enough to stay close to the processor."""


@dataclass(frozen=True)
class PairCounts:
    """Pairs within the cuts, by region.

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
    cuts: tuple[float, float, float],
    beam_line: Line,
    regions: Regions,
    mass_axis: tuple[int, float, float] = (60, 200.0, 1400.0),
) -> PairCounts:
    """Reconstruct and count every pair of a track of the first and one of the second set, or of two of one set.

    Parameters
    ----------
    first : tuple of Line and ndarray, shape (N,)
        Lines and momenta in MeV/c.
    second : tuple of Line and ndarray, shape (M,), optional
        Without them, pairs are formed within `first`, each once: tracks of like sign.
    lepton_mass : float
        Mass hypothesis in MeV/c2.
    cuts : tuple of float
        Largest CDA, smallest and largest z of the vertex in mm; all borders excluded.
    beam_line : Line
        The line that pairs are extrapolated back to.
    regions : Regions
    mass_axis : tuple
        Number of bins, lower and upper end in MeV/c2.

    Returns
    -------
    PairCounts
        The same for any number of threads.
    """
    search = PairSearch.prepare(first[0], second[0] if second else None, *cuts)
    names = regions.names
    states = _states(*first, search.first_places)
    by_first, by_second, mass = _count_regions(
        *search.arrays,
        states,
        _states(*second, search.second_places) if second else states,
        np.array([lepton_mass, *cuts, mass_axis[1], mass_axis[2]]),
        np.concatenate([beam_line.point, beam_line.direction]),
        np.array([(box.z_min, box.z_max, box.cda_max) for box in regions.boxes]).reshape(-1, 3),
        mass_axis[0],
    )
    counts = by_first.sum(axis=0)[:-1]
    if second is None:
        by_first = by_first + by_second
        by_second = by_second[:0]
    return PairCounts(
        names,
        counts,
        _in_input_order(by_first, search.first_places, len(first[0].point)),
        _in_input_order(
            by_second, search.second_places[: len(by_second)], len(second[0].point) if second else 0
        ),
        mass[:-1, :-1],
    )


def _in_input_order(sums: NDArray[np.int64], places: NDArray[np.int64], n: int) -> NDArray[np.int64]:
    result = np.zeros((n, sums.shape[1] - 1), dtype=np.int64)
    result[places] = sums[:, :-1]
    return result


def _states(line: Line, p: NDArray[np.float64], places: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return x, y, z, tx, ty, the momentum along z, (1 + tx^2 + ty^2) and p^2 of each place, shape (N, 8)."""
    states = np.empty((len(places), 8))
    _fill_states(line.point, line.direction, np.asarray(p, dtype=np.float64), places, states)
    return states


@numba.njit(cache=True, error_model="numpy")
def _fill_states(point, direction, p, places, states):  # type: ignore[no-untyped-def]
    for k, i in enumerate(places):
        tx, ty = direction[i, 0] / direction[i, 2], direction[i, 1] / direction[i, 2]
        norm = 1.0 + (tx * tx + ty * ty)
        along = p[i] / np.sqrt(norm) * np.sign(direction[i, 2])
        states[k, 0], states[k, 1], states[k, 2] = point[i, 0], point[i, 1], point[i, 2]
        states[k, 3], states[k, 4], states[k, 5] = tx, ty, along
        states[k, 6], states[k, 7] = norm, along * along * norm


@numba.njit(cache=True)
def _gather(states, found, begin, n, columns):  # type: ignore[no-untyped-def]
    """Copy the states of found tracks into columns."""
    for k in range(n):
        j = found[begin + k]
        for c in range(8):
            columns[c, k] = states[j, c]


@numba.njit(cache=True, error_model="numpy", fastmath={"contract"})
def _reconstruct(a, i, b, n, lepton_mass, beam, out):  # type: ignore[no-untyped-def]
    """Compute cda, z_vertex, z_tax, cda_tax and mass of track i with n tracks: the formulas of `closest_approach`."""
    m2 = lepton_mass * lepton_mass
    bx, by, bz, ux, uy, uz = beam[0], beam[1], beam[2], beam[3], beam[4], beam[5]
    ax, ay, az, tx, ty, p1, norm = a[i, 0], a[i, 1], a[i, 2], a[i, 3], a[i, 4], a[i, 5], a[i, 6]
    e1 = np.sqrt(a[i, 7] + m2)
    beam2 = PARALLEL_SINE * PARALLEL_SINE * (ux * ux + uy * uy + uz * uz)
    for m in range(n):
        k = np.uint64(m)
        x, y, z, sx, sy, p2 = b[0, k], b[1, k], b[2, k], b[3, k], b[4, k], b[5, k]
        # n = d1 x d2, w = p2 - p1
        nx, ny, nz = ty - sy, sx - tx, tx * sy - ty * sx
        wx, wy, wz = x - ax, y - ay, z - az
        n2 = nx * nx + ny * ny + nz * nz
        n2 = n2 if n2 > PARALLEL_SINE * PARALLEL_SINE * norm * b[6, k] else np.nan
        out[0, k] = abs(wx * nx + wy * ny + wz * nz) / np.sqrt(n2)
        one = ((wy - wz * sy) * nx + (wz * sx - wx) * ny + (wx * sy - wy * sx) * nz) / n2
        two = ((wy - wz * ty) * nx + (wz * tx - wx) * ny + (wx * ty - wy * tx) * nz) / n2
        vx = 0.5 * (ax + one * tx + x + two * sx)
        vy = 0.5 * (ay + one * ty + y + two * sy)
        vz = 0.5 * (az + one + z + two)
        out[1, k] = vz
        px, py, pz = p1 * tx + p2 * sx, p1 * ty + p2 * sy, p1 + p2
        out[4, k] = np.sqrt(2.0 * (m2 + e1 * np.sqrt(b[7, k] + m2) - p1 * p2 * (1.0 + tx * sx + ty * sy)))
        nx, ny, nz = py * uz - pz * uy, pz * ux - px * uz, px * uy - py * ux
        wx, wy, wz = bx - vx, by - vy, bz - vz
        n2 = nx * nx + ny * ny + nz * nz
        n2 = n2 if n2 > beam2 * (px * px + py * py + pz * pz) else np.nan
        out[3, k] = abs(wx * nx + wy * ny + wz * nz) / np.sqrt(n2)
        along = ((wy * uz - wz * uy) * nx + (wz * ux - wx * uz) * ny + (wx * uy - wy * ux) * nz) / n2
        out[2, k] = vz + along * pz


@numba.njit(cache=True)
def _classify(out, n, numbers, boxes, bins, region, place):  # type: ignore[no-untyped-def]
    """Find region and bin of the mass of n pairs: one past the last region or bin for those not counted."""
    scale = bins / (numbers[5] - numbers[4])
    for m in range(n):
        k = np.uint64(m)
        within = (out[0, k] < numbers[1]) & (numbers[2] < out[1, k]) & (out[1, k] < numbers[3])
        finite = (abs(out[2, k]) < np.inf) & (abs(out[3, k]) < np.inf)
        region[k] = len(boxes) if within & finite else len(boxes) + 1
        scaled = (out[4, k] - numbers[4]) * scale
        place[k] = np.int64(scaled if (scaled >= 0.0) & (scaled < bins) else bins)
    for r in range(len(boxes) - 1, -1, -1):
        z_min, z_max, cda = boxes[r, 0], boxes[r, 1], boxes[r, 2]
        for m in range(n):
            k = np.uint64(m)
            inside = (z_min < out[2, k]) & (out[2, k] < z_max) & (out[3, k] < cda)
            region[k] = r if inside & (region[k] <= len(boxes)) else region[k]


@numba.njit(cache=True, parallel=True)
def _count_regions(  # type: ignore[no-untyped-def]
    tracks, radii, same, threads, a, b, numbers, beam, boxes, bins
):
    """Every thread takes every `threads`-th group; all sums are integers, so their order does not matter."""
    groups, rows = len(tracks[0]) - 1, len(boxes) + 2
    by_first = np.zeros((len(a), rows), dtype=np.int64)
    by_second = np.zeros((threads, len(b), rows), dtype=np.int32)
    mass = np.zeros((threads, rows, bins + 1), dtype=np.int64)
    for thread in numba.prange(threads):
        work, columns, out = workspace(tracks[5]), np.empty((8, BATCH)), np.empty((5, BATCH))
        region, place = np.empty(BATCH, dtype=np.int64), np.empty(BATCH, dtype=np.int64)
        found = work[-1]
        for group in range(thread, groups, threads):
            candidates = candidate_leaves(group, tracks, radii, same, work)
            for i in range(tracks[0][group], tracks[0][group + 1]):
                n, _ = search_track(i, candidates, tracks, radii, same, work)
                for begin in range(0, n, BATCH):
                    m = min(BATCH, n - begin)
                    _gather(b, found, begin, m, columns)
                    _reconstruct(a, i, columns, m, numbers[0], beam, out)
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

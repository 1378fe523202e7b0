"""Region counts of all pairs of two large sets of tracks, with the sums by track that the covariance needs.

The estimate of an analysis puts pairs through the cuts of its selection, one batch of columns after the other. Here
the cuts are the CDA and the z of the vertex, and everything stays in compiled code: a million tracks have 10^11 pairs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numba
import numpy as np

from bdana.pairing.search import BRANCH, SECOND_LEAF, PairSearch, branches_of, search_track, workspace
from bdana.reconstruction import PARALLEL_SINE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from bdana.reconstruction import Line
    from bdana.regions import Regions

__all__ = ["PairCounts", "count_pairs"]

ROOM = 4 * BRANCH * SECOND_LEAF
"""Pairs that wait to be reconstructed together; a branch adds at most a quarter of it."""


@dataclass(frozen=True)
class PairCounts:
    """Pairs within the cuts, by region.

    Attributes
    ----------
    regions : tuple of str
        R names, `outside` last; pairs without finite (z_TAX, CDA_TAX) are not counted.
    counts : ndarray of int, shape (R,)
    by_first, by_second : ndarray of int, shape (N, R) and (M, R)
        Pairs that each track is part of, in the order of the input.
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
    lines: tuple[Line, Line],
    momenta: tuple[NDArray[np.float64], NDArray[np.float64]],
    lepton_mass: float,
    cuts: tuple[float, float, float],
    beam_line: Line,
    regions: Regions,
    mass_axis: tuple[int, float, float] = (60, 200.0, 1400.0),
) -> PairCounts:
    """Reconstruct and count every pair of a track of the first and one of the second set.

    Parameters
    ----------
    lines : two Line
        N and M lines.
    momenta : two ndarray, shapes (N,) and (M,)
        Momenta in MeV/c.
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
    search = PairSearch.prepare(*lines, *cuts)
    names = regions.names
    boxes = np.array([(box.z_min, box.z_max, box.cda_max) for box in regions.boxes]).reshape(-1, 3)
    places = search.first_places, search.second_places
    states = [_states(line, p, at) for line, p, at in zip(lines, momenta, places, strict=True)]
    by_first, by_second, mass = _count_regions(
        *search.arrays,
        *states,
        np.array([lepton_mass, *cuts, mass_axis[1], mass_axis[2]]),
        np.concatenate([beam_line.point, beam_line.direction]),
        boxes,
        mass_axis[0],
        numba.get_num_threads(),
    )
    sorted_first = np.zeros((len(lines[0].point), len(names)), dtype=np.int64)
    sorted_first[places[0]] = by_first
    sorted_second = np.zeros((len(lines[1].point), len(names)), dtype=np.int64)
    filled = places[1] >= 0
    sorted_second[places[1][filled]] = by_second.sum(axis=0, dtype=np.int64)[filled]
    return PairCounts(names, sorted_first.sum(axis=0), sorted_first, sorted_second, mass.sum(axis=0))


def _states(line: Line, p: NDArray[np.float64], places: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return x, y, z, tx, ty and the momentum along z, shape (6, lanes); empty lanes hold any track."""
    if not len(p):
        return np.zeros((6, len(places)))
    direction = line.direction[places]
    slopes = direction[:, :2] / direction[:, 2:]
    along = p[places] / np.sqrt(1.0 + (slopes**2).sum(axis=1)) * np.sign(direction[:, 2])
    return np.ascontiguousarray(np.column_stack([line.point[places], slopes, along]).T)


@numba.njit(cache=True, error_model="numpy", fastmath={"contract"})
def _reconstruct(a, b, i, j, n, lepton_mass, beam, out):  # type: ignore[no-untyped-def]
    """Compute cda, z_vertex, z_tax, cda_tax and mass of n pairs: the formulas of `closest_approach`, one pair a lane."""
    m2 = lepton_mass * lepton_mass
    bx, by, bz, ux, uy, uz = beam[0], beam[1], beam[2], beam[3], beam[4], beam[5]
    cda, z_vertex, z_tax, cda_tax, mass = out[0], out[1], out[2], out[3], out[4]
    for k in range(n):
        f, s = np.uint64(i[k]), np.uint64(j[k])
        ax, ay, tx, ty = a[0, f], a[1, f], a[3, f], a[4, f]
        sx, sy = b[3, s], b[4, s]
        # n = d1 x d2, w = p2 - p1
        nx, ny, nz = ty - sy, sx - tx, tx * sy - ty * sx
        wx, wy, wz = b[0, s] - ax, b[1, s] - ay, b[2, s] - a[2, f]
        n2 = nx * nx + ny * ny + nz * nz
        limit = PARALLEL_SINE * PARALLEL_SINE * (1.0 + tx * tx + ty * ty) * (1.0 + sx * sx + sy * sy)
        n2 = n2 if n2 > limit else np.nan
        cda[k] = abs(wx * nx + wy * ny + wz * nz) / np.sqrt(n2)
        one = ((wy - wz * sy) * nx + (wz * sx - wx) * ny + (wx * sy - wy * sx) * nz) / n2
        two = ((wy - wz * ty) * nx + (wz * tx - wx) * ny + (wx * ty - wy * tx) * nz) / n2
        vx = 0.5 * (ax + one * tx + b[0, s] + two * sx)
        vy = 0.5 * (ay + one * ty + b[1, s] + two * sy)
        vz = 0.5 * (a[2, f] + one + b[2, s] + two)
        z_vertex[k] = vz
        p1, p2 = a[5, f], b[5, s]
        px, py, pz = p1 * tx + p2 * sx, p1 * ty + p2 * sy, p1 + p2
        e1 = np.sqrt(p1 * p1 * (1.0 + tx * tx + ty * ty) + m2)
        e2 = np.sqrt(p2 * p2 * (1.0 + sx * sx + sy * sy) + m2)
        mass[k] = np.sqrt(2.0 * (m2 + e1 * e2 - p1 * p2 * (1.0 + tx * sx + ty * sy)))
        nx, ny, nz = py * uz - pz * uy, pz * ux - px * uz, px * uy - py * ux
        wx, wy, wz = bx - vx, by - vy, bz - vz
        n2 = nx * nx + ny * ny + nz * nz
        limit = PARALLEL_SINE * PARALLEL_SINE * (px * px + py * py + pz * pz) * (ux * ux + uy * uy + uz * uz)
        n2 = n2 if n2 > limit else np.nan
        cda_tax[k] = abs(wx * nx + wy * ny + wz * nz) / np.sqrt(n2)
        along = ((wy * uz - wz * uy) * nx + (wz * ux - wx * uz) * ny + (wx * uy - wy * ux) * nz) / n2
        z_tax[k] = vz + along * pz


@numba.njit(cache=True)
def _count_batch(out, i, j, n, numbers, boxes, by_first, by_second, mass):  # type: ignore[no-untyped-def]
    bins = mass.shape[1]
    scale = bins / (numbers[5] - numbers[4])
    for k in range(n):
        if not (out[0, k] < numbers[1] and numbers[2] < out[1, k] < numbers[3]):
            continue
        z, cda = out[2, k], out[3, k]
        if not (np.isfinite(z) and np.isfinite(cda)):
            continue
        region = 0
        while region < len(boxes) and not (
            boxes[region, 0] < z < boxes[region, 1] and cda < boxes[region, 2]
        ):
            region += 1
        by_first[i[k], region] += 1
        by_second[j[k], region] += 1
        place = (out[4, k] - numbers[4]) * scale
        if 0.0 <= place < bins:
            mass[region, int(place)] += 1


@numba.njit(cache=True, parallel=True)
def _count_regions(  # type: ignore[no-untyped-def]
    trees, tracks, radii, width, a, b, numbers, beam, boxes, bins, threads
):
    """Every thread takes every `threads`-th leaf; all sums are integers, so their order does not matter."""
    start, leaves, regions = trees[0], tracks[2].shape[1], len(boxes) + 1
    branch = min(BRANCH, leaves)
    by_first = np.zeros((a.shape[1], regions), dtype=np.int32)
    by_second = np.zeros((threads, b.shape[1], regions), dtype=np.int32)
    mass = np.zeros((threads, regions, bins), dtype=np.int64)
    for thread in numba.prange(threads):
        work = workspace(leaves, width)
        i, j, out = np.empty(ROOM, dtype=np.int64), np.empty(ROOM, dtype=np.int64), np.empty((5, ROOM))
        n = 0
        for leaf in range(thread, len(start) - 1, threads):
            for f in range(branches_of(leaf, trees, branch, radii[0], work)):
                for track in range(start[leaf], start[leaf + 1]):
                    n = search_track(
                        track, work[0][f] * branch, branch, tracks, radii, width, work, i, j, n, True
                    )
                    if n > ROOM - BRANCH * SECOND_LEAF:
                        _reconstruct(a, b, i, j, n, numbers[0], beam, out)
                        _count_batch(out, i, j, n, numbers, boxes, by_first, by_second[thread], mass[thread])
                        n = 0
        _reconstruct(a, b, i, j, n, numbers[0], beam, out)
        _count_batch(out, i, j, n, numbers, boxes, by_first, by_second[thread], mass[thread])
    return by_first, by_second, mass

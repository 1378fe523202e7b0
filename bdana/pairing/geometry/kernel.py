"""Candidate quantities of pairs in compiled code: what `Pairs` computes, for a track and a list of its partners.

One pair has the same values, bit for bit, whichever of its tracks comes first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numba
import numpy as np

from bdana.reconstruction import PARALLEL_SINE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from bdana.reconstruction import Line
    from bdana.regions import Regions

__all__ = [
    "BATCH",
    "QUANTITIES",
    "STATE",
    "beam_numbers",
    "box_numbers",
    "find_regions",
    "gather",
    "reconstruct",
    "track_states",
]

BATCH = 256
"""Number of pairs that are reconstructed together: few enough for the cache of the processor."""
STATE = 9
"""Numbers of a track in `track_states`."""
QUANTITIES = ("cda", "z_vertex", "z_tax", "cda_tax", "mass")
"""Quantities that `reconstruct` computes: attributes of `Pairs`, in mm and MeV/c2."""


def beam_numbers(beam_line: Line | None) -> NDArray[np.float64]:
    """Return point and direction of the beam line, shape (6,); NaN without one.

    Parameters
    ----------
    beam_line : Line or None
    """
    return np.full(6, np.nan) if beam_line is None else np.concatenate([beam_line.point, beam_line.direction])


def box_numbers(regions: Regions) -> NDArray[np.float64]:
    """Return z_min, z_max and cda_max in mm of each box, innermost first, shape (boxes, 3).

    Parameters
    ----------
    regions : Regions
    """
    return np.array([(*box.ends, box.top) for box in regions.boxes]).reshape(-1, 3)


def track_states(
    line: Line, p: NDArray[np.float64], mass: float | NDArray[np.float64], places: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return x, y, z, tx, ty, the momentum along z, (1 + tx^2 + ty^2), p^2 and mass^2 of chosen tracks, shape (N, 9).

    Parameters
    ----------
    line : Line
        M lines.
    p : ndarray, shape (M,)
        In MeV/c.
    mass : float or ndarray, shape (M,)
        Mass hypothesis in MeV/c2.
    places : ndarray of int, shape (N,)
        Which of the lines, and in which order.
    """
    states = np.empty((len(places), STATE))
    states[:, 8] = np.broadcast_to(mass, len(p))[places] ** 2
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
def gather(states, found, begin, n, columns):  # type: ignore[no-untyped-def]
    """Copy the states of found tracks into columns.

    Parameters
    ----------
    states : ndarray, shape (M, 9)
        Of `track_states`.
    found : ndarray of int
        Places of found tracks.
    begin, n : int
        The first of them that is copied, and how many.
    columns : ndarray, shape (9, BATCH)
        Is filled.
    """
    for k in range(n):
        j = found[begin + k]
        for c in range(STATE):
            columns[c, k] = states[j, c]


@numba.njit(cache=True, error_model="numpy")
def reconstruct(a, i, b, n, beam, out):  # type: ignore[no-untyped-def]
    """Compute cda, z_vertex, z_tax, cda_tax and mass of track i with n tracks: the formulas of `closest_approach`.

    Parameters
    ----------
    a : ndarray, shape (N, 9)
        Of `track_states`.
    i : int
    b : ndarray, shape (9, BATCH)
        The n tracks, as `gather` copies them.
    n : int
    beam : ndarray, shape (6,)
        Of `beam_numbers`.
    out : ndarray, shape (5, BATCH)
        Is filled with `QUANTITIES`.
    """
    bx, by, bz, ux, uy, uz = beam[0], beam[1], beam[2], beam[3], beam[4], beam[5]
    ax, ay, az, tx, ty, p1, norm = a[i, 0], a[i, 1], a[i, 2], a[i, 3], a[i, 4], a[i, 5], a[i, 6]
    m2 = a[i, 8]
    e1 = np.sqrt(a[i, 7] + m2)
    beam2 = PARALLEL_SINE * PARALLEL_SINE * (ux * ux + uy * uy + uz * uz)
    for m in range(n):
        k = np.uint64(m)
        x, y, z, sx, sy, p2 = b[0, k], b[1, k], b[2, k], b[3, k], b[4, k], b[5, k]
        # n = d1 x d2, w = p2 - p1
        nx, ny, nz = ty - sy, sx - tx, tx * sy - ty * sx
        wx, wy, wz = x - ax, y - ay, z - az
        n2 = nx * nx + ny * ny + nz * nz
        n2 = n2 if n2 > PARALLEL_SINE * PARALLEL_SINE * (norm * b[6, k]) else np.nan
        out[0, k] = abs(wx * nx + wy * ny + wz * nz) / np.sqrt(n2)
        one = ((wy - wz * sy) * nx + (wz * sx - wx) * ny + (wx * sy - wy * sx) * nz) / n2
        two = ((wy - wz * ty) * nx + (wz * tx - wx) * ny + (wx * ty - wy * tx) * nz) / n2
        vx = 0.5 * ((ax + one * tx) + (x + two * sx))
        vy = 0.5 * ((ay + one * ty) + (y + two * sy))
        vz = 0.5 * ((az + one) + (z + two))
        out[1, k] = vz
        px, py, pz = p1 * tx + p2 * sx, p1 * ty + p2 * sy, p1 + p2
        product = e1 * np.sqrt(b[7, k] + b[8, k]) - p1 * p2 * (1.0 + tx * sx + ty * sy)
        out[4, k] = np.sqrt((m2 + b[8, k]) + 2.0 * product)
        nx, ny, nz = py * uz - pz * uy, pz * ux - px * uz, px * uy - py * ux
        wx, wy, wz = bx - vx, by - vy, bz - vz
        n2 = nx * nx + ny * ny + nz * nz
        n2 = n2 if n2 > beam2 * (px * px + py * py + pz * pz) else np.nan
        out[3, k] = abs(wx * nx + wy * ny + wz * nz) / np.sqrt(n2)
        along = ((wy * uz - wz * uy) * nx + (wz * ux - wx * uz) * ny + (wx * uy - wy * ux) * nz) / n2
        out[2, k] = vz + along * pz


@numba.njit(cache=True)
def find_regions(z_tax, cda_tax, n, boxes, region):  # type: ignore[no-untyped-def]
    """Find the place of the region of n points: len(boxes) outside all boxes, one more where a point is not finite.

    Parameters
    ----------
    z_tax, cda_tax : ndarray
        In mm.
    n : int
    boxes : ndarray, shape (boxes, 3)
        Of `box_numbers`.
    region : ndarray of int
        Is filled.
    """
    for m in range(n):
        k = np.uint64(m)
        finite = (abs(z_tax[k]) < np.inf) & (abs(cda_tax[k]) < np.inf)
        region[k] = len(boxes) if finite else len(boxes) + 1
    for r in range(len(boxes) - 1, -1, -1):
        z_min, z_max, cda = boxes[r, 0], boxes[r, 1], boxes[r, 2]
        for m in range(n):
            k = np.uint64(m)
            inside = (z_min < z_tax[k]) & (z_tax[k] < z_max) & (cda_tax[k] < cda)
            region[k] = r if inside & (region[k] <= len(boxes)) else region[k]

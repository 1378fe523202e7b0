"""Which pairs of lines can meet: a conservative search that never loses a pair, far from testing all of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numba
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from bdana.reconstruction import Line

__all__ = ["close_pairs"]


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
        Places in `first` and `second`, sorted by (i, j): every pair within the cuts, and few others.
    """
    a, places_a = _ends(first, z_min, z_max)
    b, places_b = _ends(second, z_min, z_max)
    slope2 = max((_slope2(line) for line in (first, second)), default=0.0)
    radius = max_cda * (1.0 + slope2) * (1.0 + 1e-9) + 1e-6
    counts = _count(a, b, radius)
    i = np.empty(counts.sum(), dtype=np.int64)
    j = np.empty_like(i)
    _fill(a, b, radius, np.cumsum(counts) - counts, i, j)
    return places_a[i], places_b[j]


def _slope2(line: Line) -> float:
    d = line.direction
    with np.errstate(all="ignore"):
        s = (d[:, 0] ** 2 + d[:, 1] ** 2) / d[:, 2] ** 2
    s = s[np.isfinite(s)]
    return float(s.max()) if len(s) else 0.0


def _ends(line: Line, z_min: float, z_max: float) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    with np.errstate(all="ignore"):
        ends = np.stack([*line.at(z_min), *line.at(z_max)], axis=1)
    finite = np.flatnonzero(np.isfinite(ends).all(axis=1))
    return ends[finite], finite


@numba.njit(cache=True, inline="always")
def _near(a, b, radius):  # type: ignore[no-untyped-def]
    mx = 0.5 * ((b[0] - a[0]) + (b[2] - a[2]))
    my = 0.5 * ((b[1] - a[1]) + (b[3] - a[3]))
    dx = 0.5 * ((b[2] - a[2]) - (b[0] - a[0]))
    dy = 0.5 * ((b[3] - a[3]) - (b[1] - a[1]))
    q = abs(mx * dx + my * dy)
    dd = dx * dx + dy * dy
    cross = mx * dy - my * dx
    return (q <= dd and cross * cross <= radius * radius * dd) or (
        mx * mx + my * my + dd - 2 * q <= radius * radius
    )


@numba.njit(cache=True, parallel=True)
def _count(a, b, radius):  # type: ignore[no-untyped-def]
    counts = np.zeros(len(a), dtype=np.int64)
    for i in numba.prange(len(a)):
        n = 0
        for j in range(len(b)):
            n += _near(a[i], b[j], radius)
        counts[i] = n
    return counts


@numba.njit(cache=True, parallel=True)
def _fill(a, b, radius, start, out_i, out_j):  # type: ignore[no-untyped-def]
    for i in numba.prange(len(a)):
        n = start[i]
        for j in range(len(b)):
            if _near(a[i], b[j], radius):
                out_i[n] = i
                out_j[n] = j
                n += 1

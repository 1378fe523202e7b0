"""Candidate quantities of pairs of clusters in compiled code: what `ClusterPairs` computes, with its formulas."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numba
import numpy as np

from bdana.reconstruction.clusters import PRECISION, STEPS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from bdana.reconstruction import ClusterPairs

__all__ = ["decay_points", "photon_columns", "photon_frame", "photon_pairs"]


def photon_frame(pairs: ClusterPairs) -> NDArray[np.float64]:
    """Return the calorimeter's z, x, y and z of the dump, the beam line's x and y at that z, and the reference z, shape (7,).

    Parameters
    ----------
    pairs : ClusterPairs
        In mm; NaN without beam line.
    """
    plane = pairs.first.z
    beam = (np.nan, np.nan) if pairs.beam_line is None else pairs.beam_line.at(plane)
    return np.array([plane, *pairs.dump_point, *beam, pairs.reference_z], dtype=np.float64)


def photon_columns(pairs: ClusterPairs) -> tuple[NDArray[np.float64], ...]:
    """Return energy in MeV, x and y in mm of the first clusters, and of the second ones, each of shape (N,).

    Parameters
    ----------
    pairs : ClusterPairs
    """
    return tuple(
        np.asarray(column, dtype=np.float64)
        for one in (pairs.first, pairs.second)
        for column in (one.energy, one.x, one.y)
    )


@numba.njit(cache=True, error_model="numpy")
def _mass_at(z, clusters, k, frame):  # type: ignore[no-untyped-def]
    """Return the mass of pair k for photons that begin at some z on the line from the dump to the centre of the clusters."""
    e1, x1, y1, e2, x2, y2 = clusters
    plane, dx, dy, dz = frame[0], frame[1], frame[2], frame[3]
    share = e1[k] / (e1[k] + e2[k])
    along = (z - dz) / (plane - dz)
    x = dx + along * (share * x1[k] + (1.0 - share) * x2[k] - dx)
    y = dy + along * (share * y1[k] + (1.0 - share) * y2[k] - dy)
    ax, ay, bx, by, d = x1[k] - x, y1[k] - y, x2[k] - x, y2[k] - y, plane - z
    a, b = np.sqrt(ax * ax + ay * ay + d * d), np.sqrt(bx * bx + by * by + d * d)
    ux, uy, uz = ax / a - bx / b, ay / a - by / b, d / a - d / b
    return np.sqrt(e1[k] * e2[k]) * np.sqrt(ux * ux + uy * uy + uz * uz)


@numba.njit(cache=True, error_model="numpy")
def photon_pairs(clusters, frame, out):  # type: ignore[no-untyped-def]
    """Compute separation, distance of the centre from the beam line, and mass of N pairs.

    Parameters
    ----------
    clusters : tuple of six ndarray, shape (N,)
        Of `photon_columns`.
    frame : ndarray, shape (7,)
        Of `photon_frame`.
    out : ndarray, shape (3, N)
        Is filled, in mm and MeV/c2.
    """
    e1, x1, y1, e2, x2, y2 = clusters
    for k in range(len(e1)):
        share = e1[k] / (e1[k] + e2[k])
        x = share * x1[k] + (1.0 - share) * x2[k] - frame[4]
        y = share * y1[k] + (1.0 - share) * y2[k] - frame[5]
        out[0, k] = np.hypot(x1[k] - x2[k], y1[k] - y2[k])
        out[1, k] = np.hypot(x, y)
        out[2, k] = _mass_at(frame[6], clusters, k, frame)


@numba.njit(cache=True, error_model="numpy")
def decay_points(clusters, frame, separation, mass, out):  # type: ignore[no-untyped-def]
    """Compute the z from which photons of a mass come, NaN where there is none behind the dump: as `ClusterPairs.z_vertex`.

    Parameters
    ----------
    clusters, frame
        As for `photon_pairs`.
    separation, mass : ndarray, shape (N,)
        In mm, and the hypothesis in MeV/c2.
    out : ndarray, shape (N,)
        Is filled, in mm.
    """
    e1, e2 = clusters[0], clusters[3]
    for k in range(len(mass)):
        d, step = separation[k] * np.sqrt(e1[k] * e2[k]) / mass[k], np.nan
        for _ in range(STEPS):
            step = _mass_at(frame[0] - d, clusters, k, frame) / mass[k]
            d *= step
            if not abs(step - 1.0) > 1e-3 * PRECISION:
                break
        z = frame[0] - d
        out[k] = z if (abs(step - 1.0) < PRECISION) & (z > frame[3]) else np.nan

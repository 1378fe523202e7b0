"""Pairs of tracks of many small bursts in one compiled call: every two tracks of a burst are compared, without a tree."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numba
import numpy as np

from bdana.pairing.geometry.kernel import BATCH, QUANTITIES, STATE, gather, reconstruct, track_states
from bdana.pairing.geometry.pair_finder import ends_of, margin_of, middle_of, origin_of
from bdana.pairing.geometry.rejection import EPSILON

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from bdana.pairing.geometry.pair_finder import PairBounds
    from bdana.reconstruction import Line

__all__ = ["MOST_PAIRS", "PairsOfBursts", "pairs_of_bursts"]

MOST_PAIRS = 2_000_000
"""Possible pairs of a burst up to which all are compared, which is faster than sorting the tracks; limits the memory."""


class PairsOfBursts(NamedTuple):
    """Reconstructed pairs, each once.

    Attributes
    ----------
    first, second : ndarray of int, shape (K,)
        Places of the tracks.
    set_ : ndarray of int, shape (K,)
        Place of the pair's burst among those given.
    quantities : ndarray, shape (5, K)
        cda, z_vertex, z_tax, cda_tax in mm and mass in MeV/c2 (`QUANTITIES`).
    """

    first: NDArray[np.int64]
    second: NDArray[np.int64]
    set_: NDArray[np.int64]
    quantities: NDArray[np.float64]


def pairs_of_bursts(
    tracks: tuple[Line, NDArray[np.float64], NDArray[np.float64]],
    places: NDArray[np.int64],
    sets: NDArray[np.int64],
    bounds: PairBounds,
    beam: NDArray[np.float64],
    size: int,
) -> Iterator[PairsOfBursts]:
    """Reconstruct the pairs of two sets of tracks, or within one set, of each burst.

    Parameters
    ----------
    tracks : tuple of Line, ndarray and ndarray, shape (N,)
        Lines, momenta in MeV/c, and mass hypotheses in MeV/c2. Lines with a NaN or infinity are in no pair.
    places : ndarray of int, shape (M,)
        The tracks in the order of the sets.
    sets : ndarray of int, shape (bursts, 4)
        First of `places`, and the one after the last, of both sets of each burst; the same twice for pairs within a set.
    bounds : PairBounds
        Borders included.
    beam : ndarray, shape (6,)
        Of `beam_numbers`.
    size : int
        Pairs that are given together, unless a single burst has more.

    Yields
    ------
    PairsOfBursts
        Of whole bursts, burst by burst and by the place of the first track.
    """
    line, p, mass = tracks
    ends, slope, extent = ends_of(line, bounds)
    finite = np.isfinite(extent) & np.isfinite(slope)
    origin = origin_of(ends[finite])
    margin = np.zeros(len(ends), dtype=np.float32)
    margin[finite] = margin_of(ends[finite], slope[finite], extent[finite], bounds.max_cda, origin)
    with np.errstate(all="ignore"):
        middle = np.ascontiguousarray(middle_of(ends - origin)[places].T)
    middle[0, ~finite[places]] = np.nan  # near nothing
    margin, states = margin[places], track_states(line, p, mass, places)
    numbers = np.array([bounds.max_cda, bounds.z_min, bounds.z_max])
    done, room = 0, size
    while done < len(sets):
        out = np.empty((3, room), dtype=np.int64), np.empty((len(QUANTITIES), room))
        n, end = _build(sets, done, places, middle, margin, states, numbers, beam, out[0], out[1])
        if n:
            found = out[0][:, :n].copy()
            yield PairsOfBursts(found[0], found[1], found[2], out[1][:, :n].copy())
        room = size if end > done else 2 * room  # for a burst that does not fit in alone
        done = end


@numba.njit(cache=True, fastmath={"contract"})
def _compare(i, begin, n, middle, margin, flags):  # type: ignore[no-untyped-def]
    """Mark which of n tracks can meet track i: the test of `rejection`, for margins of single tracks."""
    ax, ay, adx, ady, own = middle[0, i], middle[1, i], middle[2, i], middle[3, i], margin[i]
    two, rounded, far = np.float32(2.0), np.float32(1.0 - 8.0 * EPSILON), np.float32(np.inf)
    for m in range(n):
        k, j = np.uint64(m), np.uint64(m) + np.uint64(begin)
        mx, my, dx, dy = middle[0, j] - ax, middle[1, j] - ay, middle[2, j] - adx, middle[3, j] - ady
        radius2 = (own + margin[j]) * (own + margin[j])
        d2 = dx * dx + dy * dy
        along = abs(mx * dx + my * dy)
        cross = mx * dy - my * dx
        near_end = (mx * mx + my * my + d2) * rounded - two * along <= radius2
        flags[k] = near_end | ((along <= d2) & (cross * cross <= radius2 * d2)) | (radius2 == far)


@numba.njit(cache=True, nogil=True)
def _build(sets, done, places, middle, margin, states, numbers, beam, found, quantities):  # type: ignore[no-untyped-def]
    """Write the pairs of bursts from `done` on, as many as there is room for; return their number and the next burst."""
    most = 1
    for burst in range(done, len(sets)):
        most = max(most, sets[burst, 3] - sets[burst, 2])
    flags, near = np.empty(most, dtype=np.uint8), np.empty(most + 1, dtype=np.int64)
    columns, out = np.empty((STATE, BATCH)), np.empty((5, BATCH))
    max_cda, z_min, z_max, room = numbers[0], numbers[1], numbers[2], found.shape[1]
    to = 0
    for burst in range(done, len(sets)):
        begin, begin_first = to, sets[burst, 0]
        within = sets[burst, 0] == sets[burst, 2]
        for i in range(begin_first, sets[burst, 1]):
            start = i + 1 if within else sets[burst, 2]
            n = sets[burst, 3] - start
            if n <= 0 or np.isnan(middle[0, i]):
                continue
            _compare(i, start, n, middle, margin, flags)
            n_near = 0
            for k in range(n):
                near[n_near] = start + k
                n_near += flags[k]
            for first in range(0, n_near, BATCH):
                m = min(BATCH, n_near - first)
                gather(states, near, first, m, columns)
                reconstruct(states, i, columns, m, beam, out)
                for k in range(m):
                    j = near[first + k]
                    if np.isnan(middle[0, j]):
                        continue
                    if (out[0, k] <= max_cda) & (z_min <= out[1, k]) & (out[1, k] <= z_max):
                        if to == room:
                            return begin, burst
                        found[0, to], found[1, to], found[2, to] = places[i], places[j], burst
                        for c in range(5):
                            quantities[c, to] = out[c, k]
                        to += 1
    return to, len(sets)

"""Matching of tracks with hits or clusters of another detector, in the plane of that detector.

A track is a point (x, y) in that plane; the candidates of its event are a jagged record array beside it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import awkward as ak
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["any_near", "nearest", "none_near"]


def nearest(candidates: ak.Array, x: NDArray[np.float64], y: NDArray[np.float64], within: float) -> ak.Array:
    """Pick the candidate nearest to each track.

    Parameters
    ----------
    candidates : ak.Array, type N * var * record
        Candidates of the event of each track, with fields x and y in mm.
    x, y : ndarray, shape (N,)
        Track position in mm in the candidates' plane.
    within : float
        Candidates at this distance (mm) or further are not considered.

    Returns
    -------
    ak.Array, type N * option[record]
        None where no candidate is near. Where a distance is undefined (NaN) it cannot be told which is nearest,
        and every field is NaN.

    Examples
    --------
    >>> import awkward as ak, numpy as np
    >>> from bdana import nearest
    >>> clusters = ak.Array([[{"x": 0.0, "y": 0.0}, {"x": 50.0, "y": 0.0}], [{"x": 900.0, "y": 0.0}]])
    >>> nearest(clusters, np.array([45.0, 45.0]), np.zeros(2), within=20.0).x.to_list()
    [50.0, None]
    """
    columns = {name: _counts_and_flat(candidates[name]) for name in ak.fields(candidates)}
    counts, distance = _distance(candidates, x, y)
    some = counts > 0
    begin = np.cumsum(counts) - counts
    smallest, chosen = np.full(len(counts), np.inf), begin.copy()
    if some.any():
        smallest[some] = np.minimum.reduceat(distance, begin[some])  # NaN if one of them is
        index = np.where(distance == np.repeat(smallest, counts), np.arange(len(distance)), len(distance))
        chosen[some] = np.minimum.reduceat(index, begin[some])
    undefined = np.isnan(smallest)
    found = (smallest < within) | undefined
    near = np.flatnonzero(found & ~undefined)
    fields = {}
    for name, (_, flat) in columns.items():
        value = np.full(len(counts), np.nan)
        value[near] = flat[chosen[near]]
        fields[name] = ak.contents.NumpyArray(value)
    record = ak.contents.RecordArray(list(fields.values()), list(fields), len(counts))
    where = ak.index.Index64(np.where(found, np.arange(len(counts)), -1))
    return ak.Array(ak.contents.IndexedOptionArray(where, record))


def any_near(
    candidates: ak.Array,
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    within: float,
    time: NDArray[np.float64] | None = None,
    time_window: float = np.inf,
) -> NDArray[np.bool_]:
    """Tell whether any candidate lies near each track, and in time with it when times are given.

    Parameters
    ----------
    candidates : ak.Array, type N * var * record
        Candidates of the event of each track, with fields x, y in mm and, when `time` is given, time in ns.
    x, y : ndarray, shape (N,)
        Track position in mm in the candidates' plane.
    within : float
        Largest distance in mm (exclusive).
    time : ndarray, shape (N,), optional
        Track time in ns.
    time_window : float
        Largest absolute time difference in ns (exclusive).

    Returns
    -------
    ndarray of bool, shape (N,)
        A candidate with NaN position or time is never near.

    Examples
    --------
    >>> import awkward as ak, numpy as np
    >>> from bdana import any_near
    >>> hits = ak.Array([[{"x": 40.0, "y": 0.0, "time": 1.0}], [{"x": 40.0, "y": 0.0, "time": 9.0}]])
    >>> any_near(hits, np.array([45.0, 45.0]), np.zeros(2), within=20.0, time=np.zeros(2), time_window=5.0)
    array([ True, False])
    """
    counts, distance = _distance(candidates, x, y)
    near = distance < within
    if time is not None:
        near &= np.abs(_counts_and_flat(candidates.time)[1] - np.repeat(time, counts)) < time_window
    return _any(near, counts)


def none_near(
    candidates: ak.Array,
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    within: float,
    time: NDArray[np.float64],
    time_window: float,
) -> NDArray[np.bool_]:
    """Tell whether no candidate lies near each track and in time with it, as a veto requires.

    Parameters
    ----------
    candidates, x, y, within, time, time_window
        As for `any_near`.

    Returns
    -------
    ndarray of bool, shape (N,)
        False where it cannot be told: a track, or a candidate that may be near it, with NaN position or time.
    """
    counts, distance = _distance(candidates, x, y)
    apart = np.abs(_counts_and_flat(candidates.time)[1] - np.repeat(time, counts))
    away = (distance >= within) | (apart >= time_window)
    return ~_any(~away, counts) & np.isfinite(x + y + time)


def _distance(
    candidates: ak.Array, x: NDArray[np.float64], y: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return the number of candidates of each track, and the distance of each candidate, one track after the other."""
    counts, candidate_x = _counts_and_flat(candidates.x)
    _, candidate_y = _counts_and_flat(candidates.y)
    return counts, np.hypot(candidate_x - np.repeat(x, counts), candidate_y - np.repeat(y, counts))


def _counts_and_flat(column: ak.Array) -> tuple[NDArray[np.int64], NDArray[Any]]:
    return ak.to_numpy(ak.num(column, axis=1)), ak.to_numpy(ak.flatten(column, axis=1))


def _any(mask: NDArray[np.bool_], counts: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Tell for each track whether the mask holds for one of its candidates."""
    total = np.concatenate([[0], np.cumsum(mask)])
    ends = np.cumsum(counts)
    found: NDArray[np.bool_] = total[ends] > total[ends - counts]
    return found

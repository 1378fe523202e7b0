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
    distance = _distance(candidates, x, y)
    undefined = ak.to_numpy(ak.any(np.isnan(distance), axis=1))
    # An all-false mask row gives None; argmin of NaN would depend on the order of the candidates.
    index = ak.argmin(ak.nan_to_num(distance, nan=np.inf), axis=1, keepdims=True)
    chosen = candidates[index]
    near = ak.firsts(distance[index] < within)
    fields = {
        name: ak.mask(
            ak.where(undefined, np.nan, ak.fill_none(ak.firsts(chosen[name]), np.nan)),
            ak.fill_none(near, value=False) | undefined,
        )
        for name in ak.fields(candidates)
    }
    return ak.zip(fields, depth_limit=1, optiontype_outside_record=True)


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
    near = _distance(candidates, x, y) < within
    if time is not None:
        near = near & (abs(candidates.time - time) < time_window)
    return ak.to_numpy(ak.any(near, axis=1))


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
    away = (_distance(candidates, x, y) >= within) | (abs(candidates.time - time) >= time_window)
    return ak.to_numpy(ak.all(away, axis=1)) & np.isfinite(x + y + time)


def _distance(candidates: ak.Array, x: NDArray[np.float64], y: NDArray[np.float64]) -> Any:
    return np.hypot(candidates.x - x, candidates.y - y)

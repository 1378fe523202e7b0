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
    lists = _Lists(candidates)
    counts, distance = lists.counts, _distance(lists, x, y)
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
    values = {name: np.full(len(counts), np.nan) for name in lists.fields}
    for name, value in values.items():
        value[near] = lists.column(name, chosen[near])
    record = ak.contents.RecordArray(
        list(map(ak.contents.NumpyArray, values.values())), list(values), len(counts)
    )
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
    lists = _Lists(candidates)
    near = _distance(lists, x, y) < within
    if time is not None:
        near &= np.abs(lists.column("time") - np.repeat(time, lists.counts)) < time_window
    return _any(near, lists.counts)


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
    lists = _Lists(candidates)
    apart = np.abs(lists.column("time") - np.repeat(time, lists.counts))
    away = (_distance(lists, x, y) >= within) | (apart >= time_window)
    return ~_any(~away, lists.counts) & np.isfinite(x + y + time)


class _Lists:
    """Lists of records as flat columns, of events that are chosen in any order; a column is gathered when asked for."""

    def __init__(self, records: ak.Array) -> None:
        layout, index = records.layout, None
        if isinstance(layout, ak.contents.IndexedArray):
            layout, index = layout.content, np.asarray(layout.index)
        if not isinstance(layout, ak.contents.ListOffsetArray | ak.contents.ListArray):
            layout, index = ak.to_packed(records).layout, None
        starts, stops = (np.asarray(ends)[: layout.length] for ends in (layout.starts, layout.stops))
        if index is not None:
            starts, stops = starts[index], stops[index]
        self.counts: NDArray[np.int64] = (stops - starts).astype(np.int64, copy=False)
        self.fields = layout.fields
        self._content = layout.content
        first = np.cumsum(self.counts) - self.counts
        self._places = np.repeat(starts - first, self.counts) + np.arange(self.counts.sum())

    def column(self, name: str, which: Any = slice(None)) -> NDArray[Any]:
        """Return a field of the records, one list after the other, or of some of them."""
        column = self._content[name]
        flat = column.data if isinstance(column, ak.contents.NumpyArray) else ak.to_numpy(ak.Array(column))
        return np.asarray(flat)[self._places[which]]


def _distance(lists: _Lists, x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the distance of each candidate from its track, one track after the other."""
    dx, dy = (lists.column(name) - np.repeat(a, lists.counts) for name, a in (("x", x), ("y", y)))
    distance: NDArray[np.float64] = np.hypot(dx, dy)
    return distance


def _any(mask: NDArray[np.bool_], counts: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Tell for each track whether the mask holds for one of its candidates."""
    total = np.concatenate([[0], np.cumsum(mask)])
    ends = np.cumsum(counts)
    found: NDArray[np.bool_] = total[ends] > total[ends - counts]
    return found

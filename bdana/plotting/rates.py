"""Rates of single tracks, and candidates against the estimate, in groups of bursts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from bdana.plotting.figures import figure
from bdana.statistics.garwood import poisson_interval

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["save_rates"]

LABELS = 24
"""Groups that are named on the axis; of more, every second, third, ..."""


def save_rates(
    groups: Sequence[str],
    tracks: NDArray[np.int64],
    live_time: NDArray[np.float64],
    observed: NDArray[np.int64],
    expected: NDArray[np.float64],
    path: Path,
    what: str = "",
    title: str = "",
    data_label: str = "data",
) -> None:
    """Draw the rate of recorded single tracks, and below observed candidates over expected ones, one point a group.

    Parameters
    ----------
    groups : sequence of str
        Names of N groups of bursts.
    tracks : ndarray of int, shape (N,)
        Recorded single tracks, or clusters; their errors are those of counts.
    live_time : ndarray, shape (N,)
        In s; a group without has no point.
    observed : ndarray of int, shape (N,)
        Candidates, drawn with Garwood errors.
    expected : ndarray, shape (N,)
    path : Path
        The picture; replaced if it exists.
    what : str
        Label of the axis of the groups.
    title : str
        Written above the frame.
    data_label : str
        Legend of the observed numbers.
    """
    at = np.arange(len(groups), dtype=np.float64)
    numbers = {
        "groups": list(groups), "tracks": tracks, "live_time_s": live_time, "observed": observed, "expected": expected,
        "title": title,
    }  # fmt: skip
    with figure(path, size=(11, 8), numbers=numbers) as fig:
        upper, lower = fig.subplots(2, 1, sharex=True)
        live = live_time > 0
        rate, error = tracks[live] / live_time[live], np.sqrt(tracks[live]) / live_time[live]
        upper.errorbar(at[live], rate, error, fmt="ko", markersize=5)
        upper.set_ylim(0.0, 1.25 * max(float((rate + error).max(initial=0.0)), 1e-9))
        upper.set_ylabel("singles [1/s]")
        upper.set_title(title, loc="left")
        low, high = poisson_interval(observed)
        errors = np.abs(np.stack([observed - low, high - observed]))
        lower.errorbar(at, observed, errors, fmt="ko", markersize=5, label=data_label)
        edges = np.arange(len(groups) + 1) - 0.5
        lower.stairs(expected, edges, baseline=None, color="#0072B2", linewidth=2, label="prediction")
        top = 1.4 * max(float(high.max(initial=1.0)), float(expected.max(initial=0.0)))
        lower.set_ylim(-0.04 * top, top)  # the points of groups without a candidate are whole
        lower.set_ylabel("candidates")
        lower.legend(loc="upper right", ncols=2)
        every = -(-len(groups) // LABELS)
        lower.set_xticks(at[::every], list(groups)[::every], rotation=40, ha="right", rotation_mode="anchor")
        lower.tick_params(axis="x", which="minor", bottom=False, top=False)
        lower.set_xlim(-0.6, len(groups) - 0.4)
        lower.set_xlabel(what)
        fig.align_ylabels()

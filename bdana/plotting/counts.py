"""Observed against expected numbers of pairs, by region or by time difference."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from bdana.plotting.figures import figure
from bdana.plotting.off_scale import mark_off_scale, write_note
from bdana.statistics.garwood import poisson_interval

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from matplotlib.axes import Axes
    from numpy.typing import NDArray

__all__ = ["save_flatness", "save_regions"]

DECADES = 1e8  # of the logarithmic axis, below its largest number


def save_regions(
    labels: Sequence[str],
    observed: NDArray[np.int64] | NDArray[np.float64],
    expected: NDArray[np.float64],
    error: NDArray[np.float64],
    path: Path,
    title: str = "",
    data_label: str = "data",
    counted: str = "pairs",
    *,
    error_down: NDArray[np.float64] | None = None,
) -> None:
    """Draw observed and expected numbers of N regions on a logarithmic axis.

    Parameters
    ----------
    labels : sequence of str
    observed, expected, error : ndarray, shape (N,)
        A region without a pair shows the upper end of its Garwood interval only; one whose observed number is NaN is closed,
        and hatched.
    path : Path
        The picture; replaced if it exists.
    title : str
        Written above the frame.
    data_label : str
        Legend of the observed numbers: data, simulation or pseudo-data.
    counted : str
        Label of the axis.
    error_down : ndarray, shape (N,), optional
        The error downward, where it is another.
    """
    at = np.arange(len(labels), dtype=np.float64)
    closed = np.isnan(observed)
    known = np.where(closed, 0.0, observed)
    lowest = np.maximum(expected - (error if error_down is None else error_down), 0.0)
    top = max(3.0, float(known.max(initial=0)), float((expected + error).max(initial=0.0)))
    floor = max(0.2 * min(1.0, float(expected[expected > 0].min(initial=1.0))), top / DECADES)
    numbers = {
        "regions": list(labels),
        "observed": observed,
        "expected": expected,
        "error": error,
        "title": title,
    } | ({} if error_down is None else {"error_down": error_down})
    with figure(path, size=(9, 6.5), numbers=numbers) as fig:
        axes = fig.subplots()
        for i in np.flatnonzero(closed).tolist():
            axes.axvspan(
                i - 0.45, i + 0.45, facecolor="none", edgecolor="0.75", hatch="xx", linewidth=0, zorder=0
            )
            axes.annotate(
                "closed", (i, 1.0), (0, -6), xycoords=axes.get_xaxis_transform(), textcoords="offset points",
                ha="center", va="top", fontsize=12, bbox={"facecolor": "white", "edgecolor": "none", "pad": 1},
            )  # fmt: skip
        axes.bar(at, expected, width=0.7, color="#92dadd", label="prediction")
        axes.bar(
            at, expected + error - lowest, 0.7, lowest,
            facecolor="none", edgecolor="gray", hatch="////", linewidth=0, label="its error",
        )  # fmt: skip
        _points(axes, at[~closed], observed[~closed], data_label)
        axes.set_yscale("log")
        axes.set_ylim(floor, top * (top / floor) ** 0.45)  # room for the legend
        mark_off_scale(axes, at - 0.17, expected, colour="#3a6b70")
        mark_off_scale(axes, at[~closed] + 0.17, observed[~closed])
        axes.set_xticks(at, labels)
        axes.tick_params(axis="x", which="minor", bottom=False, top=False)
        axes.set_ylabel(counted)
        axes.set_title(title, loc="left")
        axes.legend(
            loc="upper center",
            ncols=3,
            bbox_to_anchor=(0.5, 0.93),
            frameon=True,
            framealpha=1.0,
            edgecolor="none",
        )


def save_flatness(
    counts: NDArray[np.int64],
    window: float,
    path: Path,
    title: str = "",
    data_label: str = "data",
    outside: tuple[int, int] = (0, 0),
) -> None:
    """Draw the time differences of pairs against a flat distribution with the same mean.

    Parameters
    ----------
    counts : ndarray of int, shape (B,)
        In equal bins of |DT| < window.
    window : float
        In ns.
    path, title, data_label
        As for `save_regions`.
    outside : (int, int)
        Pairs below and above the window.
    """
    edges = np.linspace(-window, window, len(counts) + 1)
    numbers = {
        "edges_ns": edges,
        "observed": counts,
        "flat": counts.mean(),
        "outside": outside,
        "title": title,
    }
    with figure(path, size=(9, 6), numbers=numbers) as fig:
        axes = fig.subplots()
        axes.axhline(float(counts.mean()), color="#92dadd", linewidth=3, label="flat")
        _points(axes, 0.5 * (edges[1:] + edges[:-1]), counts, data_label)
        write_note(fig, f"Outside the axis: {data_label} {outside[0]} below, {outside[1]} above")
        top = 1.25 * float(poisson_interval(counts)[1].max())
        # Below zero, so that the points of empty bins are whole.
        axes.set(xlim=(-window, window), ylim=(-0.04 * top, top), xlabel="$t(+) - t(-)$ [ns]")
        axes.set_ylabel(f"pairs / {edges[1] - edges[0]:.4g} ns")
        axes.set_title(title, loc="left")
        axes.legend(loc="upper right", ncols=2)


def _points(
    axes: Axes, at: NDArray[np.float64], observed: NDArray[np.int64] | NDArray[np.float64], label: str
) -> None:
    low, high = poisson_interval(observed)
    errors = np.abs(np.stack([observed - np.where(observed > 0, low, 0.0), high - observed]))
    axes.errorbar(at, observed, yerr=errors, fmt="ko", markersize=6, capsize=3, label=label)

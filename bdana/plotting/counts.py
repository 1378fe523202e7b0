"""Observed against expected numbers of pairs, by region or by time difference."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from hist.intervals import poisson_interval

from bdana.plotting.figures import figure
from bdana.plotting.off_scale import mark_off_scale, write_note

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from matplotlib.axes import Axes
    from numpy.typing import NDArray

__all__ = ["save_flatness", "save_regions"]

DECADES = 1e8  # of the logarithmic axis, below its largest number


def save_regions(
    labels: Sequence[str],
    observed: NDArray[np.int64],
    expected: NDArray[np.float64],
    error: NDArray[np.float64],
    path: Path,
    title: str = "",
    data_label: str = "data",
) -> None:
    """Draw observed and expected numbers of N regions on a logarithmic axis.

    Parameters
    ----------
    labels : sequence of str
    observed, expected, error : ndarray, shape (N,)
        A region without a pair shows the upper end of its Garwood interval only.
    path : Path
        The picture; replaced if it exists.
    title : str
        Written above the frame.
    data_label : str
        Legend of the observed numbers: data, simulation or pseudo-data.
    """
    at = np.arange(len(labels), dtype=np.float64)
    top = max(3.0, float(observed.max(initial=0)), float((expected + error).max(initial=0.0)))
    floor = max(0.2 * min(1.0, float(expected[expected > 0].min(initial=1.0))), top / DECADES)
    with figure(path, size=(9, 6.5)) as fig:
        axes = fig.subplots()
        axes.bar(at, expected, width=0.7, color="#92dadd", label="prediction")
        axes.bar(
            at, 2.0 * error, 0.7, np.maximum(expected - error, 0.0),
            facecolor="none", edgecolor="gray", hatch="////", linewidth=0, label="its error",
        )  # fmt: skip
        _points(axes, at, observed, data_label)
        axes.set_yscale("log")
        axes.set_ylim(floor, 6.0 * top)
        mark_off_scale(axes, at - 0.17, expected, colour="#3a6b70")
        mark_off_scale(axes, at + 0.17, observed)
        axes.set_xticks(at, labels)
        axes.tick_params(axis="x", which="minor", bottom=False, top=False)
        axes.set_ylabel("pairs")
        axes.set_title(title, loc="left")
        axes.legend(loc="upper left")


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
    with figure(path, size=(9, 6)) as fig:
        axes = fig.subplots()
        axes.axhline(float(counts.mean()), color="#92dadd", linewidth=3, label="flat")
        _points(axes, 0.5 * (edges[1:] + edges[:-1]), counts, data_label)
        write_note(fig, f"Outside the axis: {data_label} {outside[0]} below, {outside[1]} above")
        top = 1.25 * float(poisson_interval(counts)[1].max())
        axes.set(xlim=(-window, window), ylim=(0, top), xlabel="$t(+) - t(-)$ [ns]")
        axes.set_ylabel("pairs in a bin")
        axes.set_title(title, loc="left")
        axes.legend(loc="upper right", ncols=2)


def _points(axes: Axes, at: NDArray[np.float64], observed: NDArray[np.int64], label: str) -> None:
    low, high = poisson_interval(observed)
    errors = np.abs(np.stack([observed - np.where(observed > 0, low, 0.0), high - observed]))
    axes.errorbar(at, observed, yerr=errors, fmt="ko", markersize=6, capsize=3, label=label)

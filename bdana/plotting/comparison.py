"""Data against prediction: counts with Garwood errors, the prediction with its error, and the pulls below."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from hist.intervals import poisson_interval

from bdana.plotting.figures import figure
from bdana.plotting.off_scale import flow_note, mark_off_scale, write_note

if TYPE_CHECKING:
    from pathlib import Path

    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from bdana.selection import Histogram

__all__ = ["bin_pulls", "save_comparison"]

PULLS = 5.0
"""End of the axis of pulls: the error bars of nearly all fit, and of what is beyond the number is written."""
NEGLIGIBLE = 0.1  # events: an empty bin of a smaller prediction tells nothing, and has no pull


def bin_pulls(
    observed: NDArray[np.float64], expected: NDArray[np.float64], error: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the pulls: (observed - expected) over the error of the difference.

    The error is the prediction's and, in quadrature, the side of the observed count's Garwood interval (Fixed limits
    for the Poisson distribution, Biometrika 28 (1936) 437) that faces the prediction.

    Parameters
    ----------
    observed, expected, error : ndarray, shape (N,)
        Counts, predicted counts and their standard error.

    Returns
    -------
    ndarray, shape (N,)
        NaN where nothing is predicted and nothing observed.

    Examples
    --------
    >>> import numpy as np
    >>> from bdana.plotting.comparison import bin_pulls
    >>> bin_pulls(np.array([0.0, 9.0, 25.0]), np.array([0.5, 9.0, 16.0]), np.array([0.1, 1.0, 2.0])).round(2)
    array([-0.27,  0.  ,  1.68])
    """
    low, high = poisson_interval(observed)
    low = np.where(observed > 0, low, 0.0)
    side = np.where(observed > expected, observed - low, high - observed)
    pull = (observed - expected) / np.hypot(side, error)
    return np.where((observed == 0) & (expected == 0), np.nan, pull)


def save_comparison(
    observed: Histogram | None,
    predicted: Histogram,
    path: Path,
    title: str = "",
    label: str = "prediction",
    signal: Histogram | None = None,
    signal_label: str = "signal",
    data_label: str = "data",
) -> None:
    """Draw data against prediction for one variable, with the pulls below, into a PNG, PDF or SVG.

    Parameters
    ----------
    observed : hist.Hist or None
        Counts of the regions that are open, one axis; None draws the prediction alone.
    predicted : hist.Hist
        Prediction in the same regions and bins, with variances.
    path : Path
        The picture; replaced if it exists.
    title : str
        Written above the frame.
    label : str
        Legend of the prediction.
    signal : hist.Hist, optional
        Expected signal in the same regions and bins: a line, magnified by a power of ten where it would not be seen.
    signal_label : str
        Its legend.
    data_label : str
        Legend of the observed counts: data, simulation or pseudo-data.
    """
    (axis,) = predicted.axes
    expected = np.asarray(predicted.values(), dtype=np.float64)
    error = np.sqrt(np.asarray(predicted.variances(), dtype=np.float64))
    with figure(path, size=(9, 8)) as fig:
        upper, lower = fig.subplots(2, 1, sharex=True, height_ratios=[3, 1])
        upper.stairs(expected, axis.edges, fill=True, color="#92dadd", label=label)
        upper.fill_between(
            axis.edges,
            np.append(expected - error, 0),
            np.append(expected + error, 0),
            step="post",
            facecolor="none",
            edgecolor="#3a6b70",
            hatch="////",
            linewidth=0,
            label="its error",
        )
        if observed is not None:
            counts = np.asarray(observed.values(), dtype=np.float64)
            low, high = poisson_interval(counts)
            some = counts > 0  # an empty bin has no point: its pull below says how much that means
            errors = np.abs(np.stack([counts - low, high - counts]))
            upper.errorbar(
                axis.centers[some],
                counts[some],
                errors[:, some],
                axis.widths[some] / 2,
                fmt="ko",
                markersize=4,
                label=data_label,
            )
            told = some | (expected > NEGLIGIBLE)
            pulls = bin_pulls(counts, expected, error)[told]
            lower.errorbar(axis.centers[told], pulls, yerr=1.0, fmt="ko", markersize=4)
        if signal is not None:
            _draw_signal(upper, signal, signal_label)
        drawn = {data_label: observed, label: predicted, signal_label: signal}
        write_note(fig, flow_note({name: made for name, made in drawn.items() if made is not None}))
        # Weights below zero are shown; room for the legend.
        lowest, top = min(0.0, float((expected - error).min())), upper.get_ylim()[1]
        upper.set(xlim=(axis.edges[0], axis.edges[-1]), ylim=(1.1 * lowest, 1.35 * top))
        upper.set_ylabel("candidates in a bin")
        upper.set_title(title, loc="left")
        upper.legend(ncols=3)
        lower.axhline(0.0, color="gray", linewidth=1)
        lower.set(ylim=(-PULLS, PULLS), xlabel=axis.label)
        if observed is not None:
            mark_off_scale(lower, axis.centers[told], pulls, errors=1.0)
        lower.set_ylabel("pull")


def _draw_signal(axes: Axes, signal: Histogram, label: str) -> None:
    values = np.asarray(signal.values(), dtype=np.float64)
    top, largest = axes.get_ylim()[1], float(values.max(initial=0.0))
    if not largest > 0.0:
        return
    times = 10.0 ** max(0, int(np.floor(np.log10(0.7 * top / largest))))
    said = f"{times:g} x {label}" if times > 1.0 else label
    axes.stairs(times * values, signal.axes[0].edges, color="#d55e00", linewidth=2, label=said)

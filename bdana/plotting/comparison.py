"""Data against prediction: counts with Garwood errors, stacked backgrounds with their error, and pulls or ratios below."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from bdana.plotting.figures import PALETTE, current_look, figure
from bdana.plotting.off_scale import flow_note, mark_off_scale, write_note
from bdana.rounding import p_equals
from bdana.statistics.garwood import poisson_interval
from bdana.statistics.multinomial import multinomial_p

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from bdana.selection import Histogram

__all__ = ["merged", "pulls", "save_comparison", "shape_p"]

PULLS = 5.0
"""End of the axis of pulls: the error bars of nearly all fit, and of what is beyond the number is written."""
FEWEST = 8
"""Bins that are not merged further."""
TOYS = 10_000  # of the p-value of a shape: an error of 0.005 at most
BAND = "#3a6b70"
REACHED = 0.05  # share of the prediction below which a bin counts as closed
RATIO = 3.0  # end of the axis of ratios
NEGLIGIBLE = 0.1  # events: an empty bin of a smaller prediction tells nothing, and has no pull


def pulls(
    observed: NDArray[np.float64],
    expected: NDArray[np.float64],
    error: NDArray[np.float64],
    error_down: NDArray[np.float64] | None = None,
) -> NDArray[np.float64]:
    """Return the pulls: (observed - expected) over the error of the difference.

    The error is the prediction's, of the side that faces the observed count, and, in quadrature, the side of that count's
    Garwood interval (Fixed limits for the Poisson distribution, Biometrika 28 (1936) 437) that faces the prediction.

    Parameters
    ----------
    observed, expected, error : ndarray, shape (N,)
        Counts, predicted counts and their standard error.
    error_down : ndarray, shape (N,), optional
        The error of the prediction downward, where it is another.

    Returns
    -------
    ndarray, shape (N,)
        NaN where nothing is predicted and nothing observed.

    Examples
    --------
    >>> import numpy as np
    >>> from bdana.plotting.comparison import pulls
    >>> pulls(np.array([0.0, 9.0, 25.0]), np.array([0.5, 9.0, 16.0]), np.array([0.1, 1.0, 2.0])).round(2)
    array([-0.27,  0.  ,  1.68])
    """
    low, high = poisson_interval(observed)
    low = np.where(observed > 0, low, 0.0)
    side = np.where(observed > expected, observed - low, high - observed)
    facing = error if error_down is None else np.where(observed > expected, error, error_down)
    pull = (observed - expected) / np.hypot(side, facing)
    return np.where((observed == 0) & (expected == 0), np.nan, pull)


def merged(predicted: NDArray[np.float64], events: float) -> int:
    """Return how many bins are drawn as one, so that the middle event of a prediction is in a bin of so many events.

    Parameters
    ----------
    predicted : ndarray, shape (B,)
        Predicted numbers of events, never observed ones: bins tell nothing of the data.
    events : float
        0 leaves the bins as they are.

    Returns
    -------
    int
        A divisor of B that leaves `FEWEST` bins or more; 1 where there are not more.

    Examples
    --------
    >>> import numpy as np
    >>> from bdana.plotting.comparison import merged
    >>> merged(np.full(60, 0.5), 2.0), merged(np.full(60, 3.0), 2.0), merged(np.zeros(60), 2.0)
    (4, 1, 6)
    """
    bins, found = len(predicted), 1
    for factor in (f for f in range(1, bins // FEWEST + 1) if bins % f == 0):
        found = factor
        content = np.sort(np.maximum(predicted, 0.0).reshape(-1, factor).sum(axis=1))
        middle = int(np.searchsorted(np.cumsum(content), 0.5 * content.sum()))
        if content[min(middle, len(content) - 1)] >= events:
            break
    return found


def shape_p(observed: NDArray[np.float64], expected: NDArray[np.float64]) -> float | None:
    """Return p(L <= Lobs) of the division of the events among the bins, errors of the prediction aside.

    Parameters
    ----------
    observed, expected : ndarray, shape (B,)

    Returns
    -------
    float or None
        None where fewer than two events, or events where none is expected, tell nothing of a shape.
    """
    known = expected > 0
    counts = np.round(observed).astype(np.int64)
    if not np.allclose(observed, counts) or counts[known].sum() < 2 or np.count_nonzero(known) < 2:
        return None
    if counts[~known].any() or (counts < 0).any():
        return None
    return multinomial_p(counts[known].tolist(), expected[known].tolist(), toys=TOYS)


def save_comparison(
    observed: Histogram | None,
    predicted: Histogram,
    path: Path,
    title: str = "",
    label: str = "prediction",
    signal: Histogram | None = None,
    signal_label: str = "signal",
    data_label: str = "data",
    *,
    parts: Mapping[str, Histogram] | None = None,
    closed: Histogram | None = None,
    remark: str = "",
    error_down: NDArray[np.float64] | None = None,
    entries: str = "candidates",
) -> None:
    """Draw data against prediction for one variable, with pulls or ratios below, into a PNG, PDF or SVG.

    Parameters
    ----------
    observed : hist.Hist or None
        Counts of the regions that are open, one axis; None draws the prediction alone.
    predicted : hist.Hist
        Prediction in the same regions and bins, with variances: those upward where `error_down` is given.
    path : Path
        The picture; replaced if it exists.
    title : str
        Written above the frame.
    label : str
        Legend of the prediction.
    signal : hist.Hist, optional
        Expected signal in the same regions and bins: a line, magnified by a power of ten where it would not be seen, with the
        errors of its simulation.
    signal_label : str
        Its legend.
    data_label : str
        Legend of the observed counts: data, simulation or pseudo-data.
    parts : mapping of str to hist.Hist, optional
        Backgrounds that make up the prediction, stacked in this order; by default it is one. Empty: there is no prediction.
    closed : hist.Hist, optional
        Prediction in the regions that are closed. Bins that hardly anything else reaches are hatched, and have no point and no pull.
    remark : str
        Put before the note below the figure, such as the exposure.
    error_down : ndarray, shape (2 + B,), optional
        Error of the prediction downward, where sources that can only raise or only lower it make it another; the first and the
        last are those of underflow and overflow.
    entries : str
        What is counted: entries, where a candidate has several.
    """
    (axis,) = predicted.axes
    expected = np.asarray(predicted.values(), dtype=np.float64)
    error = np.sqrt(np.asarray(predicted.variances(), dtype=np.float64))
    down = error if error_down is None else error_down[1:-1]
    counts = None if observed is None else np.asarray(observed.values(), dtype=np.float64)
    hidden = _hidden(expected, counts, closed)
    p = None if counts is None else shape_p(counts[~hidden], expected[~hidden])
    chosen = current_look()
    numbers = _numbers(observed, predicted, signal, hidden, p) | {"remark": remark, "title": title}
    if error_down is not None:
        numbers["predicted"]["errors_down"] = down
    with figure(path, size=(9, 8), numbers=numbers) as fig:
        upper = lower = fig.add_subplot() if chosen.panel == "none" else None
        if upper is None or lower is None:
            upper, lower = fig.subplots(2, 1, sharex=True, height_ratios=[3, 1])
        _draw_stack(upper, {label: predicted} if parts is None else parts)
        if expected.any():
            _draw_band(upper, axis.edges, expected - down, expected + error)
        for low, high in _spans(axis.edges, hidden):
            for axes in {upper, lower}:
                axes.axvspan(low, high, facecolor="none", edgecolor="0.75", hatch="xx", linewidth=0, zorder=0)
        if counts is not None:
            _draw_points(upper, axis.centers, axis.widths, counts, expected, hidden, chosen.label(data_label))
        if signal is not None:
            _draw_signal(upper, signal, signal_label)
        alone = parts is not None and not parts
        names = [chosen.label(data_label), chosen.label(label), chosen.labels.get("signal", signal_label)]
        drawn = dict(zip(names, (observed, None if alone else predicted, signal), strict=True))
        note = flow_note(
            {name: made for name, made in drawn.items() if made is not None},
            {} if error_down is None else {names[1]: error_down},
        )
        width = f"{axis.widths[0]:.4g}"
        if counts is not None:
            number = f"{float(np.sum(observed.values(flow=True))):.6g} {names[0]}"  # type: ignore[union-attr]
            note = f"Entries: {number}{'' if alone else f', {_total(predicted)} predicted'}. {note}"
        write_note(fig, ". ".join(filter(None, (remark, note))))
        _set_counts(upper, axis.edges, expected - down, logarithmic=axis.name in chosen.logarithmic)
        unit = _unit(axis.label)
        upper.set_ylabel(f"{entries} / {width}{f' {unit}' if unit else ''}")
        upper.set_title(
            "   ".join(filter(None, (title, f"shape {_p(p)}" if p is not None else ""))), loc="left"
        )
        upper.legend(ncols=2, frameon=True, framealpha=1.0, edgecolor="none")  # over hatched bins
        lower.set_xlabel(axis.label)
        fig.align_ylabels()
        if chosen.panel != "none":
            draw = _draw_ratios if chosen.panel == "ratio" else _draw_pulls
            draw(lower, axis, counts, expected, error, down, hidden)


def _total(predicted: Histogram) -> str:
    return f"{float(np.sum(predicted.values(flow=True))):.3g}"


def _p(p: float) -> str:
    return f"p {p_equals(p)}"


def _unit(label: str) -> str:
    return label.rsplit("[", 1)[1].rstrip("] ") if label.endswith("]") and "[" in label else ""


def _numbers(
    observed: Histogram | None,
    predicted: Histogram,
    signal: Histogram | None,
    hidden: NDArray[np.bool_],
    p: float | None,
) -> dict[str, Any]:
    (axis,) = predicted.axes
    found: dict[str, Any] = {"variable": axis.name, "axis": axis.label, "edges": axis.edges, "shape_p": p}
    for name, made in (("observed", observed), ("predicted", predicted), ("signal", signal)):
        if made is None:
            continue
        values = np.asarray(made.values(flow=True), dtype=np.float64)
        shown = np.where(hidden, np.nan, values[1:-1]) if name == "observed" else values[1:-1]
        found[name] = {"values": shown, "underflow": values[0], "overflow": values[-1]}
        if name != "observed":
            found[name]["errors"] = np.sqrt(np.asarray(made.variances(), dtype=np.float64))
    return found | {"closed_bins": np.flatnonzero(hidden)}


def _hidden(
    expected: NDArray[np.float64], counts: NDArray[np.float64] | None, closed: Histogram | None
) -> NDArray[np.bool_]:
    """Tell which bins hardly anything but closed regions reaches."""
    if closed is None:
        return np.zeros(len(expected), dtype=np.bool_)
    elsewhere = np.asarray(closed.values(), dtype=np.float64) > 0
    mostly = expected <= REACHED * (expected + np.asarray(closed.values(), dtype=np.float64))
    return elsewhere & mostly & (True if counts is None else counts == 0)


def _spans(edges: NDArray[np.float64], hidden: NDArray[np.bool_]) -> list[tuple[float, float]]:
    steps = np.diff(np.concatenate([[0], hidden.astype(int), [0]]))
    starts, ends = edges[np.flatnonzero(steps > 0)], edges[np.flatnonzero(steps < 0)]
    return list(zip(starts.tolist(), ends.tolist(), strict=True))


def _draw_stack(axes: Axes, parts: Mapping[str, Histogram]) -> None:
    chosen, below = current_look(), np.zeros(1)
    for i, (name, part) in enumerate(parts.items()):
        values = np.asarray(part.values(), dtype=np.float64)
        colour = chosen.colours.get(name, PALETTE[i % len(PALETTE)])
        axes.stairs(
            below + values, part.axes[0].edges, baseline=below + 0 * values, fill=True, color=colour,
            label=chosen.label(name),
        )  # fmt: skip
        below = below + values


def _draw_band(
    axes: Axes, edges: NDArray[np.float64], low: NDArray[np.float64], high: NDArray[np.float64]
) -> None:
    axes.fill_between(
        edges, np.append(low, 0), np.append(high, 0), step="post", facecolor="none", edgecolor=BAND, hatch="////",
        linewidth=0, label="stat. + syst. error",
    )  # fmt: skip
    axes.stairs(high, edges, color=BAND, linewidth=0.8)
    axes.stairs(low, edges, color=BAND, linewidth=0.8)


def _draw_points(
    axes: Axes,
    centers: NDArray[np.float64],
    widths: NDArray[np.float64],
    counts: NDArray[np.float64],
    expected: NDArray[np.float64],
    hidden: NDArray[np.bool_],
    label: str,
) -> None:
    """Draw counts with Garwood errors; an empty bin has the upper end of its interval, a closed one nothing at all."""
    low, high = poisson_interval(counts)
    some = (counts > 0) & ~hidden
    errors = np.abs(np.stack([counts - low, high - counts]))
    axes.errorbar(
        centers[some], counts[some], errors[:, some], widths[some] / 2, fmt="ko", markersize=4, label=label
    )
    empty = (counts == 0) & ~hidden & (expected > NEGLIGIBLE)
    axes.vlines(centers[empty], 0.0, high[empty], color="0.45", linewidth=1.0)


def _set_counts(
    axes: Axes, edges: NDArray[np.float64], lowest: NDArray[np.float64], *, logarithmic: bool
) -> None:
    top = axes.get_ylim()[1]
    axes.set_xlim(edges[0], edges[-1])
    if logarithmic:
        axes.set_yscale("log")
        some = lowest[lowest > 0]
        floor = max(0.3 * float(some.min(initial=0.3 * top)), 1e-6 * top)
        axes.set_ylim(floor, top * (top / floor) ** 0.4)
    else:  # weights below zero are shown; room for the legend
        axes.set_ylim(1.1 * min(0.0, float(lowest.min())), 1.4 * top)


def _draw_pulls(
    axes: Axes,
    axis: Any,
    counts: NDArray[np.float64] | None,
    expected: NDArray[np.float64],
    error: NDArray[np.float64],
    down: NDArray[np.float64],
    hidden: NDArray[np.bool_],
) -> None:
    axes.axhspan(-1.0, 1.0, color="0.9", linewidth=0, zorder=0)
    axes.axhline(0.0, color="gray", linewidth=1)
    axes.set_ylim(-PULLS, PULLS)
    axes.set_yticks([-4.0, -2.0, 0.0, 2.0, 4.0])
    axes.set_ylabel("pull")
    if counts is not None:
        told = ((counts > 0) | (expected > NEGLIGIBLE)) & ~hidden
        shown = pulls(counts, expected, error, down)[told]
        axes.errorbar(axis.centers[told], shown, yerr=1.0, fmt="ko", markersize=4)
        mark_off_scale(axes, axis.centers[told], shown, errors=1.0)


def _draw_ratios(
    axes: Axes,
    axis: Any,
    counts: NDArray[np.float64] | None,
    expected: NDArray[np.float64],
    error: NDArray[np.float64],
    down: NDArray[np.float64],
    hidden: NDArray[np.bool_],
) -> None:
    axes.axhline(1.0, color="gray", linewidth=1)
    axes.set_ylim(0.0, RATIO)
    axes.set_ylabel("data / pred.")
    some = expected > 0
    below, above = (
        np.divide(side, expected, out=np.zeros_like(expected), where=some) for side in (down, error)
    )
    axes.fill_between(
        axis.edges, np.append(1.0 - below, 1.0), np.append(1.0 + above, 1.0), step="post", facecolor="none",
        edgecolor=BAND, hatch="////", linewidth=0,
    )  # fmt: skip
    if counts is None:
        return
    told = some & ((counts > 0) | (expected > NEGLIGIBLE)) & ~hidden
    low, high = poisson_interval(counts[told])
    n, b = counts[told], expected[told]
    errors = np.abs(np.stack([n - np.where(n > 0, low, 0.0), high - n])) / b
    axes.errorbar(axis.centers[told], n / b, yerr=errors, fmt="ko", markersize=4)
    mark_off_scale(axes, axis.centers[told], n / b)


def _draw_signal(axes: Axes, signal: Histogram, label: str) -> None:
    values = np.asarray(signal.values(), dtype=np.float64)
    top, largest = axes.get_ylim()[1], float(values.max(initial=0.0))
    if not largest > 0.0:
        return
    chosen = current_look()
    times = 10.0 ** max(0, int(np.floor(np.log10(0.7 * top / largest))))
    label = chosen.labels.get("signal", label)
    said = f"{times:g} x {label}" if times > 1.0 else label
    colour, (axis,) = chosen.colours.get("signal", "#d55e00"), signal.axes
    axes.stairs(times * values, axis.edges, color=colour, linewidth=2, label=said)
    error = times * np.sqrt(np.asarray(signal.variances(), dtype=np.float64))
    some = values > 0.0
    axes.errorbar(  # apart from the points of the data
        axis.edges[:-1][some] + 0.35 * axis.widths[some], times * values[some], error[some], fmt="none", ecolor=colour, elinewidth=1.0
    )  # fmt: skip

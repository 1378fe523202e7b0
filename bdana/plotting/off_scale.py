"""What does not fit into a frame is said in it: points beyond an axis, contents beyond a histogram, cells beyond a scale."""

from __future__ import annotations

from textwrap import fill
from typing import TYPE_CHECKING

import numpy as np

from bdana.rounding import plus_minus

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Literal

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import ArrayLike, NDArray

    from bdana.selection import Histogram

    Frame = tuple[tuple[float, float], tuple[float, float]]

__all__ = ["beyond_colours", "beyond_frame", "flow_note", "mark_off_scale", "write_note"]

_ARROW = {"arrowstyle": "-|>", "shrinkA": 0.0, "shrinkB": 0.0, "linewidth": 1.3}
_LENGTH, _TEXT = 16.0, 4.0  # points: of an arrow, and between it and its number


def mark_off_scale(
    axes: Axes,
    x: ArrayLike,
    y: ArrayLike,
    along: Literal["x", "y"] = "y",
    colour: str = "black",
    texts: Sequence[str] | None = None,
    errors: ArrayLike = 0.0,
) -> None:
    """Draw an arrow with its number for every point beyond the limits of an axis, which must be set before.

    Parameters
    ----------
    axes : Axes
    x, y : array_like, shape (N,)
        The points; NaN has no arrow, and on a logarithmic axis what is not above zero lies below.
    along : {"x", "y"}
        The axis that is looked at.
    colour : str
    texts : sequence of str, optional
        What is written beside the arrows in place of the numbers.
    errors : array_like
        Lengths of the error bars: one that leaves the frame, of a point that does not, ends in an arrow without number.
    """
    points = np.atleast_1d(np.asarray(x, dtype=float)), np.atleast_1d(np.asarray(y, dtype=float))
    values, others = points if along == "x" else points[::-1]
    bars = np.broadcast_to(np.asarray(errors, dtype=float), values.shape)
    low, high = sorted(axes.get_xlim() if along == "x" else axes.get_ylim())
    for i in np.flatnonzero((values < low) | (values > high)).tolist():
        text = texts[i] if texts is not None else f"{values[i]:.3g}"
        _arrow(axes, others[i], bool(values[i] > high), along, colour, text)
    inside = (values >= low) & (values <= high)
    for ends, above in ((values - bars < low, False), (values + bars > high, True)):
        for i in np.flatnonzero(inside & ends).tolist():
            _arrow(axes, others[i], above, along, colour)


def _arrow(
    axes: Axes, at: float, above: bool, along: Literal["x", "y"], colour: str, text: str | None = None
) -> None:
    """Draw an arrow to the end of an axis, at a place of the other one."""
    inverted = axes.xaxis_inverted() if along == "x" else axes.yaxis_inverted()
    outward = 1.0 if above != inverted else -1.0
    end = 0.5 * (1.0 + outward)
    place, frame = (
        ((end, at), axes.get_yaxis_transform()) if along == "x" else ((at, end), axes.get_xaxis_transform())
    )
    back = np.array([-outward, 0.0] if along == "x" else [0.0, -outward])
    axes.annotate(
        "", place, tuple(_LENGTH * back), xycoords=frame, textcoords="offset points",
        arrowprops=_ARROW | {"color": colour}, annotation_clip=False,
    )  # fmt: skip
    if text is None:
        return
    side = ("right" if outward > 0 else "left") if along == "x" else ("top" if outward > 0 else "bottom")
    axes.annotate(
        text, place, tuple((_LENGTH + _TEXT) * back), xycoords=frame, textcoords="offset points",
        ha=side if along == "x" else "center", va="center" if along == "x" else side,
        rotation=0.0 if along == "x" or len(text) == 1 else 90.0, color=colour, fontsize=11, annotation_clip=False,
        bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.7, "pad": 0.5},
    )  # fmt: skip


def flow_note(
    histograms: Mapping[str, Histogram], errors_down: Mapping[str, NDArray[np.float64]] | None = None
) -> str:
    """Return what each histogram holds below and above its axis, with errors where it is not a count.

    Parameters
    ----------
    histograms : mapping of str to hist.Hist
        By their names in the legend; one axis each.
    errors_down : mapping of str to ndarray, shape (2 + B,), optional
        Errors downward of those whose variances are upward ones, with underflow and overflow.
    """
    parts = []
    for name, histogram in histograms.items():
        values = np.asarray(histogram.values(flow=True), dtype=float)
        variances = histogram.variances(flow=True)
        errors = np.sqrt(np.zeros_like(values) if variances is None else np.asarray(variances, dtype=float))
        down = (errors_down or {}).get(name, errors)
        low, high = (_content(values[end], errors[end], down[end]) for end in (0, -1))
        parts.append(f"{name} {low} below, {high} above")
    return f"Outside the axis: {'; '.join(parts)}"


def beyond_frame(
    lines: Mapping[str, Sequence[tuple[NDArray[np.float64], NDArray[np.float64]]]], frame: Frame
) -> str:
    """Return which lines leave a frame, and how far they go; empty when none does.

    Parameters
    ----------
    lines : mapping of str to sequence of (ndarray, ndarray)
        By name, the points of each of its parts in x and y; NaN is a gap.
    frame : ((float, float), (float, float))
        Limits in x and y.
    """
    found = []
    for name, parts in lines.items():
        ends = []
        for axis, (low, high), what in zip((0, 1), frame, ("masses", "couplings"), strict=True):
            values = np.concatenate([np.empty(0), *(np.asarray(part[axis], dtype=float) for part in parts)])
            values = values[np.isfinite(values)]
            if values.size and values.min() < low:
                ends.append(f"{what} down to {values.min():.3g}")
            if values.size and values.max() > high:
                ends.append(f"{what} up to {values.max():.3g}")
        if ends:
            found.append(f"{name}: {', '.join(ends)}")
    return f"Beyond the frame: {'; '.join(found)}." if found else ""


def beyond_colours(values: ArrayLike, low: float, high: float) -> str:
    """Return how many cells lie beyond a scale of colours, and how far; empty when none does.

    Parameters
    ----------
    values : array_like
        Contents of the cells; masked and not finite ones are none.
    low, high : float
        Ends of the scale.
    """
    cells: NDArray[np.float64] = np.ma.masked_invalid(np.ma.asarray(values)).compressed()
    under, over = cells[cells < low], cells[cells > high]
    said = [f"{_cells(under.size)} below {low:.3g}, down to {under.min():.3g}"] if under.size else []
    said += [f"{_cells(over.size)} above {high:.3g}, up to {over.max():.3g}"] if over.size else []
    return f"Beyond the colours: {'; '.join(said)}." if said else ""


def write_note(fig: Figure, text: str) -> None:
    """Write small text below a picture.

    Parameters
    ----------
    fig : Figure
    text : str
    """
    width = int(13 * fig.get_figwidth())  # letters on a line
    fig.supxlabel(fill(text, width), x=0.01, ha="left", fontsize=10)


def _cells(number: int) -> str:
    return f"{number} cell{'s' if number > 1 else ''}"


def _content(value: float, error: float, down: float) -> str:
    if value == 0.0 and error == 0.0:
        return "0"
    counted = value.is_integer() and abs(error**2 - value) < 1e-9 * max(1.0, value)
    return f"{value:.0f}" if counted else plus_minus(value, error, None if down == error else down)

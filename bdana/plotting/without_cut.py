"""Distribution of a variable without the cut on it (n-1), with the border of the cut."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from bdana.plotting.figures import current_look, figure
from bdana.plotting.off_scale import flow_note, write_note
from bdana.rounding import grouped
from bdana.statistics.garwood import poisson_interval

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from bdana.selection import Histogram

__all__ = ["save_without_cut"]

FLOOR = 0.3
"""Lower end of a logarithmic axis of counts."""
COLOURS = ("#d55e00", "#0072B2", "#009E73")  # told apart by colour-blind readers


def save_without_cut(
    every: Histogram,
    passed: Histogram,
    path: Path,
    cut: str,
    borders: Sequence[float] = (),
    others: Mapping[str, Histogram] | None = None,
    title: str = "",
    data_label: str = "data",
) -> None:
    """Draw a variable of pairs that pass all other cuts, and beside it of those that pass the cut on it too.

    Parameters
    ----------
    every : hist.Hist
        One axis: all pairs that pass the other cuts. Counts have Garwood errors.
    passed : hist.Hist
        Those that pass this cut too, filled.
    path : Path
        The picture; replaced if it exists.
    cut : str
        Name of the cut.
    borders : sequence of float
        Where it lies, in the unit of the axis.
    others : mapping of str to hist.Hist
        Samples that are drawn over it, without this cut, scaled to the same largest bin.
    title : str
        Written above the frame.
    data_label : str
        Legend of `every`.
    """
    (axis,) = every.axes
    counts, inside = (np.asarray(made.values(), dtype=np.float64) for made in (every, passed))
    numbers = {
        "cut": cut, "variable": axis.name, "axis": axis.label, "edges": axis.edges, "borders": list(borders), "title": title,
        "every": _sums(every), "passed": _sums(passed), "others": {name: _sums(made) for name, made in (others or {}).items()},
    }  # fmt: skip
    with figure(path, size=(9, 6.5), numbers=numbers) as fig:
        axes = fig.add_subplot()
        axes.stairs(inside, axis.edges, fill=True, color="#92dadd", label=f"pass {cut.replace('_', ' ')} too")
        low, high = poisson_interval(counts, np.asarray(every.variances(), dtype=np.float64))
        some = counts > 0
        errors = np.abs(np.stack([counts - low, high - counts]))[:, some]
        axes.errorbar(
            axis.centers[some], counts[some], errors, axis.widths[some] / 2, fmt="ko", markersize=4,
            label=current_look().label(data_label),
        )  # fmt: skip
        top = max(float(np.nan_to_num(high[some]).max(initial=0.0)), 1.0)
        for (name, made), colour in zip((others or {}).items(), COLOURS, strict=False):
            values = np.asarray(made.values(), dtype=np.float64)
            if counts.any() and values.max(initial=0.0) > 0.0:
                scaled = values * counts.max() / values.max()
                axes.stairs(scaled, axis.edges, color=colour, linewidth=2, label=f"{name}, scaled")
                top = max(top, float(scaled.max()))
        for i, at in enumerate(borders):
            axes.axvline(
                at, color="#AA3377", linestyle="--", linewidth=1.8, label=f"cut {cut.replace('_', ' ')}" if not i else None
            )  # fmt: skip
        axes.set(xlim=(axis.edges[0], axis.edges[-1]), ylim=(0.0, 1.4 * top), xlabel=axis.label)
        if axis.name in current_look().logarithmic:
            axes.set_yscale("log")
            axes.set_ylim(FLOOR, top * (top / FLOOR) ** 0.4)
        unit = axis.label.rsplit("[", 1)[1].rstrip("] ") if axis.label.endswith("]") else ""
        axes.set_ylabel(f"entries / {axis.widths[0]:.4g}{f' {unit}' if unit else ''}")
        axes.set_title(title, loc="left")
        axes.legend(loc="upper right", ncols=2, frameon=True, framealpha=1.0, edgecolor="none")
        sums = (grouped(float(made.values(flow=True).sum())) for made in (every, passed))
        write_note(
            fig,
            f"Entries: {next(sums)} without the cut, {next(sums)} with it. {flow_note({data_label: every})}",
        )


def _sums(made: Histogram) -> dict[str, object]:
    values = np.asarray(made.values(flow=True), dtype=np.float64)
    return {"values": values[1:-1], "underflow": values[0], "overflow": values[-1]}

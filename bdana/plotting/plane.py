"""The plane of the regions, such as (z_TAX, CDA_TAX), with their borders."""

from __future__ import annotations

from typing import TYPE_CHECKING

import hepunits
import numpy as np
from matplotlib.colors import LogNorm
from matplotlib.patches import Rectangle

from bdana.plotting.figures import figure
from bdana.plotting.off_scale import beyond_colours

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from bdana.regions import AnyBox, Regions
    from bdana.selection import Histogram

__all__ = ["save_plane"]

LABEL = (0.025, 0.05)  # of a letter, in frames: width and height, margins included
DECADES = 1e6  # of the scale of colours
SMOOTH = 1e3  # the same, of a prediction


def save_plane(
    plane: Histogram,
    regions: Regions,
    path: Path,
    title: str = "",
    closed: Sequence[AnyBox] = (),
    undefined: int = 0,
    *,
    smooth: bool = False,
) -> None:
    """Draw the candidates in the plane of the regions, such as (z_TAX, CDA_TAX), with their borders, into a PNG, PDF or SVG.

    Parameters
    ----------
    plane : hist.Hist
        What `bdana.selection.plane_histogram` made of the candidates.
    regions : Regions
    path : Path
        The picture; replaced if it exists.
    title : str
        Written above the frame.
    closed : sequence of AnyBox
        Envelopes that are closed, named as their regions: hatched. The candidates hold nothing of them.
    undefined : int
        Candidates without a finite place in the plane.
    smooth : bool
        Whether it is a prediction: its colours end at the largest expected number, however small that is.
    """
    numbers = {
        "title": title, "regions": [box.name for box in regions.boxes], "closed": [box.name for box in closed],
        "z_edges_m": plane.axes[0].edges, "cda_edges_mm": plane.axes[1].edges, "values": plane.values(),
        "outside_frame": float(plane.values(flow=True).sum() - plane.values().sum()), "undefined": undefined,
    }  # fmt: skip
    with figure(path, numbers=numbers) as fig:
        axes = fig.add_subplot()
        shown = np.asarray(plane.values(), dtype=np.float64)
        norm = _colours(shown, least=0.0 if smooth else 10.0)
        z_edges, cda_edges = (axis.edges for axis in plane.axes)
        mesh = axes.pcolormesh(
            z_edges, cda_edges, shown.T, norm=norm, cmap="viridis"
        )  # mplhep's would touch pyplot
        filled = shown[shown != 0.0]
        beyond = beyond_colours(filled, float(norm.vmin or 0.0), float(norm.vmax or np.inf))
        fig.colorbar(
            mesh, ax=axes, label="candidates (sum of weights) in a bin",
            extend="min" if beyond else "neither",
        )  # fmt: skip
        z, cda = z_edges[[0, -1]].tolist(), cda_edges[[0, -1]].tolist()
        _draw_borders(axes, regions, closed, cda[0])
        _write_names(axes, regions, plane)
        axes.set(yscale="log", xlim=z, ylim=cda, xlabel=plane.axes[0].label, ylabel=plane.axes[1].label)
        total = float(plane.values(flow=True).sum())
        counts = f"{total - float(shown.sum()):.4g} of {total:.4g} candidates lie outside the frame"
        if undefined:
            counts += f"; {undefined} more have no point in this plane"
        if closed:
            counts += "; hatched: closed"
        axes.set_title(
            "\n".join(filter(None, (title, counts, beyond, _cut_boxes(regions, z, cda)))), loc="left"
        )


def _colours(sums: NDArray[np.float64], least: float = 10.0) -> LogNorm:
    """Return colours from the smallest sum of weights, or 1, to the largest, over not more than `DECADES`."""
    some = sums[sums > 0.0]
    top = max(least, float(some.max(initial=0.0))) or 10.0
    lowest = float(some.min(initial=top if least == 0.0 else 1.0))
    return LogNorm(min(max(min(1.0, lowest), top / (DECADES if least else SMOOTH)), 0.5 * top), top)


def _cut_boxes(regions: Regions, z: Sequence[float], cda: Sequence[float]) -> str:
    """Say which regions reach beyond the frame."""
    beyond = [
        box.name
        for box in regions.boxes
        if box.ends[0] / box.unit < z[0] or box.ends[1] / box.unit > z[1] or box.top / hepunits.mm > cda[1]
    ]
    return f"beyond the frame: {', '.join(beyond)}" if beyond else ""


def _draw_borders(axes: Axes, regions: Regions, closed: Sequence[AnyBox], bottom: float) -> None:
    if closed:  # they are nested
        widest = max(closed, key=lambda box: box.top)
        z_min, width = widest.ends[0] / widest.unit, (widest.ends[1] - widest.ends[0]) / widest.unit
        corner, height = (z_min, bottom), widest.top / hepunits.mm - bottom
        axes.add_patch(
            Rectangle(corner, width, height, fill=False, edgecolor="gray", linewidth=0, hatch="///")
        )
    for i, box in enumerate(regions.boxes):
        z_min, z_max, cda = box.ends[0] / box.unit, box.ends[1] / box.unit, box.top / hepunits.mm
        colour = "red" if i == 0 else "black"
        axes.add_patch(
            Rectangle(
                (z_min, bottom),
                z_max - z_min,
                cda - bottom,
                fill=False,
                edgecolor=colour,
                linewidth=1.5,
            )
        )


def _write_names(axes: Axes, regions: Regions, plane: Histogram) -> None:
    """Write the name of each region into that of its upper or lower corners where least of what is drawn is hidden."""
    (z_edges, cda_edges), shown = (axis.edges for axis in plane.axes), np.asarray(plane.values())
    height = np.log(cda_edges[-1] / cda_edges[0]) * LABEL[1]
    for i, box in enumerate(regions.boxes):
        left, right, top = box.ends[0] / box.unit, box.ends[1] / box.unit, box.top / hepunits.mm
        width = (z_edges[-1] - z_edges[0]) * LABEL[0] * len(box.name)
        places = []
        for upper in (True, False):
            for leftmost in (True, False):
                low = np.log(top) - height if upper else np.log(cda_edges[0])
                start = left if leftmost else right - width
                hidden = shown[
                    np.ix_(
                        (z_edges[1:] > start) & (z_edges[:-1] < start + width),
                        (np.log(cda_edges[1:]) > low) & (np.log(cda_edges[:-1]) < low + height),
                    )
                ]
                places.append((float(np.abs(hidden).sum()), leftmost, upper))
        _, leftmost, upper = min(places, key=lambda place: place[0])
        axes.annotate(
            box.name, (left if leftmost else right, top if upper else cda_edges[0]),
            xytext=(5 if leftmost else -5, -5 if upper else 5), textcoords="offset points",
            ha="left" if leftmost else "right", va="top" if upper else "bottom", color="red" if i == 0 else "black",
            fontsize=13, bbox={"facecolor": "white", "alpha": 0.8, "edgecolor": "none", "pad": 1},
        )  # fmt: skip

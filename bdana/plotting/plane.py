"""The (z_TAX, CDA_TAX) plane with the borders of the regions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import hepunits
from matplotlib.colors import LogNorm
from matplotlib.patches import Rectangle

from bdana.plotting.figures import figure
from bdana.selection import CDA_FRAME_MM, Z_FRAME_M

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from matplotlib.axes import Axes

    from bdana.regions import Box, Regions
    from bdana.selection import Histogram

__all__ = ["save_plane"]


def save_plane(
    plane: Histogram, regions: Regions, path: Path, title: str = "", closed: Sequence[Box] = ()
) -> None:
    """Draw the candidates in the (z_TAX, CDA_TAX) plane with the borders of the regions, into a PNG, PDF or SVG.

    Parameters
    ----------
    plane : hist.Hist
        What `bdana.selection.plane_histogram` made of the candidates.
    regions : Regions
    path : Path
        The picture; replaced if it exists.
    title : str
        Written above the frame.
    closed : sequence of Box
        Envelopes that are closed, named as their regions: hatched. The candidates hold nothing of them.
    """
    with figure(path) as fig:
        axes = fig.add_subplot()
        shown = plane.values()
        norm = LogNorm(1, max(10.0, float(shown.max(initial=1.0))))
        edges = (axis.edges for axis in plane.axes)
        mesh = axes.pcolormesh(*edges, shown.T, norm=norm, cmap="viridis")  # mplhep's would touch pyplot
        fig.colorbar(mesh, ax=axes, label="candidates (sum of weights) in a bin")
        _draw_borders(axes, regions, closed)
        axes.set(yscale="log", xlim=Z_FRAME_M, ylim=CDA_FRAME_MM)
        axes.set_xlabel(r"$z_{TAX}$ [m]")
        axes.set_ylabel(r"$CDA_{TAX}$ [mm]")
        total = float(plane.values(flow=True).sum())
        counts = f"{total - float(shown.sum()):.4g} of {total:.4g} candidates lie outside the frame"
        axes.set_title(f"{title}\n{counts}".strip(), loc="left")


def _draw_borders(axes: Axes, regions: Regions, closed: Sequence[Box]) -> None:
    bottom = CDA_FRAME_MM[0]
    if closed:  # they are nested
        widest = max(closed, key=lambda box: box.cda_max)
        z_min, width = widest.z_min / hepunits.m, (widest.z_max - widest.z_min) / hepunits.m
        corner, height = (z_min, bottom), widest.cda_max / hepunits.mm - bottom
        axes.add_patch(
            Rectangle(corner, width, height, fill=False, edgecolor="gray", linewidth=0, hatch="///")
        )
    for i, box in enumerate(regions.boxes):
        z_min, z_max, cda = box.z_min / hepunits.m, box.z_max / hepunits.m, box.cda_max / hepunits.mm
        colour = "red" if i == 0 else "black"
        is_closed = any(box.name == envelope.name for envelope in closed)
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
        text = f"{box.name} (closed)" if is_closed else box.name
        axes.annotate(
            text, (z_min, cda), xytext=(5, -5), textcoords="offset points", va="top", color=colour, fontsize=13,
            bbox={"facecolor": "white" if is_closed else "none", "edgecolor": "none", "pad": 1},
        )  # fmt: skip

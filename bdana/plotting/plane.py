"""The (z_TAX, CDA_TAX) plane with the borders of the regions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import hepunits
import hist
import mplhep
import numpy as np
from matplotlib.colors import LogNorm
from matplotlib.patches import Rectangle

from bdana.plotting.figures import figure

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    from matplotlib.axes import Axes

    from bdana.regions import Regions
    from bdana.selection import Candidates

__all__ = ["plane_histogram", "save_plane"]

# The frame depends on no event: three decades around the boxes, where halo, control regions and signal all show.
Z_FRAME_M = (-100.0, 180.0)
CDA_FRAME_MM = (0.3, 3000.0)


def plane_histogram(candidates: Candidates) -> hist.Hist[Any]:
    """Fill weighted candidates into z_TAX (m, 2 m wide bins) and CDA_TAX (mm, 10 bins a decade).

    Returns
    -------
    hist.Hist
        Two axes, `z_tax` and `cda_tax`; what lies outside the frame is in the flow bins.
    """
    plane = hist.Hist(
        hist.axis.Regular(140, *Z_FRAME_M, name="z_tax", label=r"$z_{TAX}$ [m]"),
        hist.axis.Regular(
            40, *CDA_FRAME_MM, name="cda_tax", label=r"$CDA_{TAX}$ [mm]", transform=hist.axis.transform.log
        ),
        storage=hist.storage.Weight(),
    )
    finite = np.isfinite(candidates.z_tax) & np.isfinite(candidates.cda_tax)
    plane.fill(
        z_tax=candidates.z_tax[finite] / hepunits.m,
        # Below the frame a logarithm has no flow bin for 0: the exact hit counts as the smallest distance.
        cda_tax=np.maximum(candidates.cda_tax[finite], 1e-12) / hepunits.mm,
        weight=candidates.weight[finite],
    )
    return plane


def save_plane(
    candidates: Candidates, regions: Regions, path: Path, title: str = "", closed: Collection[str] = ()
) -> None:
    """Draw candidates and region borders into a PNG, PDF or SVG.

    Parameters
    ----------
    candidates : Candidates
    regions : Regions
    path : Path
        The picture; replaced if it exists.
    title : str
        Written above the frame.
    closed : collection of str
        Regions that are closed: hatched. The candidates hold nothing of them.
    """
    plane = plane_histogram(candidates)
    with figure(path) as fig:
        axes = fig.add_subplot()
        shown = plane.values()
        norm = LogNorm(1, max(10.0, float(shown.max(initial=1.0))))
        mesh = mplhep.hist2dplot(plane, ax=axes, norm=norm, cmap="viridis", flow=None, cbar=False)
        fig.colorbar(mesh.pcolormesh, ax=axes, label="candidates (sum of weights) in a bin")
        _draw_borders(axes, regions, closed)
        axes.set(yscale="log", xlim=Z_FRAME_M, ylim=CDA_FRAME_MM)
        axes.set_xlabel(r"$z_{TAX}$ [m]")
        axes.set_ylabel(r"$CDA_{TAX}$ [mm]")
        total = float(plane.values(flow=True).sum())
        counts = f"{total - float(shown.sum()):.4g} of {total:.4g} candidates lie outside the frame"
        axes.set_title(f"{title}\n{counts}".strip(), loc="left")


def _draw_borders(axes: Axes, regions: Regions, closed: Collection[str]) -> None:
    bottom = CDA_FRAME_MM[0]
    for i, box in enumerate(regions.boxes):
        z_min, z_max, cda = box.z_min / hepunits.m, box.z_max / hepunits.m, box.cda_max / hepunits.mm
        colour = "red" if i == 0 else "black"
        hatch = "///" if box.name in closed else None
        axes.add_patch(
            Rectangle(
                (z_min, bottom),
                z_max - z_min,
                cda - bottom,
                fill=False,
                edgecolor=colour,
                linewidth=1.5,
                hatch=hatch,
            )
        )
        text = f"{box.name} (closed)" if hatch else box.name
        axes.annotate(
            text, (z_min, cda), xytext=(5, -5), textcoords="offset points", va="top", color=colour, fontsize=13,
            bbox={"facecolor": "white" if hatch else "none", "edgecolor": "none", "pad": 1},
        )  # fmt: skip

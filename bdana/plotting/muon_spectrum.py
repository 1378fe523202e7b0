"""Closure of the unfolding of a muon spectrum."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from bdana.plotting.figures import figure
from bdana.plotting.off_scale import mark_off_scale, write_note

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["save_unfolding"]


def save_unfolding(
    edges: NDArray[np.float64],
    true: NDArray[np.float64],
    folded: NDArray[np.float64],
    unfolded: NDArray[np.float64],
    error: NDArray[np.float64],
    path: Path,
    title: str = "",
) -> None:
    """Draw a true spectrum, the observed and the unfolded one; below, the pulls of the last two.

    Parameters
    ----------
    edges : ndarray, shape (C + 1,)
        Energies in GeV.
    true, folded, unfolded, error : ndarray, shape (C,)
        Bins without truth or error have no pull.
    path : Path
        The picture; replaced if it exists.
    title : str
        Written above the frame.
    """
    centre = np.sqrt(edges[1:] * edges[:-1])
    at = np.flatnonzero((true > 0) & (error > 0))
    numbers = {
        "edges_gev": edges,
        "true": true,
        "folded": folded,
        "unfolded": unfolded,
        "error": error,
        "title": title,
    }
    with figure(path, size=(9, 8), numbers=numbers) as fig:
        upper, lower = fig.subplots(2, 1, sharex=True, height_ratios=[3, 1])
        upper.stairs(true, edges, fill=True, color="#92dadd", label="true")
        upper.stairs(folded, edges, color="#bd1f01", linewidth=2, label="carried back")
        upper.errorbar(centre, unfolded, yerr=error, fmt="ko", markersize=5, label="unfolded")
        pulls = []
        for values, style in (
            (folded, {"marker": "s", "color": "#bd1f01", "mfc": "none"}),
            (unfolded, {"marker": "o", "color": "k"}),
        ):
            pull = (values[at] - true[at]) / error[at]
            lower.plot(centre[at], pull, linestyle="none", markersize=5, **style)
            pulls.append((pull, style["color"]))
        lower.axhspan(-1.0, 1.0, color="lightgray", linewidth=0)
        lower.set(ylim=(-5.0, 5.0), xlabel="energy at production [GeV]")
        lower.set_ylabel("pull")
        bottom = min(0.0, float((unfolded - error).min(initial=0.0)))
        upper.set(xscale="log", xlim=(edges[0], edges[-1]), ylim=(1.1 * bottom, upper.get_ylim()[1]))
        for pull, colour in pulls:
            mark_off_scale(lower, centre[at], pull, colour=colour)
        lost = float(true.sum() - folded.sum())
        write_note(fig, f"Outside the axis or not seen: {lost:.0f} of {true.sum():.0f} muons carried back")
        upper.set_ylabel("muons in a bin")
        upper.set_title(title, loc="left")
        upper.legend()

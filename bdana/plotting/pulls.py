"""Pulls of the sources of uncertainty."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from bdana.plotting.figures import figure
from bdana.plotting.off_scale import mark_off_scale

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

__all__ = ["save_pulls"]

PULLS = 4.5  # end of the axis


def save_pulls(
    sources: Sequence[str], values: Sequence[float], errors: Sequence[float], path: Path, title: str = ""
) -> None:
    """Draw the fitted shift of each source of uncertainty and its error, in units of the error before the fit.

    Parameters
    ----------
    sources : sequence of str
    values, errors : sequence of float
    path, title
        As for `save_regions`.
    """
    at = np.arange(len(sources))
    numbers = {"sources": list(sources), "values": list(values), "errors": list(errors), "title": title}
    with figure(path, size=(9, 1.8 + 0.5 * len(sources)), numbers=numbers) as fig:
        axes = fig.subplots()
        axes.axvspan(-1.0, 1.0, color="#92dadd", alpha=0.5, linewidth=0)
        axes.axvline(0.0, color="gray", linewidth=1)
        axes.errorbar(values, at, xerr=errors, fmt="ko", markersize=6, capsize=3)
        axes.set_yticks(at, [source.replace("_", " ") for source in sources])
        axes.tick_params(axis="y", which="minor", left=False, right=False)
        axes.set(xlim=(-PULLS, PULLS), ylim=(len(sources) - 0.4, -0.6), xlabel="pull")
        mark_off_scale(axes, values, at, along="x", errors=errors)
        axes.set_title(title, loc="left")

"""Ratio of observed to expected numbers in groups, such as groups of bursts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from bdana.plotting.figures import figure
from bdana.plotting.off_scale import mark_off_scale
from bdana.statistics.garwood import poisson_interval

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["save_stability"]


def save_stability(
    labels: Sequence[str],
    observed: NDArray[np.int64],
    expected: NDArray[np.float64],
    path: Path,
    title: str = "",
    sorts: Sequence[tuple[int, str]] = (),
) -> None:
    """Draw the ratio of observed and expected number with Garwood errors, one point a group.

    Parameters
    ----------
    labels : sequence of str
        Of N groups.
    observed, expected : ndarray, shape (N,)
        Groups where nothing is expected have no point; what was observed there is written.
    path : Path
        The picture; replaced if it exists.
    title : str
        Written above the frame.
    sorts : sequence of (int, str)
        The first group of each sort of groups, and what is written over them.
    """
    at = np.flatnonzero(expected > 0)
    n, b = observed[at], expected[at]
    low, high = poisson_interval(n)
    numbers = {
        "groups": list(labels),
        "observed": observed,
        "expected": expected,
        "sorts": list(sorts),
        "title": title,
    }
    with figure(path, size=(11, 7), numbers=numbers) as fig:
        axes = fig.subplots()
        errors = np.abs(np.stack([n - np.where(n > 0, low, 0.0), high - n])) / b
        axes.errorbar(at, n / b, yerr=errors, fmt="ko", markersize=6, capsize=3)
        axes.axhline(1.0, color="gray", linewidth=1)
        for start, text in sorts:
            if start:
                axes.axvline(start - 0.5, color="lightgray", linewidth=1)
            axes.text(start - 0.3, 0.97, text, transform=axes.get_xaxis_transform(), va="top", fontsize=12)
        axes.set_xticks(range(len(labels)), labels, rotation=40, ha="right", rotation_mode="anchor")
        axes.tick_params(axis="x", which="both", top=False)
        axes.tick_params(axis="x", which="minor", bottom=False)
        axes.set(
            xlim=(-0.6, len(labels) - 0.4), ylim=(0, max(2.0, 1.35 * float((high / b).max(initial=0.0))))
        )
        lost = np.flatnonzero((expected <= 0) & (observed > 0))
        beyond = np.full(len(lost), np.inf)
        mark_off_scale(axes, lost, beyond, texts=[f"{observed[i]} observed, 0 expected" for i in lost])
        axes.set_ylabel("observed / expected")
        axes.set_title(title, loc="left")

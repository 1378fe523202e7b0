"""Events left after each step of a selection, with the efficiency of each step."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from bdana.plotting.figures import figure
from bdana.rounding import grouped

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["save_cutflow"]

# Okabe and Ito, jfly.uni-koeln.de/color; in grey told apart by their dashes.
COLOURS = ("black", "#D55E00", "#0072B2", "#009E73", "#CC79A7")
DASHES = ("-", "--", ":", "-.")


def save_cutflow(
    flows: Mapping[str, Mapping[str, float]],
    path: Path,
    without: Mapping[str, float | None] | None = None,
    title: str = "",
) -> None:
    """Draw how many events each step leaves, on a logarithmic axis; the efficiency of the first sample is written.

    Parameters
    ----------
    flows : mapping of str to mapping of str to float
        By sample, the sum of weights after each step; a step that a sample does not have is left out of its line.
    path : Path
        The picture; replaced if it exists.
    without : mapping of str to float, optional
        Of the first sample, by step: candidates when this step alone is left out (n-1).
    title : str
        Written above the frame.
    """
    first = next(iter(flows.values()))
    steps = list(dict.fromkeys(step for flow in flows.values() for step in flow))
    at = np.arange(len(steps), dtype=np.float64)
    left_out = without or {}
    numbers = {
        "steps": steps,
        "events": {name: dict(flow) for name, flow in flows.items()},
        "n_minus_1": dict(left_out),
    }
    with figure(path, size=(9, 2.0 + 0.42 * len(steps)), numbers=numbers | {"title": title}) as fig:
        axes = fig.subplots()
        top = max(1.0, *(value for flow in flows.values() for value in flow.values()))
        some = [value for flow in flows.values() for value in flow.values() if value > 0.0]
        floor = max(0.5 * min([1.0, *some]), 1e-12 * top)
        for i, (name, flow) in enumerate(flows.items()):
            have = [j for j, step in enumerate(steps) if step in flow]
            values = np.array([flow[steps[j]] for j in have])
            shown = np.where(values > 0.0, values, np.nan)
            if i == 0:
                axes.barh(at[have], np.maximum(values, floor) - floor, 0.8, left=floor, color="#d9edee")
            axes.plot(
                shown, at[have], marker="os^Dv"[i % 5], markersize=5, color=COLOURS[i % 5], linestyle=DASHES[i % 4],
                linewidth=1.2, label=name,
            )  # fmt: skip
        marks = [(left_out[step], j) for j, step in enumerate(steps) if left_out.get(step)]
        if marks:
            axes.plot(*zip(*marks, strict=True), "x", color="#0072B2", markersize=8, label="n-1")
        axes.set_xscale("log")
        axes.set(xlim=(floor, 3.0 * top), ylim=(len(steps) - 0.4, -0.6))
        before = None
        for j, step in enumerate(steps):
            if step not in first:
                continue
            said = grouped(first[step]) + (f"  ({first[step] / before:.3g})" if before else "")
            axes.text(
                1.01, j, said, transform=axes.get_yaxis_transform(), ha="left", va="center", fontsize=11
            )
            before = first[step]
        axes.set_yticks(at, [step.replace("_", " ") for step in steps])
        axes.tick_params(axis="y", which="minor", left=False, right=False)
        axes.set_xlabel("events (sum of weights)")
        axes.set_title("   ".join(filter(None, (title, "number (efficiency of the step)"))), loc="left")
        fig.legend(loc="outside lower center", ncols=3)

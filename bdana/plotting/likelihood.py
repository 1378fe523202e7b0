"""Probabilities of counts, and the likelihood of a signal, with what was observed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from bdana.plotting.figures import figure
from bdana.statistics.poisson import Background, count_probabilities
from bdana.statistics.profile import log_likelihood

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["save_count_probabilities", "save_likelihood"]

LEVELS = {0.683: 0.989, 0.90: 2.706, 0.95: 3.841}
"""-2 ln of the likelihood ratio at which an interval of these levels ends, of one parameter (Wilks)."""
OBSERVED = "#d55e00"


def save_count_probabilities(
    labels: Sequence[str],
    expected: Sequence[Background],
    observed: NDArray[np.float64],
    path: Path,
    title: str = "",
    p_values: Sequence[str] = (),
) -> None:
    """Draw the probability of each count in each region, over the error of the expectation, and mark the observed count.

    Parameters
    ----------
    labels : sequence of str
        Of N regions.
    expected : sequence of Background
        Their expected numbers.
    observed : ndarray, shape (N,)
        NaN where a region is closed.
    path : Path
        The picture; replaced if it exists.
    title : str
        Written above the frames.
    p_values : sequence of str
        Written into the frames.
    """
    made = [_probabilities(background, n) for background, n in zip(expected, observed, strict=True)]
    numbers = {
        "regions": list(labels), "observed": observed, "title": title,
        "probabilities": {label: list(values) for label, (_, values) in zip(labels, made, strict=True)},
        "first_counts": {label: int(counts[0]) for label, (counts, _) in zip(labels, made, strict=True)},
    }  # fmt: skip
    columns = min(3, len(labels))
    rows = -(-len(labels) // columns)
    with figure(path, size=(4.2 * columns, 1.0 + 3.4 * rows), numbers=numbers) as fig:
        panels = fig.subplots(rows, columns, squeeze=False).ravel()
        for i, axes in enumerate(panels):
            if i >= len(labels):
                axes.set_axis_off()
                continue
            counts, values = made[i]
            axes.bar(counts, values, width=0.9, color="#92dadd")
            closed = bool(np.isnan(observed[i]))
            said = "closed" if closed else f"observed {observed[i]:.0f}"
            if not closed:
                axes.axvline(observed[i], color=OBSERVED, linewidth=2.5)
            tail = f"\n{p_values[i]}" if p_values and not closed else ""
            axes.text(
                0.96, 0.95, f"{labels[i]}: {said}{tail}", transform=axes.transAxes, ha="right", va="top", fontsize=12,
                bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.85, "pad": 1},
            )  # fmt: skip
            axes.set_xlim(counts[0] - 0.7, counts[-1] + 0.7)
            axes.set_ylim(0.0, 1.45 * float(values.max()))
            axes.xaxis.get_major_locator().set_params(integer=True)
            axes.tick_params(labelsize=11)
            axes.minorticks_off()
        fig.supxlabel("number of candidates", fontsize=14)
        fig.supylabel("probability", fontsize=14)
        panels[0].set_title(title, loc="left", fontsize=14)


def _probabilities(background: Background, observed: float) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return the counts that are shown, with their probabilities: all but 1e-4 on each side, and the observed one."""
    width = float(np.hypot(np.sqrt(background.expected), max(background.errors)))
    seen = None if np.isnan(observed) else int(observed)
    values = count_probabilities(background, int(max(background.expected + 6.0 * width, seen or 0)) + 4)
    below = np.cumsum(values)
    first, last = np.searchsorted(below, (1e-4, 1.0 - 1e-4)).tolist()
    if seen is not None:
        first, last = min(first, seen), max(last, seen)
    counts = np.arange(first, min(max(last, 3), len(values) - 1) + 1)
    return counts, values[counts]


def save_likelihood(
    curves: Mapping[str, float],
    background: Background,
    path: Path,
    title: str = "",
    ends: Mapping[str, float] | None = None,
) -> None:
    """Draw -2 ln of the profile likelihood ratio against the number of signal events, which is not below zero.

    Parameters
    ----------
    curves : mapping of str to float
        Counts by what they are: `observed`, `expected without signal`.
    background : Background
        Expected background in the region.
    path : Path
        The picture; replaced if it exists.
    title : str
        Written above the frame.
    ends : mapping of str to float, optional
        Upper limits that are marked, in signal events.
    """
    reach = max([3.0, *(3.0 + n - background.expected + 3.5 * np.sqrt(n + 1.0) for n in curves.values())])
    signal = np.linspace(0.0, reach, 241)
    lines = {}
    for name, n in curves.items():
        best = max(0.0, n - background.expected)
        top = log_likelihood(best, n, background, 0.0)
        lines[name] = np.array([2.0 * (top - log_likelihood(s, n, background, 0.0)) for s in signal])
    numbers = {
        "signal": signal, "curves": lines, "counts": dict(curves), "background": background.expected,
        "limits": dict(ends or {}), "title": title,
    }  # fmt: skip
    with figure(path, size=(9, 6.5), numbers=numbers) as fig:
        axes = fig.add_subplot()
        for (name, values), colour, dash in zip(
            lines.items(), ("black", "#0072B2", "#009E73"), ("-", "--", ":"), strict=False
        ):
            axes.plot(
                signal, values, color=colour, linestyle=dash, linewidth=2, label=f"{name}: {curves[name]:.3g}"
            )
        for level, height in LEVELS.items():
            axes.axhline(height, color="0.6", linewidth=1, linestyle=":")
            axes.annotate(
                f"{100 * level:g}%", (1.0, height), (4, 0), xycoords=("axes fraction", "data"),
                textcoords="offset points", va="center", fontsize=12, color="0.35",
            )  # fmt: skip
        for name, at in (ends or {}).items():
            axes.axvline(at, color=OBSERVED, linestyle="--", linewidth=1.8, label=f"{name}: {at:.3g}")
        axes.set(xlim=(0.0, reach), ylim=(0.0, 8.0), xlabel="signal events in the region")
        axes.set_ylabel(r"$-2\,\ln\,\lambda$")
        axes.set_title(title, loc="left")
        fig.legend(loc="outside lower center", ncols=2)  # curves may be anywhere in the frame

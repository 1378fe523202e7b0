"""Figures of the counts of a run: what the prediction expects in each region, and the likelihood of a signal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from bdana.observed import Predicted
from bdana.plotting import save_count_probabilities, save_likelihood
from bdana.report.document import Figure
from bdana.rounding import p_text
from bdana.statistics.background import Background
from bdana.statistics.profile import profile_likelihood

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["count_figures"]

LIMIT_LEVEL = 0.9
"""Confidence level of the interval that is marked."""


def count_figures(table: Mapping[str, Any], folder: Path) -> list[Figure]:
    """Draw the probability of each count, and the likelihood of signal events in the innermost region, the last row.

    Parameters
    ----------
    table : mapping
        table.json.
    folder : Path
        Where the figures go.
    """
    rows = [row for row in table["regions"] if row["expected"] > 0.0]
    if not rows:
        return []
    label = table["label"]
    expected = [Background.of(Predicted.of_dict(row)) for row in rows]
    observed = np.array([row.get("observed", np.nan) for row in rows], dtype=np.float64)
    path = folder / "count_probabilities.png"
    save_count_probabilities(
        [row["name"] for row in rows],
        expected,
        observed,
        path,
        "counts that the prediction expects",
        [f"p(N) {p_text(row['p_n'])}" if "p_n" in row else "" for row in rows],
    )
    caption = f"Probability of each count by region, over the error of the prediction; line: {label}; closed regions have none."
    figures = [Figure(path, caption)]
    inner, background, n = rows[-1], expected[-1], observed[-1]
    if inner is not table["regions"][-1]:
        return figures
    path, ends = folder / "likelihood.png", {}
    curves = {"expected without signal": background.expected}
    if not np.isnan(n):
        curves = {"observed": float(n)} | curves
        interval = profile_likelihood(int(n), background, LIMIT_LEVEL)
        ends = {f"upper end, {100 * LIMIT_LEVEL:g}% CL": interval.high}
        if interval.low > 0.0:
            ends |= {f"lower end, {100 * LIMIT_LEVEL:g}% CL": interval.low}
    save_likelihood(curves, background, path, f"region {inner['name']}", ends)
    what = "closed: that of the expected number" if np.isnan(n) else f"{label} and expected number"
    return [*figures, Figure(path, f"Profile likelihood ratio of signal events in {inner['name']} ({what}).")]

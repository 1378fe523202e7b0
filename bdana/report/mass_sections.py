"""The part of the report on windows of mass: limits and p-values against mass, from mass_windows.json."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from bdana.plotting import save_mass_limits
from bdana.report.document import Figure, Table, Text
from bdana.rounding import p_text

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["MASS_FIGURES", "mass_blocks", "mass_figure", "mass_lines"]

MASS_FIGURES = frozenset({"mass_limits"})
"""Names of the figures of this part."""
LARGEST = 10  # windows in the table: those with the smallest local p-values
METHODS = {"cls": "CLs", "bayes": "Bayes", "feldman_cousins": "Feldman-Cousins"}


def mass_figure(scan: Mapping[str, Any], folder: Path, title: str = "") -> Figure:
    """Draw limits and local p-values against mass.

    Parameters
    ----------
    scan : mapping
        mass_windows.json.
    folder : Path
        Where the figure goes.
    title : str
    """
    rows, path = scan["windows"], folder / "mass_limits.png"
    observed = p_local = None
    if scan["state"] == "open":
        names = rows[0]["limits"]
        observed = {
            METHODS.get(name, name): np.array([row["limits"][name][1] for row in rows]) for name in names
        }
        p_local = np.array([row["p_local"] for row in rows])
    save_mass_limits(
        np.array([row["mass_mev"] for row in rows]),
        np.array([row["expected_limits"] for row in rows]),
        path,
        observed,
        p_local,
        title,
    )
    what = "Observed and expected upper limits" if observed else "Expected upper limits"
    level = f"{100 * scan['confidence_level']:g}% CL"
    caption = f"{what} on signal events in windows of mass, {level}"
    if p_local is not None:
        caption += "; below, the local p-values, with one-sided standard deviations"
    return Figure(path, f"{caption}.")


def mass_lines(scan: Mapping[str, Any]) -> list[str]:
    """Say in words what a scan in windows of mass found.

    Parameters
    ----------
    scan : mapping
        mass_windows.json.

    Examples
    --------
    >>> mass_lines({"state": "closed", "windows": [{}, {}], "convention": "windows"})
    ['2 windows of mass; signal region closed: expected limits only', 'windows']
    """
    said = f"{len(scan['windows'])} windows of mass"
    if scan["state"] == "closed":
        return [f"{said}; signal region closed: expected limits only", scan["convention"]]
    anywhere = p_text(scan["p_global"], scan["p_global_error"] or 0.0)
    return [
        f"{said}; smallest local p {p_text(scan['p_local'])} at {scan['at_mass_mev']:.1f} MeV, global p {anywhere}",
        scan["convention"],
    ]


def mass_blocks(scan: Mapping[str, Any]) -> list[Text | Table]:
    """Lay out global p-value, conventions, and the windows with the smallest local p-values.

    Parameters
    ----------
    scan : mapping
        mass_windows.json.
    """
    blocks: list[Text | Table] = [Text(f"{line[:1].upper()}{line[1:]}.") for line in mass_lines(scan)]
    if scan["state"] == "closed":
        return blocks
    rows = sorted(scan["windows"], key=lambda row: row["p_local"])[:LARGEST]
    names = list(rows[0]["limits"])
    cells = [
        [
            f"{row['mass_mev']:.1f}",
            f"{row['expected']:.3g}",
            str(row["observed"]),
            p_text(row["p_local"]),
            *(f"{row['limits'][name][0]:.3g} to {row['limits'][name][1]:.4g}" for name in names),
            f"{row['expected_limits'][len(row['expected_limits']) // 2]:.4g}",
        ]
        for row in rows
    ]
    headers = ["mass [MeV]", "background", "observed", "local p", *(METHODS.get(n, n) for n in names)]
    caption = f"The {len(rows)} windows with the smallest local p-values; all of them in mass_windows.json."
    return [*blocks, Table([*headers, "median expected"], cells, caption)]

"""The part of the report on the new particle: exclusion, expected signal events by region."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from bdana.plotting import save_efficiency, save_resolution
from bdana.report.document import Figure, Table, Text
from bdana.report.signal_figures import draw_exclusion, draw_parts
from bdana.report.tables import in_label
from bdana.rounding import percent, plus_minus
from bdana.sensitivity.exclusion import CERTAIN

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from bdana.api import Analysis
    from bdana.search.signal_result import SignalResult
    from bdana.search.stored import ChannelSignal

__all__ = ["SIGNAL_FIGURES", "signal_blocks", "signal_figures", "signal_rows"]

SIGNAL_FIGURES = (
    "exclusion",
    "sensitivity_production",
    "sensitivity_mode",
    "efficiency",
    "mass_resolution",
)
"""Names of the figures of this part."""


def signal_figures(analysis: Analysis, result: SignalResult, folder: Path) -> list[Figure]:
    """Draw the exclusion, what parts of the signal exclude, and efficiency and resolution against mass.

    Parameters
    ----------
    analysis : Analysis
    result : SignalResult
    folder : Path
        Where the figures go.
    """
    folder.mkdir(exist_ok=True)
    path, exclusion = folder / "exclusion.png", result.exclusion
    channels = " and ".join(result.channels)
    title = f"{in_label(channels, result.label)}, {exclusion.protons:.3g} protons on target, {100 * exclusion.level:g}% CL"
    draw_exclusion(path, [exclusion], title=title, label=result.label)
    what = "Expected exclusion" if exclusion.observed_limit is None else "Observed and expected exclusion"
    what = in_label(what, result.label)
    bands = ", ".join(name.replace("_", " ") for name in exclusion.systematics)
    return [
        Figure(
            path,
            f"{what} of the {analysis.signal.particle_name}; hatched: the contour at the ends of {bands}.",
        ),
        *_part_figures(result, folder, title),
        *_mass_figures(analysis, result, folder),
    ]


def _part_figures(result: SignalResult, folder: Path, title: str) -> list[Figure]:
    figures = []
    for kind, parts in result.parts.items():
        path = folder / f"sensitivity_{kind}.png"
        draw_parts(path, {**parts, "all": result.exclusion}, "all", title)
        what = "production process" if kind == "production" else "decay mode"
        caption = f"What each {what} would exclude alone, and all of them."
        if kind == "production":
            caption += (
                f" Of one process, areas are left out that exceed the limit nowhere by {CERTAIN:g} statistical errors of the "
                "simulated decays."
            )
        figures.append(Figure(path, caption))
    return figures


def _mass_figures(analysis: Analysis, result: SignalResult, folder: Path) -> list[Figure]:
    _, coupling = analysis.signal.point
    inner, figures = analysis.regions.names[0], []
    at = f"{analysis.signal.coupling.symbol} = {coupling:.3g}"
    efficiency, resolution = (
        {
            mode: {key: np.array(values) for key, values in curves[name].items()}
            for mode, curves in result.against_mass.items()
            if curves[name]["mass_mev"]
        }
        for name in ("efficiency", "resolution")
    )
    if efficiency:
        path = folder / "efficiency.png"
        save_efficiency(efficiency, path, f"simulated signal, {at}")
        figures.append(
            Figure(
                path,
                f"Share of the decays in the decay volume whose products are accepted, and that are selected in {inner}, at "
                f"{analysis.signal.coupling.name} = {coupling:.3g}.",
            )
        )
    if resolution:
        path = folder / "mass_resolution.png"
        save_resolution(resolution, path, f"simulated signal, {at}")
        figures.append(
            Figure(path, f"Distance from the true mass that holds 68.3% of the signal selected in {inner}.")
        )
    return figures


def signal_blocks(result: SignalResult) -> list[Text | Table]:
    """Lay out the limit on signal events, and the expected signal of each channel by region.

    Parameters
    ----------
    result : SignalResult
    """
    exclusion = result.exclusion
    observed = exclusion.observed_limit
    seen = "not yet: the signal region is closed" if observed is None else f"{observed:.4g} events"
    expected = exclusion.expected_limits[len(exclusion.expected_limits) // 2]
    limit = f"Upper limit on signal events, {100 * exclusion.level:g}% CL: expected {expected:.4g}, {in_label('observed', result.label)} {seen}."
    blocks: list[Text | Table] = [Text(limit), Text(f"Convention: {exclusion.convention}.")]
    blocks += [Text(f"Warning: {text}.") for text in result.cautions]
    for name, part in result.channels.items():
        headers, rows = signal_rows(part)
        notes = "".join(f" {note}." for note in part.notes)
        caption = f"{name}: expected events of a {part.label}; errors are those of the simulation.{notes}"
        blocks.append(Table(headers, rows, caption))
    return blocks


def signal_rows(part: ChannelSignal) -> tuple[list[str], list[list[str]]]:
    """Return headers and rows of the expected signal events by region and production process, and their shares.

    The last row is the leak: what is selected outside the innermost region. A control region is opened before it, so that
    its share counts where one is opened.

    Parameters
    ----------
    part : ChannelSignal
    """
    production = part.point["production"]
    regions = list(next(iter(production.values()))["regions"])
    rows = []
    for region in regions:
        cells = [process["regions"][region] for process in production.values()]
        total, error = _added(cells)
        each = [plus_minus(cell["n_selected"], cell["n_selected_error"]) for cell in cells]
        rows.append([region, *each, plus_minus(total, error), _share(part.point["shares"][region])])
    inner = regions[0]
    leaks = [
        [process["regions"][region] for region in regions if region != inner]
        for process in production.values()
    ]
    each = [plus_minus(*_added(cells)) for cells in leaks]
    total, error = _added([cell for cells in leaks for cell in cells])
    within = part.point["shares"][inner]
    leak = {"share": None if within["share"] is None else 1.0 - within["share"], "error": within["error"]}
    rows.append([f"not in {inner}", *each, plus_minus(total, error), _share(leak)])
    return ["region", *production, "all", "share"], rows


def _added(cells: Sequence[dict[str, Any]]) -> tuple[float, float]:
    """Return the sum of expected events, and its error."""
    total = sum(cell["n_selected"] for cell in cells)
    return total, sum(cell["n_selected_error"] ** 2 for cell in cells) ** 0.5


def _share(row: dict[str, Any]) -> str:
    return "" if row["share"] is None else percent(row["share"], row["error"])

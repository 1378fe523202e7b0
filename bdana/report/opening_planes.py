"""Figures of openings: the plane of the candidates as it was before each, and the events that were found.

The plane as it is after the last one is a figure of the sample.
"""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING

import hepunits
import numpy as np

from bdana.plotting import save_event, save_plane
from bdana.plotting.figures import look
from bdana.regions import UNDEFINED
from bdana.report.document import Figure
from bdana.report.run_figures import look_of, state_of
from bdana.search.event_view import opened_views
from bdana.selection.histograms import empty_plane, fill_plane

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    from bdana.api import Analysis
    from bdana.search.stored import StoredSample

__all__ = ["opened_displays", "opening_planes"]


def opening_planes(
    analysis: Analysis, sample: StoredSample, opened: Collection[str], source: Path, folder: Path
) -> list[Figure]:
    """Draw the plane before the opening of each region, outermost first, of candidates that were open then.

    Parameters
    ----------
    analysis : Analysis
    sample : StoredSample
        Of data.
    opened : collection of str
        Regions that were opened; nothing of a region that is closed now is in the results.
    source : Path
        Folder of the sample in output/, with candidates.csv.
    folder : Path
        Where the figures go.
    """
    order = [name for name in reversed(analysis.regions.names) if name in opened]
    if not order:
        return []
    with (source / "candidates.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    pot = (sample.summary["exposure"] or {}).get("pot")
    figures = []
    for step, name in enumerate(order):
        closed = [one for one in analysis.regions.names if one in {*order[step:], *sample.summary["closed"]}]
        shown = [row for row in rows if row["region"] not in closed]
        z, cda = (
            np.array([float(row[key] or "nan") for row in shown]) * unit
            for key, unit in (("z_tax_m", hepunits.m), ("cda_tax_mm", hepunits.mm))
        )
        plane = empty_plane(analysis.regions, analysis.dump_name)
        fill_plane(plane, z, cda, np.ones(len(shown)))
        path = folder / f"plane_{sample.name}_before_{name}.png"
        with look(look_of(analysis, state_of(sample.label, closed), pot)):
            save_plane(
                plane,
                analysis.regions,
                path,
                f"before the opening of {name}",
                analysis.closed_boxes(closed),
                sum(row["region"] == UNDEFINED for row in shown),
            )
        caption = (
            f"Candidates of {sample.title} as they were before the opening of {name}; hatched: closed then."
        )
        figures.append(Figure(path, caption))
    return figures


def opened_displays(analysis: Analysis, folder: Path) -> list[Figure]:
    """Draw the candidates that openings wrote down: from above and from the side, with the table of their quantities.

    Parameters
    ----------
    analysis : Analysis
    folder : Path
        Where the figures go.

    Raises
    ------
    BlindingError
        When the ledger is damaged, or has a row that is not signed or not allowed.
    """
    figures = []
    for view in opened_views(analysis):
        run, burst, event = view.event
        path = folder / f"event_{run}_{burst}_{event}.png"
        said = f"run {run}, burst {burst}, event {event}"
        with look(look_of(analysis, state_of(view.label, view.closed))):
            save_event(view, path, f"{view.sample}: {said}")
        figures.append(
            Figure(path, f"Opened event: {said}, region {view.quantities.get('region', 'unknown')}.")
        )
    return figures

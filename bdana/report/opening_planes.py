"""Figures of openings: the plane of the candidates as it was before each, and the events that were found.

The plane as it is after the last one is a figure of the sample.
"""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING, Any

import numpy as np

from bdana.plotting import save_event, save_plane
from bdana.plotting.figures import look
from bdana.regions import UNDEFINED
from bdana.report.document import Figure
from bdana.report.run_figures import look_of, state_of
from bdana.search.event_view import opened_views
from bdana.selection import Candidates
from bdana.selection.histograms import plane_histogram

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
        candidates = Candidates.of_rows([_plain(row) for row in csv.DictReader(file)])
    pot = (sample.summary["exposure"] or {}).get("pot")
    figures = []
    for step, name in enumerate(order):
        closed = [one for one in analysis.regions.names if one in {*order[step:], *sample.summary["closed"]}]
        shown = candidates.take(~np.isin(candidates.region, closed))
        regions, hidden = analysis.plane_of(analysis.config.search.selection, closed)
        plane = plane_histogram(shown, regions, analysis.dump_name)
        path = folder / f"plane_{sample.name}_before_{name}.png"
        with look(look_of(analysis, state_of(sample.label, closed), pot)):
            save_plane(
                plane,
                regions,
                path,
                f"before the opening of {name}",
                hidden,
                int(np.count_nonzero(shown.region == UNDEFINED)),
            )
        caption = (
            f"Candidates of {sample.title} as they were before the opening of {name}; hatched: closed then."
        )
        figures.append(Figure(path, caption))
    return figures


def _plain(row: dict[str, str]) -> dict[str, Any]:
    return {key: text if key == "region" else float(text) if text else None for key, text in row.items()}


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

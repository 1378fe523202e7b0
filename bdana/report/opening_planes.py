"""The plane of the candidates as it was before each opening; as it is after the last one, the report shows it anyway."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING, Any

import numpy as np

from bdana.plotting import save_plane
from bdana.plotting.figures import look
from bdana.regions import UNDEFINED
from bdana.report.document import Figure
from bdana.report.run_figures import look_of, state_of
from bdana.selection import Candidates
from bdana.selection.histograms import plane_histogram

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    from bdana.api import Analysis
    from bdana.search.stored import StoredSample

__all__ = ["opening_planes"]


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

"""Figures and report of a search, made from what `bdana run` wrote into output/."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bdana.plotting import save_plane
from bdana.plotting.figures import look, stamped
from bdana.regions import UNDEFINED
from bdana.report.check_sections import check_figures
from bdana.report.count_figures import count_figures
from bdana.report.document import Figure
from bdana.report.mass_sections import mass_figure
from bdana.report.opening_planes import opened_displays, opening_planes
from bdana.report.review import review_document
from bdana.report.run_figures import look_of, run_figures, state_of, with_all_errors
from bdana.report.search_sections import search_document
from bdana.report.signal_sections import signal_figures
from bdana.search.channels import by_channel
from bdana.search.signal_result import read_signal
from bdana.search.stored import read_output

if TYPE_CHECKING:
    from pathlib import Path

    from bdana.api import Analysis
    from bdana.regions import Regions
    from bdana.search.stored import ChannelSignal, StoredRun, StoredSample

__all__ = ["save_figures", "with_all_errors", "write_report", "write_review"]


def save_figures(analysis: Analysis) -> list[Figure]:
    """Draw the planes of all samples, and data against prediction in the open regions, into output/figures/.

    Parameters
    ----------
    analysis : Analysis

    Raises
    ------
    InputError
        When there is no complete run of this analysis in output/.
    """
    run = read_output(analysis)
    with stamped(run.incomplete):
        return _drawn(analysis, run)


def _drawn(analysis: Analysis, run: StoredRun) -> list[Figure]:
    parts, out, signal = by_channel(analysis), analysis.folder / "output", read_signal(analysis)
    expected = signal.channels if signal else {}
    with look(look_of(analysis, state_of(run.label, _closed(run)))):
        figures = signal_figures(analysis, signal, out / "figures") if signal else []
        if parts and run.masses:
            figures.append(mass_figure(run.masses, out / "figures", " and ".join(parts)))
    if not parts:
        return figures + _save_figures(analysis, run, out, next(iter(expected.values()), None))
    for name, part in parts.items():
        figures += _save_figures(part, run.channels[name], out / name, expected.get(name))
    return figures


def _closed(run: StoredRun) -> list[str]:
    """Return what is closed in any of the channels, as they name it."""
    rows = [row for part in (run.channels.values() or [run]) for row in (part.table or {}).get("regions", ())]
    return list(dict.fromkeys(row["name"] for row in reversed(rows) if row["state"] == "closed"))


def _save_figures(
    analysis: Analysis, run: StoredRun, out: Path, signal: ChannelSignal | None
) -> list[Figure]:
    folder = out / "figures"
    folder.mkdir(exist_ok=True)
    figures = [_plane(analysis, sample, folder) for sample in run.samples]
    for sample in run.samples:
        if run.table and sample.name == run.table["sample"]:
            figures += opening_planes(analysis, sample, list(run.table["opened"]), out / sample.name, folder)
            figures += opened_displays(analysis, folder)
    if "plane" in run.predicted:
        figures.append(_predicted_plane(analysis, run, folder))
    figures += run_figures(analysis, run, folder, signal)
    with look(look_of(analysis, state_of(run.label, _closed(run)))):
        if run.masses:
            figures.append(mass_figure(run.masses, folder, f"{analysis.regions.names[0]} in windows of mass"))
        if run.table:
            figures += count_figures(run.table, folder)
        return figures + (check_figures(run.checks, folder) if run.checks else [])


def write_report(analysis: Analysis) -> Path:
    """Draw the figures and write output/report.html, which needs no other file.

    Parameters
    ----------
    analysis : Analysis

    Returns
    -------
    Path
        The report.

    Raises
    ------
    InputError
        When there is no complete run of this analysis in output/.
    """
    path = analysis.folder / "output" / "report.html"
    search_document(analysis, save_figures(analysis)).write(path)
    return path


def write_review(analysis: Analysis) -> Path:
    """Draw the figures and write output/review.html, what approvers read before they sign.

    Parameters
    ----------
    analysis : Analysis

    Returns
    -------
    Path
        The packet: what is signed, what has changed, and the whole report.

    Raises
    ------
    InputError
        When there is no complete run of this analysis in output/.
    """
    path = analysis.folder / "output" / "review.html"
    review_document(analysis, search_document(analysis, save_figures(analysis))).write(path)
    return path


def _plane(analysis: Analysis, sample: StoredSample, folder: Path) -> Figure:
    path = folder / f"plane_{sample.name}.png"
    closed = sample.summary["closed"]
    regions, hidden = analysis.plane_of(analysis.config.search.selection, closed)
    pot = (sample.summary["exposure"] or {}).get("pot")
    with look(look_of(analysis, state_of(sample.label, closed), pot)):
        save_plane(
            sample.hists["plane"],
            regions,
            path,
            sample.title,
            hidden,
            sum(row["observed"] for row in sample.summary["regions"] if row["name"] == UNDEFINED),
        )
    hatched = "; hatched: closed, with the guard band around it" if closed else ""
    return Figure(path, f"Candidates of {sample.title} in the plane of {_axes(analysis, regions)}{hatched}.")


def _predicted_plane(analysis: Analysis, run: StoredRun, folder: Path) -> Figure:
    path = folder / "plane_prediction.png"
    regions, _ = analysis.plane_of(analysis.config.search.selection)
    singles = "clusters" if regions.of_clusters else "tracks"
    with look(look_of(analysis, f"prediction from the {run.label}")):
        save_plane(
            run.predicted["plane"], regions, path, f"combinatorial background, pairs of single {singles}",
            smooth=True,
        )  # fmt: skip
    return Figure(path, f"Predicted candidates in the plane of {_axes(analysis, regions)}, in all regions.")


def _axes(analysis: Analysis, regions: Regions) -> str:
    """Say what is drawn along both axes of the plane of regions."""
    dump = analysis.dump_name
    return "mass and distance of the centre" if regions.of_clusters else f"z_{dump} and CDA_{dump}"

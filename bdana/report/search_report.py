"""Figures and report of a search, made from what `bdana run` wrote into output/."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from bdana.plotting import save_comparison, save_plane
from bdana.plotting.figures import stamped
from bdana.regions import UNDEFINED
from bdana.report import tables
from bdana.report.check_sections import check_figures
from bdana.report.document import Figure
from bdana.report.mass_sections import mass_figure
from bdana.report.review import review_document
from bdana.report.search_sections import search_document
from bdana.report.signal_sections import signal_figures
from bdana.search.channels import by_channel
from bdana.search.output import read_output
from bdana.search.signal_result import read_signal

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from bdana.api import Analysis
    from bdana.search.output import StoredRun, StoredSample
    from bdana.search.signal_result import ChannelSignal
    from bdana.selection import Histogram

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
    figures = signal_figures(analysis, signal, out / "figures") if signal else []
    if parts and run.masses:
        figures.append(mass_figure(run.masses, out / "figures", " and ".join(parts)))
    if not parts:
        return figures + _save_figures(analysis, run, out, next(iter(expected.values()), None))
    for name, part in parts.items():
        figures += _save_figures(part, run.channels[name], out / name, expected.get(name))
    return figures


def _save_figures(
    analysis: Analysis, run: StoredRun, out: Path, signal: ChannelSignal | None
) -> list[Figure]:
    folder = out / "figures"
    folder.mkdir(exist_ok=True)
    figures = [_plane(analysis, sample, folder) for sample in run.samples]
    for sample in run.samples:
        if run.table and sample.name == run.table["sample"]:
            figures += _comparisons(run, sample, folder, signal)
    if run.masses:
        figures.append(mass_figure(run.masses, folder, f"{analysis.regions.names[0]} in windows of mass"))
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
    save_plane(
        sample.hists["plane"],
        analysis.regions,
        path,
        sample.title,
        analysis.closed_boxes(closed),
        sum(row["observed"] for row in sample.summary["regions"] if row["name"] == UNDEFINED),
    )
    hatched = "; hatched: closed, with the guard band around it" if closed else ""
    dump = analysis.dump_name
    return Figure(
        path,
        f"Candidates of {sample.title} in the plane of z_{dump} and CDA_{dump}{hatched}.",
    )


def _comparisons(
    run: StoredRun, sample: StoredSample, folder: Path, signal: ChannelSignal | None
) -> list[Figure]:
    figures = []
    for name, predicted in run.predicted.items():
        regions = list(sample.hists[name].axes["region"])
        path = folder / f"{name}.png"
        shown = ", ".join(regions)
        save_comparison(
            _sum(sample.hists[name], regions),
            with_all_errors(predicted, regions, run.prediction or {}, name),
            path,
            tables.in_label(f"{sample.name}: {shown}", sample.label),
            data_label=sample.label,
            signal=_sum(signal.hists[name], regions) if signal else None,
            signal_label=signal.label if signal else "",
        )
        caption = (
            f"{name} in the open regions ({shown}): {sample.label} with Garwood errors, prediction with its error, statistical and systematic; "
            "pull: difference over the error of both."
        )
        figures.append(Figure(path, caption))
    return figures


def with_all_errors(
    predicted: Histogram, regions: Sequence[str], prediction: Mapping[str, Any], name: str
) -> Histogram:
    """Return a predicted histogram summed over regions, whose variances hold all errors of the prediction.

    In each bin regions have statistical covariance, since a track is in pairs of several of them, and what systematic sources
    move together.

    Parameters
    ----------
    predicted : hist.Hist
        With an axis `region`, and statistical variances.
    regions : sequence of str
    prediction : mapping
        prediction.json, or nothing of it.
    name : str
        Of the variable.
    """
    total = _sum(predicted, regions)
    parts = np.array([_sum(predicted, [region]).values(flow=True) for region in regions])
    variances = np.array(total.variances(flow=True), dtype=np.float64)
    shared = prediction.get("covariance_in_bins", {}).get(name)
    if shared is not None:
        at = [[row["name"] for row in prediction["regions"]].index(region) for region in regions]
        between = np.array(shared)[np.ix_(at, at)]
        own = between[np.arange(len(at)), np.arange(len(at))].sum(axis=0)
        inside = slice(1, 1 + between.shape[2])  # without underflow and overflow
        variances[inside] = np.maximum(variances[inside] + between.sum(axis=(0, 1)) - own, 0.0)
    for source in prediction.get("systematics", ()):
        shift = parts * np.array([source["effect"].get(region, 0.0) for region in regions])[:, None]
        variances = variances + (shift.sum(axis=0) ** 2 if source["correlated"] else (shift**2).sum(axis=0))
    view: Any = total.view(flow=True)
    view["variance"] = variances
    return total


def _sum(histogram: Histogram, regions: Sequence[str]) -> Histogram:
    return histogram.integrate("region", list(regions))

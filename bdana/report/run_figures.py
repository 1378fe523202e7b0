"""Figures of what a run counted: every variable against its prediction, regions and cutflow, in the look of [plot]."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import hist
import numpy as np

from bdana.plotting import (
    save_comparison,
    save_cutflow,
    save_regions,
    save_without_cut,
)
from bdana.plotting.comparison import merged
from bdana.plotting.figures import Look, current_look, look
from bdana.report.document import Figure
from bdana.selection import border

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from bdana.api import Analysis
    from bdana.search.stored import ChannelSignal, StoredRun, StoredSample
    from bdana.selection import Histogram

__all__ = [
    "RUN_FIGURES",
    "is_of_tracks",
    "look_of",
    "run_figures",
    "state_of",
    "variable_figures",
    "with_all_errors",
    "with_both_errors",
    "without_cut_figures",
]

PANELS = {
    "pull": "; pull: difference over the error of both",
    "ratio": "; below: data over prediction",
    "none": "",
}
"""What the panel below a comparison shows."""
RUN_FIGURES = frozenset({"regions", "cutflow"})
"""Names of the figures beside those of the variables."""


def state_of(label: str, closed: Collection[str] = ()) -> str:
    """Say what was counted, and what is closed in it.

    Parameters
    ----------
    label : str
        Data, simulation or pseudo-data.
    closed : collection of str
        Regions.

    Examples
    --------
    >>> state_of("data", ["SR", "CR"]), state_of("simulation")
    ('data, blinded: SR, CR closed', 'simulation')
    """
    return f"{label}, blinded: {', '.join(closed)} closed" if closed else label


def look_of(analysis: Analysis, state: str, pot: float | None = None) -> Look:
    """Return how the figures of a run look: as [plot] says, stamped with state, hash and exposure.

    Parameters
    ----------
    analysis : Analysis
    state : str
        As `state_of` says it.
    pot : float, optional
        Protons on target.
    """
    chosen = analysis.config.plot
    exposure = f"{pot:.3g} POT, " if pot else ""
    return Look(
        experiment=chosen.experiment,
        state=state,
        stamp=f"{exposure}analysis {analysis.hash[:12]}",
        beside=tuple(f".{ending}" for ending in chosen.formats),
        numbers=True,
        font_size=chosen.font_size,
        colours=chosen.colours,
        labels=chosen.labels,
        panel=chosen.panel,
        logarithmic=tuple(chosen.logarithmic),
    )


def run_figures(
    analysis: Analysis,
    run: StoredRun,
    folder: Path,
    signal: ChannelSignal | None = None,
    variables: Sequence[str] = (),
) -> list[Figure]:
    """Draw what was counted in the sample of the table, into a folder.

    Parameters
    ----------
    analysis : Analysis
    run : StoredRun
        Of one channel.
    folder : Path
    signal : ChannelSignal, optional
        Expected signal of the channel.
    variables : sequence of str
        The variables that are drawn, or distributions without one of the cuts, and nothing else; by default all figures.
    """
    figures = []
    for sample in run.samples:
        if not (run.table and sample.name == run.table["sample"]):
            continue
        exposure = sample.summary["exposure"] or {}
        state = state_of(sample.label, sample.summary["closed"])
        with look(look_of(analysis, state, exposure.get("pot"))):
            figures += variable_figures(analysis, run, sample, folder, signal, variables)
            if not variables:
                figures += [_regions(run.table, folder), _cutflow(run, sample, folder)]
            figures += without_cut_figures(analysis, run, sample, folder, variables)
    return figures


def variable_figures(
    analysis: Analysis,
    run: StoredRun,
    sample: StoredSample,
    folder: Path,
    signal: ChannelSignal | None = None,
    names: Sequence[str] = (),
) -> list[Figure]:
    """Draw variables of a sample against their prediction in the regions that are open.

    Parameters
    ----------
    analysis : Analysis
    run, folder, signal
        As for `run_figures`.
    sample : StoredSample
    names : sequence of str
        Variables; by default all. Other names are left out.
    """
    known = [name for name in sample.hists if name in analysis.variables]
    chosen = [name for name in names if name in known] if names else known
    return [_variable(analysis, run, sample, folder, name, signal) for name in chosen]


def without_cut_figures(
    analysis: Analysis, run: StoredRun, sample: StoredSample, folder: Path, names: Sequence[str] = ()
) -> list[Figure]:
    """Draw the distributions without one of the cuts (n-1) in the regions that are open, with simulation beside them.

    Parameters
    ----------
    analysis : Analysis
    run, folder
        As for `run_figures`.
    sample : StoredSample
    names : sequence of str
        Of [n_minus_1]; by default all.
    """
    shown = {
        name: one
        for name, one in analysis.config.without_cuts().items()
        if f"n-1/{name}/every" in sample.hists
    }
    shown = {name: one for name, one in shown.items() if not names or name in names}
    if not shown:
        return []
    _, par = analysis.selection(sample.summary["selection"])
    figures = []
    for name, one in shown.items():
        key = f"n-1/{name}/every"
        regions = list(sample.hists[key].axes["region"])
        path = folder / f"n_minus_1_{name}.png"
        places = [border(text, par, one.variable) for text in one.borders]
        others = {
            other.title: _sum(other.hists[key], list(other.hists[key].axes["region"]))
            for other in run.samples
            if other is not sample and key in other.hists
        }
        save_without_cut(
            _sum(sample.hists[key], regions),
            _sum(sample.hists[f"n-1/{name}/passed"], regions),
            path,
            one.cut,
            [place for place in places if place is not None],
            others,
            f"n-1, open regions: {', '.join(regions)}",
            sample.label,
        )
        figures.append(
            Figure(
                path,
                f"n-1: {one.variable.label} without the cut {one.cut}, of pairs that pass all others ({sample.label}, open regions); "
                "filled: those that pass it too.",
            )
        )
    return figures


def is_of_tracks(analysis: Analysis, sample: StoredSample, name: str) -> bool:
    """Say whether a variable has an entry for each of the two tracks of a candidate, rather than one.

    Parameters
    ----------
    analysis : Analysis
    sample : StoredSample
        The sample whose selection makes the variable.
    name : str
        Of the variable.
    """
    function = analysis.variables[name].function
    selection, _ = analysis.selection(sample.summary["selection"])
    return bool(function) and selection.quantity[function].level == "track"


def _variable(
    analysis: Analysis,
    run: StoredRun,
    sample: StoredSample,
    folder: Path,
    name: str,
    signal: ChannelSignal | None,
) -> Figure:
    regions = list(sample.hists[name].axes["region"])
    predicted, path = run.predicted.get(name), folder / f"{name}.png"
    rows = [row["name"] for row in (run.prediction or {}).get("regions", ())]
    hidden = [region for region in rows if region not in regions]
    alone = predicted is None
    factor = 1 if predicted is None else merged(
        np.asarray(_sum(predicted, regions).values(), dtype=np.float64), analysis.config.plot.bin_events
    )  # fmt: skip
    counts = _sum(sample.hists[name], regions, factor)
    total, down = counts * 0, None
    if predicted is not None:
        total, down = with_both_errors(predicted, regions, run.prediction or {}, name, factor)
    with look(replace(current_look(), panel="none") if alone else current_look()):
        save_comparison(
            counts,
            total,
            path,
            f"open regions: {', '.join(regions)}",
            label="combinatorial",
            signal=_sum(signal.hists[name], regions, factor) if signal and name in signal.hists else None,
            signal_label=signal.label if signal else "",
            data_label=sample.label,
            parts={} if alone else None,
            closed=_sum(predicted, hidden, factor) if predicted is not None and hidden else None,
            error_down=down,
            entries="entries" if is_of_tracks(analysis, sample, name) else "candidates",
        )
    shown = ", ".join(regions)
    caption = (
        f"{name} in the open regions ({shown}): {sample.label} with Garwood errors, prediction with its error, statistical "
        f"and systematic{PANELS[current_look().panel]}."
    )
    if alone:
        caption = (
            f"{name} in the open regions ({shown}): {sample.label} with Garwood errors; it has no prediction."
        )
    return Figure(path, caption)


def _regions(table: Mapping[str, Any], folder: Path) -> Figure:
    rows, path = table["regions"], folder / "regions.png"
    observed = np.array([row.get("observed", np.nan) for row in rows], dtype=np.float64)
    expected, error = (
        np.array([row[key] for row in rows], dtype=np.float64) for key in ("expected", "error")
    )
    down = np.array([row.get("error_down", row["error"]) for row in rows], dtype=np.float64)
    save_regions(
        [row["name"] for row in rows],
        observed,
        expected,
        error,
        path,
        "expected and observed by region",
        table["label"],
        "candidates",
        error_down=None if np.array_equal(down, error) else down,
    )
    return Figure(
        path,
        f"Expected and observed ({table['label']}) numbers of candidates by region, with Garwood errors; hatched: closed.",
    )


def _cutflow(run: StoredRun, sample: StoredSample, folder: Path) -> Figure:
    path = folder / "cutflow.png"
    flows = {
        other.title: {step["step"]: float(step["sum_w"]) for step in other.summary["accounting"]}
        for other in sorted(run.samples, key=lambda other: other is not sample)
    }
    without = {row["cut"]: row["n_minus_1"] for row in sample.summary["cutflow"]}
    save_cutflow(flows, path, without=without, title="accounting")
    return Figure(
        path,
        "Events left after each step, and the efficiency of each; crosses: candidates without this cut alone (n-1). "
        "Closed events are counted in no row.",
    )


def with_both_errors(
    predicted: Histogram, regions: Sequence[str], prediction: Mapping[str, Any], name: str, factor: int = 1
) -> tuple[Histogram, NDArray[np.float64] | None]:
    """Return a predicted histogram with all errors upward, and its errors downward where they are others, shape (2 + B,).

    The latter have those of underflow and overflow at their ends.

    Parameters
    ----------
    predicted, regions, prediction, name, factor
        As for `with_all_errors`.
    """
    up, down = (
        with_all_errors(predicted, regions, prediction, name, factor, sign=sign) for sign in (1.0, -1.0)
    )
    upward, downward = (
        np.sqrt(np.asarray(made.variances(flow=True), dtype=np.float64)) for made in (up, down)
    )
    return up, None if np.array_equal(upward, downward) else downward


def with_all_errors(
    predicted: Histogram,
    regions: Sequence[str],
    prediction: Mapping[str, Any],
    name: str,
    factor: int = 1,
    *,
    sign: float = 1.0,
) -> Histogram:
    """Return a predicted histogram summed over regions, whose variances hold all errors of the prediction.

    In each bin regions have statistical covariance, since a track is in pairs of several of them, bins that are merged have
    some for the same reason, and there is what systematic sources move together.

    Parameters
    ----------
    predicted : hist.Hist
        With an axis `region`, and statistical variances.
    regions : sequence of str
    prediction : mapping
        prediction.json, or nothing of it.
    name : str
        Of the variable.
    factor : int
        How many bins are merged into one.
    sign : float
        1 for errors upward, -1 for those downward: a source that can only raise the prediction has no part in these.
    """
    total = _sum(predicted, regions, factor)
    parts = np.array([_sum(predicted, [region], factor).values(flow=True) for region in regions])
    variances = np.array(total.variances(flow=True), dtype=np.float64)
    shared = (
        prediction.get("covariance_in_bins", {}).get(name)
        if factor == 1
        else prediction.get("variance_in_merged_bins", {}).get(name, {}).get(str(factor))
    )
    if shared is not None:
        at = [[row["name"] for row in prediction["regions"]].index(region) for region in regions]
        between = np.array(shared)[np.ix_(at, at)]
        inside = slice(1, 1 + between.shape[2])  # without underflow and overflow
        # The histogram's own variances are never below zero, and are kept where the bins are its own.
        own = between[np.arange(len(at)), np.arange(len(at))].sum(axis=0)
        kept = variances[inside] - own if factor == 1 else 0.0
        variances[inside] = np.maximum(kept + between.sum(axis=(0, 1)), 0.0)
    for source in prediction.get("systematics", ()):
        effect = np.array([source["effect"].get(region, 0.0) for region in regions])
        if source.get("one_sided"):
            effect = np.maximum(sign * effect, 0.0)
        shift = parts * effect[:, None]
        variances = variances + (shift.sum(axis=0) ** 2 if source["correlated"] else (shift**2).sum(axis=0))
    view: Any = total.view(flow=True)
    view["variance"] = variances
    return total


def _sum(histogram: Histogram, regions: Sequence[str], factor: int = 1) -> Histogram:
    total: Histogram = histogram.integrate("region", list(regions))
    if factor == 1:
        return total
    rebinned: Any = total[:: hist.rebin(factor)]
    return rebinned

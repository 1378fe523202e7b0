"""Results of a search as tables for HEPData: regions, cutflows, variables, expected signal and exclusion."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from bdana.report.run_figures import is_of_tracks, with_both_errors
from bdana.sensitivity.bundle_tables import BundleTable, TableColumn

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from bdana.api import Analysis
    from bdana.search.signal_result import SignalResult
    from bdana.search.stored import StoredRun, StoredSample
    from bdana.sensitivity.contour import Island

__all__ = ["result_tables"]

NOTHING = "-"
"""What HEPData shows where there is no number, such as the count of a closed region."""


def result_tables(
    analysis: Analysis, run: StoredRun, signal: SignalResult | None, keywords: Mapping[str, Sequence[Any]]
) -> list[BundleTable]:
    """Return the results of a search as tables; of a closed region there is the expectation alone.

    Parameters
    ----------
    analysis : Analysis
    run : StoredRun
    signal : SignalResult or None
    keywords : mapping of str to sequence
        HEPData's keywords of every table.
    """
    tables = list(_of_run(analysis, run, ""))
    for name, part in run.channels.items():
        tables += _of_run(analysis, part, name)
    if run.channels and run.table:
        tables.append(_regions(run.table, run.label, "all channels"))
    if signal:
        tables += _of_signal(signal)
    return [replace(table, keywords=dict(keywords)) for table in tables]


def _of_run(analysis: Analysis, run: StoredRun, channel: str) -> Iterator[BundleTable]:
    if run.table and not run.channels:
        yield _regions(run.table, run.label, channel)
    if run.prediction:
        yield _covariance(run.prediction, channel)
    for sample in run.samples:
        yield _cutflow(sample, channel)
        if run.table and sample.name == run.table["sample"]:
            for variable, predicted in run.predicted.items():
                if "region" in predicted.axes.name:
                    yield _variable(analysis, run, sample, variable, channel)


def _table(
    name: str, description: str, independent: TableColumn, *dependent: TableColumn, channel: str = ""
) -> BundleTable:
    """Make a table; its file and its title have the channel, and HEPData takes 64 characters of a title."""
    whole = f"{channel} {name}".strip()
    return BundleTable(re.sub(r"\W+", "_", whole).lower(), whole[:64], description, (independent,), dependent)


def _regions(table: Mapping[str, Any], label: str, channel: str) -> BundleTable:
    rows = table["regions"]
    conventions = " ".join(f"{name}: {text}." for name, text in table["conventions"].items())

    def column(key: str) -> list[Any]:
        return [row[key] if row["state"] == "open" else NOTHING for row in rows]

    return _table(
        "Regions",
        f"Expected background and observed candidates ({label}) by region; of a closed region there is no observation. "
        + conventions,
        TableColumn("region", [row["name"] for row in rows]),
        TableColumn(
            "expected",
            [row["expected"] for row in rows],
            "events",
            [(row["error"], row["error_down"]) if "error_down" in row else row["error"] for row in rows],
            "total",
        ),
        TableColumn("observed", column("observed"), "events"),
        TableColumn("p(N >= n)", column("p_n")),
        TableColumn("p(L <= Lobs)", column("p_l")),
        channel=channel,
    )


def _covariance(prediction: Mapping[str, Any], channel: str) -> BundleTable:
    names = [row["name"] for row in prediction["regions"]]
    total = np.array(prediction["statistical_covariance"]) + np.array(prediction["systematic_covariance"])
    first, second = np.meshgrid(names, names, indexing="ij")
    table = _table(
        "Covariance of the background",
        "Statistical and systematic covariance of the expected background, region by region.",
        TableColumn("region", first.ravel().tolist()),
        TableColumn("covariance", total.ravel().tolist(), "events^2"),
        channel=channel,
    )
    return replace(
        table, independent=(*table.independent, TableColumn("other region", second.ravel().tolist()))
    )


def _cutflow(sample: StoredSample, channel: str) -> BundleTable:
    steps = sample.summary["accounting"]
    return _table(
        f"Cutflow of {sample.name}",
        f"From the files to the candidates of {sample.title}, selection {sample.summary['selection']}. "
        f"{sample.summary['accounting_note']}",
        TableColumn("cut", [step["step"] for step in steps]),
        TableColumn("events", [step["events"] for step in steps]),
        TableColumn("sum of weights", [step["sum_w"] for step in steps]),
        channel=channel,
    )


def _variable(
    analysis: Analysis, run: StoredRun, sample: StoredSample, name: str, channel: str
) -> BundleTable:
    regions = list(sample.hists[name].axes["region"])
    seen = sample.hists[name].integrate("region", regions)
    expected, down = with_both_errors(run.predicted[name], regions, run.prediction or {}, name)
    up = np.sqrt(np.asarray(expected.variances(), dtype=np.float64)).tolist()
    (axis,) = seen.axes
    unit = axis.label.rpartition("[")[2].rstrip("]") if axis.label.endswith("]") else ""
    two = is_of_tracks(analysis, sample, name)
    counted = "entries" if two else "events"
    bins = list(zip(axis.edges[:-1].tolist(), axis.edges[1:].tolist(), strict=True))
    return _table(
        f"Variable {name}",
        f"{axis.label.partition(' [')[0]} in the open regions {', '.join(regions)}: observed ({sample.label}) and expected, the "
        f"latter with all of its errors.{' Each candidate has an entry for each of its two tracks.' if two else ''}",
        TableColumn(axis.label.partition(" [")[0], bins, unit),
        TableColumn("observed", np.rint(seen.values()).astype(int).tolist(), counted),
        TableColumn(
            "expected",
            expected.values().tolist(),
            counted,
            up if down is None else list(zip(up, down[1:-1].tolist(), strict=True)),
            "total",
        ),
        channel=channel,
    )


def _of_signal(signal: SignalResult) -> Iterator[BundleTable]:
    exclusion = signal.exclusion
    name = exclusion.coupling.name
    contours = {"Expected exclusion": exclusion.expected[len(exclusion.expected) // 2]}
    if exclusion.observed_limit is not None:
        contours["Observed exclusion"] = exclusion.observed
    said = f"{100 * exclusion.level:g}% CL, {exclusion.protons:.4g} protons on target. {exclusion.convention}"
    for title, islands in contours.items():
        if islands:
            yield _contour(title, islands, name, f"Smallest and largest excluded {name} by mass. {said}")
    for channel, part in signal.channels.items():
        production = part.point["production"]
        regions = list(next(iter(production.values()))["regions"])
        yield _table(
            "Expected signal",
            f"Selected signal events by region and production process, {part.label}; errors are those of the simulation.",
            TableColumn("region", regions),
            *(
                TableColumn(
                    process,
                    [cells["regions"][region]["n_selected"] for region in regions],
                    "events",
                    [cells["regions"][region]["n_selected_error"] for region in regions],
                )
                for process, cells in production.items()
            ),
            channel=channel,
        )


def _contour(title: str, islands: Sequence[Island], coupling: str, description: str) -> BundleTable:
    number = [i + 1 for i, island in enumerate(islands) for _ in island.mass]
    masses, low, high = (
        [float(value) for island in islands for value in getattr(island, name)]
        for name in ("mass", "low", "high")
    )
    return _table(
        title,
        description,
        TableColumn("mass", masses, "MeV"),
        TableColumn("island", number),
        TableColumn(f"lowest {coupling}", low),
        TableColumn(f"highest {coupling}", high),
    )

"""Figures and report of a search, made from what `bdana run` wrote into output/."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bdana._version import __version__
from bdana.events.bad_files import BadFile
from bdana.plotting import save_plane
from bdana.plotting.figures import look
from bdana.regions import UNDEFINED
from bdana.report import tables
from bdana.report.check_sections import CHECK_FIGURES, check_blocks, check_figures
from bdana.report.document import Document, Figure, Section, Table, Text
from bdana.report.mass_sections import MASS_FIGURES, mass_blocks, mass_figure
from bdana.report.run_figures import look_of, run_figures, state_of, with_all_errors
from bdana.report.signal_sections import SIGNAL_FIGURES, signal_blocks, signal_figures
from bdana.search.channels import by_channel
from bdana.search.input_table import search_inputs
from bdana.search.output import read_output
from bdana.search.signal_result import read_signal
from bdana.selection.cutflow import accounting_table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from bdana.analysis.config import SampleConfig
    from bdana.api import Analysis
    from bdana.search.output import StoredRun, StoredSample
    from bdana.search.signal_result import ChannelSignal

__all__ = ["save_figures", "with_all_errors", "write_report"]


def save_figures(analysis: Analysis, variables: Sequence[str] = ()) -> list[Figure]:
    """Draw the planes of all samples, and data against prediction in the open regions, into output/figures/.

    Parameters
    ----------
    analysis : Analysis
    variables : sequence of str
        Variables that are drawn, and nothing else; by default all figures.

    Raises
    ------
    InputError
        When there is no complete run of this analysis in output/.
    ConfigError
        When there is no such variable.
    """
    parts, run, out = by_channel(analysis), read_output(analysis), analysis.folder / "output"
    signal = read_signal(analysis)
    expected = signal.channels if signal else {}
    if variables:
        return _save_variables(analysis, run, expected, variables)
    with look(look_of(analysis, state_of(run.label, _closed(run)))):
        figures = signal_figures(analysis, signal, out / "figures") if signal else []
        if parts and run.masses:
            figures.append(mass_figure(run.masses, out / "figures", " and ".join(parts)))
    if not parts:
        return figures + _save_figures(analysis, run, out, next(iter(expected.values()), None))
    for name, part in parts.items():
        figures += _save_figures(part, run.channels[name], out / name, expected.get(name))
    return figures


def _save_variables(
    analysis: Analysis, run: StoredRun, signals: Mapping[str, ChannelSignal], variables: Sequence[str]
) -> list[Figure]:
    parts, out = by_channel(analysis), analysis.folder / "output"
    found = []
    for name, part in parts.items() or [("", analysis)]:
        folder = out / name / "figures"
        folder.mkdir(exist_ok=True)
        signal = signals.get(name) if name else next(iter(signals.values()), None)
        found += run_figures(part, run.channels[name] if name else run, folder, signal, variables)
    return found


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
    if "plane" in run.predicted:
        figures.append(_predicted_plane(analysis, run, folder))
    figures += run_figures(analysis, run, folder, signal)
    with look(look_of(analysis, state_of(run.label, _closed(run)))):
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
    figures = save_figures(analysis)
    run, parts, out = read_output(analysis), by_channel(analysis), analysis.folder / "output"
    drawn_signal = [figure for figure in figures if figure.path.stem in SIGNAL_FIGURES]
    figures = [figure for figure in figures if figure not in drawn_signal]
    sections = [] if parts else _sections(analysis, run, figures)
    if parts and run.table:
        sections.append(Section("Expected and observed in all channels", _combined_blocks(run)))
    if parts and run.masses:
        drawn = [x for x in figures if x.path == out / "figures" / "mass_limits.png"]
        sections.append(Section("Windows of mass, all channels", [*drawn, *mass_blocks(run.masses)]))
    for name, part in parts.items():
        drawn = [figure for figure in figures if figure.path.is_relative_to(out / name)]
        sections += _sections(part, run.channels[name], drawn, f"{name}: ")
    if signal := read_signal(analysis):
        sections.append(Section("Signal and exclusion", [*drawn_signal, *signal_blocks(signal)]))
    sections.append(Section("Provenance", [_provenance(analysis, run)]))
    said = "" if run.label == "data" else f"This is {run.label}: nothing here was measured. "
    summary = f"{said}What is marked closed was not looked at: nothing of it is in this report."
    path = out / "report.html"
    Document(tables.in_label(analysis.config.analysis.name, run.label), summary, sections).write(path)
    return path


def _sections(
    analysis: Analysis, run: StoredRun, figures: Sequence[Figure], channel: str = ""
) -> list[Section]:
    """Lay out the results of one channel; the titles begin with `channel`."""
    checked = [figure for figure in figures if figure.path.stem in CHECK_FIGURES]
    masses = [figure for figure in figures if figure.path.stem in MASS_FIGURES]
    elsewhere = CHECK_FIGURES | MASS_FIGURES
    shown: list[tuple[str, Sequence[Text | Table | Figure]]] = [
        *([("Expected and observed", _table_blocks(run))] if run.table else []),
        *([("Windows of mass", [*masses, *mass_blocks(run.masses)])] if run.masses else []),
        ("Figures", [figure for figure in figures if figure.path.stem not in elsewhere]),
        *([("Combinatorial background", _background_blocks(run.prediction))] if run.prediction else []),
        *([("What is measured, what is assumed", _input_blocks(analysis, run))] if run.prediction else []),
        *([("Validation", [*check_blocks(run.checks), *checked])] if run.checks else []),
        *(
            (
                f"Sample {sample.title}",
                _sample_blocks(sample, analysis.config.samples[sample.name]),
            )
            for sample in run.samples
        ),
    ]
    return [Section(channel + title, blocks) for title, blocks in shown]


def _plane(analysis: Analysis, sample: StoredSample, folder: Path) -> Figure:
    path = folder / f"plane_{sample.name}.png"
    closed = sample.summary["closed"]
    pot = (sample.summary["exposure"] or {}).get("pot")
    with look(look_of(analysis, state_of(sample.label, closed), pot)):
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


def _predicted_plane(analysis: Analysis, run: StoredRun, folder: Path) -> Figure:
    path, dump = folder / "plane_prediction.png", analysis.dump_name
    with look(look_of(analysis, f"prediction from the {run.label}")):
        save_plane(
            run.predicted["plane"], analysis.regions, path, "combinatorial background, pairs of single tracks",
            smooth=True,
        )  # fmt: skip
    return Figure(path, f"Predicted candidates in the plane of z_{dump} and CDA_{dump}, in all regions.")


def _table_blocks(run: StoredRun) -> list[Text | Table]:
    table: dict[str, Any] = run.table or {}
    conventions = [Text(f"{name}: {text}.") for name, text in table["conventions"].items()]
    record = [Text(f"{name}: {text}.") for name, text in table["opened"].items()]
    seen = [Text(line) for line in table["seen"]]
    return [
        Table(*tables.counting(table), f"Sample {table['sample']} ({table['label']})."),
        *conventions,
        *record,
        *seen,
    ]


def _combined_blocks(run: StoredRun) -> list[Text | Table]:
    table: dict[str, Any] = run.table or {}
    conventions = [Text(f"{name}: {text}.") for name, text in table["conventions"].items()]
    return [
        Table(*tables.counting(table), f"Channels {', '.join(table['channels'])} ({table['label']})."),
        *conventions,
    ]


def _background_blocks(prediction: dict[str, Any]) -> list[Text | Table]:
    return [
        *(Text(line) for line in tables.estimate_notes(prediction)),
        Table(*tables.estimated(prediction)),
        Table(*tables.sources(prediction), words=["from"]),
    ]


def _input_blocks(analysis: Analysis, run: StoredRun) -> list[Text | Table]:
    data = next((sample for sample in run.samples if sample.name == (run.table or {}).get("sample")), None)
    exposure = data.summary["exposure"] if data else None
    rows = search_inputs(analysis, exposure, run.prediction or {}, run.checks)
    assumed = sum(row.kind == "assumed" for row in rows)
    unusual = ", ".join(analysis.config.exposure.unusual)
    return [
        *(
            [
                Text(
                    f"Unusual exposure: [exposure] unusual of analysis.toml turns off the limits of plausibility for {unusual}."
                )
            ]
            if unusual
            else []
        ),
        Text(
            f"Of {len(rows)} numbers behind this result {assumed} are assumed: they have no public source, and nothing here "
            "measures them."
        ),
        Table(*tables.stated(rows), words=["number", "kind", "source"]),
    ]


def _sample_blocks(sample: StoredSample, config: SampleConfig) -> list[Text | Table]:
    summary = sample.summary
    of = "".join(f", {what}" for what in (config.year, config.channel) if what)
    exposure, note = summary["exposure"], summary["accounting_note"]
    said = (
        f"{exposure['pot']:.4g} protons on target, {exposure['live_time_s']:.6g} s live, {exposure['bursts']} bursts"
        if exposure
        else "exposure unknown: no burst table"
    )
    said += f". {summary['emptied']}" if "emptied" in summary else ""
    total = sum(row["observed"] for row in summary["regions"])
    regions = [
        [row["name"], str(row["observed"]), f"{row['observed'] / total:.1%}" if total else ""]
        for row in summary["regions"]
    ] + [[name, "closed", ""] for name in summary["closed"]]
    return [
        Text(f"Kind {summary['kind']} ({sample.label}){of}, selection {summary['selection']}; {said}."),
        Table(*accounting_table(summary), f"{note[:1].upper()}{note[1:]}." if note else ""),
        Table(["region", "candidates", "share"], regions),
        Text(f"Files: {', '.join(summary['files'])}."),
        *(Text(f"Warning: {BadFile(**bad).text}.") for bad in summary.get("bad_files", ())),
    ]


def _provenance(analysis: Analysis, run: StoredRun) -> Table:
    rows = [
        ["analysis", str(analysis.folder)],
        ["hash of configuration and code", analysis.hash],
        ["head of the ledger", (run.table or {}).get("ledger_head") or "no ledger"],
        ["replaced on the command line", ", ".join(analysis.overrides) or "nothing"],
        ["bdana", __version__],
    ]
    return Table(["", ""], rows)

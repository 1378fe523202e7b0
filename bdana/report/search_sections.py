"""The report of a search section by section, from exposure to provenance."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bdana._version import __version__
from bdana.events.bad_files import BadFile
from bdana.report import tables
from bdana.report.check_sections import CHECK_FIGURES, check_blocks
from bdana.report.document import Code, Document, Section, Table, Text
from bdana.report.mass_sections import MASS_FIGURES, mass_blocks
from bdana.report.opening_sections import opening_blocks
from bdana.report.signal_sections import SIGNAL_FIGURES, signal_blocks
from bdana.report.summary import report_facts, report_summary
from bdana.search.channels import by_channel
from bdana.search.input_table import search_inputs
from bdana.search.signal_result import read_signal
from bdana.search.stored import read_output
from bdana.selection.cutflow import accounting_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bdana.api import Analysis
    from bdana.report.document import Block, Figure
    from bdana.search.stored import StoredRun, StoredSample

__all__ = ["search_document"]

OF_OPENINGS = re.compile(r"event_\d+_\d+_\d+|plane_.+_before_.+")
"""Names of the figures of openings."""
BESIDE_TABLES = (("cutflow",), ("regions", "count_probabilities", "likelihood"))
"""Names of the figures that stand beside the tables of the same numbers, of cutflows and of regions."""


def search_document(analysis: Analysis, figures: Sequence[Figure]) -> Document:
    """Lay out the results in output/ as the report.

    Parameters
    ----------
    analysis : Analysis
    figures : sequence of Figure
        Drawn of the same results, in the folders figures/ of output/.

    Raises
    ------
    InputError
        When there is no complete run of this analysis in output/.
    """
    run, parts, out = read_output(analysis), by_channel(analysis), analysis.folder / "output"
    signal = read_signal(analysis)
    drawn_signal = [figure for figure in figures if figure.path.stem in SIGNAL_FIGURES]
    of_openings = [figure for figure in figures if OF_OPENINGS.fullmatch(figure.path.stem)]
    figures = [figure for figure in figures if figure not in [*drawn_signal, *of_openings]]
    sections = [] if parts else _sections(analysis, run, figures)
    if parts and run.table:
        sections.append(Section("Expected and observed in all channels", _combined_blocks(run)))
    if parts and run.masses:
        drawn = [x for x in figures if x.path == out / "figures" / "mass_limits.png"]
        sections.append(Section("Windows of mass, all channels", [*drawn, *mass_blocks(run.masses)]))
    for name, part in parts.items():
        drawn = [figure for figure in figures if figure.path.is_relative_to(out / name)]
        sections += _sections(part, run.channels[name], drawn, f"{name}: ")
    sections.append(Section("Openings and signatures", [*opening_blocks(analysis), *of_openings]))
    if signal:
        sections.append(Section("Signal and exclusion", [*drawn_signal, *signal_blocks(signal)]))
    sections.append(Section("Provenance", _provenance(analysis, run)))
    return Document(
        tables.in_label(analysis.config.analysis.name, run.label),
        report_summary(run, signal),
        [section for section in sections if section.blocks],
        report_facts(analysis, run, signal),
    )


def _sections(
    analysis: Analysis, run: StoredRun, figures: Sequence[Figure], channel: str = ""
) -> list[Section]:
    """Lay out the results of one channel; the titles begin with `channel`."""
    checked = [figure for figure in figures if figure.path.stem in CHECK_FIGURES]
    masses = [figure for figure in figures if figure.path.stem in MASS_FIGURES]
    without = [figure for figure in figures if figure.path.stem.startswith("n_minus_1_")]
    figures = [figure for figure in figures if figure not in without]
    flows, counts = ([figure for figure in figures if figure.path.stem in names] for names in BESIDE_TABLES)
    elsewhere = CHECK_FIGURES | MASS_FIGURES | {name for names in BESIDE_TABLES for name in names}
    prediction = run.prediction
    shown: list[tuple[str, Sequence[Block]]] = [
        ("Exposure", _exposure_blocks(analysis, run)),
        (
            "Selection",
            [*flows, *(block for sample in run.samples for block in _selection_blocks(sample)), *without],
        ),
        ("Values of the cuts", _cut_blocks(analysis, run)),
        *([("Background: accidental pairs", _background_blocks(prediction))] if prediction else []),
        *([("Validation", [*check_blocks(run.checks), *checked])] if run.checks else []),
        *([("Systematic uncertainties", _systematic_blocks(prediction))] if prediction else []),
        *([("What is measured, what is assumed", _input_blocks(analysis, run))] if prediction else []),
        *([("Expected and observed", [*_table_blocks(run), *counts])] if run.table else []),
        ("Figures", [figure for figure in figures if figure.path.stem not in elsewhere]),
        *([("Windows of mass", [*masses, *mass_blocks(run.masses)])] if run.masses else []),
    ]
    return [Section(channel + title, blocks) for title, blocks in shown]


def _exposure_blocks(analysis: Analysis, run: StoredRun) -> list[Block]:
    headers = ["sample", "what", "protons on target", "live time [s]", "bursts", "selection", "files"]
    rows, notes = [], []
    for sample in run.samples:
        summary, config = sample.summary, analysis.config.samples[sample.name]
        what = ", ".join(str(x) for x in (sample.label, config.year, config.channel) if x)
        files = ", ".join(_relative(analysis, file) for file in summary["files"])
        exposure = summary["exposure"]
        numbers = (
            [f"{exposure['pot']:.4g}", f"{exposure['live_time_s']:.6g}", str(exposure["bursts"])]
            if exposure
            else ["unknown: no burst table", "", ""]
        )
        rows.append([sample.name, what, *numbers, summary["selection"], files])
        notes += [Text(f"{sample.name}: {summary['emptied']}.")] if "emptied" in summary else []
        notes += [
            Text(f"Warning: {sample.name}: {BadFile(**bad).text}.") for bad in summary.get("bad_files", ())
        ]
    unusual = ", ".join(analysis.config.exposure.unusual)
    if unusual:
        notes.append(
            Text(
                f"Warning: [exposure] unusual of analysis.toml turns off the limits of plausibility for {unusual}."
            )
        )
    return [Table(headers, rows, words=["what", "files"]), *notes]


def _selection_blocks(sample: StoredSample) -> list[Block]:
    summary = sample.summary
    note = summary["accounting_note"]
    total = sum(row["observed"] for row in summary["regions"])
    regions = [
        [row["name"], str(row["observed"]), f"{row['observed'] / total:.1%}" if total else ""]
        for row in summary["regions"]
    ] + [[name, "closed", ""] for name in summary["closed"]]
    said = f"{sample.title}, selection {summary['selection']}: the way of the events from the files to the candidates."
    headers, steps = accounting_table(summary)
    if all(step["sum_w"] == step["events"] for step in summary["accounting"]):
        weights = headers.index("sum of weights")
        headers, *steps = [[*row[:weights], *row[weights + 1 :]] for row in (headers, *steps)]
    return [
        Table(headers, steps, said + (f" {note[:1].upper()}{note[1:]}." if note else "")),
        Table(["region", "candidates", "share"], regions, f"{sample.title}: candidates by region."),
    ]


def _cut_blocks(analysis: Analysis, run: StoredRun) -> list[Block]:
    """List the values of the cuts of every selection that was run."""
    models = analysis.parameters()
    found: list[Block] = []
    for name in dict.fromkeys(str(sample.summary["selection"]) for sample in run.samples):
        model = models.get(f"selection.{name}")
        if model is None:
            continue
        rows = [
            [key, _value(getattr(model, key)), field.description or ""]
            for key, field in type(model).model_fields.items()
        ]
        caption = f"Values of selections/{name}.py; the unit is in the name."
        found.append(Table(["name", "value", "what it is"], rows, caption, words=["what it is"]))
    return found


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _background_blocks(prediction: dict[str, Any]) -> list[Block]:
    return [
        *(Text(f"{line[:1].upper()}{line[1:]}.") for line in tables.estimate_notes(prediction)),
        Table(*tables.estimated(prediction), "Expected accidental pairs, with their errors."),
    ]


def _systematic_blocks(prediction: dict[str, Any]) -> list[Block]:
    headers, rows = tables.sources(prediction)
    caption = "Sources of uncertainty of the background; `correlated` ones move all regions together."
    return [Table(headers, rows, caption, words=["from"])]


def _input_blocks(analysis: Analysis, run: StoredRun) -> list[Block]:
    data = next((sample for sample in run.samples if sample.name == (run.table or {}).get("sample")), None)
    exposure = data.summary["exposure"] if data else None
    rows = search_inputs(analysis, exposure, run.prediction or {}, run.checks)
    assumed = sum(row.kind == "assumed" for row in rows)
    return [
        Text(
            f"Of {len(rows)} numbers behind this result {assumed} are assumed: they have no public source, and nothing here "
            "measures them."
        ),
        Table(*tables.stated(rows), words=["number", "kind", "source"]),
    ]


def _table_blocks(run: StoredRun) -> list[Block]:
    table: dict[str, Any] = run.table or {}
    record = [Text(f"{name}: {text}.") for name, text in table["opened"].items()]
    seen = [Text(line) for line in table["seen"]]
    counted = Table(*tables.counting(table), f"Sample {table['sample']} ({table['label']}).")
    return [counted, *_conventions(table), *record, *seen]


def _combined_blocks(run: StoredRun) -> list[Block]:
    table: dict[str, Any] = run.table or {}
    caption = f"Channels {', '.join(table['channels'])} ({table['label']})."
    return [Table(*tables.counting(table), caption), *_conventions(table)]


def _conventions(table: dict[str, Any]) -> list[Block]:
    return [Text(f"{name}: {text}.") for name, text in table["conventions"].items()]


def _provenance(analysis: Analysis, run: StoredRun) -> list[Block]:
    version = run.made.get("bdana_version", __version__)
    head = (run.table or {}).get("ledger_head") or "no ledger"
    rows = [
        ["analysis folder", analysis.folder.name],
        ["hash of configuration and code", analysis.hash],
        ["head of the ledger", head],
        ["replaced on the command line", ", ".join(analysis.overrides) or "nothing"],
        ["bdana", f"{version}, the report {__version__}"],
        ["files of the results", "the folder of this report: numbers as JSON, candidates as CSV, figures/"],
    ]
    options = "".join(f" --set {shlex.quote(text)}" for text in analysis.overrides)
    lines = [
        f"pip install bdana=={version}",
        f"cd {shlex.quote(analysis.folder.name)}",
        f"bdana config{options}",
        f"bdana run{options}",
        f"bdana report{options}",
        *(["bdana blinding verify"] if head != "no ledger" else []),
    ]
    return [
        Table(["what", "value"], rows, words=["value"]),
        Text("To make these results again, with the files of the section Exposure:"),
        Code("\n".join(lines)),
    ]


def _relative(analysis: Analysis, file: str) -> str:
    """Return the path of a file below the analysis folder as seen from there, and any other as it is."""
    path, folder = Path(file), analysis.folder.resolve()
    inside = path.is_absolute() and path.resolve().is_relative_to(folder)
    return str(path.resolve().relative_to(folder)) if inside else file

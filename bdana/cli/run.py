"""`bdana run`, `plot` and `report`: the whole search of an analysis folder."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bdana.cli.app import app
from bdana.cli.console import (
    accounting_document,
    filled,
    note,
    note_accounting,
    print_json,
    print_tables,
    progress_bar,
    require_analysis,
)
from bdana.cli.options import (
    Accounted,
    AllowBadFiles,
    ExecutorName,
    Json,
    MemoryLimit,
    Overrides,
    Resume,
    Scheduler,
    Workers,
    executor_from,
    handled,
)
from bdana.cli.select import note_bad_files, result_tables
from bdana.cli.sensitivity import exclusion_lines

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from rich.table import Table

    from bdana.api import Analysis
    from bdana.engine import Executor, Progress
    from bdana.search.checks import Checks
    from bdana.search.kept_parts import KeptParts
    from bdana.search.run import SampleRun
    from bdana.statistics.table import CountingTable

__all__ = ["plot", "report", "run", "run_and_report", "search_table", "signal_lines"]


@app.command()
def run(
    overrides: Overrides = None,
    workers: Workers = None,
    executor: ExecutorName = None,
    scheduler: Scheduler = None,
    allow_bad_files: AllowBadFiles = False,
    memory_limit: MemoryLimit = None,
    resume: Resume = None,
    account: Accounted = False,
    as_json: Json = False,
) -> None:
    """Run everything analysis.toml declares into output/: samples, background, table, figures, report."""
    analysis = require_analysis(overrides)
    analysis.selected_samples()  # said before libraries are imported

    from bdana.engine import clear_checkpoints
    from bdana.engine.accounting import accounting
    from bdana.search.combined import combined_table
    from bdana.search.opened import reported_looks
    from bdana.search.signal_result import read_signal

    kept = resume or analysis.folder / "output" / ".checkpoints"
    analysis = handled(analysis, allow_bad_files=allow_bad_files, memory_limit=memory_limit, resume=kept)
    with accounting() as found:
        results, path = run_and_report(analysis, executor_from(analysis, workers, executor, scheduler))
    clear_checkpoints(kept)  # what they were for is done
    for result in results:
        note_bad_files(result.selected.bad_files)
    out = analysis.folder / "output"
    used = {result.title: dataset for result in results for dataset in result.selected.datasets}
    if account:
        note_accounting(found, used)
    if as_json:
        signal = read_signal(analysis)
        document = _document(results, analysis.config.search.joint)
        accounts = accounting_document(found, used) if account else {}
        print_json(document | ({"signal": signal.to_dict()} if signal else {}) | accounts)
        note(f"report in {path}")
        return
    for result in results:
        print_tables(
            f"{result.title} ({result.selected.label}):",
            *(search_table(result.table) if result.table else result_tables(result.selected)),
            *(f"{region.name}: {region.provenance}" for region in result.opened),
            *(reported_looks(analysis) if result.table else ()),
            *(_prompt_text(result.checks) if result.checks else ()),
            *(_mass_lines(out / (result.channel or "") / "mass_windows.json") if result.masses else ()),
            *((*result.estimate.warnings, *result.estimate.notes) if result.estimate else ()),
        )
    if combined := combined_table(results, analysis.config.search.joint):
        print_tables("all channels:", *search_table(combined), *_mass_lines(out / "mass_windows.json"))
    print_tables(*signal_lines(analysis), f"report: {path}")


@app.command()
def plot(
    variables: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="VARIABLE...", help="Of \\[variables] or \\[n_minus_1]; by default all figures are drawn."
        ),
    ] = None,
    overrides: Overrides = None,
) -> None:
    """Draw the figures of the last run again, or those of some variables, into output/figures/."""
    from bdana import report as drawn  # draws single variables without the imports of the others

    analysis = require_analysis(overrides)
    figures = drawn.save_variables(analysis, variables) if variables else drawn.save_figures(analysis)
    print_tables(*(f"{figure.path}: {figure.caption}" for figure in figures))


@app.command()
def report(
    overrides: Overrides = None,
    review: Annotated[
        bool,
        typer.Option(
            "--review",
            help="Write output/review.html in its place: the report behind the hash to sign and what has changed since the "
            "last freeze, for who approves openings.",
        ),
    ] = False,
) -> None:
    """Write output/report.html of the last run again."""
    from bdana.report import write_report, write_review

    analysis = require_analysis(overrides)
    path = write_review(analysis) if review else write_report(analysis)
    print_tables(f"{'review' if review else 'report'}: {path}")


def run_with_progress(
    analysis: Analysis, executor: Executor, kept: KeptParts | None = None
) -> tuple[SampleRun, ...]:
    """Run the search, with a bar for each sample; `kept` is as for `run_search`."""
    from bdana.search.run import run_search

    with _one_bar_at_a_time() as bar:
        return run_search(analysis, executor, bar, kept)


@contextmanager
def _one_bar_at_a_time() -> Iterator[Callable[[str], Progress]]:
    with ExitStack() as bars:

        def bar(name: str) -> Progress:
            bars.close()
            return bars.enter_context(progress_bar(f"running {name}"))

        yield bar


def run_and_report(
    analysis: Analysis, executor: Executor, kept: KeptParts | None = None
) -> tuple[tuple[SampleRun, ...], Path]:
    """Run the search, write output/ and the report, and return both; `kept` is as for `run_search`."""
    from bdana.report import write_report
    from bdana.search.output import write_output
    from bdana.search.signal_result import signal_result, write_signal

    results = run_with_progress(analysis, executor, kept)
    write_output(analysis, results)
    with _one_bar_at_a_time() as bar:
        write_signal(analysis, signal_result(analysis, results, executor, bar))
    return results, write_report(analysis)


def search_table(counted: CountingTable) -> list[Table | str]:
    """Lay out the table of a search with notes on its conventions."""
    from bdana.report.tables import counting

    return [
        filled(*counting(counted.to_dict())),
        *(f"{name}: {text}" for name, text in counted.conventions.items()),
    ]


def signal_lines(analysis: Analysis) -> list[Table | str]:
    """Lay out the expected signal by region and the exclusion of the last run, where it has them."""
    from bdana.report.signal_sections import signal_rows
    from bdana.search.signal_result import read_signal

    result = read_signal(analysis)
    if result is None:
        return ["no exclusion: no channel of [signal] was counted"] if analysis.config.signal else []
    tables: list[Table | str] = []
    for name, part in result.channels.items():
        tables += [f"{name}, expected events, {part.label}:", filled(*signal_rows(part)), *part.notes]
    figure = analysis.folder / "output" / "figures" / "exclusion.png"
    warnings = [f"warning: {text}" for text in result.cautions]
    return [*tables, *exclusion_lines(result.exclusion, result.label), *warnings, f"exclusion: {figure}"]


def _mass_lines(path: Path) -> list[str]:
    from bdana.report.mass_sections import mass_lines
    from bdana.search.stored import read_json

    return [*mass_lines(read_json(path)), f"limits against mass: {path}"] if path.is_file() else []


def _prompt_text(checks: Checks) -> list[str]:
    if checks.prompt is None:
        return []
    share = checks.prompt.share
    limit = f"below {share.upper_limit:.0%} of the combinatorial at {share.level:.0%} CL"
    said = f"in-time (prompt) pairs: {limit}, from {share.pairs} pairs in open regions; more checks in the report"
    return [said, checks.prompt.varied[0].text, *(row.text for row in checks.prompt.bounded[:1])]


def _document(results: tuple[SampleRun, ...], joint: list[str]) -> dict[str, Any]:
    from bdana.search.combined import combined_table

    parts: dict[str | None, list[SampleRun]] = {}
    for result in results:
        parts.setdefault(result.channel, []).append(result)
    if None in parts:
        return _channel_document(results)
    combined = combined_table(results, joint)
    channels = {name: _channel_document(runs) for name, runs in parts.items()}
    return (combined.to_dict() if combined else {}) | {"channels": channels}


def _channel_document(results: Sequence[SampleRun]) -> dict[str, Any]:
    counted = next((result.table for result in results if result.table), None)
    samples = {result.name: result.selected.to_dict() for result in results}
    return (counted.to_dict() if counted else {}) | {"samples": samples}

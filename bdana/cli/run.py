"""`bdana run`, `plot` and `report`: the whole search of an analysis folder."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
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
from bdana.cli.exclusion import exclusion_lines
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

__all__ = ["Made", "plot", "report", "run", "run_and_report", "search_table", "signal_lines"]


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
    force: Annotated[
        bool, typer.Option("--force", help="Make everything again, also where nothing has changed.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Run everything analysis.toml declares into output/: samples, background, table, figures, report.

    When nothing has changed since the last run, its results are kept and printed again.
    That is asked of the analysis, files, ledger, options, code, and of what the run wrote.
    --accounting, which measures, always runs.
    """
    analysis = require_analysis(overrides)
    analysis.selected_samples()  # said before libraries are imported
    kept = resume or analysis.folder / "output" / ".checkpoints"
    analysis = handled(analysis, allow_bad_files=allow_bad_files, memory_limit=memory_limit, resume=kept)
    if any((workers, executor, scheduler)):
        executor_from(analysis, workers, executor, scheduler, start=False)  # says what is wrong with them
    if not force and not account and _printed_again(analysis, as_json=as_json):
        return

    from bdana.engine import clear_checkpoints
    from bdana.engine.accounting import accounting
    from bdana.search.output import check_output_folder

    check_output_folder(analysis)  # before the long work
    with accounting() as found:
        made = run_and_report(analysis, executor_from(analysis, workers, executor, scheduler))
    clear_checkpoints(kept)  # what they were for is done
    for result in made.results:
        note_bad_files(result.selected.bad_files)
    used = {result.title: dataset for result in made.results for dataset in result.selected.datasets}
    if account:
        note_accounting(found, used)
    if as_json:
        print_json(made.document | (accounting_document(found, used) if account else {}))
        note(f"report in {made.report}")
        return
    print_tables(*made.printed)


def _printed_again(analysis: Analysis, *, as_json: bool) -> bool:
    """Print what the last run printed, if it is up to date, and tell whether it is."""
    from bdana.search.last_run import dependencies, read_last_run

    now = dependencies(analysis)
    last = read_last_run(analysis, now) if now else None
    if last is None:
        return False
    if last.changed:
        more = f" and {len(last.changed) - 3} more" if len(last.changed) > 3 else ""
        note(f"changed since the last run: {', '.join(last.changed[:3])}{more}")
        return False
    if as_json:
        print_json(dict(last.document))
    else:
        print_tables(*(item if isinstance(item, str) else filled(**item) for item in last.printed))
    note("nothing has changed since the last run: output/ is kept as it is (--force makes it again)")
    return True


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


@dataclass(frozen=True)
class Made:
    """What a run made: results, report, and what is said of them, as text and for JSON."""

    results: tuple[SampleRun, ...]
    report: Path
    printed: list[Table | str]
    document: dict[str, Any]


def run_and_report(analysis: Analysis, executor: Executor, kept: KeptParts | None = None) -> Made:
    """Run the search, write output/ and the report, and return them; `kept` is as for `run_search`."""
    from bdana.report import write_report
    from bdana.search.last_run import dependencies, write_last_run
    from bdana.search.output import write_output
    from bdana.search.signal_result import signal_result, write_signal

    before = dependencies(analysis)
    results = run_with_progress(analysis, executor, kept)
    write_output(analysis, results)
    with _one_bar_at_a_time() as bar:
        write_signal(analysis, signal_result(analysis, results, executor, bar))
    report = write_report(analysis)
    made = Made(results, report, _printed(analysis, results, report), _document(analysis, results))
    if before and not any(result.selected.bad_files for result in results):  # those may be read next time
        plain = [item if isinstance(item, str) else _plain(item) for item in made.printed]
        write_last_run(analysis, before, plain, made.document)
    return made


def _plain(shown: Table) -> dict[str, Any]:
    """Return the arguments of `filled` that make a table again."""
    return {
        "headers": [str(column.header) for column in shown.columns],
        "rows": [*zip(*(map(str, column.cells) for column in shown.columns), strict=True)],
        "numbers": any(column.justify == "right" for column in shown.columns),
    }


def _printed(analysis: Analysis, results: tuple[SampleRun, ...], report: Path) -> list[Table | str]:
    """Lay out what a run says."""
    from bdana.search.combined import combined_table
    from bdana.search.opened import reported_looks

    out, shown = analysis.folder / "output", []
    for result in results:
        shown += [
            f"{result.title} ({result.selected.label}):",
            *(search_table(result.table) if result.table else result_tables(result.selected)),
            *(f"{region.name}: {region.provenance}" for region in result.opened),
            *(reported_looks(analysis) if result.table else ()),
            *(_prompt_text(result.checks) if result.checks else ()),
            *(_mass_lines(out / (result.channel or "") / "mass_windows.json") if result.masses else ()),
            *((*result.estimate.warnings, *result.estimate.notes) if result.estimate else ()),
        ]
    if combined := combined_table(results, analysis.config.search.joint):
        shown += ["all channels:", *search_table(combined), *_mass_lines(out / "mass_windows.json")]
    return [*shown, *signal_lines(analysis), f"report: {report}"]


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


def _document(analysis: Analysis, results: tuple[SampleRun, ...]) -> dict[str, Any]:
    from bdana.search.signal_result import read_signal

    signal = read_signal(analysis)
    return _searched(results, analysis.config.search.joint) | ({"signal": signal.to_dict()} if signal else {})


def _searched(results: tuple[SampleRun, ...], joint: list[str]) -> dict[str, Any]:
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

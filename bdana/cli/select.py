"""`bdana select`: one selection on files."""

from __future__ import annotations

import operator
from functools import reduce
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bdana.cli.app import app
from bdana.cli.console import (
    accounting_document,
    filled,
    load_analysis,
    note,
    note_accounting,
    print_json,
    print_tables,
    progress_bar,
    table,
)
from bdana.cli.options import (
    Accounted,
    AllBursts,
    AllowBadFiles,
    ExecutorName,
    GoodRuns,
    Json,
    Kind,
    MemoryLimit,
    Overrides,
    Resume,
    Scheduler,
    Schema,
    Workers,
    executor_from,
    handled,
)
from bdana.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.table import Table

    from bdana.api import Analysis
    from bdana.engine import SelectionRun
    from bdana.events import Dataset
    from bdana.events.bad_files import BadFile
    from bdana.events.writing import ContainerKind

__all__ = ["note_bad_files", "result_tables", "select"]
InputFiles = Annotated[
    list[str] | None,
    typer.Argument(metavar="FILE...", help="ROOT files of one layout, globs, @lists.", show_default=False),
]
Samples = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME",
        help="A sample of analysis.toml in place of files; several add up.",
        show_default=False,
    ),
]
SelectionName = Annotated[str, typer.Option(metavar="NAME", help="A module of selections/.")]
Candidates = Annotated[
    Path | None,
    typer.Option(metavar="OUT.csv|OUT.root", help="Write the candidates, one row each.", show_default=False),
]
Skim = Annotated[
    Path | None,
    typer.Option(
        metavar="OUT.root",
        help="Write the selected events, in bdana's own layout; of sealed data OUT.open.root.",
        show_default=False,
    ),
]
AsRNTuple = Annotated[bool, typer.Option("--rntuple", help="Write RNTuples in place of trees.")]
Plot = Annotated[
    Path | None,
    typer.Option(
        metavar="OUT.png",
        help="Draw them in the plane of z and distance to the beam line at the dump.",
        show_default=False,
    ),
]


@app.command()
def select(
    files: InputFiles = None,
    sample: Samples = None,
    schema: Schema = None,
    kind: Kind = "data",
    selection: SelectionName = "dimuon",
    all_bursts: AllBursts = False,
    good_runs: GoodRuns = None,
    overrides: Overrides = None,
    candidates: Candidates = None,
    skim: Skim = None,
    rntuple: AsRNTuple = False,
    plot: Plot = None,
    workers: Workers = None,
    executor: ExecutorName = None,
    scheduler: Scheduler = None,
    allow_bad_files: AllowBadFiles = False,
    memory_limit: MemoryLimit = None,
    resume: Resume = None,
    account: Accounted = False,
    as_json: Json = False,
) -> None:
    """Run one selection on files: cutflow, candidates, region counts, exposure."""
    from bdana.engine import threads_if_few
    from bdana.engine.accounting import accounting
    from bdana.engine.choice import MOST_FILES

    analysis = handled(
        load_analysis(overrides), allow_bad_files=allow_bad_files, memory_limit=memory_limit, resume=resume
    )
    if bool(files) == bool(sample):
        raise ConfigError("give either files or --sample NAME")
    processes = executor is not None or len(files or ()) > MOST_FILES
    chosen = executor_from(analysis, workers, executor, scheduler, start=processes)
    datasets = analysis.datasets(
        files, sample=sample or (), kind=kind, schema=schema, all_bursts=all_bursts, good_runs=good_runs
    )
    if not processes:
        chosen = threads_if_few(chosen, datasets)
    _check_outputs(datasets, candidates, skim, plot)  # before the long work
    runs = []
    with accounting() as found:
        for dataset in datasets:
            with progress_bar("selecting") as progress:
                runs.append(analysis.select_from(dataset, selection, chosen, progress))
    run = reduce(operator.add, runs)
    used = {one.label if len(runs) == 1 else f"{one.label} {k}": one for k, one in enumerate(run.datasets, 1)}
    note_bad_files(run.bad_files)
    container: ContainerKind = "rntuple" if rntuple else "ttree"
    if candidates is not None:
        _write_candidates(run, candidates, container)
    if skim is not None:
        from bdana.search.skims import write_skim

        note(f"{write_skim(analysis, run, skim, container)} events in {skim}")
    if plot is not None:
        _draw_plane(analysis, run, plot)
    if resume is not None:
        from bdana.engine import clear_checkpoints

        clear_checkpoints(resume)  # what they were for is done
    if account:
        note_accounting(found, used)
    if as_json:
        print_json(run.to_dict() | (accounting_document(found, used) if account else {}))
    else:
        print_tables(*result_tables(run))


def note_bad_files(files: Sequence[BadFile]) -> None:
    """Say on stderr which files are left out, and what that loses."""
    for bad in files:
        note(f"warning: {bad.text}")


def _check_outputs(
    datasets: Sequence[Dataset], candidates: Path | None, skim: Path | None, plot: Path | None
) -> None:
    """Refuse outputs that are inputs or cannot be written, and a skim of sealed data that could not be read again."""
    from bdana.atomic import check_output
    from bdana.sealing.skim_manifest import check_skim_name

    inputs = {Path(file).resolve() for dataset in datasets for file in dataset.files}
    if candidates is not None and candidates.suffix not in {".csv", ".root"}:
        raise ConfigError(f"--candidates {candidates}: end the name in .csv or .root")
    if skim is not None and skim.suffix != ".root":
        raise ConfigError(f"--skim {skim}: end the name in .root")
    if plot is not None:
        from bdana.plotting.figures import check_format

        check_format(plot)
    for output in filter(None, (candidates, skim, plot)):
        if output.resolve() in inputs:
            raise ConfigError(f"{output}: is one of the files that are read; write somewhere else")
        check_output(output)
    if skim is not None and any(dataset.sealed for dataset in datasets):
        check_skim_name(skim)


def _write_candidates(run: SelectionRun, path: Path, container: ContainerKind) -> None:
    from bdana.events.bad_files import incomplete
    from bdana.search.skims import provenance

    if path.suffix == ".root":
        run.candidates.write_root(path, container=container, provenance=provenance(run))
    else:
        run.candidates.write_csv(path, incomplete(run.bad_files))
    note(f"{len(run.candidates)} candidates in {path}")


def _draw_plane(analysis: Analysis, run: SelectionRun, path: Path) -> None:
    from bdana.plotting import save_plane
    from bdana.regions import UNDEFINED
    from bdana.selection import plane_histogram

    regions, closed = analysis.plane_of(run.selection, run.closed)
    save_plane(
        plane_histogram(run.candidates, regions, analysis.dump_name),
        regions,
        path,
        f"{run.selection} ({run.label})",
        closed,
        sum(region.observed for region in run.regions if region.name == UNDEFINED),
    )
    note(f"picture in {path}")


def result_tables(run: SelectionRun) -> list[Table | str]:
    """Lay out cutflow, regions and exposure of a selection as tables and text."""
    from bdana.selection.cutflow import accounting_table

    chain = filled(*accounting_table(run.to_dict()))
    regions = table("region", "candidates")
    for region in run.regions:
        regions.add_row(region.name, f"{region.observed}")
    for name in run.closed:
        regions.add_row(name, "closed")
    used = "all bursts" if any(dataset.all_bursts for dataset in run.datasets) else "good bursts"
    exposure = (
        f"exposure: {run.exposure.pot:.4g} protons on target, {run.exposure.live_time_s:.6g} s live, "
        f"{run.exposure.bursts} {used}"
        if run.exposure
        else "exposure: unknown, the layout has no burst table"
    )
    if run.unusual:
        exposure += f"; [exposure] unusual: limits of plausibility are off for {', '.join(run.unusual)}"
    return [
        f"{run.label}, selection {run.selection}:",
        *(f"warning: {bad.text}" for bad in run.bad_files),
        chain,
        *filter(None, [run.accounting_note]),
        regions,
        exposure,
        *filter(None, [run.emptied]),
    ]

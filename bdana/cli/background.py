"""`bdana background`: expected number of accidental pairs of single tracks, or bound on prompt pairs."""

from __future__ import annotations

from pathlib import Path
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
    AllBursts,
    AllowBadFiles,
    ExecutorName,
    Files,
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
from bdana.cli.select import note_bad_files

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.table import Table

    from bdana.engine.accounting import Accounting
    from bdana.events import Dataset
    from bdana.pairing import PairEstimate
    from bdana.upstream import PromptShare

__all__ = ["background", "estimate_tables", "share_text"]


@app.command()
def background(
    files: Files,
    schema: Schema = None,
    kind: Kind = "data",
    name: Annotated[
        str, typer.Option("--background", metavar="NAME", help="A module of backgrounds/.")
    ] = "combinatorial",
    all_bursts: AllBursts = False,
    bootstrap: Annotated[
        int, typer.Option(min=0, metavar="N", help="Cross-check the errors with N replicas of the sample.")
    ] = 0,
    pairs: Annotated[
        Path | None,
        typer.Option(metavar="OUT.root", help="Write every selected pair, too.", show_default=False),
    ] = None,
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
    """Estimate the combinatorial background from single tracks, or bound the prompt one (--background prompt)."""
    from contextlib import nullcontext

    from bdana.engine.accounting import accounting
    from bdana.pairing import pair_file

    if bootstrap == 1:
        raise typer.BadParameter("a spread needs at least 2 replicas", param_hint="--bootstrap")
    if pairs is not None and pairs.suffix != ".root":
        raise typer.BadParameter(f"{pairs}: end the name in .root", param_hint="--pairs")
    analysis = handled(
        require_analysis(overrides), allow_bad_files=allow_bad_files, memory_limit=memory_limit, resume=resume
    )
    chosen = executor_from(analysis, workers, executor, scheduler)
    if analysis.is_prompt(name):
        with accounting() as found, progress_bar("prompt pairs"):
            share = analysis.prompt_share(
                files, kind=kind, schema=schema, name=name, all_bursts=all_bursts, executor=chosen
            )
        note_bad_files(share.bad_files)
        _done(resume)
        accounts: dict[str, Any] = {}
        if account:
            dataset = analysis.dataset(files, kind=kind, schema=schema, all_bursts=all_bursts)
            accounts = _accounts(found, dataset)
        if as_json:
            print_json(share.to_dict() | {"analysis_hash": analysis.hash, "kind": kind} | accounts)
        else:
            print_tables(share_text(share, analysis.prompt(name)[0].left_out))
        return
    with (
        accounting() as found,
        progress_bar("background"),
        pair_file(pairs) if pairs else nullcontext() as sink,
    ):
        estimate = analysis.background(
            files,
            kind=kind,
            schema=schema,
            name=name,
            all_bursts=all_bursts,
            executor=chosen,
            bootstrap=bootstrap,
            sink=sink,
        )
    for warning in estimate.warnings:
        note(warning)
    note_bad_files(estimate.bad_files)
    _done(resume)
    read = estimate.dataset
    accounts = _accounts(found, read) if account and read is not None else {}
    label = read.label if read is not None else kind
    if as_json:
        said = {"analysis_hash": analysis.hash, "kind": kind, "label": label}
        print_json(estimate.to_dict() | said | accounts)
    else:
        lost = (f"warning: {bad.text}" for bad in estimate.bad_files)
        print_tables(f"from single tracks of {label}:", *lost, *estimate_tables(estimate))


def _done(resume: Path | None) -> None:
    if resume is not None:
        from bdana.engine import clear_checkpoints

        clear_checkpoints(resume)


def _accounts(found: Accounting, dataset: Dataset) -> dict[str, Any]:
    """Say what was read and computed; return it for JSON."""
    note_accounting(found, {dataset.label: dataset})
    return accounting_document(found, {dataset.label: dataset})


def share_text(share: PromptShare, left_out: Sequence[str]) -> str:
    """Say what the fit of the time differences found, among pairs that need not pass the cuts `left_out`."""
    return (
        f"prompt pairs: below {share.upper_limit:.2%} of the combinatorial at {share.level:.0%} CL (Bayes, flat prior); "
        f"fitted outside the regions, without {', '.join(left_out) or 'leaving out a cut'}: {share.text}"
    )


def estimate_tables(estimate: PairEstimate) -> list[Table | str]:
    """Lay out an estimate as tables and text: its inputs, regions and sources of uncertainty."""
    from bdana.report.tables import estimate_notes, estimated, sources

    document = estimate.to_dict()
    return [
        filled(*estimated(document)),
        filled(*sources(document), numbers=False),
        filled(
            ["input", "value", "error", "kind", "source"],
            [
                [row["name"], f"{row['value']:.4g}", f"{row['error']:.2g}", row["kind"], row["source"]]
                for row in document["inputs"]
            ],
            numbers=False,
        ),
        *estimate_notes(document),
    ]

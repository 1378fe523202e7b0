"""`bdana select`: one selection on files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bdana.cli.app import app
from bdana.cli.console import load_analysis, note, print_json, print_tables, progress_bar, table
from bdana.cli.options import AllBursts, Files, Jobs, Json, Kind, Overrides, Schema

if TYPE_CHECKING:
    from rich.table import Table

    from bdana.engine import SelectionRun

__all__ = ["result_tables", "select"]


@app.command()
def select(
    files: Files,
    schema: Schema = None,
    kind: Kind = "data",
    selection: Annotated[str, typer.Option(metavar="NAME", help="A module of selections/.")] = "dimuon",
    all_bursts: AllBursts = False,
    overrides: Overrides = None,
    candidates: Annotated[
        Path | None,
        typer.Option(metavar="OUT.csv", help="Write the candidates, one row each.", show_default=False),
    ] = None,
    plot: Annotated[
        Path | None,
        typer.Option(metavar="OUT.png", help="Draw them in the (z_TAX, CDA_TAX) plane.", show_default=False),
    ] = None,
    jobs: Jobs = 1,
    as_json: Json = False,
) -> None:
    """Run one selection on files: cutflow, candidates, region counts, exposure."""
    from bdana.engine import ProcessExecutor, SerialExecutor

    analysis = load_analysis(overrides)
    with progress_bar("selecting") as progress:
        run = analysis.select(
            files,
            kind=kind,
            schema=schema,
            selection=selection,
            all_bursts=all_bursts,
            executor=ProcessExecutor(jobs) if jobs > 1 else SerialExecutor(),
            progress=progress,
        )
    if candidates is not None:
        run.candidates.write_csv(candidates)
        note(f"{len(run.candidates)} candidates in {candidates}")
    if plot is not None:
        from bdana.plotting import save_plane
        from bdana.selection import plane_histogram

        save_plane(plane_histogram(run.candidates), analysis.regions, plot)
        note(f"picture in {plot}")
    if as_json:
        print_json(run.to_dict())
    else:
        print_tables(*result_tables(run))


def result_tables(run: SelectionRun) -> list[Table | str]:
    """Lay out a selection's cutflow, regions and exposure for people."""
    cutflow = table("cut", "events", "sum w", "all cuts but this")
    for row in run.cutflow.rows:
        n_minus_1 = "" if row.n_minus_1 is None else f"{row.n_minus_1}"
        cutflow.add_row(row.cut, f"{row.events}", f"{row.sum_w:.6g}", n_minus_1)
    regions = table("region", "candidates")
    for region in run.regions:
        regions.add_row(region.name, f"{region.observed}")
    used = "all bursts" if run.dataset.all_bursts else "good bursts"
    exposure = (
        f"exposure: {run.exposure.pot:.4g} protons on target, {run.exposure.live_time_s:.6g} s live, "
        f"{run.exposure.bursts} {used}"
        if run.exposure
        else "exposure: unknown, the layout has no burst table"
    )
    return [cutflow, regions, exposure]

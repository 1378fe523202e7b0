"""`bdana check`: everything in an analysis folder that would stop a run, without reading events."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from bdana.cli.app import app
from bdana.cli.console import note, print_json, print_tables
from bdana.cli.options import Json, Overrides
from bdana.errors import ConfigError

__all__ = ["check"]


@app.command()
def check(
    folder: Annotated[
        Path | None,
        typer.Argument(metavar="[DIR]", help="An analysis folder.", show_default="the one here or above"),
    ] = None,
    overrides: Overrides = None,
    as_json: Json = False,
) -> None:
    """Look for everything in an analysis folder that would stop a run, and list all of it; no event is read."""
    from bdana.analysis import find_analysis
    from bdana.search.folder_check import check_folder

    where = folder or find_analysis()
    if where is None:
        raise ConfigError("no analysis.toml here or above: name the analysis folder (bdana init makes one)")
    found = check_folder(where.resolve(), overrides or ())
    if as_json:
        print_json({"folder": str(where), "ok": not found.problems, "files": found.files}
                   | {"problems": [asdict(problem) for problem in found.problems], "notes": list(found.notes)})  # fmt: skip
    else:
        for text in found.notes:
            note(f"note: {text}")
        count = len(found.problems)
        said = "no problem found" if not count else f"{count} problem{'s' if count > 1 else ''}:"
        print_tables(f"{where}, {found.files} files opened: {said}")
        for problem in found.problems:
            typer.echo(f"  {problem.part}: {problem.message}")
    if found.problems:
        raise typer.Exit(2)

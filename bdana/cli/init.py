"""`bdana init`: a new analysis folder."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bdana.cli.app import app
from bdana.cli.console import print_tables

__all__ = ["init"]


@app.command()
def init(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="Folder of the new analysis.", show_default="here")
    ] = Path(),
    detector: Annotated[
        str, typer.Option(metavar="NAME", help="Experiment whose analysis is made, such as spinquest.")
    ] = "na62",
) -> None:
    """Make a new analysis folder: configuration, selections, backgrounds, blinding policy."""
    from bdana.analysis import scaffold

    made = scaffold(folder, None if detector == "na62" else detector)
    print_tables(
        *(f"  {path}" for path in made),
        f"Next: name your samples in {folder / 'analysis.toml'}, read a cut in {folder / 'selections/dimuon.py'}, "
        f"then `bdana run` in {'this folder' if folder == Path() else folder}. Before data are sealed, edit "
        f"{folder / 'blinding/policy.toml'}: people with their SSH keys, approvals of the stages, periods with their runs.",
    )

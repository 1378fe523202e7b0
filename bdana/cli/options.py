"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["AllBursts", "Files", "GoodRuns", "Jobs", "Json", "Kind", "Overrides", "Schema"]

Files = Annotated[
    list[str], typer.Argument(metavar="FILE...", help="ROOT files of one layout.", show_default=False)
]
GoodRuns = Annotated[
    Path | None,
    typer.Option(metavar="LIST.csv", help="Use the bursts of this good-run list only.", show_default=False),
]
Schema = Annotated[
    str | None,
    typer.Option(
        metavar="NAME|PATH",
        help="Layout of the files; by default the one shipped schema that matches.",
        show_default=False,
    ),
]
Kind = Annotated[str, typer.Option(metavar="data|mc|pseudo", help="What the files hold; mc for simulation.")]
AllBursts = Annotated[bool, typer.Option("--all-bursts", help="Use all bursts, not only the good ones.")]
Overrides = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="Replace a value of analysis.toml, such as selection.dimuon.acceptance=false; once per key.",
        show_default=False,
    ),
]
Jobs = Annotated[
    int, typer.Option(min=1, metavar="N", help="Worker processes; the result is the same for any number.")
]
Json = Annotated[
    bool, typer.Option("--json", help="Print one JSON document on stdout; all else goes to stderr.")
]

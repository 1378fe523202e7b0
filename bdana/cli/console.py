"""Output of commands: results on stdout, notes and progress on stderr."""

from __future__ import annotations

import json
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import typer

from bdana.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from rich.table import Table

    from bdana.api import Analysis
    from bdana.engine import Progress

__all__ = [
    "filled",
    "load_analysis",
    "note",
    "print_json",
    "print_tables",
    "progress_bar",
    "require_analysis",
    "table",
]


def note(text: str) -> None:
    """Print a note on stderr."""
    typer.echo(text, err=True)


def print_json(document: dict[str, Any]) -> None:
    """Print the one JSON document of a command."""
    typer.echo(json.dumps(document, indent=2, allow_nan=False))


def load_analysis(overrides: list[str] | None) -> Analysis:
    """Load the analysis found upwards from here, or the packaged one, saying so."""
    from bdana.analysis import find_analysis, template_folder
    from bdana.api import load

    if find_analysis() is None:
        note(f"no analysis.toml here or above: using the default analysis in {template_folder()}")
    return load(overrides=overrides or ())


def require_analysis(overrides: list[str] | None) -> Analysis:
    """Load the analysis found upwards from here.

    Raises
    ------
    ConfigError
        When there is none.
    """
    from bdana.analysis import find_analysis
    from bdana.api import load

    if find_analysis() is None:
        raise ConfigError(
            "no analysis.toml here or above: run this in an analysis folder (bdana init makes one)"
        )
    return load(overrides=overrides or ())


def table(*headers: str, numbers: bool = True) -> Table:
    """Make a table whose first column is text and whose others are numbers, or text too."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    made = Table(box=SIMPLE_HEAD)
    for i, header in enumerate(headers):
        made.add_column(header, justify="right" if i and numbers else "left", overflow="fold")
    return made


def filled(headers: Sequence[str], rows: Iterable[Sequence[str]], *, numbers: bool = True) -> Table:
    """Make a table of text cells, as `table` does."""
    made = table(*headers, numbers=numbers)
    for row in rows:
        made.add_row(*row)
    return made


def print_tables(*tables: Table | str) -> None:
    """Print tables and lines on stdout; where that is no terminal, as wide as they need."""
    from rich.console import Console

    console = Console(highlight=False, soft_wrap=True, markup=False, emoji=False)
    if not console.is_terminal:
        console.width = 200
    for item in tables:
        console.print(item)


@contextmanager
def progress_bar(what: str) -> Iterator[Progress]:
    """Show how far a long step is, on stderr and only on a terminal; gives the function to call with (done, all)."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as bar:
        step = bar.add_task(what, total=None)
        yield lambda done, total: bar.update(step, completed=done, total=total)

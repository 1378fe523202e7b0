"""Output of commands: results on stdout, notes and progress on stderr."""

from __future__ import annotations

import gc
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

_USUAL = gc.get_threshold()
"""How often garbage is looked for when nobody changed it."""


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
    return _collecting(load(overrides=overrides or ()))


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
    return _collecting(load(overrides=overrides or ()))


def _collecting(analysis: Analysis) -> Analysis:
    """Look for garbage as often as usual from here on."""
    gc.set_threshold(*_USUAL)
    return analysis


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
    """Print tables and lines on stdout; where that is no terminal, as wide as they need.

    No number is broken: a table whose words do not fit beside each other is printed row by row.
    """
    from rich.console import Console

    console = Console(highlight=False, markup=False, emoji=False)
    wide, width = not console.is_terminal, console.width
    if wide:
        width, console.width = 200, 10_000
    for item in tables:
        if isinstance(item, str):
            console.print(item, soft_wrap=wide, overflow="ignore", crop=False)
        elif _fit(item, width) or wide:
            console.print(item, soft_wrap=True)
        else:
            for line in _rows_as_text(item):
                console.print(line, overflow="ignore", crop=False)


def _fit(shown: Table, width: int) -> bool:
    """Give the columns of a table widths at which no word is broken, and tell whether they fit; else leave the least."""
    cells = [[str(column.header), *map(str, column.cells)] for column in shown.columns]
    lines = [[line for cell in column for line in cell.splitlines()] for column in cells]
    words = [_longest(word for line in column for word in line.split()) for column in lines]
    least = [
        size if column.justify == "right" else min(size, _FOLDED_WORD)
        for size, column in zip(words, shown.columns, strict=True)
    ]
    widths = list(map(_longest, lines))
    room = width - 3 * len(widths) - 1  # frame and padding
    for goal in (words, least):  # words of text are broken last
        while sum(widths) > room and widths != goal:
            wider = (i for i, (size, low) in enumerate(zip(widths, goal, strict=True)) if size > low)
            widths[max(wider, key=widths.__getitem__)] -= 1
    for column, size in zip(shown.columns, widths, strict=True):
        column.width = size
    return sum(widths) <= room


_FOLDED_WORD = 12  # letters of a path or a hash that may be broken, in a column of text


def _longest(texts: Iterable[str]) -> int:
    from rich.cells import cell_len

    return max(map(cell_len, texts), default=1)


def _rows_as_text(shown: Table) -> Iterator[str]:
    headers = [str(column.header) for column in shown.columns]
    for row in zip(*(map(str, column.cells) for column in shown.columns), strict=True):
        if len(row) == 2:
            yield ": ".join(row)
            continue
        first, *others = zip(headers, row, strict=True)
        for mark, (header, cell) in (("", first), *(("  ", other) for other in others)):
            if cell:
                yield f"{mark}{header}: {cell}" if header else f"{mark}{cell}"


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

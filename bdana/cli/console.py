"""Output of commands: results on stdout, notes and progress on stderr."""

from __future__ import annotations

import gc
import json
import time
from contextlib import ExitStack, contextmanager
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

import typer

from bdana.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from rich.table import Table

    from bdana.api import Analysis
    from bdana.engine import Progress
    from bdana.engine.accounting import Accounting
    from bdana.events import Dataset

__all__ = [
    "accounting_document",
    "filled",
    "load_analysis",
    "note",
    "note_accounting",
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
    """Look for garbage as often as usual from here on, but not in what was imported, which stays."""
    gc.freeze()
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
            console.print("\n".join(_lines(item)), soft_wrap=True, overflow="ignore", crop=False)
        else:
            for line in _rows_as_text(item):
                console.print(line, overflow="ignore", crop=False)


def _lines(shown: Table) -> Iterator[str]:
    """Yield the lines of a table whose columns have their widths, as rich draws it, which takes many times as long."""
    headers = [str(column.header) for column in shown.columns]
    rows = [headers, *zip(*(map(str, column.cells) for column in shown.columns), strict=True)]
    widths = [column.width or 0 for column in shown.columns]
    empty = " " * (sum(widths) + 3 * len(widths) + 1)
    yield empty
    for number, row in enumerate(rows):
        cells = (_folded(text, size) for text, size in zip(row, widths, strict=True))
        for lines in zip_longest(*cells, fillvalue=""):
            parts = []
            for text, size, column in zip(lines, widths, shown.columns, strict=True):
                fill = " " * (size - _longest([text]))
                parts.append(fill + text if column.justify == "right" else text + fill)
            yield f"  {'   '.join(parts)}  "
        if number == 0:
            yield f" {'─' * (len(empty) - 2)} "
    yield empty


def _folded(cell: str, width: int) -> list[str]:
    """Return the lines of a cell, folded where one is wider than its column."""
    from rich.console import Console
    from rich.text import Text

    lines = cell.split("\n")
    if _longest(lines) <= width:
        return lines
    return [line.plain.rstrip() for line in Text(cell).wrap(Console(), width, overflow="fold")]


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
    """Show how far a long step is, on stderr and only on a terminal; gives the function to call with (done, all).

    What is accounted for in the block moves the bar by itself, with files, events and bytes beside it.
    """
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from bdana.engine.accounting import accounting, active_accounting

    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[read]}"),
        TimeRemainingColumn(),
    )
    with ExitStack() as stack:
        account = active_accounting() or stack.enter_context(accounting())
        bar = stack.enter_context(
            Progress(*columns, console=console, disable=not console.is_terminal, transient=True)
        )
        shown = bar.add_task(what, total=None, read="")
        before, begun = account.read_bytes, time.monotonic()
        account.present = ""

        def watched() -> None:
            rate = (account.read_bytes - before) / 1e6 / max(time.monotonic() - begun, 1e-3)
            events = account.steps[account.present].events
            read = "chunks"
            if account.files[1]:
                read += f", {account.files[0]}/{account.files[1]} files, {rate:.0f} MB/s"
            read += "" if events is None else f", {events} events"
            done, total = account.chunks
            text = f"{what}, {account.present}"
            bar.update(shown, completed=done, total=total, description=text, read=read)

        def step(done: int, total: int) -> None:
            if not account.present:
                bar.update(shown, completed=done, total=total)

        account.watched = watched
        stack.callback(setattr, account, "watched", None)
        yield step


def note_accounting(account: Accounting, datasets: Mapping[str, Dataset]) -> None:
    """Say on stderr what was read and computed, and which protons were used."""
    from bdana.engine.accounting import exposures

    document = account.to_dict()
    for name, row in document["steps"].items():
        read = (
            f"{row['files']} files, {row['chunks']} chunks, "
            + (f"{row['events']} events, " if "events" in row else "")
            + f"{row['bytes'] / 1e6:.1f} MB, reading {row['reading_s']:.1f} s, "
            if row["chunks"]
            else ""
        )
        note(f"accounting: {name}: {read}computing {row['computing_s']:.1f} s")
    largest = [f"{name} {number / 1e6:.1f}" for name, number in document["branch_bytes"].items() if number]
    if largest:
        more = f" and {len(largest) - 8} more" if len(largest) > 8 else ""
        note(f"accounting: MB by branch: {', '.join(largest[:8])}{more}")
    rate = account.read_bytes / 1e6 / document["wall_s"]
    note(f"accounting: {document['wall_s']:.1f} s in all, {rate:.0f} MB/s")
    for name, row in exposures(datasets).items():
        more = ", and unknown ones of bad files" if row.get("more_in_bad_files") else ""
        note(
            f"accounting: {name}: {row['pot_used']:.4g} of {row['pot_requested']:.4g} protons on target used{more}, "
            f"{row['bursts_used']} of {row['bursts_requested']} bursts"
        )


def accounting_document(account: Accounting, datasets: Mapping[str, Dataset]) -> dict[str, Any]:
    """Return the same as plain values, for JSON."""
    from bdana.engine.accounting import exposures

    return {"usage": account.to_dict() | {"exposure": exposures(datasets)}}

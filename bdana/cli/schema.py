"""`bdana schema`: the known layouts, how the columns of a file match one, and the draft of a new one."""

from __future__ import annotations

import shlex
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bdana.cli.app import app
from bdana.cli.console import load_analysis, note, print_json, print_tables, table
from bdana.cli.options import Json, Overrides, Schema
from bdana.errors import BlindingError

if TYPE_CHECKING:
    from bdana.api import Analysis
    from bdana.events import EventFile
    from bdana.events.location import Location
    from bdana.events.schema import Source

__all__ = ["check", "init", "list_", "show"]

group = typer.Typer(
    help="Layouts of ROOT files: list them, show one, check a file against one, draft a new one.",
    no_args_is_help=True,
)
app.add_typer(group, name="schema")


@group.command("list")
def list_(as_json: Json = False) -> None:
    """List the schemas that come with bdana."""
    from bdana.events.schema import load_schema, shipped_schemas

    titles = {name: load_schema(name).title for name in shipped_schemas()}
    if as_json:
        print_json({"schemas": titles})
        return
    shown = table("name", "layout", numbers=False)
    for name, title in titles.items():
        shown.add_row(name, title)
    print_tables(
        shown, "Your own: write a .toml file as docs/schemas.md explains, and give its path to --schema."
    )


@group.command()
def show(
    name: Annotated[str, typer.Argument(metavar="NAME|PATH", help="A shipped schema, or a .toml file.")],
    as_json: Json = False,
) -> None:
    """Show which branch each column comes from, in which unit and range."""
    from bdana.events.schema import load_schema

    schema = load_schema(name)
    columns = dict(schema.columns) | {f"bursts.{key}": source for key, source in schema.burst_columns.items()}
    if as_json:
        print_json(schema.model_dump(mode="json"))
        return
    shown = table("column", "from", "unit", "range", "", numbers=False)
    for key, source in columns.items():
        limits = source.map.range
        shown.add_row(
            key, _origin(source), source.map.unit, f"{limits[0]:g} to {limits[1]:g}" if limits else "",
            "" if source.map.required else "optional",
        )  # fmt: skip
    trees = schema.events.tree + (f", {schema.bursts.tree}" if schema.bursts else "")
    print_tables(f"{schema.name}: {schema.title}; trees: {trees}", shown)


def _origin(source: Source) -> str:
    if not source.candidates:
        return f"always {source.map.value:g}"
    how = "length of " if source.map.norm else "ratio of " if source.map.ratio else ""
    return " or ".join(how + ", ".join(source.map.spelled(names)) for names in source.candidates)


@group.command()
def check(
    file: Annotated[str, typer.Argument(metavar="FILE", help="A ROOT file.", show_default=False)],
    schema: Schema = None,
    sums: Annotated[
        bool, typer.Option("--sums", help="Count and add up the values of every branch.")
    ] = False,
    kind: Annotated[
        str | None,
        typer.Option(
            metavar="data|mc",
            help="What the file holds; by default mc if it has truth columns, else data. Of data that are not sealed, "
            "neither entries nor sums are shown.",
            show_default=False,
        ),
    ] = None,
    overrides: Overrides = None,
    as_json: Json = False,
) -> None:
    """Say what is mapped, what is missing, and which selections can run on a file."""
    from bdana.events import guess_schema, open_events
    from bdana.events.file_names import local_or_remote
    from bdana.events.inspection import branch_sums, found_columns

    path = local_or_remote(file)
    analysis = load_analysis(overrides)
    remote = analysis.config.remote
    opened = open_events(path, schema or guess_schema(path, remote), remote)
    columns = found_columns(path, opened.schema, remote)
    missing = analysis.missing_columns(opened)
    entries = _countable_entries(opened, kind, analysis, refuse=sums)
    added = branch_sums(path, opened.schema.events.tree, remote) if sums else {}
    if as_json:
        document = {
            "file": str(file),
            "schema": opened.schema.name,
            "tree": opened.schema.events.tree,
            "entries": entries,
            "columns": [asdict(column) for column in columns],
            "missing": [column.column for column in columns if not column.present],
            "selections": {
                name: {"can_run": not names, "missing": list(names)} for name, names in missing.items()
            },
        }
        print_json(
            document | ({"sums": {name: asdict(total) for name, total in added.items()}} if sums else {})
        )
        return
    mapped = table("column", "branch", "unit", "", numbers=False)
    for column in columns:
        state = "" if column.present else "MISSING" if column.required else "missing, optional"
        mapped.add_row(column.column, ", ".join(column.branches), column.unit, state)
    selections = table("selection", "can run", numbers=False)
    for name, names in missing.items():
        selections.add_row(name, "yes" if not names else f"no: lacks {', '.join(names)}")
    shown = [mapped, selections]
    if sums:
        totals = table("branch", "values", "sum", "NaN")
        for name, total in added.items():
            totals.add_row(name, f"{total.values}", f"{total.sum!r}", f"{total.nan}")
        shown.append(totals)
    counted = "" if entries is None else f" {entries} entries,"
    print_tables(f"{file}:{counted} schema {opened.schema.name}", *shown)


@group.command()
def init(
    file: Annotated[str, typer.Argument(metavar="FILE", help="A ROOT file.", show_default=False)],
    output: Annotated[
        Path | None,
        typer.Argument(
            metavar="[OUT.toml]",
            help="The schema to write, which must not be there yet.",
            show_default="FILE's name here",
        ),
    ] = None,
    tree: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="Tree of the events; by default the likeliest.", show_default=False
        ),
    ] = None,
    kind: Annotated[
        str | None,
        typer.Option(
            metavar="data|mc",
            help="What the file holds; by default mc if it has truth columns, else data. Of simulation, values help to "
            "guess units; of data none is read.",
            show_default=False,
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Draft a schema for a file of another layout: best guesses, and marked lines for what is needed."""
    from bdana.atomic import write_atomically
    from bdana.errors import ConfigError
    from bdana.events.file_names import local_or_remote
    from bdana.events.schema_draft import NEEDED, draft_schema

    if kind not in {None, "data", "mc"}:
        raise ConfigError(f"kind '{kind}' is unknown: choose data or mc")
    path = local_or_remote(file)
    out = output or Path(f"{Path(str(path)).stem}.toml")
    if out.suffix != ".toml":
        raise ConfigError(f"{out}: a schema is a .toml file")
    if out.exists():
        raise ConfigError(f"{out} is there already; nothing was changed: name another file")
    analysis = load_analysis(None)
    remote = analysis.config.remote
    draft = draft_schema(path, out.stem, lambda text: _may_read(path, text, kind, analysis), tree, remote)
    with write_atomically(out) as written:
        written.write(draft.text)
    if as_json:
        print_json(
            {"file": str(file), "schema": str(out), "like": draft.like, "mapped": list(draft.mapped),
             "needed": list(draft.needed)}
        )  # fmt: skip
        return
    like = [f"The layout is near that of the shipped schema '{draft.like}'."] if draft.like else []
    needed = (
        [f"{len(draft.needed)} lines marked {NEEDED} are to be filled in: {', '.join(draft.needed)}"]
        if draft.needed
        else ["Nothing is left to fill in, but check every line."]
    )
    print_tables(
        f"{out}: {len(draft.mapped)} columns guessed.", *like, *needed,
        f"Next: bdana schema check {shlex.quote(file)} --schema {shlex.quote(str(out))}",
    )  # fmt: skip


def _may_read(path: Location, text: str, kind: str | None, analysis: Analysis) -> bool:
    """Tell whether values of a file may be read: of simulation, as far as the blinding policy takes it for that."""
    from bdana.events.dataset import require_countable
    from bdana.events.files import open_draft

    opened = open_draft(path, text, analysis.config.remote)
    if kind != "mc" and not any(column.startswith("truth.") for column in opened.columns()):
        return False
    try:
        require_countable(opened, "mc", analysis.gate)
    except BlindingError as err:
        note(f"no value is read to guess units: {err}")
        return False
    return kind != "data"


def _countable_entries(
    opened: EventFile, kind: str | None, analysis: Analysis, *, refuse: bool
) -> int | None:
    """Return the number of entries, or None and a note where closed events could be among them."""
    from bdana.events.dataset import require_countable

    try:
        require_countable(opened, kind, analysis.gate)  # guard: raw-is-not-counted
    except BlindingError as err:
        if refuse:
            raise
        note(f"entries are not shown: {err}")
        return None
    return opened.entries

"""`bdana display`: a picture of one event."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bdana.cli.app import app
from bdana.cli.console import note, print_json, print_tables, require_analysis
from bdana.cli.options import Json, Overrides

__all__ = ["display"]


@app.command()
def display(
    run: Annotated[int, typer.Argument(metavar="RUN")],
    burst: Annotated[int, typer.Argument(metavar="BURST")],
    event: Annotated[int, typer.Argument(metavar="EVENT")],
    sample: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="A sample of analysis.toml; by default the data of \\[search]."),
    ] = None,
    selection: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="A module of selections/; by default that of \\[search]."),
    ] = None,
    plot: Annotated[
        Path | None,
        typer.Option(
            metavar="OUT.png", help="The picture; by default output/figures/event_RUN_BURST_EVENT.png."
        ),
    ] = None,
    overrides: Overrides = None,
    as_json: Json = False,
) -> None:
    """Draw one event of a sample: detector, tracks, vertex, extrapolation to the dump, hits; a closed one is refused."""
    from bdana.errors import ConfigError
    from bdana.plotting import save_event
    from bdana.plotting.figures import look, plain
    from bdana.report.run_figures import look_of, state_of
    from bdana.search.event_view import view_event

    analysis = require_analysis(overrides)
    name = sample or analysis.config.search.data
    if name is None:
        raise ConfigError("analysis.toml names no data in [search]: give --sample NAME")
    view = view_event(analysis, name, (run, burst, event), selection)
    path = plot
    if path is None:
        path = analysis.folder / "output" / "figures" / f"event_{run}_{burst}_{event}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
    with look(look_of(analysis, state_of(view.label, view.closed))):
        save_event(view, path, f"{name}: run {run}, burst {burst}, event {event}")
    note(f"picture in {path}")
    if as_json:
        print_json(
            plain({"event": list(view.event), "quantities": dict(view.quantities), "cuts": dict(view.cuts)})
        )
    else:
        print_tables(*(f"{what.replace('_', ' ')}: {value}" for what, value in view.quantities.items()))

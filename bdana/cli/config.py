"""`bdana config`: the effective configuration."""

from __future__ import annotations

import json
from difflib import get_close_matches
from typing import Annotated

import typer

from bdana.cli.app import app
from bdana.cli.console import load_analysis, print_json, print_tables, table
from bdana.cli.options import Json, Overrides
from bdana.errors import ConfigError

__all__ = ["config"]


@app.command()
def config(
    prefix: Annotated[str, typer.Argument(metavar="[KEY]", help="Show keys that begin with this only.")] = "",
    overrides: Overrides = None,
    as_json: Json = False,
) -> None:
    """Print every value the analysis uses, with its origin."""
    from bdana.analysis import settings_with_origin

    analysis = load_analysis(overrides)
    settings = [setting for setting in settings_with_origin(analysis) if setting.key.startswith(prefix)]
    if not settings:
        keys = {setting.key for setting in settings_with_origin(analysis)}
        near = get_close_matches(prefix, keys | {key.rpartition(".")[0] for key in keys}, 3)
        raise ConfigError(f"no key begins with '{prefix}'; near: {', '.join(near) or 'none'}")
    if as_json:
        values = {s.key: {"value": s.value, "origin": s.origin, "meaning": s.meaning} for s in settings}
        print_json({"folder": str(analysis.folder), "hash": analysis.hash, "settings": values})
        return
    shown = table("key", "value", "origin", "meaning", numbers=False)
    for s in settings:
        shown.add_row(s.key, json.dumps(s.value, ensure_ascii=False), s.origin, s.meaning)
    print_tables(shown, f"{analysis.folder}, hash {analysis.hash}")

"""The application that commands register with, and the one place where errors become messages and exit codes."""

from __future__ import annotations

import atexit
import gc
import os
import sys
from contextlib import suppress
from typing import Annotated

import typer

from bdana._version import __version__
from bdana.cli.process import Stopped, explained, finish_output, prepare_streams, say, signals_stop
from bdana.errors import BdanaError, InputError
from bdana.freed_memory import keep_freed_memory

__all__ = ["app", "main"]

app = typer.Typer(
    name="bdana",
    help="Blinded event-level searches for dark photons at proton beam dumps.",
    epilog="Exit codes: 0 done, 1 a fault in bdana, 2 something to correct in the input, 3 refused by blinding.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(value: bool) -> None:
    if value:
        typer.echo(f"bdana {__version__}")
        raise typer.Exit


@app.callback()
def _common(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit."),
    ] = False,
    debug: Annotated[
        bool, typer.Option("--debug", help="Show the traceback of an error; may stand anywhere.")
    ] = False,
) -> None:
    pass


def main() -> None:
    """Run the command line: a BdanaError becomes a message and its exit code, any other error is shown as a fault."""
    debug = "--debug" in sys.argv[1:]
    # Imports make many objects and hardly any garbage, until the analysis is loaded; nor is it looked for at the end.
    gc.set_threshold(1_000_000)
    atexit.register(gc.freeze)
    keep_freed_memory()
    os.environ.pop("MPLBACKEND", None)  # figures are files; an unknown name would stop matplotlib
    prepare_streams()
    try:
        with signals_stop():
            status = _status([argument for argument in sys.argv[1:] if argument != "--debug"], debug=debug)
    except Stopped as stop:
        if stop.reason:
            say(stop.reason)
        status = stop.exit_code
    gc.unfreeze()
    with suppress(InputError):  # it was said above
        finish_output()
    sys.exit(status)


def _status(arguments: list[str], *, debug: bool) -> int:
    try:
        try:
            app(arguments, prog_name="bdana")
        except SystemExit as end:  # how typer ends
            status = int(end.code or 0)
        finish_output()
    except BdanaError as err:
        if debug:
            raise
        say(str(err))
        return err.exit_code
    except Exception as err:
        if debug:
            raise
        if text := explained(err):
            say(text)
            return BdanaError.exit_code
        say(f"fault: {type(err).__name__}: {err}\nPlease report it with the traceback that --debug shows.")
        return 1
    return status

"""The command line as people type it, run in this process: a new one takes two seconds to start."""

import contextlib
import functools
import io
import logging
import os
import sys
import warnings
from pathlib import Path
from types import SimpleNamespace

import typer.main

from bdana.cli import main
from bdana.events.files import forget_files

# Else it is made of the same functions at each call.
typer.main.get_command = functools.cache(typer.main.get_command)


def bdana(*arguments, cwd=None, typed=""):
    """Run a command in a folder, with what is typed on its standard input; return exit code and streams."""
    out, err = io.StringIO(), io.StringIO()
    before, argv, stdin = Path.cwd(), sys.argv, sys.stdin
    forget_files()
    log = logging.StreamHandler(err)  # what Python does with warnings where nobody asks for a log
    log.setLevel(logging.WARNING)
    logging.getLogger().addHandler(log)
    os.chdir(cwd or before)
    sys.argv, sys.stdin = ["bdana", *map(str, arguments)], io.StringIO(typed)
    status = 0
    try:
        with (
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
            warnings.catch_warnings(action="ignore", category=DeprecationWarning),  # as Python does
        ):
            main()
    except SystemExit as stop:
        status = stop.code or 0
    finally:
        logging.getLogger().removeHandler(log)
        os.chdir(before)
        sys.argv, sys.stdin = argv, stdin
    return SimpleNamespace(returncode=status, stdout=out.getvalue(), stderr=err.getvalue())

"""The command line: one module a command, each of which calls the Python interface."""

from bdana.cli import (  # noqa: F401 - importing a command registers it
    background,
    blinding,
    check,
    config,
    count,
    demo,
    display,
    export,
    init,
    limit,
    opening,
    run,
    schema,
    seal,
    select,
    sensitivity,
    simulate,
)
from bdana.cli.app import main

__all__ = ["main"]

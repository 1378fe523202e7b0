"""The command line: one thin module a command, each a caller of the Python interface."""

from bdana.cli import (  # noqa: F401 - importing a command registers it
    background,
    blinding,
    config,
    count,
    demo,
    init,
    limit,
    opening,
    run,
    schema,
    seal,
    select,
    simulate,
)
from bdana.cli.app import main

__all__ = ["main"]

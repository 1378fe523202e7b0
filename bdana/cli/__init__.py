"""The command line: one thin module a command, each a caller of the Python interface."""

from bdana.cli import background, config, demo, init, select  # noqa: F401 - importing a command registers it
from bdana.cli.app import main

__all__ = ["main"]

"""Options that are the same for every command with much work."""

import re

import pytest
import typer
from typer.testing import CliRunner

import bdana
from bdana.cli.app import app


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of hepdata's validator
@pytest.mark.parametrize(
    "command",
    [
        ["select", "none.root"],
        ["background", "none.root"],
        ["sensitivity"],
        ["export", "reinterpretation", "tables"],
        ["simulate", "out.root"],
        ["demo", "shown"],
    ],
    ids=lambda command: command[0],
)
def test_every_long_command_says_where_it_works(command, tmp_path, monkeypatch):
    bdana.analysis.scaffold(tmp_path / "search")
    monkeypatch.chdir(tmp_path / "search")
    before = set((tmp_path / "search").iterdir())
    for options, said in (
        (["--executor", "threads"], "--executor threads: choose serial, processes, dask"),
        (["--executor", "serial", "--workers", "2"], "--executor serial has one worker"),
        (["--executor", "processes", "--scheduler", "tcp://h:1"], "--scheduler belongs to --executor dask"),
    ):
        done = CliRunner().invoke(app, [*command, *options])
        assert said in f"{done.exception} {done.output}".replace("\n", " ")
        assert done.exit_code
    assert set((tmp_path / "search").iterdir()) == before


def test_no_bracket_of_a_help_text_is_lost():
    """Rich takes [words] in brackets for styles, and prints nothing of them unless they are written with a backslash."""

    def texts(command):
        yield command.help
        yield from (getattr(parameter, "help", None) for parameter in command.params)
        for below in getattr(command, "commands", {}).values():
            yield from texts(below)

    eaten = [
        text for text in texts(typer.main.get_command(app)) if text and re.search(r"(?<!\\)\[[a-z#/@]", text)
    ]
    assert eaten == []

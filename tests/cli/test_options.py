"""Options that are the same for every command with much work."""

import pytest
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

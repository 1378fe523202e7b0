"""No number that makes no sense gets through any option of any command."""

import importlib
import pkgutil
import typing

import pytest
from typer.testing import CliRunner

import bdana.cli
from bdana.cli.app import app
from bdana.errors import BdanaError

for module in pkgutil.iter_modules(bdana.cli.__path__):
    importlib.import_module(f"bdana.cli.{module.name}")

COUNT = ["count", "--observed", "1", "--background", "0.5"]
LIMIT = ["limit", "--observed", "1", "--background", "0.5"]
WINDOW = ["limit", "--background", "0.5", "--candidate-mass", "400"]
SIGNAL = ["simulate", "o.root", "--kind", "signal", "--mass", "400", "--decays", "5"]
POINT = ["sensitivity", "--mass", "400", "--epsilon", "1e-6"]
SCAN = ["sensitivity", "--no-cache", "--jobs", "1"]
EXPORT = ["export", "reinterpretation", "out", "--jobs", "1"]
# Option of a command: what it needs beside it, and numbers that are wrong apart from NaN, infinity and those below 0.
OPTIONS = {
    ("count", "--observed"): (COUNT, ["0.5", "1e30"]),
    ("count", "--background"): (COUNT, ["1e30"]),
    ("count", "--efficiency-error"): (COUNT, ["1.1", "20"]),
    ("count", "--cl"): (COUNT, ["0", "1", "90"]),
    ("count", "--ses"): (COUNT, ["0"]),
    ("count", "--ses-error"): ([*COUNT, "--ses", "1e-9"], ["2e-9", "20"]),
    ("count", "--interval"): (COUNT, ["0", "1", "68"]),
    ("limit", "--observed"): (LIMIT, ["0.5", "1e30"]),
    ("limit", "--background"): (LIMIT, ["1e30"]),
    ("limit", "--efficiency-error"): (LIMIT, ["1.1", "20"]),
    ("limit", "--cl"): (LIMIT, ["0", "1", "90"]),
    ("limit", "--candidate-mass"): (WINDOW, ["0", "1e30"]),
    ("limit", "--half-width"): (WINDOW, ["0", "1e30"]),
    ("simulate", "--pot"): (SIGNAL, ["0", "20", "1e30"]),
    ("simulate", "--mass"): (SIGNAL, ["0", "0.5", "770", "1e30"]),
    ("simulate", "--epsilon"): (SIGNAL, ["0", "1.1"]),
    ("simulate", "--ctau-mm"): (["simulate", "o.root", "--from", "absent.hepmc", "--particle", "32"], ["0"]),
    ("sensitivity", "--mass"): (POINT, ["0", "200", "1e30"]),
    ("sensitivity", "--epsilon"): (POINT, ["0", "1.1"]),
    ("sensitivity", "--pot"): (SCAN, ["0", "20", "1e30"]),
    ("sensitivity", "--min-energy"): (SCAN, ["1e30"]),
    ("sensitivity", "--background"): (SCAN, []),
    ("sensitivity", "--background-error"): (SCAN, []),
    ("sensitivity", "--cl"): (SCAN, ["0", "1", "90"]),
    ("reinterpretation", "--mass"): (EXPORT, ["0", "1e30"]),
    ("reinterpretation", "--pot"): (EXPORT, ["0", "20", "1e30"]),
    ("reinterpretation", "--background"): (EXPORT, ["1e30"]),
    ("reinterpretation", "--background-error"): (EXPORT, ["1e30"]),
    ("reinterpretation", "--cl"): (EXPORT, ["0", "1", "90"]),
    ("reinterpretation", "--energies"): (EXPORT, []),
    ("reinterpretation", "--max-angle"): (EXPORT, ["0"]),
}
WRONG = [(*key, needs, value) for key, (needs, more) in OPTIONS.items() for value in ("nan", "-1", *more)]


def numbers():
    """Every option of every command that takes a floating-point number."""
    groups = [app, *(group.typer_instance for group in app.registered_groups)]
    for command in (command for group in groups for command in group.registered_commands):
        for name, hint in typing.get_type_hints(command.callback, include_extras=True).items():
            if "float" in str(typing.get_args(hint)[:1]):
                given = [
                    text
                    for text in getattr(typing.get_args(hint)[1], "param_decls", None) or ()
                    if text[:2] == "--"
                ]
                yield command.name or command.callback.__name__, (given or ["--" + name.replace("_", "-")])[0]


def test_every_number_of_every_command_is_tried():
    assert set(numbers()) == set(OPTIONS)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize(("command", "option", "needs", "value"), WRONG)
def test_a_number_that_makes_no_sense_is_refused(command, option, needs, value, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    words = list(needs)
    if option in words:
        at = words.index(option)
        del words[at : at + 2]
    given = [value, "10"] if option == "--energies" else [value]
    done = CliRunner().invoke(app, [*words, option, *given])
    assert done.exit_code == 2 or isinstance(done.exception, BdanaError), (done.exit_code, done.exception)
    said = str(done.exception) if isinstance(done.exception, BdanaError) else done.output
    assert said.strip()
    assert not list(tmp_path.iterdir())

"""Every attack fails to be refused when its guard is removed: `guards.toml` says which guard that is, and how it goes.

The source names its guards in comments, so that code moves and is renamed without a change of the table. A guard is removed
by the smallest edits that take it out of a copy of the package. Where a second guard stands behind the first, an entry
removes both, or the attack is then refused with another message than the one it asserts.
"""

import ast
import json
import os
import shutil
import subprocess
import sys
import tomllib
from functools import cache
from pathlib import Path

import pytest

import bdana
from bdana.analysis import template_folder
from tests.attacks.removal import Package

HERE = Path(__file__).parent
TABLE = tomllib.loads((HERE / "guards.toml").read_text())
GUARDS = {guard["name"]: guard for guard in TABLE["guard"]}
QUICK = [
    name
    for name, guard in GUARDS.items()
    if guard["attacks"][0].startswith(("test_disguise", "test_policy", "test_opening", "test_amend"))
    and len(guard["attacks"]) == 1
]
SAMPLE = QUICK[:: -(-len(QUICK) // 3)]
"""Guards that are removed by default: a few of those with one attack that takes little time, from all over the table."""
PACKAGE = Path(bdana.__file__).parent
MARKED = Package(PACKAGE)
ENTRIES = (
    ".gitattributes",
    "analysis.toml",
    "selections",
    "backgrounds",
    "blinding",
    "output",
    "pyproject.toml",
)
"""What the tests need beside the package: the packaged analysis, and the settings of pytest."""

CHILD = """
import json, sys
from pathlib import Path
import pytest
import bdana

class Outcomes(dict):
    def pytest_runtest_logreport(self, report):
        if report.when == "call" or (report.outcome != "passed" and report.nodeid not in self):
            crash = getattr(report.longrepr, "reprcrash", None)
            broken = report.when != "call" and report.failed
            self[report.nodeid] = ["error" if broken else report.outcome, crash.message if crash else ""]

outcomes = Outcomes()
pytest.main(json.loads(sys.stdin.read()), plugins=[outcomes])
Path("outcomes.json").write_text(json.dumps([bdana.__file__, outcomes]))
"""
BROKEN = ("NameError", "SyntaxError", "IndentationError", "ImportError", "ModuleNotFoundError")
"""How a test fails after an edit that is no Python, which shows nothing."""


@pytest.fixture(scope="module")
def cases(request):
    """The attacks as pytest collects them: `test_file.py::test_name[case]`, without those that take long."""
    found = []
    for path in sorted(HERE.glob("test_*.py")):
        if path.name != Path(__file__).name:
            module = pytest.Module.from_parent(request.node.parent, path=path)
            found += [item for item in module.collect() if not item.get_closest_marker("exhaustive")]
    return [item.nodeid.removeprefix("tests/attacks/") for item in found]


def named(name, cases):
    """Return the cases that a name means: one case, all of a test, or with `*` at its end all that begin so."""
    if name.endswith("*"):
        return [case for case in cases if case.startswith(name[:-1])]
    return [case for case in cases if name in {case, case.partition("[")[0]}]


def meant(names, cases):
    return {case for name in names for case in named(name, cases)}


def test_guards_of_the_source_are_those_of_the_table():
    removals = [removal for guard in GUARDS.values() for removal in guard["removed"]]
    named_there = {removal if isinstance(removal, str) else removal[0] for removal in removals}
    assert sorted(MARKED.marks) == sorted(named_there)  # each of them once


@pytest.mark.parametrize("name", GUARDS)
def test_a_removal_changes_the_source_and_leaves_python(name):
    for path, text in MARKED.without(GUARDS[name]["removed"]).items():
        assert ast.dump(ast.parse(text)) != source_tree(path), path


@cache
def source_tree(path):
    return ast.dump(ast.parse((PACKAGE / path).read_text()))


def test_every_name_in_the_table_is_an_attack(cases):
    lists = [*(guard["attacks"] for guard in GUARDS.values()), *TABLE["no_refusal"].values()]
    assert [name for names in lists for name in names if not named(name, cases)] == []
    assert len(GUARDS) == len(TABLE["guard"])


def test_every_attack_has_a_guard(cases):
    guarded = meant([name for guard in GUARDS.values() for name in guard["attacks"]], cases)
    free = meant([name for names in TABLE["no_refusal"].values() for name in names], cases)
    assert sorted(set(cases) - guarded - free) == []
    assert sorted(guarded & free) == []
    assert len(guarded) >= 120


def copy_of_everything(folder):
    """Copy the package and its tests, so that neither this tree nor an installed bdana is what runs."""
    ignore = shutil.ignore_patterns("__pycache__")
    shutil.copytree(PACKAGE, folder / "bdana", ignore=ignore)
    shutil.copytree(HERE.parent, folder / "tests", ignore=ignore)
    for name in ENTRIES:
        source = template_folder() / name if name != "pyproject.toml" else HERE.parents[1] / name
        (shutil.copytree if source.is_dir() else shutil.copy)(source, folder / name)


def outcomes(folder, cases):
    """Run attacks in the copy; return outcome and message of each."""
    arguments = ["-n", "0", "-q", "-p", "no:cacheprovider", *(f"tests/attacks/{case}" for case in cases)]
    done = subprocess.run(
        [sys.executable, "-c", CHILD], cwd=folder, input=json.dumps(arguments), capture_output=True, text=True,
        check=False, timeout=1800, env=os.environ | {"PYTHONPATH": str(folder)},
    )  # fmt: skip
    imported, found = json.loads((folder / "outcomes.json").read_text())
    assert Path(imported).is_relative_to(folder), imported
    assert len(found) == len(cases), done.stdout + done.stderr
    return {case.removeprefix("tests/attacks/"): tuple(result) for case, result in found.items()}


@pytest.mark.exhaustive
def test_with_all_guards_every_attack_is_refused(tmp_path, cases):
    copy_of_everything(tmp_path)
    guarded = meant([name for guard in GUARDS.values() for name in guard["attacks"]], cases)
    found = outcomes(tmp_path, sorted(guarded))
    assert {case: said for case, said in found.items() if said[0] not in {"passed", "skipped"}} == {}


@pytest.mark.parametrize(
    "name", [name if name in SAMPLE else pytest.param(name, marks=pytest.mark.exhaustive) for name in GUARDS]
)
def test_without_its_guard_an_attack_is_not_refused(tmp_path, cases, name):
    copy_of_everything(tmp_path)
    for path, text in MARKED.without(GUARDS[name]["removed"]).items():
        (tmp_path / "bdana" / path).write_text(text)
    found = outcomes(tmp_path, sorted(meant(GUARDS[name]["attacks"], cases)))
    # Skipped is what this machine cannot attack, such as the rights of root.
    assert [case for case, (outcome, _) in found.items() if outcome not in {"failed", "skipped"}] == []
    assert [said for _, said in found.values() if said.startswith(BROKEN)] == []

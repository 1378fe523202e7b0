"""A command starts fast: it imports no library that it does not use."""

import subprocess
import sys

import pytest

from bdana.analysis import scaffold
from bdana.simulation import SimulationConfig, write_sample
from tests.searches import search_folder

CODE = """
import json, sys
sys.argv = ["bdana", *sys.argv[1:]]
from bdana.cli import main
status = 0
try:
    main()
except SystemExit as stop:
    status = stop.code
print("imported:", json.dumps([name for name in {heavy} if name in sys.modules]), file=sys.stderr)
sys.exit(status)
"""
DRAWING = ["matplotlib", "mplhep", "pandas", "jinja2"]
READING = ["awkward", "uproot", "vector"]
STATISTICS = ["scipy.stats", "scipy.special", "scipy.optimize", "scipy.interpolate", "scipy.ndimage"]
PAIRS = ["numba", "bdana.pairing.geometry", "bdana.pairing.estimate.pair_cuts", "bdana.search.run"]
DECLARED = ["bdana.pairing.estimate.combinatorial", "bdana.upstream.prompt"]
TABLES = ["particle"]  # masses are numbers of bdana, compared with the table in tests/test_masses.py
SIGNING = ["sshsig", "cryptography"]
HEAVY = [*DRAWING, *STATISTICS, *PAIRS, *TABLES, *SIGNING]
"""What no command imports that neither draws, nor estimates, nor signs."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("start")
    search_folder(folder, "singles.root", kind="mc")
    write_sample(folder / "singles.root", SimulationConfig(pot=1e13, bursts=2), seed=3)
    return folder


def run(folder, arguments, unused):
    return subprocess.run(
        [sys.executable, "-c", CODE.format(heavy=unused), *arguments],
        cwd=folder, capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "unused"),
    [
        (["schema", "list"], [*HEAVY, *DECLARED]),
        (["select", "--sample", "singles"], [*HEAVY, *DECLARED, "scipy", "vector"]),
        (["schema", "check", "singles.root"], [*HEAVY, *DECLARED]),
        (["config"], [*HEAVY, "uproot", "vector", "hist", "bdana.engine.runs", "bdana.blinding"]),
        (["count", "--observed", "3", "--background", "1"], [*DRAWING, *READING, *PAIRS, *DECLARED]),
    ],
    ids=["schema list", "select", "schema check", "config", "count"],
)
def test_a_command_imports_no_library_that_it_does_not_use(folder, arguments, unused):
    done = run(folder, arguments, unused)
    assert done.returncode == 0, done.stderr
    assert done.stderr.splitlines()[-1] == "imported: []"


def test_a_run_with_nothing_to_select_says_so_before_it_imports(tmp_path):
    scaffold(tmp_path / "new")
    done = run(tmp_path / "new", ["run"], [*HEAVY, *DECLARED, "uproot", "hist"])
    assert done.returncode == 2
    assert "names no sample to select" in done.stderr
    assert done.stderr.splitlines()[-1] == "imported: []"


def test_a_variable_is_drawn_without_libraries_of_the_other_figures():
    unused = ["scipy.stats", "scipy.optimize", "numba", "bdana.search.run", "bdana.report.search_sections"]
    code = f"import sys, bdana.report.variable_plots, bdana.plotting.comparison; print([x for x in {unused} if x in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"

"""A command starts fast: it imports no library that it does not use."""

import subprocess
import sys

import pytest

from bdana.simulation import SimulationConfig, write_sample
from tests.searches import search_folder

CODE = """
import json, sys
sys.argv = ["bdana", *sys.argv[1:]]
from bdana.cli import main
try:
    main()
except SystemExit as stop:
    assert not stop.code, stop.code
print("imported:", json.dumps([name for name in {heavy} if name in sys.modules]), file=sys.stderr)
"""
DRAWING = ["matplotlib", "mplhep", "pandas"]
READING = ["awkward", "uproot", "vector"]
STATISTICS = ["scipy.stats", "scipy.special", "scipy.optimize"]
PAIRS = ["numba", "bdana.pairing.estimate.combinatorial", "bdana.upstream.prompt", "bdana.search.run"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("start")
    search_folder(folder, "singles.root", kind="mc")
    write_sample(folder / "singles.root", SimulationConfig(pot=1e13, bursts=2), seed=3)
    return folder


@pytest.mark.parametrize(
    ("arguments", "unused"),
    [
        (["schema", "list"], [*DRAWING, *STATISTICS, *PAIRS]),
        (["select", "--sample", "singles"], [*DRAWING, *STATISTICS, *PAIRS, "scipy"]),
        (["schema", "check", "singles.root"], [*DRAWING, *STATISTICS, *PAIRS]),
        (["config"], [*DRAWING, "scipy.stats", "bdana.search.run"]),
        (["count", "--observed", "3", "--background", "1"], [*DRAWING, *READING, *PAIRS]),
    ],
    ids=["schema list", "select", "schema check", "config", "count"],
)
def test_a_command_imports_no_library_that_it_does_not_use(folder, arguments, unused):
    done = subprocess.run(
        [sys.executable, "-c", CODE.format(heavy=unused), *arguments],
        cwd=folder, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stderr.splitlines()[-1] == "imported: []"

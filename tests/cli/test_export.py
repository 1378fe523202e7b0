"""`bdana export reinterpretation` as a user types it."""

import json
import subprocess
import sys

import pytest
import yaml

from tests.commands import bdana

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")  # hepdata-validator leaves files open

REGIONS = "name,expected,error,observed\nCR,0.17,0.02,\nSR,0.016,0.002,1\n"
QUICK = "--mass", 300, "--decays", 4, "--jobs", 1, "--pot", 1e18


def export(folder, *arguments):
    return bdana("export", "reinterpretation", "out", *arguments, cwd=folder)


def column(folder, table, number=0):
    found = yaml.safe_load((folder / "out" / f"{table}.yaml").read_text())["dependent_variables"]
    return [value["value"] for value in found[number]["values"]]


def test_the_folder_has_a_program_that_runs(tmp_path):
    done = export(tmp_path, *QUICK, "--observed", 1, "--background", 0.016, "--json")
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert document["masses_mev"] == [300.0]
    assert set(document["files"]) == {path.name for path in (tmp_path / "out").iterdir()}
    assert column(tmp_path, "experiment")[:5] == [1e18, 0.2, 1, 0.016, 0.0]
    command = [sys.executable, "out/example.py"]
    ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    mass, low, high = map(float, ran.stdout.split())
    assert mass == 300.0
    assert 1e-8 < low < 1e-6 < high < 1e-5


def test_counts_come_from_a_table_of_regions_with_the_innermost_first(tmp_path):
    (tmp_path / "regions.csv").write_text(REGIONS)
    (tmp_path / "covariance.csv").write_text("name,CR,SR\nCR,4e-4,3e-5\nSR,3e-5,4e-6\n")
    arguments = "--regions", "regions.csv", "--covariance", "covariance.csv", "--cl", 0.95
    done = export(tmp_path, *QUICK, *arguments)
    assert done.returncode == 0, done.stderr
    assert column(tmp_path, "counts") == [1, "closed"]
    assert column(tmp_path, "covariance") == [4e-6, 3e-5, 3e-5, 4e-4]
    assert column(tmp_path, "experiment")[2:8] == [1, 0.016, 0.002, 0.002, 0, 0.95]


@pytest.mark.parametrize(
    ("options", "protons", "where"),
    [
        (["--regions", "table.json"], 1.4e17, "burst table of the data"),
        (["--regions", "table.json", "--pot", 3e17], 3e17, "--pot"),
        (["--regions", "older.json"], 1.3e17, "[signal] pot of analysis.toml"),
        (["--regions", "regions.csv"], 1.3e17, "[signal] pot of analysis.toml"),
        (["--observed", 1], 1.3e17, "[signal] pot of analysis.toml"),
    ],
)
def test_the_protons_are_those_of_the_counts_and_it_says_whose(tmp_path, options, protons, where):
    (tmp_path / "regions.csv").write_text(REGIONS)
    table = {"regions": [{"name": "SR", "state": "closed", "expected": 0.016, "error": 0.002}]}
    (tmp_path / "older.json").write_text(json.dumps(table))
    (tmp_path / "table.json").write_text(json.dumps(table | {"protons_on_target": 1.4e17}))
    quick = "--mass", 300, "--decays", 2, "--jobs", 1, "--set", "signal.pot=1.3e17"
    done = export(tmp_path, *quick, *options)
    assert done.returncode == 0, done.stderr
    assert column(tmp_path, "experiment")[0] == protons
    assert where in (tmp_path / "out" / "submission.yaml").read_text().replace("\n ", "")
    assert f"{protons:.4g} protons on target ({where})" in done.stdout.replace("\n", " ")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--channel", "tautau"], "no channel 'tautau' in [signal] channels: there are mumu, ee"),
        (["--mass", 200], "mumu opens at 211"),
        (["--pot", 0], "positive number"),
        (["--cl", 1.2], "between 0 and 1"),
        (["--regions", "regions.csv", "--observed", 1], "not both"),
        (["--regions", "regions.csv", "--background", 0.0], "not both"),
        (["--covariance", "covariance.csv"], "belongs to --regions"),
        (["--regions", "outer.csv"], "no region 'SR'"),
        (["--regions", "regions.csv", "--covariance", "covariance.csv"], "covariance.csv: the diagonal"),
        (["--energies", 100, 20], "ascend from above 0"),
        (["--max-angle", 0], "a small angle above 0"),
    ],
)
def test_mistakes_are_named_and_nothing_is_written(arguments, words, tmp_path):
    (tmp_path / "regions.csv").write_text(REGIONS)
    (tmp_path / "outer.csv").write_text("name,expected,error,observed\nCR,0.17,0.02,\n")
    (tmp_path / "covariance.csv").write_text("name,CR,SR\nCR,1,0\nSR,0,1\n")
    done = export(tmp_path, *arguments)
    assert done.returncode == 2
    assert words in done.stderr
    assert not (tmp_path / "out").exists()


def test_a_folder_of_something_else_is_refused_before_the_work(tmp_path, monkeypatch):
    monkeypatch.setattr("bdana.sensitivity.bundle.measure_masses", None)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.tex").write_text("")
    done = export(tmp_path)
    assert done.returncode == 2
    assert "holds other files than a bundle that this command made" in done.stderr

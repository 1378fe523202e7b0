"""The check of a whole folder lists every problem, whatever the others are, and reads no event."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest

from bdana.analysis import scaffold
from bdana.events import EventFile, write_events
from bdana.search.folder_check import check_folder
from bdana.simulation import Signal, SimulationConfig, simulate
from tests.commands import bdana

SAMPLES = """
[samples.mc]
kind = "mc"
files = ["data/*.root"]
schema = "bdana"
trigger = "H2"

[samples.data]
kind = "pseudo"
files = ["data/signal.root"]
"""


@pytest.fixture(autouse=True)
def patient(monkeypatch):
    """All files are opened, however busy the machine is."""
    monkeypatch.setattr("bdana.search.folder_check.SECONDS", 600.0)


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    folder = tmp_path_factory.mktemp("check") / "ana"
    scaffold(folder)
    (folder / "data").mkdir()
    events, bursts = simulate(SimulationConfig(bursts=2, signal=Signal(mass_mev=400.0, decays=20)), seed=1)
    write_events(folder / "data" / "signal.root", [events], bursts)
    with (folder / "analysis.toml").open("a") as file:
        file.write(SAMPLES)
    return folder


@pytest.fixture
def folder(good, tmp_path):
    return shutil.copytree(good, tmp_path / "ana")


def edit(path, old, new):
    text = path.read_text()
    # A line of its own before one that is commented out.
    at = text.index(f"\n{old}") + 1 if f"\n{old}" in text else text.index(old)
    path.write_text(text[:at] + new + text[at + len(old) :])


def found(folder):
    return "\n".join(f"{problem.part}: {problem.message}" for problem in check_folder(folder).problems)


def test_a_good_folder_has_no_problem_and_no_event_is_read(good, monkeypatch):
    monkeypatch.setattr(EventFile, "_read_flat", None)
    checked = check_folder(good)
    assert (checked.problems, checked.notes, checked.files) == ((), (), 2)


@pytest.mark.parametrize(
    ("file", "old", "new", "part", "said"),
    [
        ("analysis.toml", 'detector = "na62"', 'detector = "na63"', "detector", "no detector geometry 'na63'"),
        ("analysis.toml", 'kind = "pseudo"', 'kind = "real"', "analysis.toml", '[samples.data] kind = "real"'),
        ("analysis.toml", "z_tax_min_m = -4.0", "z_tax_min_m = 8.0", "analysis.toml", "SR is not inside CR"),
        ("analysis.toml", 'files = ["data/*.root"]', 'files = ["date/*.root"]', "[samples.mc]", "no file matches"),
        ("analysis.toml", 'schema = "bdana"', 'schema = "mine.toml"', "[samples.mc]", "no such schema file"),
        ("analysis.toml", 'schema = "bdana"', 'schema = "flat"', "[samples.mc]", "needs columns"),
        ("analysis.toml", 'trigger = "H2"', 'trigger = "H2"\ngood_runs = "list.csv"', "[samples.mc]", "list.csv"),
        ("analysis.toml", 'selection = "dimuon"', 'selection = "dimuons"', "[search]", "no selections/dimuons.py"),
        ("analysis.toml", 'prompt = "prompt"', 'prompt = "combinatorial"', "[search]", "a bdana.Prompt is needed here"),
        ("analysis.toml", 'model = "dark_photon"', 'model = "dark_foton"', "analysis.toml", "[signal] model: no signal model 'dark_foton'"),
        ("analysis.toml", 'ee = "dielectron"', 'ee = "dielectrons"', "[signal]", "selections/dielectrons.py"),
        ("analysis.toml", "point = [400.0", "point = [100.0", "[signal]", "mode mumu opens"),
        ("analysis.toml", "acceptance = true", "acceptanc = true", "selections/", "acceptanc"),
        ("selections/dimuon.py", "pair.cda < par.max_cda_mm", "pair.cda < par.max_cda", "selections/", "dimuon.py:100"),
        ("selections/dimuon.py", 'track.detector["MUV3"]', 'track.detector["MUV4"]', "selections/", "no element MUV4"),
        ("selections/vertex_only.py", "import bdana", "import bdanna", "selections/vertex_only.py", "bdanna"),
        ("backgrounds/combinatorial.py", 'charge="opposite_charge"', 'charge="opposite"', "backgrounds/", "'opposite' is no"),
        ("backgrounds/prompt.py", "class Parameters", "clas Parameters", "backgrounds/prompt.py", "invalid syntax"),
        ("blinding/policy.toml", "[stages.", "[stage.", "blinding/policy.toml", "policy.toml"),
    ],
)  # fmt: skip
def test_each_mistake_is_found_and_names_its_place(folder, file, old, new, part, said):
    edit(folder / file, old, new)
    problems = check_folder(folder).problems
    assert any(problem.part.startswith(part) and said in problem.message for problem in problems), found(
        folder
    )


def test_all_mistakes_are_listed_together(folder):
    edit(folder / "analysis.toml", 'kind = "pseudo"', 'kind = "real"')
    edit(folder / "analysis.toml", "z_tax_min_m = -4.0", "z_tax_min_m = 8.0")
    edit(folder / "analysis.toml", "data/*.root", "date/*.root")
    edit(folder / "selections" / "dimuon.py", "par.max_cda_mm", "par.max_cda")
    edit(folder / "backgrounds" / "prompt.py", "class Parameters", "clas Parameters")
    text = found(folder)
    for said in ("samples.data", "SR is not inside CR", "date/*.root", "invalid syntax"):
        assert text.count(said) == 1, text
    assert text.count("did you mean 'max_cda_mm'") == 5, text  # in every selection that has the cut


def test_what_is_no_toml_leaves_the_modules_to_check(folder):
    edit(folder / "analysis.toml", "[analysis]", "[analysis")
    edit(folder / "selections" / "dimuon.py", "import numpy", "import numppy")
    text = found(folder)
    assert "not TOML" in text
    assert "numppy" in text


def test_the_command_ends_with_2_where_there_is_a_problem(folder):
    done = bdana("check", "--json", cwd=folder)
    assert (done.returncode, json.loads(done.stdout)["problems"]) == (0, []), done.stderr
    assert bdana("check", folder).stdout.strip().endswith("2 files opened: no problem found")
    edit(folder / "analysis.toml", 'trigger = "H2"', 'trigger = "Q2"')
    done = bdana("check", "--json", cwd=folder)
    assert done.returncode == 2
    assert [problem["part"] for problem in json.loads(done.stdout)["problems"]] == ["analysis.toml"]
    assert '[samples.mc] trigger = "Q2"' in bdana("check", folder).stdout
    assert bdana("check", cwd=folder.parent).returncode == 2


def test_single_tracks_without_downscale_are_found(folder):
    events, bursts = simulate(SimulationConfig(bursts=2, signal=Signal(mass_mev=400.0, decays=20)), seed=1)
    write_events(
        folder / "data" / "other.root", [events], replace(bursts, downscale=np.full(len(bursts.run), np.nan))
    )
    with (folder / "analysis.toml").open("a") as file:
        file.write('\n[samples.singles]\nkind = "pseudo"\nfiles = ["data/other.root"]\nschema = "bdana"\n')
    edit(folder / "analysis.toml", "[search]\n", '[search]\nsingle_tracks = "singles"\n')
    assert "the burst table has no downscale of the single-track trigger" in found(folder)
    with (folder / "analysis.toml").open("a") as file:
        file.write("\n[background.combinatorial]\ndownscale = 225.0\n")
    assert found(folder) == ""

"""`bdana select` as a user types it."""

import json
import subprocess
import sys

import pytest

from bdana.analysis import template_folder
from bdana.api import Analysis
from bdana.engine import ProcessExecutor, ThreadExecutor
from bdana.errors import InputError
from tests.commands import bdana

REFERENCE = [
    f"--set=selection.dimuon.{name}=false" for name in ("acceptance", "straw1_separation", "small_angle_veto")
]


@pytest.fixture(scope="module")
def foreign(shared):
    return shared / "data" / "open" / "na62_reco.root"


def test_help_imports_no_physics_library():
    code = (
        "import sys\nsys.argv = ['bdana', '--help']\nfrom bdana.cli import main\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "slow = {'numpy', 'scipy', 'awkward', 'uproot', 'matplotlib', 'pydantic', 'particle', 'numba'} & set(sys.modules)\n"
        "assert not slow, slow"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "select" in done.stdout


def test_json_is_one_document_and_notes_go_elsewhere(foreign, tmp_path):
    done = bdana(
        "select",
        foreign,
        "--kind",
        "mc",
        "--json",
        "--plot",
        "plane.png",
        "--candidates",
        "c.csv",
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert document["cutflow"][0] | {"n_minus_1": None} == {
        "cut": "all", "events": document["cutflow"][0]["events"], "sum_w": document["cutflow"][0]["events"],
        "sum_w2": document["cutflow"][0]["events"], "n_minus_1": None,
    }  # fmt: skip
    assert {"pot", "live_time_s", "bursts"} <= set(document["exposure"])
    assert "using the default analysis" in done.stderr
    assert (tmp_path / "plane.png").read_bytes().startswith(b"\x89PNG")
    assert len((tmp_path / "c.csv").read_text().splitlines()) == 1 + document["cutflow"][-1]["events"]
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


def test_table_names_cuts_regions_and_exposure(foreign):
    done = bdana("select", foreign, "--kind", "mc", cwd=template_folder())
    for word in ("two_good_tracks", "acceptance", "SR", "outside", "protons on target"):
        assert word in done.stdout
    assert done.stderr.splitlines() == [
        f"{foreign}: has no truth columns; it is read as mc because it was named so"
    ]


@pytest.mark.parametrize("arguments", [(), ("--kind", "data"), ("--kind", "pseudo")])
def test_data_have_no_closed_region(foreign, arguments):
    done = bdana("select", foreign, *arguments, "--json")
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert [region["name"] for region in document["regions"]] == ["outside"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere.root", "--kind", "mc"], "nowhere.root: no such file"),
        ([__file__, "--kind", "mc"], "not a ROOT file"),
        (
            ["FILE", "--kind", "mc", "--set", "selection.dimuon.small_angle_veto=true"],
            "no small-angle vetoes",
        ),
        (["FILE", "--kind", "simulation"], "kind 'simulation' is unknown"),
        (["FILE", "--kind", "mc", "--schema", "na61"], "na61"),
        (["FILE", "--kind", "mc", "--selection", "dikaon"], "no selections/dikaon.py"),
        (["FILE", "FILE", "--kind", "mc"], "given twice"),
        (["FILE", "--kind", "mc", "--candidates", "no/such/folder.csv"], "cannot write there"),
        (["FILE", "--kind", "mc", "--plot", "plane.gif"], "end the name of a picture in"),
    ],
)
def test_mistakes_end_in_one_message_and_status_2(foreign, arguments, message):
    done = bdana("select", *[str(foreign) if a == "FILE" else a for a in arguments], cwd=template_folder())
    assert done.returncode == 2
    assert message in done.stderr
    assert done.stderr.count("bdana: ") == 1
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize(
    ("output", "message"),
    [
        (["--plot", "plane.gif"], "plane.gif: end the name of a picture in"),
        (["--plot", "no/plane.png"], "no/plane.png: cannot write there"),
        (["--candidates", "list.txt"], "--candidates list.txt: end the name in .csv or .root"),
        (["--candidates", "no/list.csv"], "no/list.csv: cannot write there"),
        (["--skim", "skim.csv"], "--skim skim.csv: end the name in .root"),
        (["--skim", "no/skim.root"], "no/skim.root: cannot write there"),
    ],
)
def test_outputs_that_cannot_be_written_are_refused_before_events_are_read(
    foreign, output, message, tmp_path, monkeypatch
):
    monkeypatch.setattr(Analysis, "select_from", None)
    done = bdana("select", foreign, "--kind", "mc", *output, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("options", "threads"), [((), 2), (("--executor", "processes"), 0)])
def test_few_events_are_selected_by_threads_unless_processes_are_asked_for(
    foreign, monkeypatch, options, threads
):
    used, select_from = [], Analysis.select_from
    monkeypatch.setattr(ProcessExecutor, "start", lambda executor: None)

    def recorded(analysis, dataset, selection, executor, progress):
        used.append(executor)
        return select_from(analysis, dataset, selection)

    monkeypatch.setattr(Analysis, "select_from", recorded)
    done = bdana("select", foreign, "--kind", "mc", "--jobs", 2, *options)
    assert done.returncode == 0
    assert [getattr(one, "workers", 0) if isinstance(one, ThreadExecutor) else 0 for one in used] == [threads]


def test_commands_that_are_proposed_can_be_pasted_whatever_a_file_is_called(foreign, tmp_path):
    (tmp_path / "my file.root").write_bytes(foreign.read_bytes())
    done = bdana("schema", "init", "my file.root", "a b.toml", cwd=tmp_path)
    assert "Next: bdana schema check 'my file.root' --schema 'a b.toml'" in done.stdout


def test_debug_shows_the_traceback():
    with pytest.raises(InputError, match="no such file"):  # with which Python ends
        bdana("select", "nowhere.root", "--kind", "mc", "--debug")


def test_unknown_option_is_status_2():
    assert bdana("select", "--colour", "blue").returncode == 2


def test_the_version_is_printed():
    assert bdana("--version").stdout.startswith("bdana ")

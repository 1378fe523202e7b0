"""`bdana run` a second time: what is up to date is kept and printed again, and what has changed is made again."""

import json
import shutil
import sys
import tempfile

import pytest

from bdana import load as bdana_load
from bdana.errors import ConfigError, InputError
from bdana.search.output import check_output_folder
from bdana.simulation import Signal, SimulationConfig, write_sample
from tests.cli.test_start_up import DECLARED, HEAVY, run
from tests.commands import bdana
from tests.searches import analysis_folder

KEPT = "nothing has changed since the last run"


@pytest.fixture(scope="module")
def search(tmp_path_factory):
    """A folder after `bdana run`, and what that printed."""
    folder = tmp_path_factory.mktemp("runs") / "search"
    analysis_folder(folder, {"signal": {"kind": "mc", "files": ["signal.root"]}})
    write_sample(
        folder / "signal.root",
        SimulationConfig(pot=1e13, bursts=2, signal=Signal(mass_mev=411.0, decays=50)),
        3,
    )
    return folder, bdana("run", cwd=folder)


def states(folder):
    return {path: path.stat().st_mtime_ns for path in (folder / "output").rglob("*") if path.is_file()}


def test_what_is_up_to_date_is_kept_and_printed_again(search):
    folder, first = search
    assert first.returncode == 0, first.stderr
    assert KEPT not in first.stderr
    before = states(folder)
    again = bdana("run", cwd=folder)
    assert KEPT in again.stderr
    assert again.stdout == first.stdout
    assert states(folder) == before


def test_it_imports_no_library_then_that_it_does_not_use(search):
    done = run(search[0], ["run"], [*HEAVY, *DECLARED, "uproot", "vector", "hist", "bdana.engine.runs"])
    assert KEPT in done.stderr
    assert done.stderr.splitlines()[-1] == "imported: []"


def test_a_wrong_option_is_refused_all_the_same(search):
    done = bdana("run", "--executor", "fast", cwd=search[0])
    assert done.returncode == 2
    assert "fast" in done.stderr


def test_a_folder_of_results_that_cannot_be_made_is_named_before_the_work(tmp_path):
    analysis_folder(tmp_path / "search", {"signal": {"kind": "mc", "files": ["absent.root"]}})
    shutil.rmtree(tmp_path / "search" / "output")
    (tmp_path / "search" / "output").touch()
    done = bdana("run", cwd=tmp_path / "search")
    assert done.returncode == 2
    assert "output: cannot be made (File exists)" in " ".join(done.stderr.split())


def test_a_folder_in_it_that_cannot_be_written_is_named_before_the_work(tmp_path, monkeypatch):
    analysis_folder(tmp_path / "search", {"signal": {"kind": "mc", "files": ["absent.root"]}})
    (tmp_path / "search" / "output" / "signal").mkdir(parents=True)
    honest = tempfile.mkdtemp

    def full(dir, **names):  # noqa: A002 - as it is called
        if dir.name == "signal":
            raise OSError(30, "Read-only file system")
        return honest(dir=dir, **names)

    monkeypatch.setattr(tempfile, "mkdtemp", full)
    with pytest.raises(InputError, match=r"output/signal/results: cannot write there .Read-only file system"):
        check_output_folder(bdana_load(tmp_path / "search"))


@pytest.fixture
def only_asked(monkeypatch):
    """Runs end with a message where they would begin."""

    def begin(*_):
        raise ConfigError("begins")

    monkeypatch.setattr(sys.modules["bdana.cli.run"], "run_and_report", begin)


@pytest.mark.usefixtures("only_asked")
def test_what_has_changed_is_said_and_makes_a_run_begin(search):
    folder, _ = search
    path = folder / "selections" / "dimuon.py"
    text = path.read_text()
    path.write_text(text + "\n# a remark\n")
    done = bdana("run", cwd=folder)
    assert f"changed since the last run: the configuration or its overrides, {path}\n" in done.stderr
    assert "begins" in done.stderr
    path.write_text(text)
    assert KEPT in bdana("run", cwd=folder).stderr


@pytest.mark.usefixtures("only_asked")
@pytest.mark.parametrize("option", ["--force", "--accounting"])
def test_who_asks_for_it_gets_a_run(search, option):
    assert "begins" in bdana("run", option, cwd=search[0]).stderr


def test_json_is_the_document_of_the_run_that_is_kept(search):
    folder, _ = search
    kept = bdana("run", "--json", cwd=folder)
    assert KEPT in kept.stderr
    made = bdana("run", "--json", "--force", cwd=folder)
    assert KEPT not in made.stderr
    assert json.loads(kept.stdout) == json.loads(made.stdout)
    assert json.loads(made.stdout)["samples"]["signal"]["regions"]


def test_a_run_that_left_bad_files_out_is_not_kept(search):
    folder, _ = search
    (folder / "bad.root").write_bytes(b"root")
    path = folder / "analysis.toml"
    path.write_text(path.read_text().replace('["signal.root"]', '["signal.root", "bad.root"]'))
    record = folder / "output" / "last_run.json"
    before = record.read_bytes()
    done = bdana("run", "--allow-bad-files", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert record.read_bytes() == before

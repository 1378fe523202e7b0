"""`bdana demo` from an empty folder, the commands it points to, and where it must not work."""

import json
import tomllib

import pytest

from bdana import simulation
from bdana.cli.demo import MARKER
from bdana.simulation import Beam
from tests.commands import bdana


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A demo that records a tenth of its single tracks, in the place of an older one."""
    folder = tmp_path_factory.mktemp("empty")
    old = folder / "bdana-demo"
    old.mkdir()
    (old / MARKER).write_text("")
    (old / "left-over").write_text("")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(simulation, "Beam", lambda downscale: Beam(downscale=10.0 * downscale))
        return old, bdana("demo", cwd=folder)


def test_it_prints_the_table_and_where_the_report_is(made):
    folder, done = made
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("closed") >= 5
    for word in ("outside", "SR", "report.html", "bdana run"):
        assert word in done.stdout
    assert (folder / "output" / "report.html").stat().st_size > 100_000


def test_expectation_is_the_published_one_within_its_errors(made):
    table = json.loads((made[0] / "output" / "table.json").read_text())
    published = {
        "outside": (26.3, 3.4),
        "CR3": (1.70, 0.22),
        "CR2": (0.58, 0.07),
        "CR1": (0.29, 0.04),
        "CR": (0.17, 0.02),
        "SR": (0.016, 0.002),
    }
    for row in table["regions"]:
        expected, error = published[row["name"]]
        assert abs(row["expected"] - expected) < 2 * (error**2 + row["error"] ** 2) ** 0.5, row


def test_the_error_of_the_normalisation_is_the_one_the_demo_measured(made):
    folder = made[0]
    declared = tomllib.loads((folder / "analysis.toml").read_text())["systematics"]
    assert "halo_normalisation" not in declared
    measured = json.loads((folder / "output" / "checks.json").read_text())["normalisation"]
    assert declared["normalisation"]["effect"] == pytest.approx(measured["effect"], abs=6e-4)
    assert declared["normalisation"]["source"] == measured["source"]
    prediction = json.loads((folder / "output" / "prediction.json").read_text())
    effects = {row["name"]: row["effect"]["SR"] for row in prediction["systematics"]}
    assert effects["normalisation"] == declared["normalisation"]["effect"]
    assert "What is measured, what is assumed" in (folder / "output" / "report.html").read_text()


def test_figures_and_report_are_made_again(made):
    folder = made[0]
    before = (folder / "output" / "report.html").read_bytes()
    assert bdana("report", cwd=folder).returncode == 0
    assert (folder / "output" / "report.html").read_bytes() == before
    (folder / "output" / "figures" / "mass.png").unlink()
    assert "mass.png" in bdana("plot", cwd=folder / "data").stdout
    assert (folder / "output" / "figures" / "mass.png").is_file()


def test_a_changed_cut_moves_the_cutflow_and_asks_for_a_new_run(made):
    folder = made[0]
    cut = ("select", "data/signal.root", "--kind", "mc", "--json")
    before = json.loads(bdana(*cut, cwd=folder).stdout)
    module = folder / "selections" / "dimuon.py"
    text = module.read_text()
    module.write_text(
        text.replace('    20.0, ge=0, description="closest', '    5.0, ge=0, description="closest')
    )
    assert module.read_text() != text
    after = json.loads(bdana(*cut, cwd=folder).stdout)
    assert after["cutflow"][-1]["events"] < before["cutflow"][-1]["events"]
    refused = bdana("report", cwd=folder)
    assert refused.returncode == 2
    assert "run `bdana run` again" in refused.stderr
    module.write_text(text)


def test_an_older_demo_is_replaced(made):
    folder = made[0]
    assert (folder / MARKER).is_file()
    assert not (folder / "left-over").exists()


def test_other_folders_are_left_alone(tmp_path):
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter.tex").write_text("important")
    done = bdana("demo", "thesis", cwd=tmp_path)
    assert done.returncode == 2
    assert "was not made by a demo" in done.stderr
    assert (tmp_path / "thesis" / "chapter.tex").read_text() == "important"


def test_commands_of_an_analysis_need_one(tmp_path):
    for command in ("run", "plot", "report"):
        done = bdana(command, cwd=tmp_path)
        assert done.returncode == 2
        assert "bdana init makes one" in done.stderr


@pytest.mark.exhaustive
def test_made_up_people_open_everything(tmp_path, capfd):
    done = bdana("demo", "--unblind", "--seed", "2", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("$ bdana blinding") == 6 + 1 + 9 + 1
    assert done.stdout.count("prediction frozen before this region was seen: yes, freeze 1 of 1") == 5
    assert "all signed" in capfd.readouterr().out  # a process of its own says so
    table = json.loads((tmp_path / "bdana-demo" / "output" / "table.json").read_text())
    assert {row["state"] for row in table["regions"]} == {"open"}
    assert table["joint"]["regions"] == ["CR1", "CR2", "CR3"]

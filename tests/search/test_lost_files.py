"""Estimates and searches that are interrupted, or of which files are lost: nothing is done twice, and the loss is said."""

import json
from contextlib import nullcontext
from dataclasses import replace

import pytest
import uhi.schema

import bdana
from bdana.analysis import Handling
from bdana.engine import SerialExecutor
from bdana.errors import BadFilesError
from bdana.events.bad_files import BadFile, incomplete
from bdana.pairing import SinglesTask
from bdana.report import save_figures, write_report
from bdana.search.output import write_output
from bdana.search.run import run_search
from bdana.search.stored import read_output
from bdana.simulation import Beam, SimulationConfig, write_sample
from tests.searches import one_variable, search_folder

FILES = 3


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("lost") / "a"
    search_folder(
        folder, kind="pseudo", data="pseudo", file="data/*.root", singles="data/*.root", edit=one_variable
    )
    path = folder / "analysis.toml"
    path.write_text(path.read_text().replace('prompt = "prompt"\n', ""))
    (folder / "data").mkdir()
    for number in range(FILES):
        halo = SimulationConfig(
            pot=3e14, bursts=4, run=99001 + number, truth=False, beam=Beam(downscale=400.0)
        )
        write_sample(folder / "data" / f"{number}.root", halo, number)
    return folder


@pytest.fixture
def analysis(folder, monkeypatch):
    monkeypatch.setattr("bdana.events.dataset.SHARING_FILES", 1)
    return bdana.load(folder)


@pytest.fixture
def damaged(folder):
    """The second file, of which the middle is lost as long as a test runs."""
    path = folder / "data" / "1.root"
    whole = path.read_bytes()
    raw = bytearray(whole)
    raw[len(raw) // 2 : len(raw) // 2 + 200] = bytes(200)
    path.write_bytes(raw)
    yield path
    path.write_bytes(whole)


def data(analysis):
    return sorted((analysis.folder / "data").glob("*.root"))


def test_an_interrupted_estimate_goes_on(analysis, tmp_path, monkeypatch):
    whole = analysis.background(data(analysis), kind="pseudo")
    kept = replace(analysis, handling=Handling(checkpoints=tmp_path / "kept"))
    honest, done = SinglesTask.__call__, []

    def ended(task, batch):
        if len(done) == 2:
            raise KeyboardInterrupt
        done.append(batch)
        return honest(task, batch)

    monkeypatch.setattr(SinglesTask, "__call__", ended)
    with pytest.raises(KeyboardInterrupt):
        kept.background(data(kept), kind="pseudo")
    assert len(list((tmp_path / "kept").rglob("*.npz"))) == 2
    done.append("interrupted")
    again = kept.background(data(kept), kind="pseudo")
    assert again.to_dict(bins=True) == whole.to_dict(bins=True)
    assert len(done) == FILES + 1
    other = replace(
        bdana.load(analysis.folder, ["selection.single_track.min_p_gev=12.0"]), handling=kept.handling
    )
    other.background(data(kept), kind="pseudo")
    assert len(done) == 2 * FILES + 1


def test_an_estimate_leaves_the_bursts_of_bad_files_out(analysis, damaged):
    with pytest.raises(BadFilesError, match=r"1\.root: .* is damaged"):
        analysis.background(data(analysis), kind="pseudo")
    lenient = replace(analysis, handling=Handling(allow_bad_files=True))
    estimate = lenient.background(data(analysis), kind="pseudo")
    others = [path for path in data(analysis) if path != damaged]
    alone = analysis.background(others, kind="pseudo").to_dict(bins=True)
    found = estimate.to_dict(bins=True)
    (bad,) = found.pop("bad_files")
    assert found == alone
    assert (bad["file"], bad["bursts"]) == (str(damaged), 4)
    assert bad["pot"] > 0


def test_every_output_of_a_search_says_which_files_it_lacks(analysis, damaged, monkeypatch):
    lenient = replace(analysis, handling=Handling(allow_bad_files=True))
    runs = run_search(lenient, SerialExecutor())
    out = write_output(lenient, runs)
    write_report(lenient)
    for name in ("table", "prediction", "checks"):
        (bad,) = json.loads((out / f"{name}.json").read_text())["bad_files"]
        assert bad["file"] == str(damaged)
    said = read_output(lenient).incomplete
    assert said.startswith("incomplete: 1 file left out, with ")
    for name in ("pseudo/histograms", "prediction_histograms"):
        written = json.loads((out / f"{name}.json").read_text())
        assert {made["metadata"]["incomplete"] for made in written.values()} == {said}
        uhi.schema.validate(written)
    first, header, *_ = (out / "pseudo" / "candidates.csv").read_text().splitlines()
    assert (first, header[:10]) == (f"# {said}", "run,burst,")
    assert f"{said}; " in (out / "report.html").read_text().replace("\u00a0", " ")
    figures = sorted((out / "figures").glob("*.png"))
    stamped = [path.read_bytes() for path in figures]
    monkeypatch.setattr("bdana.report.search_report.stamped", lambda text: nullcontext())
    save_figures(lenient)
    assert all(path.read_bytes() != before for path, before in zip(figures, stamped, strict=True))


def test_what_is_lost_is_said_once_for_each_file():
    one, unknown = BadFile("a", "cut short", 2, 3e14), BadFile("b", "no such file")
    assert incomplete([]) == ""
    assert incomplete([one, one]) == "incomplete: 1 file left out, with 3e+14 protons on target"
    assert incomplete([unknown]).endswith("with those of 1 file that nobody knows")

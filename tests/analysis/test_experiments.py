"""An analysis of another experiment runs from its geometry to region counts, without a name or number of NA62."""

import json
import re

import numpy as np
import pytest

import bdana as package
from bdana.analysis import experiments, scaffold
from bdana.errors import ConfigError
from bdana.search.folder_check import check_folder
from bdana.simulation import Signal, SimulationConfig, simulate
from tests.commands import bdana

ONE_PROCESS = {"production": ["bremsstrahlung"]}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    where = tmp_path_factory.mktemp("experiment") / "sq"
    assert bdana("init", "--detector", "spinquest", where).returncode == 0
    (where / "data").mkdir()
    halo = ["simulate", "data/halo.root", "--pot", "2e15", "--bursts", "5"]
    signal = [
        "simulate",
        "data/signal.root",
        "--kind",
        "signal",
        "--mass",
        "400",
        "--decays",
        "400",
        "--run",
        "99002",
    ]
    for command in (halo, [*signal, "--set", 'signal.parameters.production=["bremsstrahlung"]']):
        done = bdana(*command, cwd=where)
        assert done.returncode == 0, done.stderr
    return where


def test_spinquest_runs_from_nothing_to_region_counts(folder):
    assert check_folder(folder).problems == ()
    done = bdana("run", "--json", cwd=folder)
    assert done.returncode == 0, done.stderr
    samples = json.loads(done.stdout)["samples"]
    counts = {row["name"]: row["observed"] for row in samples["signal"]["regions"]}
    # Two muons from the dump point back to it, whatever the assumed resolution is within a factor of 2.
    assert counts["SR"] > 200
    assert counts["SR"] > 10 * (counts["CR"] + counts["outside"])
    assert samples["halo"]["exposure"]["pot"] == pytest.approx(2e15)
    assert (folder / "output" / "report.html").is_file()


def test_candidates_point_to_the_dump_of_the_geometry(folder):
    analysis = package.load(folder)
    found = analysis.select([folder / "data" / "signal.root"], kind="mc").candidates
    x, y, z = analysis.beam_point_mm
    assert (x, y, z) == analysis.detector.beam_dump.point_mm
    # Made one interaction length into the dump on average, over a lever arm of 5 m.
    assert np.median(found.z_tax) == pytest.approx(z + 0.7 * analysis.detector.beam_dump.depth_mm, abs=100.0)
    low, high = analysis.detector.volume_mm
    assert (low < found.z_vertex.mean()) & (found.z_vertex.mean() < high)


def test_the_frame_and_names_of_the_plane_are_the_experiment_s(folder):
    bdana("run", cwd=folder)
    document = re.sub(r'"data:[^"]*"', "", (folder / "output" / "report.html").read_text())
    assert "z_FMAG and CDA_FMAG" in document
    assert "TAX" not in document
    assert package.load(folder).regions.frame == ((-6.0, 14.0), (0.3, 600.0))
    assert package.load(package.analysis.template_folder()).regions.frame == (
        (-100.0, 300.0),
        (0.3, 3000.0),
    )


def test_reconstructed_events_of_the_experiment_are_counted(folder, shared):
    done = bdana(
        "select", shared / "data" / "open" / "spinquest_like.root", "--kind", "mc", "--json", cwd=folder
    )
    assert done.returncode == 0, done.stderr
    assert sum(row["observed"] for row in json.loads(done.stdout)["regions"]) == 179


def test_a_geometry_of_the_folder_moves_the_dump(folder, tmp_path):
    scaffold(tmp_path / "ana", "spinquest")
    text = (package.analysis.template_folder() / "bdana" / "detector" / "spinquest.toml").read_text()
    (tmp_path / "ana" / "mine.toml").write_text(
        text.replace("420.0]", "-1000.0]").replace('"spinquest"', '"mine"')
    )
    path = tmp_path / "ana" / "analysis.toml"
    before = package.load(tmp_path / "ana").hash
    path.write_text(path.read_text().replace('detector = "spinquest"', 'detector = "mine.toml"'))
    moved = package.load(tmp_path / "ana")
    assert moved.beam_point_mm[2] == -1000.0
    config = SimulationConfig.of_detector(
        moved.detector_file, bursts=2, signal=Signal(400.0, decays=300, parameters=ONE_PROCESS)
    )
    events, _ = simulate(config, seed=1)
    assert config.beam.spill_s == 4.0
    assert np.all(events.truth.z_decay > 5029.2)
    named = moved.hash
    (tmp_path / "ana" / "mine.toml").write_text(
        (tmp_path / "ana" / "mine.toml").read_text().replace("half_x_mm = 500", "half_x_mm = 400")
    )
    assert len({before, named, package.load(tmp_path / "ana").hash}) == 3


def test_the_beam_of_the_geometry_is_that_of_the_model(folder):
    signal = package.load(folder, overrides=['signal.model="dark_photon"']).signal
    assert signal.parameters == {"beam_momentum_gev": 120.0}
    assert signal.decay_volume_m == pytest.approx((5.0292, 6.0))
    assert signal.acceptance == ["ST1", "KMAG", "ST2", "ST3", "ABSORBER"]
    own = package.load(
        folder, overrides=["signal.parameters.beam_momentum_gev=100.0", "signal.spot_mm=1.0"]
    ).signal
    assert (own.parameters["beam_momentum_gev"], own.spot_mm, own.depth_mm) == (100.0, 1.0, 168.0)


def test_an_unknown_experiment_is_refused(tmp_path):
    assert experiments() == ["spinquest"]
    with pytest.raises(ConfigError, match="no analysis of the experiment 'ship': there are na62, spinquest"):
        scaffold(tmp_path / "x", "ship")
    assert not (tmp_path / "x").exists()

"""The search in windows of mass: closed, opened, in the files of a run, and in the exclusion."""

import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

import bdana
from bdana.errors import ConfigError
from bdana.observed import Observed
from bdana.search.mass_scan import mass_resolution, mass_scan, mass_search, mass_spectrum
from bdana.search.output import write_output
from bdana.search.run import run_search
from bdana.search.signal_result import signal_result
from bdana.simulation import SimulationConfig, write_sample
from tests.searches import search_folder

CONFIG = """
[search.mass_windows]
masses_mev = [390.0, 430.0]

[signal]
masses_mev = [380.0, 440.0]
mass_points = 3
decays = 2000
events = 1000
channels = { mumu = "dimuon" }
point = [411.0, 8e-7]
"""


@pytest.fixture(scope="module")
def search(tmp_path_factory):
    folder = tmp_path_factory.mktemp("search") / "a"
    file = folder.with_name("data.root")
    write_sample(file, SimulationConfig(pot=3.5e15, bursts=5, truth=False), 1)
    search_folder(folder, file, "pseudo", edit=lambda text: text + CONFIG)
    analysis = bdana.load(folder)
    return analysis, run_search(analysis)


@pytest.fixture
def cache(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def counted(runs):
    return next(run for run in runs if run.table)


def events(*masses):
    """What the search takes of the candidates: masses in the signal region, and one elsewhere."""
    return SimpleNamespace(mass=np.array([*masses, 300.0]), region=np.array(["SR"] * len(masses) + ["CR"]))


def with_events(analysis, runs, *masses):
    """The runs after an opening that found events of the given masses."""
    run = counted(runs)
    rows = tuple(
        replace(row, observed=Observed("SR", len(masses))) if row.name == "SR" else row
        for row in run.table.rows
    )
    found = mass_search(analysis, run.estimate, Observed("SR", len(masses)), events(*masses))
    opened = replace(run, table=replace(run.table, rows=rows), masses=found)
    return tuple(opened if one is run else one for one in runs)


def with_windows(analysis, **values):
    search = analysis.config.search
    changed = search.model_copy(update={"mass_windows": search.mass_windows.model_copy(update=values)})
    return replace(analysis, config=analysis.config.model_copy(update={"search": changed}))


def test_a_closed_signal_region_has_expected_limits_against_mass(search):
    analysis, runs = search
    out = write_output(analysis, runs)
    found = json.loads((out / "mass_windows.json").read_text())
    assert found["state"] == "closed"
    assert found["windows"][0]["mass_mev"] == 390.0
    assert "observed" not in found["windows"][0]
    assert found["windows"][0]["expected_limits"][2] > 2.29


def test_an_event_raises_the_limit_of_its_windows_only(search):
    analysis, runs = search
    scan = mass_scan(analysis, counted(with_events(analysis, runs, 411.0)).masses)
    near = [abs(window.mass - 411.0) < 1.9 * window.resolution for window in scan.windows]
    far = [abs(window.mass - 411.0) > 2.1 * window.resolution for window in scan.windows]
    limits = np.array([found["cls"].high for found in scan.limits])
    assert limits[near].min() > 3.5
    assert limits[far].max() == pytest.approx(2.303, abs=1e-3)
    assert 0 < scan.smallest[0] <= scan.p_global <= 1


def test_candidates_that_are_not_all_of_the_count_are_not_used(search):
    analysis, runs = search
    run = counted(runs)
    assert mass_search(analysis, run.estimate, Observed("SR", 2), events(411.0)).observed is None
    assert mass_search(analysis, run.estimate, Observed("SR"), events(411.0)).observed is None


def test_the_spectrum_adds_up_to_the_prediction(search):
    analysis, runs = search
    estimate = counted(runs).estimate
    spectrum = mass_spectrum(analysis, estimate)
    shown = estimate.hists["mass"].integrate("region", ["SR"]).values().sum()
    assert spectrum.contents.sum() == pytest.approx(shown)
    assert spectrum.contents.sum() <= estimate.predicted["SR"].value * (1 + 1e-9)
    (weight,) = estimate.sum_w2[:1] / estimate.expected[:1]
    assert spectrum.unseen_limit == pytest.approx(
        np.log(10.0) * weight
    )  # 90% CL on one pair of the mean weight
    every = np.ones(len(spectrum.contents))
    if shown == pytest.approx(estimate.predicted["SR"].value):
        error = estimate.predicted["SR"].error
        assert np.sqrt(every @ spectrum.covariance @ every) == pytest.approx(error, rel=1e-6)


def test_the_exclusion_takes_the_limit_of_each_mass(search, cache):
    analysis, runs = search
    closed = signal_result(analysis, runs).exclusion
    assert closed.observed_limit is None
    made = signal_result(analysis, with_events(analysis, runs, 411.0)).exclusion
    share = 0.9545
    assert made.observed_limit == pytest.approx(3.995 / share, rel=0.02)  # 20% error of the protons
    assert closed.expected_limits[2] == pytest.approx(2.353 / share, rel=0.01)
    assert "windows of mass" in made.convention


def test_the_resolution_is_measured_with_simulated_signal(search):
    analysis, _ = search
    measured = mass_resolution(with_windows(analysis, measured_at_mev=[411.0]))
    # Expected 2.0 MeV for a thin beam and a flat spectrum.
    assert 1.2 < measured(411.0) < 3.0
    other = with_windows(analysis, measured_at_mev=[411.0])
    signal = analysis.signal.model_copy(update={"channels": {"ee": "dielectron"}})
    other = replace(other, config=other.config.model_copy(update={"signal": signal}))
    with pytest.raises(ConfigError, match="no decay mode of"):
        mass_resolution(other)


def test_windows_outside_the_histogram_are_refused(search):
    analysis, runs = search
    wide = with_windows(analysis, masses_mev=(390.0, 1399.0))
    with pytest.raises(ConfigError, match="is not inside the spectrum"):
        mass_scan(wide, counted(runs).masses)


@pytest.mark.parametrize("value", ["masses_mev=[500.0, 400.0]", "half_width_sigmas=0.0", "resolution_mev=[]"])
def test_wrong_settings_are_named(search, value):
    with pytest.raises(ConfigError, match=value.split("=")[0]):
        bdana.load(search[0].folder, overrides=[f"search.mass_windows.{value}"])

"""The new particle in a search: expected events by region, exclusion before and after the opening, files and report."""

import json
from dataclasses import replace

import numpy as np
import pytest

import bdana
from bdana.errors import ConfigError
from bdana.observed import Observed
from bdana.report import write_report
from bdana.search.output import write_output
from bdana.search.run import run_search
from bdana.search.signal_result import read_signal, signal_result, write_signal
from bdana.simulation import SimulationConfig, write_sample
from tests.searches import search_folder

POT = 3.5e15
SCAN = """
[signal]
masses_mev = [250.0, 500.0]
mass_points = 3
decays = 2000
events = 1000
channels = { mumu = "dimuon" }
point = [300.0, 8e-7]
"""


@pytest.fixture(scope="module")
def search(tmp_path_factory):
    """A search of pseudo-data with a new particle, and its runs."""
    folder = tmp_path_factory.mktemp("search") / "a"
    file = folder.with_name("data.root")
    write_sample(file, SimulationConfig(pot=POT, bursts=5, truth=False), 1)
    search_folder(folder, file, "pseudo", edit=lambda text: text + SCAN)
    analysis = bdana.load(folder)
    return analysis, run_search(analysis)


@pytest.fixture
def cache(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def opened(runs, number):
    """Give the signal region of the search's table an observed number."""

    def seen(run):
        if run.table is None:
            return run
        rows = tuple(
            replace(row, observed=Observed("SR", number)) if row.name == "SR" else row for row in run.table.rows
        )
        return replace(run, table=replace(run.table, rows=rows))

    return tuple(seen(run) for run in runs)


def test_without_a_signal_there_is_no_result(search):
    analysis, runs = search
    bare = bdana.load(analysis.folder)
    config = bare.config.model_copy(update={"signal": None})
    assert signal_result(replace(bare, config=config), runs) is None


def test_a_closed_signal_region_gives_only_the_expected_exclusion(search, cache):
    analysis, runs = search
    found = signal_result(analysis, runs)
    assert found.exclusion.observed_limit is None
    assert found.exclusion.protons == pytest.approx(POT, rel=1e-6)
    assert found.exclusion.expected_limits[2] == pytest.approx(2.353, abs=0.01)  # n = 0, 20% error of the protons


def test_an_open_signal_region_gives_the_observed_limit(search, cache):
    analysis, runs = search
    none, one = (signal_result(analysis, opened(runs, n)).exclusion for n in (0, 1))
    assert none.observed_limit == pytest.approx(2.353, abs=0.01)
    assert one.observed_limit == pytest.approx(3.995, abs=0.02)


def test_expected_candidates_agree_with_the_yields_by_region(search, cache):
    """The histograms and the table come by two ways from the same decays."""
    analysis, runs = search
    (part,) = signal_result(analysis, runs).channels.values()
    regions = [process["regions"] for process in part.point["production"].values()]
    for name in ("SR", "CR"):
        expected = sum(region[name]["n_selected"] for region in regions)
        filled = part.hists["dt"][name, :].values(flow=True).sum()
        assert filled == pytest.approx(expected, rel=1e-4, abs=1e-12)
    mass = part.hists["mass"]["SR", :]
    assert np.average(mass.axes[0].centers, weights=mass.values()) == pytest.approx(300.0, abs=10.0)


def test_the_result_survives_writing_and_is_in_the_report(search, cache):
    analysis, runs = search
    write_output(analysis, runs)
    result = signal_result(analysis, opened(runs, 1))
    write_signal(analysis, result)
    again = read_signal(analysis)
    assert again.to_dict() == json.loads(json.dumps(result.to_dict()))
    text = write_report(analysis).read_text()
    assert "Signal and exclusion" in text
    assert "observed 3.99" in text or "observed 4.0" in text
    assert (analysis.folder / "output" / "figures" / "exclusion.png").is_file()
    write_output(analysis, runs)
    assert read_signal(analysis) is None, "a new run leaves nothing of the old one"


def test_a_channel_that_is_no_decay_mode_is_named(search, cache):
    analysis, runs = search
    signal = analysis.signal.model_copy(update={"channels": {"ee": "dielectron"}})
    other = replace(analysis, config=analysis.config.model_copy(update={"signal": signal}))
    with pytest.raises(ConfigError, match="selection dimuon is no channel of the signal"):
        signal_result(other, runs)

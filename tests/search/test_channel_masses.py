"""Windows of mass of two channels in a whole search: their combined scan, exclusion, files and report."""

import json
import re
from dataclasses import replace

import numpy as np
import pytest

import bdana
from bdana.observed import Observed
from bdana.report import write_report
from bdana.search.output import write_output
from bdana.search.run import run_search
from bdana.search.signal_result import read_signal, signal_result, write_signal
from bdana.simulation import Beam, SimulationConfig, write_sample
from tests.search.test_channels import EE, MUMU, with_channels
from tests.searches import search_folder

CONFIG = """
[search.mass_windows]
masses_mev = [390.0, 430.0]

[signal]
masses_mev = [380.0, 440.0]
mass_points = 3
decays = 2000
events = 1000
channels = { mumu = "dimuon", ee = "dielectron" }
point = [411.0, 8e-7]
"""


@pytest.fixture(scope="module")
def search(tmp_path_factory):
    base = tmp_path_factory.mktemp("channels")
    halo = SimulationConfig(pot=2e15, bursts=4, truth=False, beam=Beam(downscale=400.0))
    write_sample(base / "halo.root", halo, 3)
    search_folder(base / "a", base / "halo.root", kind="pseudo", edit=with_channels(MUMU, EE, CONFIG))
    analysis = bdana.load(base / "a")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(base / "cache"))
        runs = run_search(analysis)
        yield analysis, runs, signal_result(analysis, runs)


def opened(runs, **masses):
    """The runs after an opening that found events of the given masses in the signal regions of the channels."""

    def with_events(run):
        seen = np.array(masses.get(run.channel, []))
        rows = tuple(
            replace(row, observed=Observed("SR", len(seen))) if row.name == "SR" else row
            for row in run.table.rows
        )
        return replace(run, table=replace(run.table, rows=rows), masses=replace(run.masses, observed=seen))

    return tuple(with_events(run) for run in runs)


def test_closed_channels_have_expected_limits_together(search):
    analysis, runs, found = search
    assert found.masses["state"] == "closed"
    assert found.masses["channels"] == ["mumu", "ee"]
    for row in found.masses["windows"]:
        shares = [part["share"] for part in row["channels"].values()]
        assert sum(shares) == pytest.approx(1.0)
        assert min(shares) > 0
        assert row["expected_limits"][0] >= 2.30
    out = write_output(analysis, runs)
    write_signal(analysis, found)
    stored = json.loads((out / "mass_windows.json").read_text())
    assert stored["windows"] == found.masses["windows"]
    assert read_signal(analysis).masses["windows"] == found.masses["windows"]
    page = write_report(analysis).read_text()
    titles = re.findall(r"<h2>(.*?)</h2>", page)
    assert {"Windows of mass, all channels", "mumu: Windows of mass", "ee: Windows of mass"} <= set(titles)
    assert len(list(out.rglob("mass_limits.png"))) == 3


def test_an_event_of_one_channel_raises_the_limit_of_all_near_its_mass(search):
    analysis, runs, closed = search
    made = signal_result(analysis, opened(runs, mumu=[411.0]))
    rows = made.masses["windows"]
    near = [row for row in rows if row["channels"]["mumu"]["observed"] == 1]
    far = [row for row in rows if row["observed"] == 0]
    assert {row["mass_mev"] for row in near} == {
        row["mass_mev"] for row in rows if row["channels"]["mumu"]["low_mev"] <= 411.0 <= row["channels"]["mumu"]["high_mev"]
    }  # fmt: skip
    assert min(row["limits"]["bayes"][1] for row in near) > 3.0
    assert [row["limits"]["bayes"][1] for row in far] == pytest.approx([2.303] * len(far), abs=1e-3)
    assert 0 < made.masses["p_local"] <= made.masses["p_global"] < 1
    assert "windows of mass" in made.exclusion.convention
    assert made.exclusion.observed_limit > closed.exclusion.limit

"""The new particle in a search: expected events by region, exclusion before and after the opening, files and report."""

import json
import re
from dataclasses import replace

import numpy as np
import pytest

import bdana
from bdana.errors import ConfigError
from bdana.events.open_part import OpenPart
from bdana.observed import Observed
from bdana.report import save_variables, write_report
from bdana.report.signal_sections import signal_rows
from bdana.rounding import percent
from bdana.search.output import write_output
from bdana.search.run import run_search
from bdana.search.signal_result import read_signal, signal_result, write_signal
from bdana.sensitivity.signal_candidates import expected_signal
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

[variables.e_over_p]
function = "lkr_e_over_p"
label = "E/p"
unit = ""
bins = 20
min = 0.0
max = 1.0

[variables.separation]
function = "straw1_distance"
label = "separation"
unit = "mm"
bins = 20
min = 0.0
max = 2000.0
"""


def two_variables(text):
    """Mass, time difference and two functions alone, since each variable is drawn, and the scan."""
    before, _, after = text.partition("[variables.p_plus]")
    return before + after[after.index("# How figures look") :] + SCAN


@pytest.fixture(scope="module")
def search(tmp_path_factory):
    """A search of pseudo-data with a new particle, and its runs; its yields are kept."""
    base = tmp_path_factory.mktemp("search")
    write_sample(base / "data.root", SimulationConfig(pot=POT, bursts=5, truth=False), 1)
    search_folder(base / "a", base / "data.root", "pseudo", edit=two_variables)
    analysis = bdana.load(base / "a")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(base / "cache"))
        yield analysis, run_search(analysis)


def opened(runs, number):
    """Give the signal region of the search's table an observed number."""

    def seen(run):
        if run.table is None:
            return run
        rows = tuple(
            replace(row, observed=Observed("SR", number)) if row.name == "SR" else row
            for row in run.table.rows
        )
        return replace(run, table=replace(run.table, rows=rows))

    return tuple(seen(run) for run in runs)


def test_without_a_signal_there_is_no_result(search):
    analysis, runs = search
    bare = bdana.load(analysis.folder)
    config = bare.config.model_copy(update={"signal": None})
    assert signal_result(replace(bare, config=config), runs) is None


def test_a_closed_signal_region_gives_only_the_expected_exclusion(search):
    analysis, runs = search
    found = signal_result(analysis, runs)
    assert found.exclusion.observed_limit is None
    assert found.exclusion.protons == pytest.approx(POT, rel=1e-6)
    assert found.exclusion.expected_limits[2] == pytest.approx(
        2.353, abs=0.01
    )  # n = 0, 20% error of the protons


def test_an_open_signal_region_gives_the_observed_limit(search):
    analysis, runs = search
    none, one = (signal_result(analysis, opened(runs, n)).exclusion for n in (0, 1))
    assert none.observed_limit == pytest.approx(2.353, abs=0.01)
    assert one.observed_limit == pytest.approx(3.995, abs=0.02)


def test_expected_candidates_agree_with_the_yields_by_region(search):
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


def test_functions_of_the_selection_have_the_expected_signal(search):
    """Muons leave little in the calorimeter; a track has an entry of its own, a pair one."""
    analysis, runs = search
    (part,) = signal_result(analysis, runs).channels.values()
    filled = {name: made["SR", :] for name, made in part.hists.items()}
    assert set(filled) == {"mass", "dt", "e_over_p", "separation"}
    total, spread = (filled["mass"].sum(flow=True).value, filled["mass"].sum(flow=True).variance)
    assert total > 0.1
    assert filled["separation"].sum(flow=True).value == pytest.approx(total, rel=1e-9)
    assert filled["separation"].sum(flow=True).variance == pytest.approx(spread, rel=1e-9)
    assert filled["e_over_p"].sum(flow=True).value == pytest.approx(2.0 * total, rel=1e-9)
    assert filled["e_over_p"][:0.1j].sum().value > 0.95 * 2.0 * total
    apart = filled["separation"]
    assert 100.0 < np.average(apart.axes[0].centers, weights=apart.values()) < 1500.0


def test_expected_signal_of_an_opened_region_is_that_of_its_open_part(search):
    """As with the backgrounds: without the guard band of a stage that is still closed, and said so beside the numbers."""
    analysis, runs = search
    asked = (analysis, "mumu", 300.0, 8e-7, POT)
    part = OpenPart(analysis.gate, {"CR": ["CR"]})
    whole, made = expected_signal(*asked).candidates, expected_signal(*asked, part)
    left = made.candidates
    closed = (whole.region == "CR") & (analysis.gate.envelopes.secrecy(whole.z_tax, whole.cda_tax) == 0)
    assert 0 < closed.sum() < (whole.region == "CR").sum()
    expected = whole.take(~closed & np.isin(whole.region, analysis.regions.names[:-1]))
    got = left.take(left.region != "outside")
    assert got.z_tax.tolist() == expected.z_tax.tolist()
    counted = sum(process.selected["CR"].expected(8e-7, POT) for process in made.yields.production.values())
    assert counted == pytest.approx(left.weight[left.region == "CR"].sum(), rel=1e-4)
    for name, entries in (("mass", 1.0), ("separation", 1.0), ("e_over_p", 2.0)):
        assert made.hists[name]["CR", :].sum(flow=True).value == pytest.approx(entries * counted, rel=1e-4)
    everything = OpenPart(analysis.gate, dict.fromkeys(analysis.regions.names, analysis.gate.names))
    assert expected_signal(*asked, everything).candidates.z_tax.tolist() == whole.z_tax.tolist()

    def with_cr_open(run):
        if run.table is None:
            return run
        missing = part.missing(analysis.regions)
        rows = tuple(replace(row, missing=missing.get(row.name, ())) for row in run.table.rows)
        return replace(run, part=part, table=replace(run.table, rows=rows))

    before, after = (
        signal_result(analysis, made).channels["mumu"] for made in (runs, [with_cr_open(r) for r in runs])
    )
    for made, weights in ((before, whole), (after, left)):
        number = sum(process["regions"]["CR"]["n_selected"] for process in made.point["production"].values())
        assert number == pytest.approx(weights.weight[weights.region == "CR"].sum(), rel=1e-4)
        assert made.hists["dt"]["CR", :].values(flow=True).sum() == pytest.approx(number, rel=1e-4)
    assert any(
        note.startswith("CR: expected signal in its open part: without the guard band of SR")
        for note in after.notes
    )
    assert not any(note.startswith("CR:") for note in before.notes)


def test_the_leak_is_the_share_of_the_selected_signal_outside_the_signal_region(search):
    analysis, runs = search
    (part,) = signal_result(analysis, runs).channels.values()
    weights = {name: part.hists["dt"][name, :].values(flow=True).sum() for name in analysis.regions.names}
    shares = part.point["shares"]
    for name, weight in weights.items():
        assert shares[name]["share"] == pytest.approx(weight / sum(weights.values()), rel=1e-3, abs=1e-9)
    headers, rows = signal_rows(part)
    assert headers[-1] == "share"
    assert [row[0] for row in rows] == [*analysis.regions.names, "not in SR"]
    leak = 1.0 - shares["SR"]["share"]
    assert 0.0 < leak < 0.2
    assert rows[-1][-1] == percent(leak, shares["SR"]["error"])
    assert sum(float(row[-1].strip("(").partition(" ")[0]) for row in rows[:-1]) == pytest.approx(
        100.0, abs=0.05
    )


def test_the_error_of_a_share_is_that_of_the_region_against_all_others(search):
    """By hand for two parts a and b: the share a / (a + b) has the error |b da (+) a db| / (a + b)^2."""
    analysis, runs = search
    (part,) = signal_result(analysis, runs).channels.values()
    cells = [process["regions"] for process in part.point["production"].values()]
    number = {name: sum(c[name]["n_selected"] for c in cells) for name in analysis.regions.names}
    square = {name: sum(c[name]["n_selected_error"] ** 2 for c in cells) for name in analysis.regions.names}
    a, da2 = number["SR"], square["SR"]
    b, db2 = sum(number.values()) - a, sum(square.values()) - da2
    by_hand = np.sqrt(b**2 * da2 + a**2 * db2) / (a + b) ** 2
    assert part.point["shares"]["SR"]["error"] == pytest.approx(by_hand, rel=1e-9)


def test_the_result_survives_writing_and_is_in_the_report(search):
    analysis, runs = search
    write_output(analysis, runs)
    result = signal_result(analysis, opened(runs, 1))
    write_signal(analysis, result)
    again = read_signal(analysis)
    assert again.to_dict() == json.loads(json.dumps(result.to_dict()))
    text = write_report(analysis).read_text()
    shown = re.sub(r"<(script|style)>.*?</\1>|base64,[^\"]*", "", text, flags=re.DOTALL)
    assert not re.search(r"\$|`|\\", shown), "neither TeX nor Markdown is read by a browser"
    assert "Signal and exclusion" in text
    names = (
        "efficiency",
        "mass_resolution",
        "sensitivity_production",
        "likelihood",
        "count_probabilities",
        "rates",
    )
    assert all((analysis.folder / "output" / "figures" / f"{name}.json").is_file() for name in names)
    (figure,) = save_variables(analysis, ["mass"])
    assert figure.path.name == "mass.png"
    with pytest.raises(ConfigError, match=r"no 'mas' in \[variables\] or \[n_minus_1\]: did you mean 'mass'"):
        save_variables(analysis, ["mas"])
    assert re.search(r"observed \(pseudo-data\) (3\.99|4\.0)", text)
    assert (analysis.folder / "output" / "figures" / "exclusion.png").is_file()
    write_output(analysis, runs)
    assert read_signal(analysis) is None, "a new run leaves nothing of the old one"


def test_shares_and_resolution_against_mass(search):
    analysis, runs = search
    result = signal_result(analysis, runs)
    curves = {
        name: {key: np.array(x) for key, x in made.items()}
        for name, made in result.against_mass["mumu"].items()
    }
    efficiency, resolution = curves["efficiency"], curves["resolution"]
    assert (efficiency["selected"] > 0.0).all()
    assert (efficiency["selected"] <= efficiency["accepted"]).all()
    assert (efficiency["accepted"] <= 1.0).all()
    # Two tracks of a percent or less each, and hardly any near the threshold of two muons.
    assert (resolution["resolution_mev"] < 0.02 * resolution["mass_mev"]).all()
    assert resolution["resolution_mev"][-1] > resolution["resolution_mev"][0] > 0.0
    assert (resolution["resolution_error_mev"] > 0.0).all()
    assert (resolution["resolution_error_mev"] < 0.5 * resolution["resolution_mev"]).all()
    parts = result.parts["production"]
    assert set(parts) == set(next(iter(result.channels.values())).point["production"])


def test_a_channel_that_is_no_decay_mode_has_no_exclusion(search):
    analysis, runs = search
    signal = analysis.signal.model_copy(update={"channels": {"mumu": "dielectron", "ee": "dielectron"}})
    other = replace(analysis, config=analysis.config.model_copy(update={"signal": signal}))
    assert signal_result(other, runs) is None

"""Expected events at one mass and coupling as plain values."""

import json

import pytest

from bdana.errors import ConfigError
from bdana.sensitivity.points import check_coupling, signal_point
from bdana.sensitivity.yields import mass_yields
from tests.sensitivity import straight


@pytest.fixture
def yields(monkeypatch):
    overrides = ("selection.dimuon.acceptance=false", "signal.events=5000")
    return mass_yields(straight.analysis_of(monkeypatch, *overrides), "mumu", straight.MASS)


def test_a_point_is_what_the_yields_say(yields):
    found = signal_point(yields, 1e-6, straight.PROTONS)
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert (found["mass_mev"], found["epsilon"], list(found["production"])) == (500.0, 1e-6, ["beam"])
    part, (counts,) = yields.production["beam"], found["production"].values()
    assert counts["n_decays_fv"] == pytest.approx(straight.decays(1e-6), rel=1e-5)
    assert counts["n_accepted"] == pytest.approx(straight.decays(1e-6), rel=0.05)
    for region, counted in part.selected.items():
        number, error = counted.expected(1e-6, straight.PROTONS), counted.error(1e-6, straight.PROTONS)
        assert counts["regions"][region] == {"n_selected": number, "n_selected_error": error}
    assert counts["n_selected"] == counts["regions"]["SR"]["n_selected"] > 0
    assert counts["n_selected_error"] == counts["regions"]["SR"]["n_selected_error"] > 0
    assert counts["effective_decays"] == pytest.approx(
        (counts["n_selected"] / counts["n_selected_error"]) ** 2
    )
    low, high = counts["systematics"]["strength"]
    assert [low, high] == pytest.approx([0.8 * counts["n_selected"], 1.5 * counts["n_selected"]])


def test_numbers_are_for_the_protons(yields):
    one, ten = (signal_point(yields, 2e-6, protons)["production"]["beam"] for protons in (1e17, 1e18))
    for name in ("n_decays_fv", "n_accepted", "n_accepted_error", "n_selected", "n_selected_error"):
        assert ten[name] == pytest.approx(10 * one[name])
    assert ten["effective_decays"] == pytest.approx(one["effective_decays"])


def test_a_coupling_at_which_nothing_is_left_has_zeros(yields):
    counts = signal_point(yields, 1.0, 1e17)["production"]["beam"]
    assert counts["n_decays_fv"] == counts["n_accepted"] == counts["n_selected"] == 0.0
    assert counts["effective_decays"] == 0.0


@pytest.mark.parametrize("coupling", [0.0, -1e-6, 1.0000001, float("nan"), float("inf")])
def test_couplings_out_of_range_are_refused(yields, coupling):
    for refuse in (lambda: check_coupling(coupling), lambda: signal_point(yields, coupling, 1e17)):
        with pytest.raises(ConfigError, match="give a coupling above 0 and at most 1"):
            refuse()

"""Production of dark photons: form factors, decays of mesons, mixing, and what users may choose."""

import numpy as np
import pytest
from pydantic import ValidationError

from bdana.errors import ConfigError
from bdana.signal.bremsstrahlung import Bremsstrahlung
from bdana.signal.meson_spectra import meson_spectra
from bdana.signal.models.dark_photon import (
    DarkPhoton,
    Parameters,
    form_factor_band,
    proton_form_factor,
)
from bdana.signal.photon_like import meson_decays, mixing_probabilities
from bdana.signal.validity import ExtrapolationWarning


def process(name, mass, **parameters):
    return DarkPhoton(mass, Parameters(**parameters)).production[name]


def drawn(name, mass, n=20_000, **parameters):
    return process(name, mass, **parameters).draw(n, np.random.default_rng(7))


@pytest.mark.parametrize(("mass", "expected"), [(0.0, 1.02), (250.0, 1.37), (400.0, 2.31), (600.0, 9.7)])
def test_proton_form_factor_of_the_reference(mass, expected):
    assert proton_form_factor(mass) == pytest.approx(expected, rel=5e-3)


@pytest.mark.filterwarnings("ignore::bdana.signal.validity.ExtrapolationWarning")
@pytest.mark.parametrize(
    ("mass", "expected"),
    [(250.0, 1.07), (400.0, 1.49), (500.0, 5.3), (600.0, 7.7), (700.0, 8.8), (900.0, 84.0)],
)
def test_band_of_the_form_factor_is_that_of_the_reference(mass, expected):
    assert form_factor_band(mass) == pytest.approx(expected, rel=1e-9)
    low, central, high = (
        proton_form_factor(mass, end, extrapolate=True) for end in ("low", "central", "high")
    )
    assert high / low == pytest.approx(expected, rel=1e-9)
    assert low * high == pytest.approx(central**2, rel=1e-9)


def test_band_widens_with_mass_and_closes_at_zero():
    with pytest.warns(ExtrapolationWarning, match="above, its size is assumed"):
        band = form_factor_band(np.linspace(0.0, 2000.0, 401), extrapolate=True)
    assert band[0] == 1.0
    assert (np.diff(band) >= 0.0).all()


def test_yields_of_the_published_band(shared):
    """Where bremsstrahlung and mixing alone make dark photons, the whole yield has the band."""
    folder = shared / "reference" / "next"
    paths = [folder / f"EventCalc_Total-yield-DP-{end}.txt" for end in ("lower", "upper")]
    if not all(path.is_file() for path in paths):
        pytest.skip("no yields of EventCalc beside the reference numbers")
    lower, upper = (np.loadtxt(path) for path in paths)
    mass = np.array([500.0, 600.0, 700.0, 900.0])
    ratio = np.interp(mass, 1e3 * upper[:, 0], upper[:, 1]) / np.interp(mass, 1e3 * lower[:, 0], lower[:, 1])
    assert form_factor_band(mass) == pytest.approx(ratio, rel=0.02)


@pytest.mark.parametrize("end", ["low", "central", "high"])
def test_form_factor_scales_bremsstrahlung(end):
    ratio = process("bremsstrahlung", 400.0, form_factor=end).per_proton / Bremsstrahlung(400.0).per_proton
    assert ratio == pytest.approx(proton_form_factor(400.0, end), rel=1e-12)


def test_variations_of_the_proton_form_factor_reach_both_ends_from_any_choice():
    ends = [process("bremsstrahlung", 500.0, form_factor=end).per_proton for end in ("low", "high")]
    for used in ("low", "central", "high"):
        central = process("bremsstrahlung", 500.0, form_factor=used).per_proton
        low, high = drawn("bremsstrahlung", 500.0, 10, form_factor=used).variations["proton_form_factor"]
        assert [low * central, high * central] == pytest.approx(ends, rel=1e-9)


def test_bremsstrahlung_without_form_factor_has_no_variation():
    assert process("bremsstrahlung", 400.0, form_factor="none").per_proton == pytest.approx(
        5.603e-3, rel=1e-4
    )
    assert drawn("bremsstrahlung", 400.0, 10, form_factor="none").variations == {}


@pytest.mark.parametrize(("mass", "expected"), [(250.0, 1.3), (400.0, 2.2)])
def test_transition_form_factors_raise_the_yield_as_in_the_reference(mass, expected):
    yields = [process("mesons", mass, transition_form_factor=switch).per_proton for switch in (True, False)]
    assert yields[0] / yields[1] == pytest.approx(expected, rel=0.02)


def test_variation_of_the_transition_form_factor_switches_it_off():
    on, off = (process("mesons", 400.0, transition_form_factor=switch) for switch in (True, False))
    low, high = on.draw(10, np.random.default_rng(1)).variations["transition_form_factor"]
    assert low * on.per_proton == pytest.approx(off.per_proton, rel=1e-9)
    assert high == 1.0
    assert set(drawn("mesons", 400.0, 10).variations) == {"meson_spectra", "transition_form_factor"}
    assert set(off.draw(10, np.random.default_rng(1)).variations) == {"meson_spectra"}


def test_yields_of_mesons_are_multiplicities_times_ratios():
    spectra = meson_spectra("SoftQCD:all")
    found = process("mesons", 300.0, pythia_setting="SoftQCD:all")
    expected = sum(spectra.multiplicity(d.meson) * d.branching_ratio for d in meson_decays(300.0))
    assert found.per_proton == pytest.approx(expected, rel=1e-12)
    mixing = process("mixing", 300.0, pythia_setting="SoftQCD:all")
    expected = sum(spectra.multiplicity(meson) * p for meson, p in mixing_probabilities(300.0).items())
    assert mixing.per_proton == pytest.approx(expected, rel=1e-12)


def test_processes_that_are_closed_are_left_out():
    assert set(DarkPhoton(250.0).production) == {"bremsstrahlung", "mesons", "mixing"}
    assert set(DarkPhoton(960.0, Parameters(extrapolate=True)).production) == {"bremsstrahlung", "mixing"}
    assert set(DarkPhoton(250.0, Parameters(production=["mesons"])).production) == {"mesons"}
    soft = Parameters(production=["bremsstrahlung"], beam_momentum_gev=10.0, z_range=(0.85, 0.9))
    assert DarkPhoton(250.0, soft).production == {}


@pytest.mark.parametrize("name", ["bremsstrahlung", "mesons", "mixing"])
def test_weights_average_to_one_and_angles_are_limited(name):
    free, limited = drawn(name, 300.0), drawn(name, 300.0, theta_max_rad=0.005)
    assert free.weight.mean() == pytest.approx(1.0, rel=0.05)
    inside = np.arctan2(np.hypot(limited.direction[0], limited.direction[1]), limited.direction[2]) <= 0.005
    assert (limited.weight[~inside & (limited.p > 0)] == 0.0).all()
    sine = np.hypot(free.direction[0], free.direction[1])
    forward = (sine < np.sin(0.005)) & (free.direction[2] > 0)
    expected = process(name, 300.0).per_proton * free.weight[forward].sum() / len(sine)
    found = process(name, 300.0, theta_max_rad=0.005).per_proton * limited.weight.mean()
    assert found == pytest.approx(expected, rel=0.1)


def test_without_a_limit_on_pt_an_angle_is_needed():
    with pytest.raises(ValidationError, match=r"diverges: give pt_max_gev or theta_max_rad"):
        Parameters(pt_max_gev="none")
    wide = process("bremsstrahlung", 250.0, pt_max_gev="none", theta_max_rad=0.0115)
    assert wide.per_proton > process("bremsstrahlung", 250.0, theta_max_rad=0.0115).per_proton
    assert set(DarkPhoton(250.0, Parameters(pt_max_gev="none", production=["mesons"])).production) == {
        "mesons"
    }


def test_parameters_reach_bremsstrahlung():
    par = {"z_range": (0.14, 0.86), "pt_max_gev": 0.5, "form_factor": "none", "beam_momentum_gev": 120.0}
    found = process("bremsstrahlung", 250.0, production=["bremsstrahlung"], **par)
    assert found == Bremsstrahlung(250.0, 120e3, (0.14, 0.86), 500.0)


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"z_range": (0.9, 0.1)}, "z_range.*must ascend and lie between 0 and 1"),
        ({"z_range": (0.0, 0.9)}, "z_range.*must ascend and lie between 0 and 1"),
        ({"z_range": (0.1, 1.0)}, "z_range.*must ascend and lie between 0 and 1"),
        ({"pt_max_gev": 0.0}, "pt_max_gev"),
        ({"pt_max_gev": "all"}, "pt_max_gev"),
        ({"form_factor": True}, "form_factor"),
        ({"theta_max_rad": 11.5}, "theta_max_rad"),
        ({"theta_max_rad": 0.0}, "theta_max_rad"),
        ({"beam_momentum_gev": -400.0}, "beam_momentum_gev"),
        ({"pythia_setting": "HardQCD"}, "no meson spectra 'HardQCD': there are SoftQCD:inelastic"),
        ({"production": []}, "production"),
        ({"production": ["drell_yan"]}, "production"),
        ({"epsilon": 1.0}, "epsilon"),
    ],
)
def test_wrong_parameters_are_refused(parameters, words):
    with pytest.raises(ValidationError, match=f"(?s){words}"):
        Parameters(**parameters)


def test_mesons_of_another_beam_need_their_table():
    with pytest.raises(ConfigError, match="no meson spectra for a beam momentum of 120 GeV"):
        process("mesons", 250.0, beam_momentum_gev=120.0)


@pytest.mark.parametrize(
    ("mass", "values", "words"),
    [
        (649.0, {}, []),
        (651.0, {}, ["omega pole"]),
        (651.0, {"extrapolate": True}, ["omega pole"]),
        (400.0, {"z_range": (0.05, 0.9)}, ["z from 0.05 to 0.9"]),
        (400.0, {"pt_max_gev": 1.5}, ["pT up to 1.5 GeV"]),
        (400.0, {"pt_max_gev": 1.5, "theta_max_rad": 0.001}, []),
        (400.0, {"z_range": (0.2, 0.98)}, ["z from 0.2 to 0.98", "pp cross-section"]),
        (400.0, {"z_range": (0.05, 0.9), "production": ("mesons",)}, []),
        (651.0, {"form_factor": "none"}, []),
        (651.0, {"production": ("mesons",)}, []),
        (1100.0, {}, ["omega pole", "hadronic widths"]),
    ],
)
def test_formulas_outside_their_range_are_said(mass, values, words):
    cautions = DarkPhoton(mass, Parameters(**values)).cautions
    assert len(cautions) == len(words)
    assert all(word in text for word, text in zip(words, cautions, strict=True))

"""Mistakes that other programs made, each with a test that fails when it is made here."""

import math

import numpy as np
import pytest

from bdana.masses import MASS
from bdana.signal.beauty_to_strange import STRANGE_MESONS
from bdana.signal.constants import ALPHA, V_UD
from bdana.signal.heavy_mesons import CharmSpectra
from bdana.signal.meson_spectra import PDG_NUMBERS, meson_mass, meson_spectra, meson_width
from bdana.signal.models import make_particle
from bdana.signal.models.alp import photon_width, w_to_flavour
from bdana.signal.models.dark_scalar import DarkScalar, beauty_ratio
from bdana.signal.models.hnl import partial_widths, semileptonic_ratio
from bdana.signal.primakoff import COPPER, primakoff_cross_section

SINE2 = 0.2312


def test_the_form_factor_of_a_semileptonic_decay_is_squared_once():
    """|f+|^4 in its first term gives 2.82% for D0 -> K- e+ nu, which is 3.50% (PDG: 3.54%)."""
    assert semileptonic_ratio(1e-3, "e", "D0", 321) == pytest.approx(0.0350, rel=0.01)


def test_a_neutral_current_has_no_ckm_element_and_sine_squared_once():
    """N -> nu rho0 over N -> e rho+: (1 - 2 sin^2)^2 / (2 |V_ud|^2), and not (1 - 2 sin^4)^2, which is 2.5 times as much."""
    widths = partial_widths(1900.0, "e")
    expected = (1.0 - 2.0 * SINE2) ** 2 / (2.0 * V_UD**2)
    assert widths["nurho"] / widths["rhoe"] == pytest.approx(expected, rel=5e-3)


def test_the_phi_has_a_constant_of_its_own():
    """g_phi = 0.234 GeV^2, and not f_pi m_pi = 0.018."""
    widths, mass = partial_widths(1900.0, "e"), 1900.0

    def shape(constant, heavy):
        y = MASS[heavy] / mass
        return (constant / MASS[heavy]) ** 2 * (1.0 + 2.0 * y**2) * (1.0 - y**2) ** 2

    kappas = (4.0 * SINE2 / 3.0 - 1.0) ** 2 / (4.0 * SINE2 / 3.0) ** 2
    expected = kappas * shape(0.234e6, 333) / shape(0.153e6, 223)
    assert widths["nuphi"] / widths["nuomega"] == pytest.approx(expected, rel=2e-3)


@pytest.mark.parametrize("model", ["hnl", "dark_scalar", "dark_photon", "alp"])
def test_mesons_of_a_transverse_momentum_go_round_the_beam_evenly(model):
    """sqrt(u) and sqrt(1 - u) as cosine and sine, with u flat, fill one quadrant only, and that one unevenly."""
    processes = make_particle(model, 300.0, {}).production.values()
    assert processes
    for process in processes:
        x, y, _ = process.draw(8000, np.random.default_rng(1)).direction
        azimuth = np.arctan2(y, x)
        for k in (1, 2, 4):
            assert abs(np.exp(1j * k * azimuth).mean()) < 0.04


def test_charged_and_neutral_b_mesons_are_not_exchanged():
    assert (PDG_NUMBERS["B_pm"], PDG_NUMBERS["B0"]) == (521, 511)
    assert meson_mass("B_pm") < meson_mass("B0")
    assert meson_width("B_pm") / meson_width("B0") == pytest.approx(1.517 / 1.638, rel=0.01)
    assert {meson: kaons["K"] for meson, kaons in STRANGE_MESONS.items()} == {"B_pm": 321, "B0": 311}


def test_modes_of_pions_and_kaons_are_told_apart(tmp_path):
    """`mode == ("2Pi" or "2K")` is `mode == "2Pi"`."""
    path = tmp_path / "widths.csv"
    path.write_text("mass_mev,pipi_mev,kk_mev\n700,2e-5,0\n1100,3e-5,1e-5\n1500,3e-5,2e-5\n")
    modes = make_particle("dark_scalar", 1500.0, {"widths": str(path)}).modes
    assert (modes["pipi"].width, modes["kk"].width) == pytest.approx((3e-5, 2e-5))
    assert (modes["pipi"].products, modes["kk"].products) == ((211, -211), (321, -321))


def test_multiplicities_of_charm_are_numbers():
    charm = CharmSpectra(400e3)
    found = [charm.multiplicity(meson) for meson in ("D_pm", "D0", "Ds")]
    assert all(type(number) is float for number in found)
    assert 1.5 < sum(found) < 2.0  # two c quarks, of which some are in baryons


@pytest.mark.parametrize(
    ("mass", "energy", "lost"), [(20.0, 50e3, 0.005), (100.0, 50e3, 0.06), (500.0, 150e3, 0.09)]
)
def test_the_smallest_momentum_transfer_of_photons(mass, energy, lost):
    """With m^4 / 2E^2 for m^4 / 4E^2 that much of the cross-section is lost: it must be there."""

    def total(smallest):
        p = math.sqrt(energy**2 - mass**2)
        grid = np.geomspace(1e-10, 0.1, 20_000)
        t = smallest + 4.0 * energy * p * np.sin(grid / 2.0) ** 2
        density = p**4 * np.sin(grid) ** 3 / t**2 * COPPER.form_factor(t) ** 2
        area = ((density[1:] + density[:-1]) / 2.0 * np.diff(grid)).sum()
        return ALPHA * 29.0**2 / 4.0 * area * 197.3269804e-12**2

    right, wrong = (total(mass**4 / (part * energy**2)) for part in (4.0, 2.0))
    found = float(primakoff_cross_section(mass, energy))
    assert found == pytest.approx(right, rel=2e-3)
    assert 1.0 - wrong / found == pytest.approx(lost, abs=0.01)


def test_kaons_that_the_dump_absorbs_make_no_scalars():
    """At 20 MeV with kaons that decay it would be 8.1e-4 per theta^2."""
    assert sum(process.per_proton for process in DarkScalar(20.0).production.values()) < 1e-5


def test_the_top_quark_has_its_mass_at_its_own_scale():
    """165 GeV: the pole mass makes h_bs 10% and the rates of a scalar 20% larger, and g_bs of an ALP 5%."""
    assert beauty_ratio(500.0, "B_pm", "K") == pytest.approx(0.420, rel=0.01)
    assert w_to_flavour(1.0, 0.0415) == pytest.approx(9.759e-5, rel=0.01)


def test_two_thirds_of_pairs_of_pions_are_charged():
    modes = DarkScalar(400.0).modes
    assert modes["pipi"].width / (modes["pipi"].width + modes["pi0pi0"].width) == pytest.approx(2.0 / 3.0)


def test_a_majorana_particle_decays_twice_as_fast():
    majorana, dirac = (make_particle("hnl", 700.0, {"majorana": on}) for on in (True, False))
    assert majorana.modes["pie"].width / dirac.modes["pie"].width == pytest.approx(2.0)


def test_both_photons_of_an_identical_pair_count_once():
    """g^2 m^3 / 64 pi, and not / 32 pi; and each pi0 has two photons, which the yield counts both."""
    assert float(photon_width(1000.0, 1e-3)) == pytest.approx(1e-6 * 1e9 / (64.0 * math.pi))
    made = make_particle("alp", 300.0, {}).production["primakoff"]
    assert sum(made._photons) == pytest.approx(
        2.0 * (0.98823 * meson_spectra().multiplicity("pi0") + 0.3936 * meson_spectra().multiplicity("eta"))
    )

"""ALP: widths, branching ratios and yields against numbers of the reference and tables of other programs."""

import math

import numpy as np
import pytest

from bdana.errors import ConfigError, InputError
from bdana.masses import MASS
from bdana.signal import branching_ratio, check_mass, total_width
from bdana.signal.constants import HBAR_C
from bdana.signal.meson_spectra import meson_mass, meson_spectra
from bdana.signal.models import coupling_of, couplings_of, make_particle, scan_of
from bdana.signal.models.alp import (
    Alp,
    Parameters,
    gluon_mixing,
    photon_width,
    strange_ratio,
    to_pseudoscalar,
    w_to_flavour,
)
from bdana.signal.primakoff import primakoff_cross_section

KAON_WIDTH = 6.582119569e-22 / 1.238e-8  # MeV
FILES = {"gammagamma": "2Gamma", "3pi": "3Pi", "3pi0": "3Pi0", "pipigamma": "2PiGamma"}


@pytest.fixture
def tables(shared):
    folder = shared / "reference" / "next"
    return {mode: f"{folder}/alpinist_CGG_width_{name}.dat:GeV:eV" for mode, name in FILES.items()}


@pytest.fixture
def written(tmp_path):
    (tmp_path / "2g.dat").write_text("mass_gev,width_ev\n0.1,0.01\n0.5,3\n1.6,1\n")
    (tmp_path / "3pi.dat").write_text("mass_mev width_kev\n415 0\n600 0.0015\n1600 0.002\n")
    return {"gammagamma": str(tmp_path / "2g.dat"), "3pi": str(tmp_path / "3pi.dat")}


def gluon(mass, widths, **parameters):
    return make_particle("alp", float(mass), {"coupling": "gluon", "widths": widths, **parameters})


@pytest.mark.parametrize(
    ("mass", "length"), [(20, 4.9594e-9), (100, 3.9675e-11), (200, 4.9594e-12), (500, 3.1740e-13)]
)
def test_decay_lengths_of_the_reference(mass, length):
    assert HBAR_C * 1e-3 / total_width(Alp(float(mass))) == pytest.approx(length, rel=1e-4)


def test_lifetimes_of_eventcalc(shared):
    table = np.loadtxt(shared / "reference" / "next" / "EventCalc_ctau-ALP-photon.txt")
    table = table[(table[:, 0] >= 1e-3) & (table[:, 0] <= 5.0)]
    ours = [HBAR_C * 1e-3 / total_width(Alp(1e3 * mass)) for mass in table[:, 0]]
    assert np.array(ours) == pytest.approx(table[:, 1], rel=0.014)  # it has a -> gamma l l too


def test_width_of_another_convention():
    """C e^2 / Lambda of ALPINIST: e^4 (C/Lambda)^2 m^3 / (4 pi), g = 4 e^2 C / Lambda."""
    e2, over = 4.0 * math.pi / 137.036, 1e-6
    assert float(photon_width(300.0, 4.0 * e2 * over)) == pytest.approx(
        e2**2 * over**2 * 300.0**3 / (4.0 * math.pi), rel=1e-9
    )


def test_two_photons_are_the_channel():
    assert dict(Alp(100.0).modes)["gammagamma"].products == (22, 22)
    assert branching_ratio(Alp(100.0), "gammagamma") == 1.0


def test_particles_of_photons_for_each_proton():
    """Pions and etas of the tables, their photons with a flat cosine, and the cross-section over that of pairs."""
    made = Alp(100.0).production
    assert list(made) == ["primakoff"]
    spectra, rng, expected = meson_spectra(), np.random.default_rng(4), 0.0
    for meson, ratio in (("pi0", 0.98823), ("eta", 0.3936)):
        p, _, weight = spectra.draw(meson, 3000, rng)
        energy = (np.hypot(p, meson_mass(meson)) + p * rng.uniform(-1.0, 1.0, len(p))) / 2.0
        probability = primakoff_cross_section(100.0, energy) / 6.382e-22 * 1e-6
        expected += 2.0 * ratio * spectra.multiplicity(meson) * (weight * probability).mean()
    assert made["primakoff"].per_proton == pytest.approx(expected, rel=0.03)


def test_a_denser_nucleus_of_the_dump_makes_the_same_order():
    """Z^2 and A / X_0 all but cancel: tungsten is within 20% of copper."""
    copper = Alp(50.0).production["primakoff"].per_proton
    tungsten = make_particle(
        "alp", 50.0, {"dump_charge": 74, "dump_nucleons": 183.84, "radiation_length_g_cm2": 6.76}
    ).production["primakoff"]
    assert tungsten.per_proton == pytest.approx(copper, rel=0.2)
    assert tungsten.per_proton != copper


def test_coupling_of_w_bosons_to_flavour():
    assert w_to_flavour(1.0, 0.0415) == pytest.approx(9.759e-5, rel=1e-3)
    assert w_to_flavour(0.0086, 0.0415) == pytest.approx(8.39e-7, rel=2e-3)
    # With the pole mass of the top quark it is more.
    assert w_to_flavour(1.0, 1.0) == pytest.approx(2.0245e-3 * 1.1617, rel=1e-3)


@pytest.mark.parametrize(("mass", "ratio"), [(100, 1840), (500, 1847), (1000, 1870), (2000, 1965)])
def test_b_to_k_of_the_reference(mass, ratio):
    coupling = 1e-3 * w_to_flavour(1.0, 0.0415)
    assert strange_ratio(mass, "B_pm", "K", coupling) == pytest.approx(ratio, rel=2e-3)


@pytest.mark.parametrize(("mass", "ratio"), [(50, 6.09), (200, 4.83), (300, 2.89)])
def test_k_to_pi_of_the_reference(mass, ratio):
    width = to_pseudoscalar(MASS[321], MASS[211], mass, 1e-3 * w_to_flavour(0.0086, 0.0415), 1.0)
    assert width / KAON_WIDTH == pytest.approx(ratio, rel=5e-3)


def test_b_to_k_star_by_hand():
    """sqrt(lambda)^3 and A0^2 at 1 GeV."""
    heavy, light, mass, coupling = MASS[521], MASS[323], 1000.0, 1e-7
    a, b = (light / heavy) ** 2, (mass / heavy) ** 2
    root = math.sqrt((1 - a - b) ** 2 - 4 * a * b)
    a0 = 1.364 / (1 - 1.0 / (heavy * 1e-3) ** 2) - 0.990 / (1 - 1.0 / 36.78)
    width = coupling**2 * heavy**3 / (64 * math.pi) * a0**2 * root**3
    assert strange_ratio(mass, "B_pm", "K*", coupling) == pytest.approx(width / 4.018e-10, rel=2e-3)


def test_a_heavy_alp_has_no_room_beside_a_kaon():
    assert strange_ratio(4786.0, "B_pm", "K", 1e-7) == 0.0
    assert strange_ratio(4785.0, "B_pm", "K", 1e-7) > 0.0
    assert "beauty" not in make_particle("alp", 4900.0, {"coupling": "w"}).production


def test_w_bosons_make_b_decays_and_photons_with_the_weak_mixing_angle():
    alp = make_particle("alp", 300.0, {"coupling": "w"})
    assert set(alp.production) == {"primakoff", "beauty"}
    # 2.175e-7 pairs, 1.66 mesons for each, K and K*.
    both = strange_ratio(300.0, "B_pm", "K", 1.0) + strange_ratio(300.0, "B_pm", "K*", 1.0)
    expected = 2.175e-7 * 1.66 * both * (1e-3 * w_to_flavour(1.0, 0.0415)) ** 2 * 0.96
    assert alp.production["beauty"].per_proton == pytest.approx(expected, rel=0.02)
    assert total_width(alp) == pytest.approx(0.2312**2 * total_width(Alp(300.0)))
    assert alp.production["primakoff"].per_proton == pytest.approx(
        0.2312**2 * Alp(300.0).production["primakoff"].per_proton
    )
    low, high = alp.production["beauty"].draw(10, np.random.default_rng(1)).variations["bb_cross_section"]
    assert (low, high) == pytest.approx((1 - 0.76 / 2.63, 1 + 0.76 / 2.63))


@pytest.mark.parametrize(
    ("mass", "photons", "charged", "neutral"),
    [(300, 0.0693, 0.0, 0.0), (450, 0.767, 0.079, 0.157), (500, 3.16, 1.19, 1.85), (600, 1.29, 1.50, 2.21),
     (800, 1.16, 0.73, 0.24)],
)  # fmt: skip
def test_widths_of_alpinist(tables, mass, photons, charged, neutral):
    modes = gluon(mass, tables).modes
    assert modes["gammagamma"].width * 1e6 == pytest.approx(photons, rel=1e-2)
    assert modes["3pi"].width * 1e6 == pytest.approx(charged, rel=1e-2)
    assert modes["3pi0"].width * 1e6 == pytest.approx(neutral, rel=2e-2)


@pytest.mark.parametrize(
    ("mass", "total"), [(300, 0.0687), (450, 1.006), (500, 5.52), (600, 6.98), (800, 3.07)]
)
def test_total_widths_of_alpinist(tables, shared, mass, total):
    path = f"{shared}/reference/next/alpinist_CGG_width_total.dat:GeV:eV"
    photons = tables["gammagamma"]
    alp = gluon(mass, {"gammagamma": photons, "total": path})
    assert total_width(alp) * 1e6 == pytest.approx(total, rel=1e-2)
    assert set(alp.modes) == {"gammagamma", "other"}


def test_a_total_that_other_modes_exceed_is_theirs(tmp_path, written):
    (tmp_path / "total.csv").write_text("mass_gev,width_ev\n0.1,0.02\n1.6,0.02\n")
    alp = gluon(500.0, {**written, "total": str(tmp_path / "total.csv")})
    assert alp.modes["other"].width == 0.0
    assert any("more than their total" in said for said in alp.cautions)
    outside = gluon(90.0, {**written, "total": str(tmp_path / "total.csv")})
    assert outside.cautions == ()  # no widths there
    assert total_width(alp) == total_width(gluon(500.0, written))
    light = gluon(100.0, {**written, "total": str(tmp_path / "total.csv")})
    assert light.modes["other"].width == pytest.approx(0.01e-6)
    # Of the coupling to photons, two photons count as well.
    photon = Alp(100.0, Parameters(widths={"total": str(tmp_path / "total.csv")}))
    assert total_width(photon) == total_width(Alp(100.0))


def test_masses_of_the_tables_bound_those_of_the_particle(written):
    alp = gluon(450.0, written)
    assert alp.mass_range == (100.0, 1600.0)
    check_mass(alp)
    assert gluon(200.0, written).modes["3pi"].width == 0.0  # whose table begins with 0
    assert alp.modes["3pi"].width == pytest.approx(0.0015e-3 * 35.0 / 185.0)
    with pytest.raises(ConfigError, match="known from 100 to 1600"):
        check_mass(gluon(90.0, written))


def test_gluons_need_widths():
    with pytest.raises(ConfigError, match=r"no widths of its own.*--widths gammagamma=FILE"):
        make_particle("alp", 300.0, {"coupling": "gluon"})


def test_mixing_far_above_the_mesons():
    """(f_pi / f_a)^2 / 6 with eta, half of it with eta', with f_a = Lambda / (32 pi^2 C_GG): 3.17 GeV at 1 TeV."""
    small = (92.1 * 32 * math.pi**2 * 1e-6) ** 2
    found = gluon_mixing(1399.0, 1.0)
    m2 = 1399.0**2
    assert found["eta"] == pytest.approx(small / 6 * ((m2 - 135.0**2 / 2) / (m2 - 547.86**2)) ** 2, rel=1e-3)
    assert found["eta_prime"] == pytest.approx(
        small / 12 * ((m2 - 2 * 135.0**2) / (m2 - 957.78**2)) ** 2, rel=1e-3
    )
    assert found["pi0"] == pytest.approx(small * (0.370 / 2) ** 2 * (m2 / (m2 - 134.98**2)) ** 2, rel=3e-3)
    assert gluon_mixing(500.0, 2.0)["eta"] == pytest.approx(4.0 * gluon_mixing(500.0, 1.0)["eta"])
    assert math.isfinite(gluon_mixing(MASS[221], 1.0)["eta"])


def test_gluons_make_alps_in_three_ways(written):
    made = gluon(500.0, written).production
    assert set(made) == {"primakoff", "beauty", "mixing"}
    spectra = meson_spectra()
    expected = sum(spectra.multiplicity(meson) * part for meson, part in gluon_mixing(500.0, 1.0).items())
    assert made["mixing"].per_proton == pytest.approx(expected)
    # The coupling to photons is that of the width, 3 eV at 500 MeV.
    g = math.sqrt(64 * math.pi * 3e-6 / 500.0**3)
    assert made["primakoff"].per_proton == pytest.approx(
        Alp(500.0).production["primakoff"].per_proton * (g * 1e3) ** 2, rel=1e-9
    )
    # BR(B+ -> K+ a) f_a^2 = 0.11 GeV^2 at 1 GeV.
    at_1_gev = gluon(1000.0, written).production["beauty"]
    both = 1.0 + strange_ratio(1000.0, "B_pm", "K*", 1.0) / strange_ratio(1000.0, "B_pm", "K", 1.0)
    ratio = 0.11 * (32 * math.pi**2 * 1e-3) ** 2
    assert at_1_gev.per_proton == pytest.approx(2.175e-7 * 1.66 * ratio * both * 0.96, rel=0.02)
    assert "beauty" not in gluon(1000.0, written, gluon_beauty_gev2=0.0).production
    twice = gluon(1000.0, written, gluon_beauty_gev2=0.22).production["beauty"]
    assert twice.per_proton == pytest.approx(2.0 * at_1_gev.per_proton)


def test_gluons_above_the_chiral_theory(written):
    alp = gluon(1500.0, written)
    assert "mixing" not in alp.production
    assert any("mixing with mesons ends at 1400 MeV" in said for said in alp.cautions)
    drawn = alp.production["beauty"].draw(10, np.random.default_rng(1))
    assert drawn.variations["new_physics_scale"] == pytest.approx((1.0, 0.32 / 0.11))
    with pytest.raises(ConfigError, match="mixing of an ALP"):
        gluon_mixing(1500.0, 1.0)


def test_each_coupling_has_its_name_and_scan():
    names = {value: coupling.name for value, coupling in couplings_of("alp").items()}
    assert names == {"photon": "g_agammagamma_per_gev", "w": "g_aw_per_gev", "gluon": "c_gg_per_tev"}
    assert coupling_of("alp").name == "g_agammagamma_per_gev"
    assert coupling_of("alp", {"coupling": "w"}).name == "g_aw_per_gev"
    assert scan_of("alp", {"coupling": "gluon"}).masses != scan_of("alp").masses


def test_users_may_give_another_mode(tmp_path):
    path = tmp_path / "ee.csv"
    path.write_text("mass_mev,width_mev\n10,0\n2000,1e-6\n")
    alp = Alp(100.0, Parameters(widths={"ee": str(path)}))
    assert alp.modes["ee"].products == (-11, 11)
    assert 0.0 < branching_ratio(alp, "ee") < 1.0
    with pytest.raises(InputError, match="cannot be read"):
        _ = Alp(100.0, Parameters(widths={"ee": "absent.csv"})).modes

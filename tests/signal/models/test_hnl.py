"""Heavy neutral lepton: widths, branching ratios of D mesons, directions, against numbers of the reference and another program."""

import math

import numpy as np
import pytest

from bdana.errors import ConfigError
from bdana.masses import MASS
from bdana.signal import Mode, branching_ratio, check_mass, total_width
from bdana.signal.constants import FERMI, PION_MASS, V_UD, V_US
from bdana.signal.heavy_mesons import CharmSpectra, charm_decays, heavy_quark_pairs
from bdana.signal.meson_spectra import meson_mass
from bdana.signal.mesons import MesonDecay, two_body_momentum
from bdana.signal.models.hnl import (
    HeavyNeutralLepton,
    Parameters,
    leptonic_ratio,
    partial_widths,
    semileptonic_ratio,
)
from bdana.signal.neutrino_decays import has_hadrons

FLAVOURS = ("e", "mu", "tau")


@pytest.mark.parametrize(
    ("mass", "widths", "pie", "pimu"),
    [
        # GeV at U = 1, Majorana, calculated independently of this code, with a narrow rho and without K* and other hadrons.
        (200, (3.171e-16, 1.272e-16, 1.253e-16), 0.578, 0.0),
        (300, (2.453e-15, 1.669e-15, 9.139e-16), 0.588, 0.422),
        (500, (1.754e-14, 1.586e-14, 6.612e-15), 0.527, 0.496),
        (1000, (3.536e-13, 3.372e-13, 1.246e-13), 0.237, 0.240),
        (1500, (2.331e-12, 2.305e-12, 9.075e-13), 0.124, 0.123),
    ],
)
def test_widths_of_the_reference(mass, widths, pie, pimu):
    ours = [
        total_width(HeavyNeutralLepton(float(mass), Parameters(flavour=name))) * 1e-3 for name in FLAVOURS
    ]
    assert ours == pytest.approx(widths, rel=1e-3 if mass < 500 else 1e-2)
    assert branching_ratio(HeavyNeutralLepton(float(mass)), "pie") == pytest.approx(pie, rel=1e-2)
    muons = HeavyNeutralLepton(float(mass), Parameters(flavour="mu"))
    assert (branching_ratio(muons, "pimu") if pimu else "pimu" not in muons.modes) == (
        pytest.approx(pimu, rel=1e-2) if pimu else True
    )


@pytest.mark.parametrize(("column", "flavour"), list(enumerate(FLAVOURS, start=1)))
def test_widths_of_eventcalc(shared, column, flavour):
    """To 2 GeV, where a caution says from where on quarks stand for hadrons."""
    table = np.loadtxt(shared / "reference" / "next" / "EventCalc_HNLdecayWidth.dat")
    for row in table[(table[:, 0] > 0.15) & (table[:, 0] < 2.0)][::5]:
        particle = HeavyNeutralLepton(1e3 * row[0], Parameters(flavour=flavour))
        departure = abs(1e-3 * total_width(particle) / row[column] - 1.0)
        allowed = 0.003 if row[0] < 0.7 else 0.06 if particle.cautions else 0.026
        assert departure < allowed, (row[0], departure)


def test_where_many_hadrons_are_open_hadrons_are_as_wide_as_quarks():
    """W bosons: 3 |V_ud|^2 and 3 |V_us|^2 with a kaon for the quark; Z bosons: 3 (g_L^2 + g_R^2) of u, d and some of s."""

    def hadrons(flavour):
        widths = partial_widths(1900.0, flavour)
        return sum(width for name, width in widths.items() if has_hadrons(name)) / widths["nunu"]

    x2, s = (MASS[321] / 1900.0) ** 2, 0.23122
    strange = 1 - 8 * x2 + 8 * x2**3 - x2**4 - 12 * x2**2 * math.log(x2)
    by_w = 3.0 * (V_UD**2 + V_US**2 * strange)
    assert hadrons("e") - hadrons("tau") == pytest.approx(by_w, rel=1e-3)
    up, down = ((1 - 8 / 3 * s + 32 / 9 * s * s) / 4, (1 - 4 / 3 * s + 8 / 9 * s * s) / 4)
    assert 3.0 * (up + down) < hadrons("tau") < 3.0 * (up + 1.4 * down)


def test_few_hadrons_are_told_apart():
    assert "hadrons" not in partial_widths(1490.0, "e")
    assert "hadrons" not in partial_widths(1770.0, "tau")


def test_a_light_particle_that_decays_as_the_tau_does_has_its_kstar_and_rho():
    """Masses exchanged: of a tau 25.5% decay into two pions and 1.20% into K* (PDG), and so does N of its mass, of 17.8% e nu nu."""
    tau = MASS[15]
    widths = partial_widths(tau, "e")
    unit = widths["nunu"]
    assert widths["rhoe"] / unit == pytest.approx(0.2549 / 0.1782, rel=0.03)
    assert widths["Kstare"] / unit == pytest.approx(0.0120 / 0.1782, rel=0.03)


def test_a_majorana_particle_has_twice_the_width_of_a_dirac_particle():
    both = [HeavyNeutralLepton(700.0, Parameters(majorana=choice)) for choice in (True, False)]
    assert total_width(both[0]) == pytest.approx(2.0 * total_width(both[1]), rel=1e-12)
    assert branching_ratio(both[0], "pie") == pytest.approx(branching_ratio(both[1], "pie"), rel=1e-12)


def test_a_light_lepton_is_massless():
    # Three neutrinos of one flavour's mixing, and Z exchange alone for another flavour: C1 = (1 - 4 s + 8 s^2) / 4.
    widths = partial_widths(900.0, "mu")
    s = 0.23122
    assert widths["nuee"] / widths["nunu"] == pytest.approx((1 - 4 * s + 8 * s * s) / 4, rel=1e-3)
    own = partial_widths(900.0, "e")
    assert own["nuee"] / own["nunu"] == pytest.approx((1 + 4 * s + 8 * s * s) / 4, rel=1e-3)
    x2 = (105.6583755 / 900.0) ** 2
    muon_decay = 1 - 8 * x2 + 8 * x2**3 - x2**4 - 12 * x2**2 * math.log(x2)
    assert own["emunu"] / own["nunu"] == pytest.approx(muon_decay, rel=1e-3)


def test_thresholds():
    assert "nuee" in partial_widths(1.1, "mu")
    assert "pie" not in partial_widths(140.0, "e")
    assert "pie" in partial_widths(141.0, "e")
    modes = HeavyNeutralLepton(300.0, Parameters(flavour="mu")).modes
    assert modes["pimu"].products == (211, 13)
    assert modes["nunu"].products == ()


@pytest.mark.parametrize(
    ("flavour", "meson", "masses", "expected"),
    [
        ("mu", "Ds", (1e-3, 300, 500, 1000, 1500), (5.35e-3, 0.0467, 0.1107, 0.2694, 0.1902)),
        ("e", "Ds", (300, 500, 1000, 1500), (0.0414, 0.1054, 0.2651, 0.1905)),
        ("mu", "D_pm", (300, 1000, 1500), (3.36e-3, 1.806e-2, 9.84e-3)),
        ("tau", "Ds", (1e-3,), (5.21e-2,)),
    ],
)
def test_two_body_decays_of_the_reference(flavour, meson, masses, expected):
    ours = [leptonic_ratio(mass, flavour, meson) for mass in masses]
    assert ours == pytest.approx(expected, rel=2e-3)


@pytest.mark.parametrize(
    ("flavour", "meson", "light", "masses", "expected"),
    [
        ("e", "D0", 321, (300, 500, 800, 1000), (2.856e-2, 1.967e-2, 6.907e-3, 1.939e-3)),
        ("mu", "D0", 321, (300, 500, 800, 1000), (2.772e-2, 1.890e-2, 6.351e-3, 1.598e-3)),
        ("e", "D0", 321, (1e-3,), (0.0350,)),
        ("e", "D_pm", 311, (1e-3,), (0.0888,)),
        ("e", "D0", 211, (1e-3,), (2.57e-3,)),
    ],
)
def test_semileptonic_decays_of_the_reference(flavour, meson, light, masses, expected):
    ours = [semileptonic_ratio(mass, flavour, meson, light) for mass in masses]
    assert ours == pytest.approx(expected, rel=2e-3)


@pytest.mark.parametrize("flavour", ["e", "mu"])
def test_yields_of_eventcalc_with_the_charm_of_its_cascade(shared, flavour):
    """Its target: 1.7e-3 pairs of c quarks for each proton, 2.3 times as many with those of secondary particles."""
    table = np.loadtxt(shared / "reference" / "next" / f"EventCalc_Total-yield-HNL-{flavour}.txt")
    table = table[(table[:, 0] > 0.55) & (table[:, 0] <= 1.75)][::30]
    found = [HeavyNeutralLepton(1e3 * mass, Parameters(flavour=flavour)).production for mass in table[:, 0]]
    ours = [sum(process.per_proton for process in made.values()) for made in found]
    assert ours == pytest.approx(table[:, 1] * 1.654e-3 / (2.3 * 1.7e-3), rel=0.05)
    drawn = found[0]["leptonic"].draw(10, np.random.default_rng(1))
    assert drawn.variations["cascade"] == (1.0, 2.3)


def test_a_heavy_particle_has_no_room():
    assert leptonic_ratio(1870.0, "mu", "Ds") == 0.0
    assert semileptonic_ratio(1371.0, "e", "D0", 321) == 0.0
    assert HeavyNeutralLepton(1990.0).production == {}


def test_pairs_of_charm_quarks():
    assert heavy_quark_pairs(20e3) == pytest.approx(1.654e-3, rel=1e-3)


@pytest.mark.parametrize(
    ("mass", "share", "mean", "soft"),
    [(300, 0.0258, 97.7, 0.00461), (500, 0.0283, 96.2, 0.00823), (1000, 0.0535, 83.3, 0.01973),
     (1500, 0.0948, 89.3, 0.02535)],
)  # fmt: skip
def test_directions_of_an_independent_simulation(mass, share, mean, soft):
    # Ds -> mu N: share within 6.2 mrad, mean momentum in GeV and mean m/p.
    decay = MesonDecay("Ds", 105.6583755, leptonic_ratio(mass, "mu", "Ds"))
    drawn = charm_decays(float(mass), [decay], 1.0, CharmSpectra(400e3)).draw(
        200_000, np.random.default_rng(1)
    )
    inside = np.arctan2(np.hypot(*drawn.direction[:2]), drawn.direction[2]) < 6.2e-3
    weight = drawn.weight[inside]
    assert weight.sum() / drawn.weight.sum() == pytest.approx(share, rel=0.06)
    assert np.average(drawn.p[inside], weights=weight) == pytest.approx(mean * 1e3, rel=0.03)
    assert np.average(mass / drawn.p[inside], weights=weight) == pytest.approx(soft, rel=0.06)


def test_charm_spectrum_and_its_other_end():
    spectra = CharmSpectra(400e3)
    p, pt, weight = spectra.draw("D0", 200_000, np.random.default_rng(2))
    assert weight.mean() == pytest.approx(1.0, abs=1e-3)
    assert np.average(pt**2, weights=weight) == pytest.approx(1e6 / 0.99, rel=0.02)
    low, high = spectra.variation("D0", p, pt)
    assert (low <= 1.0).all()
    assert (high >= 1.0).all()
    other = CharmSpectra(400e3, spectra.other, spectra.shape)
    q, qt, there = other.draw("D0", 200_000, np.random.default_rng(3))
    # Weights times both ends make the other spectrum.
    for power in (1, 2):
        made = np.average(p**power, weights=weight * low * high)
        assert made == pytest.approx(np.average(q**power, weights=there), rel=0.03)
    assert np.average(pt**2, weights=weight * low * high) == pytest.approx(
        np.average(qt**2, weights=there), rel=0.03
    )


def test_three_particles_share_the_energy():
    process = HeavyNeutralLepton(500.0, Parameters(production=("semileptonic",))).production["semileptonic"]
    decays = process.process.process.decays
    for decay in decays:
        momentum = decay.at_rest(500.0, 20_000, np.random.default_rng(1))
        heavy = meson_mass(decay.meson)
        most = (heavy**2 + 500.0**2 - (decay.recoil_mass + decay.lepton_mass) ** 2) / (2 * heavy)
        assert momentum.max() <= math.sqrt(most**2 - 500.0**2) * (1 + 1e-9)
        assert momentum.min() >= 0.0
        assert momentum.std() > 0.1 * momentum.mean()


def test_what_is_not_counted_is_said():
    assert HeavyNeutralLepton(300.0).cautions == ()
    assert any("quarks of lowest order" in said for said in HeavyNeutralLepton(1500.0).cautions)
    with pytest.raises(ConfigError, match="to 2000 MeV"):
        check_mass(HeavyNeutralLepton(2500.0))


def test_widths_of_a_table(tmp_path):
    table = tmp_path / "widths.csv"
    table.write_text("mass_mev,hadrons_mev,pie_mev\n200,0,0\n1000,2e-10,1e-10\n3000,5e-9,2e-9\n")
    given = HeavyNeutralLepton(1000.0, Parameters(widths=str(table)))
    assert given.modes["pie"].width == 1e-10
    assert "nupi0" not in given.modes
    assert given.modes["nuee"].width == HeavyNeutralLepton(1000.0).modes["nuee"].width
    check_mass(HeavyNeutralLepton(2500.0, Parameters(widths=str(table))))


def plot_integral(mass, mode):
    """Integrate the density of a mode over its Dalitz plot, in MeV^8 for squares of couplings."""
    one, other, third = mode.masses
    nodes, weights = np.polynomial.legendre.leggauss(80)
    low, high = one + other, mass - third
    pair = low + (high - low) * (nodes[:, None] + 1.0) / 2.0
    p = two_body_momentum(pair, one, other)
    flight = two_body_momentum(mass, pair, third) * mass / pair  # of the third, where the pair rests
    energy = np.hypot(p, one)
    first = one**2 + third**2 + 2.0 * (energy * np.hypot(flight, third) + p * flight * nodes)
    last = mass**2 + one**2 + other**2 + third**2 - pair**2 - first
    area = (high - low) / 2.0 * 2.0 * pair * 2.0 * p * flight
    return float(np.sum(weights[:, None] * weights * area * mode.density(pair**2 + 0.0 * first, first, last)))


@pytest.mark.parametrize(
    ("flavour", "name"),
    [("e", "nuee"), ("e", "numumu"), ("mu", "numumu"), ("mu", "nuee"), ("tau", "numumu"), ("e", "emunu")],
)
@pytest.mark.parametrize("mass", [230.0, 500.0, 1500.0])
def test_squared_matrix_elements_of_three_leptons_give_their_widths(flavour, name, mass):
    """dGamma = |M|^2 / (256 pi^3 m^3) ds12 ds13, with |M|^2 = 64 G_F^2 (N.a)(b.c) as of the decay of a muon."""
    mode = HeavyNeutralLepton(mass, Parameters(flavour=flavour, majorana=False)).modes[name]
    width = 16.0 * FERMI**2 * plot_integral(mass, mode) / (256.0 * np.pi**3 * mass**3)
    assert width == pytest.approx(mode.width, rel=1e-3)


@pytest.mark.parametrize("mass", [500.0, 900.0, 1400.0, 1900.0])
def test_the_squared_matrix_element_of_two_pions_gives_their_width(mass):
    """|M|^2 = 4 G_F^2 |V_ud|^2 |F|^2 [2 (N.q)(l.q) - q^2 (N.l)], with q the difference of the pions."""
    mode = HeavyNeutralLepton(mass, Parameters(flavour="mu", majorana=False)).modes["rhomu"]
    # The pions as the first and third of the plot, so that the integral goes along the rho.
    turned = Mode(0.0, (211, 111, 13), density=lambda pions, first, last: mode.density(first, pions, last))
    width = 4.0 * (FERMI * V_UD) ** 2 * plot_integral(mass, turned) / (256.0 * np.pi**3 * mass**3)
    assert width == pytest.approx(mode.width, rel=0.05 if mass < 600 else 0.01)


def test_the_rho_opens_with_two_pions():
    assert "rhomu" not in partial_widths(2.0 * PION_MASS + 105.0, "mu")
    assert partial_widths(700.0, "mu")["rhomu"] > 0.0


def test_products_are_spelled_as_people_write_them():
    modes = HeavyNeutralLepton(1000.0, Parameters(flavour="mu")).modes
    assert [modes[name].spelled for name in ("pimu", "numumu", "rhomu", "nunu")] == [
        "π⁺ μ⁻", "μ⁺ μ⁻ ν_μ", "π⁺ μ⁻ π⁰", "",
    ]  # fmt: skip

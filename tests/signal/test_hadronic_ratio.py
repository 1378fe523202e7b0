"""Hadronic widths: thresholds, resonances by hand, radiative corrections, and other programs' evaluations of data."""

import csv
import math
from itertools import pairwise

import numpy as np
import pytest
from particle import literals

from bdana.errors import ConfigError
from bdana.signal.constants import ALPHA, ELECTRON_MASS, HBAR_C, MUON_MASS, PION_MASS
from bdana.signal.hadronic_ratio import (
    MAX_MASS,
    MODES,
    RANGES,
    _final_state_photons,
    _lepton_loop,
    hadronic_ratio,
    hadronic_ratios,
    relative_error,
)
from bdana.signal.models.dark_photon import lepton_width

TWO_PIONS = 2 * PION_MASS
THREE_PIONS = TWO_PIONS + literals.pi_0.mass
TWO_KAONS = 2 * literals.K_plus.mass


def leptonic(mass):
    return lepton_width(mass, 1.0, ELECTRON_MASS) + lepton_width(mass, 1.0, MUON_MASS)


def total(mass):
    return leptonic(mass) + hadronic_ratio(mass) * ALPHA * mass / 3.0


def allowed(mass):
    """How far widths may be from other evaluations of the data."""
    return np.select([mass <= 700.0, mass <= 800.0, mass <= 1020.0], [0.01, 0.05, 0.10], 0.20)


@pytest.mark.parametrize(
    ("mode", "threshold"),
    [("pipi", TWO_PIONS), ("hadrons", TWO_PIONS), ("pipipi", THREE_PIONS), ("kk", TWO_KAONS)],
)
def test_each_mode_opens_at_its_threshold(mode, threshold):
    below = np.linspace(0.0, threshold, 500)
    assert (hadronic_ratios(below)[mode] == 0.0).all()
    above = np.linspace(threshold + 0.01, MAX_MASS, 5000)
    assert (hadronic_ratios(above)[mode] > 0.0).all()


def test_two_pions_rise_with_the_cube_of_their_velocity():
    """Near threshold R is v^3 |F|^2 / 4 with the photons between slow pions, pi^2 / 2v, and |F(4 m_pi^2)| about 1.16."""
    mass = TWO_PIONS + 0.5
    v = math.sqrt(1 - (TWO_PIONS / mass) ** 2)
    photons = 1 + ALPHA / math.pi * (math.pi**2 / (2 * v) - 2)
    assert hadronic_ratios(mass)["pipi"] == pytest.approx(v**3 / 4 * 1.16**2 * photons, rel=0.03)


def test_modes_add_up():
    masses = np.linspace(0.0, MAX_MASS, 1001)
    modes = hadronic_ratios(masses)
    assert tuple(modes) == MODES
    assert sum(modes.values()) == pytest.approx(hadronic_ratio(masses), rel=1e-14)
    one_by_one = [float(hadronic_ratio(mass)) for mass in masses]
    assert one_by_one == pytest.approx(hadronic_ratio(masses), rel=1e-13)


@pytest.mark.parametrize("mass", [-1.0, 2000.1, float("nan"), float("inf"), [500.0, 2500.0]])
def test_masses_without_a_width_are_told(mass):
    for function in (hadronic_ratio, hadronic_ratios, relative_error):
        with pytest.raises(ConfigError, match="the hadronic width holds for mass from 0 to 2000 MeV"):
            function(mass)


@pytest.mark.parametrize(
    ("mode", "mass", "to_ee", "to_mode", "others"),
    [
        ("pipipi", 782.66, 7.38e-5, 0.892, 0.0),
        ("hadrons", 782.66, 7.38e-5, 0.0835, 0.02),
        ("pipipi", 1019.461, 2.979e-4, 0.154, 0.0),
        ("kk", 1019.461, 2.979e-4, 0.830, 0.0),
        ("hadrons", 1019.461, 2.979e-4, 0.0143, 0.15),
    ],
)
def test_resonances_peak_at_their_branching_ratios(mode, mass, to_ee, to_mode, others):
    """R = 9 B_ee B / alpha^2, less the polarisation of the vacuum, 2 to 4%; tails of other mesons are a few percent."""
    peak = 9.0 * to_ee * to_mode / ALPHA**2
    assert hadronic_ratios(mass)[mode] == pytest.approx(0.97 * peak + others, rel=0.05)


def test_pion_and_photon_far_below_the_omega():
    """At 285 MeV, by hand: R is 9 / alpha^2 k^3 / m |A|^2, k the photon's momentum, from omega and phi, by 0.985."""
    s = 285.0**2

    def cube(s):
        return ((s - literals.pi_0.mass**2) / (2 * math.sqrt(s))) ** 3

    def amplitude(mass, width, product):
        return math.sqrt(product * mass / cube(mass**2)) * mass * width / (mass**2 - s)

    omega, phi = amplitude(782.66, 8.68, 7.38e-5 * 0.0835), amplitude(1019.461, 4.249, 2.979e-4 * 1.32e-3)
    both = abs(omega + phi * np.exp(1j * math.radians(163.0)))
    expected = 0.985 * 9.0 / ALPHA**2 * cube(s) / math.sqrt(s) * both**2
    assert hadronic_ratios(285.0)["hadrons"] == pytest.approx(expected, rel=5e-3)


def test_rho_and_omega_help_charged_kaons_and_hinder_neutral_ones():
    """At 1.1 GeV, from the three mesons alone with the quarks' charges; excited mesons add little."""
    s = 1100.0**2
    rho, omega, phi = (m**2 / (m**2 - s) for m in (775.26, 782.66, 1019.461))
    shares = ((literals.K_plus.mass, 1), (literals.K_0.mass, -1))
    expected = sum(
        0.25 * (1 - 4 * mass**2 / s) ** 1.5 * (isospin * rho / 2 + omega / 6 + phi / 3) ** 2
        for mass, isospin in shares
    )
    assert hadronic_ratios(1100.0)["kk"] == pytest.approx(expected, rel=0.2)


def test_the_rho_decays_into_two_pions():
    """At its mass, where the omega's admixture is turned by 90 degrees, R is near 9 B_ee / alpha^2."""
    assert hadronic_ratios(775.26)["pipi"] == pytest.approx(9.0 * 4.72e-5 / ALPHA**2, rel=0.17)
    around = hadronic_ratios(np.linspace(700.0, 850.0, 301))["pipi"]
    assert 760.0 < np.linspace(700.0, 850.0, 301)[around.argmax()] < 781.0
    # rho and omega interfere: R falls steeply from below the omega to above it.
    below, above = hadronic_ratios([776.0, 790.0])["pipi"]
    assert above < 0.75 * below


def test_polarisation_by_leptons_is_that_at_the_z():
    """One-loop shares of electron and muon at 91.1876 GeV: M. Steinhauser, Phys. Lett. B 429, 158 (hep-ph/9803313)."""
    s = np.array(91187.6**2)
    assert _lepton_loop(s, ELECTRON_MASS).real == pytest.approx(174.35e-4, rel=1e-4)
    assert _lepton_loop(s, MUON_MASS).real == pytest.approx(91.78e-4, rel=1e-4)
    assert _lepton_loop(s, MUON_MASS).imag == pytest.approx(-ALPHA / 3.0, rel=1e-6)


def test_polarisation_vanishes_without_momentum():
    for mass in (ELECTRON_MASS, MUON_MASS):
        s = np.array((0.1 * mass) ** 2)
        assert _lepton_loop(s, mass) == pytest.approx(-ALPHA / (15.0 * np.pi) * 0.01, rel=1e-2)


def test_final_state_photons_in_both_limits():
    """For fast pions 1 + 3 alpha / pi, for slow ones the Coulomb attraction, alpha / pi (pi^2 / 2v - 2)."""
    assert _final_state_photons(np.array(0.99999)) == pytest.approx(1 + 3 * ALPHA / math.pi, rel=1e-6)
    slow = 1 + ALPHA / math.pi * (math.pi**2 / (2 * 0.001) - 2)
    assert _final_state_photons(np.array(0.001)) == pytest.approx(slow, rel=1e-4)
    assert _final_state_photons(np.array(0.0)) == 1.0


def test_above_resonances_r_is_perturbative():
    """Three quarks give 2 (1 + alpha_s / pi)."""
    assert hadronic_ratio(np.linspace(1600.0, 2000.0, 41)) == pytest.approx(2.2, abs=0.25)


def test_ranges_follow_each_other_to_the_last_mass():
    assert RANGES[0][0] == TWO_PIONS
    assert RANGES[-1][1] == MAX_MASS
    assert all(before[1] == after[0] for before, after in pairwise(RANGES))
    for low, high, error in RANGES:
        assert (relative_error([low + 1e-9, 0.5 * (low + high), high]) == error).all()
    assert (relative_error([0.0, TWO_PIONS]) == 0.0).all()


def test_width_and_branching_ratio_are_those_of_darkcast(shared):
    with (shared / "reference" / "width_br_comparison.csv").open() as file:
        rows = list(csv.DictReader(file))
    masses = np.array([1e3 * float(row["m_GeV"]) for row in rows])
    widths = np.array([1e3 * float(row["G_darkcast"]) for row in rows])
    ratios = np.array([float(row["BRmumu_darkcast"]) for row in rows])
    assert len(masses) == 25
    assert (np.abs(total(masses) / widths - 1.0) < allowed(masses)).all()
    open_mode = ratios > 0.0
    found = (lepton_width(masses, 1.0, MUON_MASS) / total(masses))[open_mode]
    assert (np.abs(found / ratios[open_mode] - 1.0) < allowed(masses[open_mode])).all()


@pytest.fixture(scope="session")
def decay_lengths(shared):
    """Masses in MeV, and total widths at coupling 1 from c tau in m, of EventCalc at each MeV where hadrons are open."""
    mass, ctau = np.loadtxt(shared / "reference" / "next" / "EventCalc_ctau-DP.txt", unpack=True)
    chosen = (mass > 0.28) & (mass <= 2.0)
    return 1e3 * mass[chosen], HBAR_C * 1e-3 / ctau[chosen]


def test_the_width_is_that_of_eventcalc_at_every_mass(decay_lengths):
    masses, widths = decay_lengths
    assert len(masses) > 1500
    assert (np.abs(total(masses) / widths - 1.0) < allowed(masses)).all()


def test_the_stated_error_covers_eventcalc(decay_lengths):
    masses, widths = decay_lengths
    # Below 350 MeV its muons, which differ from the formula, would be taken for hadrons.
    masses, widths = masses[masses > 350.0], widths[masses > 350.0]
    measured = (widths - leptonic(masses)) / (ALPHA * masses / 3.0)
    assert (np.abs(hadronic_ratio(masses) / measured - 1.0) < relative_error(masses)).all()

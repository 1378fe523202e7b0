"""Decays of tau leptons into a heavy neutrino, against the decays of the Standard Model, and taus of D mesons."""

import math

import numpy as np
import pytest

from bdana.masses import MASS
from bdana.signal.constants import FERMI
from bdana.signal.heavy_mesons import CharmSpectra
from bdana.signal.meson_spectra import meson_width
from bdana.signal.models.hnl import HeavyNeutralLepton, Parameters, leptonic_ratio
from bdana.signal.tau_leptons import LeptonRate, PairRecoil, TauSpectra, tau_to_meson

TAU = MASS[15]


@pytest.mark.parametrize(("meson", "measured"), [("pi", 0.1082), ("K", 6.96e-3), ("rho", 0.2549)])  # PDG
def test_decays_to_a_meson_are_the_measured_ones_for_a_massless_neutrino(meson, measured):
    assert tau_to_meson(0.0, meson) == pytest.approx(measured, rel=0.02)


@pytest.mark.parametrize(("lepton", "measured"), [(11, 0.1782), (13, 0.1739)])  # PDG
def test_decays_to_leptons_are_the_measured_ones(lepton, measured):
    assert LeptonRate(0.0, (MASS[lepton], 0.0)).ratio() == pytest.approx(measured, rel=5e-3)


@pytest.mark.parametrize("mass", [100.0, 500.0, 1000.0])
def test_it_does_not_matter_which_of_the_three_is_heavy(mass):
    """1 - 8 x + 8 x^3 - x^4 - 12 x^2 ln x, x = m^2 / m_tau^2, as for the decay of a muon."""
    x = (mass / TAU) ** 2
    shape = 1.0 - 8.0 * x + 8.0 * x**3 - x**4 - 12.0 * x**2 * math.log(x)
    width = FERMI**2 * TAU**5 / (192.0 * math.pi**3) * shape / meson_width("tau")
    for rate in (LeptonRate(mass, (1e-6, 0.0)), LeptonRate(0.0, (mass, 1e-6))):
        assert rate.ratio() == pytest.approx(width, rel=1e-5)


def test_what_is_too_heavy_is_not_made():
    assert tau_to_meson(1700.0, "rho") == 0.0
    assert LeptonRate(1700.0, (MASS[13], 0.0)).ratio() == 0.0


def test_taus_keep_most_of_the_momentum_of_their_mesons():
    charm = CharmSpectra(400e3)
    ratios = {meson: leptonic_ratio(0.0, "tau", meson) for meson in ("Ds", "D_pm")}
    taus = TauSpectra(charm, ratios)
    assert taus.multiplicity("tau") == pytest.approx(0.1673 * 0.0521 + 0.556 * 1.17e-3, rel=0.01)
    p, pt, weight = taus.draw("tau", 100_000, np.random.default_rng(1))
    assert weight.mean() == pytest.approx(1.0, abs=2e-3)
    assert (pt <= p).all()
    of_ds, of_ds_pt, there = charm.draw("Ds", 100_000, np.random.default_rng(2))
    energy = (
        math.hypot(TAU, (1968.35**2 - TAU**2) / (2.0 * 1968.35)) / 1968.35
    )  # of the tau, where the Ds rests
    at_rest = (1968.35**2 - TAU**2) / (2.0 * 1968.35)
    transverse = energy**2 * np.average(of_ds_pt**2, weights=there) + 2.0 / 3.0 * at_rest**2
    assert np.average(pt**2, weights=weight) == pytest.approx(transverse, rel=0.015)
    assert np.average(p, weights=weight) == pytest.approx(energy * np.average(of_ds, weights=there), rel=0.02)


def test_a_particle_that_mixes_with_the_tau_comes_from_taus():
    made = HeavyNeutralLepton(500.0, Parameters(flavour="tau")).production
    assert list(made) == ["tau"]
    drawn = made["tau"].draw(20_000, np.random.default_rng(1))
    assert set(drawn.variations) == {"meson_spectra", "cc_cross_section", "cascade"}
    most = (TAU**2 + 500.0**2) / (2.0 * TAU)
    for decay in made["tau"].process.process.decays:
        momentum = decay.at_rest(500.0, 10_000, np.random.default_rng(2))
        assert np.hypot(momentum, 500.0).max() <= most * (1.0 + 1e-9)
        assert (momentum.std() > 0.0) == isinstance(decay, PairRecoil)

"""Semileptonic decays of D mesons: K* against what is measured, and the leptons' tensor against known limits."""

import numpy as np
import pytest

from bdana.signal.meson_spectra import meson_width
from bdana.signal.models.hnl import semileptonic_ratio
from bdana.signal.semileptonic import (
    SemileptonicRate,
    ToPseudoscalar,
    ToVector,
    drawn_mass,
    lepton_pair_tensor,
)


@pytest.mark.parametrize(
    ("meson", "kaon", "measured"), [("D0", 323, 0.0215), ("D_pm", 313, 0.0540)]
)  # PDG: D -> K* e nu
def test_decays_to_a_vector_meson_are_near_the_measured_ones(meson, kaon, measured):
    assert semileptonic_ratio(1e-3, "e", meson, kaon) == pytest.approx(measured, rel=0.15)


def test_a_heavy_neutrino_closes_the_decay_to_a_vector_meson():
    ratios = [semileptonic_ratio(mass, "mu", "D0", 323) for mass in (1.0, 300.0, 600.0, 800.0, 868.0)]
    assert (np.diff(ratios) < 0.0).all()
    assert ratios[-1] == 0.0


def test_only_spin_one_is_left_for_massless_leptons():
    vector, timelike = lepton_pair_tensor(np.array([4.0, 9.0]), 0.0, 0.0)
    assert vector == pytest.approx([32.0 / 3.0, 24.0])
    assert timelike == pytest.approx([0.0, 0.0])


def test_at_the_end_of_the_spectrum_a_vector_meson_is_unpolarised():
    """Where the light meson rests the three helicities are alike: H_0^2 is half of H_+^2 + H_-^2."""
    transition = ToVector(1864.84, 891.67)
    q2 = np.array([(1864.84 - 891.67) ** 2])
    spin, scalar = transition.amplitudes(q2, np.zeros(1))
    a1 = 0.66 / (1.0 - 0.30 * q2 / 2112.2**2)
    assert spin == pytest.approx(3.0 * (transition.heavy + transition.light) ** 2 * a1**2)
    assert scalar == pytest.approx([0.0])


def test_form_factors_squared_once():
    """|f+|^2 stands in all terms of spin 1 once: twice f makes four times the width."""
    one = ToPseudoscalar(1864.84, 493.677, 0.7, (0.0, 0.0), (0.0, 0.0))
    two = ToPseudoscalar(1864.84, 493.677, 1.4, (0.0, 0.0), (0.0, 0.0))
    widths = [SemileptonicRate(shape, 0.975, 400.0, 105.66).width() for shape in (one, two)]
    assert widths[1] == pytest.approx(4.0 * widths[0], rel=1e-12)
    assert widths[0] / meson_width("D0") < 0.05


def test_drawn_masses_follow_the_spectrum():
    rate = SemileptonicRate(ToVector(1864.84, 891.67), 0.975, 300.0, 0.511)
    low, high = 300.511, 1864.84 - 891.67
    drawn = drawn_mass(rate, low, high, 100_000, np.random.default_rng(1))
    q = np.linspace(low, high, 2001)
    density = rate(q**2) * q
    for power in (1, 2):
        assert np.mean(drawn**power) == pytest.approx(np.sum(density * q**power) / density.sum(), rel=2e-3)

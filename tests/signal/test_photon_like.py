"""Decays of mesons into a particle that couples like the photon, their form factors, and mixing."""

import numpy as np
import pytest

from bdana.signal.constants import ALPHA
from bdana.signal.meson_spectra import meson_mass
from bdana.signal.photon_like import meson_decays, mixing_probabilities, transition_form_factor


def test_a_massless_dark_photon_replaces_photons():
    """P -> gamma A' is twice P -> gamma gamma, and V -> P A' is V -> P gamma: the factors are 1 at m = 0."""
    found = {(decay.meson, decay.recoil_mass > 0.0): 0.0 for decay in meson_decays(1e-3)}
    for decay in meson_decays(1e-3):
        found[decay.meson, decay.recoil_mass > 0.0] += decay.branching_ratio
    expected = {
        ("pi0", False): 2 * 0.98823,
        ("eta", False): 2 * 0.3936,
        ("eta_prime", False): 2 * 0.0231,
        ("omega", True): 0.0833 + 4.5e-4,
        ("rho0", True): 4.7e-4 + 3e-4,
        ("rho_pm", True): 4.5e-4,
        ("phi", True): 1.3e-3 + 0.0131,
    }
    assert found == pytest.approx(expected, rel=1e-6)


def test_branching_ratios_by_hand_at_400_mev():
    found = {
        (d.meson, round(d.recoil_mass)): d.branching_ratio for d in meson_decays(400.0, form_factor=False)
    }
    eta, omega, pion = (meson_mass(meson) for meson in ("eta", "omega", "pi0"))
    assert found["eta", 0] == pytest.approx(2 * 0.3936 * (1 - 400.0**2 / eta**2) ** 3, rel=1e-9)
    a, b, c = omega**2, pion**2, 400.0**2
    momentum = np.sqrt(a**2 + b**2 + c**2 - 2 * (a * b + a * c + b * c))
    assert found["omega", 135] == pytest.approx(0.0833 * (momentum / (a - b)) ** 3, rel=1e-9)
    assert ("pi0", 0) not in found
    assert ("omega", 548) not in found


def test_transition_form_factors_are_those_of_one_pole():
    for meson, recoil, inverse in (("eta", "gamma", 1.95), ("omega", "pi0", 2.24)):
        expected = 1.0 / (1.0 - inverse * 0.3**2) ** 2
        assert transition_form_factor(300.0, meson, recoil) == pytest.approx(expected, rel=1e-12)
    # The pi0 has its slope: F = 1 + 0.0335 m^2 / m_pi0^2.
    m = 10.0
    slope = (np.sqrt(transition_form_factor(m, "pi0", "gamma")) - 1.0) * (meson_mass("pi0") / m) ** 2
    assert slope == pytest.approx(0.0335, rel=1e-3)


def test_poles_within_reach_stay_finite():
    for meson, recoil, limit in (("eta_prime", "gamma", 957.0), ("phi", "pi0", 884.0)):
        values = transition_form_factor(np.linspace(0.0, limit, 2000), meson, recoil)
        assert values[0] == pytest.approx(1.0)
        assert values.max() < 40.0
    for decay in meson_decays(647.6):
        assert decay.branching_ratio < 0.5


def test_mixing_at_resonance_and_at_rest():
    """On the resonance 3 Gamma_ee m_V / (alpha Gamma^2); at m = 0 (e / g_V)^2 with g_V about 5, 16.5 and 13.4."""
    for meson, width, to_ee, coupling in (
        ("rho0", 149.1, 7.04e-3, 4.96),
        ("omega", 8.68, 0.641e-3, 16.5),
        ("phi", 4.249, 1.266e-3, 13.4),
    ):
        mass = meson_mass(meson)
        assert mixing_probabilities(mass)[meson] == pytest.approx(
            3 * to_ee * mass / (ALPHA * width**2), rel=1e-6
        )
        e2 = 4 * np.pi * ALPHA
        assert mixing_probabilities(1e-3)[meson] == pytest.approx(e2 / coupling**2, rel=0.04)

"""Proton bremsstrahlung: reference yields, and mistakes that were found in public programs."""

import numpy as np
import pytest

from bdana.signal.constants import PROTON_MASS
from bdana.signal.models.dark_photon import (
    BEAM_MOMENTUM,
    bremsstrahlung_density,
    bremsstrahlung_yield,
    inelastic_cross_section,
    proton_form_factor,
    splitting,
)


@pytest.mark.parametrize(
    ("mass", "z_range", "expected"),
    [
        (250.0, (0.1, 0.9), 6.709e-3),
        (400.0, (0.1, 0.9), 5.603e-3),
        (250.0, (0.14, 0.86), 4.876e-3),
        (400.0, (0.14, 0.86), 4.214e-3),
    ],
)
def test_the_yield_without_form_factor_is_that_of_the_reference(mass, z_range, expected):
    found = bremsstrahlung_yield(mass, form_factor=False, z_range=z_range)
    assert found == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize(("mass", "expected"), [(250.0, 5.008e-3), (400.0, 4.345e-3)])
def test_yield_up_to_the_pp_threshold(mass, expected):
    # s' = 4 m_p^2 leaves E_p - E_A' = 2 m_p.
    left = np.hypot(BEAM_MOMENTUM, PROTON_MASS) - 2 * PROTON_MASS
    top = np.sqrt(left**2 - mass**2) / BEAM_MOMENTUM
    found = bremsstrahlung_yield(mass, form_factor=False, z_range=(0.14, top))
    assert found == pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize(("mass", "expected"), [(0.0, 1.02), (250.0, 1.37), (400.0, 2.31), (600.0, 9.7)])
def test_the_form_factor_is_that_of_the_reference(mass, expected):
    assert proton_form_factor(mass) == pytest.approx(expected, rel=5e-3)


def test_form_factor_is_a_switch():
    ratio = bremsstrahlung_yield(400.0) / bremsstrahlung_yield(400.0, form_factor=False)
    assert ratio == pytest.approx(proton_form_factor(400.0), rel=1e-12)


def test_the_splitting_is_its_terms():
    z, pt2, mass = 0.37, 0.3e6, 411.0
    m2, mp2 = mass**2, PROTON_MASS**2
    h = pt2 + (1 - z) * m2 + z**2 * mp2
    first = (1 + (1 - z) ** 2) / z
    second = -2 * z * (1 - z) * ((2 * mp2 + m2) / h - 2 * z**2 * mp2**2 / h**2)
    third = 2 * z * (1 - z) * (1 + (1 - z) ** 2) * mp2 * m2 / h**2  # not z + (1 - z)^2
    fourth = 2 * z * (1 - z) ** 2 * m2**2 / h**2
    expected = (1 / 137.036) / (2 * np.pi * h) * (first + second + third + fourth)
    assert splitting(z, pt2, mass) == pytest.approx(expected, rel=1e-12)


def test_cross_section_left_after_the_emission():
    """s' is 2 m_p (E_p - E_A'), not (m_p + E_p)^2 (1 - z)."""
    z, mass = 0.5, 250.0
    e_beam = np.hypot(BEAM_MOMENTUM, PROTON_MASS)
    left = 2e-6 * PROTON_MASS * (e_beam - np.hypot(z * BEAM_MOMENTUM, mass))
    ratio = inelastic_cross_section(left) / inelastic_cross_section(2e-6 * PROTON_MASS * e_beam)
    found = bremsstrahlung_density(z, 1e4, mass, form_factor=False) / splitting(z, 1e4, mass)
    assert found == pytest.approx(ratio, rel=1e-12)


def test_yield_grows_with_the_limit_on_pt():
    assert bremsstrahlung_yield(250.0, pt_max=4000.0) > 1.2 * bremsstrahlung_yield(250.0)


def test_the_proton_keeps_its_mass():
    before = bremsstrahlung_yield(250.0)
    bremsstrahlung_yield(700.0)
    assert bremsstrahlung_yield(250.0) == before

"""Proton bremsstrahlung: reference yields, draws, limits, and mistakes that were found in public programs."""

import itertools
import math
from functools import partial

import numpy as np
import pytest
from scipy.integrate import dblquad, quad

from bdana.signal.bremsstrahlung import (
    Bremsstrahlung,
    bremsstrahlung_density,
    pp_cross_section,
    splitting,
)
from bdana.signal.constants import ALPHA, PROTON_MASS

BEAM = 400e3
TO_THRESHOLD = (0.14, 0.9999)


@pytest.mark.parametrize(
    ("mass", "z_range", "expected"),
    [
        (250.0, (0.1, 0.9), 6.709e-3),
        (400.0, (0.1, 0.9), 5.603e-3),
        (250.0, (0.14, 0.86), 4.876e-3),
        (400.0, (0.14, 0.86), 4.214e-3),
        (250.0, TO_THRESHOLD, 5.008e-3),
        (400.0, TO_THRESHOLD, 4.345e-3),
    ],
)
def test_yields_of_the_reference(mass, z_range, expected):
    assert Bremsstrahlung(mass, z_range=z_range).per_proton == pytest.approx(expected, rel=2e-4)


def by_hand(mass, z_range, pt_max, theta_max):
    """Yield with the integral over pT in closed form."""
    sine = 1.0 if theta_max is None else math.sin(theta_max)

    def of_z(z):
        m2, mp2, one = mass**2, PROTON_MASS**2, 1.0 - z
        h = one * m2 + z**2 * mp2
        end = h + min(pt_max, z * BEAM * sine) ** 2
        first = (1.0 + one**2) / z * math.log(end / h)
        second = -2.0 * z * one * (2.0 * mp2 + m2) * (1.0 / h - 1.0 / end)
        third = 4.0 * z**3 * one * mp2**2 + 2.0 * z * one * ((1.0 + one**2) * mp2 * m2 + one * m2**2)
        left = 2e-6 * PROTON_MASS * (math.hypot(BEAM, PROTON_MASS) - math.hypot(z * BEAM, mass))
        cross_section = partial(pp_cross_section, extrapolate=True)
        ratio = cross_section(left) / cross_section(2e-6 * PROTON_MASS * math.hypot(BEAM, PROTON_MASS))
        return (
            ALPHA
            / (2.0 * np.pi)
            * float(ratio)
            * (first + second + third * 0.5 * (1.0 / h**2 - 1.0 / end**2))
        )

    energy = math.hypot(BEAM, PROTON_MASS) - 2.0 * PROTON_MASS
    top = min(z_range[1], math.sqrt(energy**2 - mass**2) / BEAM)
    crossing = pt_max / (BEAM * sine)
    steps = sorted({z_range[0], top, *(z for z in (0.01, 0.1, 0.9, 0.98, crossing) if z_range[0] < z < top)})
    return sum(quad(of_z, *ends, epsrel=1e-9)[0] for ends in itertools.pairwise(steps))


@pytest.mark.filterwarnings("ignore::bdana.signal.validity.ExtrapolationWarning")
@pytest.mark.parametrize("mass", [1.1, 250.0, 1990.0])
@pytest.mark.parametrize("z_range", [(0.1, 0.9), (0.001, 0.999), (0.5, 0.51)])
@pytest.mark.parametrize(
    ("pt_max", "theta_max"),
    [(1000.0, None), (math.inf, 0.0115), (1000.0, 0.0115), (5.0, None), (1000.0, 0.0062)],
)
def test_yield_is_exact_for_any_limits(mass, z_range, pt_max, theta_max):
    found = Bremsstrahlung(mass, z_range=z_range, pt_max=pt_max, theta_max=theta_max).per_proton
    assert found == pytest.approx(by_hand(mass, z_range, pt_max, theta_max), rel=1e-6)


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
    e_beam = np.hypot(BEAM, PROTON_MASS)
    left = 2e-6 * PROTON_MASS * (e_beam - np.hypot(z * BEAM, mass))
    ratio = pp_cross_section(left) / pp_cross_section(2e-6 * PROTON_MASS * e_beam)
    found = bremsstrahlung_density(z, 1e4, mass) / splitting(z, 1e4, mass)
    assert found == pytest.approx(ratio, rel=1e-12)


def test_the_proton_keeps_its_mass():
    before = Bremsstrahlung(250.0).per_proton
    assert Bremsstrahlung(700.0).per_proton < before
    assert Bremsstrahlung(250.0).per_proton == before
    assert splitting(0.5, 1e4, 250.0) != splitting(0.5, 1e4, PROTON_MASS)


@pytest.mark.filterwarnings("ignore::bdana.signal.validity.ExtrapolationWarning")
def test_angles_to_the_beam_are_counted_once():
    """The integral over positive angles alone; over both signs it would be twice as large."""

    def of_angle(theta, p):
        z, pt = p / BEAM, p * math.sin(theta)
        return (
            float(bremsstrahlung_density(z, pt**2, 400.0, extrapolate=True))
            * 2.0
            * pt
            * p
            * math.cos(theta)
            / BEAM
        )

    expected, _ = dblquad(of_angle, 0.2 * BEAM, 0.6 * BEAM, 0.0, 5e-3, epsrel=1e-6)
    found = Bremsstrahlung(400.0, z_range=(0.2, 0.6), pt_max=math.inf, theta_max=5e-3).per_proton
    assert found == pytest.approx(expected, rel=1e-5)


def test_yield_grows_with_the_limit_on_pt_up_to_that_of_kinematics():
    yields = [Bremsstrahlung(250.0, pt_max=limit).per_proton for limit in (1e3, 4e3, 1e6, math.inf)]
    assert yields[1] > 1.2 * yields[0]
    assert yields[2] > 1.5 * yields[1]
    assert yields[3] == yields[2]


@pytest.mark.parametrize("mass", [50.0, 400.0, 1500.0])
def test_drawn_sample_has_the_spectrum(mass):
    limits = {"z_range": (0.05, 0.95), "pt_max": 1500.0, "theta_max": 0.0115}
    process = Bremsstrahlung(mass, **limits)
    drawn = process.draw(200_000, np.random.default_rng(3))
    pt = drawn.p * np.hypot(drawn.direction[0], drawn.direction[1])
    assert np.sum(drawn.direction**2, axis=0) == pytest.approx(1.0)
    assert drawn.weight.mean() == pytest.approx(1.0, rel=0.01)
    assert (pt <= np.minimum(1500.0, drawn.p * np.sin(0.0115)) * (1 + 1e-9)).all()
    weight = drawn.weight * process.per_proton / len(pt)
    for z_range, pt_max in (
        ((0.05, 0.2), 1500.0),
        ((0.5, 0.8), 1500.0),
        ((0.8, 0.95), 1500.0),
        ((0.1, 0.6), 300.0),
    ):
        inside = (drawn.p > z_range[0] * BEAM) & (drawn.p < z_range[1] * BEAM) & (pt < pt_max)
        expected = Bremsstrahlung(mass, z_range=z_range, pt_max=pt_max, theta_max=0.0115).per_proton
        assert weight[inside].sum() == pytest.approx(expected, rel=0.02)


def test_hard_particles_are_not_rare():
    drawn = Bremsstrahlung(250.0).draw(10_000, np.random.default_rng(4))
    assert (drawn.p > 0.75 * BEAM).mean() > 0.2
    assert drawn.weight.sum() ** 2 / (drawn.weight**2).sum() > 4000


def test_protons_below_threshold_make_nothing():
    assert Bremsstrahlung(250.0, beam_momentum=2.5e3).is_open
    assert not Bremsstrahlung(250.0, beam_momentum=1.9e3).is_open
    assert not Bremsstrahlung(1000.0, beam_momentum=2.7e3).is_open


def test_factor_scales_the_yield_but_not_the_weights():
    plain, scaled = Bremsstrahlung(250.0), Bremsstrahlung(250.0, factor=3.0)
    assert scaled.per_proton == pytest.approx(3.0 * plain.per_proton, rel=1e-12)
    weights = [process.draw(10, np.random.default_rng(1)).weight for process in (plain, scaled)]
    assert weights[0] == pytest.approx(weights[1], rel=1e-12)

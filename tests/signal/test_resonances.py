"""Shapes of resonances and phase spaces: closed forms, normalisation, and an independent integration."""

import numpy as np
import pytest

from bdana.signal.constants import PION_MASS
from bdana.signal.resonances import (
    NEUTRAL_PION_MASS,
    THREE_PION_THRESHOLD,
    Meson,
    breit_wigner,
    gounaris_sakurai,
    pair_momentum,
    three_pion_space,
)

RHO = Meson(775.26, 149.1)


def test_half_the_peak_lies_half_a_width_away():
    narrow = Meson(1000.0, 1.0)
    peak, side = np.abs(breit_wigner(np.array([1000.0, 1000.5]) ** 2, narrow)) ** 2
    assert side / peak == pytest.approx(0.5, rel=2e-3)


def test_a_width_that_varies_damps_the_resonance():
    s = np.array([1000.0**2])
    assert abs(breit_wigner(s, Meson(1000.0, 100.0), np.array([200.0]))) == pytest.approx(5.0)


def test_the_rho_is_imaginary_at_its_mass():
    found = gounaris_sakurai(np.array([RHO.mass**2]), RHO)[0]
    assert found.real == pytest.approx(0.0, abs=1e-9)
    assert found.imag > 0.0


def test_the_rho_is_one_without_momentum():
    """|F| at the two-pion threshold follows the dispersion relation from 1 at s = 0: 1.16 for the rho alone."""
    at_threshold = gounaris_sakurai(np.array([4.0 * PION_MASS**2]), RHO)[0]
    assert at_threshold.imag == pytest.approx(0.0, abs=1e-12)
    s = np.linspace(4.0 * PION_MASS**2, 400e6, 400_001)[1:]
    spectral = gounaris_sakurai(s, RHO).imag / (s - 4.0 * PION_MASS**2) / s
    dispersion = 1.0 + 4.0 * PION_MASS**2 / np.pi * spectral.sum() * (s[1] - s[0])
    assert at_threshold.real == pytest.approx(dispersion, rel=2e-3)


def test_momentum_of_a_pair():
    assert pair_momentum(np.array([782.66**2]), 134.9768, 0.0) == pytest.approx(379.69, abs=0.01)
    assert pair_momentum(np.array([99.0**2]), 60.0, 40.0) == 0.0


def test_three_pions_open_as_the_fourth_power():
    assert three_pion_space(THREE_PION_THRESHOLD**2) == 0.0
    assert three_pion_space(0.0) == 0.0
    one, two = three_pion_space((THREE_PION_THRESHOLD + np.array([0.05, 0.1])) ** 2)
    assert two / one == pytest.approx(16.0, rel=2e-3)


@pytest.mark.parametrize("mass", [450.0, 600.0, 1019.461, 1500.0])
def test_three_pion_space_is_that_of_drawn_decays(mass):
    """Integrated over the Dalitz plot by drawing, with |p+ x p-|^2 from the energies of the pions."""
    assert three_pion_space(mass**2) == pytest.approx(drawn_space(mass) / drawn_space(782.66), rel=0.02)


def drawn_space(mass):
    """Mean over a square of energies of the charged pions, where the decay is possible."""
    rng = np.random.default_rng(5)
    top = (mass**2 + PION_MASS**2 - (PION_MASS + NEUTRAL_PION_MASS) ** 2) / (2.0 * mass)
    plus, minus = rng.uniform(PION_MASS, top, (2, 1_000_000))
    p2, q2 = plus**2 - PION_MASS**2, minus**2 - PION_MASS**2
    scalar = 0.5 * ((mass - plus - minus) ** 2 - NEUTRAL_PION_MASS**2 - p2 - q2)
    cross = np.maximum(p2 * q2 - scalar**2, 0.0)
    cross[plus + minus > mass - NEUTRAL_PION_MASS] = 0.0
    pairs = (
        mass**2 + NEUTRAL_PION_MASS**2 - 2.0 * mass * (mass - plus - minus),
        mass**2 + PION_MASS**2 - 2.0 * mass * plus,
        mass**2 + PION_MASS**2 - 2.0 * mass * minus,
    )
    growth = 1.0 / pair_momentum(np.array(RHO.mass**2), PION_MASS, PION_MASS) ** 3
    poles = 0.0
    for s in pairs:
        s = np.maximum(s, 4.0 * PION_MASS**2)  # noqa: PLW2901 (points outside of the plot have weight 0)
        width = RHO.width * growth * pair_momentum(s, PION_MASS, PION_MASS) ** 3 * RHO.mass**2 / s
        poles = poles + breit_wigner(s, RHO, width)
    # ds ds' = 4 m^2 dE dE', and a width has 1/m^3 beside the squared amplitude, m^2 |p+ x p-|^2.
    return mass * (top - PION_MASS) ** 2 * np.mean(cross * np.abs(poles) ** 2)

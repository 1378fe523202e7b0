"""Photons that turn into a particle in the field of a nucleus: cross-sections of the reference, an integral of our own, and draws."""

import itertools
import math

import numpy as np
import pytest
from scipy.integrate import quad

from bdana.errors import ConfigError
from bdana.signal.constants import ALPHA, ELECTRON_MASS, HBAR_C
from bdana.signal.meson_spectra import meson_mass, meson_spectra
from bdana.signal.primakoff import COPPER, Nucleus, Primakoff, primakoff_cross_section

BARN_GEV2 = 1e22 * 1e-6


class OneMomentum:
    """A source of pi0 of one momentum along the beam, for which everything can be done by hand."""

    def __init__(self, p):
        self.p = p

    def multiplicity(self, meson):
        return 3.0 if meson == "pi0" else 0.0

    def draw(self, meson, n, rng):
        return np.full(n, self.p), np.zeros(n), np.ones(n)

    def variation(self, meson, p, pt):
        return np.full(len(p), 0.5), np.full(len(p), 2.0)


@pytest.mark.parametrize(
    ("mass", "energy", "expected"),
    [(20, 50, 4.713e-3), (50, 50, 4.312e-3), (100, 50, 3.561e-3), (200, 50, 2.739e-3), (200, 150, 3.392e-3),
     (500, 150, 2.301e-3)],
)  # fmt: skip
def test_cross_sections_of_the_reference(mass, energy, expected):
    found = float(primakoff_cross_section(mass, energy * 1e3)) * BARN_GEV2
    assert found == pytest.approx(expected, rel=5e-4)


@pytest.mark.parametrize(
    ("mass", "energy"), [(20.0, 50e3), (100.0, 50e3), (500.0, 150e3), (900.0, 5e3), (300.0, 320.0)]
)
@pytest.mark.parametrize("nucleus", [COPPER, Nucleus(74.0, 183.84, 6.76)])
def test_integral_over_the_angle(mass, energy, nucleus):
    """An integral over log(theta) of its own; the smallest t is m^4 / 4E^2, twice that is 0.5 to 9% less."""
    p = math.sqrt(energy**2 - mass**2)

    def integrand(u):
        theta = math.exp(u)
        t = (energy - p) ** 2 + 4.0 * energy * p * math.sin(theta / 2.0) ** 2
        return theta * p**4 * math.sin(theta) ** 3 / t**2 * float(nucleus.form_factor(t)) ** 2

    ends = np.linspace(math.log(1e-10), math.log(math.pi), 60)
    total = sum(quad(integrand, low, high)[0] for low, high in itertools.pairwise(ends))
    expected = ALPHA * nucleus.charge**2 / 4.0 * total * HBAR_C**2
    assert float(primakoff_cross_section(mass, energy, nucleus)) == pytest.approx(expected, rel=1e-3)


def test_form_factor_of_small_and_large_transfers():
    screening = 111.0 * 29.0 ** (-1 / 3) / ELECTRON_MASS
    assert float(COPPER.form_factor(1.0 / screening**2)) == pytest.approx(0.5, rel=1e-5)
    # Helm's form factor goes through 0 at q R = 4.4934.
    radius = math.sqrt((1.23 * 63.546 ** (1 / 3) - 0.6) ** 2 + 7 / 3 * (math.pi * 0.52) ** 2 - 5 * 0.81)
    q = 4.493409 / radius * 197.3269804
    assert abs(float(COPPER.form_factor(q**2))) < 1e-6
    below, above = COPPER.form_factor([(0.0999 / radius * 197.327) ** 2, (0.1001 / radius * 197.327) ** 2])
    assert below == pytest.approx(above, rel=1e-4)


def test_photons_without_the_energy_make_nothing():
    assert (primakoff_cross_section(100.0, [50.0, 100.0]) == 0.0).all()
    with pytest.raises(ConfigError, match="energy of the photon"):
        primakoff_cross_section(100.0, 0.0)


def test_pair_cross_section_of_copper():
    assert COPPER.pair_cross_section * 1e22 == pytest.approx(6.382, rel=1e-3)


def test_particles_of_one_pion_by_hand():
    """Photons of a pi0 of 100 GeV are flat in energy: two for each of them in 98.8%."""
    mass, p = 100.0, 100e3
    made = Primakoff(mass, OneMomentum(p))
    energies = np.linspace(mass, p, 2001)[1:]
    mean = primakoff_cross_section(mass, energies).mean() / COPPER.pair_cross_section
    assert made.per_proton == pytest.approx(3.0 * 2.0 * 0.98823 * mean * 1e-6, rel=5e-3)
    drawn = made.draw(20_000, np.random.default_rng(1))
    assert drawn.weight.mean() == pytest.approx(1.0, abs=0.01)
    energy = np.hypot(drawn.p, mass)
    assert np.average(energy, weights=drawn.weight) == pytest.approx(
        np.average(energies, weights=primakoff_cross_section(mass, energies)), rel=0.01
    )
    assert (energy < 1.0001 * (np.hypot(p, meson_mass("pi0")) + p) / 2.0).all()


def test_weights_are_one_on_average_and_directions_are_unit_vectors():
    for mass in (20.0, 300.0):
        drawn = Primakoff(mass, meson_spectra()).draw(20_000, np.random.default_rng(2))
        assert drawn.weight.mean() == pytest.approx(1.0, abs=0.02)
        assert (drawn.direction**2).sum(axis=0) == pytest.approx(1.0)


def test_angles_follow_the_cross_section():
    """Median of t of particles from photons of one energy, against the integral up to there."""
    mass = 300.0
    made = Primakoff(mass, OneMomentum(100e3))
    rng = np.random.default_rng(3)
    energy = np.full(20_000, 40e3)
    p = np.sqrt(energy**2 - mass**2)
    theta = made._angles(energy, p, rng)
    grid = np.geomspace(1e-8, 0.3, 20_001)
    middle = np.sqrt(grid[1:] * grid[:-1])
    t = (energy[0] - p[0]) ** 2 + 4.0 * energy[0] * p[0] * np.sin(middle / 2.0) ** 2
    density = np.sin(middle) ** 3 / t**2 * COPPER.form_factor(t) ** 2 * np.diff(grid)
    cumulative = np.cumsum(density) / density.sum()
    for part in (0.1, 0.5, 0.9):
        expected = middle[np.searchsorted(cumulative, part)]
        assert np.quantile(theta, part) == pytest.approx(expected, rel=0.04)


def test_particles_are_turned_by_their_angle():
    class Straight(Primakoff):
        def _angles(self, energy, p, rng):
            return np.full(len(energy), 1e-2)

    drawn = Straight(10.0, OneMomentum(1e7), beam_energy=1e7).draw(2000, np.random.default_rng(4))
    hard = drawn.p > 1e6  # whose photons go along the beam
    polar = np.arctan2(np.hypot(*drawn.direction[:2]), drawn.direction[2])
    assert polar[hard] == pytest.approx(1e-2, rel=0.02)
    azimuth = np.arctan2(drawn.direction[1], drawn.direction[0])[hard]
    assert abs(np.exp(1j * azimuth).mean()) < 0.1


def test_cascades_of_one_pion_by_hand():
    """Photons flat to E0 = 100 GeV: cascades add 0.572 * 7/9 / E^2 (E0^2 - E^2) / 2 at the energy E."""
    spectra, mass = OneMomentum(100e3), 1000.0
    without, together = (Primakoff(mass, spectra, cascades=on) for on in (False, True))
    drawn = without.draw(20_000, np.random.default_rng(5))
    energy = np.hypot(drawn.p, mass)
    low, high = drawn.variations["cascade_photons"]
    some = (energy > 5e3) & (energy < 80e3)
    expected = 1.0 + 0.572 * 7.0 / 9.0 * ((100e3 / energy[some]) ** 2 - 1.0) / 2.0
    assert high[some] == pytest.approx(expected, rel=0.05)
    assert (low == 1.0).all()
    assert np.average(high, weights=drawn.weight) == pytest.approx(
        together.per_proton / without.per_proton, rel=0.1
    )
    counted = together.draw(20_000, np.random.default_rng(5))
    assert counted.variations["cascade_photons"][1] == pytest.approx(1.0)
    assert counted.weight.mean() == pytest.approx(1.0, abs=0.1)
    # The end without them has the weights without them.
    assert (counted.weight * counted.variations["cascade_photons"][0] * together.per_proton)[
        some
    ] == pytest.approx((drawn.weight * without.per_proton)[some], rel=1e-9)


def test_a_largest_angle_takes_weights():
    made = Primakoff(100.0, meson_spectra(), theta_max=5e-3)
    drawn = made.draw(5000, np.random.default_rng(6))
    polar = np.arctan2(np.hypot(*drawn.direction[:2]), drawn.direction[2])
    assert (drawn.weight[polar > 5e-3] == 0.0).all()
    assert (drawn.weight[polar < 4.9e-3] > 0.0).any()
    assert made.per_proton == Primakoff(100.0, meson_spectra()).per_proton

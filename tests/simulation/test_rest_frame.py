"""Decays at rest: conservation, isotropy, Dalitz plots against integrals on a grid."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bdana.signal import Mode
from bdana.signal.models.dark_photon import DarkPhoton
from bdana.signal.models.hnl import HeavyNeutralLepton, Parameters
from bdana.simulation.rest_frame import rest_frame_momenta


def drawn(mass, mode, n=20_000, seed=1):
    """Return momenta and energies of the products of n decays."""
    momenta = rest_frame_momenta(mass, mode, n, np.random.default_rng(seed))
    squares = np.einsum("kij,kij->kj", momenta, momenta)
    return momenta, np.sqrt(squares + np.array(mode.masses)[:, None] ** 2)


def pair_mass2(momenta, energies, one, other):
    total = momenta[one] + momenta[other]
    return (energies[one] + energies[other]) ** 2 - np.einsum("ij,ij->j", total, total)


def dalitz_means(mass, mode, points=1200):
    """Return the means of the three squared pair masses over the Dalitz plot, on a grid of its two squares."""
    one, other, third = mode.masses

    def squares(low, high):
        edges = np.linspace(low**2, high**2, points + 1)
        return (edges[1:] + edges[:-1]) / 2

    first = squares(one + other, mass - third)[:, None]
    second = squares(one + third, mass - other)
    last = mass**2 + one**2 + other**2 + third**2 - first - second
    first, second, last = (s.ravel() for s in np.broadcast_arrays(first, second, last))
    # Energies of the products; three momenta must close a triangle.
    energies = [(mass**2 + m**2 - s) / (2 * mass) for m, s in ((third, first), (other, second), (one, last))]
    p3, p2, p1 = (
        np.sqrt(np.maximum(e**2 - m**2, 0.0)) for e, m in zip(energies, (third, other, one), strict=True)
    )
    inside = (p1 + p2 > p3) & (abs(p1 - p2) < p3)
    values = np.ones(np.count_nonzero(inside))
    if mode.density is not None:
        values = mode.density(first[inside], second[inside], last[inside])
    return [float(np.average(s[inside], weights=values)) for s in (first, second, last)]


FLAT = Mode(1.0, (-13, 13, 14))
CASES = {
    "flat": (500.0, FLAT),
    "near threshold": (216.0, FLAT),
    "omega": (782.66, DarkPhoton(782.66).modes["pipipi"]),
    "three pions": (1300.0, DarkPhoton(1300.0).modes["pipipi"]),
    "nu mu mu": (400.0, HeavyNeutralLepton(400.0, Parameters(flavour="e")).modes["numumu"]),
    "own nu mu mu": (900.0, HeavyNeutralLepton(900.0, Parameters(flavour="mu")).modes["numumu"]),
    "mu e nu": (300.0, HeavyNeutralLepton(300.0, Parameters(flavour="e")).modes["emunu"]),
    "rho mu": (1500.0, HeavyNeutralLepton(1500.0, Parameters(flavour="mu")).modes["rhomu"]),
}


@pytest.mark.parametrize("name", CASES)
def test_dalitz_plot_is_filled_as_the_matrix_element_says(name):
    mass, mode = CASES[name]
    momenta, energies = drawn(mass, mode)
    for pair, mean in zip(((0, 1), (0, 2), (1, 2)), dalitz_means(mass, mode), strict=True):
        found = pair_mass2(momenta, energies, *pair)
        assert abs(found.mean() - mean) < 4.0 * found.std() / np.sqrt(len(found)) + 1e-5 * mean


@given(
    masses=st.tuples(*[st.sampled_from([11, 13, 211])] * 2, st.sampled_from([12, 22, 111, 221])),
    above=st.floats(1e-3, 5e3),
    seed=st.integers(0, 99),
)
@settings(max_examples=30, deadline=None)
def test_energy_and_momentum_are_conserved(masses, above, seed):
    mode = Mode(1.0, masses)
    mass = sum(mode.masses) + above
    momenta, energies = drawn(mass, mode, 50, seed)
    assert energies.sum(axis=0) == pytest.approx(mass, rel=1e-9)
    assert abs(momenta.sum(axis=0)).max() < 1e-9 * mass


@pytest.mark.parametrize("mode", [Mode(1.0, (-13, 13)), CASES["omega"][1]])
def test_every_product_is_isotropic_and_so_is_the_plane(mode):
    momenta, _ = drawn(782.66, mode)
    vectors = [*momenta] if len(momenta) == 2 else [*momenta, np.cross(momenta[0], momenta[1], axis=0)]
    for vector in vectors:
        unit = vector / np.sqrt(np.einsum("ij,ij->j", vector, vector))
        assert unit.mean(axis=1) == pytest.approx(0.0, abs=4.0 / np.sqrt(3 * 20_000))
        assert unit @ unit.T / 20_000 == pytest.approx(np.eye(3) / 3, abs=0.01)


def test_a_density_that_peaks_between_the_points_of_the_grid_is_followed():
    """The largest value is not on the grid: decays drawn before it turned up are drawn again."""
    centre, width = 300.31**2, 40.0

    def density(pair, first, second):
        return np.exp(-0.5 * ((pair - centre) / width) ** 2)

    momenta, energies = drawn(500.0, Mode(1.0, (-13, 13, 14), density=density), 300)
    found = pair_mass2(momenta, energies, 0, 1)
    assert found.std() == pytest.approx(width, rel=0.2)
    assert found.mean() == pytest.approx(centre, abs=5 * width / np.sqrt(300))

"""Decays where the particle rests: momenta of two or three products, by phase space or by a squared matrix element."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from bdana.signal.mesons import two_body_momentum

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from bdana.signal import Mode

__all__ = ["rest_frame_momenta"]

_GRID = 129
"""Points along each side of the grid on which the largest density is looked for."""
_MARGIN = 1.02
"""Factor on it, for a maximum between the points."""


def rest_frame_momenta(
    mass: float | NDArray[np.float64], mode: Mode, n: int, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Draw momenta of decay products in MeV/c where the particle rests, shape (products, 3, n).

    They are isotropic. Three products fill the Dalitz plot evenly, or as the `density` of the mode says.

    Parameters
    ----------
    mass : float or ndarray, shape (n,)
        Of the particle, in MeV; one number where there are three products.
    mode : Mode
        With two or three products, open at this mass.
    n : int
    rng : Generator
    """
    axis = _unit_vectors(n, rng)
    if len(mode.products) == 2:
        first = two_body_momentum(mass, *mode.masses) * axis
        return np.stack([first, -first])
    pair, cosine = _dalitz(float(mass), mode, n, rng)
    one, other, third = mode.masses
    p, recoil = two_body_momentum(pair, one, other), two_body_momentum(mass, pair, third)
    # The pair flies along the axis; where it rests, its first product has an angle to it.
    along = (np.hypot(recoil, pair) * p * cosine + recoil * np.hypot(p, one)) / pair
    across = np.cross(axis, _unit_vectors(n, rng), axis=0)
    across /= np.sqrt(np.einsum("ij,ij->j", across, across))
    first = along * axis + p * np.sqrt(1.0 - cosine**2) * across
    return np.stack([first, recoil * axis - first, -recoil * axis])


def _unit_vectors(n: int, rng: np.random.Generator) -> NDArray[np.float64]:
    cosine = rng.uniform(-1.0, 1.0, n)
    phi = rng.uniform(0.0, 2.0 * np.pi, n)
    sine = np.sqrt(1.0 - cosine**2)
    return np.stack([sine * np.cos(phi), sine * np.sin(phi), cosine])


def _dalitz(
    mass: float, mode: Mode, n: int, rng: np.random.Generator
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Draw the mass of the first two products, and the cosine of the first to their flight where they rest."""
    one, other, third = mode.masses
    low, high = one + other, mass - third
    edge = np.linspace(0.0, 1.0, _GRID)
    largest = _MARGIN * _density(mass, mode, low + (high - low) * edge[1:, None], 2.0 * edge - 1.0).max()
    drawn, found = [np.zeros((2, 0))], 0
    while found < n:
        pair, cosine = rng.uniform(low, high, 2 * n), rng.uniform(-1.0, 1.0, 2 * n)
        density = _density(mass, mode, pair, cosine)
        if density.max() > largest:  # those drawn so far were too even
            largest, drawn, found = float(density.max()), [], 0
        taken = rng.uniform(0.0, largest, 2 * n) < density
        drawn.append(np.stack([pair[taken], cosine[taken]]))
        found += int(np.count_nonzero(taken))
    pairs, cosines = np.concatenate(drawn, axis=1)[:, :n]
    return pairs, cosines


def _density(
    mass: float, mode: Mode, pair: NDArray[np.float64], cosine: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return what decays are distributed by in the mass of the pair and the cosine of its first."""
    one, other, third = mode.masses
    p, recoil = two_body_momentum(pair, one, other), two_body_momentum(mass, pair, third)
    space = np.broadcast_to(p * recoil, np.broadcast_shapes(p.shape, cosine.shape))
    if mode.density is None:
        return space
    # Squared masses of the first and of the second with the third, where the pair rests.
    energy = (mass**2 - pair**2 - third**2) / (2.0 * pair)
    slope = 2.0 * p * (recoil * mass / pair) * cosine
    with_first = one**2 + third**2 + 2.0 * np.hypot(p, one) * energy + slope
    with_second = other**2 + third**2 + 2.0 * np.hypot(p, other) * energy - slope
    return space * mode.density(pair**2 + 0.0 * cosine, with_first, with_second)

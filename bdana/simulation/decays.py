"""A' -> mu+ mu-: production at the TAX, exact two-body decay in the decay volume."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from particle import literals

from bdana.simulation.halo import TAX_MM
from bdana.simulation.muons import Muons

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from bdana.simulation.config import Signal

__all__ = ["Decays", "draw_decays"]

MUON_MASS: float = literals.mu_minus.mass  # type: ignore[assignment]


@dataclass(frozen=True)
class Decays:
    """N decays; every attribute has shape (N,), in mm, MeV.

    Attributes
    ----------
    p : ndarray of float
        Momentum of the A'.
    z : ndarray of float
        Decay point.
    path : ndarray of float
        Length of the flight from production to decay.
    stretch : ndarray of float
        Length of the flight inside the decay volume.
    weight : ndarray of float
        Weight of the production spectrum.
    """

    p: NDArray[np.float64]
    z: NDArray[np.float64]
    path: NDArray[np.float64]
    stretch: NDArray[np.float64]
    weight: NDArray[np.float64]


def draw_decays(signal: Signal, n: int, rng: np.random.Generator) -> tuple[Decays, Muons]:
    """Draw n decays and their 2n muons, the positive one of each decay first."""
    p = rng.uniform(signal.p_min_mev, signal.p_max_mev, n)
    pt = signal.pt_mev * np.abs(rng.standard_normal(n))
    weight = np.ones(n)
    phi = rng.uniform(0.0, 2.0 * np.pi, n)
    sine = pt / p
    direction = np.stack([sine * np.cos(phi), sine * np.sin(phi), np.sqrt(1.0 - sine**2)])
    x0, y0 = signal.spot_mm * rng.standard_normal((2, n))
    z0 = TAX_MM[2] + signal.depth_mm * rng.standard_exponential(n)
    z = rng.uniform(signal.z_min_mm, signal.z_max_mm, n)
    path = (z - z0) / direction[2]
    momenta = _two_body(signal.mass_mev, p, direction, rng)
    place = np.stack([TAX_MM[0] + x0 + path * direction[0], TAX_MM[1] + y0 + path * direction[1], z])
    flat = momenta.transpose(2, 0, 1).reshape(2 * n, 3)
    x, y, z2 = np.repeat(place, 2, axis=1)
    muons = Muons(
        x=x,
        y=y,
        z=z2,
        tx=flat[:, 0] / flat[:, 2],
        ty=flat[:, 1] / flat[:, 2],
        p=np.sqrt(np.einsum("ij,ij->i", flat, flat)),
        charge=np.tile([1, -1], n),
        time=np.zeros(2 * n),
        event=np.repeat(np.arange(n), 2),
    )
    return Decays(p, z, path, (signal.z_max_mm - signal.z_min_mm) / direction[2], weight), muons


def _two_body(
    mass: float, p: NDArray[np.float64], direction: NDArray[np.float64], rng: np.random.Generator
) -> NDArray[np.float64]:
    """Return the momenta of the two muons, shape (2, 3, N): isotropic in the rest frame, boosted along the flight."""
    n = len(p)
    p_star = np.sqrt(mass**2 / 4.0 - MUON_MASS**2)
    cosine = rng.uniform(-1.0, 1.0, n)
    phi = rng.uniform(0.0, 2.0 * np.pi, n)
    sine = np.sqrt(1.0 - cosine**2)
    rest = p_star * np.stack([sine * np.cos(phi), sine * np.sin(phi), cosine])
    gamma, gamma_beta = np.hypot(p, mass) / mass, p / mass
    along = np.einsum("ij,ij->j", rest, direction)
    # p' = p + d [(gamma - 1) (p.d) + gamma beta E] for a boost along the unit vector d.
    plus = rest + direction * ((gamma - 1.0) * along + gamma_beta * mass / 2.0)
    minus = -rest + direction * (-(gamma - 1.0) * along + gamma_beta * mass / 2.0)
    return np.stack([plus, minus])

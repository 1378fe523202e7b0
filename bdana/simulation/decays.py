"""A' -> mu+ mu-: production at the TAX, exact two-body decay in the decay volume."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from bdana.signal import branching_ratio, bremsstrahlung_density, bremsstrahlung_yield, total_width
from bdana.signal.production import BEAM_MOMENTUM, PROTON_MASS, PT_MAX, Z_RANGE
from bdana.signal.widths import HBAR_C, MUON_MASS
from bdana.simulation.halo import TAX_MM
from bdana.simulation.muons import Muons

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from bdana.simulation.sample_config import Signal

__all__ = ["Decays", "draw_decays"]


@dataclass(frozen=True)
class Decays:
    """N decays; every attribute has shape (N,), in mm, MeV.

    Attributes
    ----------
    p : ndarray of float
        Momentum of the A'.
    z : ndarray of float
        Decay point.
    weight : ndarray of float
        Event weight.
    """

    p: NDArray[np.float64]
    z: NDArray[np.float64]
    weight: NDArray[np.float64]


def draw_decays(signal: Signal, n: int, pot: float, rng: np.random.Generator) -> tuple[Decays, Muons]:
    """Draw n decays and their 2n muons, the positive one of each decay first.

    Parameters
    ----------
    signal : Signal
        The A' and its spectrum.
    n : int
        Number of decays.
    pot : float
        Protons on target that all `signal.decays` stand for.
    rng : Generator
    """
    p, pt, weight = _spectrum(signal, n, rng)
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
    pz = np.where(flat[:, 2] > 0.0, flat[:, 2], np.nan)  # a muon that flies backwards is never seen
    x, y, z2 = np.repeat(place, 2, axis=1)
    muons = Muons(
        x=x,
        y=y,
        z=z2,
        tx=flat[:, 0] / pz,
        ty=flat[:, 1] / pz,
        p=np.sqrt(np.einsum("ij,ij->i", flat, flat)),
        charge=np.tile([1, -1], n),
        time=np.zeros(2 * n),
        event=np.repeat(np.arange(n), 2),
    )
    if signal.epsilon is not None:
        stretch = (signal.z_max_mm - signal.z_min_mm) / direction[2]
        weight = weight * _decay_probability(signal, signal.epsilon, p, path, stretch)
        if signal.spectrum == "bremsstrahlung":
            made = bremsstrahlung_yield(signal.mass_mev, form_factor=signal.form_factor)
            weight = weight * (pot * signal.epsilon**2 * made / signal.decays)
    return Decays(p, z, weight), muons


def _spectrum(
    signal: Signal, n: int, rng: np.random.Generator
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Draw momentum and pT (MeV) with weights of mean 1."""
    if signal.spectrum == "flat":
        p = rng.uniform(signal.p_min_mev, signal.p_max_mev, n)
        return p, signal.pt_mev * np.abs(rng.standard_normal(n)), np.ones(n)
    # Drawn from 1/z and 1/(pT^2 + h), which leaves weights of order 1.
    low, high = Z_RANGE
    z = low * (high / low) ** rng.random(n)
    h = (1.0 - z) * signal.mass_mev**2 + z**2 * PROTON_MASS**2
    span = np.log1p(PT_MAX**2 / h)
    pt2 = h * np.expm1(span * rng.random(n))
    density = bremsstrahlung_density(z, pt2, signal.mass_mev, form_factor=signal.form_factor)
    drawn = 1.0 / (z * np.log(high / low) * span * (pt2 + h))
    made = bremsstrahlung_yield(signal.mass_mev, form_factor=signal.form_factor)
    return z * BEAM_MOMENTUM, np.sqrt(pt2), density / drawn / made


def _decay_probability(
    signal: Signal,
    epsilon: float,
    p: NDArray[np.float64],
    path: NDArray[np.float64],
    stretch: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Return the probability to decay to two muons at `path` (mm), times the length `stretch` it was drawn flat in."""
    mass = signal.mass_mev
    length = p / mass * HBAR_C / total_width(mass, epsilon)
    return branching_ratio(mass, MUON_MASS) * np.exp(-path / length) * stretch / length


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

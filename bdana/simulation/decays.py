"""Decays of a new particle into two muons: from the TAX to the decay volume, two-body kinematics, event weights."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from bdana.signal import Particles, branching_ratio, decay_length
from bdana.simulation.halo import TAX_MM
from bdana.simulation.muons import Muons

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from bdana.signal import SignalModel
    from bdana.simulation.sample_config import Signal

__all__ = ["Decays", "FlatSpectrum", "draw_decays"]


@dataclass(frozen=True)
class Decays:
    """N decays of the new particle; every attribute has shape (N,), in mm, MeV.

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


@dataclass(frozen=True)
class FlatSpectrum:
    """Model-independent spectrum: flat momentum between two ends and half-Gaussian pT.

    Attributes
    ----------
    p_min, p_max, pt : float
        Ends of the momentum, and width of pT, in MeV/c.
    """

    p_min: float
    p_max: float
    pt: float

    def draw(self, n: int, rng: np.random.Generator) -> Particles:
        """Draw particles of this spectrum.

        Parameters
        ----------
        n : int
        rng : Generator
        """
        p = rng.uniform(self.p_min, self.p_max, n)
        return Particles.around_beam(p, self.pt * np.abs(rng.standard_normal(n)), np.ones(n), rng)


def draw_decays(signal: Signal, n: int, pot: float, rng: np.random.Generator) -> tuple[Decays, Muons]:
    """Draw n decays and their 2n muons, the positive one of each decay first.

    Parameters
    ----------
    signal : Signal
        The particle and its spectrum.
    n : int
        Number of decays.
    pot : float
        Protons on target that all `signal.decays` stand for.
    rng : Generator
    """
    model = signal.model
    made = None if signal.spectrum == "flat" else model.production[signal.spectrum]
    drawn = (made or FlatSpectrum(signal.p_min_mev, signal.p_max_mev, signal.pt_mev)).draw(n, rng)
    p, direction, weight = drawn.p, drawn.direction, drawn.weight
    x0, y0 = signal.spot_mm * rng.standard_normal((2, n))
    z0 = TAX_MM[2] + signal.depth_mm * rng.standard_exponential(n)
    z = rng.uniform(signal.z_min_mm, signal.z_max_mm, n)
    path = (z - z0) / direction[2]
    momenta = _two_body(model, p, direction, rng)
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
        # Drawn flat along the way through the decay volume.
        stretch = (signal.z_max_mm - signal.z_min_mm) / direction[2]
        length = decay_length(model, signal.epsilon, p)
        weight = weight * (branching_ratio(model, "mumu") * np.exp(-path / length) * stretch / length)
        if made is not None:
            weight = weight * (pot * signal.epsilon**2 * made.per_proton / signal.decays)
    return Decays(p, z, weight), muons


def _two_body(
    model: SignalModel, p: NDArray[np.float64], direction: NDArray[np.float64], rng: np.random.Generator
) -> NDArray[np.float64]:
    """Return the momenta of the two muons, shape (2, 3, N): isotropic in the rest frame, boosted along the flight."""
    n = len(p)
    mass, (muon, _) = model.mass, model.modes["mumu"].masses
    p_star = np.sqrt(mass**2 / 4.0 - muon**2)
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

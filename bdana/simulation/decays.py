"""Decays of a new particle into two charged ones and at most one neutral, or two photons: from the dump to the decay volume, weights."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from bdana.errors import ConfigError
from bdana.signal import Particles, branching_ratio, decay_length, find_mode
from bdana.simulation.rest_frame import rest_frame_momenta
from bdana.simulation.tracks import ELECTRON, MUON, PHOTON, PION, Tracks
from bdana.simulation.transport import scatter_protons

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from bdana.detector import Detector
    from bdana.signal import Mode, SignalModel
    from bdana.simulation.sample_config import Signal

__all__ = [
    "Decays",
    "Dump",
    "FlatSpectrum",
    "check_mode",
    "decay_probability",
    "draw_decays",
    "draw_particles",
    "place_decays",
    "place_decays_from",
]


@dataclass(frozen=True)
class Dump:
    """Where particles are made; all lengths in mm.

    Attributes
    ----------
    point_mm : tuple of float
        Where the beam hits the dump.
    spot_mm : float
        Gaussian width of the beam in x and in y.
    depth_mm : float
        Mean depth of the production point, exponential.
    scattering : bool
        Whether the protons scatter on the way to it.
    beam_momentum : float
        Of these, in MeV/c.
    material : str
        In which they scatter.
    """

    point_mm: tuple[float, float, float]
    spot_mm: float = 0.0
    depth_mm: float = 0.0
    scattering: bool = False
    beam_momentum: float = np.nan
    material: str = ""

    def draw(self, n: int, rng: np.random.Generator) -> NDArray[np.float64]:
        """Draw production points in mm, shape (3, n).

        Parameters
        ----------
        n : int
        rng : Generator
        """
        x, y, z = self.point_mm
        spot = np.array([[x], [y]]) + self.spot_mm * rng.standard_normal((2, n))
        return np.stack([*spot, z + self.depth_mm * rng.standard_exponential(n)])


@dataclass(frozen=True)
class Decays:
    """N decays of a particle into two that are followed, and one that is not; in mm, MeV.

    Attributes
    ----------
    particles : Particles
        What decays, with the weights of its production.
    origin : ndarray of float, shape (3, N)
        Production points.
    z : ndarray of float, shape (N,)
        Of the decay points.
    tracks : Tracks
        2N charged decay products, those of each decay in the order of its mode.
    """

    particles: Particles
    origin: NDArray[np.float64]
    z: NDArray[np.float64]
    tracks: Tracks

    @cached_property
    def path(self) -> NDArray[np.float64]:
        """Flight from the production to the decay point, shape (N,); NaN for what does not fly forwards."""
        return _path(self.z - self.origin[2], self.particles)

    def take(self, where: NDArray[np.intp]) -> Decays:
        """Return some of the decays.

        Parameters
        ----------
        where : ndarray of int
            Indices, which may repeat.
        """
        tracks = self.tracks.take(np.stack([2 * where, 2 * where + 1], axis=1).ravel())
        return Decays(self.particles.take(where), self.origin[:, where], self.z[where], tracks.in_pairs())


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


def check_mode(model: SignalModel, mode: str) -> None:
    """Raise an error unless a decay mode is open and gives two particles that the detector sees.

    A third product is neutral and leaves unseen.

    Parameters
    ----------
    model : SignalModel
    mode : str

    Raises
    ------
    ConfigError
        Naming the mode, and the mass at which it opens.
    """
    if not _is_simulated(find_mode(model, mode)):
        known = [name for name, each in model.modes.items() if _is_simulated(each)]
        raise ConfigError(
            f"mode {mode}: only decays into two electrons, muons or pions, with at most one neutral particle, or into two "
            f"photons are simulated: {', '.join(known)}"
        )
    threshold = sum(model.modes[mode].masses)
    if not model.mass > threshold:
        raise ConfigError(f"mass {model.mass:g} MeV: the mode {mode} opens at {threshold:.4f} MeV")


def _is_simulated(mode: Mode) -> bool:
    charged = {abs(i) for i in mode.products[:2]} <= {ELECTRON, MUON, PION}
    return (len(mode.products) in (2, 3) and charged) or mode.products == (PHOTON, PHOTON)


def place_decays(
    particles: Particles,
    mass: float,
    mode: Mode,
    dump: Dump,
    z_range_mm: tuple[float, float],
    rng: np.random.Generator,
) -> Decays:
    """Let particles from the dump decay, evenly in z between two planes and isotropically in their rest frame.

    Parameters
    ----------
    particles : Particles
        N particles; those that do not fly forwards are never seen.
    mass : float
        In MeV/c2.
    mode : Mode
        Its first two products have opposite charge, or are two photons.
    dump : Dump
        Where they are made.
    z_range_mm : tuple of float
    rng : Generator
    """
    origin = dump.draw(len(particles.p), rng)
    if dump.scattering:
        particles, moved = scatter_protons(
            particles, origin[2] - dump.point_mm[2], rng, dump.beam_momentum, dump.material
        )
        origin[:2] += moved
    return place_decays_from(particles, mass, mode, origin, z_range_mm, rng)


def place_decays_from(
    particles: Particles,
    mass: float | NDArray[np.float64],
    mode: Mode,
    origin: NDArray[np.float64],
    z_range_mm: tuple[float, float],
    rng: np.random.Generator,
) -> Decays:
    """Let particles from given points decay, as `place_decays` does.

    Parameters
    ----------
    particles, mode, z_range_mm, rng
        As for `place_decays`.
    mass : float or ndarray, shape (N,)
        In MeV/c2.
    origin : ndarray, shape (3, N)
        Production points in mm.
    """
    n = len(particles.p)
    z = rng.uniform(*z_range_mm, n)
    path = _path(z - origin[2], particles)
    charged = rest_frame_momenta(mass, mode, n, rng)[:2]
    momenta = _boosted(charged, np.array(mode.masses[:2]), mass, particles)
    place = np.stack([*(origin[:2] + path * particles.direction[:2]), z])
    flat = momenta.transpose(2, 0, 1).reshape(2 * n, 3)
    pz = np.where(flat[:, 2] > 0.0, flat[:, 2], np.nan)  # what flies backwards is never seen
    x, y, z2 = np.repeat(place, 2, axis=1)
    tracks = Tracks(
        x=x,
        y=y,
        z=z2,
        tx=flat[:, 0] / pz,
        ty=flat[:, 1] / pz,
        p=np.sqrt(np.einsum("ij,ij->i", flat, flat)),
        charge=_charges(mode, n, rng),
        time=np.zeros(2 * n),
        event=np.repeat(np.arange(n), 2),
        species=np.tile(np.abs(mode.products[:2]), n),
    )
    return Decays(particles, origin, z, tracks)


def _charges(mode: Mode, n: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Return the charges of both products of n decays, shape (2n,): pi+ e- stands for pi- e+ too, as often; 0 of photons."""
    first, second = mode.products[:2]
    if first == PHOTON:
        return np.zeros(2 * n, dtype=np.int64)
    sign = np.ones(n, dtype=np.int64) if first == -second else rng.choice([1, -1], n)
    return np.stack([sign, -sign], axis=1).ravel()


def draw_particles(
    model: SignalModel, processes: Sequence[str], n: int, rng: np.random.Generator
) -> tuple[Particles, float]:
    """Draw particles of several production processes together, and return them with their number for each proton.

    Parameters
    ----------
    model : SignalModel
    processes : sequence of str
        Names of `SignalModel.production`.
    n : int
    rng : Generator
    """
    made = [model.production[name] for name in processes]
    per_proton = sum(process.per_proton for process in made)
    numbers = rng.multinomial(n, [process.per_proton / per_proton for process in made])
    parts = [process.draw(int(number), rng) for process, number in zip(made, numbers, strict=True)]
    order = rng.permutation(n)
    return Particles(
        np.concatenate([part.p for part in parts])[order],
        np.concatenate([part.direction for part in parts], axis=1)[:, order],
        np.concatenate([part.weight for part in parts])[order],
    ), per_proton


def draw_decays(
    signal: Signal, detector: Detector, n: int, pot: float, rng: np.random.Generator
) -> tuple[Decays, NDArray[np.float64]]:
    """Draw n decays of a signal sample, and return them with their event weights, shape (n,).

    Parameters
    ----------
    signal : Signal
        The particle and its spectrum.
    detector : Detector
        Where it is made, and where it decays unless the signal says it.
    n : int
        Number of decays.
    pot : float
        Protons on target that all `signal.decays` stand for.
    rng : Generator
    """
    model, per_proton = signal.particle, None
    if signal.spectrum == "flat":
        particles = FlatSpectrum(signal.p_min_mev, signal.p_max_mev, signal.pt_mev).draw(n, rng)
    elif signal.spectrum == "all":
        particles, per_proton = draw_particles(model, list(model.production), n, rng)
    else:
        particles = model.production[signal.spectrum].draw(n, rng)
        per_proton = model.production[signal.spectrum].per_proton
    z_range, made = signal.z_range_mm(detector), detector.beam_dump
    dump = Dump(
        made.point_mm,
        made.spot_mm if signal.spot_mm is None else signal.spot_mm,
        made.depth_mm if signal.depth_mm is None else signal.depth_mm,
        signal.dump_scattering,
        detector.beam_momentum if signal.dump_scattering else np.nan,
        made.material,
    )
    decays = place_decays(particles, model.mass, model.modes[signal.mode], dump, z_range, rng)
    weight = particles.weight * (decays.path > 0.0)  # nothing decays before it is made
    if signal.epsilon is not None:
        length = decay_length(model, signal.epsilon, particles.p)
        weight = weight * branching_ratio(model, signal.mode) * decay_probability(decays, length, z_range)
        if per_proton is not None:
            weight = weight * (pot * signal.epsilon**2 * per_proton / signal.decays)
    return decays, weight


def decay_probability(
    decays: Decays, length: NDArray[np.float64], z_range_mm: tuple[float, float]
) -> NDArray[np.float64]:
    """Return the probability of a decay in the volume, shape (N,), for decay points drawn evenly in it.

    Parameters
    ----------
    decays : Decays
        N decays, whose mean probability is that of their particles; 0 for one that does not fly forwards.
    length : ndarray, shape (N,)
        Mean decay lengths in mm.
    z_range_mm : tuple of float
        The planes between which they were drawn.
    """
    stretch = _path(np.full(len(length), z_range_mm[1] - z_range_mm[0]), decays.particles)
    possible = decays.path > 0.0
    x = np.divide(decays.path, length, out=np.zeros(len(length)), where=possible)
    return np.exp(-x) * np.divide(stretch, length, out=np.zeros(len(length)), where=possible)


def _path(step: NDArray[np.float64], particles: Particles) -> NDArray[np.float64]:
    """Return the length of a flight over some steps in z; NaN for what does not fly forwards."""
    along = particles.direction[2]
    return np.divide(step, along, out=np.full(len(step), np.nan), where=along > 0.0)


def _boosted(
    momenta: NDArray[np.float64],
    masses: NDArray[np.float64],
    mass: float | NDArray[np.float64],
    particles: Particles,
) -> NDArray[np.float64]:
    """Return momenta of k products in the laboratory, shape (k, 3, N), from those where their particle rests.

    p' = p + d [(gamma - 1) (p.d) + gamma beta E] for a boost along the unit vector d.
    """
    gamma, gamma_beta = np.hypot(particles.p, mass) / mass, particles.p / mass
    energy = np.sqrt(np.einsum("kij,kij->kj", momenta, momenta) + masses[:, None] ** 2)
    along = np.einsum("kij,ij->kj", momenta, particles.direction)
    step = (gamma - 1.0) * along + gamma_beta * energy
    return momenta + particles.direction * step[:, None]

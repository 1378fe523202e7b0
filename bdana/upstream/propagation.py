"""Muons through blocks of matter, forwards and backwards: energy loss, straggling and multiple scattering.

Collisions that take more than `HARD` of the energy are drawn one by one; the rest of the mean loss is continuous.
Backwards the same fractions are drawn and undone, E -> E / (1 - v): the entry energy of a muon seen at the exit
before unfolding. docs/prompt.md says what that leaves out.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from bdana.display import short_repr
from bdana.masses import MASS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from bdana.upstream.energy_loss import Material

    Shape = Callable[[NDArray[np.float64], NDArray[np.int64]], NDArray[np.float64]]

__all__ = ["Block", "MuonStates", "backward", "forward", "highland_angle"]

HARD = 0.005
"""Smallest fractional energy loss of a collision that is simulated individually."""
STEP = 100.0
"""Longest step of the simulation in matter, in mm."""
MUON_MASS = MASS[13]
ELECTRON_MASS = MASS[11]


@dataclass(frozen=True)
class Block:
    """A block of matter: one material between two planes, wider than the muons spread.

    Attributes
    ----------
    material : Material
    z_min, z_max : float
        In mm.
    """

    material: Material
    z_min: float
    z_max: float


@dataclass(frozen=True)
class MuonStates:
    """States of N muons; every array has shape (N,), in mm and MeV.

    Attributes
    ----------
    x, y, tx, ty, energy : ndarray
        Position, slopes and energy; energy 0 for a muon that stopped.
    z : float or ndarray
        Where each is, or the plane of all.
    """

    x: NDArray[np.float64]
    y: NDArray[np.float64]
    tx: NDArray[np.float64]
    ty: NDArray[np.float64]
    energy: NDArray[np.float64]
    z: float | NDArray[np.float64]

    __repr__ = short_repr

    def at(self, z: float | NDArray[np.float64]) -> MuonStates:
        """Return the muons at another plane, or each at its own z, along straight lines.

        Parameters
        ----------
        z : float or ndarray, shape (N,)
            In mm.
        """
        step = z - self.z
        return MuonStates(self.x + step * self.tx, self.y + step * self.ty, self.tx, self.ty, self.energy, z)

    def take(self, where: NDArray[Any]) -> MuonStates:
        """Return some of the muons.

        Parameters
        ----------
        where : ndarray
            Indices or mask.
        """
        z = self.z[where] if isinstance(self.z, np.ndarray) else self.z
        return MuonStates(self.x[where], self.y[where], self.tx[where], self.ty[where], self.energy[where], z)


def highland_angle(p: NDArray[np.float64], thickness: float | NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the Gaussian width in rad of the scattering angle in one projection, shape (N,).

    theta_0 = 13.6 MeV / p sqrt(t) (1 + 0.038 ln t) for beta = 1 and t radiation lengths: Highland's formula as given in
    the PDG review, "Passage of particles through matter", with the whole thickness in the logarithm; 0 for t = 0.

    Parameters
    ----------
    p : ndarray, shape (N,)
        Momentum in MeV/c.
    thickness : float or ndarray, shape (N,)
        In radiation lengths.
    """
    return 13.6 / p * np.sqrt(thickness) * (1.0 + 0.038 * np.log(np.maximum(thickness, 1e-10)))


def forward(
    muons: MuonStates,
    blocks: Sequence[Block],
    rng: np.random.Generator,
    until: NDArray[np.float64] | None = None,
) -> MuonStates:
    """Carry muons downstream through matter, with energy loss, straggling and multiple scattering.

    A muon that starts inside a block crosses the rest of it.

    Parameters
    ----------
    muons : MuonStates
    blocks : sequence of Block
        Sorted in z.
    rng : numpy.random.Generator
    until : ndarray, shape (N,), optional
        z in mm where each ends; by default the end of the last block.

    Examples
    --------
    >>> import numpy as np
    >>> from bdana.upstream import MATERIALS, Block, MuonStates, forward
    >>> axis = np.zeros(1000)
    >>> muons = MuonStates(axis, axis, axis, axis, energy=np.full(1000, 75e3), z=0.0)
    >>> down = forward(muons, [Block(MATERIALS["iron"], 0.0, 3000.0)], np.random.default_rng(1))
    >>> float(np.median(down.energy).round(-3)), bool(down.energy.min() < 60e3)  # a few lose much more
    (70000.0, True)
    """
    end = blocks[-1].z_max if until is None else until
    for block in blocks:
        start = np.maximum(block.z_min, muons.z)
        length = np.maximum(np.minimum(block.z_max, end) - start, 0.0)
        muons = _cross(muons.at(np.where(length > 0, start, muons.z)), block.material, length, rng)
    return muons.at(end)


def backward(
    muons: MuonStates, blocks: Sequence[Block], rng: np.random.Generator, beam_energy: float
) -> MuonStates:
    """Carry muons upstream through matter to the start of the first block, along their straight lines.

    That is their mean trajectory: `unfold_directions` takes out what scattering added to positions and slopes.

    Parameters
    ----------
    muons, blocks, rng
        As for `forward`.
    beam_energy : float
        In MeV: no muon has more, so that histories which exceed it backwards are drawn again.
    """
    energy = muons.energy
    for block in reversed(blocks):
        energy = _energy_before(energy, block.material, block.z_max - block.z_min, rng, beam_energy)
    return replace(muons.at(blocks[0].z_min), energy=energy)


def _cross(
    muons: MuonStates, material: Material, length: NDArray[np.float64], rng: np.random.Generator
) -> MuonStates:
    """Carry each muon downstream through its own length of a material."""
    n = len(muons.x)
    length = np.broadcast_to(length, n)
    entered = muons.energy
    energy = _slow_down(entered, material, length, rng, 1)
    # The geometric mean stands for the integral of dx / p^2; stopped muons keep their direction.
    p = np.sqrt(np.maximum(entered * energy, MUON_MASS**2))
    width = np.where(energy > 0, highland_angle(p, length / material.radiation_length), 0.0)
    kick, shift = rng.standard_normal((2, 2, n)) * width
    # Angle and displacement of a uniform block: correlation sqrt(3)/2, displacement width L theta_0 / sqrt(3) (PDG).
    offset = length * (shift / np.sqrt(12.0) + kick / 2.0)
    out = muons.at(muons.z + length)
    return MuonStates(out.x + offset[0], out.y + offset[1], out.tx + kick[0], out.ty + kick[1], energy, out.z)


def _energy_before(
    energy: NDArray[np.float64],
    material: Material,
    length: float,
    rng: np.random.Generator,
    beam_energy: float,
) -> NDArray[np.float64]:
    result = energy.copy()
    left = np.arange(len(energy))
    while len(left):
        drawn = _slow_down(energy[left], material, np.full(len(left), length), rng, -1)
        # A mean loss alone that passes the beam energy would never end: such a muon keeps it.
        stuck = material.before(energy[left], length) >= beam_energy
        done = (drawn < beam_energy) | stuck
        result[left[done]] = np.minimum(drawn[done], beam_energy)
        left = left[~done]
    return result


def _slow_down(
    energy: NDArray[np.float64],
    material: Material,
    length: NDArray[np.float64],
    rng: np.random.Generator,
    direction: int,
) -> NDArray[np.float64]:
    steps = max(1, int(np.ceil(length.max(initial=0.0) / STEP)))
    step = length / steps
    e = energy.copy()
    for _ in range(steps):
        alive = np.maximum(e, MUON_MASS)
        knock, radiated, hard_loss = _hard_rates(alive, material)
        soft = np.maximum(material.mean_loss(alive) - hard_loss, 0.0) * step
        fraction = np.zeros(len(e))
        for rate, draw in ((knock, _knock_on), (radiated, _radiated)):
            hit = np.flatnonzero(rng.random(len(e)) < -np.expm1(-rate * step))
            lost = draw(alive[hit], rng)
            fraction[hit] = 1.0 - (1.0 - fraction[hit]) * (1.0 - lost)
        if direction > 0:
            e = np.where(e > 0, np.maximum(e * (1.0 - fraction) - soft, 0.0), 0.0)
        else:
            e = (e + soft) / (1.0 - fraction)
    return e


def _largest_knock_on(energy: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return T_max / E of a knock-on electron: E / (E + m_mu^2 / 2 m_e) for gamma >> 1 (PDG review)."""
    return energy / (energy + MUON_MASS**2 / (2.0 * ELECTRON_MASS))


def _hard_rates(
    energy: NDArray[np.float64], material: Material
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return collisions per mm by knock-on and by radiation, and their mean loss in MeV/mm."""
    top = np.maximum(_largest_knock_on(energy), HARD)
    c, b = material.collision_constant, material.radiation_constant
    knock = c / energy * (1.0 / HARD - 1.0 / top - np.log(top / HARD) / top)
    knock_loss = c * (np.log(top / HARD) - 1.0 + HARD / top)
    # dN/dv = b (4/3 (1 - v) + v^2) / v, whose mean loss is b E.
    radiated = np.full(len(energy), b * (4.0 / 3.0 * (HARD - 1.0 - np.log(HARD)) + 0.5 * (1.0 - HARD**2)))
    lost = b * energy * (4.0 / 3.0 * 0.5 * (1.0 - HARD) ** 2 + (1.0 - HARD**3) / 3.0)
    return knock, radiated, knock_loss + lost


def _knock_on(energy: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float64]:
    """Draw fractional losses v to knock-on electrons from dv/v^2 (1 - v/v_max) above HARD."""
    top = np.maximum(_largest_knock_on(energy), HARD)
    return _draw(
        len(energy),
        rng,
        lambda u, i: 1.0 / (1.0 / HARD - u * (1.0 / HARD - 1.0 / top[i])),
        lambda v, i: 1.0 - v / top[i],
    )


def _radiated(energy: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float64]:
    """Draw fractional losses v to radiation from dv/v (4/3 (1 - v) + v^2) above HARD."""
    return _draw(len(energy), rng, lambda u, _: HARD ** (1.0 - u), lambda v, _: 1.0 - v + 0.75 * v**2)


def _draw(n: int, rng: np.random.Generator, inverse: Shape, accept: Shape) -> NDArray[np.float64]:
    """Draw fractional losses by inversion and rejection."""
    v = np.empty(n)
    left = np.arange(n)
    while len(left):
        drawn = inverse(rng.random(len(left)), left)
        kept = rng.random(len(left)) < accept(drawn, left)
        # Where nothing above HARD is possible the rate is zero and any value does.
        kept |= ~(drawn > HARD)
        v[left[kept]] = drawn[kept]
        left = left[~kept]
    return v

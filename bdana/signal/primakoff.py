"""Particles that couple to two photons, made in a dump by photons in the field of a nucleus (Primakoff effect).

The photons are those of pi0 -> gamma gamma and eta -> gamma gamma. With the energy E of the photon, the momentum
p = sqrt(E^2 - m^2) of the particle and its angle theta to the photon, the cross-section is

    dsigma/dtheta = g^2 alpha Z^2 / 4 F^2(t) p^4 sin^3(theta) / t^2,    t = (E - p)^2 + 4 E p sin^2(theta/2),

which is coherent: the smallest t is m^4 / (4 E^2). F is the screening by the electrons, a^2 t / (1 + a^2 t) with
a = 111 Z^(-1/3) / m_e, times the form factor of the nucleus (R. H. Helm). Photons convert before they go far, so the
probability is sigma over the cross-section of pairs of electrons, 7/9 A / (N_A X_0).

Photons of electromagnetic cascades come on top. Their track length is 0.572 X_0 E0 dE / E^2 for a photon of energy E0
(B. Rossi, High-Energy Particles, approximation B), against 9/7 X_0 of the photon itself. They are a systematic uncertainty:
the formula is for E well below E0, and their angles, which grow with multiple scattering, are those of the first photons here.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from scipy.constants import Avogadro

from bdana.signal.constants import ALPHA, ELECTRON_MASS, HBAR_C
from bdana.signal.contract import Particles
from bdana.signal.meson_spectra import meson_mass
from bdana.signal.mesons import draw_mesons, isotropic_decay, within_angle
from bdana.signal.validity import ValidRange

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from bdana.signal.mesons import MesonSource

__all__ = ["COPPER", "PHOTON_ENERGY", "Nucleus", "Primakoff", "primakoff_cross_section"]

PHOTON_ENERGY = ValidRange(
    "the Primakoff effect", "energy of the photon", 0.0, math.inf, "MeV", "a photon has an energy", above_zero=True
)  # fmt: skip
"""Where `primakoff_cross_section` holds; it is 0 where the photon has less energy than the mass."""

_TO_TWO_PHOTONS = {"pi0": 0.98823, "eta": 0.3936}
"""Branching ratios into two photons (PDG)."""
_CASCADE = 0.572 / (9.0 / 7.0)
"""Photons of a cascade for each dE E0 / E^2, over those that did not come from one."""
_FERMI_METRE = 1e-12
"""In mm."""
_BARN = 1e-22
"""In mm2."""
_RADIUS_PER_MEV = _FERMI_METRE / HBAR_C
"""1 fm in MeV^-1."""

_ENERGIES, _TRANSFERS = 120, 400
"""Nodes of the table of the cross-section in energy and in t."""
_LARGEST = 2000.0
"""Momentum transfer in MeV above which nothing is left of a nucleus."""
_SAMPLES = 50_000
"""Mesons by which the spectrum of photons is integrated."""


@dataclass(frozen=True)
class Nucleus:
    """The nuclei of a dump.

    Attributes
    ----------
    charge : float
        Z.
    nucleons : float
        A, of the natural mixture of isotopes.
    radiation_length : float
        In g/cm2.
    """

    charge: float
    nucleons: float
    radiation_length: float

    def form_factor(self, t: ArrayLike) -> NDArray[np.float64]:
        """Return F(t): screening by the electrons times Helm's form factor, shape (N,).

        3 j1(qR) / (qR) exp(-(q s)^2 / 2) with s = 0.9 fm, R^2 = c^2 + 7/3 pi^2 (0.52 fm)^2 - 5 s^2 and
        c = 1.23 A^(1/3) - 0.60 fm (J. D. Lewin, P. F. Smith, Astropart. Phys. 6, 87).

        Parameters
        ----------
        t : array-like, shape (N,)
            Squared momentum transfer in MeV^2, above 0.

        Examples
        --------
        >>> COPPER.form_factor([1e-6, 1.0, 100.0**2]).round(3)
        array([0.005, 1.   , 0.504])
        """
        t = np.asarray(t, dtype=np.float64)
        screening = (111.0 * self.charge ** (-1.0 / 3.0) / ELECTRON_MASS) ** 2 * t
        q = np.sqrt(t) * _RADIUS_PER_MEV
        skin = 0.9
        radius = 1.23 * self.nucleons ** (1.0 / 3.0) - 0.60
        x = q * math.sqrt(radius**2 + 7.0 / 3.0 * (math.pi * 0.52) ** 2 - 5.0 * skin**2)
        far = np.maximum(x, 0.1)
        bessel = np.where(
            x < 0.1, 1.0 - x**2 / 10.0 + x**4 / 280.0, 3.0 * (np.sin(far) - far * np.cos(far)) / far**3
        )
        factor: NDArray[np.float64] = (
            screening / (1.0 + screening) * bessel * np.exp(-((q * skin) ** 2) / 2.0)
        )
        return factor

    @property
    def pair_cross_section(self) -> float:
        """Cross-section of a hard photon for pairs of electrons in mm2: 7/9 A / (N_A X_0)."""
        return 7.0 / 9.0 * self.nucleons / (Avogadro * self.radiation_length) * 1e2


COPPER = Nucleus(29.0, 63.546, 12.86)
"""Copper (PDG)."""


@dataclass(frozen=True)
class _Table:
    """The cross-section by energy and momentum transfer.

    Attributes
    ----------
    energy : ndarray, shape (E,)
        Of the photon, in MeV.
    excess : ndarray, shape (E, T)
        t less the smallest t, in MeV^2.
    cumulative : ndarray, shape (E, T)
        Cross-section up to there in mm2, at a coupling of 1 / MeV.
    """

    energy: NDArray[np.float64]
    excess: NDArray[np.float64]
    cumulative: NDArray[np.float64]


def _table(mass: float, energy: NDArray[np.float64], nucleus: Nucleus) -> _Table:
    p = np.sqrt((energy - mass) * (energy + mass))
    smallest = (mass**2 / (energy + p)) ** 2  # (E - p)^2, which is m^4 / 4E^2 where the photon is hard
    screening = (ELECTRON_MASS * nucleus.charge ** (1.0 / 3.0) / 111.0) ** 2
    low = 1e-5 * np.minimum(smallest + screening, 4.0 * energy * p)
    high = np.minimum(4.0 * energy * p, _LARGEST**2)
    excess = np.geomspace(low, np.maximum(high, low), _TRANSFERS, axis=1)
    energy_p = (energy * p)[:, np.newaxis]
    x = excess / (2.0 * energy_p)  # 1 - cos(theta)
    t = smallest[:, np.newaxis] + excess
    # dtheta sin^3(theta) = dt sin^2(theta) / (2 E p), and dt = t' dlog(t') with t' what is above the smallest.
    density = (p**4)[:, np.newaxis] * np.maximum(x * (2.0 - x), 0.0) / (2.0 * energy_p * t**2) * excess
    density *= nucleus.form_factor(t) ** 2 * ALPHA * nucleus.charge**2 / 4.0 * HBAR_C**2
    steps = np.diff(np.log(excess), axis=1) * (density[:, 1:] + density[:, :-1]) / 2.0
    cumulative = np.concatenate([np.zeros((len(energy), 1)), np.cumsum(steps, axis=1)], axis=1)
    return _Table(energy, excess, cumulative)


def primakoff_cross_section(mass: float, energy: ArrayLike, nucleus: Nucleus = COPPER) -> NDArray[np.float64]:
    """Return the cross-section of gamma N -> particle N in mm2 at a coupling of 1 / MeV, shape (N,).

    Parameters
    ----------
    mass : float
        In MeV.
    energy : array-like, shape (N,)
        Of the photon, in MeV.
    nucleus : Nucleus

    Raises
    ------
    ConfigError
        Outside of `PHOTON_ENERGY`.

    Examples
    --------
    >>> barn_gev2 = primakoff_cross_section(100.0, 50e3) * 1e22 * 1e-6
    >>> f"{barn_gev2:.3e}"
    '3.561e-03'
    """
    energies = PHOTON_ENERGY.check(energy)
    flat = np.atleast_1d(energies).ravel()
    found = np.zeros(len(flat))
    enough = flat > mass
    if enough.any():
        found[enough] = _table(mass, flat[enough], nucleus).cumulative[:, -1]
    return found.reshape(energies.shape)


@dataclass(frozen=True)
class Primakoff:
    """Production by photons of pi0 and eta in the field of nuclei.

    Attributes
    ----------
    mass : float
        Of the new particle, in MeV.
    spectra : MesonSource
        Of `pi0` and `eta`.
    nucleus : Nucleus
    beam_energy : float
        Largest energy of a photon, in MeV.
    coupling : float
        To two photons, in 1 / MeV, at coupling 1 of the model.
    cascades : bool
        Whether photons of electromagnetic cascades count; else they are the uncertainty `cascade_photons`.
    theta_max : float or None
        Largest angle to the beam in rad; particles beyond get weight 0. `per_proton` counts all.
    """

    mass: float
    spectra: MesonSource
    nucleus: Nucleus = COPPER
    beam_energy: float = 400e3
    coupling: float = 1e-3
    cascades: bool = False
    theta_max: float | None = None

    @property
    def per_proton(self) -> float:
        """Particles for each proton that interacts."""
        return sum(self._photons) * self._mean

    def draw(self, n: int, rng: np.random.Generator) -> Particles:
        """Draw particles from photons of mesons whose momenta are even in log p.

        `variations` holds `meson_spectra`, see `MesonSpectra.variation`, and `cascade_photons`.

        Parameters
        ----------
        n : int
        rng : Generator

        Raises
        ------
        ConfigError
            When no photon has the energy.
        """
        drawn = draw_mesons(self.spectra, list(_TO_TWO_PHOTONS), self._photons, n, rng)
        heavy = np.array([meson_mass(meson) for meson in _TO_TWO_PHOTONS])[drawn.source]
        photon = isotropic_decay(drawn.p, drawn.pt, heavy, 0.0, heavy / 2.0, rng)
        energy = np.sqrt((photon**2).sum(axis=0))
        enough = energy > self.mass
        p = np.sqrt(np.maximum(energy**2 - self.mass**2, 0.0), where=enough, out=energy.copy())
        direction = _turned(photon / energy, self._angles(energy, p, rng), rng)
        cascade = self._cascade(energy)
        weight = drawn.weight * self._probability(energy) / self._mean
        ends = (np.ones(n), cascade)
        if self.cascades:
            weight, ends = weight * cascade, (1.0 / cascade, np.ones(n))
        variations = {"meson_spectra": drawn.variation, "cascade_photons": ends}
        return within_angle(Particles(p, direction, weight, variations), self.theta_max)

    @cached_property
    def _photons(self) -> list[float]:
        """Photons for each proton that interacts, by meson."""
        return [2.0 * ratio * self.spectra.multiplicity(meson) for meson, ratio in _TO_TWO_PHOTONS.items()]

    @cached_property
    def _spectrum(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Energies, and the density of photons of all mesons for each photon in MeV^-1."""
        energy = np.geomspace(1.0, self.beam_energy, 4 * _ENERGIES)
        density = np.zeros(len(energy))
        rng = np.random.default_rng(1)  # mesons are drawn evenly over the bins, so any numbers serve
        for meson, photons in zip(_TO_TWO_PHOTONS, self._photons, strict=True):
            p, _, weight = self.spectra.draw(meson, _SAMPLES, rng)
            whole = np.hypot(p, meson_mass(meson))
            # Energies are flat between both ends.
            flat = photons / sum(self._photons) * weight / (p * _SAMPLES)
            for end, sign in (((whole - p) / 2.0, 1.0), ((whole + p) / 2.0, -1.0)):
                cell = np.searchsorted(energy, end)
                density += sign * np.cumsum(np.bincount(cell, flat, minlength=len(energy) + 1))[:-1]
        return energy, np.maximum(density, 0.0)

    @cached_property
    def _mean(self) -> float:
        """Mean probability of a photon to make a particle."""
        energy, density = self._spectrum
        made = density * self._probability(energy) * (self._cascade(energy) if self.cascades else 1.0)
        return float(np.trapezoid(made * energy, np.log(energy)))

    def _cascade(self, energy: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the photons with those of cascades, over those without, shape (N,)."""
        at, factor = self._cascade_table
        return np.interp(np.log(energy), at, factor)

    @cached_property
    def _cascade_table(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        energy, density = self._spectrum
        slices = (
            np.diff(np.log(energy)) * (density[1:] * energy[1:] ** 2 + density[:-1] * energy[:-1] ** 2) / 2.0
        )
        above = np.concatenate([np.cumsum(slices[::-1])[::-1], [0.0]])
        more = np.divide(above, density * energy**2, out=np.zeros(len(energy)), where=density > 0.0)
        return np.log(energy), 1.0 + _CASCADE * more

    @cached_property
    def _cross_section(self) -> _Table:
        energy = self.mass + np.geomspace(
            1e-3 * self.mass, max(self.beam_energy - self.mass, self.mass), _ENERGIES
        )
        return _table(self.mass, energy, self.nucleus)

    def _probability(self, energy: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the probability of photons to make the particle, shape (N,)."""
        table = self._cross_section
        above = np.log(np.maximum(energy - self.mass, table.energy[0] - self.mass))
        whole = np.exp(np.interp(above, np.log(table.energy - self.mass), np.log(table.cumulative[:, -1])))
        unit = self.coupling**2 / self.nucleus.pair_cross_section
        return np.where(energy > self.mass, whole * unit, 0.0)

    def _angles(
        self, energy: NDArray[np.float64], p: NDArray[np.float64], rng: np.random.Generator
    ) -> NDArray[np.float64]:
        """Draw the angles of particles to their photons in rad, shape (N,)."""
        table, n = self._cross_section, len(energy)
        rows = len(table.energy)
        place = np.interp(
            np.log(np.maximum(energy - self.mass, 1e-9)), np.log(table.energy - self.mass), np.arange(rows)
        )
        row = np.minimum(
            np.floor(place + rng.random(n)).astype(np.intp), rows - 1
        )  # the nearer row more often
        # The rows end to end, row i from i to i + 1.
        ends = (table.cumulative / table.cumulative[:, -1:] + np.arange(rows)[:, np.newaxis]).ravel()
        cell = np.searchsorted(ends, row + rng.random(n), side="right") - row * _TRANSFERS
        cell = np.clip(cell, 1, _TRANSFERS - 1)
        log_t = np.log(table.excess)
        within = rng.random(n)
        excess = np.exp(log_t[row, cell - 1] + within * (log_t[row, cell] - log_t[row, cell - 1]))
        angle: NDArray[np.float64] = 2.0 * np.arcsin(np.sqrt(np.minimum(excess / (4.0 * energy * p), 1.0)))
        return angle


def _turned(
    direction: NDArray[np.float64], angle: NDArray[np.float64], rng: np.random.Generator
) -> NDArray[np.float64]:
    """Return directions at given angles to others, with uniform azimuth around them, shape (3, N)."""
    x, y, z = direction
    across = np.hypot(x, y)
    safe = np.maximum(across, 1e-300)
    cos, sin = np.where(across > 0.0, x / safe, 1.0), np.where(across > 0.0, y / safe, 0.0)
    phi = rng.uniform(0.0, 2.0 * np.pi, len(angle))
    in_plane, off_plane = np.sin(angle) * np.cos(phi), np.sin(angle) * np.sin(phi)
    along = np.cos(angle)
    radial = along * across + in_plane * z
    return np.stack([
        radial * cos - off_plane * sin,
        radial * sin + off_plane * cos,
        along * z - in_plane * across,
    ])  # fmt: skip

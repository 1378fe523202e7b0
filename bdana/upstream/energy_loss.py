"""Mean energy loss of muons in matter: tables, range integral, and constants of hard collisions.

Continuous slowing down: the depth x between energies E0 > E1 is the integral of dE / (dE/dx) from E1 to E0, so
both directions are one look-up in R(E) = integral of dE / (dE/dx).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from hepunits import GeV, m

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["COPPER", "IRON", "MATERIALS", "Material"]

TABLE_ENERGY = np.array([5.0, 10.0, 40.0, 100.0, 200.0]) * GeV
"""Kinetic energies of the tables below, in MeV."""


@dataclass(frozen=True, eq=False)
class Material:
    """A material with its mean muon energy loss, radiation length, and rates of hard collisions.

    Attributes
    ----------
    name : str
    loss : ndarray, shape (5,)
        Mean dE/dx in MeV/mm at `TABLE_ENERGY`.
    radiation_length : float
        In mm (PDG review, atomic and nuclear properties).
    collision_constant : float
        K/2 Z/A times the density in MeV/mm: knock-on electrons of energy T per mm are this times dT/T^2 (1 - T/T_max).
    radiation_constant : float
        Relative loss per mm to bremsstrahlung and photonuclear reactions, rounded from D. E. Groom, N. V. Mokhov and
        S. I. Striganov, At. Data Nucl. Data Tables 78 (2001) 183 near 100 GeV; one value at all energies is assumed.

    Examples
    --------
    >>> import numpy as np
    >>> from bdana.upstream import MATERIALS
    >>> MATERIALS["iron"].after(np.array([10e3, 75e3]), length=3000.0).round(-1)  # 10 and 75 GeV, 3 m
    array([ 5450., 68840.])
    """

    name: str
    loss: NDArray[np.float64]
    radiation_length: float
    collision_constant: float
    radiation_constant: float

    def mean_loss(self, energy: ArrayLike) -> NDArray[np.float64]:
        """Return the mean dE/dx in MeV/mm, shape (N,), interpolated in ln E and linear in E above the table.

        Radiation makes the loss linear in E at high energies. Below the first energy its value is kept.

        Parameters
        ----------
        energy : array_like, shape (N,)
            In MeV.
        """
        e = np.asarray(energy, dtype=np.float64)
        slope = (self.loss[-1] - self.loss[-2]) / (TABLE_ENERGY[-1] - TABLE_ENERGY[-2])
        inside = np.interp(
            np.log(np.clip(e, TABLE_ENERGY[0], TABLE_ENERGY[-1])), np.log(TABLE_ENERGY), self.loss
        )
        return inside + slope * np.maximum(e - TABLE_ENERGY[-1], 0.0)

    def after(self, energy: NDArray[np.float64], length: float) -> NDArray[np.float64]:
        """Return the energy in MeV left after a path of given length, without fluctuations; 0 for a muon that stops.

        Parameters
        ----------
        energy : ndarray, shape (N,)
            In MeV.
        length : float
            In mm.
        """
        energies, ranges = self._range
        left = np.interp(energy, energies, ranges) - length
        return np.interp(left, ranges, energies)

    def before(self, energy: NDArray[np.float64], length: float) -> NDArray[np.float64]:
        """Return the energy in MeV that a muon had a given length upstream, without fluctuations.

        Parameters
        ----------
        energy, length
            As for `after`.
        """
        energies, ranges = self._range
        return np.interp(np.interp(energy, energies, ranges) + length, ranges, energies)

    @cached_property
    def _range(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return energies from 0 to 10 TeV and the depth in mm from 0 to each (trapezoidal rule)."""
        energies = np.concatenate([[0.0], np.geomspace(10.0, 1e7, 4000)])
        inverse = 1.0 / self.mean_loss(energies)
        steps = 0.5 * (inverse[1:] + inverse[:-1]) * np.diff(energies)
        return energies, np.concatenate([[0.0], np.cumsum(steps)])


# dE/dx: PUMAS, V. Niess, Comput. Phys. Commun. 279 (2022) 108438, in GeV/m.
IRON = Material(
    "iron",
    loss=np.array([1.459, 1.554, 1.814, 2.190, 2.792]) * GeV / m,
    radiation_length=17.57,
    collision_constant=0.0563,
    radiation_constant=2.6e-6 * 0.7874,
)
COPPER = Material(
    "copper",
    loss=np.array([1.615, 1.726, 2.031, 2.485, 3.217]) * GeV / m,
    radiation_length=14.36,
    collision_constant=0.0627,
    radiation_constant=2.9e-6 * 0.8960,
)
MATERIALS = {material.name: material for material in (IRON, COPPER)}
"""Materials that upstream blocks can be made of, by name."""

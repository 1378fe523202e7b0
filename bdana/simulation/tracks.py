"""Arrays of charged particles and photons, and their paths through the magnet."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from particle import Particle

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from bdana.detector import Detector, Element, Magnet

__all__ = ["ELECTRON", "MUON", "PHOTON", "PION", "Flight", "Tracks"]

ELECTRON, MUON, PION, PHOTON = 11, 13, 211, 22
"""PDG numbers of the species that the detector tells apart."""


@dataclass(frozen=True)
class Tracks:
    """N charged particles or photons upstream of the magnet; every attribute has shape (N,), in mm, ns, MeV.

    Attributes
    ----------
    x, y, z : ndarray of float
        A point of the path.
    tx, ty : ndarray of float
        Slopes dx/dz, dy/dz.
    p : ndarray of float
        Momentum.
    charge : ndarray of int
        Charge.
    time : ndarray of float
        Time relative to the trigger.
    event : ndarray of int
        Place of its event in the block, ascending.
    species : ndarray of int
        PDG number without sign: 11, 13, 22 or 211.
    """

    x: NDArray[np.float64]
    y: NDArray[np.float64]
    z: NDArray[np.float64]
    tx: NDArray[np.float64]
    ty: NDArray[np.float64]
    p: NDArray[np.float64]
    charge: NDArray[np.int64]
    time: NDArray[np.float64]
    event: NDArray[np.int64]
    species: NDArray[np.int64]

    @property
    def energy(self) -> NDArray[np.float64]:
        """Energy with the mass of the species, shape (N,)."""
        masses = np.zeros(len(self))
        for number in np.unique(self.species):
            masses[self.species == number] = Particle.from_pdgid(int(number)).mass
        return np.hypot(self.p, masses)

    def __len__(self) -> int:
        return len(self.p)

    def take(self, where: NDArray[Any]) -> Tracks:
        """Return some of the particles.

        Parameters
        ----------
        where : ndarray
            Indices or mask.
        """
        return Tracks(**{f.name: getattr(self, f.name)[where] for f in fields(self)})

    def in_pairs(self) -> Tracks:
        """Return the particles with two neighbours in each event."""
        return replace(self, event=np.arange(len(self)) // 2)


@dataclass(frozen=True)
class Flight:
    """The paths of N particles: straight lines on both sides of one kick at the centre of the magnet.

    Attributes
    ----------
    x, y, tx, ty : ndarray of float, shape (N,)
        Path upstream of the magnet, at its centre.
    tx_after, ty_after : ndarray of float, shape (N,)
        Slopes downstream.
    z_magnet : float
        Centre of the magnet.
    """

    x: NDArray[np.float64]
    y: NDArray[np.float64]
    tx: NDArray[np.float64]
    ty: NDArray[np.float64]
    tx_after: NDArray[np.float64]
    ty_after: NDArray[np.float64]
    z_magnet: float

    @classmethod
    def of(cls, tracks: Tracks, magnet: Magnet) -> Flight:
        """Return the paths of particles through the magnet; its kick changes p_x and keeps the momentum.

        Parameters
        ----------
        tracks : Tracks
        magnet : Magnet
        """
        step = magnet.z_mm - tracks.z
        norm = np.sqrt(1.0 + tracks.tx**2 + tracks.ty**2)
        kick = magnet.px_kick_mev * tracks.charge / tracks.p
        ux, uy = tracks.tx / norm + kick, tracks.ty / norm
        with np.errstate(invalid="ignore"):  # one too soft to pass the magnet has no path behind it
            uz = np.sqrt(1.0 - ux**2 - uy**2)
        return cls(
            tracks.x + step * tracks.tx,
            tracks.y + step * tracks.ty,
            tracks.tx,
            tracks.ty,
            ux / uz,
            uy / uz,
            magnet.z_mm,
        )

    def at(self, z: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return x and y in mm at a plane, shape (N,) each.

        Parameters
        ----------
        z : float
            In mm.
        """
        step = z - self.z_magnet
        if step < 0:
            return self.x + step * self.tx, self.y + step * self.ty
        return self.x + step * self.tx_after, self.y + step * self.ty_after

    def hits(self, element: Element) -> NDArray[np.bool_]:
        """Tell which of them cross an element, shape (N,).

        Parameters
        ----------
        element : Element
        """
        return element.contains(*self.at(element.z_mm))

    def in_all(self, detector: Detector, *names: str) -> NDArray[np.bool_]:
        """Tell which of them cross all of the named elements, shape (N,).

        Parameters
        ----------
        detector : Detector
        *names : str
        """
        inside: NDArray[np.bool_] = np.logical_and.reduce([self.hits(detector[name]) for name in names])
        return inside

"""Arrays of muons, and their paths through the magnet."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from bdana.detector import Detector, Element, Magnet

__all__ = ["Flight", "Muons"]


@dataclass(frozen=True)
class Muons:
    """N muons upstream of the magnet; every attribute has shape (N,), in mm, ns, MeV.

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

    def __len__(self) -> int:
        return len(self.p)

    def take(self, where: NDArray[Any]) -> Muons:
        """Return some of the muons.

        Parameters
        ----------
        where : ndarray
            Indices or mask.
        """
        return Muons(**{f.name: getattr(self, f.name)[where] for f in fields(self)})


@dataclass(frozen=True)
class Flight:
    """The paths of N muons: straight lines on both sides of one kick at the centre of the magnet.

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
    def of(cls, muons: Muons, magnet: Magnet) -> Flight:
        """Return the paths of muons through the magnet; its kick changes p_x and keeps the momentum.

        Parameters
        ----------
        muons : Muons
        magnet : Magnet
        """
        step = magnet.z_mm - muons.z
        norm = np.sqrt(1.0 + muons.tx**2 + muons.ty**2)
        kick = magnet.px_kick_mev * muons.charge / muons.p
        ux, uy = muons.tx / norm + kick, muons.ty / norm
        with np.errstate(invalid="ignore"):  # a muon too soft to pass the magnet has no path behind it
            uz = np.sqrt(1.0 - ux**2 - uy**2)
        return cls(
            muons.x + step * muons.tx,
            muons.y + step * muons.ty,
            muons.tx,
            muons.ty,
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
        """Tell which muons cross an element, shape (N,).

        Parameters
        ----------
        element : Element
        """
        return element.contains(*self.at(element.z_mm))

    def in_all(self, detector: Detector, *names: str) -> NDArray[np.bool_]:
        """Tell which muons cross all of the named elements, shape (N,).

        Parameters
        ----------
        detector : Detector
        *names : str
        """
        inside: NDArray[np.bool_] = np.logical_and.reduce([self.hits(detector[name]) for name in names])
        return inside

"""Decay widths of a dark photon into leptons.

All functions take the mass in MeV and return widths in MeV for the given kinetic mixing epsilon.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from particle import literals

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["ALPHA", "ELECTRON_MASS", "HBAR_C", "MUON_MASS", "lepton_width", "leptonic_width"]

ALPHA = 1.0 / 137.036
"""Fine-structure constant at zero momentum transfer."""
HBAR_C = 197.3269804e-12
"""hbar c in MeV mm (CODATA 2018)."""
ELECTRON_MASS: float = literals.e_minus.mass  # type: ignore[assignment]
MUON_MASS: float = literals.mu_minus.mass  # type: ignore[assignment]


def lepton_width(mass: ArrayLike, epsilon: float, lepton_mass: float) -> NDArray[np.float64]:
    """Return the width of A' -> l+ l-.

    Gamma = epsilon^2 alpha m / 3 sqrt(1 - 4 r) (1 + 2 r) with r = m_l^2 / m^2
    (B. Batell, M. Pospelov, A. Ritz, Phys. Rev. D 79, 115008, eq. 13).

    Parameters
    ----------
    mass : array-like, shape (N,)
        Mass of the A' in MeV.
    epsilon : float
        Kinetic mixing.
    lepton_mass : float
        Mass of the lepton in MeV.

    Returns
    -------
    ndarray, shape (N,)
        Width in MeV, 0 below threshold.

    Examples
    --------
    >>> round(float(lepton_width(400.0, 1.0, ELECTRON_MASS)), 4)
    0.973
    """
    m = np.asarray(mass, dtype=np.float64)
    r = (lepton_mass / m) ** 2
    phase_space = np.sqrt(np.maximum(1.0 - 4.0 * r, 0.0))
    return epsilon**2 * ALPHA * m / 3.0 * phase_space * (1.0 + 2.0 * r)


def leptonic_width(mass: ArrayLike, epsilon: float) -> NDArray[np.float64]:
    """Return the width into e+ e- and mu+ mu- in MeV, shape (N,)."""
    return lepton_width(mass, epsilon, ELECTRON_MASS) + lepton_width(mass, epsilon, MUON_MASS)

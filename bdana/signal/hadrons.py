"""The hadronic width of a dark photon, from the ratio R of e+ e- annihilation in vector-meson dominance.

Two pions through rho, its mixing with the omega, and rho(1450); three pions and kaons as the omega and phi
resonances. Valid up to `MAX_MASS`: there it agrees with evaluations of measured cross-sections within 2% below
600 MeV, 4% below 750 MeV, and 10% above but for the steep side of the rho-omega structure (20% at 770 MeV).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from particle import literals

from bdana.signal.widths import ALPHA, lepton_width, leptonic_width

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["MAX_MASS", "branching_ratio", "hadronic_ratio", "total_width"]

MAX_MASS = 1050.0
"""Largest mass in MeV; four pions and excited vector mesons, which matter above, are not in here."""

_PION: float = literals.pi_plus.mass  # type: ignore[assignment]
# Masses, widths and electronic widths in MeV (PDG).
_RHO = (775.26, 149.1)
_RHO_PRIME = (1465.0, 400.0)
_OMEGA = (782.66, 8.68)
_PHI = (1019.461, 4.249)
_OMEGA_TO_EE = 0.00060
_OMEGA_TO_HADRONS = 0.985  # without two pions, which are in the form factor
_PHI_TO_EE = 0.001266
# Strength and phase of the rho-omega mixing, and of rho(1450), relative to the rho (CMD-2, hep-ex/0112031).
_MIXING = 1.57e-3 * np.exp(1j * np.radians(13.0))
_RHO_PRIME_SHARE = -0.085


def hadronic_ratio(mass: ArrayLike) -> NDArray[np.float64]:
    """Return R, the hadronic cross-section over the massless point cross-section 4 pi alpha^2 / 3 s.

    Parameters
    ----------
    mass : array-like, shape (N,)
        sqrt(s) in MeV, at most `MAX_MASS`.

    Returns
    -------
    ndarray, shape (N,)
        0 below two pion masses.
    """
    s = np.asarray(mass, dtype=np.float64) ** 2
    above = np.maximum(1.0 - 4.0 * _PION**2 / s, 0.0)
    two_pions = 0.25 * above**1.5 * np.abs(_pion_form_factor(s)) ** 2
    narrow = _resonance(s, *_OMEGA, _OMEGA_TO_EE * _OMEGA_TO_HADRONS) + _resonance(s, *_PHI, _PHI_TO_EE)
    return np.where(above > 0.0, two_pions + narrow, 0.0)


def total_width(mass: ArrayLike, epsilon: float) -> NDArray[np.float64]:
    """Return the width into e+ e-, mu+ mu- and hadrons in MeV, shape (N,); hadrons are R epsilon^2 alpha m / 3."""
    m = np.asarray(mass, dtype=np.float64)
    return leptonic_width(m, epsilon) + hadronic_ratio(m) * epsilon**2 * ALPHA * m / 3.0


def branching_ratio(mass: ArrayLike, lepton_mass: float) -> NDArray[np.float64]:
    """Return the branching ratio of A' -> l+ l- for masses in MeV, shape (N,)."""
    return lepton_width(mass, 1.0, lepton_mass) / total_width(mass, 1.0)


def _resonance(s: NDArray[np.float64], mass: float, width: float, to_ee: float) -> NDArray[np.float64]:
    """Return R of a narrow vector meson: sigma = 12 pi Gamma_ee Gamma / ((s - M^2)^2 + M^2 Gamma^2)."""
    return 9.0 * s * to_ee * width / (ALPHA**2 * ((s - mass**2) ** 2 + (mass * width) ** 2))


def _pion_form_factor(s: NDArray[np.float64]) -> NDArray[np.complex128]:
    omega, width = _OMEGA
    mixing = 1.0 + _MIXING * s / (omega**2 - s - 1j * omega * width)
    rho = _gounaris_sakurai(s, *_RHO) * mixing
    both: NDArray[np.complex128] = rho + _RHO_PRIME_SHARE * _gounaris_sakurai(s, *_RHO_PRIME)
    return both / (1.0 + _RHO_PRIME_SHARE)


def _gounaris_sakurai(s: NDArray[np.float64], mass: float, width: float) -> NDArray[np.complex128]:
    """Return the resonance of G. Gounaris, J. Sakurai, Phys. Rev. Lett. 21, 244, 1 at s = 0."""
    m2 = mass**2
    k0, h0 = _k(np.asarray(m2)), _h(np.asarray(m2))
    slope = h0 * (1.0 / (8.0 * k0**2) - 1.0 / (2.0 * m2)) + 1.0 / (2.0 * np.pi * m2)
    k = _k(s)
    shift = width * m2 / k0**3 * (k**2 * (_h(s) - h0) + (m2 - s) * k0**2 * slope)
    d = (
        3.0 / np.pi * _PION**2 / k0**2 * np.log((mass + 2.0 * k0) / (2.0 * _PION))
        + mass / (2.0 * np.pi * k0)
        - _PION**2 * mass / (np.pi * k0**3)
    )
    running = (width * (k / k0) ** 3 * mass / np.sqrt(s)).astype(np.complex128)
    return m2 * (1.0 + d * width / mass) / (m2 - s + shift - 1j * mass * running)


def _k(s: NDArray[np.float64]) -> NDArray[np.float64]:
    return 0.5 * np.sqrt(np.maximum(s - 4.0 * _PION**2, 0.0))


def _h(s: NDArray[np.float64]) -> NDArray[np.float64]:
    k, root = _k(s), np.sqrt(s)
    return 2.0 / np.pi * k / root * np.log(np.maximum(root + 2.0 * k, 2.0 * _PION) / (2.0 * _PION))

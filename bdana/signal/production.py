"""Production of dark photons by proton bremsstrahlung.

J. Bluemlein, J. Brunner, Phys. Lett. B 731, 320 (arXiv:1311.3870), with z = p_A'/p_beam and pT the transverse
momentum of the A'. Densities are per proton that interacts and per epsilon^2. In MeV.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from particle import literals

from bdana.signal.widths import ALPHA

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = [
    "BEAM_MOMENTUM",
    "PROTON_MASS",
    "PT_MAX",
    "Z_RANGE",
    "bremsstrahlung_density",
    "bremsstrahlung_yield",
    "inelastic_cross_section",
    "proton_form_factor",
    "splitting",
]

PROTON_MASS: float = literals.proton.mass  # type: ignore[assignment]
BEAM_MOMENTUM = 400e3
"""Momentum of the SPS protons in MeV."""
Z_RANGE = (0.1, 0.9)
"""Range of z in which the approximation is used."""
PT_MAX = 1000.0
"""Largest pT in MeV; without a limit the yield diverges."""

_RHO_LIKE = (0.6165340, 0.2232042, -0.3397382)
_OMEGA_LIKE = (1.0117545, -0.8816566, 0.3699022)
_RHO_WIDTHS = (150.0, 300.0, 500.0)
_OMEGA_WIDTHS = (8.5, 300.0, 500.0)
_VECTOR_MASSES = (770.0, 1250.0, 1450.0)


def splitting(z: ArrayLike, pt2: ArrayLike, mass: float) -> NDArray[np.float64]:
    """Return the splitting weight w(z, pT^2) of p -> p A' (arXiv:1311.3870, eq. 3) per epsilon^2.

    Parameters
    ----------
    z : array-like, shape (N,)
        Fraction of the beam momentum.
    pt2 : array-like, shape (N,)
        pT^2 in MeV^2.
    mass : float
        Mass of the A' in MeV.

    Returns
    -------
    ndarray, shape (N,)
        In MeV^-2.
    """
    z, pt2 = np.asarray(z, dtype=np.float64), np.asarray(pt2, dtype=np.float64)
    m2, mp2 = mass**2, PROTON_MASS**2
    h = pt2 + (1.0 - z) * m2 + z**2 * mp2
    one = 1.0 - z
    terms = (
        (1.0 + one**2) / z
        - 2.0 * z * one * ((2.0 * mp2 + m2) / h - 2.0 * z**2 * mp2**2 / h**2)
        + 2.0 * z * one * (1.0 + one**2) * mp2 * m2 / h**2
        + 2.0 * z * one**2 * m2**2 / h**2
    )
    weight: NDArray[np.float64] = ALPHA / (2.0 * np.pi * h) * terms
    return weight


def inelastic_cross_section(s: ArrayLike) -> NDArray[np.float64]:
    """Return the pp cross-section in mb at s in GeV^2 (fit of the Particle Data Group as used by arXiv:1311.3870)."""
    s = np.asarray(s, dtype=np.float64)
    sigma: NDArray[np.float64] = (
        35.45 + 0.308 * np.log(s / 28.94) ** 2 + 42.53 * s**-0.458 - 33.34 * s**-0.545
    )
    return sigma


def proton_form_factor(mass: ArrayLike) -> NDArray[np.float64]:
    """Return |F1(m^2)|^2 of the proton for a time-like photon of mass m (MeV), by vector-meson dominance.

    A. Faessler, M. Krivoruchenko, B. Martemyanov, Phys. Rev. C 82, 038201: three rho-like and three omega-like
    poles. Above about 650 MeV the omega pole dominates and the value must not be trusted.
    """
    m2 = np.asarray(mass, dtype=np.float64) ** 2
    total = np.zeros(m2.shape, dtype=np.complex128)
    for couplings, widths in ((_RHO_LIKE, _RHO_WIDTHS), (_OMEGA_LIKE, _OMEGA_WIDTHS)):
        for f, width, mv in zip(couplings, widths, _VECTOR_MASSES, strict=True):
            total = total + f * mv**2 / (mv**2 - m2 - 1j * mv * width)
    return np.abs(total) ** 2


def bremsstrahlung_density(
    z: ArrayLike,
    pt2: ArrayLike,
    mass: float,
    *,
    form_factor: bool = True,
    beam_momentum: float = BEAM_MOMENTUM,
) -> NDArray[np.float64]:
    """Return d2N/dz dpT2 per interacting proton and epsilon^2, in MeV^-2, shape (N,).

    |F1(m^2)|^2 sigma_pp(s')/sigma_pp(s) w(z, pT^2) with s = 2 m_p E_p and s' = 2 m_p (E_p - E_A').
    """
    z = np.asarray(z, dtype=np.float64)
    e_beam = np.hypot(beam_momentum, PROTON_MASS)
    e_dark = np.hypot(z * beam_momentum, mass)
    s, s_left = (2.0 * PROTON_MASS * e * 1e-6 for e in (e_beam, e_beam - e_dark))
    ratio = inelastic_cross_section(s_left) / inelastic_cross_section(s)
    f2 = float(proton_form_factor(mass)) if form_factor else 1.0
    return f2 * ratio * splitting(z, pt2, mass)


def bremsstrahlung_yield(
    mass: float,
    *,
    form_factor: bool = True,
    z_range: tuple[float, float] = Z_RANGE,
    pt_max: float = PT_MAX,
) -> float:
    """Return the number of A' per interacting proton and epsilon^2.

    Examples
    --------
    >>> round(bremsstrahlung_yield(250.0, form_factor=False), 6)
    0.006709
    """
    nodes, weights = np.polynomial.legendre.leggauss(120)
    z = 0.5 * (z_range[1] - z_range[0]) * (nodes + 1.0) + z_range[0]
    # pT^2 = q^2 gathers the nodes at small pT, where the density peaks.
    pt = 0.5 * pt_max * (nodes + 1.0)
    density = bremsstrahlung_density(z[:, None], pt[None, :] ** 2, mass, form_factor=form_factor)
    step = 0.25 * (z_range[1] - z_range[0]) * pt_max
    return float(step * np.einsum("i,j,ij,j->", weights, weights, density, 2.0 * pt))

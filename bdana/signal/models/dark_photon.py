"""The dark photon A', which couples like the photon with a strength reduced by epsilon: widths and production.

Widths into leptons are exact. Hadrons: the ratio R of e+ e- annihilation in vector-meson dominance, two pions through
rho, its mixing with the omega, and rho(1450), three pions and kaons as the omega and phi resonances. Up to `MAX_MASS`
it agrees with evaluations of measured cross-sections within 2% below 600 MeV, 4% below 750 MeV, and 10% above but for
the steep side of the rho-omega structure (20% at 770 MeV).

Production by proton bremsstrahlung: J. Bluemlein, J. Brunner, Phys. Lett. B 731, 320 (arXiv:1311.3870), with
z = p_A'/p_beam and pT the transverse momentum of the A', in MeV. Densities are per proton that interacts and epsilon^2.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from pydantic import Field

from bdana.signal.constants import ALPHA, ELECTRON_MASS, MUON_MASS, PION_MASS, PROTON_MASS
from bdana.signal.contract import Mode, Particles
from bdana.strict import StrictModel

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import ArrayLike, NDArray

__all__ = [
    "BEAM_MOMENTUM",
    "MAX_MASS",
    "PT_MAX",
    "Z_RANGE",
    "Bremsstrahlung",
    "DarkPhoton",
    "Model",
    "Parameters",
    "bremsstrahlung_density",
    "bremsstrahlung_yield",
    "hadronic_ratio",
    "hadronic_width",
    "inelastic_cross_section",
    "lepton_width",
    "proton_form_factor",
    "splitting",
]

BEAM_MOMENTUM = 400e3
"""Momentum of the SPS protons in MeV."""
Z_RANGE = (0.1, 0.9)
"""Range of z in which the approximation of proton bremsstrahlung is used."""
PT_MAX = 1000.0
"""Largest pT of bremsstrahlung in MeV; without a limit the yield diverges."""

_RHO_LIKE = (0.6165340, 0.2232042, -0.3397382)
_OMEGA_LIKE = (1.0117545, -0.8816566, 0.3699022)
_RHO_WIDTHS = (150.0, 300.0, 500.0)
_OMEGA_WIDTHS = (8.5, 300.0, 500.0)
_VECTOR_MASSES = (770.0, 1250.0, 1450.0)

MAX_MASS = 1050.0
"""Largest mass in MeV; four pions and excited vector mesons, which matter above, are not included."""

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


class Parameters(StrictModel):
    """What users may choose about the dark photon: table [signal.dark_photon] of analysis.toml."""

    form_factor: bool = Field(default=True, description="whether bremsstrahlung has the proton's form factor")


@dataclass(frozen=True)
class DarkPhoton:
    """The dark photon of one mass; its coupling is the kinetic mixing epsilon.

    Attributes
    ----------
    mass : float
        In MeV/c2.
    parameters : Parameters

    Examples
    --------
    >>> from bdana.signal import branching_ratio
    >>> round(branching_ratio(DarkPhoton(250.0), "mumu"), 3)
    0.42
    """

    mass: float
    parameters: Parameters = field(default_factory=Parameters)

    @property
    def mass_range(self) -> tuple[float, float]:
        """Masses in MeV/c2 between which the widths are known."""
        return 2.0 * ELECTRON_MASS, MAX_MASS

    @cached_property
    def modes(self) -> Mapping[str, Mode]:
        """Widths into e+ e-, mu+ mu- and all hadrons together."""
        leptons = {"ee": (ELECTRON_MASS, -11), "mumu": (MUON_MASS, -13)}
        modes = {
            name: Mode(float(lepton_width(self.mass, 1.0, mass)), (number, -number))
            for name, (mass, number) in leptons.items()
        }
        return modes | {"hadrons": Mode(float(hadronic_width(self.mass, 1.0)))}

    @property
    def production(self) -> Mapping[str, Bremsstrahlung]:
        """Production processes by name: proton bremsstrahlung."""
        return {"bremsstrahlung": Bremsstrahlung(self.mass, self.parameters.form_factor)}


@dataclass(frozen=True)
class Bremsstrahlung:
    """Production of dark photons by proton bremsstrahlung.

    Attributes
    ----------
    mass : float
        In MeV/c2.
    form_factor : bool
    """

    mass: float
    form_factor: bool

    @cached_property
    def per_proton(self) -> float:
        """Dark photons for each proton that interacts, per epsilon^2."""
        return bremsstrahlung_yield(self.mass, form_factor=self.form_factor)

    def draw(self, n: int, rng: np.random.Generator) -> Particles:
        """Draw dark photons as they leave the dump.

        Parameters
        ----------
        n : int
        rng : Generator
        """
        # Drawn from 1/z and 1/(pT^2 + h), which leaves weights of order 1.
        low, high = Z_RANGE
        z = low * (high / low) ** rng.random(n)
        h = (1.0 - z) * self.mass**2 + z**2 * PROTON_MASS**2
        span = np.log1p(PT_MAX**2 / h)
        pt2 = h * np.expm1(span * rng.random(n))
        density = bremsstrahlung_density(z, pt2, self.mass, form_factor=self.form_factor)
        drawn = 1.0 / (z * np.log(high / low) * span * (pt2 + h))
        weight = density / drawn / self.per_proton
        return Particles.around_beam(z * BEAM_MOMENTUM, np.sqrt(pt2), weight, rng)


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


def hadronic_width(mass: ArrayLike, epsilon: float) -> NDArray[np.float64]:
    """Return the width of A' -> hadrons in MeV, shape (N,): R epsilon^2 alpha m / 3.

    Parameters
    ----------
    mass : array-like, shape (N,)
        Mass of the A' in MeV.
    epsilon : float
        Kinetic mixing.
    """
    m = np.asarray(mass, dtype=np.float64)
    return hadronic_ratio(m) * epsilon**2 * ALPHA * m / 3.0


def hadronic_ratio(mass: ArrayLike) -> NDArray[np.float64]:
    """Return R, the ratio of e+ e- -> hadrons to the massless point cross-section 4 pi alpha^2 / 3 s.

    Parameters
    ----------
    mass : array-like, shape (N,)
        sqrt(s) in MeV, at most `MAX_MASS`.

    Returns
    -------
    ndarray, shape (N,)
        0 below two pion masses.

    Examples
    --------
    >>> hadronic_ratio([279.0, 600.0]).round(2)  # two pions begin at 279.1 MeV
    array([0.  , 1.29])
    """
    s = np.asarray(mass, dtype=np.float64) ** 2
    above = np.maximum(1.0 - 4.0 * PION_MASS**2 / s, 0.0)
    two_pions = 0.25 * above**1.5 * np.abs(_pion_form_factor(s)) ** 2
    narrow = _resonance(s, *_OMEGA, _OMEGA_TO_EE * _OMEGA_TO_HADRONS) + _resonance(s, *_PHI, _PHI_TO_EE)
    return np.where(above > 0.0, two_pions + narrow, 0.0)


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
    """Return a rho-like resonance, normalised to 1 at s = 0 (G. Gounaris, J. Sakurai, Phys. Rev. Lett. 21, 244)."""
    m2 = mass**2
    k0, h0 = _k(np.asarray(m2)), _h(np.asarray(m2))
    slope = h0 * (1.0 / (8.0 * k0**2) - 1.0 / (2.0 * m2)) + 1.0 / (2.0 * np.pi * m2)
    k = _k(s)
    shift = width * m2 / k0**3 * (k**2 * (_h(s) - h0) + (m2 - s) * k0**2 * slope)
    d = (
        3.0 / np.pi * PION_MASS**2 / k0**2 * np.log((mass + 2.0 * k0) / (2.0 * PION_MASS))
        + mass / (2.0 * np.pi * k0)
        - PION_MASS**2 * mass / (np.pi * k0**3)
    )
    running = (width * (k / k0) ** 3 * mass / np.sqrt(s)).astype(np.complex128)
    return m2 * (1.0 + d * width / mass) / (m2 - s + shift - 1j * mass * running)


def _k(s: NDArray[np.float64]) -> NDArray[np.float64]:
    return 0.5 * np.sqrt(np.maximum(s - 4.0 * PION_MASS**2, 0.0))


def _h(s: NDArray[np.float64]) -> NDArray[np.float64]:
    k, root = _k(s), np.sqrt(s)
    return 2.0 / np.pi * k / root * np.log(np.maximum(root + 2.0 * k, 2.0 * PION_MASS) / (2.0 * PION_MASS))


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
    """Return the pp cross-section in mb: fit of the Particle Data Group as used by arXiv:1311.3870.

    Parameters
    ----------
    s : array-like, shape (N,)
        Squared centre-of-mass energy in GeV^2.
    """
    s = np.asarray(s, dtype=np.float64)
    sigma: NDArray[np.float64] = (
        35.45 + 0.308 * np.log(s / 28.94) ** 2 + 42.53 * s**-0.458 - 33.34 * s**-0.545
    )
    return sigma


def proton_form_factor(mass: ArrayLike) -> NDArray[np.float64]:
    """Return |F1(m^2)|^2 of the proton for a time-like photon of mass m, by vector-meson dominance.

    A. Faessler, M. Krivoruchenko, B. Martemyanov, Phys. Rev. C 82, 038201: three rho-like and three omega-like
    poles. Above about 650 MeV the omega pole dominates and the value must not be trusted.

    Parameters
    ----------
    mass : array-like, shape (N,)
        In MeV.

    Examples
    --------
    >>> proton_form_factor([250.0, 400.0]).round(2)
    array([1.37, 2.31])
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
    """Return d2N/dz dpT2 of A' per interacting proton and epsilon^2, in MeV^-2, shape (N,).

    |F1(m^2)|^2 sigma_pp(s')/sigma_pp(s) w(z, pT^2) with s = 2 m_p E_p and s' = 2 m_p (E_p - E_A').

    Parameters
    ----------
    z, pt2, mass
        As for `splitting`.
    form_factor : bool
        Whether the proton's form factor is applied.
    beam_momentum : float
        In MeV/c.
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

    Parameters
    ----------
    mass : float
        Mass of the A' in MeV.
    form_factor : bool
        Whether the proton's form factor is applied.
    z_range : tuple of float
    pt_max : float
        Largest pT in MeV.

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


Model = DarkPhoton

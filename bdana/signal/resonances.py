"""Shapes of vector mesons in e+ e- annihilation, and the phase spaces of what they decay into.

Squared energies s are in MeV^2. A phase space is what a partial width grows with, up to a constant factor.
"""

from __future__ import annotations

import math
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from bdana.masses import MASS
from bdana.on_demand import late_module
from bdana.signal.constants import PION_MASS
from bdana.signal.validity import ValidRange

if TYPE_CHECKING:
    import scipy
    from numpy.typing import ArrayLike, NDArray
else:
    scipy = late_module("scipy")

__all__ = [
    "NEUTRAL_PION_MASS",
    "SHAPE",
    "THREE_PIONS",
    "THREE_PION_THRESHOLD",
    "TWO_PIONS",
    "Meson",
    "breit_wigner",
    "gounaris_sakurai",
    "pair_momentum",
    "pion_form_factor",
    "rho_pole",
    "three_pion_density",
    "three_pion_space",
]

NEUTRAL_PION_MASS = MASS[111]
"""In MeV."""
THREE_PION_THRESHOLD = 2.0 * PION_MASS + NEUTRAL_PION_MASS
"""Mass in MeV at which pi+ pi- pi0 opens."""

# Largest energy above the three-pion threshold, in MeV, that the interpolated phase space covers.
_REACH = 2000.0


SHAPE = ValidRange(
    "the shape of a resonance", "s", 0.0, math.inf, "MeV^2", "energies are real", above_zero=True
)
"""Where `breit_wigner` and `pair_momentum` hold."""
TWO_PIONS = ValidRange(
    "the shape of a resonance of two pions", "s", 4.0 * PION_MASS**2, math.inf, "MeV^2", "two pions do not fit",
    can_extrapolate=False,
)  # fmt: skip
"""Where `gounaris_sakurai` holds."""
THREE_PIONS = ValidRange(
    "the phase space of three pions", "s", 0.0, (THREE_PION_THRESHOLD + _REACH) ** 2, "MeV^2", "it is not tabulated there",
    can_extrapolate=False,
)  # fmt: skip
"""Where `three_pion_space` is tabulated."""


class Meson(NamedTuple):
    """A vector meson.

    Attributes
    ----------
    mass, width : float
        In MeV.
    to_ee : float
        Branching ratio to e+ e-.
    """

    mass: float
    width: float
    to_ee: float = 0.0


_RHO = Meson(775.26, 149.1)  # Particle Data Group, Phys. Rev. D 110, 030001

# Two pions: BaBar, Phys. Rev. D 86, 032013 (arXiv:1205.2228).
_PION_RHO = Meson(775.02, 149.59)
_PION_EXCITED = (
    (0.158 * np.exp(3.76j), Meson(1493.0, 427.0)),
    (0.068 * np.exp(1.39j), Meson(1861.0, 316.0)),
    (0.0051 * np.exp(0.70j), Meson(2254.0, 109.0)),
)


def breit_wigner(
    s: NDArray[np.float64], meson: Meson, width: NDArray[np.float64] | None = None
) -> NDArray[np.complex128]:
    """Return the resonance M^2 / (M^2 - s - i sqrt(s) Gamma(s)), with M Gamma for sqrt(s) Gamma(s) by default.

    Parameters
    ----------
    s : ndarray, shape (N,)
        In MeV^2.
    meson : Meson
    width : ndarray, shape (N,), optional
        Width at s in MeV.

    Returns
    -------
    ndarray, shape (N,)

    Raises
    ------
    ConfigError
        Outside of `SHAPE`.

    Examples
    --------
    >>> abs(breit_wigner(np.array([1000.0**2]), Meson(1000.0, 100.0)))  # M / Gamma on the resonance
    array([10.])
    """
    s = SHAPE.check(s)
    damping = meson.mass * meson.width if width is None else np.sqrt(s) * width
    return np.asarray(meson.mass**2 / (meson.mass**2 - s - 1j * damping), dtype=np.complex128)


def gounaris_sakurai(s: NDArray[np.float64], meson: Meson) -> NDArray[np.complex128]:
    """Return a resonance that decays into two pions, normalised to 1 at s = 0.

    G. Gounaris, J. Sakurai, Phys. Rev. Lett. 21, 244 (1968).

    Parameters
    ----------
    s : ndarray, shape (N,)
        In MeV^2, at least 4 m_pi^2.
    meson : Meson

    Returns
    -------
    ndarray, shape (N,)

    Raises
    ------
    ConfigError
        Outside of `TWO_PIONS`.

    Examples
    --------
    >>> abs(gounaris_sakurai(np.array([775.0**2]), Meson(775.0, 150.0))).round(2)
    array([5.65])
    """
    s = TWO_PIONS.check(s)
    mass, width = meson.mass, meson.width
    peak = np.asarray(mass**2)
    k, k0 = pair_momentum(s, PION_MASS, PION_MASS), pair_momentum(peak, PION_MASS, PION_MASS)
    h, h0 = _loop(s), _loop(peak)
    slope = h0 * (1.0 / (8.0 * k0**2) - 0.5 / peak) + 0.5 / (np.pi * peak)
    shift = width * peak / k0**3 * (k**2 * (h - h0) + (peak - s) * k0**2 * slope)
    d = (
        3.0 / np.pi * PION_MASS**2 / k0**2 * np.log((mass + 2.0 * k0) / (2.0 * PION_MASS))
        + mass / (2.0 * np.pi * k0)
        - PION_MASS**2 * mass / (np.pi * k0**3)
    )
    damping = width * (k / k0) ** 3 * peak / np.sqrt(s)
    shape: NDArray[np.complex128] = peak * (1.0 + d * width / mass) / (peak - s + shift - 1j * damping)
    return shape


def pion_form_factor(
    s: NDArray[np.float64], mixing: NDArray[np.complex128] | float = 1.0
) -> NDArray[np.complex128]:
    """Return the form factor of two pions from a vector current, 1 at s = 0: the rho and what it is excited to.

    BaBar, Phys. Rev. D 86, 032013 (arXiv:1205.2228), table VI.

    Parameters
    ----------
    s : ndarray, shape (N,)
        In MeV^2, at least 4 m_pi^2.
    mixing : ndarray, shape (N,), or float
        Factor on the rho, by which the current of e+ e- mixes it with the omega.

    Returns
    -------
    ndarray, shape (N,)

    Raises
    ------
    ConfigError
        Outside of `TWO_PIONS`.

    Examples
    --------
    >>> abs(pion_form_factor(np.array([775.0**2]))).round(1)
    array([6.3])
    """
    amplitude = gounaris_sakurai(s, _PION_RHO) * mixing
    for share, meson in _PION_EXCITED:
        amplitude = amplitude + share * gounaris_sakurai(s, meson)
    whole: NDArray[np.complex128] = amplitude / (1.0 + sum(share for share, _ in _PION_EXCITED))
    return whole


def _loop(s: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return h(s) of Gounaris and Sakurai."""
    k, root = pair_momentum(s, PION_MASS, PION_MASS), np.sqrt(s)
    loop: NDArray[np.float64] = 2.0 / np.pi * k / root * np.log((root + 2.0 * k) / (2.0 * PION_MASS))
    return loop


def pair_momentum(s: NDArray[np.float64], first: float, second: float) -> NDArray[np.float64]:
    """Return the momentum in MeV/c of two particles in their rest frame, 0 below threshold.

    Parameters
    ----------
    s : ndarray, shape (N,)
        In MeV^2.
    first, second : float
        Masses in MeV.

    Returns
    -------
    ndarray, shape (N,)

    Raises
    ------
    ConfigError
        Outside of `SHAPE`.

    Examples
    --------
    >>> pair_momentum(np.array([100.0, 100.0**2]), 30.0, 40.0)
    array([ 0.        , 35.52815785])
    """
    s = SHAPE.check(s)
    above = s - (first + second) ** 2
    product = np.maximum(above, 0.0) * (s - (first - second) ** 2)
    momentum: NDArray[np.float64] = np.sqrt(product) / (2.0 * np.sqrt(s))
    return momentum


def three_pion_space(s: ArrayLike) -> NDArray[np.float64]:
    """Return the phase space of a vector meson to rho pi to pi+ pi- pi0, interpolated.

    It opens as the fourth power of the energy above threshold.

    Parameters
    ----------
    s : array-like, shape (N,)
        In MeV^2.

    Returns
    -------
    ndarray, shape (N,)
        In units of the space at the mass of the omega.

    Raises
    ------
    ConfigError
        Outside of `THREE_PIONS`.

    Examples
    --------
    >>> three_pion_space([400.0**2, 600.0**2, 782.66**2]).round(3)
    array([0.   , 0.026, 1.   ])
    """
    above = np.clip(np.sqrt(THREE_PIONS.check(s)) - THREE_PION_THRESHOLD, 0.0, _REACH)
    space: NDArray[np.float64] = above**4 * np.exp(_three_pion_table()(above))
    return space


@cache
def _three_pion_table() -> scipy.interpolate.CubicSpline:
    """Return the log of the phase space over the fourth power of the energy above threshold, against that energy."""
    above = np.concatenate([[1.0, 10.0], np.linspace(25.0, _REACH, 80)])
    unit = _three_pion_integral(np.array([782.66]))
    space = _three_pion_integral(THREE_PION_THRESHOLD + above) / unit
    return scipy.interpolate.CubicSpline(above, np.log(space) - 4.0 * np.log(above))


def three_pion_density(
    plus_minus: NDArray[np.float64], plus_zero: NDArray[np.float64], minus_zero: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the density of a vector meson to pi+ pi- pi0 in the Dalitz plot: |p+ x p-|^2 |sum of three rho poles|^2.

    SND, Phys. Rev. D 68, 052006 (hep-ex/0305049).

    Parameters
    ----------
    plus_minus, plus_zero, minus_zero : ndarray, shape (N,)
        Squared masses of pairs of pions in MeV^2.

    Returns
    -------
    ndarray, shape (N,)
        In MeV^4; 0 outside of the Dalitz plot.

    Raises
    ------
    ConfigError
        Outside of `SHAPE`.

    Examples
    --------
    >>> s = np.array([3e5, 3e5]), np.array([2e5, 1.5e5]), np.array([1.5e5, 2e5])
    >>> bool(np.ptp(three_pion_density(*s)) < 1.0)  # pi+ and pi- exchanged
    True
    """
    mass2 = plus_minus + plus_zero + minus_zero - 2.0 * PION_MASS**2 - NEUTRAL_PION_MASS**2
    first = (mass2 + PION_MASS**2 - minus_zero) / 2.0  # energies times the mass
    second = (mass2 + PION_MASS**2 - plus_zero) / 2.0
    product = first * second - mass2 * (plus_minus / 2.0 - PION_MASS**2)
    squares = (first**2 - mass2 * PION_MASS**2) * (second**2 - mass2 * PION_MASS**2)
    cross = np.maximum(squares - product**2, 0.0) / mass2**2
    poles = rho_pole(plus_minus) + rho_pole(plus_zero) + rho_pole(minus_zero)
    density: NDArray[np.float64] = cross * np.abs(poles) ** 2
    return density


def _three_pion_integral(masses: NDArray[np.float64]) -> NDArray[np.float64]:
    """Integrate `three_pion_density` over the Dalitz plot, shape (N,)."""
    nodes, weights = np.polynomial.legendre.leggauss(32)
    mass = masses[:, None, None]
    low, high = 4.0 * PION_MASS**2, (mass - NEUTRAL_PION_MASS) ** 2
    pair = 0.5 * (high - low) * (nodes[:, None] + 1.0) + low  # squared mass of pi+ pi-
    # Momentum of pi+, and energy and momentum of pi0, where the pair rests; the cosine is between the two.
    momentum = pair_momentum(pair, PION_MASS, PION_MASS)
    energy = (mass**2 - pair - NEUTRAL_PION_MASS**2) / (2.0 * np.sqrt(pair))
    recoil = np.sqrt(energy**2 - NEUTRAL_PION_MASS**2)
    mean = PION_MASS**2 + NEUTRAL_PION_MASS**2 + np.sqrt(pair) * energy
    difference = 2.0 * momentum * recoil * nodes
    space = (high - low) / mass * momentum * recoil
    density = space * three_pion_density(pair, mean - difference, mean + difference)
    integral: NDArray[np.float64] = np.einsum("i,j,nij->n", weights, weights, density)
    return integral


def rho_pole(s: NDArray[np.float64]) -> NDArray[np.complex128]:
    """Return the amplitude of the rho that decays to two pions, with a width that grows as their phase space.

    Parameters
    ----------
    s : ndarray, shape (N,)
        Squared mass of the pions in MeV^2, above 0.

    Returns
    -------
    ndarray, shape (N,)

    Raises
    ------
    ConfigError
        Outside of `SHAPE`.
    """
    peak = np.asarray(_RHO.mass**2)
    growth = (pair_momentum(s, PION_MASS, PION_MASS) / pair_momentum(peak, PION_MASS, PION_MASS)) ** 3
    return breit_wigner(s, _RHO, _RHO.width * growth * peak / s)

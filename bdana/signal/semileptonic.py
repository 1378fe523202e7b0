"""Decays of a D meson into a lighter meson, a charged lepton and a heavy neutrino: spectra and widths at coupling 1.

With the helicity amplitudes of the meson's current, H_t for spin 0 of the pair of leptons and H_0, H_+, H_- for spin 1,

    dGamma/dq2 = G_F^2 |V|^2 / (512 pi^3 m_D^3 q2) lambda^1/2(m_D^2, m^2, q2) lambda^1/2(q2, m_l^2, m_N^2)
                 [rho_1 (H_0^2 + H_+^2 + H_-^2) + rho_0 H_t^2],

rho_0 = 4 (S - D^2 / q2) and rho_1 = 4/3 (2 q2 - S - D^2 / q2), where S and D are sum and difference of m_l^2 and m_N^2: the
leptons' tensor integrated over their directions. For a pseudoscalar meson this is the width of arXiv:1805.08567.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from bdana.signal.constants import FERMI

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Spectrum = Callable[[NDArray[np.float64]], NDArray[np.float64]]

__all__ = [
    "SemileptonicRate",
    "ToPseudoscalar",
    "ToVector",
    "Transition",
    "drawn_mass",
    "integrated",
    "lepton_pair_tensor",
    "triangle_root",
]

_POINTS, _WEIGHTS = np.polynomial.legendre.leggauss(64)


class Transition(Protocol):
    """Interface of the current of two mesons, with their masses in MeV."""

    @property
    def heavy(self) -> float:
        """Mass of the meson that decays."""
        ...

    @property
    def light(self) -> float:
        """Mass of the meson that is left."""
        ...

    def amplitudes(
        self, q2: NDArray[np.float64], momentum: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return H_0^2 + H_+^2 + H_-^2 and H_t^2 in MeV^2.

        Parameters
        ----------
        q2 : ndarray, shape (N,)
            Squared mass of the two leptons in MeV^2.
        momentum : ndarray, shape (N,)
            Of the light meson where the heavy one rests, in MeV/c.
        """
        ...


@dataclass(frozen=True)
class ToPseudoscalar:
    """Current of a D meson and a kaon or pion, with the form factors f+ and f0 of arXiv:1805.08567.

    Attributes
    ----------
    heavy, light : float
        Masses in MeV.
    at_zero : float
        f(0), of both.
    plus, zero : (float, float)
        c, and P in GeV^-2, of each.
    """

    heavy: float
    light: float
    at_zero: float
    plus: tuple[float, float]
    zero: tuple[float, float]

    def amplitudes(
        self, q2: NDArray[np.float64], momentum: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """As for `Transition`.

        Parameters
        ----------
        q2, momentum : ndarray, shape (N,)
        """
        spin = (2.0 * self.heavy * momentum * self._form_factor(q2, *self.plus)) ** 2 / q2
        scalar = ((self.heavy**2 - self.light**2) * self._form_factor(q2, *self.zero)) ** 2 / q2
        return spin, scalar

    def _form_factor(self, q2: NDArray[np.float64], slope: float, pole: float) -> NDArray[np.float64]:
        both, start = (self.heavy + self.light) ** 2, self.heavy + self.light
        start *= (math.sqrt(self.heavy) - math.sqrt(self.light)) ** 2

        def mapped(value: NDArray[np.float64]) -> NDArray[np.float64]:
            root, fixed = np.sqrt(both - value), math.sqrt(both - start)
            ratio: NDArray[np.float64] = (root - fixed) / (root + fixed)
            return ratio

        z, at_zero = mapped(q2), mapped(np.zeros(()))
        series = self.at_zero - slope * (z - at_zero) * (1.0 + (z + at_zero) / 2.0)
        value: NDArray[np.float64] = series / (1.0 - pole * 1e-6 * q2)
        return value


@dataclass(frozen=True)
class ToVector:
    """Current of a D meson and a K*, with the form factors of D. Melikhov, B. Stech, Phys. Rev. D 62, 014006.

    V and A0 have a pole and f(0) / (1 - a x + b x^2), A1 and A2 the latter alone; x is q2 over the squared mass of the pole.
    They give 12% more decays with a massless neutrino than are measured.

    Attributes
    ----------
    heavy, light : float
        Masses in MeV.
    v, a0, a1, a2 : (float, float, float)
        f(0), a and b of each.
    vector_pole, pseudoscalar_pole : float
        Masses of the poles in MeV, the latter that of A0.
    """

    heavy: float
    light: float
    v: tuple[float, float, float] = (1.03, 0.27, 0.0)
    a0: tuple[float, float, float] = (0.76, 0.17, 0.0)
    a1: tuple[float, float, float] = (0.66, 0.30, 0.0)
    a2: tuple[float, float, float] = (0.49, 0.67, 0.16)
    vector_pole: float = 2112.2
    pseudoscalar_pole: float = 1968.35

    def amplitudes(
        self, q2: NDArray[np.float64], momentum: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """As for `Transition`.

        Parameters
        ----------
        q2, momentum : ndarray, shape (N,)
        """
        x, y = q2 / self.vector_pole**2, q2 / self.pseudoscalar_pole**2
        v, a0 = _dipole(x, self.v) / (1.0 - x), _dipole(y, self.a0) / (1.0 - y)
        a1, a2 = _dipole(x, self.a1), _dipole(x, self.a2)
        total, moved = self.heavy + self.light, 2.0 * self.heavy * momentum
        across = 2.0 * ((total * a1) ** 2 + (moved * v / total) ** 2)
        along = (self.heavy**2 - self.light**2 - q2) * total * a1 - moved**2 / total * a2
        return across + along**2 / (4.0 * self.light**2 * q2), (moved * a0) ** 2 / q2


def _dipole(x: NDArray[np.float64], shape: tuple[float, float, float]) -> NDArray[np.float64]:
    at_zero, slope, curve = shape
    value: NDArray[np.float64] = at_zero / (1.0 - slope * x + curve * x**2)
    return value


@dataclass(frozen=True)
class SemileptonicRate:
    """Spectrum dGamma/dq2 in MeV^-1 at coupling 1, with q2 the squared mass of lepton and heavy neutrino.

    Attributes
    ----------
    transition : Transition
    element : float
        Of the CKM matrix.
    own, lepton : float
        Masses of heavy neutrino and lepton in MeV.
    """

    transition: Transition
    element: float
    own: float
    lepton: float

    def __call__(self, q2: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the spectrum, shape (N,).

        Parameters
        ----------
        q2 : ndarray, shape (N,)
            In MeV^2.
        """
        heavy, light = self.transition.heavy, self.transition.light
        momentum = triangle_root(heavy**2, light**2, q2) / (2.0 * heavy)
        spin, scalar = self.transition.amplitudes(q2, momentum)
        vector, timelike = lepton_pair_tensor(q2, self.own, self.lepton)
        unit = (FERMI * self.element) ** 2 / (512.0 * math.pi**3 * heavy**2)
        rate: NDArray[np.float64] = (
            unit
            * 2.0
            * momentum
            * triangle_root(q2, self.own**2, self.lepton**2)
            / q2
            * (vector * spin + timelike * scalar)
        )
        return rate

    def width(self) -> float:
        """Return the width in MeV; 0 where the meson is too light."""
        return integrated(self, self.own + self.lepton, self.transition.heavy - self.transition.light)


def integrated(rate: Spectrum, low: float, high: float) -> float:
    """Return the integral of a spectrum dGamma/dq2 in MeV, between two ends of q in MeV; 0 where there is no room.

    Parameters
    ----------
    rate : callable
        Of q2 in MeV^2, shape (N,), in MeV^-1.
    low, high : float
    """
    if low >= high:
        return 0.0
    q = low + (high - low) * (_POINTS + 1.0) / 2.0
    return float((high - low) / 2.0 * np.dot(_WEIGHTS, 2.0 * q * rate(q**2)))


def drawn_mass(
    rate: Spectrum, low: float, high: float, n: int, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Draw n masses q in MeV of a spectrum dGamma/dq2.

    Parameters
    ----------
    rate : callable
        As for `integrated`, in any unit.
    low, high : float
        Ends of q in MeV.
    n : int
    rng : Generator
    """
    q = np.linspace(low, high, 402)
    middle = 0.5 * (q[1:] + q[:-1])
    cumulative = np.append(0.0, np.cumsum(rate(middle**2) * middle))
    return np.interp(rng.random(n) * cumulative[-1], cumulative, q)


def lepton_pair_tensor(
    q2: NDArray[np.float64], first: float, second: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return rho_1 and rho_0 in MeV^2: the tensor of two leptons of a V-A current, integrated over their directions.

    It is rho_1 (q q / q2 - g) + rho_0 q q / q2, without the phase space of the pair.

    Parameters
    ----------
    q2 : ndarray, shape (N,)
        Squared mass of the pair in MeV^2.
    first, second : float
        Masses in MeV.
    """
    both, difference = first**2 + second**2, (first**2 - second**2) ** 2 / q2
    return 4.0 / 3.0 * (2.0 * q2 - both - difference), 4.0 * (both - difference)


def triangle_root(
    a: float | NDArray[np.float64], b: float | NDArray[np.float64], c: float | NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return lambda^1/2(a, b, c) of three squared masses, 0 where it is not real.

    Parameters
    ----------
    a, b, c : float or ndarray, shape (N,)
    """
    triangle = a**2 + b**2 + c**2 - 2.0 * (a * b + a * c + b * c)
    root: NDArray[np.float64] = np.sqrt(np.maximum(triangle, 0.0))
    return root

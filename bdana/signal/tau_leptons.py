"""Tau leptons of the decays of D mesons in a dump, and their decays into a heavy neutrino, at coupling 1.

Taus come from Ds and D+ -> tau nu. Where the heavy neutrino N mixes with the tau's neutrino they decay into N and a pion, kaon or
rho, or N and a lighter lepton with its neutrino; where it mixes with that of a lighter lepton l, into l, N and the neutrino
of the tau (arXiv:1805.08567).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from bdana.masses import MASS
from bdana.signal.constants import F_KAON, F_PION, FERMI, G_RHO, V_UD, V_US
from bdana.signal.meson_spectra import meson_mass, meson_width
from bdana.signal.mesons import MesonDecay, isotropic_decay, two_body_momentum
from bdana.signal.semileptonic import drawn_mass, integrated, lepton_pair_tensor, triangle_root

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    from bdana.signal.mesons import MesonSource

__all__ = ["LeptonRate", "PairRecoil", "TauSpectra", "tau_to_meson"]

TAU = "tau"
_TAU_MASS = MASS[15]
# Meson number, and what its width is proportional to: (f V)^2, or (g V / m)^2 for the rho.
_MESONS = {"pi": (211, F_PION * V_UD), "K": (321, F_KAON * V_US), "rho": (213, G_RHO * V_UD / MASS[213])}


@dataclass(frozen=True)
class TauSpectra:
    """Tau leptons for each pair of c quarks: D mesons that decay into a tau and a neutrino.

    Attributes
    ----------
    mesons : MesonSource
        Of `Ds` and `D_pm`.
    ratios : mapping of str to float
        Branching ratios into a tau and its neutrino, by meson.
    """

    mesons: MesonSource
    ratios: Mapping[str, float]

    def multiplicity(self, meson: str) -> float:  # noqa: ARG002
        """Return the mean number of taus of both charges.

        Parameters
        ----------
        meson : str
            `tau`.
        """
        return sum(self._yields.values())

    def draw(
        self,
        meson: str,  # noqa: ARG002
        n: int,
        rng: np.random.Generator,
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """Draw taus, as `MesonSource.draw` does mesons.

        Parameters
        ----------
        meson : str
            `tau`.
        n : int
        rng : Generator
        """
        share = np.array(list(self._yields.values())) / self.multiplicity(TAU)
        parts = []
        for source, count in zip(self._yields, rng.multinomial(n, share), strict=True):
            p, pt, weight = self.mesons.draw(source, int(count), rng)
            heavy = meson_mass(source)
            at_rest = np.full(int(count), two_body_momentum(heavy, _TAU_MASS, 0.0))
            momentum = isotropic_decay(p, pt, np.full(int(count), heavy), _TAU_MASS, at_rest, rng)
            parts.append((np.sqrt((momentum**2).sum(axis=0)), np.hypot(*momentum[:2]), weight))
        p, pt, weight = (np.concatenate(column) for column in zip(*parts, strict=True))
        return p, pt, weight

    def variation(
        self, meson: str, p: NDArray[np.float64], pt: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the factors of the mesons' spectrum, at the momentum of the tau, which takes nearly all of it.

        Parameters
        ----------
        meson : str
        p, pt : ndarray, shape (N,)
            In MeV/c.
        """
        return self.mesons.variation("Ds" if meson == TAU else meson, p, pt)

    @property
    def _yields(self) -> dict[str, float]:
        return {meson: self.mesons.multiplicity(meson) * ratio for meson, ratio in self.ratios.items()}


@dataclass(frozen=True)
class PairRecoil(MesonDecay):
    """A decay into the new particle and two others, which it recoils against as one.

    Attributes
    ----------
    rate : callable
        Of the squared mass of the two others in MeV^2, shape (N,): the spectrum, in any unit.
    """

    rate: Callable[[NDArray[np.float64]], NDArray[np.float64]] = np.ones_like

    def at_rest(self, mass: float, n: int, rng: np.random.Generator) -> NDArray[np.float64]:
        """Return momenta of the new particle in the rest frame of what decays in MeV/c, shape (n,).

        Parameters
        ----------
        mass : float
            Of the new particle, in MeV.
        n : int
        rng : Generator
        """
        heavy = meson_mass(self.meson)
        pair = drawn_mass(self.rate, self.recoil_mass, heavy - mass, n, rng)
        return two_body_momentum(heavy, mass, pair)


def tau_to_meson(mass: float, meson: str) -> float:
    """Return the branching ratio of tau -> N and a meson at coupling 1; 0 where the tau is too light (arXiv:1805.08567).

    Parameters
    ----------
    mass : float
        Of N, in MeV.
    meson : str
        `pi`, `K` or `rho`.

    Examples
    --------
    >>> round(tau_to_meson(0.0, "pi"), 3)
    0.106
    """
    number, strength = _MESONS[meson]
    x2, y2 = (mass / _TAU_MASS) ** 2, (MASS[number] / _TAU_MASS) ** 2
    if mass + MASS[number] >= _TAU_MASS:
        return 0.0
    if meson == "rho":
        shape = (1.0 - x2) ** 2 + y2 * (1.0 + x2 - 2.0 * y2)
    else:
        shape = (1.0 - x2) ** 2 - y2 * (1.0 + x2)
    width = (FERMI * strength) ** 2 * _TAU_MASS**3 / (16.0 * math.pi) * shape
    return width * float(triangle_root(1.0, x2, y2)) / meson_width(TAU)


@dataclass(frozen=True)
class LeptonRate:
    """Spectrum dGamma/dq2 of a tau into three leptons in MeV^-1 at coupling 1, with q2 the squared mass of two of them.

    The two come from one W boson; the third is the neutrino of the tau, or the heavy one that it mixes with.

    Attributes
    ----------
    third : float
        Its mass in MeV.
    pair : (float, float)
        Masses of the two in MeV.
    """

    third: float
    pair: tuple[float, float]

    def __call__(self, q2: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the spectrum, shape (N,).

        Parameters
        ----------
        q2 : ndarray, shape (N,)
            In MeV^2.
        """
        tau2, third2 = _TAU_MASS**2, self.third**2
        vector, timelike = lepton_pair_tensor(q2, *self.pair)
        product = (tau2 + third2 - q2) / 2.0
        along = 2.0 * (tau2 + q2 - third2) * (tau2 - q2 - third2) / (4.0 * q2) - product
        tensor = 8.0 * vector * product + 4.0 * (vector + timelike) * along
        space = triangle_root(tau2, third2, q2) * triangle_root(q2, self.pair[0] ** 2, self.pair[1] ** 2)
        rate: NDArray[np.float64] = FERMI**2 / (512.0 * math.pi**3 * _TAU_MASS**3) * space / q2 * tensor
        return rate

    def ratio(self) -> float:
        """Return the branching ratio; 0 where the tau is too light."""
        return integrated(self, sum(self.pair), _TAU_MASS - self.third) / meson_width(TAU)

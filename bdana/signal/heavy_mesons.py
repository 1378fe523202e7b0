"""Mesons with b and c quarks that protons make in a dump.

Numbers of pairs of quarks come from the cross-section. The spectra of B mesons are those of PYTHIA 8
(`bdana.signal.meson_spectra`), those of D mesons d2N/dxF dpT2 ~ (1 - |xF|)^n exp(-b pT^2), which experiments fitted.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.constants import Avogadro

from bdana.signal.constants import PROTON_MASS
from bdana.signal.contract import Varied
from bdana.signal.meson_spectra import BEAUTY, meson_mass, meson_spectra
from bdana.signal.mesons import MesonDecay, MesonDecays, two_body_momentum
from bdana.signal.semileptonic import drawn_mass

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from bdana.signal.contract import Production
    from bdana.signal.mesons import MesonSource

__all__ = [
    "CASCADE",
    "CHARM_FRACTIONS",
    "CharmSpectra",
    "HeavyMesonDecays",
    "SemileptonicDecay",
    "beauty_decays",
    "charm_decays",
    "heavy_quark_pairs",
    "uncertain_pairs",
]

CHARM_FRACTIONS = {"D_pm": 0.556, "D0": 1.053, "Ds": 0.1673}
"""Mesons and antimesons for each pair of c quarks from protons of 400 GeV on nucleons (ALPINIST, arXiv:2407.08673)."""
CASCADE = {"c": 2.3, "b": 1.7}
"""Pairs of quarks that all particles make in a thick target of 400 GeV protons, over those of the protons themselves
(H. Dijkstra, T. Ruf, CERN-SHiP-NOTE-2015-009, molybdenum)."""


@dataclass(frozen=True)
class HeavyMesonDecays(MesonDecays):
    """Production in decays of mesons with heavy quarks.

    Attributes
    ----------
    pairs : float
        Of heavy quarks for each proton that interacts, as `heavy_quark_pairs` gives them.
    """

    pairs: float = 1.0

    @property
    def per_proton(self) -> float:
        """Particles for each proton that interacts."""
        return self.pairs * super().per_proton


@dataclass(frozen=True)
class CharmSpectra:
    """D mesons for each pair of c quarks, with d2N/dxF dpT2 ~ (1 - |xF|)^n exp(-b pT^2).

    Attributes
    ----------
    beam_momentum : float
        Of protons on nucleons at rest, in MeV/c.
    shape : (float, float)
        n, and b in GeV^-2; those of LEBC-EHS at 400 GeV are the default, assumed.
    other : (float, float)
        Those at the other end of the uncertainty; of E653 by default.
    """

    beam_momentum: float
    shape: tuple[float, float] = (4.9, 0.99)
    other: tuple[float, float] = (6.8, 0.81)

    def multiplicity(self, meson: str) -> float:
        """Return the mean number of mesons and antimesons for each pair of c quarks (ALPINIST, arXiv:2407.08673).

        Parameters
        ----------
        meson : str
            `D_pm`, `D0` or `Ds`.
        """
        return CHARM_FRACTIONS[meson]

    def draw(
        self, meson: str, n: int, rng: np.random.Generator
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """Draw mesons evenly in xF, so that hard ones are not rare; weights carry the spectrum.

        Parameters
        ----------
        meson : str
        n : int
        rng : Generator

        Returns
        -------
        p, pt, weight : ndarray, shape (n,)
            Momentum and transverse momentum in MeV/c, and weights of mean 1.
        """
        power, slope = self.shape
        xf = 2.0 * rng.permutation((np.arange(n) + rng.random(n)) / max(n, 1)) - 1.0
        weight = (power + 1.0) * (1.0 - np.abs(xf)) ** power
        pt = 1e3 * np.sqrt(rng.exponential(1.0 / slope, n))
        along = 0.5 * xf * self._energy
        energy = np.sqrt(meson_mass(meson) ** 2 + pt**2 + along**2)
        gamma, moving = self._boost
        return np.hypot(pt, gamma * along + moving * energy), pt, weight

    def variation(
        self, meson: str, p: NDArray[np.float64], pt: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the factors on the weights at the two ends: the smaller and larger of 1 and the ratio of both shapes.

        Parameters
        ----------
        meson : str
        p, pt : ndarray, shape (N,)
            In MeV/c.
        """
        gamma, moving = self._boost
        along = gamma * np.sqrt(np.maximum(p**2 - pt**2, 0.0)) - moving * np.sqrt(
            p**2 + meson_mass(meson) ** 2
        )
        left = np.maximum(1.0 - np.abs(2.0 * along / self._energy), 0.0)
        densities = [
            (power + 1.0) * left**power * slope * np.exp(-slope * 1e-6 * pt**2)
            for power, slope in (self.shape, self.other)
        ]
        ratio = np.divide(densities[1], densities[0], out=np.ones(len(p)), where=densities[0] > 0.0)
        return np.minimum(ratio, 1.0), np.maximum(ratio, 1.0)

    @property
    def _energy(self) -> float:
        """In the centre of mass, in MeV."""
        return float(np.sqrt(2.0 * PROTON_MASS * (PROTON_MASS + np.hypot(self.beam_momentum, PROTON_MASS))))

    @property
    def _boost(self) -> tuple[float, float]:
        """Gamma and gamma beta of the centre of mass."""
        energy = float(np.hypot(self.beam_momentum, PROTON_MASS)) + PROTON_MASS
        return energy / self._energy, self.beam_momentum / self._energy


@dataclass(frozen=True)
class SemileptonicDecay(MesonDecay):
    """A decay of a meson into another one, a lepton, and the new particle as its neutrino.

    Lepton and new particle leave isotropically in their own rest frame, which is an approximation.

    Attributes
    ----------
    lepton_mass : float
        In MeV.
    rate : callable
        Of the squared mass of lepton and new particle in MeV^2, shape (N,): the spectrum, in any unit.
    """

    lepton_mass: float = 0.0
    rate: Callable[[NDArray[np.float64]], NDArray[np.float64]] = np.ones_like

    def open_at(self, mass: float) -> bool:
        """Return whether the meson is heavy enough.

        Parameters
        ----------
        mass : float
            Of the new particle, in MeV.
        """
        return super().open_at(mass + self.lepton_mass)

    def at_rest(self, mass: float, n: int, rng: np.random.Generator) -> NDArray[np.float64]:
        """Return momenta of the new particle in the rest frame of the meson in MeV/c, shape (n,).

        Parameters
        ----------
        mass : float
            Of the new particle, in MeV.
        n : int
        rng : Generator
        """
        heavy = meson_mass(self.meson)
        pair = drawn_mass(self.rate, mass + self.lepton_mass, heavy - self.recoil_mass, n, rng)
        own = two_body_momentum(pair, mass, self.lepton_mass)
        moving = two_body_momentum(heavy, pair, self.recoil_mass)
        cosine = rng.uniform(-1.0, 1.0, n)
        energy = np.sqrt(own**2 + mass**2)
        along = (np.sqrt(moving**2 + pair**2) * own * cosine + moving * energy) / pair
        return np.sqrt(along**2 + own**2 * (1.0 - cosine**2))


def heavy_quark_pairs(
    cross_section_nb: float, nucleons: float = 63.546, interaction_length: float = 137.3
) -> float:
    """Return the pairs of heavy quarks for each proton that interacts: A sigma over the inelastic cross-section.

    The inelastic cross-section of a nucleus is A / (N_A interaction length): 768.5 mb for copper. Pairs grow with A, as the
    protons meet single nucleons in hard collisions.

    Parameters
    ----------
    cross_section_nb : float
        On one nucleon, in nb.
    nucleons : float
        A of the dump; by default that of copper.
    interaction_length : float
        Nuclear interaction length of the dump in g/cm2; by default that of copper (PDG).

    Examples
    --------
    >>> from bdana.signal.heavy_mesons import heavy_quark_pairs
    >>> f"{heavy_quark_pairs(2.63):.3e}"
    '2.175e-07'
    """
    inelastic_nb = 1e33 * nucleons / (Avogadro * interaction_length)
    return nucleons * cross_section_nb / inelastic_nb


def uncertain_pairs(process: Production, quark: str, error: float) -> Production:
    """Return the process with the uncertainties of the number of pairs, that of the cross-section and `cascade`.

    The latter goes from the pairs of the protons alone, which are counted, to those of all particles in the dump, as if they
    had the same spectrum; they are softer.

    Parameters
    ----------
    process : Production
        In decays of the mesons.
    quark : {"b", "c"}
    error : float
        Relative error of the cross-section.
    """
    of_protons = Varied(process, f"{quark}{quark}_cross_section", max(1.0 - error, 0.0), 1.0 + error)
    return Varied(of_protons, "cascade", 1.0, CASCADE[quark])


def beauty_decays(
    mass: float,
    decays: Sequence[MesonDecay],
    pairs: float,
    beam_momentum: float,
    theta_max: float | None = None,
) -> MesonDecays:
    """Return the production of a new particle in decays of B mesons.

    Parameters
    ----------
    mass : float
        Of the new particle, in MeV.
    decays : sequence of MesonDecay
        Of `B_pm` and `B0`.
    pairs : float
        Of b quarks for each proton that interacts, as `heavy_quark_pairs` gives them.
    beam_momentum : float
        In MeV/c.
    theta_max : float, optional
        As for `MesonDecays`.

    Raises
    ------
    ConfigError
        When there is no table of spectra for this beam momentum.
    """
    return HeavyMesonDecays(mass, tuple(decays), meson_spectra(BEAUTY, beam_momentum), theta_max, pairs)


def charm_decays(
    mass: float,
    decays: Sequence[MesonDecay],
    pairs: float,
    spectra: MesonSource,
    theta_max: float | None = None,
) -> MesonDecays:
    """Return the production of a new particle in decays of D mesons.

    Parameters
    ----------
    mass : float
        Of the new particle, in MeV.
    decays : sequence of MesonDecay
        Of `D_pm`, `D0` and `Ds`, or of the `tau` that these make.
    pairs : float
        Of c quarks for each proton that interacts, as `heavy_quark_pairs` gives them.
    spectra : MesonSource
        For each pair of quarks.
    theta_max : float, optional
        As for `MesonDecays`.
    """
    return HeavyMesonDecays(mass, tuple(decays), spectra, theta_max, pairs)

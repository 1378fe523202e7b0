"""Pairs of b quarks that protons make in a dump, and the mesons B+- and B0 from them.

Numbers come from the cross-section, spectra from PYTHIA 8 (`bdana.signal.meson_spectra`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from scipy.constants import Avogadro

from bdana.signal.meson_spectra import BEAUTY, meson_spectra
from bdana.signal.mesons import MesonDecays

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bdana.signal.mesons import MesonDecay

__all__ = ["beauty_decays", "heavy_quark_pairs"]


@dataclass(frozen=True)
class _ScaledDecays(MesonDecays):
    """Decays of the mesons from so many pairs of quarks for each proton."""

    pairs: float = 1.0

    @property
    def per_proton(self) -> float:
        return self.pairs * super().per_proton


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
    >>> from bdana.signal.beauty import heavy_quark_pairs
    >>> f"{heavy_quark_pairs(2.63):.3e}"
    '2.175e-07'
    """
    inelastic_nb = 1e33 * nucleons / (Avogadro * interaction_length)
    return nucleons * cross_section_nb / inelastic_nb


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
    return _ScaledDecays(mass, tuple(decays), meson_spectra(BEAUTY, beam_momentum), theta_max, pairs)

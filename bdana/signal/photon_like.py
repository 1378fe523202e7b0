"""Mesons that make a vector particle which couples like the photon: branching ratios and mixing, at coupling 1.

A meson that decays with a photon also decays with the particle, and rho, omega and phi mix with it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from bdana.errors import ConfigError
from bdana.signal.constants import ALPHA, PION_MASS
from bdana.signal.meson_spectra import meson_mass
from bdana.signal.mesons import MesonDecay
from bdana.signal.validity import ValidRange

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["MIXING", "PHOTON_MASS", "meson_decays", "mixing_probabilities", "transition_form_factor"]


@dataclass(frozen=True)
class _FormFactor:
    """Pole form factor of a decay with a photon: 1 / Lambda^2 in GeV^-2, and the width of the pole in MeV."""

    inverse_square: float
    width: float = 0.0

    def squared(self, mass: ArrayLike) -> NDArray[np.float64]:
        m2 = np.asarray(mass, dtype=np.float64) ** 2
        pole = 1e6 / self.inverse_square
        damping = pole * self.width**2
        ratio: NDArray[np.float64] = (pole**2 + damping) / ((pole - m2) ** 2 + damping)
        return ratio


PHOTON_MASS = ValidRange(
    "the decay of a meson with the particle", "mass", 0.0, math.inf, "MeV", "no mass is below 0"
)
"""Masses for which `meson_decays` tells which decays are open."""
MIXING = ValidRange(
    "mixing with rho, omega and phi", "mass", 0.0, 2000.0, "MeV", "above, excited vector mesons mix too",
    above_zero=True,
)  # fmt: skip
"""Where `mixing_probabilities` holds."""

_POLE_WIDTH = 149.0
_DOMINANCE = 1.65  # 1 / mass^2 of rho and omega: vector-meson dominance, assumed where it was not measured

# Decays with a photon: branching ratio (PDG), and form factor. Where the pole is below the largest mass, it has the width
# of the rho (assumed).
_DECAYS = {
    # The slope 0.0335 of the pi0 is in units of its mass squared (PDG).
    ("pi0", "gamma"): (0.98823, _FormFactor(0.0335e6 / meson_mass("pi0") ** 2)),
    # NA60, Phys. Lett. B 677, 260 (arXiv:0902.2547), for eta and omega; the value for eta' is assumed.
    ("eta", "gamma"): (0.3936, _FormFactor(1.95)),
    ("eta_prime", "gamma"): (0.0231, _FormFactor(1.42, _POLE_WIDTH)),
    ("omega", "pi0"): (0.0833, _FormFactor(2.24)),
    ("rho0", "pi0"): (4.7e-4, _FormFactor(_DOMINANCE)),
    ("rho_pm", "pi_pm"): (4.5e-4, _FormFactor(_DOMINANCE)),
    # KLOE-2, Phys. Lett. B 757, 362 (arXiv:1601.06565) and Phys. Lett. B 742, 1 (arXiv:1409.4582).
    ("phi", "pi0"): (1.3e-3, _FormFactor(2.02, _POLE_WIDTH)),
    ("phi", "eta"): (0.0131, _FormFactor(1.28)),
    ("rho0", "eta"): (3e-4, _FormFactor(_DOMINANCE)),
    ("omega", "eta"): (4.5e-4, _FormFactor(_DOMINANCE)),
}
_RECOIL_MASSES = {"gamma": 0.0, "pi0": meson_mass("pi0"), "pi_pm": PION_MASS, "eta": meson_mass("eta")}

# Widths in MeV: total, and into e+ e- (PDG).
_MIXING_WIDTHS = {"rho0": (149.1, 7.04e-3), "omega": (8.68, 0.641e-3), "phi": (4.249, 1.266e-3)}


def transition_form_factor(mass: ArrayLike, meson: str, recoil: str) -> NDArray[np.float64]:
    """Return |F(m^2)|^2 of a meson's decay with a photon of mass m, 1 at m = 0.

    One pole: 1 / (1 - m^2 / Lambda^2)^2, and for eta' and phi -> pi0, whose pole is within reach, with a width Gamma
    Lambda^2 (Lambda^2 + Gamma^2) / ((Lambda^2 - m^2)^2 + Lambda^2 Gamma^2) (BESIII, arXiv:1504.06016).

    Parameters
    ----------
    mass : array-like, shape (N,)
        In MeV, at most that of the meson less the recoil.
    meson : str
    recoil : str
        `gamma`, `pi0`, `pi_pm` or `eta`.

    Raises
    ------
    ConfigError
        When there is no such decay, or the mass is more than the meson has.

    Examples
    --------
    >>> transition_form_factor([0.0, 400.0], "eta", "gamma").round(2)
    array([1.  , 2.11])
    """
    if (meson, recoil) not in _DECAYS:
        known = ", ".join(f"{one} -> {other}" for one, other in _DECAYS)
        raise ConfigError(f"no decay {meson} -> {recoil} with a photon: there are {known}")
    _, form_factor = _DECAYS[meson, recoil]
    most = meson_mass(meson) - _RECOIL_MASSES[recoil]
    kinematic = ValidRange(
        f"the form factor of {meson} -> {recoil}",
        "mass",
        0.0,
        most,
        "MeV",
        "the meson is too light",
        can_extrapolate=False,
    )
    return form_factor.squared(kinematic.check(mass))


def meson_decays(mass: float, *, form_factor: bool = True) -> tuple[MesonDecay, ...]:
    """Return the decays of mesons that make a particle of this mass, with branching ratios at coupling 1.

    P -> gamma X: 2 (1 - m^2/m_P^2)^3 BR(P -> gamma gamma). V -> P X: BR(V -> P gamma) times the cube of the momentum
    over that of the photon, lambda^1/2(m_V^2, m_P^2, m^2) / (m_V^2 - m_P^2), which is 1 at m = 0
    (B. Batell, M. Pospelov, A. Ritz, Phys. Rev. D 80, 095024; P. Ilten et al., arXiv:1801.04847).

    Parameters
    ----------
    mass : float
        In MeV.
    form_factor : bool
        Whether the branching ratios contain `transition_form_factor`.

    Raises
    ------
    ConfigError
        Outside of `PHOTON_MASS`.

    Examples
    --------
    >>> [(decay.meson, round(decay.branching_ratio, 3)) for decay in meson_decays(500.0, form_factor=False)]
    [('eta', 0.004), ('eta_prime', 0.018), ('omega', 0.013), ('rho0', 0.0), ('rho_pm', 0.0), ('phi', 0.001)]
    """
    PHOTON_MASS.check(mass)
    found = []
    for (meson, recoil), (ratio, pole) in _DECAYS.items():
        heavy, light = meson_mass(meson), _RECOIL_MASSES[recoil]
        if mass >= heavy - light:
            continue
        momentum = math.sqrt((heavy**2 - (light + mass) ** 2) * (heavy**2 - (light - mass) ** 2))
        suppression = (momentum / (heavy**2 - light**2)) ** 3
        photons = 2.0 if recoil == "gamma" else 1.0
        squared = float(pole.squared(mass)) if form_factor else 1.0
        found.append(MesonDecay(meson, light, photons * ratio * suppression * squared))
    return tuple(found)


def mixing_probabilities(mass: float, *, extrapolate: bool = False) -> dict[str, float]:
    """Return the probabilities at coupling 1 that the particle takes the place of a rho0, omega or phi.

    (e / g_V)^2 m_V^4 / |m_V^2 - m^2 - i m_V Gamma_V|^2 (A. Berlin, F. Kling, arXiv:1810.01879), with g_V from
    Gamma(V -> e+ e-) = 4 pi alpha^2 m_V / (3 g_V^2): 5.0, 16.5 and 13.4. At small masses they go to (e / g_V)^2;
    that the particle still has the spectrum of the meson there is assumed.

    Parameters
    ----------
    mass : float
        In MeV.
    extrapolate : bool
        Whether to give numbers outside the range too, with an `ExtrapolationWarning`.

    Raises
    ------
    ConfigError
        Outside of `MIXING`, unless `extrapolate`.

    Examples
    --------
    >>> {meson: round(value, 5) for meson, value in mixing_probabilities(400.0).items()}
    {'rho0': 0.00649, 'omega': 0.00062, 'phi': 0.00071}
    """
    MIXING.check(mass, extrapolate=extrapolate)
    found = {}
    for meson, (width, to_ee) in _MIXING_WIDTHS.items():
        heavy = meson_mass(meson)
        coupling = 3.0 * to_ee / (ALPHA * heavy)  # (e / g_V)^2
        found[meson] = coupling * heavy**4 / ((heavy**2 - mass**2) ** 2 + (heavy * width) ** 2)
    return found

"""Ratio R of e+ e- annihilation into hadrons, by final state, from the two-pion threshold to 2 GeV.

R is the cross-section over the massless point cross-section 4 pi alpha^2 / 3 s. A vector particle that couples like the
photon decays into hadrons with the width R epsilon^2 alpha m / 3. The resonances rho, omega, phi and their excited states
carry R to 1.05 GeV; a smooth onset of perturbative R stands for the many-body final states above.

Measured resonance parameters contain the polarisation of the vacuum. It acts on leptons and hadrons alike, so it is
divided out: of the electron, the muon and the rho. The narrow omega and phi keep their measured masses, at which the new
particle decays through them. Final-state photons are included for two pions.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from bdana.masses import MASS
from bdana.on_demand import late_module
from bdana.signal.constants import ALPHA, ELECTRON_MASS, MUON_MASS, PION_MASS
from bdana.signal.resonances import (
    NEUTRAL_PION_MASS,
    Meson,
    breit_wigner,
    gounaris_sakurai,
    pair_momentum,
    pion_form_factor,
    three_pion_space,
)
from bdana.signal.validity import ValidRange

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import ArrayLike, NDArray

    _Space: TypeAlias = Callable[[NDArray[np.float64]], NDArray[np.float64]]

    import scipy
else:
    scipy = late_module("scipy")

__all__ = ["MAX_MASS", "MODES", "RANGES", "RATIO", "hadronic_ratio", "hadronic_ratios", "relative_error"]

MAX_MASS = 2000.0
"""Largest mass in MeV."""
RATIO = ValidRange(
    "the hadronic width",
    "mass",
    0.0,
    MAX_MASS,
    "MeV",
    "above, the many-body final states are not fitted",
    can_extrapolate=False,
)
"""Where `hadronic_ratio` and `relative_error` hold."""

MODES = ("pipi", "pipipi", "kk", "hadrons")
"""Final states: pi+ pi-, pi+ pi- pi0, K+ K- with KS KL, and all others together."""

RANGES = (
    (2.0 * PION_MASS, 350.0, 0.15),
    (350.0, 600.0, 0.07),
    (600.0, 800.0, 0.04),
    (800.0, 900.0, 0.08),
    (900.0, 1010.0, 0.30),
    (1010.0, MAX_MASS, 0.20),
)
"""(lowest mass, highest mass, relative error of R) with masses in MeV: the largest difference from the evaluations of
measured cross-sections in darkcast, FORESEE and EventCalc, which differ between themselves by as much. That of the total
width from darkcast and EventCalc is smaller: 0.6% below 760 MeV, 2% below 900, 10% below 1020, 14% to 2 GeV."""

_ETA = MASS[221]
_CHARGED_KAON = MASS[321]
_NEUTRAL_KAON = MASS[311]

# Particle Data Group, Phys. Rev. D 110, 030001 (2024).
_RHO = Meson(775.26, 149.1, 4.72e-5)
_OMEGA = Meson(782.66, 8.68, 7.38e-5)
_PHI = Meson(1019.461, 4.249, 2.979e-4)
_OMEGA_TO_3PI, _OMEGA_TO_PI_GAMMA, _OMEGA_TO_2PI = 0.892, 0.0835, 0.0153
_PHI_TO_CHARGED_KAONS, _PHI_TO_NEUTRAL_KAONS, _PHI_TO_3PI = 0.491, 0.339, 0.154
_PHI_TO_ETA_GAMMA, _PHI_TO_PI_GAMMA = 0.01301, 0.00132

# Mixing of rho and omega: BaBar, Phys. Rev. D 86, 032013 (arXiv:1205.2228).
_PION_OMEGA = Meson(781.91, 8.13)
_PION_MIXING = 1.644e-3 * np.exp(-0.011j)

# Three pions, above the phi: BaBar, Phys. Rev. D 70, 072004 (hep-ex/0408078); branching ratios to e+ e- times those to
# three pions, and phases in degrees relative to the omega.
_PHI_PHASE = 163.0
_EXCITED_OMEGAS = ((Meson(1350.0, 450.0), 0.82e-6, 180.0), (Meson(1660.0, 230.0), 1.3e-6, 0.0))

# Kaons: C. Bruch, A. Khodjamirian, J. Kuehn, Eur. Phys. J. C 39, 41 (hep-ph/0409080), constrained fit.
_KAON_SHARES = (1.195, -0.112, -0.083)
_KAON_RHOS = (_RHO, Meson(1465.0, 400.0), Meson(1720.0, 250.0))
_KAON_OMEGAS = (_OMEGA, Meson(1425.0, 215.0), Meson(1670.0, 315.0))
_KAON_PHI_SHARES = (1.018, -0.018)
_EXCITED_PHI = Meson(1680.0, 150.0)

# Many-body final states: 2 (1 + alpha_s / pi) with alpha_s = 0.30 at 2 GeV (Particle Data Group), and its onset, fitted
# by this project to those evaluations between 1 and 2 GeV.
_PERTURBATIVE = 2.0 * (1.0 + 0.30 / np.pi)
_ONSET, _ONSET_WIDTH = 1275.0, 100.0


def hadronic_ratio(mass: ArrayLike) -> NDArray[np.float64]:
    """Return R, the ratio of e+ e- -> hadrons to the massless point cross-section 4 pi alpha^2 / 3 s.

    Parameters
    ----------
    mass : array-like, shape (N,)
        sqrt(s) in MeV, from 0 to `MAX_MASS`.

    Returns
    -------
    ndarray, shape (N,)
        Its relative error is `relative_error(mass)`.

    Raises
    ------
    ConfigError
        For a mass that is not between 0 and `MAX_MASS`.

    Examples
    --------
    >>> hadronic_ratio([279.0, 600.0, 1700.0]).round(2)  # two pions begin at 279.1 MeV
    array([0.  , 1.32, 2.2 ])
    """
    return np.sum(list(hadronic_ratios(mass).values()), axis=0)


def hadronic_ratios(mass: ArrayLike) -> dict[str, NDArray[np.float64]]:
    """Return R of each final state in `MODES`.

    Parameters
    ----------
    mass : array-like, shape (N,)
        sqrt(s) in MeV, from 0 to `MAX_MASS`.

    Returns
    -------
    dict of str to ndarray, shape (N,)
        0 below each threshold: 2 m_pi+ for `pipi` and for `hadrons` (pi0 gamma opens at m_pi0 with
        R below 1e-5, which is left out),
        2 m_pi+ + m_pi0 for `pipipi`, 2 m_K+ for `kk`.

    Raises
    ------
    ConfigError
        For a mass that is not between 0 and `MAX_MASS`.

    Examples
    --------
    >>> {mode: float(ratio.round(2)) for mode, ratio in hadronic_ratios(1019.0).items()}
    {'pipi': 0.61, 'pipipi': 7.84, 'kk': 39.58, 'hadrons': 0.82}
    """
    masses = _checked(mass)
    s = np.maximum(masses, 2.0 * PION_MASS) ** 2
    omega_width, phi_width = _omega_width(s), _phi_width(s)
    dressed = {
        "pipi": _two_pions(s),
        "pipipi": _three_pions(s, omega_width, phi_width),
        "kk": _two_kaons(s, phi_width),
        "hadrons": _radiative(s, omega_width, phi_width),
    }
    polarisation = _polarisation(s)
    bare = {mode: ratio * polarisation for mode, ratio in dressed.items()}
    bare["hadrons"] = bare["hadrons"] + _many_body(s)
    return {mode: np.where(masses > 2.0 * PION_MASS, ratio, 0.0) for mode, ratio in bare.items()}


def relative_error(mass: ArrayLike) -> NDArray[np.float64]:
    """Return the relative error of R, from `RANGES`.

    Parameters
    ----------
    mass : array-like, shape (N,)
        In MeV, from 0 to `MAX_MASS`.

    Returns
    -------
    ndarray, shape (N,)
        0 below the two-pion threshold, where R is 0.

    Raises
    ------
    ConfigError
        For a mass that is not between 0 and `MAX_MASS`.

    Examples
    --------
    >>> relative_error([250.0, 650.0, 1700.0])
    array([0.  , 0.04, 0.2 ])
    """
    lows, _, errors = zip(*RANGES, strict=True)
    steps = np.array([0.0, *errors])
    return steps[np.searchsorted(lows, _checked(mass))]


def _checked(mass: ArrayLike) -> NDArray[np.float64]:
    return RATIO.check(mass)


def _two_pions(s: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return R of pi+ pi- with its final-state photons (arXiv:1205.2228)."""
    omega = 1.0 + _PION_MIXING * breit_wigner(s, _PION_OMEGA)
    form_factor = pion_form_factor(s, omega / (1.0 + _PION_MIXING))
    velocity = np.sqrt(np.maximum(1.0 - 4.0 * PION_MASS**2 / s, 0.0))
    return 0.25 * velocity**3 * np.abs(form_factor) ** 2 * _final_state_photons(velocity)


def _three_pions(
    s: NDArray[np.float64], omega_width: NDArray[np.float64], phi_width: NDArray[np.float64]
) -> NDArray[np.float64]:
    terms = [
        (_OMEGA, _OMEGA.to_ee * _OMEGA_TO_3PI, 0.0, omega_width),
        (_PHI, _PHI.to_ee * _PHI_TO_3PI, _PHI_PHASE, phi_width),
    ]
    terms += [(meson, product, phase, np.asarray(meson.width)) for meson, product, phase in _EXCITED_OMEGAS]
    return _resonances(s, three_pion_space, terms)


def _two_kaons(s: NDArray[np.float64], phi_width: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return R of K+ K- and KS KL, from their form factors (hep-ph/0409080, eq. 64)."""
    first, second = _KAON_PHI_SHARES
    phi = first * breit_wigner(s, _PHI, phi_width) + second * breit_wigner(s, _EXCITED_PHI)
    omega = sum(c * breit_wigner(s, meson) for c, meson in zip(_KAON_SHARES, _KAON_OMEGAS, strict=True))
    rho = sum(c * gounaris_sakurai(s, meson) for c, meson in zip(_KAON_SHARES, _KAON_RHOS, strict=True))
    ratio = np.zeros(s.shape)
    for mass, isospin in ((_CHARGED_KAON, 1.0), (_NEUTRAL_KAON, -1.0)):
        velocity = np.sqrt(np.maximum(1.0 - 4.0 * mass**2 / s, 0.0))
        ratio = ratio + 0.25 * velocity**3 * np.abs(phi / 3.0 + omega / 6.0 + isospin * rho / 2.0) ** 2
    return ratio


def _radiative(
    s: NDArray[np.float64], omega_width: NDArray[np.float64], phi_width: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return R of pi0 gamma and eta gamma."""
    omega = (_OMEGA, _OMEGA.to_ee * _OMEGA_TO_PI_GAMMA, 0.0, omega_width)
    phi = (_PHI, _PHI.to_ee * _PHI_TO_PI_GAMMA, _PHI_PHASE, phi_width)
    eta = (_PHI, _PHI.to_ee * _PHI_TO_ETA_GAMMA, 0.0, phi_width)
    return _resonances(s, _PI_GAMMA_SPACE, [omega, phi]) + _resonances(s, _ETA_GAMMA_SPACE, [eta])


def _many_body(s: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return R of four pions and everything heavier: a logistic onset, closed below four pion masses."""
    velocity = np.sqrt(np.maximum(1.0 - 16.0 * PION_MASS**2 / s, 0.0))
    ratio: NDArray[np.float64] = (
        _PERTURBATIVE * velocity / (1.0 + np.exp((_ONSET - np.sqrt(s)) / _ONSET_WIDTH))
    )
    return ratio


def _resonances(
    s: NDArray[np.float64],
    space: _Space,
    terms: list[tuple[Meson, float, float, NDArray[np.float64]]],
) -> NDArray[np.float64]:
    """Return R of one final state, to which mesons contribute coherently.

    Each alone gives 9 B_ee B_f / alpha^2 at its mass; away from it the phase space of the final state takes over
    (SND, Phys. Rev. D 68, 052006). A term is the meson, B_ee B_f, its phase in degrees, its width at s.
    """
    amplitude = np.zeros(s.shape, dtype=np.complex128)
    for meson, product, phase, width in terms:
        at_peak = np.sqrt(product * meson.mass / space(np.asarray(meson.mass**2)))
        pole = meson.mass * meson.width / (meson.mass**2 - s - 1j * np.sqrt(s) * width)
        amplitude = amplitude + at_peak * np.exp(1j * np.radians(phase)) * pole
    return 9.0 / ALPHA**2 * space(s) / np.sqrt(s) * np.abs(amplitude) ** 2


def _omega_width(s: NDArray[np.float64]) -> NDArray[np.float64]:
    shares = (
        (_OMEGA_TO_3PI, three_pion_space),
        (_OMEGA_TO_PI_GAMMA, _PI_GAMMA_SPACE),
        (_OMEGA_TO_2PI, partial(_pair_space, mass=PION_MASS)),
    )
    return _running_width(s, _OMEGA, shares)


def _phi_width(s: NDArray[np.float64]) -> NDArray[np.float64]:
    shares = (
        (_PHI_TO_CHARGED_KAONS, partial(_pair_space, mass=_CHARGED_KAON)),
        (_PHI_TO_NEUTRAL_KAONS, partial(_pair_space, mass=_NEUTRAL_KAON)),
        (_PHI_TO_3PI, three_pion_space),
        (_PHI_TO_ETA_GAMMA, _ETA_GAMMA_SPACE),
    )
    return _running_width(s, _PHI, shares)


def _running_width(
    s: NDArray[np.float64], meson: Meson, shares: tuple[tuple[float, _Space], ...]
) -> NDArray[np.float64]:
    """Return the width of a meson at s: each branching ratio grows with its phase space."""
    peak = np.asarray(meson.mass**2)
    grown = np.sum([share * space(s) / space(peak) for share, space in shares], axis=0)
    width: NDArray[np.float64] = meson.width * grown / sum(share for share, _ in shares)
    return width


def _pair_space(s: NDArray[np.float64], mass: float) -> NDArray[np.float64]:
    """Return the phase space of two mesons of one mass."""
    return pair_momentum(s, mass, mass) ** 3 / s


def _photon_space(s: NDArray[np.float64], mass: float) -> NDArray[np.float64]:
    """Return the phase space of a meson and a photon."""
    return pair_momentum(s, mass, 0.0) ** 3


_PI_GAMMA_SPACE = partial(_photon_space, mass=NEUTRAL_PION_MASS)
_ETA_GAMMA_SPACE = partial(_photon_space, mass=_ETA)


def _polarisation(s: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return |1 - delta alpha(s)|^2 of the electron, the muon and the rho, which turns a dressed R into a bare one.

    One loop for leptons. The rho is its pole: the imaginary part of delta alpha is -alpha R / 3.
    """
    growth = _pair_space(s, PION_MASS) / _pair_space(np.asarray(_RHO.mass**2), PION_MASS)
    strength = 3.0 * _RHO.to_ee * _RHO.width / (ALPHA * _RHO.mass**3)
    rho = -strength * s * breit_wigner(s, _RHO, _RHO.width * growth)
    running = _lepton_loop(s, ELECTRON_MASS) + _lepton_loop(s, MUON_MASS) + rho
    ratio: NDArray[np.float64] = np.abs(1.0 - running) ** 2
    return ratio


def _lepton_loop(s: NDArray[np.float64], mass: float) -> NDArray[np.complex128]:
    """Return delta alpha of a lepton at one loop."""
    y = 4.0 * mass**2 / s
    w = np.sqrt(np.asarray(1.0 - y, dtype=np.complex128))
    logarithm = np.log((w - 1.0) / (w + 1.0))
    loop = ALPHA / (3.0 * np.pi) * (-5.0 / 3.0 - y - (1.0 + 0.5 * y) * w * logarithm)
    return np.asarray(loop, dtype=np.complex128)


def _final_state_photons(velocity: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return 1 + alpha / pi eta(velocity): photons from two point-like pions (hep-ph/0107154).

    Towards threshold eta grows as 1 / velocity, slower than the phase space of two pions closes.
    """
    v = np.where(velocity > 0.0, velocity, 0.5)
    log, ratio = 2.0 * np.arctanh(v), (1.0 - v) / (1.0 + v)
    dilogarithms = 4.0 * scipy.special.spence(1.0 - ratio) + 2.0 * scipy.special.spence(1.0 + ratio)
    logarithms = (3.0 * np.log(2.0 / (1.0 + v)) + 2.0 * np.log(v)) * log
    eta = (
        (1.0 + v**2) / v * (dilogarithms - logarithms)
        - 3.0 * np.log(4.0 / (1.0 - v**2))
        - 4.0 * np.log(v)
        + (1.25 * (1.0 + v**2) ** 2 - 2.0) / v**3 * log
        + 1.5 * (1.0 + v**2) / v**2
    )
    return np.where(velocity > 0.0, 1.0 + ALPHA / np.pi * eta, 1.0)

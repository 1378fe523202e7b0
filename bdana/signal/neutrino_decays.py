"""Decays of a heavy neutral lepton N that mixes with one neutrino: widths and squared matrix elements (arXiv:1805.08567).

Into three leptons, a lepton or neutrino and a meson, and a lepton or neutrino and many hadrons. Pairs of pions have the form
factor that is measured in e+ e- annihilation, as the vector current is conserved, so the rho has its width. What the width
into quarks is larger than that into these hadrons is the width into all others.
"""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np

from bdana.masses import MASS
from bdana.signal.constants import (
    ELECTRON_MASS,
    F_KAON,
    F_PION,
    FERMI,
    MUON_MASS,
    PION_MASS,
    V_UD,
    V_US,
)
from bdana.signal.contract import Mode
from bdana.signal.resonances import NEUTRAL_PION_MASS, pair_momentum, pion_form_factor
from bdana.signal.semileptonic import integrated, triangle_root

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["LEPTONS", "Flavour", "has_hadrons", "partial_widths", "told_apart"]

Flavour: TypeAlias = Literal["e", "mu", "tau"]
LEPTONS = {"e": (ELECTRON_MASS, 11), "mu": (MUON_MASS, 13), "tau": (MASS[15], 15)}
"""Masses in MeV and PDG numbers of the charged leptons."""

_SINE2 = 0.23122
"""sin^2 of the weak mixing angle."""

# Decay constants in MeV, and couplings of vector mesons in MeV^2 (arXiv:1805.08567).
_CHARGED = {"pi": (211, F_PION, V_UD), "K": (321, F_KAON, V_US)}
_NEUTRAL = {"pi0": (111, F_PION), "eta": (221, 81.7), "eta_prime": (331, -94.7)}
_VECTOR = {
    "omega": (223, 0.153e6, 4.0 * _SINE2 / 3.0),
    "phi": (333, 0.234e6, 4.0 * _SINE2 / 3.0 - 1.0),
}
_KSTAR_COUPLING = 0.182e6
"""Of the charged K* in MeV^2, so that 1.20% of the taus decay into it (PDG)."""
_RHO_KAPPA = 1.0 - 2.0 * _SINE2

# Twice the weak isospin, and charge, of what a Z boson decays into, and for quarks the least mass in MeV that its meson has.
_QUARKS = {"u": (1.0, 2.0 / 3.0, 0.0), "d": (-1.0, -1.0 / 3.0, 0.0), "s": (-1.0, -1.0 / 3.0, MASS[321])}
_COLOURS = 3.0


def partial_widths(mass: float, flavour: Flavour) -> dict[str, float]:
    """Return the partial widths of a Dirac particle in MeV at U = 1, by mode; those that are closed are left out.

    Three leptons, lepton and meson, neutrino and meson (arXiv:1805.08567, section 3), and `hadrons` for all others.

    Parameters
    ----------
    mass : float
        In MeV.
    flavour : {"e", "mu", "tau"}
        Of the neutrino that it mixes with.

    Examples
    --------
    >>> widths = partial_widths(500.0, "mu")
    >>> f"{2e-3 * sum(widths.values()):.3e}"
    '1.588e-14'
    """
    leptons = _lepton_widths(mass, flavour)
    mesons = _meson_widths(mass, flavour) | _pion_pair_widths(mass, flavour)
    others = _quark_width(mass, flavour) - sum(mesons.values())
    return leptons | mesons | ({"hadrons": others} if others > 0.0 else {})


def _unit(mass: float) -> float:
    """Return the width into three massless particles in MeV: G_F^2 m^5 / 192 pi^3."""
    return FERMI**2 * mass**5 / (192.0 * math.pi**3)


def _meson_unit(mass: float) -> float:
    return FERMI**2 * mass**3 / (16.0 * math.pi)


def _lepton_widths(mass: float, flavour: Flavour) -> dict[str, float]:
    unit, own = _unit(mass), LEPTONS[flavour][0]
    found = {"nunu": unit}
    for name, (lepton, _) in LEPTONS.items():
        if mass > 2.0 * lepton:
            couplings = _lepton_couplings(same=name == flavour)
            found[f"nu{name}{name}"] = unit * _neutral_current(lepton / mass, *couplings)
        if name != flavour and mass > own + lepton:
            found[f"{flavour}{name}nu"] = unit * _charged_current(own / mass, lepton / mass)
    return found


def _meson_widths(mass: float, flavour: Flavour) -> dict[str, float]:
    """Return the widths into a lepton and a meson that is narrow."""
    unit, x = _meson_unit(mass), LEPTONS[flavour][0] / mass
    found = {}
    for name, (number, constant, element) in _CHARGED.items():
        y = MASS[number] / mass
        if x + y < 1.0:
            shape = (1.0 - x**2) ** 2 - y**2 * (1.0 + x**2)
            root = float(triangle_root(1.0, x**2, y**2))
            found[name + flavour] = unit * (constant * element) ** 2 * shape * root
    for name, (number, constant) in _NEUTRAL.items():
        y = MASS[number] / mass
        if y < 1.0:
            found[f"nu{name}"] = 0.5 * unit * constant**2 * (1.0 - y**2) ** 2
    for name, (number, coupling, kappa) in _VECTOR.items():
        heavy = MASS[number]
        if heavy < mass:
            shape = float(_vector_shape(np.array(heavy**2), mass, 0.0))
            found[f"nu{name}"] = 0.5 * unit * (kappa * coupling / heavy) ** 2 * shape
    heavy = MASS[323]
    if x + heavy / mass < 1.0:
        shape = float(_vector_shape(np.array(heavy**2), mass, x * mass))
        found[f"Kstar{flavour}"] = unit * (_KSTAR_COUPLING * V_US / heavy) ** 2 * shape
    return found


def _pion_pair_widths(mass: float, flavour: Flavour) -> dict[str, float]:
    """Return the widths into a lepton and two pions: those of a rho whose g^2 / m^2 is spread over squared masses."""
    found = {}
    for name, lepton, strength in (
        (f"rho{flavour}", LEPTONS[flavour][0], V_UD**2),
        ("nurho", 0.0, 0.5 * _RHO_KAPPA**2),
    ):

        def rate(s: NDArray[np.float64], lepton: float = lepton) -> NDArray[np.float64]:
            return _pion_pairs(s) * _vector_shape(s, mass, lepton)

        if mass > lepton + 2.0 * PION_MASS:
            found[name] = _meson_unit(mass) * strength * integrated(rate, 2.0 * PION_MASS, mass - lepton)
    return found


def _pion_pairs(s: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return v^3 |F|^2 / 24 pi^2, with v the velocity of two pions: what g^2 / m^2 delta(s - m^2) is for a narrow meson."""
    velocity = 2.0 * pair_momentum(s, PION_MASS, PION_MASS) / np.sqrt(s)
    spread: NDArray[np.float64] = velocity**3 * np.abs(pion_form_factor(s)) ** 2 / (24.0 * math.pi**2)
    return spread


def _vector_shape(s: NDArray[np.float64], mass: float, lepton: float) -> NDArray[np.float64]:
    """Return the phase space of a lepton and a vector meson of squared mass s, over that of massless ones."""
    x2, y2 = (lepton / mass) ** 2, s / mass**2
    spin = (1.0 - x2) ** 2 + y2 * (1.0 + x2 - 2.0 * y2)
    shape: NDArray[np.float64] = spin * triangle_root(1.0, x2, y2)
    return shape


def _quark_width(mass: float, flavour: Flavour) -> float:
    """Return the width into quarks at lowest order; a strange one has the mass of a kaon, so that none opens too early."""
    x = LEPTONS[flavour][0] / mass
    total = 0.0
    for element, quark in ((V_UD, "d"), (V_US, "s")):
        y = _QUARKS[quark][2] / mass
        if x + y < 1.0:
            total += element**2 * _charged_current(x, y)
    for isospin, charge, least in _QUARKS.values():
        if 2.0 * least < mass:
            total += _neutral_current(least / mass, *_couplings(isospin, charge))
    return _COLOURS * _unit(mass) * total


def has_hadrons(mode: str) -> bool:
    """Return whether there are hadrons in a mode.

    Parameters
    ----------
    mode : str
        Its name, such as `nupi0`.
    """
    return any(name in mode for name in ("hadrons", "rho", "Kstar", *_CHARGED, *_NEUTRAL, *_VECTOR))


def told_apart(flavour: Flavour) -> dict[str, Mode]:
    """Return the modes whose products are told apart, with the density of three products and no width.

    A Majorana particle, and as many particles as antiparticles, decay to both charges alike: densities are their mean.

    Parameters
    ----------
    flavour : {"e", "mu", "tau"}
        Of the neutrino that it mixes with.
    """
    own, number = LEPTONS[flavour]
    modes = {name + flavour: Mode(0.0, (meson, number)) for name, (meson, *_) in _CHARGED.items()}
    rho = partial(_rho_density, lepton=own)
    modes[f"rho{flavour}"] = Mode(0.0, (211, number, 111), density=rho)
    for name, (mass, other) in LEPTONS.items():
        neutral = partial(_neutral_density, lepton=mass, same=name == flavour)
        modes[f"nu{name}{name}"] = Mode(0.0, (-other, other, number + 1), density=neutral)
        if name != flavour:
            charged = partial(_charged_density, lepton=mass, own=own)
            modes[f"{flavour}{name}nu"] = Mode(0.0, (-other, number, other + 1), density=charged)
    return modes


def _neutral_density(
    pair: NDArray[np.float64],
    plus: NDArray[np.float64],
    minus: NDArray[np.float64],
    lepton: float,
    *,
    same: bool,
) -> NDArray[np.float64]:
    """Return the squared matrix element of l+ l- nu: currents of arXiv:1805.08567, as derived in docs/signal.md."""
    squares, product = _lepton_couplings(same=same)
    mass2, lepton2 = pair + plus + minus - 2.0 * lepton**2, lepton**2
    along = (mass2 + lepton2 - minus) * (minus - lepton2) + (mass2 + lepton2 - plus) * (plus - lepton2)
    return 0.5 * squares * along + 2.0 * product * lepton2 * (mass2 - pair)


def _charged_density(
    pair: NDArray[np.float64],
    plus: NDArray[np.float64],
    minus: NDArray[np.float64],
    lepton: float,
    own: float,
) -> NDArray[np.float64]:
    """Return the squared matrix element of l_b+ l_a- nu_b: (N.l_b)(l_a.nu), as of the decay of a muon."""
    mass2 = pair + plus + minus - lepton**2 - own**2
    return (mass2 + lepton**2 - minus) * (minus - own**2)


def _rho_density(
    pion_lepton: NDArray[np.float64],
    pions: NDArray[np.float64],
    lepton_neutral: NDArray[np.float64],
    lepton: float,
) -> NDArray[np.float64]:
    """Return the squared matrix element of pi+ l- pi0: the lepton's current with that of two pions."""
    charged2, neutral2, lepton2 = PION_MASS**2, NEUTRAL_PION_MASS**2, lepton**2
    with_charged = (pion_lepton - lepton2 - charged2) / 2.0
    with_neutral = (lepton_neutral - lepton2 - neutral2) / 2.0
    difference = with_charged - with_neutral  # lepton and difference of the pions
    own = difference + charged2 - neutral2
    square = 2.0 * (charged2 + neutral2) - pions
    along = 2.0 * own * difference - square * (lepton2 + with_charged + with_neutral)
    measured = np.maximum(pions, 4.0 * charged2)  # pi+ pi0 opens 5 MeV before pi+ pi-
    return along * np.abs(pion_form_factor(measured)) ** 2


_POINTS, _WEIGHTS = np.polynomial.legendre.leggauss(64)


def _couplings(isospin: float, charge: float) -> tuple[float, float]:
    """Return g_L^2 + g_R^2 and g_L g_R of a fermion and the Z boson, from twice its weak isospin and its charge."""
    left, right = 0.5 * isospin - charge * _SINE2, -charge * _SINE2
    return left**2 + right**2, left * right


def _lepton_couplings(*, same: bool) -> tuple[float, float]:
    """Return the couplings of nu l+ l-; where the flavours are the same, the charged current adds 1 to the left one."""
    return _couplings(1.0 if same else -1.0, -1.0)


def _neutral_current(x: float, squares: float, product: float) -> float:
    """Return the factor of nu f+ f- on G_F^2 m^5 / 192 pi^3, with x the mass of f over that of the particle."""
    x2 = x**2
    if x2 == 0.0:
        return squares
    root = math.sqrt(1.0 - 4.0 * x2)
    # The exact argument cancels to nothing for light leptons.
    argument = x2**2 if x2 < 1e-3 else (1.0 - 3.0 * x2 - (1.0 - x2) * root) / (x2 * (1.0 + root))
    log = math.log(argument)
    left = (1.0 - 14.0 * x2 - 2.0 * x2**2 - 12.0 * x2**3) * root + 12.0 * x2**2 * (x2**2 - 1.0) * log
    right = x2 * (2.0 + 10.0 * x2 - 12.0 * x2**2) * root + 6.0 * x2**2 * (1.0 - 2.0 * x2 + 2.0 * x2**2) * log
    return squares * left + 4.0 * product * right


def _charged_current(x: float, y: float) -> float:
    """Return the factor of two fermions and a massless one, with masses over that of the particle."""
    low = (x + y) ** 2
    at = low + (1.0 - low) * (_POINTS + 1.0) / 2.0
    root = triangle_root(at, x**2, y**2)
    integrand = (at - x**2 - y**2) * (1.0 - at) ** 2 / at * root
    return float(12.0 * (1.0 - low) / 2.0 * np.dot(_WEIGHTS, integrand))

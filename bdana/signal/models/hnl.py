"""A heavy neutral lepton N that mixes with one neutrino flavour: widths and production (K. Bondarenko et al., arXiv:1805.08567).

The coupling is U, the element of the mixing matrix; benchmarks BC6 to BC8 of arXiv:1901.09966 are the flavours e, mu and
tau. A Majorana particle decays to both charges, so its widths are twice those of a Dirac particle, which is what
`majorana` says. Widths hold to 3% up to 1.5 GeV (5 to 9% low from 740 to 890 MeV, where the rho is narrow here); above, decays
to many hadrons are missing, 20% of the width at 1.9 GeV. Production:
decays of D and Ds mesons into a lepton and N, of D into a kaon, K* or pion, a lepton and N, and of the taus that Ds mesons
make. Kaons from the dump are absorbed before they decay.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
from pydantic import Field

from bdana.masses import MASS
from bdana.parameters import ParameterTable
from bdana.signal.constants import (
    ELECTRON_MASS,
    F_KAON,
    F_PION,
    FERMI,
    G_RHO,
    MUON_MASS,
    V_CD,
    V_CS,
    V_UD,
    V_US,
)
from bdana.signal.contract import Coupling, Mode, Production, ScanRange, Varied
from bdana.signal.heavy_mesons import (
    CharmSpectra,
    SemileptonicDecay,
    charm_decays,
    heavy_quark_pairs,
)
from bdana.signal.meson_spectra import meson_mass, meson_width
from bdana.signal.mesons import MesonDecay
from bdana.signal.resonances import rho_pole
from bdana.signal.semileptonic import SemileptonicRate, ToPseudoscalar, ToVector, triangle_root
from bdana.signal.tau_leptons import LeptonRate, PairRecoil, TauSpectra, tau_to_meson
from bdana.signal.width_table import OwnWidths

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    from bdana.signal.mesons import MesonSource

__all__ = [
    "COUPLING",
    "PARTICLE",
    "SCAN",
    "HeavyNeutralLepton",
    "Model",
    "Parameters",
    "leptonic_ratio",
    "partial_widths",
    "semileptonic_ratio",
]

PARTICLE = "heavy neutral lepton"
"""What reports call it."""
COUPLING = Coupling("U", "$U$")
"""Element of the mixing matrix; |U|^2 is its square."""
SCAN = ScanRange((150.0, 1900.0), (1e-6, 1e-1), (1000.0, 3e-4))
"""Where it is searched for by default."""
Positive = Annotated[float, Field(gt=0)]
Flavour = Literal["e", "mu", "tau"]
_Pseudoscalar = tuple[float, tuple[float, float], tuple[float, float]]

_SINE2 = 0.23122
"""sin^2 of the weak mixing angle."""
_TAU_MASS = MASS[15]
_LEPTONS = {"e": (ELECTRON_MASS, 11), "mu": (MUON_MASS, 13), "tau": (_TAU_MASS, 15)}

# Decay constants in MeV, and couplings of vector mesons in MeV^2 (arXiv:1805.08567).
_CHARGED = {"pi": (211, F_PION, V_UD), "K": (321, F_KAON, V_US)}
_NEUTRAL = {"pi0": (111, F_PION), "eta": (221, 81.7), "eta_prime": (331, -94.7)}
_VECTOR = {
    "rho": (113, G_RHO, 1.0 - 2.0 * _SINE2),
    "omega": (223, 0.153e6, 4.0 * _SINE2 / 3.0),
    "phi": (333, 0.234e6, 4.0 * _SINE2 / 3.0 - 1.0),
}
_LEPTONIC = {"D_pm": (212.0, V_CD), "Ds": (249.9, V_CS)}
_REACH = 2000.0
"""Largest mass in MeV; without decays to many hadrons the widths are too small above."""
_NARROW_RHO = (700.0, 900.0)
_FEW_HADRONS = 1450.0
"""Masses in MeV where the total width departs from EventCalc's by more than 3%: around the rho's, and above this one."""


# Form factors f(0), c and P of f+ and of f0 (P in GeV^-2).
_TO_KAON = (0.7647, (0.066, 0.224), (2.084, 0.0))
_TO_PION = (0.6117, (1.985, 0.1314), (1.188, 0.0342))
# Meson, what it becomes, form factors, CKM element, and what part of the lighter meson it is: the pi0 is half d dbar.
_SEMILEPTONIC: tuple[tuple[str, int, _Pseudoscalar | None, float, float], ...] = (
    ("D0", 321, _TO_KAON, V_CS, 1.0),
    ("D_pm", 311, _TO_KAON, V_CS, 1.0),
    ("D0", 323, None, V_CS, 1.0),
    ("D_pm", 313, None, V_CS, 1.0),
    ("D0", 211, _TO_PION, V_CD, 1.0),
    ("D_pm", 111, _TO_PION, V_CD, 0.5),
)


class Parameters(ParameterTable):
    """What users may choose about the heavy neutral lepton: table [signal.parameters] of analysis.toml."""

    flavour: Flavour = Field(default="e", description="of the neutrino that it mixes with")
    majorana: bool = Field(
        default=True, description="whether it is its own antiparticle, which doubles the widths; else Dirac"
    )
    production: Annotated[tuple[Literal["leptonic", "semileptonic", "tau"], ...], Field(min_length=1)] = (
        Field(
            default=("leptonic", "semileptonic", "tau"),
            description="decays of D mesons, and of their taus, that are counted",
        )
    )
    beam_momentum_gev: float = Field(default=400.0, ge=10, description="of the protons")
    cc_cross_section_ub: Positive = Field(
        default=20.0, description="of a pair of c quarks on a nucleon (arXiv:2407.08673), for 400 GeV"
    )
    cc_cross_section_error_ub: float = Field(default=4.5, ge=0, description="its error")
    charm_power: Positive = Field(
        default=4.9, description="n of the spectrum (1 - |xF|)^n of D mesons (LEBC-EHS at 400 GeV), assumed"
    )
    charm_slope_gev2: Positive = Field(
        default=0.99, description="b of their spectrum exp(-b pT^2), in GeV^-2 (LEBC-EHS at 400 GeV), assumed"
    )
    dump_nucleons: Positive = Field(default=63.546, description="nucleons in a nucleus of the dump: copper")
    interaction_length_g_cm2: Positive = Field(
        default=137.3, description="nuclear interaction length of the dump: copper"
    )
    theta_max_rad: Annotated[float, Field(gt=0, lt=math.pi / 2)] | Literal["none"] = Field(
        default="none", description="largest angle of the particle to the beam"
    )
    widths: str = Field(
        default="none", description="path of a table of your own of partial widths, of the same modes"
    )


@dataclass(frozen=True)
class HeavyNeutralLepton(OwnWidths):
    """The heavy neutral lepton of one mass; its coupling is U.

    Attributes
    ----------
    mass : float
        In MeV/c2.
    parameters : Parameters

    Examples
    --------
    >>> from bdana.signal import branching_ratio
    >>> round(branching_ratio(HeavyNeutralLepton(300.0), "pie"), 3)
    0.588
    """

    mass: float
    parameters: Parameters = field(default_factory=Parameters)

    @property
    def mass_range(self) -> tuple[float, float]:
        """Masses in MeV/c2 between which the widths are known: to 2 GeV, or those of the user's table."""
        return self.range_with_table(2.0 * ELECTRON_MASS, _REACH)

    @cached_property
    def modes(self) -> Mapping[str, Mode]:
        """Widths by mode: `nu` for any neutrino, such as `pie` (pi+ e-), `numumu`, `emunu`, `nupi0`, `rhoe` and `nunu`.

        A column of the user's table replaces the mode of its name, or adds one; `hadrons` stands for all hadrons without a
        column.
        """
        times = 2.0 if self.parameters.majorana else 1.0
        flavour = self.parameters.flavour
        known = _told_apart(flavour)
        error = 0.05 if self.mass <= 1000.0 else 0.10
        own = {
            name: replace(
                known.get(name, Mode(0.0)), width=times * width, error=error if _has_hadron(name) else 0.0
            )
            for name, width in partial_widths(self.mass, flavour).items()
        }
        given = self.own_modes(known)
        if "hadrons" in given:
            own = {name: mode for name, mode in own.items() if not _has_hadron(name)}
        return own | given

    @property
    def cautions(self) -> tuple[str, ...]:
        """What must be known of the numbers at this mass."""
        said = []
        if self.own_table is None and _NARROW_RHO[0] < self.mass < _NARROW_RHO[1]:
            said.append("widths from 700 to 900 MeV: the rho is narrow here, the width is up to 9% low")
        if self.own_table is None and self.mass > _FEW_HADRONS:
            said.append(
                f"widths above {_FEW_HADRONS:g} MeV: decays to many hadrons are missing, 3% of the width at 1500 MeV, 11% at 1650, "
                "20% at 1900: give a table of widths"
            )
        return tuple(said)

    @cached_property
    def production(self) -> Mapping[str, Production]:
        """Production processes by name, those of the parameters that are open at this mass."""
        par = self.parameters
        charm = CharmSpectra(par.beam_momentum_gev * 1e3, (par.charm_power, par.charm_slope_gev2))
        ratios = {meson: leptonic_ratio(0.0, "tau", meson) for meson in _LEPTONIC}
        makers: dict[str, tuple[Callable[[], list[MesonDecay]], MesonSource]] = {
            "leptonic": (self._leptonic, charm),
            "semileptonic": (self._semileptonic, charm),
            "tau": (self._from_taus, TauSpectra(charm, ratios)),
        }
        wanted = {name: makers[name] for name in makers if name in par.production}
        found = {name: self._from_charm(decays(), source) for name, (decays, source) in wanted.items()}
        return {name: process for name, process in found.items() if process.per_proton > 0.0}

    def _leptonic(self) -> list[MesonDecay]:
        flavour = self.parameters.flavour
        lepton = _LEPTONS[flavour][0]
        return [MesonDecay(meson, lepton, leptonic_ratio(self.mass, flavour, meson)) for meson in _LEPTONIC]

    def _semileptonic(self) -> list[MesonDecay]:
        flavour = self.parameters.flavour
        lepton = _LEPTONS[flavour][0]
        decays: list[MesonDecay] = []
        for meson, light, _, _, part in _SEMILEPTONIC:
            rate = _rate(self.mass, flavour, meson, light)
            ratio = part * rate.width() / meson_width(meson)
            decays.append(SemileptonicDecay(meson, MASS[light], ratio, lepton, rate))
        return decays

    def _from_taus(self) -> list[MesonDecay]:
        flavour = self.parameters.flavour
        if flavour != "tau":  # with the neutrino of the tau
            lepton = _LEPTONS[flavour][0]
            rate = LeptonRate(0.0, (self.mass, lepton))
            return [SemileptonicDecay("tau", 0.0, rate.ratio(), lepton, rate)]
        mesons = {"pi": 211, "K": 321, "rho": 213}
        decays = [
            MesonDecay("tau", MASS[number], tau_to_meson(self.mass, name)) for name, number in mesons.items()
        ]
        for lepton in (ELECTRON_MASS, MUON_MASS):
            rate = LeptonRate(self.mass, (lepton, 0.0))
            decays.append(PairRecoil("tau", lepton, rate.ratio(), rate))
        return decays

    def _from_charm(self, decays: list[MesonDecay], spectra: MesonSource) -> Production:
        par = self.parameters
        pairs = heavy_quark_pairs(
            1e3 * par.cc_cross_section_ub, par.dump_nucleons, par.interaction_length_g_cm2
        )
        angle = None if par.theta_max_rad == "none" else par.theta_max_rad
        error = par.cc_cross_section_error_ub / par.cc_cross_section_ub
        process = charm_decays(self.mass, decays, pairs, spectra, angle)
        return Varied(process, "cc_cross_section", max(1.0 - error, 0.0), 1.0 + error)


def partial_widths(mass: float, flavour: Flavour) -> dict[str, float]:
    """Return the partial widths of a Dirac particle in MeV at U = 1, by mode; those that are closed are left out.

    Three leptons, lepton and meson, neutrino and meson (arXiv:1805.08567).

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
    '1.586e-14'
    """
    unit = FERMI**2 * mass**5 / (192.0 * math.pi**3)
    meson_unit = FERMI**2 * mass**3 / (16.0 * math.pi)
    own, _ = _LEPTONS[flavour]
    x = own / mass
    found = {"nunu": unit}
    for name, (lepton, _) in _LEPTONS.items():
        if mass > 2.0 * lepton:
            found[f"nu{name}{name}"] = unit * _neutral_current(lepton / mass, same=name == flavour)
        if name != flavour and mass > own + lepton:
            found[f"{flavour}{name}nu"] = unit * _charged_current(x, lepton / mass)
    for name, (number, constant, element) in _CHARGED.items():
        y = MASS[number] / mass
        if x + y < 1.0:
            shape = (1.0 - x**2) ** 2 - y**2 * (1.0 + x**2)
            found[name + flavour] = meson_unit * (constant * element) ** 2 * shape * _root(x, y)
    for name, (number, constant) in _NEUTRAL.items():
        y = MASS[number] / mass
        if y < 1.0:
            found[f"nu{name}"] = 0.5 * meson_unit * constant**2 * (1.0 - y**2) ** 2
    rho = MASS[_VECTOR["rho"][0]]
    y = rho / mass
    if x + y < 1.0:
        shape = (1.0 - x**2) ** 2 + y**2 * (1.0 + x**2 - 2.0 * y**2)
        strength = (_VECTOR["rho"][1] * V_UD / rho) ** 2
        found[f"rho{flavour}"] = meson_unit * strength * shape * _root(x, y)
    for name, (number, constant, kappa) in _VECTOR.items():
        heavy = MASS[number]
        y = heavy / mass
        if y < 1.0:
            shape = (1.0 + 2.0 * y**2) * (1.0 - y**2) ** 2
            found[f"nu{name}"] = 0.5 * meson_unit * (kappa * constant / heavy) ** 2 * shape
    return found


def leptonic_ratio(mass: float, flavour: Flavour, meson: str) -> float:
    """Return the branching ratio of D+ or Ds+ -> l+ N at U = 1; 0 where the meson is too light.

    G_F^2 f^2 |V|^2 m_P^3 / (8 pi) (y_l^2 + y_N^2 - (y_N^2 - y_l^2)^2) lambda^1/2(1, y_l^2, y_N^2) over the width.

    Parameters
    ----------
    mass : float
        In MeV.
    flavour : {"e", "mu", "tau"}
    meson : str
        `D_pm` or `Ds`.

    Examples
    --------
    >>> round(leptonic_ratio(1000.0, "mu", "Ds"), 4)
    0.2694
    """
    heavy, (constant, element) = meson_mass(meson), _LEPTONIC[meson]
    lepton, own = _LEPTONS[flavour][0] / heavy, mass / heavy
    if lepton + own >= 1.0:
        return 0.0
    helicity = lepton**2 + own**2 - (own**2 - lepton**2) ** 2
    unit = (FERMI * constant * element) ** 2 * heavy**3 / (8.0 * math.pi)
    return unit * helicity * _root(lepton, own) / meson_width(meson)


def semileptonic_ratio(mass: float, flavour: Flavour, meson: str, light: int) -> float:
    """Return the branching ratio of D -> K l N, K* l N or pi l N at U = 1; 0 where it is closed.

    Parameters
    ----------
    mass : float
        In MeV.
    flavour : {"e", "mu", "tau"}
    meson : str
        `D0` or `D_pm`.
    light : int
        PDG number of the kaon, K* or pion.

    Raises
    ------
    ValueError
        When there is no such decay.

    Examples
    --------
    >>> round(semileptonic_ratio(300.0, "e", "D0", 321), 4)
    0.0286
    """
    (part,) = (share for d, other, _, _, share in _SEMILEPTONIC if (d, other) == (meson, light))
    return part * _rate(mass, flavour, meson, light).width() / meson_width(meson)


def _rate(mass: float, flavour: Flavour, meson: str, light: int) -> SemileptonicRate:
    (shape, element) = next(found[2:4] for found in _SEMILEPTONIC if found[:2] == (meson, light))
    heavy, lighter = meson_mass(meson), MASS[light]
    transition = ToVector(heavy, lighter) if shape is None else ToPseudoscalar(heavy, lighter, *shape)
    return SemileptonicRate(transition, element, mass, _LEPTONS[flavour][0])


def _told_apart(flavour: Flavour) -> dict[str, Mode]:
    """Return the modes whose products are told apart, with the density of three products and no width.

    A Majorana particle, and as many particles as antiparticles, decay to both charges alike: densities are their mean.
    """
    own, number = _LEPTONS[flavour]
    modes = {name + flavour: Mode(0.0, (meson, number)) for name, (meson, *_) in _CHARGED.items()}
    rho = partial(_rho_density, lepton=own)
    modes[f"rho{flavour}"] = Mode(0.0, (211, number, 111), density=rho)
    for name, (mass, other) in _LEPTONS.items():
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
    squares, product = _neutral_couplings(same=same)
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
    """Return the squared matrix element of pi+ l- pi0: the lepton's current with that of two pions from a rho."""
    charged2, neutral2, lepton2 = MASS[211] ** 2, MASS[111] ** 2, lepton**2
    with_charged = (pion_lepton - lepton2 - charged2) / 2.0
    with_neutral = (lepton_neutral - lepton2 - neutral2) / 2.0
    difference = with_charged - with_neutral  # lepton and difference of the pions
    own = difference + charged2 - neutral2
    square = 2.0 * (charged2 + neutral2) - pions
    along = 2.0 * own * difference - square * (lepton2 + with_charged + with_neutral)
    return along * np.abs(rho_pole(pions)) ** 2


_POINTS, _WEIGHTS = np.polynomial.legendre.leggauss(64)


def _neutral_couplings(*, same: bool) -> tuple[float, float]:
    """Return g_L^2 + g_R^2 and g_L g_R of nu l+ l-."""
    left, right = _SINE2 + (0.5 if same else -0.5), _SINE2
    return left**2 + right**2, left * right


def _neutral_current(x: float, *, same: bool) -> float:
    """Return the factor of nu l+ l- on G_F^2 m^5 / 192 pi^3, with the charged current where the flavours are the same."""
    first, second = _neutral_couplings(same=same)
    x2 = x**2
    root = math.sqrt(1.0 - 4.0 * x2)
    # The exact argument cancels to nothing for light leptons.
    argument = x2**2 if x2 < 1e-3 else (1.0 - 3.0 * x2 - (1.0 - x2) * root) / (x2 * (1.0 + root))
    log = math.log(argument)
    left = (1.0 - 14.0 * x2 - 2.0 * x2**2 - 12.0 * x2**3) * root + 12.0 * x2**2 * (x2**2 - 1.0) * log
    right = x2 * (2.0 + 10.0 * x2 - 12.0 * x2**2) * root + 6.0 * x2**2 * (1.0 - 2.0 * x2 + 2.0 * x2**2) * log
    return first * left + 4.0 * second * right


def _charged_current(x: float, y: float) -> float:
    """Return the factor of two leptons of different flavour and a neutrino, with masses over that of the particle."""
    low = (x + y) ** 2
    at = low + (1.0 - low) * (_POINTS + 1.0) / 2.0
    root = triangle_root(at, x**2, y**2)
    integrand = (at - x**2 - y**2) * (1.0 - at) ** 2 / at * root
    return float(12.0 * (1.0 - low) / 2.0 * np.dot(_WEIGHTS, integrand))


def _root(x: float, y: float) -> float:
    """Return lambda^1/2(1, x^2, y^2)."""
    return float(triangle_root(1.0, x**2, y**2))


def _has_hadron(mode: str) -> bool:
    return any(name in mode for name in (*_CHARGED, *_NEUTRAL, *_VECTOR))


Model = HeavyNeutralLepton

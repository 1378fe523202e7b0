"""A heavy neutral lepton N that mixes with one neutrino flavour: widths and production (K. Bondarenko et al., arXiv:1805.08567).

The coupling is U, the element of the mixing matrix; benchmarks BC6 to BC8 of arXiv:1901.09966 are the flavours e, mu and
tau. A Majorana particle decays to both charges, so its widths are twice those of a Dirac particle, which is what
`majorana` says. Widths hold to 5% up to 1 GeV and to 10% up to 2 GeV, where decays to many hadrons are missing. Production:
decays of D and Ds mesons into a lepton and N, and of D into a kaon or pion, a lepton and N. Decays D -> K* l N, about 60% of
those with a kaon for a light N, are not counted. Kaons from the dump are absorbed before they decay.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
from pydantic import Field

from bdana.masses import MASS
from bdana.parameters import ParameterTable
from bdana.signal.constants import ELECTRON_MASS, MUON_MASS
from bdana.signal.contract import Coupling, Mode, Production, ScanRange, Varied
from bdana.signal.heavy_mesons import (
    CharmSpectra,
    SemileptonicDecay,
    charm_decays,
    heavy_quark_pairs,
)
from bdana.signal.meson_spectra import meson_mass, meson_width
from bdana.signal.mesons import MesonDecay
from bdana.signal.width_table import read_widths

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from bdana.signal.width_table import WidthTable

__all__ = [
    "COUPLING",
    "SCAN",
    "HeavyNeutralLepton",
    "Model",
    "Parameters",
    "leptonic_ratio",
    "partial_widths",
    "semileptonic_ratio",
]

COUPLING = Coupling("U", "$U$")
"""Element of the mixing matrix; |U|^2 is its square."""
SCAN = ScanRange((150.0, 1900.0), (1e-6, 1e-1), (1000.0, 3e-4))
"""Where it is searched for by default."""
Positive = Annotated[float, Field(gt=0)]
Flavour = Literal["e", "mu", "tau"]

_FERMI = 1.1663788e-11
"""Fermi constant in MeV^-2 (PDG)."""
_SINE2 = 0.23122
"""sin^2 of the weak mixing angle."""
_TAU_MASS = MASS[15]
_LEPTONS = {"e": (ELECTRON_MASS, 11), "mu": (MUON_MASS, 13), "tau": (_TAU_MASS, 15)}

# Decay constants in MeV (couplings of vector mesons in MeV^2) and elements of the CKM matrix.
_V_UD, _V_US, _V_CD, _V_CS = 0.97367, 0.22431, 0.221, 0.975
_CHARGED = {"pi": (211, 130.2, _V_UD), "K": (321, 155.7, _V_US)}
_NEUTRAL = {"pi0": (111, 130.2), "eta": (221, 81.7), "eta_prime": (331, -94.7)}
_VECTOR = {
    "rho": (113, 0.162e6, 1.0 - 2.0 * _SINE2),
    "omega": (223, 0.153e6, 4.0 * _SINE2 / 3.0),
    "phi": (333, 0.234e6, 4.0 * _SINE2 / 3.0 - 1.0),
}
_LEPTONIC = {"D_pm": (212.0, _V_CD), "Ds": (249.9, _V_CS)}
_REACH = 2000.0
"""Largest mass in MeV; without decays to many hadrons the widths are too small above."""


@dataclass(frozen=True)
class _Transition:
    """A semileptonic decay of a D meson: form factors f(0), c and P of f+ and of f0 (P in GeV^-2), and the CKM element."""

    at_zero: float
    plus: tuple[float, float]
    zero: tuple[float, float]
    element: float


_TO_KAON = _Transition(0.7647, (0.066, 0.224), (2.084, 0.0), _V_CS)
_TO_PION = _Transition(0.6117, (1.985, 0.1314), (1.188, 0.0342), _V_CD)
# In D+ -> pi0 the pi0 is half d dbar.
_SEMILEPTONIC = (
    ("D0", 321, _TO_KAON, 1.0),
    ("D_pm", 311, _TO_KAON, 1.0),
    ("D0", 211, _TO_PION, 1.0),
    ("D_pm", 111, _TO_PION, 0.5),
)


class Parameters(ParameterTable):
    """What users may choose about the heavy neutral lepton: table [signal.parameters] of analysis.toml."""

    flavour: Flavour = Field(default="e", description="of the neutrino that it mixes with")
    majorana: bool = Field(
        default=True, description="whether it is its own antiparticle, which doubles the widths; else Dirac"
    )
    production: Annotated[tuple[Literal["leptonic", "semileptonic"], ...], Field(min_length=1)] = Field(
        default=("leptonic", "semileptonic"), description="decays of D mesons that are counted"
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
class HeavyNeutralLepton:
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
        low, high = 2.0 * ELECTRON_MASS, _REACH
        if self._table is not None:
            first, last = self._table.mass_range
            low, high = max(low, first), last
        return low, high

    @cached_property
    def modes(self) -> Mapping[str, Mode]:
        """Widths by mode: `nu` for any neutrino, such as `pie` (pi+ e-), `numumu`, `emunu`, `nupi0`, `rhoe` and `nunu`.

        A column of the user's table replaces the mode of its name, or adds one; `hadrons` stands for all hadrons without a
        column.
        """
        times = 2.0 if self.parameters.majorana else 1.0
        flavour = self.parameters.flavour
        products = {name + flavour: (number, _LEPTONS[flavour][1]) for name, (number, *_) in _CHARGED.items()}
        error = 0.05 if self.mass <= 1000.0 else 0.10
        own = {
            name: Mode(times * width, products.get(name, ()), error if _has_hadron(name) else 0.0)
            for name, width in partial_widths(self.mass, flavour).items()
        }
        if self._table is None:
            return own
        given = {
            name: Mode(float(self._table.width(name, self.mass)), products.get(name, ()))
            for name in self._table.modes
        }
        if "hadrons" in given:
            own = {name: mode for name, mode in own.items() if not _has_hadron(name)}
        return own | given

    @property
    def cautions(self) -> tuple[str, ...]:
        """What must be known of the numbers at this mass."""
        said = []
        if self.mass > 1000.0 and self._table is None:
            said.append("widths above 1000 MeV: decays to many hadrons are missing, 3 to 10% of the width")
        if "semileptonic" in self.parameters.production and self.mass < 980.0:
            said.append("D -> K* l N is not counted: up to 40% of the decays of D with a kaon are missing")
        if self.parameters.flavour == "tau":
            said.append("decays of tau leptons are not counted as production")
        return tuple(said)

    @cached_property
    def production(self) -> Mapping[str, Production]:
        """Production processes by name, those of the parameters that are open at this mass."""
        made = {"leptonic": self._leptonic(), "semileptonic": self._semileptonic()}
        wanted = {name: decays for name, decays in made.items() if name in self.parameters.production}
        found = {name: self._from_charm(decays) for name, decays in wanted.items()}
        return {name: process for name, process in found.items() if process.per_proton > 0.0}

    @cached_property
    def _table(self) -> WidthTable | None:
        path = self.parameters.widths
        return None if path == "none" else read_widths(Path(path))

    def _leptonic(self) -> list[MesonDecay]:
        flavour = self.parameters.flavour
        lepton = _LEPTONS[flavour][0]
        return [MesonDecay(meson, lepton, leptonic_ratio(self.mass, flavour, meson)) for meson in _LEPTONIC]

    def _semileptonic(self) -> list[MesonDecay]:
        flavour = self.parameters.flavour
        lepton = _LEPTONS[flavour][0]
        decays: list[MesonDecay] = []
        for meson, light, transition, part in _SEMILEPTONIC:
            rate = _Rate(meson_mass(meson), MASS[light], self.mass, lepton, transition)
            ratio = part * rate.integral() / meson_width(meson)
            decays.append(SemileptonicDecay(meson, MASS[light], ratio, lepton, rate))
        return decays

    def _from_charm(self, decays: list[MesonDecay]) -> Production:
        par = self.parameters
        pairs = heavy_quark_pairs(
            1e3 * par.cc_cross_section_ub, par.dump_nucleons, par.interaction_length_g_cm2
        )
        spectra = CharmSpectra(par.beam_momentum_gev * 1e3, (par.charm_power, par.charm_slope_gev2))
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
    unit = _FERMI**2 * mass**5 / (192.0 * math.pi**3)
    meson_unit = _FERMI**2 * mass**3 / (16.0 * math.pi)
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
        strength = (_VECTOR["rho"][1] * _V_UD / rho) ** 2
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
    unit = (_FERMI * constant * element) ** 2 * heavy**3 / (8.0 * math.pi)
    return unit * helicity * _root(lepton, own) / meson_width(meson)


def semileptonic_ratio(mass: float, flavour: Flavour, meson: str, light: int) -> float:
    """Return the branching ratio of D -> K l N or D -> pi l N at U = 1 (arXiv:1805.08567); 0 where it is closed.

    Parameters
    ----------
    mass : float
        In MeV.
    flavour : {"e", "mu", "tau"}
    meson : str
        `D0` or `D_pm`.
    light : int
        PDG number of the kaon or pion.

    Raises
    ------
    KeyError
        When there is no such decay.

    Examples
    --------
    >>> round(semileptonic_ratio(300.0, "e", "D0", 321), 4)
    0.0286
    """
    transition, part = {(d, other): (how, share) for d, other, how, share in _SEMILEPTONIC}[meson, light]
    rate = _Rate(meson_mass(meson), MASS[light], mass, _LEPTONS[flavour][0], transition)
    return part * rate.integral() / meson_width(meson)


@dataclass(frozen=True)
class _Rate:
    """Spectrum dGamma/dq2 of D -> P l N in MeV^-1 at U = 1, with q2 the squared mass of l and N; masses in MeV."""

    heavy: float
    light: float
    own: float
    lepton: float
    transition: _Transition

    def __call__(self, q2: NDArray[np.float64]) -> NDArray[np.float64]:
        xi = q2 / self.heavy**2
        k2, n2, l2 = ((mass / self.heavy) ** 2 for mass in (self.light, self.own, self.lepton))
        hadrons = np.maximum(_triangle(1.0, k2, xi), 0.0)
        space = np.sqrt(hadrons * np.maximum(_triangle(xi, n2, l2), 0.0))
        mixed = xi * (n2 + l2) - (n2 - l2) ** 2
        plus, zero = (
            self._form_factor(q2, *shape) ** 2 for shape in (self.transition.plus, self.transition.zero)
        )
        sums = plus * space**3 / 3.0 + space * mixed / 2.0 * (plus * hadrons + zero * (1.0 - k2) ** 2)
        unit = _FERMI**2 * self.heavy**3 / (64.0 * math.pi**3) * self.transition.element**2
        rate: NDArray[np.float64] = unit * sums / xi**3
        return rate

    def integral(self) -> float:
        """Return the width in MeV."""
        low, high = self.own + self.lepton, self.heavy - self.light
        if low >= high:
            return 0.0
        q = low + (high - low) * (_POINTS + 1.0) / 2.0
        return float((high - low) / 2.0 * np.dot(_WEIGHTS, 2.0 * q * self(q**2)))

    def _form_factor(self, q2: NDArray[np.float64], slope: float, pole: float) -> NDArray[np.float64]:
        both, start = (self.heavy + self.light) ** 2, self.heavy + self.light
        start *= (math.sqrt(self.heavy) - math.sqrt(self.light)) ** 2

        def mapped(value: NDArray[np.float64]) -> NDArray[np.float64]:
            root, fixed = np.sqrt(both - value), math.sqrt(both - start)
            ratio: NDArray[np.float64] = (root - fixed) / (root + fixed)
            return ratio

        z, at_zero = mapped(q2), mapped(np.zeros(()))
        series = self.transition.at_zero - slope * (z - at_zero) * (1.0 + (z + at_zero) / 2.0)
        value: NDArray[np.float64] = series / (1.0 - pole * 1e-6 * q2)
        return value


_POINTS, _WEIGHTS = np.polynomial.legendre.leggauss(64)


def _neutral_current(x: float, *, same: bool) -> float:
    """Return the factor of nu l+ l- on G_F^2 m^5 / 192 pi^3, with the charged current where the flavours are the same."""
    sign = 1.0 if same else -1.0
    first = (1.0 + sign * 4.0 * _SINE2 + 8.0 * _SINE2**2) / 4.0
    second = _SINE2 * (2.0 * _SINE2 + sign) / 2.0
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
    root = np.sqrt(np.maximum(_triangle(at, x**2, y**2), 0.0))
    integrand = (at - x**2 - y**2) * (1.0 - at) ** 2 / at * root
    return float(12.0 * (1.0 - low) / 2.0 * np.dot(_WEIGHTS, integrand))


def _root(x: float, y: float) -> float:
    """Return lambda^1/2(1, x^2, y^2)."""
    return math.sqrt(max(float(_triangle(1.0, x**2, y**2)), 0.0))


def _triangle(
    a: float | NDArray[np.float64], b: float, c: float | NDArray[np.float64]
) -> NDArray[np.float64]:
    return np.asarray(a**2 + b**2 + c**2 - 2.0 * (a * b + a * c + b * c))


def _has_hadron(mode: str) -> bool:
    return any(name in mode for name in (*_CHARGED, *_NEUTRAL, *_VECTOR))


Model = HeavyNeutralLepton

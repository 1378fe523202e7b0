"""A heavy neutral lepton N that mixes with one neutrino flavour: widths and production (K. Bondarenko et al., arXiv:1805.08567).

The coupling is U, the element of the mixing matrix; benchmarks BC6 to BC8 of arXiv:1901.09966 are the flavours e, mu and
tau. A Majorana particle decays to both charges, so its widths are twice those of a Dirac particle, which is what
`majorana` says. Widths (`bdana.signal.neutrino_decays`) agree with EventCalc's within 2.5% to 1.45 GeV and 6% to
2 GeV. Production: decays of D and Ds mesons into a lepton and N, of D into a kaon, K* or pion, a lepton and N, and of the taus
that Ds mesons make. Kaons from the dump are absorbed before they decay.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from bdana.masses import MASS
from bdana.parameters import ParameterTable
from bdana.signal.constants import ELECTRON_MASS, FERMI, MUON_MASS, V_CD, V_CS
from bdana.signal.contract import Coupling, Mode, Production, ScanRange
from bdana.signal.heavy_mesons import (
    CharmSpectra,
    SemileptonicDecay,
    charm_decays,
    heavy_quark_pairs,
    uncertain_pairs,
)
from bdana.signal.meson_spectra import meson_mass, meson_width
from bdana.signal.mesons import MesonDecay
from bdana.signal.neutrino_decays import LEPTONS, Flavour, has_hadrons, partial_widths, told_apart
from bdana.signal.semileptonic import SemileptonicRate, ToPseudoscalar, ToVector, triangle_root
from bdana.signal.tau_leptons import LeptonRate, PairRecoil, TauSpectra, tau_to_meson
from bdana.signal.width_table import OwnWidths

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

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
_Pseudoscalar = tuple[float, tuple[float, float], tuple[float, float]]

_LEPTONIC = {"D_pm": (212.0, V_CD), "Ds": (249.9, V_CS)}
_REACH = 2000.0
"""Largest mass in MeV; D mesons make none above."""
_MANY_HADRONS = 1450.0
"""Mass in MeV above which quarks say how wide the decays to hadrons are."""

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
        column, and here for those that are neither a meson nor two pions.
        """
        times = 2.0 if self.parameters.majorana else 1.0
        flavour = self.parameters.flavour
        known = told_apart(flavour)
        error = 0.05 if self.mass <= 1000.0 else 0.10
        own = {
            name: replace(
                known.get(name, Mode(0.0)), width=times * width, error=error if has_hadrons(name) else 0.0
            )
            for name, width in partial_widths(self.mass, flavour).items()
        }
        given = self.own_modes(known)
        if "hadrons" in given:
            own = {name: mode for name, mode in own.items() if not has_hadrons(name)}
        return own | given

    @property
    def cautions(self) -> tuple[str, ...]:
        """What must be known of the numbers at this mass."""
        if self.own_table is not None or self.mass <= _MANY_HADRONS:
            return ()
        said = (
            f"widths above {_MANY_HADRONS:g} MeV: hadrons are as wide as quarks of lowest order, as in EventCalc, within 6%; "
            "QCD corrections as for the tau lepton would add 17 to 21% to them: give a table of widths"
        )
        return (said,)

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
        lepton = LEPTONS[flavour][0]
        return [MesonDecay(meson, lepton, leptonic_ratio(self.mass, flavour, meson)) for meson in _LEPTONIC]

    def _semileptonic(self) -> list[MesonDecay]:
        flavour = self.parameters.flavour
        lepton = LEPTONS[flavour][0]
        decays: list[MesonDecay] = []
        for meson, light, _, _, part in _SEMILEPTONIC:
            rate = _rate(self.mass, flavour, meson, light)
            ratio = part * rate.width() / meson_width(meson)
            decays.append(SemileptonicDecay(meson, MASS[light], ratio, lepton, rate))
        return decays

    def _from_taus(self) -> list[MesonDecay]:
        flavour = self.parameters.flavour
        if flavour != "tau":  # with the neutrino of the tau
            lepton = LEPTONS[flavour][0]
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
        return uncertain_pairs(process, "c", error)


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
    lepton, own = LEPTONS[flavour][0] / heavy, mass / heavy
    if lepton + own >= 1.0:
        return 0.0
    helicity = lepton**2 + own**2 - (own**2 - lepton**2) ** 2
    unit = (FERMI * constant * element) ** 2 * heavy**3 / (8.0 * math.pi)
    return unit * helicity * float(triangle_root(1.0, lepton**2, own**2)) / meson_width(meson)


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
    return SemileptonicRate(transition, element, mass, LEPTONS[flavour][0])


Model = HeavyNeutralLepton

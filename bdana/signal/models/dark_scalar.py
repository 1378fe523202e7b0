"""A dark scalar S that mixes with the Higgs boson by an angle theta: widths and production.

It couples to each particle like the Higgs boson, with sin(theta) (benchmark BC4 of arXiv:1901.09966; M. W. Winkler,
Phys. Rev. D 99, 015018, arXiv:1809.01876). The coupling is theta. Widths into leptons are exact. Those into pions have the
rescattering of `bdana.signal.pion_rescattering`, without which they are wrong by 3 to 5, and hold to 800 MeV; above, where
f0(980), kaons and four pions matter, they are uncertain by a factor 2 or more, so a table of the user's is needed.
Production: decays of B mesons with a strange quark, and proton bremsstrahlung. Kaons from the dump are left out: they are
absorbed within some 15 cm, before more than a few per cent of them decay, and slow ones.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
from pydantic import Field
from scipy.interpolate import PchipInterpolator

from bdana.masses import MASS
from bdana.parameters import ParameterTable
from bdana.signal.beauty_to_strange import STRANGE_MESONS, form_factor, strange_mass
from bdana.signal.bremsstrahlung import Bremsstrahlung
from bdana.signal.constants import ELECTRON_MASS, FERMI, MUON_MASS, PION_MASS, PROTON_MASS
from bdana.signal.contract import Coupling, Mode, Production, ScanRange, Varied
from bdana.signal.heavy_mesons import beauty_decays, heavy_quark_pairs, uncertain_pairs
from bdana.signal.meson_spectra import meson_mass, meson_width
from bdana.signal.mesons import MesonDecay, two_body_momentum
from bdana.signal.pion_rescattering import RESCATTERING, omnes_function
from bdana.signal.validity import ValidRange
from bdana.signal.width_table import OwnWidths

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import ArrayLike, NDArray


__all__ = [
    "COUPLING",
    "LEPTON_WIDTH",
    "PARTICLE",
    "SCAN",
    "DarkScalar",
    "Model",
    "Parameters",
    "beauty_ratio",
    "inclusive_ratio",
    "lepton_width",
    "pion_width",
    "scalar_splitting",
]

LEPTON_WIDTH = ValidRange(
    "the width of a scalar", "mass", 0.0, math.inf, "MeV", "a particle has a mass", above_zero=True
)
"""Where `lepton_width` holds; `pion_width` ends at 800 MeV."""

PARTICLE = "dark scalar"
"""What reports call it."""
COUPLING = Coupling("theta", r"$\theta$")
"""Mixing angle with the Higgs boson."""
SCAN = ScanRange((212.0, 800.0), (1e-6, 1e-2), (400.0, 1e-4))
"""Where it is searched for by default."""
Positive = Annotated[float, Field(gt=0)]
Angle = Annotated[float, Field(gt=0, lt=math.pi / 2)]

_VACUUM = (math.sqrt(2.0) * FERMI) ** -0.5
"""Vacuum expectation value of the Higgs field in MeV."""
_TAU_MASS = MASS[15]
_LEPTONS = {"ee": (ELECTRON_MASS, 11), "mumu": (MUON_MASS, 13), "tautau": (_TAU_MASS, 15)}
_HADRONS = {"pipi": Mode(0.0, (211, -211)), "kk": Mode(0.0, (321, -321))}

_PION_ERROR = 0.07
"""Relative error of the width into pions: by so much the lifetime differs from arXiv:1809.01876."""
_CALIBRATION = 1.08
"""Factor on the form factor of lowest order that matches the coupled-channel one of arXiv:1809.01876 from 330 to 800 MeV."""

# Masses in MeV, at the scale of their own mass but for the strange quark (2 GeV), and elements of the CKM matrix (PDG).
# With the pole mass of the top quark production would be 20% larger.
_TOP, _BOTTOM, _STRANGE = 165e3, 4183.0, 93.5
_V_TS, _V_TB = 0.0415, 1.0
_FLAVOUR = 3.0 * math.sqrt(2.0) * FERMI * _TOP**2 * _V_TS * _V_TB / (16.0 * math.pi**2 * _VACUUM)
"""h_bs in MeV^-1: the coupling of b to s is theta h_bs times the mass of b."""

_INCLUSIVE_MASSES = (0.0, 500.0, 1000.0, 1500.0, 2000.0, 2400.0, 2700.0, 3000.0)
_INCLUSIVE_RATIOS = (3.31, 3.30, 3.27, 3.22, 3.13, 3.03, 2.89, 2.60)
"""B -> X_s S by mass, summed over strange mesons (SensCalc, arXiv:2305.13383)."""
_PARTON_RATIO = 5.6
"""The same for a free b quark at mass 0 (arXiv:1710.09387), which is the other end of the band."""
_REST_MASS = 1400.0
"""Mass in MeV of what is neither K nor K* in X_s, assumed: between K1(1270) and K2*(1430)."""


class Parameters(ParameterTable):
    """What users may choose about the dark scalar: table [signal.parameters] of analysis.toml."""

    production: Annotated[tuple[Literal["beauty", "bremsstrahlung"], ...], Field(min_length=1)] = Field(
        default=("beauty", "bremsstrahlung"), description="processes that are counted"
    )
    beam_momentum_gev: float = Field(
        default=400.0, ge=10, description="of the protons; spectra of B mesons exist for 400 GeV"
    )
    strange: Literal["inclusive", "exclusive"] = Field(
        default="inclusive", description="whether B decays to all strange mesons count, or only K and K*"
    )
    bb_cross_section_nb: Positive = Field(
        default=2.63, description="of a pair of b quarks on a nucleon (arXiv:2407.08673), for 400 GeV"
    )
    bb_cross_section_error_nb: float = Field(default=0.76, ge=0, description="its error")
    dump_nucleons: Positive = Field(default=63.546, description="nucleons in a nucleus of the dump: copper")
    interaction_length_g_cm2: Positive = Field(
        default=137.3, description="nuclear interaction length of the dump: copper"
    )
    nucleon_coupling: Positive = Field(
        default=1.2e-3, description="to protons in bremsstrahlung at theta = 1 (arXiv:2008.08108)"
    )
    z_range: tuple[float, float] = Field(
        default=(0.1, 0.9), description="momentum fractions of bremsstrahlung, cut at the pp threshold"
    )
    pt_max_gev: Positive = Field(default=1.0, description="largest pT of bremsstrahlung")
    theta_max_rad: Angle | Literal["none"] = Field(
        default="none", description="largest angle of the particle to the beam, in all processes"
    )
    widths: str = Field(
        default="none",
        description="path of a table of your own of partial widths, see `DarkScalar.modes`",
    )


@dataclass(frozen=True)
class DarkScalar(OwnWidths):
    """The dark scalar of one mass; its coupling is the mixing angle theta.

    Attributes
    ----------
    mass : float
        In MeV/c2.
    parameters : Parameters

    Examples
    --------
    >>> from bdana.signal import branching_ratio
    >>> round(branching_ratio(DarkScalar(300.0), "mumu"), 3)
    0.203
    """

    mass: float
    parameters: Parameters = field(default_factory=Parameters)

    @property
    def mass_range(self) -> tuple[float, float]:
        """Masses in MeV/c2 between which the widths are known: 2 m_e to 800 MeV, or those of the user's table."""
        return self.range_with_table(2.0 * ELECTRON_MASS, RESCATTERING.high)

    @cached_property
    def modes(self) -> Mapping[str, Mode]:
        """Widths by mode: leptons, pi+ pi- (`pipi`) and pi0 pi0 (`pi0pi0`).

        A column of the user's table replaces the mode of its name, or adds one, such as `kk` for K+ K-. Its column `hadrons`
        stands for all hadrons without a column. Above 800 MeV all hadrons are those of the table. Widths of leptons are
        exact, so columns of leptons are not used.
        """
        leptons = {
            name: Mode(float(lepton_width(self.mass, 1.0, mass)), (-number, number))
            for name, (mass, number) in _LEPTONS.items()
        }
        given = self.own_modes(_HADRONS)
        if "hadrons" in given or self.mass > RESCATTERING.high:
            return leptons | given | leptons
        both = float(pion_width(self.mass, 1.0))
        hadrons = {
            "pipi": Mode(both * 2.0 / 3.0, (211, -211), _PION_ERROR),
            "pi0pi0": Mode(both / 3.0, (), _PION_ERROR),
        }
        return leptons | hadrons | given | leptons

    @property
    def cautions(self) -> tuple[str, ...]:
        """What must be known of the numbers at this mass."""
        par, said = self.parameters, []
        if "beauty" in par.production and self.mass > _INCLUSIVE_MASSES[-1] and par.strange == "inclusive":
            said.append(
                "B -> X_s S above 3000 MeV: what is neither K nor K* is from phase space, all are within 27% of SensCalc"
            )
        if "bremsstrahlung" in par.production and self.mass > 0.0:
            said += self._emission.cautions
        return tuple(said)

    @cached_property
    def production(self) -> Mapping[str, Production]:
        """Production processes by name, those of the parameters that are open at this mass."""
        makers = {"beauty": self._beauty, "bremsstrahlung": self._bremsstrahlung}
        made = {name: make() for name, make in makers.items() if name in self.parameters.production}
        return {name: process for name, process in made.items() if process is not None}

    @property
    def _theta_max(self) -> float | None:
        angle = self.parameters.theta_max_rad
        return None if angle == "none" else angle

    @property
    def _emission(self) -> Bremsstrahlung:
        par = self.parameters
        return Bremsstrahlung(
            self.mass,
            par.beam_momentum_gev * 1e3,
            par.z_range,
            par.pt_max_gev * 1e3,
            self._theta_max,
            par.nucleon_coupling**2,
            scalar_splitting,
        )

    def _bremsstrahlung(self) -> Production | None:
        return self._emission if self._emission.is_open else None

    def _beauty(self) -> Production | None:
        par, mass = self.parameters, self.mass
        decays = []
        for meson, kaons in STRANGE_MESONS.items():
            own = [
                MesonDecay(meson, MASS[number], beauty_ratio(mass, meson, name))
                for name, number in kaons.items()
            ]
            decays += own
            if par.strange == "inclusive":
                rest = inclusive_ratio(mass, meson) - sum(decay.branching_ratio for decay in own)
                decays.append(MesonDecay(meson, _REST_MASS, max(rest, 0.0)))
        pairs = heavy_quark_pairs(par.bb_cross_section_nb, par.dump_nucleons, par.interaction_length_g_cm2)
        process: Production = beauty_decays(mass, decays, pairs, par.beam_momentum_gev * 1e3, self._theta_max)
        if not process.per_proton > 0.0:
            return None
        error = par.bb_cross_section_error_nb / par.bb_cross_section_nb
        process = uncertain_pairs(process, "b", error)
        whole = inclusive_ratio(mass, "B_pm")
        if par.strange == "inclusive" and whole > 0.0:
            parton = _PARTON_RATIO * (1.0 - (mass / meson_mass("B_pm")) ** 2) ** 2
            process = Varied(process, "b_to_strange", 1.0, max(parton / whole, 1.0))
        return process


def lepton_width(mass: ArrayLike, theta: float, lepton_mass: float) -> NDArray[np.float64]:
    """Return the width of S -> l+ l- in MeV, shape (N,): theta^2 m_l^2 m / (8 pi v^2) (1 - 4 m_l^2 / m^2)^(3/2).

    Parameters
    ----------
    mass : array-like, shape (N,)
        Mass of the scalar in MeV, above 0.
    theta : float
        Mixing angle.
    lepton_mass : float
        In MeV.

    Examples
    --------
    >>> f"{lepton_width(300.0, 1.0, MUON_MASS):.3e}"
    '7.861e-07'
    """
    m = LEPTON_WIDTH.check(mass)
    open_space = np.maximum(1.0 - 4.0 * (lepton_mass / m) ** 2, 0.0)
    return theta**2 * lepton_mass**2 * m / (8.0 * math.pi * _VACUUM**2) * open_space**1.5


def pion_width(mass: float, theta: float) -> float:
    """Return the width of S into two pions of all charges in MeV, of which 2/3 are pi+ pi-.

    3 theta^2 |G|^2 / (32 pi v^2 m) sqrt(1 - 4 m_pi^2 / m^2) with G = 1.08 (2/9 m^2 + 11/9 m_pi^2) |Omega(m)|: chiral
    perturbation theory of lowest order (M. Voloshin, Sov. J. Nucl. Phys. 44, 478) times the rescattering of the pions. |G|^2
    agrees within 2% from 330 to 800 MeV with arXiv:1809.01876 (8% at 280 MeV).

    Parameters
    ----------
    mass : float
        In MeV, from above 0 to 800.
    theta : float

    Raises
    ------
    ConfigError
        Outside of `RESCATTERING`.

    Examples
    --------
    >>> f"{pion_width(500.0, 1.0):.3e}"
    '2.271e-05'
    """
    LEPTON_WIDTH.check(mass)
    enhanced = _CALIBRATION * omnes_function(mass)
    strength = enhanced * (2.0 * mass**2 + 11.0 * PION_MASS**2) / 9.0
    phase_space = math.sqrt(max(1.0 - 4.0 * (PION_MASS / mass) ** 2, 0.0))
    return 3.0 * theta**2 * strength**2 / (32.0 * math.pi * _VACUUM**2 * mass) * phase_space


def beauty_ratio(mass: float, meson: str, kaon: str) -> float:
    """Return the branching ratio of B -> K S or B -> K* S at theta = 1 (arXiv:1809.01876; form factors of arXiv:hep-ph/0406232).

    |A|^2 p / (8 pi m_B^2) over the width of the meson. For K, A = h m_b (m_B^2 - m_K^2) / (2 (m_b - m_s)) f0(m^2); for K*,
    A = h m_b lambda^1/2(m_B^2, m_K*^2, m^2) / (2 (m_b + m_s)) A0(m^2), with h = 3 sqrt2 G_F m_t^2 V_tb V_ts / (16 pi^2 v).

    Parameters
    ----------
    mass : float
        Of the scalar, in MeV.
    meson : str
        `B_pm` or `B0`.
    kaon : str
        `K` or `K*`.

    Returns
    -------
    float
        0 where the meson is too light.

    Examples
    --------
    >>> round(beauty_ratio(500.0, "B_pm", "K"), 3)
    0.419
    """
    heavy, light = meson_mass(meson), strange_mass(meson, kaon)
    root = 2.0 * heavy * float(two_body_momentum(heavy, light, mass))
    if not root:
        return 0.0
    amplitude = form_factor(mass, meson, kaon)
    if kaon == "K":
        amplitude *= (heavy**2 - light**2) / (_BOTTOM - _STRANGE)
    else:
        amplitude *= root / (_BOTTOM + _STRANGE)
    amplitude *= _FLAVOUR * _BOTTOM / 2.0
    return amplitude**2 * root / (2.0 * heavy) / (8.0 * math.pi * heavy**2) / meson_width(meson)


def inclusive_ratio(mass: float, meson: str) -> float:
    """Return the branching ratio of B -> X_s S at theta = 1, summed over strange mesons (arXiv:2305.13383).

    Interpolated to 3 GeV; above, what is neither K nor K* falls as the momentum of two products, from its ratio there. B0 has
    less by the ratio of the lifetimes.

    Parameters
    ----------
    mass : float
        Of the scalar, in MeV.
    meson : str
        `B_pm` or `B0`.

    Examples
    --------
    >>> inclusive_ratio(1000.0, "B_pm")
    3.27
    """
    last = _INCLUSIVE_MASSES[-1]
    if mass > last:
        own = [sum(beauty_ratio(at, meson, kaon) for kaon in STRANGE_MESONS[meson]) for at in (last, mass)]
        heavy = meson_mass(meson)
        shrunk = two_body_momentum(heavy, _REST_MASS, mass) / two_body_momentum(heavy, _REST_MASS, last)
        return float(own[1] + (inclusive_ratio(last, meson) - own[0]) * shrunk)
    ratio = float(PchipInterpolator(_INCLUSIVE_MASSES, _INCLUSIVE_RATIOS)(mass))
    return ratio * meson_width("B_pm") / meson_width(meson)


def scalar_splitting(z: NDArray[np.float64], pt2: NDArray[np.float64], mass: float) -> NDArray[np.float64]:
    """Return the splitting weight of p -> p S in MeV^-2 at coupling 1 to nucleons, shape (N,) (arXiv:2008.08108).

    z (m_p^2 (2 - z)^2 + pT^2) / (8 pi^2 (m_p^2 z^2 + m^2 (1 - z) + pT^2)^2).

    Parameters
    ----------
    z : ndarray, shape (N,)
        Momentum of the scalar over that of the beam.
    pt2 : ndarray, shape (N,)
        pT^2 in MeV^2.
    mass : float
        In MeV.
    """
    proton2 = PROTON_MASS**2
    h = pt2 + (1.0 - z) * mass**2 + z**2 * proton2
    weight: NDArray[np.float64] = z * (proton2 * (2.0 - z) ** 2 + pt2) / (8.0 * np.pi**2 * h**2)
    return weight


Model = DarkScalar

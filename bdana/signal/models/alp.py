r"""An axion-like particle a (ALP), which couples to photons, to W bosons or to gluons: widths and production.

Which of them is the parameter `coupling`:

- `photon`: L = -(g/4) a F F~ with g in GeV^-1 (benchmark BC9 of arXiv:1901.09966). Width g^2 m^3 / (64 pi), production by the
  photons of pi0 and eta in the field of the nuclei of the dump.
- `w`: L = -(g/4) a W W~ with g in GeV^-1. B mesons decay to K a and K* a through a loop of top quark and W (E. Izaguirre,
  T. Lin, B. Shuve, Phys. Rev. Lett. 118, 111802, arXiv:1611.09355); the coupling to photons is g sin^2(theta_W).
- `gluon`: C_GG over Lambda in TeV^-1, with L = g_s^2 C_GG / Lambda a G G~ (ALPINIST, arXiv:2201.05170; benchmark BC11). The
  scale of other papers, L = alpha_s / (8 pi f_a) a G G~, is f_a = Lambda / (32 pi^2 C_GG). There is no closed form of the widths
  and published ones differ by 2 and more, so they are read from tables of the user. Production by mixing with pi0, eta and
  eta', in B -> K a, and by photons with the width into two photons of the table.

Kaons from the dump are left out: they are absorbed before more than a few per cent of them decay, and slow ones.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import Field, model_validator

from bdana.masses import MASS
from bdana.parameters import ParameterTable
from bdana.signal.beauty_to_strange import STRANGE_MESONS, form_factor, strange_mass
from bdana.signal.constants import FERMI
from bdana.signal.contract import Coupling, Mode, Production, ScanRange, Varied
from bdana.signal.heavy_mesons import beauty_decays, heavy_quark_pairs, uncertain_pairs
from bdana.signal.meson_spectra import meson_mass, meson_spectra, meson_width
from bdana.signal.mesons import MesonDecay, MesonMixing, two_body_momentum
from bdana.signal.primakoff import Nucleus, Primakoff
from bdana.signal.validity import ValidRange
from bdana.signal.width_table import OwnWidths

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import ArrayLike, NDArray

__all__ = [
    "COUPLING",
    "GLUON_MIXING",
    "PARTICLE",
    "PHOTON_WIDTH",
    "SCAN",
    "Alp",
    "Model",
    "Parameters",
    "gluon_mixing",
    "photon_width",
    "strange_ratio",
    "to_pseudoscalar",
    "w_to_flavour",
]

COUPLING = {
    "photon": Coupling("g_agammagamma_per_gev", r"$g_{a\gamma\gamma}$ [GeV$^{-1}$]"),
    "w": Coupling("g_aw_per_gev", r"$g_{aW}$ [GeV$^{-1}$]"),
    "gluon": Coupling("c_gg_per_tev", r"$C_{GG}/\Lambda$ [TeV$^{-1}$]"),
}
"""By the parameter `coupling`."""
PARTICLE = "axion-like particle"
"""What reports call it."""
SCAN = {
    "photon": ScanRange((20.0, 1000.0), (1e-8, 1e-1), (50.0, 1e-5)),
    "w": ScanRange((20.0, 2000.0), (1e-8, 1e-1), (300.0, 1e-5)),
    "gluon": ScanRange((150.0, 1000.0), (1e-6, 1.0), (300.0, 1e-3)),
}
"""Where it is searched for by default."""
PHOTON_WIDTH = ValidRange(
    "the width into two photons", "mass", 0.0, math.inf, "MeV", "a particle has a mass", above_zero=True
)
"""Where `photon_width` holds."""
GLUON_MIXING = ValidRange(
    "the mixing of an ALP with pi0, eta and eta'", "mass", 0.0, 1400.0, "MeV",
    "above, perturbative QCD replaces the chiral theory of mesons",
)  # fmt: skip
"""Where `gluon_mixing` holds."""

Positive = Annotated[float, Field(gt=0)]

_PER_GEV, _PER_TEV = 1e-3, 1e-6
"""In MeV^-1."""
_TOP, _W_MASS = 165e3, 80.369e3
"""Masses in MeV; that of the top quark at the scale of its own mass. The pole mass would make production 10% larger."""
_V_TS, _V_TB = 0.0415, 1.0
_SINE2 = 0.2312
"""sin^2 of the weak mixing angle (PDG)."""
_PION_CONSTANT = 92.1
"""f_pi in MeV, of the convention with 1 / sqrt2 (PDG)."""
_ISOSPIN = (4.70 - 2.16) / (4.70 + 2.16)
"""(m_d - m_u) / (m_d + m_u) (PDG)."""
_MODES = {
    "gammagamma": Mode(0.0, (22, 22)),
    "ee": Mode(0.0, (-11, 11)),
    "mumu": Mode(0.0, (-13, 13)),
    "pipipi": Mode(0.0, (211, -211, 111)),
    "pipigamma": Mode(0.0, (211, -211, 22)),
    "pipieta": Mode(0.0, (211, -211, 221)),
}
"""Modes whose products are told apart; the widths are those of the formula or of the tables."""


class Parameters(ParameterTable):
    """What users may choose about the ALP: table [signal.parameters] of analysis.toml."""

    coupling: Literal["photon", "w", "gluon"] = Field(default="photon", description="to what it couples")
    production: Annotated[tuple[Literal["primakoff", "beauty", "mixing"], ...], Field(min_length=1)] = Field(
        default=("primakoff", "beauty", "mixing"),
        description="processes that are counted, as far as the coupling has them",
    )
    beam_momentum_gev: float = Field(
        default=400.0, ge=10, description="of the protons; meson spectra exist for 400 GeV"
    )
    pythia_setting: Literal["SoftQCD:inelastic", "SoftQCD:all", "SoftQCD:nonDiffractive", "Angantyr:pCu"] = (
        Field(default="SoftQCD:inelastic", description="meson spectra")
    )
    cascade_photons: bool = Field(
        default=False,
        description="whether photons of electromagnetic cascades count; else they are a systematic uncertainty",
    )
    dump_charge: Positive = Field(default=29.0, description="charge of a nucleus of the dump: copper")
    dump_nucleons: Positive = Field(default=63.546, description="nucleons in a nucleus of the dump: copper")
    radiation_length_g_cm2: Positive = Field(
        default=12.86, description="radiation length of the dump: copper"
    )
    interaction_length_g_cm2: Positive = Field(
        default=137.3, description="nuclear interaction length of the dump: copper"
    )
    bb_cross_section_nb: Positive = Field(
        default=2.63, description="of a pair of b quarks on a nucleon (arXiv:2407.08673), for 400 GeV"
    )
    bb_cross_section_error_nb: float = Field(default=0.76, ge=0, description="its error")
    gluon_beauty_gev2: float = Field(
        default=0.11,
        ge=0,
        description="BR(B+ -> K+ a) f_a^2 at 1 GeV for the coupling to gluons, by loops from a scale of 1 TeV "
        "(arXiv:2102.04474)",
    )
    gluon_beauty_high_gev2: float = Field(
        default=0.32,
        ge=0,
        description="the same from a scale of 12.6 TeV (arXiv:2110.10698), the other end of the uncertainty "
        "new_physics_scale",
    )
    theta_max_rad: Annotated[float, Field(gt=0, lt=math.pi / 2)] | Literal["none"] = Field(
        default="none", description="largest angle of the particle to the beam, in all processes"
    )
    widths: str | dict[str, str] = Field(
        default="none",
        description="path of a table of your own of partial widths, or one for each mode, see `Alp.modes`",
    )

    @model_validator(mode="after")
    def _has_widths(self) -> Self:
        if self.coupling == "gluon" and self.widths == "none":
            raise ValueError(
                "the coupling to gluons has no widths of its own, since those of publications differ by 2 and more: give "
                "tables of yours in widths, such as --widths gammagamma=FILE --widths pipipi=FILE"
            )
        return self


@dataclass(frozen=True)
class Alp(OwnWidths):
    """The axion-like particle of one mass; what its coupling is says the parameter `coupling`.

    Attributes
    ----------
    mass : float
        In MeV/c2.
    parameters : Parameters

    Examples
    --------
    >>> from bdana.signal import total_width
    >>> f"{total_width(Alp(100.0), 1e-4):.3e}"
    '4.974e-11'
    """

    mass: float
    parameters: Parameters = field(default_factory=Parameters)

    @property
    def mass_range(self) -> tuple[float, float]:
        """Masses in MeV/c2 between which the widths are known: 1 MeV to 5 GeV, or those of the user's tables."""
        return self.range_with_table(1.0, 5000.0)

    @cached_property
    def modes(self) -> Mapping[str, Mode]:
        """Widths by mode: two photons (`gammagamma`), and those of the user's tables.

        A table replaces the mode of its name, or adds one. For the coupling to gluons there are only those. A table `total` is
        the width of all modes together, and what no other mode has of it is the mode `other`. Not counted are
        a -> gamma l+ l-, about 1% of the width, and what the coupling to W bosons gives at two loops.
        """
        modes = self.own_modes(_MODES)
        total = modes.pop("total", None)
        if self.parameters.coupling != "gluon" and "gammagamma" not in modes:
            width = float(photon_width(self.mass, self._own_photon_coupling))
            modes["gammagamma"] = replace(_MODES["gammagamma"], width=width)
        if total is not None:
            modes["other"] = Mode(max(total.width - sum(mode.width for mode in modes.values()), 0.0))
        return modes

    @property
    def cautions(self) -> tuple[str, ...]:
        """What must be known of the numbers at this mass."""
        par, said = self.parameters, []
        low, high = self.mass_range
        if low <= self.mass <= high:
            total = self.own_modes(_MODES).get("total")
            modes = sum(mode.width for mode in self.modes.values())
            if total is not None and modes > 1.02 * total.width:
                said.append(
                    "widths: at some masses the modes of the tables are more than their total, by 2% or more"
                )
        if par.coupling == "gluon" and "mixing" in par.production and self.mass > GLUON_MIXING.high:
            said.append(f"mixing with mesons ends at {GLUON_MIXING.high:g} MeV: it is left out above")
        return tuple(said)

    @cached_property
    def production(self) -> Mapping[str, Production]:
        """Production processes by name, those of the parameters that the coupling has and that are open at this mass."""
        makers = {"primakoff": self._primakoff, "beauty": self._beauty, "mixing": self._mixing}
        made = {name: make() for name, make in makers.items() if name in self.parameters.production}
        return {
            name: process
            for name, process in made.items()
            if process is not None and process.per_proton > 0.0
        }

    @property
    def _own_photon_coupling(self) -> float:
        """Coupling to photons in MeV^-1 where it has a formula."""
        return _PER_GEV * (_SINE2 if self.parameters.coupling == "w" else 1.0)

    @property
    def _theta_max(self) -> float | None:
        angle = self.parameters.theta_max_rad
        return None if angle == "none" else angle

    def _primakoff(self) -> Production | None:
        par, beam = self.parameters, self.parameters.beam_momentum_gev * 1e3
        mode = self.modes.get("gammagamma")
        if mode is None or self.mass >= beam:
            return None
        return Primakoff(
            self.mass,
            meson_spectra(par.pythia_setting, beam),
            Nucleus(par.dump_charge, par.dump_nucleons, par.radiation_length_g_cm2),
            beam,
            math.sqrt(64.0 * math.pi * mode.width / self.mass**3),
            par.cascade_photons,
            self._theta_max,
        )

    def _beauty(self) -> Production | None:
        par = self.parameters
        if par.coupling == "photon":
            return None
        if par.coupling == "w":
            factor = (_PER_GEV * w_to_flavour(_V_TB, _V_TS)) ** 2
        else:
            at_1_gev = strange_ratio(1000.0, "B_pm", "K", 1.0)
            factor = par.gluon_beauty_gev2 * 1e6 / _axion_scale(_PER_TEV) ** 2 / at_1_gev
        decays = [
            MesonDecay(meson, MASS[number], factor * strange_ratio(self.mass, meson, kaon, 1.0))
            for meson, kaons in STRANGE_MESONS.items()
            for kaon, number in kaons.items()
        ]
        pairs = heavy_quark_pairs(par.bb_cross_section_nb, par.dump_nucleons, par.interaction_length_g_cm2)
        process = beauty_decays(self.mass, decays, pairs, par.beam_momentum_gev * 1e3, self._theta_max)
        error = par.bb_cross_section_error_nb / par.bb_cross_section_nb
        varied = uncertain_pairs(process, "b", error)
        if par.coupling == "w" or not par.gluon_beauty_gev2 > 0.0:
            return varied
        other = par.gluon_beauty_high_gev2 / par.gluon_beauty_gev2
        return Varied(varied, "new_physics_scale", min(other, 1.0), max(other, 1.0))

    def _mixing(self) -> Production | None:
        par = self.parameters
        if par.coupling != "gluon" or self.mass > GLUON_MIXING.high:
            return None
        spectra = meson_spectra(par.pythia_setting, par.beam_momentum_gev * 1e3)
        return MesonMixing(self.mass, gluon_mixing(self.mass, 1.0), spectra, self._theta_max)


def photon_width(mass: ArrayLike, coupling: float) -> NDArray[np.float64]:
    """Return the width of a -> gamma gamma in MeV, shape (N,): g^2 m^3 / (64 pi).

    Parameters
    ----------
    mass : array-like, shape (N,)
        In MeV, above 0.
    coupling : float
        g in MeV^-1.

    Examples
    --------
    >>> f"{photon_width(100.0, 1e-3):.4e}"
    '4.9736e-03'
    """
    width: NDArray[np.float64] = coupling**2 * PHOTON_WIDTH.check(mass) ** 3 / (64.0 * math.pi)
    return width


def w_to_flavour(first: float, second: float) -> float:
    """Return the coupling of two down-type quarks to an ALP, for each unit of its coupling to W bosons.

    3 sqrt2 G_F m_W^2 / (16 pi^2) |V_tq V_tq'| f(x) with f = x (1 + x (ln x - 1)) / (1 - x)^2 and x = (m_t / m_W)^2.

    Parameters
    ----------
    first, second : float
        Elements of the CKM matrix, |V_tq| and |V_tq'|.

    Examples
    --------
    >>> f"{w_to_flavour(1.0, 0.0415):.3e}"
    '9.759e-05'
    """
    x = (_TOP / _W_MASS) ** 2
    loop = x * (1.0 + x * (math.log(x) - 1.0)) / (1.0 - x) ** 2
    return 3.0 * math.sqrt(2.0) * FERMI * _W_MASS**2 / (16.0 * math.pi**2) * first * second * loop


def to_pseudoscalar(heavy: float, light: float, mass: float, coupling: float, form_factor: float) -> float:
    """Return the width in MeV of a pseudoscalar meson into a lighter one and an ALP.

    g^2 m_P^3 / (64 pi) (1 - m^2/m_P^2)^2 f0^2 lambda^1/2(1, m^2/m_P^2, m_a^2/m_P^2), m the mass of the lighter meson.

    Parameters
    ----------
    heavy, light, mass : float
        Of the mesons and the ALP, in MeV.
    coupling : float
        Of both quarks to the ALP, in MeV^-1.
    form_factor : float
        f0 at the squared mass of the ALP.

    Returns
    -------
    float
        0 where the meson is too light.

    Examples
    --------
    >>> f"{to_pseudoscalar(493.7, 139.6, 200.0, 8.39e-10, 1.0) / 5.317e-14:.2f}"
    '4.83'
    """
    space = 2.0 * float(two_body_momentum(heavy, light, mass)) / heavy
    return (
        coupling**2 * heavy**3 / (64.0 * math.pi) * (1.0 - (light / heavy) ** 2) ** 2 * form_factor**2 * space
    )


def strange_ratio(mass: float, meson: str, kaon: str, coupling: float) -> float:
    """Return the branching ratio of B -> K a, or B -> K* a (arXiv:1611.09355).

    To K* it is g^2 m_B^3 / (64 pi) A0^2 lambda^3/2(1, m_K*^2/m_B^2, m^2/m_B^2) over the width.

    Parameters
    ----------
    mass : float
        Of the ALP, in MeV.
    meson : str
        `B_pm` or `B0`.
    kaon : str
        `K` or `K*`.
    coupling : float
        Of b and s quarks to the ALP, in MeV^-1.

    Returns
    -------
    float
        0 where the meson is too light.

    Examples
    --------
    >>> round(strange_ratio(1000.0, "B_pm", "K", 1e-3 * w_to_flavour(1.0, 0.0415)))
    1869
    """
    heavy, light = meson_mass(meson), strange_mass(meson, kaon)
    factor = form_factor(mass, meson, kaon)
    if kaon == "K":
        return to_pseudoscalar(heavy, light, mass, coupling, factor) / meson_width(meson)
    space = (2.0 * float(two_body_momentum(heavy, light, mass)) / heavy) ** 3
    return coupling**2 * heavy**3 / (64.0 * math.pi) * factor**2 * space / meson_width(meson)


def gluon_mixing(mass: float, coupling: float) -> dict[str, float]:
    """Return the probabilities that an ALP takes the place of a pi0, eta or eta'.

    (f_pi/f_a)^2 times the squares of delta m^2 / (2 (m^2 - m_pi^2)) with delta = (m_d - m_u)/(m_d + m_u),
    (m^2 - m_pi^2/2) / (sqrt6 (m^2 - m_eta^2)) and (m^2 - 2 m_pi^2) / (2 sqrt3 (m^2 - m_eta'^2)), for a mixing angle of eta and eta'
    whose sine is -1/3 (D. Aloni, Y. Soreq, M. Williams, Phys. Rev. Lett. 123, 031803, arXiv:1811.03474). The poles have the
    widths of the mesons. That the ALP has the momentum of the meson is assumed.

    Parameters
    ----------
    mass : float
        In MeV.
    coupling : float
        C_GG / Lambda in TeV^-1.

    Raises
    ------
    ConfigError
        Outside of `GLUON_MIXING`.

    Examples
    --------
    >>> {meson: f"{value:.2e}" for meson, value in gluon_mixing(300.0, 1.0).items()}
    {'pi0': '4.56e-05', 'eta': '2.09e-05', 'eta_prime': '2.96e-07'}
    """
    GLUON_MIXING.check(mass)
    pion, m2 = meson_mass("pi0"), mass**2
    numerators = {
        "pi0": _ISOSPIN / 2.0 * m2,
        "eta": (m2 - pion**2 / 2.0) / math.sqrt(6.0),
        "eta_prime": (m2 - 2.0 * pion**2) / (2.0 * math.sqrt(3.0)),
    }
    small = (_PION_CONSTANT / _axion_scale(coupling * _PER_TEV)) ** 2
    found = {}
    for meson, numerator in numerators.items():
        heavy = meson_mass(meson)
        found[meson] = small * numerator**2 / ((m2 - heavy**2) ** 2 + (heavy * meson_width(meson)) ** 2)
    return found


def _axion_scale(coupling: float) -> float:
    """Return f_a in MeV, from C_GG / Lambda in MeV^-1."""
    return 1.0 / (32.0 * math.pi**2 * coupling)


Model = Alp

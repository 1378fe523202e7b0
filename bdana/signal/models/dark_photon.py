"""The dark photon A', which couples like the photon with a strength reduced by epsilon: widths and production.

Widths into leptons are exact; those into hadrons are R epsilon^2 alpha m / 3 with R from `bdana.signal.hadronic_ratio`,
which states the relative error by range of mass. Production: proton bremsstrahlung, decays of mesons, and mixing with
vector mesons. Bremsstrahlung with the proton's form factor and mixing both contain vector mesons, so around their masses
the two are not independent; each can be left out (`production`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Literal, Self

import numpy as np
from pydantic import Field, field_validator, model_validator

from bdana.errors import ConfigError
from bdana.masses import MASS
from bdana.parameters import ParameterTable
from bdana.signal.bremsstrahlung import Bremsstrahlung
from bdana.signal.constants import ALPHA, ELECTRON_MASS, MUON_MASS
from bdana.signal.contract import Coupling, Mode, Particles, Production, ScanRange, Varied
from bdana.signal.hadronic_ratio import MAX_MASS, hadronic_ratios, relative_error
from bdana.signal.meson_spectra import SETTINGS, meson_spectra
from bdana.signal.mesons import MesonDecays, MesonMixing
from bdana.signal.photon_like import meson_decays, mixing_probabilities
from bdana.signal.resonances import three_pion_density
from bdana.signal.validity import ValidRange
from bdana.signal.width_table import OwnWidths

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import ArrayLike, NDArray


__all__ = [
    "COUPLING",
    "FORM_FACTOR",
    "FORM_FACTOR_BAND",
    "FORM_FACTOR_MAX",
    "HADRONS_FITTED",
    "LEPTON_WIDTH",
    "PARTICLE",
    "SCAN",
    "DarkPhoton",
    "Model",
    "Parameters",
    "form_factor_band",
    "lepton_width",
    "proton_form_factor",
]

PARTICLE = "dark photon"
"""What reports call it."""
COUPLING = Coupling("epsilon", r"$\varepsilon$")
"""Kinetic mixing."""
SCAN = ScanRange((212.0, 650.0), (1e-8, 1e-4), (400.0, 1e-6))
"""Where it is searched for by default."""
Positive = Annotated[float, Field(gt=0)]
Angle = Annotated[float, Field(gt=0, lt=math.pi / 2)]

_TAU_MASS = MASS[15]
_LEPTONS = {"ee": (ELECTRON_MASS, 11), "mumu": (MUON_MASS, 13), "tautau": (_TAU_MASS, 15)}

_HADRONS = {
    "pipi": Mode(0.0, (211, -211)),
    "pipipi": Mode(0.0, (211, -211, 111), density=three_pion_density),
}

# Form factor of the proton: couplings, widths and masses in MeV of the rho-like and omega-like mesons.
FORM_FACTOR_MAX = 650.0
"""Mass in MeV up to which the form factor of the proton can be trusted."""
HADRONS_FITTED = 1020.0
"""Mass in MeV above which the hadronic widths are a fit."""

LEPTON_WIDTH = ValidRange(
    "the width into leptons", "mass", 0.0, math.inf, "MeV", "a particle has a mass", above_zero=True
)
"""Where `lepton_width` holds."""
FORM_FACTOR = ValidRange(
    "the form factor of the proton",
    "mass",
    0.0,
    FORM_FACTOR_MAX,
    "MeV",
    "above, the omega pole dominates, so that neither the value nor its band can be trusted",
)
"""Where `proton_form_factor` holds."""
FORM_FACTOR_BAND = ValidRange(
    "the band of the form factor of the proton", "mass", 0.0, 1000.0, "MeV", "above, its size is assumed"
)
"""Where `form_factor_band` holds."""
_ADVICE = (
    "set signal.parameters.extrapolate to true to use it all the same, form_factor to 'none', or leave bremsstrahlung out of "
    "production"
)

_RHO_LIKE = (0.6165340, 0.2232042, -0.3397382)
_OMEGA_LIKE = (1.0117545, -0.8816566, 0.3699022)
_RHO_WIDTHS = (150.0, 300.0, 500.0)
_OMEGA_WIDTHS = (8.5, 300.0, 500.0)
_VECTOR_MASSES = (770.0, 1250.0, 1450.0)

# Upper over lower yield of arXiv:2409.11096 by mass in MeV. The largest is rounded: from 1 to 1.75 GeV it goes from 200
# to 1400.
_BAND_MASSES = (250.0, 400.0, 500.0, 600.0, 700.0, 900.0, 1000.0)
_BAND_RATIOS = (1.07, 1.49, 5.3, 7.7, 8.8, 84.0, 400.0)


class Parameters(ParameterTable):
    """What users may choose about the dark photon: table [signal.parameters] of analysis.toml."""

    production: Annotated[tuple[Literal["bremsstrahlung", "mesons", "mixing"], ...], Field(min_length=1)] = (
        Field(default=("bremsstrahlung", "mesons", "mixing"), description="processes that are counted")
    )
    beam_momentum_gev: float = Field(
        default=400.0, ge=10, description="of the protons; meson spectra exist for 400 GeV"
    )
    z_range: tuple[float, float] = Field(
        default=(0.1, 0.9), description="momentum fractions of bremsstrahlung, cut at the pp threshold"
    )
    pt_max_gev: Positive | Literal["none"] = Field(
        default=1.0, description="largest pT of bremsstrahlung; none needs theta_max_rad"
    )
    form_factor: Literal["central", "low", "high", "none"] = Field(
        default="central", description="of the proton in bremsstrahlung; the band is assumed"
    )
    transition_form_factor: bool = Field(default=True, description="whether meson decays have form factors")
    pythia_setting: str = Field(
        default="SoftQCD:inelastic", description=f"meson spectra: {', '.join(SETTINGS)}"
    )
    theta_max_rad: Angle | Literal["none"] = Field(
        default="none", description="largest angle of the particle to the beam, in all processes"
    )
    extrapolate: bool = Field(
        default=False,
        description="whether the form factor of the proton is used outside of its range of masses, with a warning",
    )
    widths: str = Field(
        default="none",
        description="path of a table of your own of partial widths, see `DarkPhoton.modes`",
    )

    @field_validator("z_range")
    @classmethod
    def _inside(cls, value: tuple[float, float]) -> tuple[float, float]:
        low, high = value
        if not 0.0 < low < high < 1.0:
            raise ValueError("must ascend and lie between 0 and 1")
        return value

    @field_validator("pythia_setting")
    @classmethod
    def _known(cls, value: str) -> str:
        if value not in SETTINGS:
            raise ValueError(f"no meson spectra '{value}': there are {', '.join(SETTINGS)}")
        return value

    @model_validator(mode="after")
    def _limited(self) -> Self:
        if self.pt_max_gev == "none" and self.theta_max_rad == "none" and "bremsstrahlung" in self.production:
            raise ValueError(
                "without a limit on pT or angle bremsstrahlung diverges: give pt_max_gev or theta_max_rad"
            )
        return self


@dataclass(frozen=True)
class DarkPhoton(OwnWidths):
    """The dark photon of one mass; its coupling is the kinetic mixing epsilon.

    Attributes
    ----------
    mass : float
        In MeV/c2.
    parameters : Parameters

    Examples
    --------
    >>> from bdana.signal import branching_ratio
    >>> round(branching_ratio(DarkPhoton(250.0), "mumu"), 3)
    0.42
    """

    mass: float
    parameters: Parameters = field(default_factory=Parameters)

    @property
    def mass_range(self) -> tuple[float, float]:
        """Masses in MeV/c2 between which the widths are known: 2 m_e to 2 GeV, inside the user's table if there is one."""
        low, high = self.range_with_table(2.0 * ELECTRON_MASS, MAX_MASS)
        return low, min(high, MAX_MASS)

    @cached_property
    def modes(self) -> Mapping[str, Mode]:
        """Widths by mode: leptons, two pions, three pions, kaons, and all other hadrons.

        A column of the user's table replaces the mode of its name, or adds one. Its column `hadrons` stands for all
        hadrons without a column, so built-in modes of hadrons are then left out. Widths of leptons are exact, so columns
        of leptons are not used.
        """
        leptons = {
            name: Mode(float(lepton_width(self.mass, 1.0, mass)), (-number, number))
            for name, (mass, number) in _LEPTONS.items()
        }
        given = self.own_modes(_HADRONS)
        if "hadrons" in given:
            return leptons | given | leptons
        unit, error = ALPHA * self.mass / 3.0, float(relative_error(self.mass))
        hadrons = {
            name: replace(_HADRONS.get(name, Mode(0.0)), width=float(ratio) * unit, error=error)
            for name, ratio in hadronic_ratios(self.mass).items()
        }
        return leptons | hadrons | given | leptons

    @property
    def cautions(self) -> tuple[str, ...]:
        """Formulas that are outside their range at this mass."""
        par, said = self.parameters, []
        if self.mass > FORM_FACTOR_MAX and par.form_factor != "none" and "bremsstrahlung" in par.production:
            said.append(
                f"bremsstrahlung above {FORM_FACTOR_MAX:g} MeV: the omega pole dominates the form factor of the proton, so "
                "that neither the yield nor its band can be trusted"
            )
        if "bremsstrahlung" in par.production and self.mass > 0.0:
            said += self._emission.cautions
        if self.mass > HADRONS_FITTED and self.own_table is None:
            said.append(
                f"hadronic widths above {HADRONS_FITTED:g} MeV: many-body final states are fitted to other "
                "parametrisations, with an error of 10 to 20%"
            )
        return tuple(said)

    @cached_property
    def production(self) -> Mapping[str, Production]:
        """Production processes by name, those of the parameters that are open at this mass.

        With a largest angle, `per_proton` of mesons and mixing stays the total, and particles beyond have weight 0;
        bremsstrahlung counts and draws only those within.
        """
        makers = {
            "bremsstrahlung": self._bremsstrahlung,
            "mesons": self._mesons,
            "mixing": self._mixing,
        }
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
            math.inf if par.pt_max_gev == "none" else par.pt_max_gev * 1e3,
            self._theta_max,
        )

    def _bremsstrahlung(self) -> Production | None:
        par, process = self.parameters, self._emission
        if not process.is_open:
            return None
        if par.form_factor == "none":
            return process
        try:
            FORM_FACTOR.check(self.mass, extrapolate=par.extrapolate, quiet=True, advice=_ADVICE)
        except ConfigError as err:
            return _OutOfRange(str(err))
        low, used, high = (float(_form_factor(self.mass, end)) for end in ("low", par.form_factor, "high"))
        return Varied(replace(process, factor=used), "proton_form_factor", low / used, high / used)

    def _mesons(self) -> Production | None:
        par = self.parameters
        spectra = meson_spectra(par.pythia_setting, par.beam_momentum_gev * 1e3)
        bare, dressed = (
            MesonDecays(self.mass, meson_decays(self.mass, form_factor=switch), spectra, self._theta_max)
            for switch in (False, True)
        )
        if not bare.per_proton > 0.0:
            return None
        if not par.transition_form_factor:
            return bare
        return Varied(dressed, "transition_form_factor", bare.per_proton / dressed.per_proton, 1.0)

    def _mixing(self) -> Production:
        par = self.parameters
        spectra = meson_spectra(par.pythia_setting, par.beam_momentum_gev * 1e3)
        return MesonMixing(self.mass, mixing_probabilities(self.mass), spectra, self._theta_max)


@dataclass(frozen=True)
class _OutOfRange:
    """A production process whose numbers nobody may use at this mass; the other processes stay."""

    reason: str

    @property
    def per_proton(self) -> float:
        raise ConfigError(self.reason)

    def draw(self, n: int, rng: np.random.Generator) -> Particles:  # noqa: ARG002
        raise ConfigError(self.reason)


def lepton_width(mass: ArrayLike, epsilon: float, lepton_mass: float) -> NDArray[np.float64]:
    """Return the width of A' -> l+ l-, exact at any mass.

    Gamma = epsilon^2 alpha m / 3 sqrt(1 - 4 r) (1 + 2 r) with r = m_l^2 / m^2
    (B. Batell, M. Pospelov, A. Ritz, Phys. Rev. D 79, 115008, eq. 13).

    Parameters
    ----------
    mass : array-like, shape (N,)
        Mass of the A' in MeV.
    epsilon : float
        Kinetic mixing.
    lepton_mass : float
        Mass of the lepton in MeV.

    Returns
    -------
    ndarray, shape (N,)
        Width in MeV, 0 below threshold.

    Raises
    ------
    ConfigError
        For a mass that is not above 0.

    Examples
    --------
    >>> round(float(lepton_width(400.0, 1.0, ELECTRON_MASS)), 4)
    0.973
    """
    m = LEPTON_WIDTH.check(mass)
    r = (lepton_mass / m) ** 2
    phase_space = np.sqrt(np.maximum(1.0 - 4.0 * r, 0.0))
    return epsilon**2 * ALPHA * m / 3.0 * phase_space * (1.0 + 2.0 * r)


def proton_form_factor(
    mass: ArrayLike, end: Literal["central", "low", "high"] = "central", *, extrapolate: bool = False
) -> NDArray[np.float64]:
    """Return |F1(m^2)|^2 of the proton for a time-like photon of mass m, by vector-meson dominance.

    A. Faessler, M. Krivoruchenko, B. Martemyanov, Phys. Rev. C 82, 038201: three rho-like and three omega-like poles of
    constant width. For that reason it is 1.02 at m = 0 and not 1. Above 650 MeV the omega pole dominates, and
    neither the value nor its band must be trusted.

    Parameters
    ----------
    mass : array-like, shape (N,)
        In MeV.
    end : {"central", "low", "high"}
        The ends are apart by `form_factor_band`, as factors up and down.
    extrapolate : bool
        Whether to give numbers outside the range too, with an `ExtrapolationWarning`.

    Raises
    ------
    ConfigError
        Outside of `FORM_FACTOR`, unless `extrapolate`.

    Examples
    --------
    >>> proton_form_factor([250.0, 400.0]).round(2)
    array([1.37, 2.31])
    """
    return _form_factor(FORM_FACTOR.check(mass, extrapolate=extrapolate), end)


def _form_factor(mass: ArrayLike, end: str) -> NDArray[np.float64]:
    m2 = np.asarray(mass, dtype=np.float64) ** 2
    total = np.zeros(m2.shape, dtype=np.complex128)
    for couplings, widths in ((_RHO_LIKE, _RHO_WIDTHS), (_OMEGA_LIKE, _OMEGA_WIDTHS)):
        for f, width, mv in zip(couplings, widths, _VECTOR_MASSES, strict=True):
            total = total + f * mv**2 / (mv**2 - m2 - 1j * mv * width)
    power = {"low": -0.5, "central": 0.0, "high": 0.5}[end]
    value: NDArray[np.float64] = np.abs(total) ** 2 * _band(mass) ** power
    return value


def form_factor_band(mass: ArrayLike, *, extrapolate: bool = False) -> NDArray[np.float64]:
    """Return the highest over the lowest square of the proton's form factor, shape (N,).

    The size is that of the band of yields in arXiv:2409.11096, interpolated in its logarithm. Assumed: that it is
    symmetric around the central value, that it closes with m^2 below 250 MeV, and that it is 400 above 1 GeV.

    Parameters
    ----------
    mass : array-like, shape (N,)
        In MeV.
    extrapolate : bool
        Whether to give numbers outside the range too, with an `ExtrapolationWarning`.

    Raises
    ------
    ConfigError
        Outside of `FORM_FACTOR_BAND`, unless `extrapolate`.

    Examples
    --------
    >>> form_factor_band([0.0, 250.0, 400.0, 600.0]).round(2)
    array([1.  , 1.07, 1.49, 7.7 ])
    """
    return _band(FORM_FACTOR_BAND.check(mass, extrapolate=extrapolate))


def _band(mass: ArrayLike) -> NDArray[np.float64]:
    m = np.asarray(mass, dtype=np.float64)
    logs = np.log(_BAND_RATIOS)
    below = np.minimum(m / _BAND_MASSES[0], 1.0) ** 2
    band: NDArray[np.float64] = np.exp(below * np.interp(m, _BAND_MASSES, logs))
    return band


Model = DarkPhoton

"""Table [signal] of analysis.toml: which new particle is searched for, where it decays, and which points are scanned."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Self

import numpy as np
from pydantic import Field, model_validator

from bdana.errors import ConfigError
from bdana.mistakes import PlacedError
from bdana.signal import Coupling, SignalModel, branching_ratio, is_open
from bdana.signal.models import coupling_of, make_particle, particle_name, scan_of, with_beam
from bdana.strict import StrictModel

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bdana.detector import Detector

__all__ = ["SearchedSignal", "SignalConfig"]

Positive = Annotated[float, Field(gt=0)]
Strength = Annotated[float, Field(gt=0, le=1)]
SELECTIONS = {
    "mumu": "dimuon",
    "ee": "dielectron",
    "pipi": "dipion",
    "pipipi": "dipion",
    "pipigamma": "dipion",
    "numumu": "dimuon",
    "nuee": "dielectron",
    "rhomu": "pion_lepton",
    "rhoe": "pion_electron",
    "pimu": "pion_lepton",
    "pie": "pion_electron",
    "gammagamma": "diphoton",
}
"""Selections for decay modes that [signal] channels does not name."""


class SignalConfig(StrictModel):
    """Table [signal]: model of the new particle, decay volume, acceptance, and scan."""

    model: str = Field(default="dark_photon", description="file of bdana/signal/models")
    parameters: dict[str, Any] = Field(
        default={}, description="of the model, in place of its defaults: table [signal.parameters]"
    )
    channels: dict[str, str] = Field(
        default={"mumu": "dimuon", "ee": "dielectron"},
        description="decay modes that are searched for, each with its module of selections/; by default these two if the particle has "
        "one of them, else all its modes that have a selection",
    )
    decay_volume_m: tuple[float, float] | None = Field(
        default=None, description="z in which decays count; by default the decay volume of the detector"
    )
    acceptance: list[str] | None = Field(
        default=None,
        description="detector elements that both tracks cross to be accepted at efficiency 1; by default those of the detector",
    )
    min_energy_gev: float = Field(
        default=5.0, ge=0, le=1e4, description="smallest energy of each track to be accepted"
    )
    min_photon_energy_gev: float = Field(
        default=1.0, ge=0, le=1e4, description="the same of each photon (arXiv:1904.02091)"
    )
    min_photon_distance_mm: float = Field(
        default=100.0, ge=0, description="between two photons at the calorimeter (arXiv:1904.02091)"
    )
    spot_mm: float | None = Field(
        default=None,
        ge=0,
        description="Gaussian width of the beam spot on the dump, assumed; by default that of the detector",
    )
    depth_mm: float | None = Field(
        default=None,
        ge=0,
        description="mean depth of the production point in the dump, exponential; by default that of the detector",
    )
    point: tuple[Positive, Strength] | None = Field(
        default=None,
        description="mass in MeV and coupling whose signal a run shows in tables and figures; by default the model's",
    )
    pot: Positive = Field(default=1.4e17, description="protons on target where no sample of data says it")
    pot_error: float = Field(
        default=0.2, ge=0, le=1, description="relative error of the protons on target, log-normal"
    )
    masses_mev: tuple[Positive, Positive] | None = Field(
        default=None, description="ends of the scan; by default those of the model"
    )
    mass_points: int = Field(default=100, ge=2, description="of the scan, evenly in the logarithm")
    couplings: tuple[Strength, Strength] | None = Field(
        default=None, description="ends of the scan; by default those of the model"
    )
    decays: int = Field(default=50_000, ge=1000, description="drawn for each mass and production process")
    events: int = Field(default=5_000, ge=100, description="of them that are reconstructed and selected")
    seed: int = Field(default=1, ge=0, description="of the drawn decays")

    @model_validator(mode="after")
    def _ascending(self) -> Self:
        for name in ("decay_volume_m", "masses_mev", "couplings"):
            value = getattr(self, name)
            if value is not None and not value[0] < value[1]:
                raise PlacedError((name,), f"must ascend, not [{value[0]:g}, {value[1]:g}]")
        return self

    def in_detector(self, detector: Detector) -> SearchedSignal:
        """Return it with what is not given here as the detector has it.

        Parameters
        ----------
        detector : Detector

        Raises
        ------
        ConfigError
            When the geometry does not have what is missing.
        """
        values = {name: getattr(self, name) for name in type(self).model_fields}
        if detector.beam is not None:
            values["parameters"] = with_beam(self.model, self.parameters, detector.beam_momentum)
        if self.decay_volume_m is None:
            low, high = detector.volume_mm
            values["decay_volume_m"] = (low * 1e-3, high * 1e-3)
        if self.acceptance is None:
            values["acceptance"] = list(detector.uses.acceptance)
        for name in ("spot_mm", "depth_mm"):
            if values[name] is None:
                values[name] = getattr(detector.beam_dump, name)
        if self.model_fields_set and "channels" not in self.model_fields_set:
            values["channels"] = self.usual_channels()
        scan = scan_of(self.model, self.parameters)
        for name, default in (
            ("masses_mev", scan.masses),
            ("couplings", scan.couplings),
            ("point", scan.point),
        ):
            if values[name] is None:
                values[name] = default
        return SearchedSignal(**values)

    def particle(self, mass: float) -> SignalModel:
        """Return the model's particle of one mass in MeV/c2.

        Parameters
        ----------
        mass : float

        Raises
        ------
        ConfigError
            When there is no such model, or a parameter is wrong.
        """
        return make_particle(self.model, mass, self.parameters)

    @property
    def coupling(self) -> Coupling:
        """What the coupling of the model is called."""
        return coupling_of(self.model, self.parameters)

    @property
    def particle_name(self) -> str:
        """What the particle is called."""
        return particle_name(self.model)

    def selection(self, mode: str) -> str:
        """Return the module of selections/ with which a decay mode is searched for.

        Parameters
        ----------
        mode : str

        Raises
        ------
        ConfigError
            When it is no channel.
        """
        if mode not in self.selections:
            raise ConfigError(
                f"no channel '{mode}' in [signal] channels: there are {', '.join(self.selections)}"
            )
        return self.selections[mode]

    @property
    def selections(self) -> dict[str, str]:
        """The module of selections/ by decay mode: those of `channels`, and the shipped ones for other modes."""
        return self.channels | {mode: name for mode, name in SELECTIONS.items() if mode not in self.channels}

    def usual_channels(self) -> dict[str, str]:
        """Return the decay modes that are searched for where none are named, each with its module of selections/.

        They are those of `channels` if one of them is open at the mass of `point`, else all that are open and have a selection,
        the one with the largest width first.

        Raises
        ------
        ConfigError
            When a parameter of the model is wrong.
        """
        found = self._open_modes((self.point or scan_of(self.model, self.parameters).point)[0])
        if not found or found[0] in self.channels:
            return self.channels
        return {mode: SELECTIONS[mode] for mode in found}

    def usual_mode_at(self, mass: float) -> str:
        """Return the decay mode that is meant where none is named, of the particle of one mass.

        It is the first of `channels` that is open; where none is, the open mode with a selection that has the largest width.

        Parameters
        ----------
        mass : float
            In MeV/c2.

        Raises
        ------
        ConfigError
            When no selection is for a mode that is open.
        """
        found = self._open_modes(mass)
        if not found:
            raise ConfigError(
                f"no decay mode of {self.model} at {mass:g} MeV has a selection in [signal] channels: it has "
                f"{', '.join(self.particle(mass).modes) or 'none'}"
            )
        return found[0]

    def _open_modes(self, mass: float) -> list[str]:
        """Return the open decay modes that have a selection: `channels` first if one of them is, else by their widths."""
        particle = self.particle(mass)
        found = [mode for mode in self.selections if is_open(particle, mode)]
        if found and found[0] not in self.channels:
            found.sort(key=lambda mode: particle.modes[mode].width, reverse=True)
        return found

    def cautions(self, masses: Sequence[float]) -> tuple[str, ...]:
        """Return what people must know of the numbers at some masses.

        Parameters
        ----------
        masses : sequence of float
            In MeV/c2.
        """
        return tuple(dict.fromkeys(said for mass in masses for said in self.particle(mass).cautions))

    def masses(self, mode: str) -> list[float]:
        """Return the masses of the scan in MeV/c2 at which a decay mode is open and the widths are known.

        Parameters
        ----------
        mode : str

        Raises
        ------
        ConfigError
            When there are none, or no such mode.
        """
        ends = self.masses_mev or scan_of(self.model, self.parameters).masses
        particles = [self.particle(mass) for mass in np.geomspace(*ends, self.mass_points).tolist()]
        known = [one for one in particles if one.mass_range[0] <= one.mass <= one.mass_range[1]]
        found = [one.mass for one in known if is_open(one, mode)]
        if not found:
            if known and not any(mode in one.modes for one in known):
                branching_ratio(known[-1], mode)  # says what modes there are
            raise ConfigError(f"[signal] masses_mev = {list(ends)}: the mode {mode} is closed at all of them")
        return found


class SearchedSignal(SignalConfig):
    """A table [signal] in which nothing is left to the detector and the model."""

    decay_volume_m: tuple[float, float] = Field(description="z in which decays count")
    acceptance: list[str] = Field(description="detector elements that both tracks cross")
    spot_mm: float = Field(ge=0, description="Gaussian width of the beam spot on the dump")
    depth_mm: float = Field(ge=0, description="mean depth of the production point in the dump")
    masses_mev: tuple[Positive, Positive] = Field(description="ends of the scan")
    couplings: tuple[Strength, Strength] = Field(description="ends of the scan")
    point: tuple[Positive, Strength] = Field(description="mass in MeV and coupling that a run shows")

    @property
    def usual_mode(self) -> str:
        """The decay mode that is searched for where none is named: `usual_mode_at` the mass of `point`."""
        return self.usual_mode_at(self.point[0])

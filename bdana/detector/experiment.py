"""Geometry of an experiment: its beam and dump, a dipole, planes and what they are for, read from one TOML file."""

from __future__ import annotations

from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from bdana.detector.planes import Element, Octagon, Rectangle, Ring, Square, Straw
from bdana.errors import ConfigError
from bdana.mistakes import Written, validated
from bdana.strict import StrictModel, parse_toml, read_text

__all__ = ["BeamDump", "Detector", "Magnet", "Roles", "Tracking", "load_detector", "shipped_detectors"]


class Magnet(StrictModel):
    """Spectrometer dipole, taken as one momentum kick at its centre."""

    z_mm: float = Field(description="z of the centre")
    px_kick_mev: float = Field(description="change of p_x in MeV/c of a track of charge +1")


class Beam(StrictModel):
    """Table [beam]: what hits the dump."""

    momentum_mev: float = Field(gt=0, description="momentum in MeV/c")


class BeamDump(StrictModel):
    """Table [dump]: where the beam is stopped, and new particles are made."""

    name: str = Field(default="dump", pattern=r"^\w+$", description="what it is called: z_NAME in figures")
    point_mm: tuple[float, float, float] = Field(description="where the beam hits it")
    depth_mm: float = Field(ge=0, description="mean depth of the production point, exponential")
    spot_mm: float = Field(ge=0, description="Gaussian width of the beam spot in x and in y")
    material: str = Field(description="material that the beam meets, such as copper")


class DecayVolume(StrictModel):
    """Table [decay_volume]: where decays are looked for."""

    z_min_mm: float
    z_max_mm: float

    @model_validator(mode="after")
    def _ascending(self) -> Self:
        if not self.z_min_mm < self.z_max_mm:
            raise ValueError(f"ends at {self.z_max_mm:g} mm, before it begins at {self.z_min_mm:g} mm")
        return self


class Tracking(StrictModel):
    """Table [tracking]: elements that measure tracks, and the planes in which their states are given."""

    before: tuple[str, str] = Field(description="two elements through which the line before the magnet goes")
    after: tuple[str, str] = Field(description="two elements through which the line behind it goes")
    min_chambers: int = Field(ge=1, le=4, description="of these four, smallest number that makes a track")
    z_before_mm: float = Field(description="plane of the state before the magnet")
    z_after_mm: float = Field(description="plane of the state behind the magnet")

    @property
    def chambers(self) -> tuple[str, ...]:
        """The four elements, in the order of the flight."""
        return (*self.before, *self.after)


class Roles(StrictModel):
    """Table [roles]: what elements are for."""

    trigger: tuple[str, ...] = Field(description="elements that a muon must cross to fire the trigger")
    acceptance: tuple[str, ...] = Field(
        default=(), description="elements that both tracks cross to be accepted at efficiency 1"
    )
    calorimeter: str | None = Field(default=None, description="element that makes the clusters `lkr`")
    muon_veto: str | None = Field(default=None, description="element that makes the hits `muv3`")


class Detector(StrictModel):
    """A detector: one dipole and named planes, what they are for, and where the beam is dumped.

    Attributes
    ----------
    name : str
    magnet : Magnet
    elements : dict of str to Element
    beam, dump, decay_volume, tracking, roles
        Tables that a selection of files does not need, only simulation and signal: None where the file does not have them.
    simulation : dict
        Values of a simulated sample that differ from bdana's, by the keys of `bdana simulate --set`.
    """

    name: str
    magnet: Magnet
    elements: dict[str, Annotated[Ring | Straw | Octagon | Square | Rectangle, Field(discriminator="shape")]]
    beam: Beam | None = None
    dump: BeamDump | None = None
    decay_volume: DecayVolume | None = None
    tracking: Tracking | None = None
    roles: Roles | None = None
    simulation: dict[Literal["beam", "halo", "activity", "response", "tank_field"], dict[str, float]] = Field(
        default={}, description="values of a simulated sample, such as [simulation.beam]"
    )

    @model_validator(mode="after")
    def _named_elements_exist(self) -> Self:
        roles, tracking = self.roles, self.tracking
        named = [*(tracking.chambers if tracking else ())]
        if roles:
            named += [*roles.trigger, *roles.acceptance, *filter(None, (roles.calorimeter, roles.muon_veto))]
        unknown = [name for name in named if name not in self.elements]
        if unknown:
            raise ValueError(
                f"no element {', '.join(dict.fromkeys(unknown))}: there are {', '.join(self.elements)}"
            )
        if tracking:
            z = [self.elements[name].z_mm for name in tracking.chambers]
            if not (z == sorted(z) and z[0] < z[1] and z[2] < z[3] and z[1] <= self.magnet.z_mm < z[2]):
                raise ValueError(
                    "tracking: before and after must be in the order of z, the first two not behind the centre of the magnet"
                )
        return self

    def __getitem__(self, name: str) -> Element:
        """Return one element by name."""
        try:
            return self.elements[name]
        except KeyError:
            raise ConfigError(
                f"detector {self.name} has no element {name}; it has {', '.join(self.elements)}"
            ) from None

    def needs(self, table: str, what: str) -> ConfigError:
        """Return the error for a table that something needs and the file does not have.

        Parameters
        ----------
        table : str
        what : str
            What needs it.
        """
        return ConfigError(
            f"{what} needs the table [{table}] in the geometry of {self.name} (docs/detectors.md)"
        )

    @property
    def beam_momentum(self) -> float:
        """Momentum of the beam in MeV/c; raises ConfigError without [beam]."""
        if self.beam is None:
            raise self.needs("beam", "the momentum of the beam")
        return self.beam.momentum_mev

    @property
    def beam_dump(self) -> BeamDump:
        """The dump; raises ConfigError without [dump]."""
        if self.dump is None:
            raise self.needs("dump", "where the beam is dumped")
        return self.dump

    @property
    def volume_mm(self) -> tuple[float, float]:
        """Ends of the decay volume in mm; raises ConfigError without [decay_volume]."""
        if self.decay_volume is None:
            raise self.needs("decay_volume", "the decay volume")
        return self.decay_volume.z_min_mm, self.decay_volume.z_max_mm

    @property
    def tracker(self) -> Tracking:
        """What measures tracks; raises ConfigError without [tracking]."""
        if self.tracking is None:
            raise self.needs("tracking", "the simulation of tracks")
        return self.tracking

    @property
    def uses(self) -> Roles:
        """What elements are for; raises ConfigError without [roles]."""
        if self.roles is None:
            raise self.needs("roles", "the simulation of trigger and identification")
        return self.roles


def shipped_detectors() -> list[str]:
    """Return the names of the geometries that come with bdana."""
    return sorted(
        Path(str(path)).stem for path in files("bdana.detector").iterdir() if path.name.endswith(".toml")
    )


def load_detector(name: str, folder: Path | None = None) -> Detector:
    """Load a detector that ships with bdana, such as "na62", or a TOML file named relative to `folder`.

    Parameters
    ----------
    name : str
        One of `shipped_detectors`, or the path of a TOML file.
    folder : Path, optional
        Folder that the path is relative to.

    Raises
    ------
    ConfigError
        When there is no such geometry or its file is wrong.

    Examples
    --------
    >>> import numpy as np
    >>> from bdana.detector import load_detector
    >>> chamber = load_detector("na62")["STRAW1"]
    >>> chamber.z_mm
    183508.0
    >>> chamber.contains(np.array([101.2, 400.0, 2000.0]), np.zeros(3))
    array([False,  True, False])
    """
    path = Path(str(files("bdana.detector"))) / f"{name}.toml"
    if name.endswith(".toml"):
        path = (folder or Path()) / name
    if name.endswith(".toml") and not path.is_file():
        raise ConfigError(f"{path}: no such geometry file; shipped are {', '.join(shipped_detectors())}")
    if not path.is_file():
        raise ConfigError(
            f"no detector geometry '{name}': shipped are {', '.join(shipped_detectors())}; your own is given as the path of a "
            ".toml file"
        )
    return _parsed(path, read_text(path))


@lru_cache(maxsize=16)
def _parsed(path: Path, text: str) -> Detector:
    """Read a geometry once for each state of its file."""
    where = f"detector geometry {path}"
    return validated(Detector, parse_toml(text, where), Written(where))

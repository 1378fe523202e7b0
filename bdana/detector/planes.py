"""Detector geometry: a dipole and planes of given shape, which tell whether they cover a point."""

from __future__ import annotations

from abc import abstractmethod
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
from pydantic import Field

from bdana.errors import ConfigError
from bdana.mistakes import Written, validated
from bdana.strict import StrictModel, parse_toml, read_text

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Detector", "Element", "Magnet", "load_detector"]


class Magnet(StrictModel):
    """Spectrometer dipole, taken as one momentum kick at its centre."""

    z_mm: float = Field(description="z of the centre")
    px_kick_mev: float = Field(description="change of p_x in MeV/c of a track of charge +1")


class Element(StrictModel):
    """A detector plane at one z. Shapes are centred on the beam axis x = y = 0 unless they say otherwise."""

    z_mm: float

    @abstractmethod
    def contains(self, x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Tell which points of the plane the element covers; NaN is never covered.

        Parameters
        ----------
        x, y : ndarray, shape (N,)
            In mm.
        """


class Ring(Element):
    """A disc with a round hole."""

    shape: Literal["ring"] = "ring"
    r_min_mm: float = Field(ge=0, description="radius of the hole")
    r_max_mm: float = Field(gt=0, description="outer radius")

    def contains(self, x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Tell which points lie between the two radii.

        Parameters
        ----------
        x, y
            As for `Element.contains`.
        """
        r = np.hypot(x, y)
        return (r > self.r_min_mm) & (r < self.r_max_mm)


class Straw(Element):
    """A straw chamber of four views, each blind in a band around the centre of the beam hole."""

    shape: Literal["straw"] = "straw"
    centre_x_mm: float
    view_gap_mm: float = Field(ge=0, description="half width of the blind band of a view")
    r_max_mm: float = Field(gt=0, description="outer radius")

    def contains(self, x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Tell which points lie inside the outer radius (around x = y = 0) and outside the gap of at least two views.

        Parameters
        ----------
        x, y
            As for `Element.contains`.
        """
        dx = x - self.centre_x_mm
        views = (dx, y, (dx + y) / np.sqrt(2), (dx - y) / np.sqrt(2))
        seen = sum((np.abs(view) > self.view_gap_mm).astype(int) for view in views)
        return (seen >= 2) & (np.hypot(x, y) < self.r_max_mm)


class Octagon(Element):
    """A regular octagon with two horizontal sides and a round hole."""

    shape: Literal["octagon"] = "octagon"
    r_min_mm: float = Field(ge=0, description="radius of the hole")
    apothem_mm: float = Field(gt=0, description="distance of the sides from the centre")

    def contains(self, x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Tell which points lie inside the octagon and outside the hole.

        Parameters
        ----------
        x, y
            As for `Element.contains`.
        """
        ax, ay = np.abs(x), np.abs(y)
        inside = (np.maximum(ax, ay) < self.apothem_mm) & ((ax + ay) / np.sqrt(2) < self.apothem_mm)
        return inside & (np.hypot(x, y) > self.r_min_mm)


class Square(Element):
    """A square with a round hole."""

    shape: Literal["square"] = "square"
    r_min_mm: float = Field(ge=0, description="radius of the hole")
    half_side_mm: float = Field(gt=0, description="half of the side")

    def contains(self, x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Tell which points lie inside the square and outside the hole.

        Parameters
        ----------
        x, y
            As for `Element.contains`.
        """
        inside = (np.abs(x) < self.half_side_mm) & (np.abs(y) < self.half_side_mm)
        return inside & (np.hypot(x, y) > self.r_min_mm)


class Detector(StrictModel):
    """A detector: one dipole and named planes.

    Attributes
    ----------
    name : str
    magnet : Magnet
    elements : dict of str to Element
    """

    name: str
    magnet: Magnet
    elements: dict[str, Annotated[Ring | Straw | Octagon | Square, Field(discriminator="shape")]]

    def __getitem__(self, name: str) -> Element:
        """Return one element by name."""
        try:
            return self.elements[name]
        except KeyError:
            raise ConfigError(
                f"detector {self.name} has no element {name}; it has {', '.join(self.elements)}"
            ) from None


def load_detector(name: str, folder: Path | None = None) -> Detector:
    """Load a detector that ships with bdana ("na62"), or a TOML file named relative to `folder`.

    Parameters
    ----------
    name : str
        "na62", or the path of a TOML file.
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
    if not path.is_file():
        raise ConfigError(
            f"no detector geometry '{name}': give a shipped name (na62) or the path of a .toml file"
        )
    return _parsed(path, read_text(path))


@lru_cache(maxsize=16)
def _parsed(path: Path, text: str) -> Detector:
    """Read a geometry once for each state of its file."""
    where = f"detector geometry {path}"
    return validated(Detector, parse_toml(text, where), Written(where))

"""Planes of a detector: shapes that tell whether they cover a point."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Literal

import numpy as np
from pydantic import Field

from bdana.strict import StrictModel

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Element", "Octagon", "Rectangle", "Ring", "Square", "Straw"]


class Element(StrictModel):
    """A detector plane at one z. Shapes are centred on the beam axis x = y = 0 unless they say otherwise."""

    z_mm: float

    @property
    @abstractmethod
    def extent_mm(self) -> float:
        """Half side of the square around it."""

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

    @property
    def extent_mm(self) -> float:
        """Half side of the square around it."""
        return self.r_max_mm

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

    @property
    def extent_mm(self) -> float:
        """Half side of the square around it."""
        return self.r_max_mm

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

    @property
    def extent_mm(self) -> float:
        """Half side of the square around it."""
        return self.apothem_mm

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

    @property
    def extent_mm(self) -> float:
        """Half side of the square around it."""
        return self.half_side_mm

    def contains(self, x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Tell which points lie inside the square and outside the hole.

        Parameters
        ----------
        x, y
            As for `Element.contains`.
        """
        inside = (np.abs(x) < self.half_side_mm) & (np.abs(y) < self.half_side_mm)
        return inside & (np.hypot(x, y) > self.r_min_mm)


class Rectangle(Element):
    """A rectangle, which may have a band around y = 0 that it does not cover, above and below the beam."""

    shape: Literal["rectangle"] = "rectangle"
    half_x_mm: float = Field(gt=0, description="half of the width")
    half_y_mm: float = Field(gt=0, description="half of the height")
    y_min_mm: float = Field(default=0.0, ge=0.0, description="half height of the band that is not covered")

    @property
    def extent_mm(self) -> float:
        """Half side of the square around it."""
        return max(self.half_x_mm, self.half_y_mm)

    def contains(self, x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Tell which points lie inside the rectangle and outside the band.

        Parameters
        ----------
        x, y
            As for `Element.contains`.
        """
        return (np.abs(x) < self.half_x_mm) & (np.abs(y) < self.half_y_mm) & (np.abs(y) >= self.y_min_mm)

"""The partition of the (z_TAX, CDA_TAX) plane into signal region, control regions and the rest.

Boxes are nested, the most secret innermost. A candidate belongs to the innermost box it lies strictly inside of,
so a point on a border belongs to the outer region, and every finite point is in exactly one region.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Annotated

import hepunits
import numpy as np
from pydantic import Field

from bdana.errors import ConfigError
from bdana.strict import StrictModel

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["OUTSIDE", "UNDEFINED", "Box", "BoxTable", "Envelopes", "Regions"]

OUTSIDE = "outside"
"""Name of the region of the points inside no box."""
UNDEFINED = "undefined"
"""Name given to candidates without finite (z_TAX, CDA_TAX): they are in no region."""


@dataclass(frozen=True)
class Box:
    """A box of the plane, all borders excluded: z_min < z_TAX < z_max and CDA_TAX < cda_max, in mm."""

    name: str
    z_min: float
    z_max: float
    cda_max: float

    def inside(self, other: Box) -> bool:
        """Tell whether this box lies within another one."""
        return other.z_min <= self.z_min and self.z_max <= other.z_max and self.cda_max <= other.cda_max

    def encloses(self, z_tax: ArrayLike, cda_tax: ArrayLike) -> NDArray[np.bool_]:
        """Tell which points (mm) are not outside: borders and whatever is not a number count as inside."""
        z, cda = np.asarray(z_tax, dtype=np.float64), np.asarray(cda_tax, dtype=np.float64)
        return ~((z < self.z_min) | (z > self.z_max) | (cda > self.cda_max))

    def contains(self, z_tax: ArrayLike, cda_tax: ArrayLike) -> NDArray[np.bool_]:
        """Tell which points (mm) lie strictly inside; NaN never does."""
        z, cda = np.asarray(z_tax, dtype=np.float64), np.asarray(cda_tax, dtype=np.float64)
        return (self.z_min < z) & (z < self.z_max) & (cda < self.cda_max)


class BoxTable(StrictModel):
    """A box of the plane as TOML gives it: z_TAX in m, CDA_TAX in mm."""

    z_tax_min_m: float
    z_tax_max_m: float
    cda_tax_max_mm: Annotated[float, Field(gt=0)]

    def box(self, name: str) -> Box:
        """Return it in mm, under the name of its table.

        Parameters
        ----------
        name : str
        """
        return Box(name, self.z_tax_min_m * hepunits.m, self.z_tax_max_m * hepunits.m, self.cda_tax_max_mm)


@dataclass(frozen=True)
class Regions:
    """A partition by nested boxes, innermost first.

    Raises
    ------
    ConfigError
        When a box is empty, two have one name, a name is reserved, or they are not nested.
    """

    boxes: tuple[Box, ...]

    def __post_init__(self) -> None:
        for box in self.boxes:
            if not (box.z_min < box.z_max and box.cda_max > 0):
                raise ConfigError(
                    f"region {box.name} is empty: z_tax_min_m must be below z_tax_max_m, cda_tax_max_mm above 0"
                )
        names = [*(box.name for box in self.boxes), OUTSIDE, UNDEFINED]
        for name in names:
            if names.count(name) > 1:
                raise ConfigError(f"region name {name} is taken twice (outside and undefined are reserved)")
        for inner, outer in pairwise(self.boxes):
            if not inner.inside(outer):
                raise ConfigError(
                    f"region {inner.name} is not inside {outer.name}: list nested regions, innermost first"
                )

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the regions that make up the plane, innermost first, `outside` last."""
        return (*(box.name for box in self.boxes), OUTSIDE)

    def classify(self, z_tax: ArrayLike, cda_tax: ArrayLike) -> NDArray[np.str_]:
        """Name the region of each point.

        Parameters
        ----------
        z_tax, cda_tax : array-like, shape (N,)
            Position in mm.

        Returns
        -------
        ndarray of str, shape (N,)
            A name of `names`; `undefined` for a point that is not finite.
        """
        z, cda = np.asarray(z_tax, dtype=np.float64), np.asarray(cda_tax, dtype=np.float64)
        names = np.array([*self.names, UNDEFINED])
        inside = [box.contains(z, cda) for box in self.boxes]
        finite = np.isfinite(z) & np.isfinite(cda)
        index = np.select([~finite, *inside], [len(names) - 1, *range(len(inside))], default=len(names) - 2)
        return names[index]


@dataclass(frozen=True)
class Envelopes:
    """The closed boxes around the regions, innermost (most secret) first; borders and the undecidable are inside.

    Raises
    ------
    ConfigError
        When two boxes have one name or are not nested.
    """

    boxes: tuple[Box, ...]

    def __post_init__(self) -> None:
        Regions(self.boxes)  # the same rules: named once, not empty, nested

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the boxes, most secret first."""
        return tuple(box.name for box in self.boxes)

    def secrecy(self, z_tax: ArrayLike, cda_tax: ArrayLike) -> NDArray[np.int64]:
        """Return the place in `boxes` of the most secret box around each point (mm), shape (N,).

        A point without finite position is in the most secret box; one outside of all gets len(boxes).
        """
        z, cda = np.asarray(z_tax, dtype=np.float64), np.asarray(cda_tax, dtype=np.float64)
        undecided = ~(np.isfinite(z) & np.isfinite(cda))
        inside = [box.encloses(z, cda) for box in self.boxes]
        return np.select([undecided, *inside], [0, *range(len(inside))], default=len(inside)).astype(np.int64)

"""The partition of a plane into signal region, control regions and the rest.

Of pairs of tracks it is that of (z_TAX, CDA_TAX), of pairs of clusters that of mass and distance of their centre.
Boxes are nested, the most secret innermost. A candidate belongs to the innermost box it lies strictly inside of,
so a point on a border belongs to the outer region, and every finite point is in exactly one region.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Annotated

import hepunits
import numpy as np
from pydantic import Field

from bdana.display import short_repr, shortened
from bdana.errors import ConfigError
from bdana.lengths import Millimetres, from_metres
from bdana.strict import StrictModel

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = [
    "OUTSIDE",
    "UNDEFINED",
    "AnyBox",
    "Box",
    "BoxTable",
    "ClusterBox",
    "ClusterBoxTable",
    "Envelopes",
    "Regions",
]

OUTSIDE = "outside"
"""Name of the region outside all boxes."""
UNDEFINED = "undefined"
"""Name given to candidates without finite (z_TAX, CDA_TAX): they are in no region."""


@dataclass(frozen=True)
class AnyBox(ABC):
    """Box of a plane without its borders: the first coordinate lies between its two ends, the second below its top."""

    name: str

    @property
    @abstractmethod
    def ends(self) -> tuple[float, float]:
        """Ends of the first coordinate."""

    @property
    @abstractmethod
    def unit(self) -> float:
        """Unit in which figures show the first coordinate; the second is in mm."""

    @property
    @abstractmethod
    def top(self) -> float:
        """End of the second coordinate, which begins at 0."""

    def inside(self, other: AnyBox) -> bool:
        """Tell whether this box lies within another one.

        Parameters
        ----------
        other : Box or ClusterBox
        """
        (low, high), (from_, to) = self.ends, other.ends
        return from_ <= low and high <= to and self.top <= other.top

    def encloses(self, first: ArrayLike, second: ArrayLike) -> NDArray[np.bool_]:
        """Tell which points lie inside the box or on its border; NaN counts as inside.

        Parameters
        ----------
        first, second : array-like, shape (N,)
            Coordinates, such as z_TAX and CDA_TAX in mm.
        """
        x, y = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
        low, high = self.ends
        return ~((x < low) | (x > high) | (y > self.top))  # guard: borders-are-inside

    def contains(self, first: ArrayLike, second: ArrayLike) -> NDArray[np.bool_]:
        """Tell which points lie strictly inside the box; NaN never does.

        Parameters
        ----------
        first, second : array-like, shape (N,)
            Coordinates, such as z_TAX and CDA_TAX in mm.
        """
        x, y = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
        low, high = self.ends
        return (low < x) & (x < high) & (y < self.top)


@dataclass(frozen=True)
class Box(AnyBox):
    """Box of the (z_TAX, CDA_TAX) plane without its borders: z_min < z_TAX < z_max and CDA_TAX < cda_max, in mm."""

    name: str
    z_min: Millimetres
    z_max: Millimetres
    cda_max: Millimetres

    @property
    def ends(self) -> tuple[float, float]:
        """Ends of z_TAX in mm."""
        return self.z_min, self.z_max

    @property
    def unit(self) -> float:
        """The unit of z_TAX in figures: m."""
        return hepunits.m

    @property
    def top(self) -> float:
        """Largest CDA_TAX in mm."""
        return self.cda_max


@dataclass(frozen=True)
class ClusterBox(AnyBox):
    """Box for pairs of clusters without its borders: mass in MeV/c2, and the largest distance of their centre in mm."""

    name: str
    mass_min: float
    mass_max: float
    centre_max: Millimetres

    @property
    def ends(self) -> tuple[float, float]:
        """Ends of the mass in MeV/c2."""
        return self.mass_min, self.mass_max

    @property
    def unit(self) -> float:
        """The unit of the mass in figures: MeV."""
        return hepunits.MeV

    @property
    def top(self) -> float:
        """Largest distance of the centre from the beam line in mm."""
        return self.centre_max


class BoxTable(StrictModel):
    """Box of the (z_TAX, CDA_TAX) plane as TOML gives it: z_TAX in m, CDA_TAX in mm."""

    z_tax_min_m: float
    z_tax_max_m: float
    cda_tax_max_mm: Annotated[float, Field(gt=0)]  # guard: box-has-a-height

    def box(self, name: str) -> Box:
        """Return the box in mm, under the name of its table.

        Parameters
        ----------
        name : str
        """
        return Box(
            name,
            from_metres(self.z_tax_min_m),
            from_metres(self.z_tax_max_m),
            Millimetres(self.cda_tax_max_mm),
        )


class ClusterBoxTable(StrictModel):
    """Box for pairs of clusters as TOML gives it: mass at the reference point in MeV/c2, distance of the centre in mm."""

    mass_min_mev: Annotated[float, Field(ge=0)]
    mass_max_mev: float
    centre_max_mm: Annotated[float, Field(gt=0)]

    def box(self, name: str) -> ClusterBox:
        """Return the box under the name of its table.

        Parameters
        ----------
        name : str
        """
        return ClusterBox(name, self.mass_min_mev, self.mass_max_mev, Millimetres(self.centre_max_mm))


@dataclass(frozen=True)
class Regions:
    """Partition of the plane of one kind of pair, such as (z_TAX, CDA_TAX), by nested boxes, innermost first.

    Raises
    ------
    ConfigError
        When a box is empty, two have one name, a name is reserved, or they are not nested.

    Examples
    --------
    >>> from bdana import Box, Regions
    >>> regions = Regions((Box("SR", 6_000.0, 40_000.0, 40.0), Box("CR", -7_000.0, 53_000.0, 150.0)))
    >>> regions.classify([23_000.0, 23_000.0, 90_000.0, float("nan")], [10.0, 40.0, 10.0, 10.0])
    array(['SR', 'CR', 'outside', 'undefined'], dtype='<U9')
    """

    boxes: tuple[AnyBox, ...]

    def __repr__(self) -> str:
        return shortened(f"Regions({', '.join(self.names)})")

    def __post_init__(self) -> None:
        for box in self.boxes:
            if not (box.ends[0] < box.ends[1] and box.top > 0):  # guard: box-is-not-empty
                low, high, top = (
                    ("z_tax_min_m", "z_tax_max_m", "cda_tax_max_mm")
                    if isinstance(box, Box)
                    else ("mass_min_mev", "mass_max_mev", "centre_max_mm")
                )
                raise ConfigError(f"region {box.name} is empty: {low} must be below {high}, {top} above 0")
        names = [*(box.name for box in self.boxes), OUTSIDE, UNDEFINED]
        for name in names:
            if names.count(name) > 1:
                raise ConfigError(f"region name {name} is taken twice (outside and undefined are reserved)")
        for inner, outer in pairwise(self.boxes):
            if not inner.inside(outer):  # guard: boxes-are-nested
                raise ConfigError(
                    f"region {inner.name} is not inside {outer.name}: list nested regions, innermost first"
                )

    @property
    def of_clusters(self) -> bool:
        """Whether the plane is that of pairs of clusters."""
        return any(isinstance(box, ClusterBox) for box in self.boxes)

    @property
    def frame(self) -> tuple[tuple[float, float], tuple[float, float]]:
        """Ends of figures of the plane: of z in m or of the mass in MeV, and of the distance in mm.

        In z a quarter of the outermost box is shown before it and 5/4 of it behind it, where nothing comes from the dump; of masses
        a quarter behind it; in the distance from 1/60 of the innermost box's to 4 times the outermost's, to one digit.
        """
        inner, outer = self.boxes[0], self.boxes[-1]
        (low, high), unit = outer.ends, outer.unit
        width = high - low
        shown = (low - width / 4.0) / unit, (high + 1.25 * width) / unit
        if self.of_clusters:
            shown = 0.0, (high + width / 4.0) / unit
        return shown, (float(f"{inner.top / 60.0:.1g}"), float(f"{outer.top * 4.0:.1g}"))

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the regions that make up the plane, innermost first, `outside` last."""
        return (*(box.name for box in self.boxes), OUTSIDE)

    def __getitem__(self, name: str) -> AnyBox:
        """Return the box of a region."""
        for box in self.boxes:
            if box.name == name:
                return box
        raise ConfigError(
            f"no region '{name}' with a box; there are {', '.join(box.name for box in self.boxes)}"
        )

    def classify(self, z_tax: ArrayLike, cda_tax: ArrayLike) -> NDArray[np.str_]:
        """Return the name of the region of each point.

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

    def reached_by(self, envelopes: Envelopes) -> dict[str, tuple[str, ...]]:
        """Return by region the names of the envelopes that are the innermost one around some of its points.

        Parameters
        ----------
        envelopes : Envelopes

        Examples
        --------
        >>> from bdana.regions import Box, Envelopes, Regions
        >>> regions = Regions((Box("SR", 6_000.0, 40_000.0, 40.0), Box("CR", -7_000.0, 53_000.0, 150.0)))
        >>> wider = Envelopes((Box("SR", 4_000.0, 42_000.0, 50.0), Box("CR", -9_000.0, 55_000.0, 160.0)))
        >>> regions.reached_by(wider)
        {'SR': ('SR',), 'CR': ('SR', 'CR'), 'outside': ('CR',)}
        """
        boxes = (*self.boxes, *envelopes.boxes)
        # One point between each two neighbouring borders stands for all that lie there.
        ends = np.unique([end for box in boxes for end in box.ends])
        heights = np.unique([0.0, *(box.top for box in boxes)])
        z, cda = np.meshgrid(
            [ends[0] - 1.0, *(0.5 * (ends[1:] + ends[:-1])), ends[-1] + 1.0],
            [*(0.5 * (heights[1:] + heights[:-1])), heights[-1] + 1.0],
        )
        region, inside = self.classify(z, cda), envelopes.secrecy(z, cda)
        names = (*envelopes.names, "")
        return {
            name: tuple(names[i] for i in np.unique(inside[region == name]) if names[i])
            for name in self.names
        }


@dataclass(frozen=True)
class Envelopes:
    """Closed (blinded) boxes, innermost first; points on a border or without finite position are inside.

    Raises
    ------
    ConfigError
        When two boxes have one name or are not nested.

    Examples
    --------
    >>> from bdana.regions import Box, Envelopes
    >>> closed = Envelopes((Box("SR", 6_000.0, 40_000.0, 40.0), Box("CR", -7_000.0, 53_000.0, 150.0)))
    >>> closed.secrecy([23_000.0, 23_000.0, 90_000.0, float("nan")], [40.0, 60.0, 10.0, 10.0])
    array([0, 1, 2, 0])
    """

    boxes: tuple[AnyBox, ...]

    __repr__ = short_repr

    def __post_init__(self) -> None:
        Regions(self.boxes)  # the same rules: named once, not empty, nested

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the boxes, innermost (most secret) first."""
        return tuple(box.name for box in self.boxes)

    def secrecy(self, z_tax: ArrayLike, cda_tax: ArrayLike) -> NDArray[np.int64]:
        """Return the index in `boxes` of the innermost box around each point, shape (N,).

        A point without finite position gets 0, one outside of all boxes len(boxes).

        Parameters
        ----------
        z_tax, cda_tax : array-like, shape (N,)
            In mm.
        """
        z, cda = np.asarray(z_tax, dtype=np.float64), np.asarray(cda_tax, dtype=np.float64)
        undecided = ~(np.isfinite(z) & np.isfinite(cda))  # guard: no-number-is-inside
        inside = [box.encloses(z, cda) for box in self.boxes]
        return np.select([undecided, *inside], [0, *range(len(inside))], default=len(inside)).astype(np.int64)

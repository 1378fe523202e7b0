"""Straight lines in space and the closest approach of two of them.

All arithmetic is float64. What has no answer (parallel lines, a zero direction, NaN) gives NaN.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from bdana.display import short_repr
from bdana.reconstruction.read_only import read_only

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["PARALLEL_SINE", "ClosestApproach", "Line", "closest_approach"]

PARALLEL_SINE = 1e-12
"""Lines whose directions differ by less than this angle (radian) count as parallel.

The cross product of two float64 directions is uncertain by about 1e-16 of their lengths, so below this value
the position of the closest approach would be known to worse than 1e-4 of the distance between the lines.
"""


@dataclass(frozen=True)
class Line:
    """N straight lines, or one line that is combined with many.

    Attributes
    ----------
    point : ndarray, shape (N, 3) or (3,)
        A point of each line in mm.
    direction : ndarray, shape (N, 3) or (3,)
        Its direction, of any length.
    """

    point: NDArray[np.float64]
    direction: NDArray[np.float64]

    __repr__ = short_repr

    @classmethod
    def from_slopes(cls, x: ArrayLike, y: ArrayLike, z: ArrayLike, tx: ArrayLike, ty: ArrayLike) -> Line:
        """Build the lines of tracks from a point and the slopes dx/dz and dy/dz.

        Parameters
        ----------
        x, y, z : array-like, shape (N,)
            Point in mm.
        tx, ty : array-like, shape (N,)
            Slopes dx/dz and dy/dz.

        Examples
        --------
        >>> from bdana import Line
        >>> tracks = Line.from_slopes(x=[10.0, 0.0], y=[0.0, 5.0], z=180_000.0, tx=[0.001, 0.0], ty=[0.0, 0.002])
        >>> x, y = tracks.at(z=181_000.0)
        >>> x, y
        (array([11.,  0.]), array([0., 7.]))
        """
        tx = np.asarray(tx, dtype=np.float64)
        return cls(_stack(x, y, z), _stack(tx, ty, np.ones_like(tx)))

    def take(self, where: Any) -> Line:
        """Return the lines at the given places (indices or mask).

        Parameters
        ----------
        where : ndarray
        """
        return Line(self.point[where], self.direction[where])

    def at(self, z: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return x and y in mm, each of shape (N,), where the lines cross a plane of constant z.

        Parameters
        ----------
        z : float
            In mm.
        """
        step = (z - self.point[..., 2]) / self.direction[..., 2]
        return (
            self.point[..., 0] + step * self.direction[..., 0],
            self.point[..., 1] + step * self.direction[..., 1],
        )


@dataclass(frozen=True)
class ClosestApproach:
    """Closest approach of N pairs of lines; every value is NaN where a pair has none.

    Attributes
    ----------
    on_first, on_second : ndarray, shape (N, 3)
        The two ends of the shortest segment, in mm.
    distance : ndarray, shape (N,)
        The length of that segment (CDA) in mm.
    """

    on_first: NDArray[np.float64]
    on_second: NDArray[np.float64]
    distance: NDArray[np.float64]

    __repr__ = short_repr

    def take(self, where: Any) -> ClosestApproach:
        """Return the pairs at the given places (indices or mask), read-only.

        Parameters
        ----------
        where : ndarray
        """
        ends = (read_only(end[where]) for end in (self.on_first, self.on_second, self.distance))
        return ClosestApproach(*ends)

    @property
    def midpoint(self) -> NDArray[np.float64]:
        """The middle of the shortest segment in mm, shape (N, 3)."""
        return 0.5 * (self.on_first + self.on_second)

    @property
    def valid(self) -> NDArray[np.bool_]:
        """True where the pair of lines has a closest approach, shape (N,)."""
        return np.isfinite(self.distance)


def closest_approach(first: Line, second: Line) -> ClosestApproach:
    """Find the shortest segment between two lines, for N pairs of lines.

    With n = d1 x d2 and w = p2 - p1 the distance is abs(w.n)/abs(n), and the segment ends at p1 + d1 (w x d2).n/n^2
    and p2 + d2 (w x d1).n/n^2. Cross products keep the precision that the usual a c - b^2 loses for track
    angles of milliradians.

    Parameters
    ----------
    first, second : Line
        N lines each, or one of them a single line.

    Returns
    -------
    ClosestApproach
        NaN for lines that are parallel within `PARALLEL_SINE`, have a zero direction or a NaN.

    Examples
    --------
    >>> import numpy as np
    >>> from bdana import Line, closest_approach
    >>> beam = Line(point=np.array([0.0, 0.0, 0.0]), direction=np.array([0.0, 0.0, 1.0]))
    >>> tracks = Line.from_slopes(x=[5.0, 5.0], y=[0.0, 0.0], z=[2000.0, 2000.0], tx=[0.0, 0.0], ty=[0.001, 0.0])
    >>> found = closest_approach(tracks, beam)
    >>> found.distance  # the second track is parallel to the beam
    array([ 5., nan])
    >>> found.midpoint[0]
    array([   2.5,    0. , 2000. ])
    """
    with np.errstate(invalid="ignore", over="ignore"):
        normal = np.cross(first.direction, second.direction)
        between = second.point - first.point
        normal2 = _dot(normal, normal)
        limit = (
            PARALLEL_SINE**2
            * _dot(first.direction, first.direction)
            * _dot(second.direction, second.direction)
        )
        # `>` is False for NaN, so whatever cannot be decided is invalid.
        decided = (normal2 > limit) & np.isfinite(normal2) & np.isfinite(between).all(axis=-1)
        normal2 = np.where(decided, normal2, np.nan)
        along_first = _dot(np.cross(between, second.direction), normal) / normal2
        along_second = _dot(np.cross(between, first.direction), normal) / normal2
        return ClosestApproach(
            on_first=first.point + along_first[..., np.newaxis] * first.direction,
            on_second=second.point + along_second[..., np.newaxis] * second.direction,
            distance=np.abs(_dot(between, normal)) / np.sqrt(normal2),
        )


def _dot(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    product: NDArray[np.float64] = np.einsum("...i,...i->...", a, b)
    return product


def _stack(*components: ArrayLike) -> NDArray[np.float64]:
    return np.stack(np.broadcast_arrays(*(np.asarray(c, dtype=np.float64) for c in components)), axis=-1)

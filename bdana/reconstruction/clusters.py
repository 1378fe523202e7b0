"""Clusters of the calorimeter and pairs of them: two photons without a track, with what is computed of them.

A cluster has no direction. What decays comes from the dump, so its line is the one from there to the energy-weighted centre of
the two clusters; where on it the photons begin tells their mass, and a mass tells where they begin.
All arrays are read-only, as those of tracks.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from bdana.display import short_repr
from bdana.errors import ConfigError
from bdana.reconstruction.event_records import EventRecords
from bdana.reconstruction.read_only import read_only

if TYPE_CHECKING:
    import awkward as ak
    from numpy.typing import NDArray

    from bdana.detector import Detector
    from bdana.reconstruction.lines import Line

__all__ = ["ClusterPairs", "Clusters", "two_photon_mass"]

STEPS = 20
"""Steps towards the decay point of a mass: each makes the error smaller by (separation / distance)^2 or more."""
COMPUTED = ("separation", "centre", "centre_distance", "mass", "z_vertex")
"""Quantities of a pair that are computed once, and kept of the pairs that are taken."""
PRECISION = 1e-9
"""Relative precision of the mass at the decay point; where it is not reached there is no such point."""


@dataclass(frozen=True)
class Clusters(EventRecords):
    """N clusters of the calorimeter and the events they belong to: `record` has the fields `energy`, `x`, `y` and `time` of `lkr`."""

    collection = "lkr"
    called = "clusters"

    __repr__ = short_repr

    @property
    def energy(self) -> NDArray[np.float64]:
        """Energy in MeV, shape (N,)."""
        return self.column("energy")

    @property
    def x(self) -> NDArray[np.float64]:
        """Position x in mm, shape (N,)."""
        return self.column("x")

    @property
    def y(self) -> NDArray[np.float64]:
        """Position y in mm, shape (N,)."""
        return self.column("y")

    @property
    def time(self) -> NDArray[np.float64]:
        """Time in ns, on the scale of the trigger time, shape (N,)."""
        return self.column("time")

    @property
    def z(self) -> float:
        """The plane of the calorimeter, z in mm; raises ConfigError where the geometry names none."""
        name = self.detector.uses.calorimeter
        if name is None:
            raise ConfigError(
                f"clusters need a calorimeter: the geometry of {self.detector.name} names none in [roles]"
            )
        return self.detector[name].z_mm

    @cached_property
    def point(self) -> NDArray[np.float64]:
        """Position in mm: x, y and z, shape (N, 3)."""
        return read_only(np.stack([self.x, self.y, np.full(len(self), self.z)], axis=1))


@dataclass(frozen=True)
class ClusterPairs:
    """N pairs of clusters as candidates for two photons from the dump.

    Attributes
    ----------
    first, second : Clusters
        The clusters of each pair, the one of larger energy first.
    dump_point : ndarray, shape (3,)
        Where what decays is made, in mm.
    beam_line : Line or None
        One line, which the distance of the centre is measured from; None where the geometry is not known.
    reference_z : float
        The z in mm at which `mass` takes the photons to begin.
    hypothesis : ndarray, shape (N,), or float
        Mass in MeV/c2 that tells where they begin (`z_vertex`); NaN: nothing does.
    """

    first: Clusters
    second: Clusters
    dump_point: NDArray[np.float64]
    beam_line: Line | None
    reference_z: float
    hypothesis: NDArray[np.float64] | float = field(default=np.nan)

    __repr__ = short_repr

    @classmethod
    def by_energy(
        cls,
        clusters: Clusters,
        one: NDArray[np.int64],
        other: NDArray[np.int64],
        dump_point: NDArray[np.float64],
        beam_line: Line | None,
        reference_z: float,
    ) -> Self:
        """Pair clusters given by their indices, the one of larger energy as `first`.

        Parameters
        ----------
        clusters : Clusters
        one, other : ndarray of int, shape (N,)
            Indices in `clusters` of the two clusters of each pair.
        dump_point, beam_line, reference_z
            Attributes of the pairs.
        """
        swap = clusters.energy[other] > clusters.energy[one]
        first, second = np.where(swap, other, one), np.where(swap, one, other)
        return cls(clusters.take(first), clusters.take(second), dump_point, beam_line, reference_z)

    def take(self, where: NDArray[Any]) -> Self:
        """Return the pairs at the given places (indices or mask).

        Parameters
        ----------
        where : ndarray
        """
        of_each = np.broadcast_to(self.hypothesis, len(self))[where]
        taken = replace(
            self, first=self.first.take(where), second=self.second.take(where), hypothesis=of_each
        )
        known = {name: read_only(vars(self)[name][where]) for name in COMPUTED if name in vars(self)}
        vars(taken).update(known)
        return taken

    def __len__(self) -> int:
        return len(self.first)

    @property
    def detector(self) -> Detector:
        """The geometry the clusters were measured in."""
        return self.first.detector

    @property
    def event(self) -> ak.Array:
        """The event of each pair, type N * record."""
        return self.first.event

    @property
    def index(self) -> NDArray[np.int64]:
        """The place of each pair's event in those of the chunk, shape (N,)."""
        return self.first.index

    @property
    def dt(self) -> NDArray[np.float64]:
        """Time of the first less that of the second cluster in ns, shape (N,)."""
        return self.first.time - self.second.time

    @property
    def time(self) -> NDArray[np.float64]:
        """Mean of the two times in ns, shape (N,)."""
        return 0.5 * (self.first.time + self.second.time)

    @property
    def energy(self) -> NDArray[np.float64]:
        """Sum of the two energies in MeV, shape (N,)."""
        return self.first.energy + self.second.energy

    @cached_property
    def separation(self) -> NDArray[np.float64]:
        """Distance between the two clusters in mm, shape (N,)."""
        return read_only(np.hypot(self.first.x - self.second.x, self.first.y - self.second.y))

    @cached_property
    def centre(self) -> NDArray[np.float64]:
        """Energy-weighted centre in the plane of the calorimeter in mm: x, y and z, shape (N, 3)."""
        with np.errstate(divide="ignore", invalid="ignore"):
            share = (self.first.energy / self.energy)[:, np.newaxis]
        return read_only(share * self.first.point + (1.0 - share) * self.second.point)

    @cached_property
    def centre_distance(self) -> NDArray[np.float64]:
        """Distance in mm of the centre from the beam line in the plane of the calorimeter, shape (N,); NaN without beam line."""
        if self.beam_line is None:
            return read_only(np.full(len(self), np.nan))
        x, y = self.beam_line.at(self.first.z)
        return read_only(np.hypot(self.centre[:, 0] - x, self.centre[:, 1] - y))

    @cached_property
    def mass(self) -> NDArray[np.float64]:
        """Invariant mass in MeV/c2 of two photons that begin at `reference_z`, shape (N,)."""
        return read_only(self.mass_at(np.full(len(self), self.reference_z)))

    def mass_at(self, z: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the invariant mass in MeV/c2 of two photons from the line to the centre at some z, shape (N,).

        Parameters
        ----------
        z : ndarray, shape (N,)
            In mm.
        """
        share = ((z - self.dump_point[2]) / (self.first.z - self.dump_point[2]))[:, np.newaxis]
        vertex = self.dump_point + share * (self.centre - self.dump_point)
        return two_photon_mass(self.first.energy, self.first.point - vertex, self.second.energy, self.second.point - vertex)  # fmt: skip

    @cached_property
    def z_vertex(self) -> NDArray[np.float64]:
        """The z in mm from which photons of the mass `hypothesis` come, shape (N,); NaN where there is none behind the dump.

        Far away the mass falls with the distance d to the calorimeter as 1/d: m d = r sqrt(E1 E2) for a separation r. From
        this d on, each step d m(d)/m comes nearer to the exact one (this project, docs/channels.md).
        """
        mass = np.broadcast_to(np.asarray(self.hypothesis, dtype=np.float64), len(self))
        with np.errstate(all="ignore"):
            d = self.separation * np.sqrt(self.first.energy * self.second.energy) / mass
            for _ in range(STEPS):
                step = self.mass_at(self.first.z - d) / mass
                d = d * step
                if not (np.abs(step - 1.0) > 1e-3 * PRECISION).any():
                    break
            z = self.first.z - d
            found = (np.abs(self.mass_at(z) / mass - 1.0) < PRECISION) & (z > self.dump_point[2])
        return read_only(np.where(found, z, np.nan))


def two_photon_mass(
    energy: NDArray[np.float64],
    direction: NDArray[np.float64],
    other_energy: NDArray[np.float64],
    other_direction: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Return the invariant mass of two photons in MeV/c2, shape (N,): m^2 = 2 E1 E2 (1 - cos theta) = E1 E2 |u1 - u2|^2.

    The unit vectors u keep the precision that 1 - cos theta loses for small angles.

    Parameters
    ----------
    energy, other_energy : ndarray, shape (N,)
        In MeV.
    direction, other_direction : ndarray, shape (N, 3)
        Of any length.

    Examples
    --------
    >>> import numpy as np
    >>> from bdana.reconstruction import two_photon_mass
    >>> opposite = np.array([[0.0, 0.0, 1.0]]), np.array([[0.0, 0.0, -2.0]])
    >>> two_photon_mass(np.array([50.0]), opposite[0], np.array([50.0]), opposite[1])
    array([100.])
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        units = [v / np.linalg.norm(v, axis=1, keepdims=True) for v in (direction, other_direction)]
        mass: NDArray[np.float64] = np.sqrt(energy * other_energy) * np.linalg.norm(
            units[0] - units[1], axis=1
        )
    return mass

"""Single tracks and pairs of tracks, with the kinematic quantities that are computed from them.

`Tracks` and `Pairs` are what the cuts of a selection receive. Data pairs and pairs built for the combinatorial
estimate are the same type, so they go through the same cuts. All arrays are read-only: no cut changes what the next one sees.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from bdana.display import short_repr
from bdana.on_demand import late_module
from bdana.reconstruction.event_records import EventRecords
from bdana.reconstruction.lines import ClosestApproach, Line, closest_approach
from bdana.reconstruction.read_only import read_only

if TYPE_CHECKING:
    import awkward as ak
    import vector
    from numpy.typing import NDArray

    from bdana.detector import Detector
else:
    vector = late_module("vector")

__all__ = ["Pairs", "Tracks"]


@dataclass(frozen=True)
class Tracks(EventRecords):
    """N single tracks and the events they belong to: `record` has the canonical track fields (docs/events.md)."""

    collection = "tracks"
    called = "tracks"

    __repr__ = short_repr

    def assume(self, mass: float | NDArray[np.float64]) -> None:
        """Give the tracks, in the sample that they are of, a mass hypothesis.

        Parameters
        ----------
        mass : float or ndarray, shape (N,)
            In MeV/c2.
        """
        sample, places = vars(self).get("_taken_from", (self, slice(None)))
        column = sample._columns.get("mass", np.full(len(sample), np.nan)).copy()
        column[places] = mass
        sample._columns["mass"] = read_only(column)

    def take(self, where: NDArray[Any]) -> Self:
        """Return the tracks at the given places (indices or mask).

        Parameters
        ----------
        where : ndarray
        """
        places = np.arange(len(self))[where]
        taken = super().take(places)
        lines = {side: line.take(places) for side in ("before", "after") if (line := vars(self).get(side))}
        vars(taken).update(
            {side: Line(read_only(x.point), read_only(x.direction)) for side, x in lines.items()}
        )
        return taken

    @property
    def charge(self) -> NDArray[np.int64]:
        """Charge in units of e, shape (N,)."""
        return self.column("charge")

    @property
    def p(self) -> NDArray[np.float64]:
        """Momentum in MeV/c, shape (N,)."""
        return self.column("p")

    @property
    def mass(self) -> NDArray[np.float64]:
        """Mass hypothesis in MeV/c2, shape (N,): what the selection says that each track is."""
        return self.column("mass")

    @property
    def time(self) -> NDArray[np.float64]:
        """Time in ns, on the scale of the trigger time, shape (N,)."""
        return self.column("time")

    @property
    def chi2(self) -> NDArray[np.float64]:
        """Chi2 of the track fit, shape (N,); NaN where the fit failed."""
        return self.column("chi2")

    @property
    def n_chambers(self) -> NDArray[np.int64]:
        """Number of chambers with hits, shape (N,)."""
        return self.column("n_chambers")

    @cached_property
    def before(self) -> Line:
        """The straight line upstream of the magnet."""
        return self._line("before")

    @cached_property
    def after(self) -> Line:
        """The straight line downstream of the magnet."""
        return self._line("after")

    def at(self, z: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return x and y in mm at a plane of constant z, on the line of that side of the magnet.

        Parameters
        ----------
        z : float
            In mm.
        """
        return (self.before if z < self.detector.magnet.z_mm else self.after).at(z)

    @cached_property
    def momentum(self) -> Any:
        """Momentum at the decay, a `vector` array of N three-momenta in MeV/c."""
        p = self.components
        return read_only(vector.array({"px": p[:, 0], "py": p[:, 1], "pz": p[:, 2]}))

    @cached_property
    def components(self) -> NDArray[np.float64]:
        """Momentum at the decay in MeV/c: x, y and z components, shape (N, 3)."""
        direction = self.before.direction
        return read_only(direction * (self.p / np.linalg.norm(direction, axis=1))[:, np.newaxis])

    def _line(self, side: str) -> Line:
        x, y, z, tx, ty = (self.column(f"{name}_{side}") for name in ("x", "y", "z", "tx", "ty"))
        line = Line.from_slopes(x, y, z, tx, ty)
        return Line(read_only(line.point), read_only(line.direction))


@dataclass(frozen=True)
class Pairs:
    """N pairs of tracks as candidates.

    Attributes
    ----------
    plus, minus : Tracks
        The tracks of each pair, the one of larger charge first; the input's order for equal charges.
    beam_line : Line or None
        One line, against which the momentum of the pair is extrapolated back; None where the geometry is not known.
    """

    plus: Tracks
    minus: Tracks
    beam_line: Line | None

    __repr__ = short_repr

    @classmethod
    def by_charge(
        cls,
        tracks: Tracks,
        first: NDArray[np.int64],
        second: NDArray[np.int64],
        mass: float | NDArray[np.float64],
        beam_line: Line | None,
    ) -> Pairs:
        """Pair tracks given by their indices, the one of larger charge as `plus`.

        Parameters
        ----------
        tracks : Tracks
        first, second : ndarray of int, shape (N,)
            Indices in `tracks` of the two tracks of each pair.
        mass : float or ndarray, shape (M,)
            Mass hypothesis of the M tracks in MeV/c2.
        beam_line : Line or None
            In mm.
        """
        tracks.assume(mass)
        swap = tracks.charge[second] > tracks.charge[first]
        plus, minus = np.where(swap, second, first), np.where(swap, first, second)
        return cls(tracks.take(plus), tracks.take(minus), beam_line)

    def take(self, where: NDArray[Any]) -> Pairs:
        """Return the pairs at the given places (indices or mask).

        Parameters
        ----------
        where : ndarray
        """
        taken = Pairs(self.plus.take(where), self.minus.take(where), self.beam_line)
        if "vertex" in vars(self):
            vars(taken)["vertex"] = self.vertex.take(where)
        return taken

    def __len__(self) -> int:
        return len(self.plus)

    @property
    def detector(self) -> Detector:
        """The geometry the tracks were measured in."""
        return self.plus.detector

    @property
    def event(self) -> ak.Array:
        """The event of each pair, type N * record."""
        return self.plus.event

    @property
    def index(self) -> NDArray[np.int64]:
        """The place of each pair's event in those of the chunk, shape (N,)."""
        return self.plus.index

    @cached_property
    def both(self) -> Tracks | None:
        """The N tracks `plus` followed by the N tracks `minus`; None where they are not of one sample."""
        plus, minus = (vars(track).get("_taken_from", (None, None)) for track in (self.plus, self.minus))
        if plus[0] is None or plus[0] is not minus[0]:
            return None
        return plus[0].take(np.concatenate([plus[1], minus[1]]))

    @property
    def dt(self) -> NDArray[np.float64]:
        """Time difference t(+) - t(-) in ns, shape (N,)."""
        return self.plus.time - self.minus.time

    @property
    def time(self) -> NDArray[np.float64]:
        """Mean of the two track times in ns, shape (N,)."""
        return 0.5 * (self.plus.time + self.minus.time)

    @cached_property
    def vertex(self) -> ClosestApproach:
        """Closest approach of the two upstream lines: its midpoint is the decay vertex, its length CDA_FV."""
        return _read_only(closest_approach(self.plus.before, self.minus.before))

    @cached_property
    def z_vertex(self) -> NDArray[np.float64]:
        """The decay vertex's z in mm, shape (N,); NaN for an invalid vertex."""
        return read_only(self.vertex.midpoint[:, 2])

    @cached_property
    def cda(self) -> NDArray[np.float64]:
        """Distance of closest approach of the two tracks (CDA_FV) in mm, shape (N,)."""
        return self.vertex.distance

    @cached_property
    def momentum(self) -> Any:
        """Sum of the two momenta, a `vector` array of N three-momenta in MeV/c."""
        return read_only(self.plus.momentum + self.minus.momentum)

    @cached_property
    def tax(self) -> ClosestApproach:
        """Closest approach of the di-lepton line (first) and the beam line (second); NaN without beam line."""
        if self.beam_line is None:
            nowhere = np.full((len(self), 3), np.nan)
            return ClosestApproach(nowhere, nowhere, nowhere[:, 0])
        line = Line(self.vertex.midpoint, self.plus.components + self.minus.components)
        return _read_only(closest_approach(line, self.beam_line))

    @cached_property
    def z_tax(self) -> NDArray[np.float64]:
        """The z in mm of the point of the di-lepton line nearest to the beam line (z_TAX), shape (N,)."""
        return self.tax.on_first[:, 2]

    @cached_property
    def cda_tax(self) -> NDArray[np.float64]:
        """Distance in mm between the di-lepton line and the beam line (CDA_TAX), shape (N,)."""
        return self.tax.distance

    @cached_property
    def mass(self) -> NDArray[np.float64]:
        """Invariant mass in MeV/c2 with the mass hypothesis of each track, shape (N,)."""
        # In the order of additions of `vector`, which a test compares.
        energy = sum(np.sqrt(track.mass**2 + _norm2(track.components)) for track in (self.plus, self.minus))
        squared = energy**2 - _norm2(self.plus.components + self.minus.components)
        mass: NDArray[np.float64] = np.copysign(np.sqrt(np.abs(squared)), squared)
        return read_only(mass)


def _read_only(found: ClosestApproach) -> ClosestApproach:
    return ClosestApproach(read_only(found.on_first), read_only(found.on_second), read_only(found.distance))


def _norm2(p: NDArray[np.float64]) -> NDArray[np.float64]:
    norm2: NDArray[np.float64] = p[:, 0] ** 2 + p[:, 1] ** 2 + p[:, 2] ** 2
    return norm2

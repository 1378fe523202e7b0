"""Independent sources of error of the expectations of several regions, from which their covariance is made."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from bdana.display import short_repr
from bdana.errors import InputError
from bdana.statistics.correlated import factor, valid_covariance

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import ArrayLike

    from bdana.statistics.poisson import Floats
    from bdana.statistics.systematic import Systematic

__all__ = ["ErrorSources"]


@dataclass(frozen=True)
class ErrorSources:
    """Shifts of the expectations of R regions by one standard deviation of each of several independent sources.

    Attributes
    ----------
    regions : tuple of str
    shifts : mapping of str to tuple of float
        By source, in events, one for each region.
    one_sided : frozenset of str
        Sources that can move the expectations only in the direction of their shifts.

    Examples
    --------
    >>> from bdana.statistics import Systematic
    >>> from bdana.statistics.error_sources import ErrorSources
    >>> halo = Systematic("halo", {"CR": 0.1, "SR": 0.1}, correlated=True, source="assumed")
    >>> made = ErrorSources.of(("CR", "SR"), [20.0, 2.0], [[4.0, 0.0], [0.0, 0.25]], [halo])
    >>> made.shifts
    {'single tracks, CR': (2.0, 0.0), 'single tracks, SR': (0.0, 0.5), 'halo': (2.0, 0.2)}
    """

    regions: tuple[str, ...]
    shifts: Mapping[str, tuple[float, ...]]
    one_sided: frozenset[str] = frozenset()

    __repr__ = short_repr

    @classmethod
    def of(
        cls,
        regions: Sequence[str],
        expected: ArrayLike,
        statistical: ArrayLike,
        systematics: Sequence[Systematic] = (),
        label: str = "single tracks",
    ) -> ErrorSources:
        """Return the sources of a statistical covariance and of systematic uncertainties.

        The covariance is that of as many independent sources as its rank, each each named after
        the region of which it is the largest part of what the sources before it leave.
        A systematic uncertainty that does not move all regions together is one source for each region.

        Parameters
        ----------
        regions : sequence of str
        expected : array_like, shape (R,)
            In events.
        statistical : array_like, shape (R, R)
            Statistical covariance, in events squared.
        systematics : sequence of Systematic
        label : str
            What the statistical sources are called.
        """
        numbers = np.asarray(expected, dtype=np.float64)
        rest = valid_covariance(statistical)
        variances = np.where(np.diag(rest) > 0, np.diag(rest), 1.0)
        shifts: dict[str, tuple[float, ...]] = {}
        one_sided: set[str] = set()
        for column in factor(rest).T:
            shifts[f"{label}, {regions[int((np.diag(rest) / variances).argmax())]}"] = tuple(column.tolist())
            rest = rest - np.outer(column, column)
        for source in systematics:
            shift = numbers * np.array([source.effect.get(name, 0.0) for name in regions])
            parts = [shift] if source.correlated else list(np.diag(shift))
            names = [source.name] if source.correlated else [f"{source.name}, {name}" for name in regions]
            made = {name: tuple(part.tolist()) for name, part in zip(names, parts, strict=True) if part.any()}
            shifts |= made
            one_sided |= set(made) if source.one_sided else set()
        return cls(tuple(regions), shifts, frozenset(one_sided))

    @property
    def errors(self) -> tuple[Floats, Floats]:
        """Upward and downward errors of the regions, in events, each shape (R,): one-sided sources are in one of them."""
        up, down = np.zeros((2, len(self.regions)))
        for name, shift in self.shifts.items():
            row = np.array(shift)
            both = name not in self.one_sided
            up += np.where((row > 0) | both, row**2, 0.0)
            down += np.where((row < 0) | both, row**2, 0.0)
        return np.sqrt(up), np.sqrt(down)

    @property
    def covariance(self) -> Floats:
        """Covariance of the expectations, shape (R, R), in events squared, with the squared upward errors on its diagonal.

        Its correlations are those of all sources.
        """
        table = np.array(list(self.shifts.values())).reshape(-1, len(self.regions))
        found = table.T @ table
        size = np.sqrt(np.diag(found))
        scale = np.divide(self.errors[0], size, out=np.zeros_like(size), where=size > 0)
        return np.asarray(found * np.outer(scale, scale))

    def select(self, regions: Sequence[str]) -> ErrorSources:
        """Return the sources of some of the regions, in the order named.

        Parameters
        ----------
        regions : sequence of str

        Raises
        ------
        InputError
            When one of them is unknown.
        """
        unknown = [name for name in regions if name not in self.regions]
        if unknown:
            raise InputError(f"no errors of region '{unknown[0]}': there are {', '.join(self.regions)}")
        places = [self.regions.index(name) for name in regions]
        shifts = {name: tuple(row[i] for i in places) for name, row in self.shifts.items()}
        used = {name: row for name, row in shifts.items() if any(row)}
        return ErrorSources(tuple(regions), used, self.one_sided & used.keys())

    def to_dict(self) -> dict[str, Any]:
        """Return regions, shifts and which are one-sided as plain values, for JSON."""
        return {
            "regions": list(self.regions),
            "shifts": {name: list(row) for name, row in self.shifts.items()},
        } | ({"one_sided": sorted(self.one_sided)} if self.one_sided else {})

    @classmethod
    def of_dict(cls, values: Mapping[str, Any]) -> ErrorSources:
        """Return the sources that `to_dict` gave.

        Parameters
        ----------
        values : mapping

        Raises
        ------
        InputError
            When a source has not one finite shift for each region, or a source that is called one-sided is not there.
        """
        regions = tuple(values["regions"])
        shifts = {name: tuple(float(x) for x in row) for name, row in values["shifts"].items()}
        for name, row in shifts.items():
            if len(row) != len(regions) or not np.isfinite(row).all():
                raise InputError(f"source of error '{name}': give one finite shift for each region")
        one_sided = frozenset(values.get("one_sided", ()))
        for name in sorted(one_sided - shifts.keys()):
            raise InputError(f"source of error '{name}' is called one-sided, and has no shifts")
        return cls(regions, shifts, one_sided)

"""From expected signal events to excluded couplings: limits on the count, contours, and their systematic bands."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from bdana.sensitivity.contour import trace
from bdana.statistics.expected import expected_limit
from bdana.statistics.methods import limits

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from bdana.sensitivity.contour import Island
    from bdana.sensitivity.scan import Scan
    from bdana.sensitivity.yields import MassYields
    from bdana.signal.reweighting import DecaySum
    from bdana.statistics.poisson import Background

__all__ = ["WIDTHS", "Exclusion", "exclude", "expected_events"]

WIDTHS = "widths"
"""Name of the systematic uncertainty of the total width."""


@dataclass(frozen=True)
class Exclusion:
    """Couplings excluded at one confidence level.

    Attributes
    ----------
    level : float
        Confidence level.
    protons : float
        On target.
    convention : str
        How the limit on the number of events was made.
    observed_limit : float or None
        On the number of signal events; None without an observation.
    expected_limits : tuple of float
        At the -2, -1, 0, +1 and +2 sigma quantiles of the count.
    observed : tuple of Island
        Empty where nothing is excluded, or nothing was observed.
    expected : tuple of tuple of Island
        For each of `expected_limits`.
    systematics : mapping of str to (tuple of Island, tuple of Island)
        The observed contour (without an observation the median one) at the two ends of each uncertainty.
    """

    level: float
    protons: float
    convention: str
    observed_limit: float | None
    expected_limits: tuple[float, ...]
    observed: tuple[Island, ...]
    expected: tuple[tuple[Island, ...], ...]
    systematics: Mapping[str, tuple[tuple[Island, ...], tuple[Island, ...]]]

    @property
    def shown(self) -> tuple[Island, ...]:
        """The observed contour, without an observation the median expected one."""
        return self.expected[2] if self.observed_limit is None else self.observed

    @property
    def limit(self) -> float:
        """The observed limit on the number of signal events, without an observation the median expected one."""
        return self.expected_limits[2] if self.observed_limit is None else self.observed_limit

    def to_dict(self) -> dict[str, Any]:
        """Return the exclusion as plain values, for JSON."""
        both = {
            name: {"low": _plain(low), "high": _plain(high)} for name, (low, high) in self.systematics.items()
        }
        return {
            "confidence_level": self.level,
            "pot": self.protons,
            "convention": self.convention,
            "observed_limit": self.observed_limit,
            "expected_limits": list(self.expected_limits),
            "observed": None if self.observed_limit is None else _plain(self.observed),
            "expected": {
                name: _plain(islands)
                for name, islands in zip(("-2", "-1", "median", "+1", "+2"), self.expected, strict=True)
            },
            "systematics": both,
        }


def _plain(islands: Sequence[Island]) -> list[dict[str, Any]]:
    return [
        {
            "mass_mev": island.mass.tolist(),
            "epsilon_low": island.low.tolist(),
            "epsilon_high": island.high.tolist(),
            "open_at": list(island.open_at),
        }
        for island in islands
    ]


def expected_events(
    yields: MassYields,
    protons: float,
    *,
    production: str | None = None,
    variation: tuple[str, int] | None = None,
) -> Callable[[NDArray[np.float64]], NDArray[np.float64]]:
    """Return the expected selected events of the innermost region as a function of the coupling.

    Parameters
    ----------
    yields : MassYields
    protons : float
        On target.
    production : str, optional
        One process; by default all of them together.
    variation : (str, int), optional
        Name of a systematic uncertainty, and which of its ends: 0 or 1.
    """
    name, end = variation or ("", 0)
    total: DecaySum | None = None
    for process, part in yields.production.items():
        if production in {None, process}:
            mean = next(iter(part.selected.values())).mean
            ends = part.variations.get(name)
            term = ends[end] if ends else mean
            total = term if total is None else total + term
    # A total width larger by a factor f: the branching ratio falls by f, decays come earlier by f.
    f = 1.0 + (-1, 1)[end] * yields.width_error if name == WIDTHS else 1.0

    def events(coupling: NDArray[np.float64]) -> NDArray[np.float64]:
        c2 = np.asarray(coupling, dtype=np.float64) ** 2
        if total is None:
            return np.zeros(c2.shape)
        number: NDArray[np.float64] = protons * c2 * total(f * c2) / f
        return number

    return events


def exclude(
    scan: Scan,
    masses: Sequence[float],
    protons: float,
    background: Background,
    observed: int | None = None,
    *,
    level: float = 0.9,
    method: str = "cls",
    production: str | None = None,
    systematics: bool = False,
) -> Exclusion:
    """Return the excluded couplings of a counting experiment in the innermost region.

    The relative error of the protons on target is in the limit on the number of events.

    Parameters
    ----------
    scan : Scan
        Signal yields; the masses' should be computed before.
    masses : sequence of float
        Of the scan, in MeV/c2, ascending; the contour adds others at its tips.
    protons : float
        On target.
    background : Background
        Expected events.
    observed : int, optional
        Observed events; without them only expected contours are made.
    level : float
        Confidence level.
    method : str
        One of `bdana.statistics.methods.METHODS`.
    production : str, optional
        One process; by default all of them together.
    systematics : bool
        Whether contours are also traced at the ends of every uncertainty of the yield.
    """
    config = scan.analysis.signal
    efficiency_error = config.pot_error
    expected = expected_limit(background, level, efficiency_error, method)

    def contour(limit: float, variation: tuple[str, int] | None = None) -> tuple[Island, ...]:
        return trace(
            masses,
            lambda mass: expected_events(scan(mass), protons, production=production, variation=variation),
            lambda _: limit,
            config.couplings,
        )

    by_limit = {limit: contour(limit) for limit in set(expected.limits)}
    found: float | None = None
    seen: tuple[Island, ...] = ()
    if observed is not None:
        found = limits(observed, background, level, efficiency_error, (method,))[method].high
        seen = by_limit.get(found) or contour(found)
    names = _names(scan, masses) if systematics else ()
    shown = expected.limits[2] if found is None else found
    return Exclusion(
        level,
        protons,
        expected.convention,
        found,
        expected.limits,
        seen,
        tuple(by_limit[limit] for limit in expected.limits),
        {name: (contour(shown, (name, 0)), contour(shown, (name, 1))) for name in names},
    )


def _names(scan: Scan, masses: Sequence[float]) -> tuple[str, ...]:
    found = {name for mass in masses for part in scan(mass).production.values() for name in part.variations}
    return (*sorted(found), WIDTHS)

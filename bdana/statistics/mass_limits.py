"""A scan of one channel in windows of mass: limits and local p-values against mass, and the global p-value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from bdana.errors import InputError
from bdana.statistics.background import Background
from bdana.statistics.expected import ExpectedLimit, expected_limit
from bdana.statistics.mass_global import global_p_value
from bdana.statistics.methods import limits
from bdana.statistics.poisson import p_values

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bdana.statistics.limits import Interval
    from bdana.statistics.mass_windows import MassSearch, MassWindow

__all__ = ["MassScan", "Scanned", "scan_document", "scan_masses"]


@dataclass(frozen=True)
class MassScan:
    """Windows of a scan with their p-values and limits.

    Attributes
    ----------
    windows : tuple of MassWindow
    p_local : tuple of float or None
        P(N >= n) of each window; None while the region is closed.
    expected : tuple of ExpectedLimit
        Limits of each window without a signal.
    limits : tuple of dict or None
        Observed limits on the events of each window, by method.
    p_global, p_global_error : float or None
        Probability that the smallest local p-value of the scan is as small as the smallest one seen, and its Monte Carlo
        error.
    level : float
        Confidence level.
    method : str
        Of the expected limits.
    convention : str
    """

    windows: tuple[MassWindow, ...]
    p_local: tuple[float, ...] | None
    expected: tuple[ExpectedLimit, ...]
    limits: tuple[dict[str, Interval], ...] | None
    p_global: float | None
    p_global_error: float | None
    level: float
    method: str
    convention: str

    @property
    def smallest(self) -> tuple[float, float] | None:
        """The smallest local p-value and its mass, the first one of equals; None while the region is closed."""
        if self.p_local is None:
            return None
        place = int(np.argmin(self.p_local))
        return self.p_local[place], self.windows[place].mass

    def to_dict(self) -> dict[str, Any]:
        """Return the scan as plain values, for JSON; a closed region has no observed number."""
        rows: list[dict[str, Any]] = []
        for i, window in enumerate(self.windows):
            row = window.to_dict() | {"expected_limits": list(self.expected[i].limits)}
            if self.p_local is not None and self.limits is not None:
                row |= {
                    "p_local": self.p_local[i],
                    "limits": {name: [x.low, x.high] for name, x in self.limits[i].items()},
                }
            rows.append(row)
        return scan_document(rows, self, self.method)


class Scanned(Protocol):
    """What a scan in windows of mass found, of one channel or of several."""

    @property
    def smallest(self) -> tuple[float, float] | None:
        """The smallest local p-value and its mass; None while the region is closed."""

    @property
    def p_global(self) -> float | None:
        """The global p-value."""

    @property
    def p_global_error(self) -> float | None:
        """Its Monte Carlo error."""

    @property
    def level(self) -> float:
        """Confidence level of the limits."""

    @property
    def convention(self) -> str:
        """How the numbers are defined."""


def scan_document(rows: Sequence[Mapping[str, Any]], scan: Scanned, method: str) -> dict[str, Any]:
    """Return a scan as plain values, for JSON.

    Parameters
    ----------
    rows : sequence of mapping
        Its windows.
    scan : Scanned
    method : str
        Of the expected limits.
    """
    document: dict[str, Any] = {
        "state": "closed" if scan.smallest is None else "open",
        "confidence_level": scan.level,
        "method": method,
        "windows": list(rows),
        "convention": scan.convention,
    }
    if scan.smallest is not None:
        p, mass = scan.smallest
        document |= {
            "p_local": p,
            "at_mass_mev": mass,
            "p_global": scan.p_global,
            "p_global_error": scan.p_global_error,
        }
    return document


def scan_masses(
    search: MassSearch,
    masses: Sequence[float],
    level: float = 0.9,
    efficiency_error: float = 0.0,
    methods: Sequence[str] = ("cls",),
    seed: int = 1,
    *,
    toys: bool = True,
) -> MassScan:
    """Return p-values and limits of windows around several masses.

    Parameters
    ----------
    search : MassSearch
    masses : sequence of float
        Candidate masses in MeV/c2.
    level, efficiency_error
        As for `bdana.statistics.limits.cls`.
    methods : sequence of str
        Of `bdana.statistics.methods.METHODS`; the first one makes the expected limits.
    seed : int
        Of the toys of the global p-value.
    toys : bool
        Whether there is a global p-value.

    Raises
    ------
    InputError
        When there is no mass, or something in the search is wrong.

    Examples
    --------
    >>> import numpy as np
    >>> from bdana.statistics.mass_limits import scan_masses
    >>> from bdana.statistics.mass_spectrum import Resolution
    >>> from bdana.statistics.mass_windows import MassSearch
    >>> from bdana.statistics.poisson import Background
    >>> paper = Resolution(((220.0, 0.4), (411.0, 2.0), (700.0, 3.2)))
    >>> search = MassSearch(paper, 2.0, Background(0.016, 0.002), np.array([411.0]))
    >>> scan = scan_masses(search, [411.0, 700.0])
    >>> [round(found["cls"].high, 2) for found in scan.limits]
    [3.87, 2.3]
    """
    if not len(masses) or not methods:
        raise InputError("a scan needs at least one candidate mass and one method of limits")
    windows = tuple(search.window(mass) for mass in masses)
    known: dict[Background, ExpectedLimit] = {}
    for window in windows:
        if window.background not in known:
            known[window.background] = expected_limit(window.background, level, efficiency_error, methods[0])
    width = f"+-{search.half_width:g} resolutions"
    whole = isinstance(search.spectrum, Background)
    convention = (
        f"windows of {width}; limits on the signal events in the window, of which it holds {windows[0].efficiency:.4f}; "
        + ("background of the whole region in every window" if whole else "background from the mass spectrum")
    )
    expected = tuple(known[window.background] for window in windows)
    if search.observed is None:
        return MassScan(windows, None, expected, None, None, None, level, methods[0], convention)
    counts = [(int(window.observed or 0), window.background) for window in windows]
    observed = {
        case: limits(*case, level, efficiency_error, tuple(methods)) for case in dict.fromkeys(counts)
    }
    local = {case: p_values(*case).p_n for case in observed}
    p_local = tuple(local[case] for case in counts)
    if not toys:
        seen = tuple(observed[case] for case in counts)
        return MassScan(windows, p_local, expected, seen, None, None, level, methods[0], convention)
    p_global, error, how = global_p_value(
        [search], [(window,) for window in windows], p_local, np.zeros((1, 1)), seed
    )
    return MassScan(
        windows,
        p_local,
        expected,
        tuple(observed[case] for case in counts),
        p_global,
        error,
        level,
        methods[0],
        f"{convention}; p_global: {how}",
    )

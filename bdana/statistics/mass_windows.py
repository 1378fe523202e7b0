"""A search in windows of mass: background, p-values and limits against mass, and the global p-value of a scan.

A window holds all masses within a number of mass resolutions of the candidate mass. Its limit counts signal events in the
window; divided by the share of a Gaussian peak inside it is one on the signal events of all masses.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import special

from bdana.errors import InputError
from bdana.statistics.background import Background, Floats
from bdana.statistics.expected import ExpectedLimit, expected_limit
from bdana.statistics.methods import limits
from bdana.statistics.poisson import TIE, count_probabilities, p_values, upper_count

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

    from bdana.statistics.limits import Interval

__all__ = [
    "MassScan",
    "MassSearch",
    "MassSpectrum",
    "MassWindow",
    "Resolution",
    "scan_masses",
    "weighted_half_width",
]

TOYS = 20_000
_EVENTS = 2_000_000  # of all toys together, assumed: some seconds


@dataclass(frozen=True)
class Resolution:
    """The mass resolution as a function of mass: a straight line between points, and on beyond the outer ones.

    Attributes
    ----------
    points : tuple of (float, float)
        Mass and resolution, in MeV/c2; one point is a constant resolution.

    Examples
    --------
    >>> from bdana.statistics.mass_windows import Resolution
    >>> round(Resolution(((220.0, 0.4), (411.0, 2.0), (700.0, 3.2)))(500.0), 3)
    2.37
    """

    points: tuple[tuple[float, float], ...]

    def __post_init__(self) -> None:
        values = np.array(self.points, dtype=float).reshape(-1, 2)
        if not (
            len(values)
            and np.isfinite(values).all()
            and (values > 0).all()
            and (np.diff(values[:, 0]) > 0).all()
        ):
            raise InputError(
                "the mass resolution needs points of mass and resolution, both above zero, at ascending masses"
            )

    def __call__(self, mass: float) -> float:
        """Return the resolution at a mass, both in MeV/c2.

        Parameters
        ----------
        mass : float

        Raises
        ------
        InputError
            When the straight line beyond the points comes to zero there.
        """
        x, y = np.array(self.points, dtype=float).T
        if len(x) == 1:
            return float(y[0])
        i = int(np.clip(np.searchsorted(x, mass) - 1, 0, len(x) - 2))
        found = float(y[i] + (mass - x[i]) * (y[i + 1] - y[i]) / (x[i + 1] - x[i]))
        if not found > 0:
            raise InputError(f"the mass resolution at {mass:g} MeV is not above zero: give a point there")
        return found


@dataclass(frozen=True)
class MassSpectrum:
    """The expected background against mass.

    Attributes
    ----------
    edges : ndarray, shape (B + 1,)
        In MeV/c2; within a bin the background is flat.
    contents : ndarray, shape (B,)
        Expected events.
    covariance : ndarray, shape (B, B)
        Of the contents, all errors together.
    unseen_limit : float
        90% CL upper limit, in events, where the spectrum is empty because no pair was there to estimate from; 0: known to be
        empty.
    """

    edges: Floats
    contents: Floats
    covariance: Floats
    unseen_limit: float = 0.0

    @classmethod
    def flat(cls, low: float, high: float, total: Background) -> MassSpectrum:
        """Return a flat spectrum of a background with a symmetric error.

        Parameters
        ----------
        low, high : float
            In MeV/c2.
        total : Background
            Of all masses.
        """
        if not (np.isfinite([low, high]).all() and 0 <= low < high):
            raise InputError(
                f"the mass range from {low:g} to {high:g} MeV is empty: give finite ends in order"
            )
        if total.prior != "truncated_gaussian":
            raise InputError("a background against mass needs one Gaussian error")
        return cls(np.array([low, high]), np.array([total.expected]), np.array([[total.error**2]]))

    def shares(self, low: float, high: float) -> Floats:
        """Return the part of each bin that is between two masses, shape (B,).

        Parameters
        ----------
        low, high : float

        Raises
        ------
        InputError
            When they are not inside the spectrum.
        """
        if low < self.edges[0] or high > self.edges[-1]:
            raise InputError(
                f"the window from {low:g} to {high:g} MeV is not inside the spectrum from {self.edges[0]:g} to "
                f"{self.edges[-1]:g} MeV"
            )
        overlap = np.minimum(self.edges[1:], high) - np.maximum(self.edges[:-1], low)
        return np.asarray(np.maximum(overlap, 0.0) / np.diff(self.edges))

    def background(self, low: float, high: float) -> Background:
        """Return the background between two masses.

        Parameters
        ----------
        low, high : float
        """
        share = self.shares(low, high)
        expected = float(share @ self.contents)
        if expected <= 0:
            return Background.unseen(self.unseen_limit) if self.unseen_limit else Background(0.0)
        return Background(expected, float(np.sqrt(max(float(share @ self.covariance @ share), 0.0))))


@dataclass(frozen=True)
class MassWindow:
    """One window of the search.

    Attributes
    ----------
    mass, resolution, low, high : float
        Candidate mass, resolution and ends of the window, in MeV/c2.
    efficiency : float
        Share of a Gaussian peak that is inside.
    background : Background
    observed : int or None
        None while the region is closed.
    """

    mass: float
    resolution: float
    low: float
    high: float
    efficiency: float
    background: Background
    observed: int | None


@dataclass(frozen=True)
class MassSearch:
    """What a search in windows of mass is made of.

    Attributes
    ----------
    resolution : Resolution
    half_width : float
        Of a window, in resolutions.
    spectrum : MassSpectrum or Background
        Expected background against mass; a Background is that of the whole region, taken in every window, which is more
        than there is.
    observed : ndarray or None, shape (N,)
        Masses of the observed events, in MeV/c2; None while the region is closed.
    """

    resolution: Resolution
    half_width: float
    spectrum: MassSpectrum | Background
    observed: NDArray[np.float64] | None = None

    def __post_init__(self) -> None:
        if not (np.isfinite(self.half_width) and self.half_width > 0):
            raise InputError(f"the half width of {self.half_width} resolutions: give a number above zero")
        if self.observed is not None and not np.isfinite(self.observed).all():
            raise InputError("an observed mass is not finite")

    def window(self, mass: float) -> MassWindow:
        """Return the window around a mass; a mass at its border is inside.

        Parameters
        ----------
        mass : float
            In MeV/c2, above zero.
        """
        if not (np.isfinite(mass) and mass > 0):
            raise InputError(f"a candidate mass of {mass:g} MeV: give finite masses above zero")
        sigma = self.resolution(mass)
        low, high = mass - self.half_width * sigma, mass + self.half_width * sigma
        background = (
            self.spectrum if isinstance(self.spectrum, Background) else self.spectrum.background(low, high)
        )
        seen = self.observed
        count = None if seen is None else int(np.count_nonzero((seen >= low) & (seen <= high)))
        share = float(special.erf(self.half_width / np.sqrt(2.0)))
        return MassWindow(mass, sigma, low, high, share, background, count)

    def masses(self, low: float, high: float, step: float = 1.0) -> list[float]:
        """Return candidate masses from one end to the other in steps of the resolution.

        Parameters
        ----------
        low, high : float
            In MeV/c2.
        step : float
            In resolutions, above zero.
        """
        if not (np.isfinite([low, high, step]).all() and 0 < low <= high and step > 0):
            raise InputError("a scan in mass needs ascending ends and a step above zero")
        found = [low]
        while (after := found[-1] + step * self.resolution(found[-1])) < high:
            found.append(after)
        return found if low == high else [*found, high]


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
            row = {
                "mass_mev": window.mass,
                "resolution_mev": window.resolution,
                "low_mev": window.low,
                "high_mev": window.high,
                "efficiency": window.efficiency,
                "expected": window.background.expected,
                "error": window.background.error,
                "expected_limits": list(self.expected[i].limits),
            }
            if self.p_local is not None and self.limits is not None:
                row |= {
                    "observed": window.observed,
                    "p_local": self.p_local[i],
                    "limits": {name: [x.low, x.high] for name, x in self.limits[i].items()},
                }
            rows.append(row)
        document: dict[str, Any] = {
            "state": "closed" if self.p_local is None else "open",
            "confidence_level": self.level,
            "method": self.method,
            "windows": rows,
            "convention": self.convention,
        }
        if self.smallest is not None:
            p, mass = self.smallest
            document |= {
                "p_local": p,
                "at_mass_mev": mass,
                "p_global": self.p_global,
                "p_global_error": self.p_global_error,
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
    >>> from bdana.statistics.mass_windows import MassSearch, Resolution, scan_masses
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
    p_global, error, how = _anywhere(search, windows, min(p_local), seed)
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


def _anywhere(
    search: MassSearch, windows: Sequence[MassWindow], smallest: float, seed: int
) -> tuple[float, float, str]:
    """Return the probability of a local p-value as small as the smallest one, its error, and how it was found."""
    if isinstance(search.spectrum, Background):
        return smallest, 0.0, "upper bound, since no window holds more than the whole region"
    if smallest >= 1:
        return 1.0, 0.0, "no event in any window"
    edges = search.spectrum.edges
    total = search.spectrum.background(edges[0], edges[-1])
    probabilities = count_probabilities(total, upper_count(total))
    some = float(probabilities[1:].sum())
    if not some:
        return smallest, 0.0, "no background expected: the local one"
    number = int(np.clip(_EVENTS / (1.0 + total.expected), 1000, TOYS))
    rng = np.random.default_rng(seed)
    counts = 1 + rng.choice(len(probabilities) - 1, size=number, p=probabilities[1:] / some)
    needed = np.array([_needed(window.background, smallest, int(counts.max())) for window in windows])
    shares = search.spectrum.contents.clip(0.0)
    if not shares.sum():
        shares = np.ones_like(shares)
    found = 0
    low, high = (np.array([getattr(window, end) for window in windows]) for end in ("low", "high"))
    for n in counts.tolist():
        place = rng.choice(len(shares), size=n, p=shares / shares.sum())
        events = np.sort(edges[place] + np.diff(edges)[place] * rng.random(n))
        inside = np.searchsorted(events, high, side="right") - np.searchsorted(events, low, side="left")
        found += bool((inside >= needed).any())
    p = (found + 1) / (number + 1)  # never zero: the data are one more experiment
    error = max(float(np.sqrt(p * (1 - p) / number)), 1 / number)
    return some * p, some * error, f"toys, n={number}, of experiments with an event"


def _needed(background: Background, p: float, most: int) -> int:
    """Return the smallest count whose P(N >= n) is no larger than p; above `most` one more than it."""
    x, w = background.nodes(most)
    tails = special.gammainc(np.arange(1, most + 1)[:, None], x[None, :]) @ w
    rare = np.flatnonzero(tails <= p * (1 + TIE))
    return int(rare[0]) + 1 if rare.size else most + 1


def weighted_half_width(pull: ArrayLike, weight: ArrayLike, share: float = 0.6826894921370859) -> float:
    """Return the distance from zero within which a share of weighted values lies: of a Gaussian its standard deviation.

    Parameters
    ----------
    pull : array_like
        Values around zero, such as measured minus true masses.
    weight : array_like
        Not negative.
    share : float

    Raises
    ------
    InputError
        When there is no weight.
    """
    distance, weights = np.abs(np.asarray(pull, dtype=float)), np.asarray(weight, dtype=float)
    if not weights.sum() > 0:
        raise InputError("no event has a weight to measure a resolution from")
    order = np.argsort(distance)
    reached = np.cumsum(weights[order]) / weights.sum()
    return float(distance[order][np.searchsorted(reached, share)])

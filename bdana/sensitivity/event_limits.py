"""Upper limits on the signal events of a search, of one channel or several, in one count or in windows of mass."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from bdana.errors import ConfigError, InputError
from bdana.statistics.combination import CountedChannel, combined_limit
from bdana.statistics.expected import expected_limit, median_count
from bdana.statistics.mass_global import with_common
from bdana.statistics.mass_limits import scan_masses
from bdana.statistics.methods import limits
from bdana.statistics.poisson import Background

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import ArrayLike, NDArray

    from bdana.sensitivity.scan import Scan
    from bdana.statistics.mass_limits import MassScan
    from bdana.statistics.mass_windows import MassSearch, MassWindow

__all__ = ["ChannelCount", "EventLimit", "EventLimits", "event_limits", "with_borders"]

SHARE_STEPS = 50
"""Steps in which the limit of several channels is computed against the share of each."""


@dataclass(frozen=True)
class ChannelCount:
    """The counting experiment of one channel.

    Attributes
    ----------
    scan : Scan
        Its signal yields.
    protons : float
        On target.
    background : Background
        Expected events in the innermost region.
    observed : int or None
        Observed events there; None: only the expected exclusion is made.
    masses : MassSearch or None
        The innermost region in windows of mass: the limit at a mass is then that of its window, on the signal events of all
        masses. Of several channels they are used if all have them.
    """

    scan: Scan
    protons: float
    background: Background
    observed: int | None = None
    masses: MassSearch | None = None


@dataclass(frozen=True)
class EventLimit:
    """Upper limit on the signal events of all channels together, given the mass and the share of each.

    Attributes
    ----------
    value : float
        At the shares and the mass that make it largest: of one channel the limit.
    at : callable
        Gives it for a mass and shares of shape (channels, N), shape (N,).
    """

    value: float
    at: Callable[[float, NDArray[np.float64]], NDArray[np.float64]]


@dataclass(frozen=True)
class EventLimits:
    """Observed and expected limits on the signal events.

    Attributes
    ----------
    observed : EventLimit or None
    expected : tuple of EventLimit
        At the -2, -1, 0, +1 and +2 sigma quantiles of the count; of several channels the median.
    convention : str
        How they were made.
    """

    observed: EventLimit | None
    expected: tuple[EventLimit, ...]
    convention: str


def event_limits(
    counts: Sequence[ChannelCount],
    masses: Sequence[float],
    level: float,
    method: str,
    common: ArrayLike | None = None,
) -> EventLimits:
    """Return the limits on the signal events of one channel, or of several together.

    Parameters
    ----------
    counts : sequence of ChannelCount
    masses : sequence of float
        In MeV/c2, at which windows are searched.
    level : float
        Confidence level.
    method : str
        One of `bdana.statistics.methods.METHODS`; of several channels cls or bayes.
    common : array_like, shape (channels, channels), optional
        As for `bdana.sensitivity.exclusion.exclude`.

    Raises
    ------
    ConfigError
        When a window is not inside the mass spectrum.
    """
    in_windows = all(count.masses is not None for count in counts)
    if len(counts) > 1:
        shared = np.zeros((len(counts),) * 2) if common is None else np.asarray(common, dtype=np.float64)
        return _common_limits(counts, masses if in_windows else None, level, method, shared)
    (count,) = counts
    if count.masses is not None:
        return _window_limits(count, count.masses, masses, level, method)
    return _one_limit(count, level, method)


def with_borders(masses: Sequence[float], counts: Sequence[ChannelCount]) -> list[float]:
    """Return masses of a scan with those where windows begin and end to hold an observed event.

    Parameters
    ----------
    masses : sequence of float
        Ascending.
    counts : sequence of ChannelCount
    """
    borders = []
    for search in (count.masses for count in counts if count.masses is not None):
        events = [] if search.observed is None else search.observed.tolist()
        for mass in events:
            half = search.half_width * search.resolution(mass)
            borders += [mass - 1.1 * half, mass - 0.9 * half, mass, mass + 0.9 * half, mass + 1.1 * half]
    return sorted({*masses, *(mass for mass in borders if masses[0] < mass < masses[-1])})


def _one_limit(count: ChannelCount, level: float, method: str) -> EventLimits:
    error = count.scan.analysis.signal.pot_error
    expected = expected_limit(count.background, level, error, method)

    @cache
    def made(value: float) -> EventLimit:
        return EventLimit(value, lambda _, shares: np.full(shares.shape[1], value))

    observed = None
    if count.observed is not None:
        observed = made(limits(count.observed, count.background, level, error, (method,))[method].high)
    return EventLimits(observed, tuple(made(value) for value in expected.limits), expected.convention)


def _window_limits(
    count: ChannelCount, windows: MassSearch, masses: Sequence[float], level: float, method: str
) -> EventLimits:
    """Return the limits of windows of mass, on the signal events of all masses."""
    error = count.scan.analysis.signal.pot_error

    @cache
    def scan(mass: float) -> MassScan:
        _window(windows, mass)
        return scan_masses(windows, [mass], level, error, (method,), toys=False)

    def made(number: Callable[[MassScan], float]) -> EventLimit:
        def at(mass: float) -> float:
            found = scan(mass)
            return number(found) / found.windows[0].efficiency

        return EventLimit(max(map(at, masses)), lambda mass, shares: np.full(shares.shape[1], at(mass)))

    def quantile(place: int) -> Callable[[MassScan], float]:
        return lambda found: found.expected[0].limits[place]

    def seen(found: MassScan) -> float:
        return found.limits[0][method].high if found.limits else np.nan

    observed = None if windows.observed is None else made(seen)
    convention = (
        f"{method} in windows of mass of +-{windows.half_width:g} resolutions, the largest of all masses"
    )
    return EventLimits(observed, tuple(made(quantile(i)) for i in range(5)), convention)


@dataclass(frozen=True)
class _Counted:
    """What several channels count at one mass; a channel closed by kinematics counts nothing."""

    backgrounds: tuple[Background, ...]
    efficiency: tuple[float, ...]
    observed: tuple[int | None, ...]

    @classmethod
    def at(cls, counts: Sequence[ChannelCount], mass: float | None) -> _Counted:
        """Return the counts of the windows at a mass, without a mass those of the whole region."""
        rows: list[tuple[Background, float, int | None]] = []
        for count in counts:
            if mass is None or count.masses is None:
                rows.append((count.background, 1.0, count.observed))
            elif count.scan.is_open(mass):
                window = _window(count.masses, mass)
                rows.append((window.background, window.efficiency, window.observed))
            else:
                rows.append((Background(0.0), 1.0, None if count.masses.observed is None else 0))
        backgrounds, efficiency, observed = zip(*rows, strict=True)
        return cls(backgrounds, efficiency, observed)


def _common_limits(
    counts: Sequence[ChannelCount],
    masses: Sequence[float] | None,
    level: float,
    method: str,
    common: NDArray[np.float64],
) -> EventLimits:
    """Return the limits of several channels together, with `masses` those of the windows at each mass."""
    error = counts[0].scan.analysis.signal.pot_error
    names = [count.scan.mode for count in counts]
    places: Sequence[float | None] = [None] if masses is None else masses
    counted = cache(lambda mass: _Counted.at(counts, mass))

    @cache
    def limit(mass: float | None, numbers: tuple[int, ...], shares: tuple[int, ...]) -> float:
        found = counted(mass)
        inside = np.multiply(shares, found.efficiency)
        channels = [
            CountedChannel(*row)
            for row in zip(names, numbers, found.backgrounds, inside.tolist(), strict=True)
        ]
        errors = with_common(found.backgrounds, common)
        high = combined_limit(channels, level, error, method, errors).high
        return high * float(np.sum(shares) / inside.sum())

    def made(numbers: Callable[[float | None], tuple[int, ...]]) -> EventLimit:
        def at(mass: float | None, shares: NDArray[np.float64]) -> NDArray[np.float64]:
            place = None if masses is None else mass
            steps = np.rint(np.nan_to_num(shares) * SHARE_STEPS).astype(int)
            steps[0, steps.sum(axis=0) == 0] = 1  # no signal at all
            return np.array([limit(place, numbers(place), tuple(column)) for column in steps.T.tolist()])

        ends = [
            (mass, np.eye(len(counts))[:, [i]])
            for mass in places
            for i, count in enumerate(counts)
            if mass is None or count.scan.is_open(mass)
        ]
        return EventLimit(max(float(at(*end).max()) for end in ends), at)

    @cache
    def medians(mass: float | None) -> tuple[int, ...]:
        return tuple(median_count(background) for background in counted(mass).backgrounds)

    def seen(mass: float | None) -> tuple[int, ...]:
        return tuple(n for n in counted(mass).observed if n is not None)

    is_open = None not in counted(places[0]).observed
    expected = made(medians)
    observed = None
    if is_open:
        observed = expected if all(seen(mass) == medians(mass) for mass in places) else made(seen)
    convention = f"{method} of {len(counts)} channels together; expected at the median count of each"
    if masses is not None:
        convention += "; windows of mass, the largest of all masses"
    return EventLimits(observed, (expected,), convention)


def _window(search: MassSearch, mass: float) -> MassWindow:
    try:
        return search.window(mass)
    except InputError as err:
        raise ConfigError(
            f"[search.mass_windows]: {err}; [signal] masses_mev and [variables.mass] say what is scanned"
        ) from None

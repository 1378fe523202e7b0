"""From expected signal events to excluded couplings: limits on the count, contours, and their systematic bands."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from bdana.errors import ConfigError, InputError
from bdana.sensitivity.contour import Island, trace
from bdana.statistics.combination import CountedChannel, combined_limit
from bdana.statistics.expected import expected_limit
from bdana.statistics.mass_windows import scan_masses
from bdana.statistics.methods import limits

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from bdana.sensitivity.scan import Scan
    from bdana.sensitivity.yields import MassYields
    from bdana.signal.reweighting import DecaySum
    from bdana.statistics.mass_windows import MassScan, MassSearch
    from bdana.statistics.poisson import Background

__all__ = ["WIDTHS", "ChannelCount", "Exclusion", "exclude", "expected_events"]

WIDTHS = "widths"
"""Name of the systematic uncertainty of the total width."""


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
        masses. Used for a search of one channel.
    """

    scan: Scan
    protons: float
    background: Background
    observed: int | None = None
    masses: MassSearch | None = None


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
        On the number of signal events; None without an observation. Of several channels the largest for any shares, of
        windows of mass the largest of all masses.
    expected_limits : tuple of float
        At the -2, -1, 0, +1 and +2 sigma quantiles of the count; of several channels only the median.
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
        return self.expected[len(self.expected) // 2] if self.observed_limit is None else self.observed

    @property
    def limit(self) -> float:
        """The observed limit on the number of signal events, without an observation the median expected one."""
        median = self.expected_limits[len(self.expected_limits) // 2]
        return median if self.observed_limit is None else self.observed_limit

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
            "expected": [_plain(islands) for islands in self.expected],
            "systematics": both,
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Exclusion:
        """Return the exclusion that `to_dict` gave.

        Parameters
        ----------
        values : mapping
        """
        return cls(
            values["confidence_level"],
            values["pot"],
            values["convention"],
            values["observed_limit"],
            tuple(values["expected_limits"]),
            _islands(values["observed"] or []),
            tuple(_islands(rows) for rows in values["expected"]),
            {
                name: (_islands(ends["low"]), _islands(ends["high"]))
                for name, ends in values["systematics"].items()
            },
        )


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


def _islands(rows: Sequence[Mapping[str, Any]]) -> tuple[Island, ...]:
    return tuple(
        Island(
            np.array(row["mass_mev"]),
            np.array(row["epsilon_low"]),
            np.array(row["epsilon_high"]),
            tuple(row["open_at"]),
        )
        for row in rows
    )


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
    counts: Sequence[ChannelCount],
    *,
    level: float = 0.9,
    method: str = "cls",
    production: str | None = None,
    systematics: bool = False,
) -> Exclusion:
    """Return the couplings excluded by the counts in the innermost region of one or more channels.

    The relative error of the protons on target is in the limit on the number of events. Of several channels the limit is
    on all their signal events together and depends on the share of each (`bdana.statistics.combination`).

    Parameters
    ----------
    counts : sequence of ChannelCount
        The yields of their masses should be computed before; the contour adds masses at its tips.
    level : float
        Confidence level.
    method : str
        One of `bdana.statistics.methods.METHODS`; of several channels cls or bayes.
    production : str, optional
        One process; by default all of them together.
    systematics : bool
        Whether contours are also traced at the ends of every uncertainty of the yield.
    """
    config = counts[0].scan.analysis.signal
    masses = sorted({mass for count in counts for mass in config.masses(count.scan.mode)})
    windows = counts[0].masses if len(counts) == 1 else None
    if windows is not None:
        masses = _with_borders(masses, windows)
        limits = _window_limits(counts[0], windows, masses, level, method)
    else:
        limits = (_one_limit if len(counts) == 1 else _common_limits)(counts, level, method)
    known: dict[object, tuple[Island, ...]] = {}

    def contour(limit: _Limit, variation: tuple[str, int] | None = None) -> tuple[Island, ...]:
        if (limit, variation) not in known:
            excess = _excess(counts, limit, production, variation)
            known[limit, variation] = trace(masses, excess, lambda _: 1.0, config.couplings)
        return known[limit, variation]

    shown = limits.observed or limits.expected[len(limits.expected) // 2]
    names = _uncertainties(counts, masses) if systematics else ()
    return Exclusion(
        level,
        sum(count.protons for count in counts) / len(counts),
        limits.convention,
        limits.observed.value if limits.observed else None,
        tuple(limit.value for limit in limits.expected),
        contour(limits.observed) if limits.observed else (),
        tuple(contour(limit) for limit in limits.expected),
        {name: (contour(shown, (name, 0)), contour(shown, (name, 1))) for name in names},
    )


@dataclass(frozen=True)
class _Limit:
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
class _Limits:
    observed: _Limit | None
    expected: tuple[_Limit, ...]
    convention: str


def _one_limit(counts: Sequence[ChannelCount], level: float, method: str) -> _Limits:
    (count,) = counts
    error = count.scan.analysis.signal.pot_error
    expected = expected_limit(count.background, level, error, method)

    @cache
    def made(value: float) -> _Limit:
        return _Limit(value, lambda _, shares: np.full(shares.shape[1], value))

    observed = None
    if count.observed is not None:
        observed = made(limits(count.observed, count.background, level, error, (method,))[method].high)
    return _Limits(observed, tuple(made(value) for value in expected.limits), expected.convention)


def _window_limits(
    count: ChannelCount, windows: MassSearch, masses: Sequence[float], level: float, method: str
) -> _Limits:
    """Return the limits of windows of mass, on the signal events of all masses."""
    error = count.scan.analysis.signal.pot_error

    @cache
    def scan(mass: float) -> MassScan:
        try:
            return scan_masses(windows, [mass], level, error, (method,), toys=False)
        except InputError as err:
            raise ConfigError(
                f"[search.mass_windows]: {err}; [signal] masses_mev and [variables.mass] say what is scanned"
            ) from None

    def made(number: Callable[[MassScan], float]) -> _Limit:
        def at(mass: float) -> float:
            found = scan(mass)
            return number(found) / found.windows[0].efficiency

        return _Limit(max(map(at, masses)), lambda mass, shares: np.full(shares.shape[1], at(mass)))

    def quantile(place: int) -> Callable[[MassScan], float]:
        return lambda found: found.expected[0].limits[place]

    def seen(found: MassScan) -> float:
        return found.limits[0][method].high if found.limits else np.nan

    observed = None if windows.observed is None else made(seen)
    convention = (
        f"{method} in windows of mass of +-{windows.half_width:g} resolutions, the largest of all masses"
    )
    return _Limits(observed, tuple(made(quantile(i)) for i in range(5)), convention)


def _with_borders(masses: Sequence[float], windows: MassSearch) -> list[float]:
    """Return masses of a scan with those where windows begin and end to hold an observed event."""
    events = [] if windows.observed is None else windows.observed.tolist()
    borders = []
    for mass in events:
        half = windows.half_width * windows.resolution(mass)
        borders += [mass - 1.1 * half, mass - 0.9 * half, mass, mass + 0.9 * half, mass + 1.1 * half]
    return sorted({*masses, *(mass for mass in borders if masses[0] < mass < masses[-1])})


def _common_limits(counts: Sequence[ChannelCount], level: float, method: str) -> _Limits:
    error = counts[0].scan.analysis.signal.pot_error

    def made(numbers: Sequence[int]) -> _Limit:
        @cache
        def at(shares: tuple[int, ...]) -> float:
            channels = [
                CountedChannel(count.scan.mode, number, count.background, share)
                for count, number, share in zip(counts, numbers, shares, strict=True)
            ]
            return combined_limit(channels, level, error, method).high

        def of_shares(shares: NDArray[np.float64]) -> NDArray[np.float64]:
            steps = np.rint(np.nan_to_num(shares) * SHARE_STEPS).astype(int)
            steps[0, steps.sum(axis=0) == 0] = 1  # no signal at all
            return np.array([at(tuple(column)) for column in steps.T.tolist()])

        ends = np.eye(len(counts))
        return _Limit(float(of_shares(ends).max()), lambda _, shares: of_shares(shares))

    medians = [expected_limit(count.background, level, error, method).counts[2] for count in counts]
    observed = [count.observed for count in counts]
    seen = None if None in observed else made([number for number in observed if number is not None])
    expected = seen if seen and observed == medians else made(medians)
    convention = f"{method} of {len(counts)} channels together; expected at the median count of each"
    return _Limits(seen, (expected,), convention)


def _excess(
    counts: Sequence[ChannelCount], limit: _Limit, production: str | None, variation: tuple[str, int] | None
) -> Callable[[float], Callable[[NDArray[np.float64]], NDArray[np.float64]]]:
    """Return, for a mass, the expected signal events over their limit as a function of the coupling."""

    def at(mass: float) -> Callable[[NDArray[np.float64]], NDArray[np.float64]]:
        parts = [
            expected_events(count.scan(mass), count.protons, production=production, variation=variation)
            for count in counts
            if count.scan.is_open(mass)
        ]
        is_open = np.array([count.scan.is_open(mass) for count in counts])

        def excess(coupling: NDArray[np.float64]) -> NDArray[np.float64]:
            number = np.zeros((len(counts), len(coupling)))
            number[is_open] = [events(coupling) for events in parts]
            total = number.sum(axis=0)
            shares = np.divide(number, total, out=np.zeros(number.shape), where=total > 0.0)
            ratio: NDArray[np.float64] = total / limit.at(mass, shares)
            return ratio

        return excess

    return at


def _uncertainties(counts: Sequence[ChannelCount], masses: Sequence[float]) -> tuple[str, ...]:
    found = {
        name
        for count in counts
        for mass in masses
        if count.scan.is_open(mass)
        for part in count.scan(mass).production.values()
        for name in part.variations
    }
    return (*sorted(found), WIDTHS)

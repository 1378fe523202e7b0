"""A search in windows of mass of several channels together: limits, local and global p-values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from bdana.errors import InputError
from bdana.statistics.combination import COMBINED_METHODS, CountedChannel, combined_limit
from bdana.statistics.expected import median_count
from bdana.statistics.joint import sum_tails
from bdana.statistics.mass_global import global_p_value, with_common
from bdana.statistics.mass_limits import scan_document

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import ArrayLike

    from bdana.statistics.background import Background, Floats
    from bdana.statistics.limits import Interval
    from bdana.statistics.mass_windows import MassSearch, MassWindow

__all__ = ["CombinedMassScan", "MassChannel", "scan_channels"]


@dataclass(frozen=True)
class MassChannel:
    """One channel of a search in windows of mass.

    Attributes
    ----------
    name : str
    search : MassSearch
        Its resolution, background and observed masses.
    share : callable
        Gives, for a mass in MeV/c2, the expected signal events of the channel, in a unit common to all channels.
    """

    name: str
    search: MassSearch
    share: Callable[[float], float]


@dataclass(frozen=True)
class CombinedMassScan:
    """Windows of a scan of several channels, with p-values and limits of all channels together.

    Attributes
    ----------
    names : tuple of str
        Of the channels.
    windows : tuple of tuple of MassWindow
        For each candidate mass one of each channel.
    shares : tuple of tuple of float
        For each mass the share of each channel in the signal of all, before the windows.
    p_local : tuple of float or None
        P(N >= n) of the count of all channels' windows, by mass; None while the region is closed in a channel.
    expected : tuple of float
        Limits at the median count of each channel without a signal.
    limits : tuple of dict or None
        Observed limits on the signal events in all channels' windows together, by method.
    p_global, p_global_error : float or None
        As those of `MassScan`.
    level : float
        Confidence level.
    convention : str
    """

    names: tuple[str, ...]
    windows: tuple[tuple[MassWindow, ...], ...]
    shares: tuple[tuple[float, ...], ...]
    p_local: tuple[float, ...] | None
    expected: tuple[float, ...]
    limits: tuple[Mapping[str, Interval], ...] | None
    p_global: float | None
    p_global_error: float | None
    level: float
    convention: str

    def efficiency(self, place: int) -> float:
        """Return the share of the signal of all channels that is inside their windows.

        Parameters
        ----------
        place : int
            Of the candidate mass.
        """
        return float(np.dot(self.shares[place], [window.efficiency for window in self.windows[place]]))

    @property
    def smallest(self) -> tuple[float, float] | None:
        """The smallest local p-value and its mass, the first one of equals; None while a region is closed."""
        if self.p_local is None:
            return None
        place = int(np.argmin(self.p_local))
        return self.p_local[place], self.windows[place][0].mass

    def to_dict(self) -> dict[str, Any]:
        """Return the scan as plain values, for JSON; a closed region has no observed number."""
        rows: list[dict[str, Any]] = []
        for i, windows in enumerate(self.windows):
            channels: dict[str, Any] = {
                name: window.to_dict() | {"share": share}
                for name, window, share in zip(self.names, windows, self.shares[i], strict=True)
            }
            row = {
                "mass_mev": windows[0].mass,
                "efficiency": self.efficiency(i),
                "expected": sum(window.background.expected for window in windows),
                "expected_limits": [self.expected[i]],
                "channels": channels,
            }
            if self.p_local is not None and self.limits is not None:
                row |= {
                    "observed": sum(int(window.observed or 0) for window in windows),
                    "p_local": self.p_local[i],
                    "limits": {name: [x.low, x.high] for name, x in self.limits[i].items()},
                }
            rows.append(row)
        return scan_document(rows, self, COMBINED_METHODS[0]) | {"channels": list(self.names)}


def scan_channels(
    channels: Sequence[MassChannel],
    masses: Sequence[float],
    level: float = 0.9,
    efficiency_error: float = 0.0,
    methods: Sequence[str] = COMBINED_METHODS,
    common: ArrayLike | None = None,
    seed: int = 1,
) -> CombinedMassScan:
    """Return p-values and limits of windows around several masses, of all channels together.

    The local p-value is that of the summed count; the limit orders the counts of the channels by their likelihood ratio
    (`bdana.statistics.combination`).

    Parameters
    ----------
    channels : sequence of MassChannel
    masses : sequence of float
        Candidate masses in MeV/c2.
    level, efficiency_error
        As for `bdana.statistics.limits.cls`.
    methods : sequence of str
        Of `bdana.statistics.combination.COMBINED_METHODS`.
    common : array_like, shape (channels, channels), optional
        Relative covariance of the backgrounds of different channels, of errors that move all masses together; its diagonal
        is not used. By default the errors are independent.
    seed : int
        Of the toys of the global p-value.

    Raises
    ------
    InputError
        When there is no mass, no channel has signal at one of them, or something in a search is wrong.

    Examples
    --------
    >>> import numpy as np
    >>> from bdana.statistics.mass_channels import MassChannel, scan_channels
    >>> from bdana.statistics.mass_spectrum import Resolution
    >>> from bdana.statistics.mass_windows import MassSearch
    >>> from bdana.statistics.poisson import Background
    >>> width = Resolution(((411.0, 2.0),))
    >>> mumu = MassSearch(width, 2.0, Background(0.016, 0.002), np.array([411.0]))
    >>> ee = MassSearch(width, 2.0, Background(0.016, 0.002), np.array([]))
    >>> both = [MassChannel("mumu", mumu, lambda m: 1.0), MassChannel("ee", ee, lambda m: 1.0)]
    >>> scan = scan_channels(both, [411.0, 700.0])
    >>> [round(found["cls"].high, 2) for found in scan.limits]
    [3.86, 2.3]
    """
    if not len(masses) or not len(channels):
        raise InputError("a scan needs at least one candidate mass and one channel")
    number = len(channels)
    shared = np.zeros((number, number)) if common is None else np.asarray(common, dtype=float)
    windows = tuple(tuple(channel.search.window(mass) for channel in channels) for mass in masses)
    shares = tuple(_shares(channels, mass) for mass in masses)
    is_open = all(channel.search.observed is not None for channel in channels)
    expected, limits, local = [], [], []
    tails: dict[tuple[int, tuple[Background, ...]], float] = {}
    for at, part in zip(windows, shares, strict=True):
        errors = with_common([window.background for window in at], shared)
        medians = tuple(median_count(window.background) for window in at)
        counts = tuple(int(window.observed or 0) for window in at)
        median = _limits(channels, at, part, medians, errors, level, efficiency_error, COMBINED_METHODS[:1])
        expected.append(median[COMBINED_METHODS[0]].high)
        if not is_open:
            continue
        limits.append(_limits(channels, at, part, counts, errors, level, efficiency_error, methods))
        case = (sum(counts), tuple(window.background for window in at))
        if case not in tails:
            (tails[case],) = sum_tails([case[0]], case[1], errors)
        local.append(tails[case])
    names = tuple(channel.name for channel in channels)
    convention = (
        f"windows of {', '.join(f'+-{x.search.half_width:g} ({x.name})' for x in channels)} resolutions; limits on the signal "
        "events in the windows of all channels together, expected ones at the median count of each; local p of the summed count"
    )
    if not is_open:
        return CombinedMassScan(
            names, windows, shares, None, tuple(expected), None, None, None, level, convention
        )
    p_global, error, how = global_p_value([x.search for x in channels], windows, local, shared, seed)
    return CombinedMassScan(
        names,
        windows,
        shares,
        tuple(local),
        tuple(expected),
        tuple(limits),
        p_global,
        error,
        level,
        f"{convention}; p_global: {how}",
    )


def _shares(channels: Sequence[MassChannel], mass: float) -> tuple[float, ...]:
    found = [float(channel.share(mass)) for channel in channels]
    total = sum(found)
    if not (total > 0 and min(found) >= 0 and np.isfinite(total)):
        raise InputError(f"at {mass:g} MeV no channel has signal: its shares are {found}")
    return tuple(share / total for share in found)


def _limits(
    channels: Sequence[MassChannel],
    windows: Sequence[MassWindow],
    shares: Sequence[float],
    counts: Sequence[int],
    errors: Floats,
    level: float,
    efficiency_error: float,
    methods: Sequence[str],
) -> dict[str, Interval]:
    counted = [
        CountedChannel(channel.name, n, window.background, share * window.efficiency)
        for channel, n, window, share in zip(channels, counts, windows, shares, strict=True)
    ]
    return {name: combined_limit(counted, level, efficiency_error, name, errors) for name in methods}

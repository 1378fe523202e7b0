"""Excluded islands in the plane of mass and coupling: where more events are expected than the upper limit allows.

At one mass the expected events rise with the coupling as production does, and fall again when the particle decays before
it reaches the decay volume, so what is excluded lies between two branches that meet at the tips of the island.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from bdana.atomic import write_atomically
from bdana.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from numpy.typing import ArrayLike, NDArray

    _Point = tuple[float, "_Interval"]
    _Piece = list[_Point]
    Events = Callable[[NDArray[np.float64]], NDArray[np.float64]]

__all__ = ["Island", "inside", "trace", "write_grid"]

ZOOMS, ZOOM_POINTS = 3, 24  # a maximum between two points of the scan is found to 1e-3 of their distance


@dataclass(frozen=True)
class Island:
    """A connected piece of the plane that is excluded: for each mass, the couplings between its two branches.

    Attributes
    ----------
    mass : ndarray, shape (K,)
        Ascending, in MeV/c2; at a tip both branches have the same coupling.
    low, high : ndarray, shape (K,)
        Couplings of the lower and of the upper branch.
    open_at : tuple of str
        Which of "low mass", "high mass", "low coupling" and "high coupling" is an end of the scan, where the island
        may go on, rather than a place where the branches meet.
    """

    mass: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    open_at: tuple[str, ...] = ()

    def outline(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return masses and couplings of the border: a closed polygon, or an open line without what the scan cut off.

        Returns
        -------
        mass, coupling : ndarray, shape (M,)
            NaN between two lines that do not touch; empty when all of the border is that of the scan. Of an island at
            one mass, the line between its branches.
        """
        mass = np.concatenate([self.mass, self.mass[::-1]])
        coupling = np.concatenate([self.low, self.high[::-1]])
        cut = self._cut(mass, coupling)
        if len(self.mass) == 1:
            return mass, coupling
        if not cut.any():
            return np.append(mass, mass[0]), np.append(coupling, coupling[0])
        # Begin behind an edge that is cut off, and lift the pen at the others.
        order = np.roll(np.arange(len(mass)), -int(np.flatnonzero(cut)[0]) - 1)
        pieces = np.split(order, np.flatnonzero(cut[order][:-1]) + 1)
        lines = [piece for piece in pieces if len(piece) > 1]
        return _with_gaps(mass, lines), _with_gaps(coupling, lines)

    def _cut(self, mass: NDArray[np.float64], coupling: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Say of each point of the polygon whether the edge from it to the next is an end of the scan."""
        ends = {
            "low mass": (mass, self.mass[0]),
            "high mass": (mass, self.mass[-1]),
            "low coupling": (coupling, self.low.min()),
            "high coupling": (coupling, self.high.max()),
        }
        cut = np.zeros(len(mass), dtype=bool)
        for name in self.open_at:
            values, end = ends[name]
            cut |= (values == end) & (np.roll(values, -1) == end)
        return cut


@dataclass(frozen=True)
class _Interval:
    low: float
    high: float
    open_low: bool
    open_high: bool


def trace(
    masses: ArrayLike,
    events: Callable[[float], Events],
    limit: Callable[[float], float],
    couplings: tuple[float, float],
    points: int = 60,
    tolerance: float = 1e-4,
    halvings: int = 6,
    bend: float | None = None,
) -> tuple[Island, ...]:
    """Find the islands of the plane in which more events are expected than the upper limit.

    At each mass the couplings are scanned evenly in the logarithm, maxima and minima between the points of the scan are
    searched for where they decide, and crossings are bisected. Between two masses whose excluded couplings do not
    correspond one to one (a tip, a fork, a steep branch), further masses are put in. Where an island forks, the widest
    arm goes on and the others are islands of their own that touch it.

    Parameters
    ----------
    masses : array_like, shape (N,)
        Ascending masses of the scan in MeV/c2. A hole that is narrower than their distance is not seen.
    events : callable
        Gives, for a mass, the expected events as a function of an ndarray of couplings. It is called once for each mass.
    limit : callable
        Gives, for a mass, the upper limit on the number of signal events; infinity where there is none.
    couplings : tuple of float
        Ends of the scan.
    points : int
        Couplings of the scan at each mass.
    tolerance : float
        Relative error of the couplings of the branches.
    halvings : int
        How often the distance of two masses is halved around a tip or a fork: each takes as many further masses.
    bend : float, optional
        Masses are put in, at most twice between two, where a branch differs from the straight line between its
        neighbours by more than this in the natural logarithm of the coupling.

    Returns
    -------
    tuple of Island
        By their first mass; empty where nothing is excluded.

    Raises
    ------
    ConfigError
        When masses or couplings do not ascend, or the events or the limit are not numbers.

    Examples
    --------
    >>> import numpy as np
    >>> from bdana.sensitivity.contour import trace
    >>> def events(mass):
    ...     return lambda coupling: 1e14 * coupling**2 * np.exp(-((coupling * mass / 2e-4) ** 2))
    >>> (island,) = trace(np.arange(200.0, 1000.0, 50.0), events, lambda mass: 2.3, (1e-8, 1e-5))
    >>> island.open_at
    ('low mass',)
    >>> f"{island.low[0]:.3g} to {island.high[0]:.3g} at 200 MeV, up to {island.mass[-1]:.0f} MeV"
    '1.53e-07 to 2.34e-06 at 200 MeV, up to 800 MeV'
    """
    scan = _checked(masses, couplings)
    at: dict[float, list[_Interval]] = {}

    def look(mass: float) -> None:
        at[mass] = _intervals(mass, events(mass), limit(mass), couplings, points, tolerance)

    for mass in scan:
        look(float(mass))
    for _ in range(halvings):
        ordered = sorted(at)
        for left, right in pairwise(ordered):
            if not _correspond(at[left], at[right]):
                look((left + right) / 2)
    found = _join(at)
    for _ in range(2 if bend is not None else 0):
        for mass in _bends(found, bend or 0.0, at):
            look(mass)
        found = _join(at)
    return found


def inside(islands: Sequence[Island], mass: ArrayLike, coupling: ArrayLike) -> NDArray[np.bool_]:
    """Return whether points lie in one of the islands; branches are straight between masses in log coupling.

    Parameters
    ----------
    islands : sequence of Island
    mass, coupling : array_like
        Broadcast against each other.

    Examples
    --------
    >>> import numpy as np
    >>> from bdana.sensitivity.contour import Island, inside
    >>> island = Island(np.array([200.0, 400.0]), np.array([1e-7, 1e-7]), np.array([1e-5, 1e-7]))
    >>> inside([island], 300.0, [2e-7, 9e-7, 2e-6])
    array([ True,  True, False])
    """
    at, point = np.broadcast_arrays(np.asarray(mass, dtype=float), np.asarray(coupling, dtype=float))
    found = np.zeros(at.shape, dtype=bool)
    for island in islands:
        low, high = (
            np.exp(np.interp(at, island.mass, np.log(branch))) for branch in (island.low, island.high)
        )
        found |= (island.mass[0] <= at) & (at <= island.mass[-1]) & (low <= point) & (point <= high)
    return found


def write_grid(path: Path, islands: Sequence[Island], coupling: str = "epsilon") -> None:
    """Write the branches as CSV with the columns mass_mev, and such as epsilon_low and epsilon_high.

    Lines follow one another island by island: a mass at which nothing is excluded has none, and one at which two
    islands lie has two.

    Parameters
    ----------
    path : Path
    islands : sequence of Island
    coupling : str
        Its name in the header.

    Raises
    ------
    InputError
        When the folder cannot be written.
    """
    with write_atomically(path) as file:
        file.write(f"mass_mev,{coupling}_low,{coupling}_high\n")
        for island in islands:
            for mass, low, high in zip(island.mass, island.low, island.high, strict=True):
                file.write(f"{mass:.8g},{low:.6g},{high:.6g}\n")


def _checked(masses: ArrayLike, couplings: tuple[float, float]) -> NDArray[np.float64]:
    scan = np.atleast_1d(np.asarray(masses, dtype=float))
    if scan.ndim != 1 or not len(scan) or not (scan > 0).all() or not (np.diff(scan) > 0).all():
        raise ConfigError("masses of the scan: give positive masses in ascending order")
    if not 0 < couplings[0] < couplings[1]:
        raise ConfigError(
            f"couplings of the scan: {couplings[0]:g} to {couplings[1]:g} is no range above 0; give the lower end first"
        )
    return scan


def _with_gaps(values: NDArray[np.float64], lines: list[NDArray[np.intp]]) -> NDArray[np.float64]:
    """Return the values along some lines, with NaN between two of them."""
    chained = [part for line in lines for part in (values[line], [np.nan])]
    return np.concatenate(chained[:-1] or [np.empty(0)])


def _intervals(
    mass: float,
    events: Events,
    limit: float,
    couplings: tuple[float, float],
    points: int,
    tolerance: float,
) -> list[_Interval]:
    """Return the excluded intervals of the coupling at one mass."""

    def expected(x: NDArray[np.float64]) -> NDArray[np.float64]:
        n = np.asarray(events(np.exp(x)), dtype=float)
        if np.isnan(n).any() or np.isnan(limit):
            raise ConfigError(f"mass {mass:g} MeV: the expected events or their upper limit are not a number")
        return n

    x = np.linspace(np.log(couplings[0]), np.log(couplings[1]), points)
    n = expected(x)
    for _ in range(ZOOMS):
        new = _around_turns(x, n, limit)
        if not len(new):
            break
        x, n = np.concatenate([x, new]), np.concatenate([n, expected(new)])
        order = np.argsort(x)
        x, n = x[order], n[order]
    excluded = n > limit
    change = np.flatnonzero(excluded[1:] != excluded[:-1])
    left, right, above = x[change], x[change + 1], excluded[change]
    while len(change) and (right - left).max() > tolerance:
        middle = (left + right) / 2
        same = (expected(middle) > limit) == above
        left, right = np.where(same, middle, left), np.where(same, right, middle)
    ends = np.exp((left + right) / 2)
    ends = np.concatenate([couplings[:1] if excluded[0] else (), ends, couplings[1:] if excluded[-1] else ()])
    last = len(ends) // 2 - 1
    return [
        _Interval(
            float(ends[2 * i]),
            float(ends[2 * i + 1]),
            bool(i == 0 and excluded[0]),
            bool(i == last and excluded[-1]),
        )
        for i in range(last + 1)
    ]


def _around_turns(x: NDArray[np.float64], n: NDArray[np.float64], limit: float) -> NDArray[np.float64]:
    """Return points around maxima below the limit and minima above it, where the events may still cross it."""
    middle, left, right = n[1:-1], n[:-2], n[2:]
    peak = (middle <= limit) & (middle >= left) & (middle >= right) & ((middle > left) | (middle > right))
    dip = (middle > limit) & (middle <= left) & (middle <= right) & ((middle < left) | (middle < right))
    turns = np.flatnonzero(peak | dip) + 1
    return np.unique(
        np.concatenate(
            [np.linspace(x[i - 1], x[i + 1], ZOOM_POINTS)[1:-1] for i in turns] or [np.empty(0)],
        )
    )


def _overlap(one: _Interval, other: _Interval) -> float:
    """Return the common length of two intervals in log coupling; negative when they lie apart."""
    return float(np.log(min(one.high, other.high)) - np.log(max(one.low, other.low)))


def _correspond(left: list[_Interval], right: list[_Interval]) -> bool:
    """Say whether each interval meets exactly one of those at the neighbouring mass."""
    meet = np.array([[_overlap(one, other) > 0 for other in right] for one in left]).reshape(
        len(left), len(right)
    )
    return bool((meet.sum(axis=0) == 1).all() and (meet.sum(axis=1) == 1).all())


def _join(at: dict[float, list[_Interval]]) -> tuple[Island, ...]:
    """Join the intervals of neighbouring masses to islands."""
    ordered = sorted(at)
    done: list[_Piece] = []
    growing: list[_Piece] = [[(ordered[0], interval)] for interval in at[ordered[0]]]
    for before, mass in pairwise(ordered):
        there, ends = at[mass], [piece[-1][1] for piece in growing]
        follower = _followers(ends, there)
        done += [
            [*piece, _end(piece[-1], mass, there)] for i, piece in enumerate(growing) if i not in follower
        ]
        begun = [interval for j, interval in enumerate(there) if j not in follower.values()]
        growing = [[*growing[i], (mass, there[j])] for i, j in follower.items()]
        growing += [[_end((mass, interval), before, ends), (mass, interval)] for interval in begun]
    pieces = sorted(done + growing, key=lambda piece: (piece[0][0], piece[0][1].low))
    return tuple(_island(piece, ordered[0], ordered[-1]) for piece in pieces)


def _followers(ends: list[_Interval], there: list[_Interval]) -> dict[int, int]:
    """Return which interval goes on with which island: the pair with the longest common part first."""
    common = {(i, j): _overlap(end, new) for i, end in enumerate(ends) for j, new in enumerate(there)}
    follower: dict[int, int] = {}
    for (i, j), length in sorted(common.items(), key=lambda item: -item[1]):
        if length > 0 and i not in follower and j not in follower.values():
            follower[i] = j
    return follower


def _end(last: _Point, beyond: float, neighbours: list[_Interval]) -> _Point:
    """Return the point that closes an island: where it touches another at the mass beyond, or its tip before it."""
    mass, interval = last
    touched = max(neighbours, key=lambda other: _overlap(interval, other), default=None)
    if touched is not None and _overlap(interval, touched) > 0:
        low, high = max(interval.low, touched.low), min(interval.high, touched.high)
        return beyond, _Interval(low, high, open_low=False, open_high=False)
    tip = float(np.sqrt(interval.low * interval.high))
    return (mass + beyond) / 2, _Interval(tip, tip, open_low=False, open_high=False)


def _island(piece: _Piece, first: float, last: float) -> Island:
    mass = np.array([mass for mass, _ in piece])
    intervals = [interval for _, interval in piece]
    ends = {
        "low mass": mass[0] == first,
        "high mass": mass[-1] == last,
        "low coupling": any(interval.open_low for interval in intervals),
        "high coupling": any(interval.open_high for interval in intervals),
    }
    return Island(
        mass,
        np.array([interval.low for interval in intervals]),
        np.array([interval.high for interval in intervals]),
        tuple(name for name, is_open in ends.items() if is_open),
    )


def _bends(islands: tuple[Island, ...], bend: float, at: dict[float, list[_Interval]]) -> list[float]:
    """Return masses between those where a branch turns by more than `bend`; tips, which are halved already, apart."""
    wanted = set()
    for island in islands:
        for branch in (island.low, island.high):
            known = np.array([float(mass) in at for mass in island.mass])
            x, y = island.mass[known], np.log(branch[known])
            if len(x) < 3:
                continue
            share = (x[1:-1] - x[:-2]) / (x[2:] - x[:-2])
            turn = np.abs(y[1:-1] - (1 - share) * y[:-2] - share * y[2:])
            for i in np.flatnonzero(turn > bend) + 1:
                wanted |= {float(x[i - 1] + x[i]) / 2, float(x[i] + x[i + 1]) / 2}
    return sorted(wanted)

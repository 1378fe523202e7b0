"""Burst tables and the exposure they add up to: protons on target, live time, number of bursts."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from bdana.display import short_repr
from bdana.errors import ConfigError, InputError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    import awkward as ak
    from numpy.typing import NDArray

    from bdana.events.location import Location

__all__ = [
    "MEASURED",
    "POSSIBLE",
    "BurstTable",
    "Exposure",
    "burst_key",
    "check_protons",
    "measured_column",
    "why_impossible",
]

MEASURED = ("pot", "live_time_s", "downscale", "pair_live_time_s")
"""Columns that may be unknown for bursts that are not used."""

POSSIBLE = {"pot": (1e6, 1e18), "live_time_s": (1e-7, 1e6), "downscale": (1.0, 1e7)}
"""Smallest number above 0 and largest that any accelerator gives a burst, and largest downscale [assumed]: others are
mistakes, mostly of units, unless [exposure] unusual of analysis.toml names them."""
POSSIBLE_PROTONS = (1e3, 1e24)
"""Fewest and most protons on target that a whole search or sample has [assumed]."""


@dataclass(frozen=True)
class Exposure:
    """Protons on target, live time and number of the bursts used.

    Attributes
    ----------
    pot : float
        Protons on target.
    live_time_s : float
        Live time in s.
    bursts : int
        Number of bursts, those without events included.
    """

    pot: float
    live_time_s: float
    bursts: int

    def __add__(self, other: Exposure) -> Exposure:
        return Exposure(
            self.pot + other.pot, self.live_time_s + other.live_time_s, self.bursts + other.bursts
        )


@dataclass(frozen=True)
class BurstTable:
    """Table of bursts (spills), sorted by run and burst number.

    Attributes
    ----------
    run, burst : ndarray of int, shape (N,)
        The key.
    pot : ndarray of float, shape (N,)
        Protons on target; NaN where the file has no possible value.
    live_time_s : ndarray of float, shape (N,)
        Live time in s; NaN in the same way.
    good : ndarray of bool, shape (N,)
        Usable for physics.
    downscale : ndarray of float, shape (N,)
        Downscale of the single-track trigger; NaN where file or layout do not have it.
    pair_live_time_s : ndarray of float, shape (N,)
        Live time of the two-track trigger in s; NaN where file or layout do not have it apart.

    Examples
    --------
    >>> import numpy as np
    >>> from bdana.events import BurstTable
    >>> bursts = BurstTable(
    ...     run=np.array([9000, 9000]), burst=np.array([1, 2]), pot=np.array([2e12, 1e12]),
    ...     live_time_s=np.array([3.0, 2.5]), good=np.array([True, False]), downscale=np.full(2, np.nan),
    ... )
    >>> bursts.take(bursts.good).exposure
    Exposure(pot=2000000000000.0, live_time_s=3.0, bursts=1)
    """

    run: NDArray[np.int64]
    burst: NDArray[np.int64]
    pot: NDArray[np.float64]
    live_time_s: NDArray[np.float64]
    good: NDArray[np.bool_]
    downscale: NDArray[np.float64]
    pair_live_time_s: NDArray[np.float64] = field(default_factory=lambda: np.empty(0))

    def __post_init__(self) -> None:
        if not len(self.pair_live_time_s):
            object.__setattr__(self, "pair_live_time_s", np.full(len(self.run), np.nan))

    __repr__ = short_repr

    @classmethod
    def of_file(cls, path: Location, columns: Mapping[str, NDArray[Any]]) -> BurstTable:
        """Build the burst table of one file.

        Parameters
        ----------
        path : Path or str
            The file, for messages.
        columns : mapping of str to ndarray, shape (N,)
            In any order of bursts; `downscale` and `pair_live_time_s` may be absent.

        Raises
        ------
        InputError
            When a (run, burst) stands in the table twice.
        """
        unknown = np.full(len(columns["run"]), np.nan)
        table = cls(**{name: columns.get(name, unknown) for name in cls.__dataclass_fields__})
        table = table.take(np.lexsort((table.burst, table.run)))
        repeated = np.flatnonzero((np.diff(table.run) == 0) & (np.diff(table.burst) == 0))
        if len(repeated):
            run, burst = table.run[repeated[0]], table.burst[repeated[0]]
            raise InputError(
                f"{path}: run {run} burst {burst} is in the burst table twice: remove one, or its protons would count double"
            )
        return table

    @classmethod
    def union(cls, tables: Sequence[tuple[Location, BurstTable]]) -> BurstTable:
        """Join the tables of several files; a burst read in parts, with equal values, counts once.

        Parameters
        ----------
        tables : sequence of (Path or str, BurstTable)

        Raises
        ------
        InputError
            When two files disagree about a burst.
        """
        parts = [table for _, table in tables]
        fields = {
            name: np.concatenate([getattr(t, name) for t in parts]) for name in cls.__dataclass_fields__
        }
        source = np.repeat(np.arange(len(parts)), [len(t.run) for t in parts])
        order = np.lexsort((source, fields["burst"], fields["run"]))
        joined, source = cls(**fields).take(order), source[order]
        same = (np.diff(joined.run) == 0) & (np.diff(joined.burst) == 0)
        for name in (*MEASURED, "good"):
            values = getattr(joined, name).astype(np.float64)
            differs = same & (values[1:] != values[:-1]) & ~(np.isnan(values[1:]) & np.isnan(values[:-1]))
            if differs.any():
                at = int(np.flatnonzero(differs)[0])
                one, other = tables[source[at]][0], tables[source[at + 1]][0]
                raise InputError(
                    f"run {joined.run[at]} burst {joined.burst[at]}: {one} says {name} = {values[at]:g}, "
                    f"{other} says {values[at + 1]:g}; use files of one processing"
                )
        return joined.take(np.concatenate([[True], ~same]) if len(joined.run) else slice(None))

    def take(self, where: Any) -> BurstTable:
        """Return the bursts at the given places (mask or indices).

        Parameters
        ----------
        where : ndarray or slice
        """
        return BurstTable(**{name: getattr(self, name)[where] for name in self.__dataclass_fields__})

    @property
    def exposure(self) -> Exposure:
        """Sum over all bursts of the table; raises as `total`."""
        return self.total()

    def plausible(self, unusual: Collection[str] = ()) -> NDArray[np.bool_]:
        """Tell which bursts have protons, live time and downscale that a burst can have, as far as they are known, shape (N,).

        Parameters
        ----------
        unusual : collection of str
            Columns whose values are meant, whatever they are.
        """
        wrong = [_impossible(name, getattr(self, name), unusual) for name in POSSIBLE]
        return ~np.logical_or.reduce(wrong)

    def total(self, unusual: Collection[str] = ()) -> Exposure:
        """Return the sum over all bursts of the table; exact sums, so the order of files does not matter.

        Parameters
        ----------
        unusual : collection of str
            Columns whose values are meant, though no accelerator is known to have them.

        Raises
        ------
        InputError
            Naming a burst without protons on target or live time, or with a number that no burst has.
        """
        for name, what in (("pot", "protons on target"), ("live_time_s", "live time")):
            unknown = np.flatnonzero(~np.isfinite(getattr(self, name)))
            if len(unknown):
                k = unknown[0]
                raise InputError(
                    f"run {self.run[k]} burst {self.burst[k]}: its {what} is not known, so neither is the exposure: "
                    "correct the burst table or mark the burst bad"
                )
        for name in POSSIBLE:
            values = getattr(self, name)
            for k in np.flatnonzero(_impossible(name, values, unusual))[:1]:
                raise InputError(
                    f"run {self.run[k]} burst {self.burst[k]}: {why_impossible(name, values[k], unusual)}: correct the "
                    f"burst table, or the unit in the schema, or mark the burst bad{_if_meant(name, values[k])}"
                )
        return Exposure(math.fsum(self.pot), math.fsum(self.live_time_s), len(self.run))

    def places(self, run: NDArray[np.int64], burst: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the index in the table of each (run, burst); an arbitrary one for a burst that is not in it.

        Parameters
        ----------
        run, burst : ndarray of int, shape (M,)
        """
        first, length = _in_a_row(run, burst)
        return np.repeat(self._places(run[first], burst[first]), length)

    def _places(self, run: NDArray[np.int64], burst: NDArray[np.int64]) -> NDArray[np.int64]:
        at = np.searchsorted(burst_key(self.run, self.burst), burst_key(run, burst))
        return np.minimum(at, max(len(self.run) - 1, 0))

    def used(
        self, events: ak.Array, source: Location, *, all_bursts: bool, listed_only: bool = False
    ) -> NDArray[np.bool_]:
        """Tell which events lie in bursts that are used.

        Parameters
        ----------
        events : ak.Array
        source : Path or str
            Their file, for messages.
        all_bursts : bool
            Whether bursts that are not good are used too.
        listed_only : bool
            Whether events of bursts that are not in the table are left out; else they are an error.

        Raises
        ------
        InputError
            When an event's burst is not in the table.
        """
        run, burst = np.asarray(events.run), np.asarray(events.burst)
        first, length = _in_a_row(run, burst)
        run, burst = run[first], burst[first]
        known = np.zeros(len(run), dtype=np.bool_)
        good = known
        if len(self.run):
            at = self._places(run, burst)
            known, good = (self.run[at] == run) & (self.burst[at] == burst), self.good[at]
        if not known.all() and not listed_only:
            lost = int(np.argmin(known))
            raise InputError(
                f"{source}: run {run[lost]} burst {burst[lost]} has events but is not in the burst table: its exposure is unknown"
            )
        return np.repeat(known if all_bursts else known & good, length)


def _in_a_row(
    run: NDArray[np.int64], burst: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return where events of another burst than before begin, and how many follow: what is told of a burst is told once."""
    changed = (run[1:] != run[:-1]) | (burst[1:] != burst[:-1])
    first = np.concatenate([[0], np.flatnonzero(changed) + 1])[: len(run)]
    return first, np.diff(first, append=len(run))


def _impossible(name: str, values: NDArray[np.float64], unusual: Collection[str] = ()) -> NDArray[np.bool_]:
    """Tell which numbers no burst has: below 0 or infinite, or outside of what is plausible."""
    smallest, largest = POSSIBLE[name]
    if name == "downscale":  # one below 1 is refused where it is used
        return np.isposinf(values) | ((values > largest) & (name not in unusual))
    never = (values < 0.0) | np.isinf(values)
    if name in unusual:
        return never
    return never | ((values != 0.0) & ~np.isnan(values) & ~((values >= smallest) & (values <= largest)))


def _if_meant(name: str, value: float) -> str:
    if not 0.0 < value < np.inf:
        return ""
    return f'; if it is meant, write unusual = ["{name}"] into the table [exposure] of analysis.toml'


def check_protons(protons: float, what: str, unusual: Collection[str] = ()) -> float:
    """Return the protons on target of a whole search or sample unchanged, if they can be.

    Parameters
    ----------
    protons : float
    what : str
        Where they were given, for the message.
    unusual : collection of str
        With `pot` in it any number above 0 is meant.

    Raises
    ------
    ConfigError
        When they are not above 0, or too few or many for any accelerator.
    """
    low, high = POSSIBLE_PROTONS
    if not 0.0 < protons < np.inf:
        raise ConfigError(f"{what} {protons:g}: give a positive number of protons on target")
    if "pot" not in unusual and not low <= protons <= high:
        raise ConfigError(
            f"{what} {protons:g}: no search has so few or many protons on target, from {low:g} to {high:g}{_if_meant('pot', protons)}"
        )
    return protons


def why_impossible(name: str, value: float, unusual: Collection[str] = ()) -> str:
    """Say in words why no burst has such a number; empty for one that a burst can have.

    Parameters
    ----------
    name : {"pot", "live_time_s", "downscale"}
    value : float
    unusual : collection of str
        Columns whose values are meant.

    Examples
    --------
    >>> from bdana.events.exposure import why_impossible
    >>> why_impossible("live_time_s", -4.0)
    'live_time_s = -4 is that of no burst, which is 0 or from 1e-07 to 1e+06'
    """
    if not (np.isnan(value) or _impossible(name, np.array([value]), unusual)[0]):
        return ""
    smallest, largest = POSSIBLE[name]
    return f"{name} = {value:g} is that of no burst, which is 0 or from {smallest:g} to {largest:g}"


def measured_column(
    path: Location, columns: Mapping[str, NDArray[Any]], name: str, low: float, high: float
) -> NDArray[np.float64]:
    """Return a burst column, with NaN where a bad burst has a number outside the range; NaN in good ones stays.

    Parameters
    ----------
    path : Path or str
        The file, for messages.
    columns : mapping of str to ndarray, shape (N,)
    name : str
        Which column.
    low, high : float
        Range, in the units of the burst table.

    Raises
    ------
    InputError
        Naming the first good burst whose number is outside the range, in the units of the burst table.
    """
    value = columns[name]
    inside = np.isfinite(value) & (value >= low) & (value <= high)
    wrong = np.flatnonzero(columns["good"] & ~inside & ~np.isnan(value))
    if len(wrong):
        k = wrong[0]
        raise InputError(
            f"{path}: run {columns['run'][k]} burst {columns['burst'][k]}: {name} = {value[k]:g} is not between {low:g} and "
            f"{high:g}, as the schema asks: correct the burst table or mark the burst bad, or the schema's unit or range is wrong"
        )
    # A downscale that cannot be stays, or the value that fills gaps would hide it.
    return np.where(inside | (np.isfinite(value) & (name == "downscale")), value, np.nan)


def burst_key(run: NDArray[np.int64], burst: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return one number for each burst, unique and sorted like (run, burst) for burst numbers below 2^32.

    Parameters
    ----------
    run, burst : ndarray of int, shape (N,)
    """
    return run * np.int64(2**32) + burst

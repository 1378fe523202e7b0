"""Structure of the beam inside the spill, from the time differences of single tracks of one burst."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import hepunits
import numpy as np

from bdana.display import short_repr
from bdana.errors import InputError
from bdana.pairing.estimate.slices import SpillStructure
from bdana.pairing.estimate.time_differences import LAGS, Lags, count_lags, flat_pairs, variance_of_tracks
from bdana.pairing.estimate.trends import find_trends
from bdana.rounding import plus_minus

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from numpy.typing import NDArray

    from bdana.pairing.estimate.pairing_parameters import PairingParameters
    from bdana.pairing.estimate.single_bursts import SingleBursts
    from bdana.pairing.estimate.singles import SingleSample

__all__ = ["DutyFactor", "SpillClock", "SpillTimes", "TrackTimes", "duty_factor", "spill_times"]

EMPTY = 0.01
"""Fraction of a burst that may be empty before its first track: changes the duty factor by little, assumed."""
CHANCE = 1e-6
"""Probability of an empty fraction for a uniform beam, below which the beam is said to begin later, assumed."""
REACH = 1.0 * hepunits.s
"""Time differences that are looked at, where they are enough: the longer, the weaker the lines that are found."""
MOST_BINS, MOST_PAIRS = 100_000, 200_000_000
"""Limits of memory and time."""


@dataclass(frozen=True)
class DutyFactor:
    """Duty factor <R>²/<R²> inside the bursts: what pairing within whole bursts finds of the pairs.

    Attributes
    ----------
    value : float
        Averaged over pairs; structure much shorter than `slice_ms` is seen only as lines of the spectrum.
    error : float
        Its relative statistical error.
    slice_ms : float
        Tracks closer than this in time are those whose rate is compared with that of the burst.
    lines_hz : tuple of float
        Frequencies of periodic structure that was found.
    change, change_error : float or None
        Relative change of the number of pairs if half of the length is taken, and its error; None where there is none.
    """

    value: float
    error: float
    slice_ms: float
    lines_hz: tuple[float, ...] = ()
    change: float | None = None
    change_error: float | None = None

    __repr__ = short_repr

    def __str__(self) -> str:
        lines = ", ".join(f"{line:.4g}" for line in self.lines_hz[:5])
        more = f" and lines at {lines} Hz" if lines else ""
        return f"{plus_minus(self.value, self.error * self.value)} in slices of {self.slice_ms:.3g} ms{more}"


@dataclass(frozen=True)
class SpillClock:
    """Where the times of a burst begin, and the step of the clock, over which they are spread.

    Attributes
    ----------
    start : float
        Timestamp at which bursts begin, in ns.
    step : float
        Step of a coarse clock in ns: a comb of time differences is no structure of the beam. 0 of a fine one.
    """

    start: float = 0.0
    step: float = 0.0

    def since(self, timestamp: NDArray[np.float64], before: int) -> NDArray[np.float64]:
        """Return times since the start of the burst in ns.

        Parameters
        ----------
        timestamp : ndarray, shape (N,)
            Of tracks in ns.
        before : int
            Number of tracks of the sample before these.
        """
        since = timestamp - self.start
        if not self.step:
            return since
        draws = np.random.Generator(np.random.PCG64(1).advance(before))
        return np.asarray(since + self.step * draws.random(len(since)))


class TrackTimes(NamedTuple):
    """Times of some tracks since the start of their bursts, in ns, their bursts, and which passed the vetoes."""

    since: NDArray[np.float64]
    places: NDArray[np.int64]
    passed: NDArray[np.bool_]


@dataclass(frozen=True)
class SpillTimes:
    """Times of all tracks inside their bursts, read bunch by bunch as often as they are needed.

    Attributes
    ----------
    bunches : callable
        f() -> iterable of TrackTimes, each of some bursts.
    length : ndarray, shape (bursts,)
        Of each burst in ns.
    passed, every : ndarray of int, shape (bursts,)
        Number of tracks that passed the vetoes, and of all.
    clock : SpillClock
    """

    bunches: Callable[[], Iterable[TrackTimes]]
    length: NDArray[np.float64]
    passed: NDArray[np.int64]
    every: NDArray[np.int64]
    clock: SpillClock = SpillClock()

    __repr__ = short_repr

    @classmethod
    def of(
        cls,
        since: NDArray[np.float64],
        length: NDArray[np.float64],
        places: NDArray[np.int64],
        passed: NDArray[np.bool_] | None = None,
    ) -> SpillTimes:
        """Return the times of tracks that are in memory.

        Parameters
        ----------
        since : ndarray, shape (N,)
            Since the start of the burst, in ns.
        length : ndarray, shape (bursts,)
        places : ndarray of int, shape (N,)
            Burst of each track.
        passed : ndarray of bool, shape (N,), optional
            Which tracks passed the vetoes; all if not given.
        """
        steps = _ClockSteps()
        steps.add(since)
        clock = SpillClock(step=steps.found())
        passed = np.ones(len(since), dtype=np.bool_) if passed is None else passed
        times = TrackTimes(clock.since(since, 0), places, passed)
        n, every = (np.bincount(at, minlength=len(length)) for at in (places[passed], places))
        return cls(lambda: [times], length, n, every, clock)


def spill_times(sample: SingleSample, bursts: SingleBursts, par: PairingParameters) -> SpillTimes:
    """Return the times of the tracks since the start of their bursts, and the length of each burst, in ns.

    Parameters
    ----------
    sample : SingleSample
        Whose events have timestamps.
    bursts : SingleBursts
    par : PairingParameters
        `spill_start_s` is the timestamp at which bursts begin, `spill_s` their length in s, dead time included; None: 0,
        and the live time, or up to the last track if that is longer.

    Raises
    ------
    InputError
        When a track has no timestamp inside its burst, or all tracks have the same, or the first track of all comes so
        late that the timestamps do not begin with the beam.
    """
    start = (par.spill_start_s or 0.0) * hepunits.s
    first, last = np.full(len(bursts), np.inf), np.full(len(bursts), -np.inf)
    steps, tracks = _ClockSteps(), 0
    for rows in sample.columns_of_events("timestamp"):
        timestamp = np.asarray(rows.columns["timestamp"], dtype=np.float64)
        if np.isnan(timestamp).any():
            at = rows.place[np.flatnonzero(np.isnan(timestamp))[0]]
            raise InputError(
                f"run {bursts.run[at]} burst {bursts.burst[at]}: a single track has no timestamp, without which the structure "
                "inside the burst cannot be measured; remove background.combinatorial.slice_ms"
            )
        since = timestamp - start
        np.minimum.at(first, rows.place, since)
        np.maximum.at(last, rows.place, since)
        steps.add(since)
        tracks += len(since)
    filled = np.flatnonzero(first <= last)
    if tracks > 1 and first[filled].min() == last[filled].max():
        raise InputError(
            f"all {tracks} single tracks have the timestamp {(first[filled][0] + start) / hepunits.s:g} s, so the files have no "
            "times inside the burst; remove background.combinatorial.slice_ms"
        )
    if par.spill_s is None:
        length = np.where(bursts.usable, bursts.live_time, 0.0)
        length[filled] = np.fmax(length[filled], last[filled])
    else:
        length = np.full(len(bursts), par.spill_s * hepunits.s)
    outside = filled[(first[filled] < 0) | ~(last[filled] <= length[filled])]
    if len(outside):
        at = outside[0]
        wrong = first[at] if first[at] < 0 else last[at]
        raise InputError(
            f"run {bursts.run[at]} burst {bursts.burst[at]}: timestamp {(wrong + start) / hepunits.s:g} s is not within "
            f"the burst of {length[at] / hepunits.s:g} s; correct it, or set background.combinatorial.spill_s or "
            "spill_start_s"
        )
    if par.spill_start_s is None and tracks:
        _require_beam_from_zero(first[filled], length[filled], tracks)
    clock = SpillClock(start, steps.found())

    def bunches() -> Iterator[TrackTimes]:
        before = 0
        for rows in sample.columns_of_events("timestamp"):
            timestamp = np.asarray(rows.columns["timestamp"], dtype=np.float64)
            yield TrackTimes(clock.since(timestamp, before), rows.place, rows.passed)
            before += len(timestamp)

    return SpillTimes(bunches, length, sample.counts.selected, sample.counts.every, clock)


def _require_beam_from_zero(since: NDArray[np.float64], length: NDArray[np.float64], tracks: int) -> None:
    """Refuse tracks that all come late in their bursts: time without beam would raise the number of pairs.

    `since` is the time of the first track of each burst.
    """
    first = float((since / length).min())
    if first > EMPTY and (1.0 - first) ** tracks < CHANCE:
        begin = float(since.min()) / hepunits.s
        raise InputError(
            f"no single track before {begin:g} s, {first:.1%} of the burst: set background.combinatorial.spill_start_s to "
            "the time at which the beam begins, or to 0 if the live time counts from there"
        )


def duty_factor(
    times: SpillTimes, precision: float, slice_ms: float | None = None
) -> tuple[DutyFactor, SpillStructure] | None:
    """Measure the duty factor and the structure it comes from; None where there are too few tracks.

    Of n tracks in a burst of length T, n (n-1) (T-t) dt / T^2 pairs have a time difference between t and t + dt if the
    rate R is constant. The ratio g(t) of pairs to this number is <R(t') R(t'+t)> / <R>^2, without bias, and its value
    at 0 is <R^2>/<R>^2. It is the mean of g up to the shortest time that gives the precision, and what is known of
    g in between: a line of amplitude A in the spectrum is A cos(2 pi f t), measured at all times.

    Where vetoes leave the part a of the tracks, which falls as R rises, data have <a R^2> pairs. So tracks that passed
    are compared with all: <a R^2> / (<a R> <R>), by which <a R>^2 over the survival <a R> / <R> has to be multiplied.

    Parameters
    ----------
    times : SpillTimes
    precision : float
        Relative statistical error that is aimed at.
    slice_ms : float, optional
        Time difference up to which g is averaged, instead of the shortest one that gives the precision.
    """
    length = times.length
    every, n = (numbers.astype(np.float64) for numbers in (times.every, times.passed))
    known = (n > 0) & (every > 1) & (length > 0)
    n, every = n[known], every[known]
    pairs = n * (every - 1.0)
    density = float(np.sum(pairs / length[known]))  # pairs of a time difference, per ns
    if not density:
        return None
    wanted = slice_ms * hepunits.ms if slice_ms else 1.0 / (precision**2 * density)
    reach = min(max(REACH, 2.0 * wanted), 0.5 * length[known].max(), MOST_PAIRS / density)
    width = max(LAGS, reach / MOST_BINS)
    bins = max(int(reach / width), 1)
    one, both = count_lags(times.bunches(), width, bins)
    edges = width * np.arange(bins + 1)
    flat = flat_pairs(edges, pairs, length[known])
    trends = None if slice_ms else find_trends(times.bunches(), length, (times.passed, times.every))
    level = trends.shape(width, bins) if trends else np.ones(bins)
    lags = Lags(both + 0.5 * one, both + 0.25 * one, flat, width, level)
    squares = pairs / length[known]
    spectra = float(squares.sum() ** 2 / np.sum(squares**2 / length[known])) / (2.0 * bins * width)
    lags.find_terms(spectra)
    window = lags.window(precision, wanted if slice_ms else None)
    if window is None:
        return None
    all_flat = 0.5 * float(pairs.sum())
    weights, spread = lags.at_zero(window, precision, trends.at_zero if trends else 1.0)
    boost = float(weights @ lags.seen)
    if not boost > 0:
        return None
    structure = SpillStructure(
        seen=lags.seen,
        squares=lags.squares,
        flat=flat,
        all_flat=all_flat,
        width=width,
        window=window,
        terms=lags.terms,
        amplitudes=lags.amplitudes,
        frequency=np.array([frequency for frequency, _ in lags.found]),
        reach=np.array([reach for _, reach in lags.found]),
        best=all_flat * weights,
        trends=trends,
    )
    half = lags.change(window // 2, window) if window > 1 else (None, None)
    counts = lags.squares.copy()
    counts[:window] += 1.0 / window
    # The tracks of a burst are a sample of its structure too.
    sampled = variance_of_tracks(times.bunches(), width, structure.best, boost) / all_flat**2
    variance = float(weights**2 @ counts) + spread**2 + sampled
    duty = DutyFactor(
        value=1.0 / boost,
        error=float(np.sqrt(variance)) / boost,
        slice_ms=window * width / hepunits.ms,
        lines_hz=tuple(line * hepunits.s for line, _ in lags.found if line),
        change=None if half[0] is None else half[0] / boost,
        change_error=None if half[1] is None else half[1] / boost,
    )
    return duty, structure


class _ClockSteps:
    """Times that occur, as long as they may be those of a coarse clock."""

    def __init__(self) -> None:
        self.times: NDArray[np.float64] | None = np.empty(0)

    def add(self, since: NDArray[np.float64]) -> None:
        """Look at the times of more tracks."""
        if self.times is None:
            return
        self.times = np.unique(np.concatenate([self.times, since]))
        steps = np.diff(self.times)
        if len(steps) and steps.min() < 1e-3 * LAGS:
            self.times = None

    def found(self) -> float:
        """Return the step of the clock in ns; 0 where there is none."""
        steps = np.empty(0) if self.times is None else np.diff(self.times)
        if len(steps) < 2:
            return 0.0
        step = float(steps.min())
        apart = steps / step
        return 0.0 if np.abs(apart - np.rint(apart)).max() > 1e-3 else step

"""The combinatorial estimate: single tracks of a burst paired, weighted, and put through the cuts of the data."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from bdana._version import __version__
from bdana.counts import Predicted
from bdana.pairing.search import close_pairs
from bdana.pairing.sums import PairSums
from bdana.reconstruction import Pairs
from bdana.regions import UNDEFINED
from bdana.selection import LEPTON_MASS, Candidates

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from bdana.pairing.bursts import SingleBursts
    from bdana.pairing.combinatorial import Search
    from bdana.pairing.slices import DutyFactor
    from bdana.reconstruction import Tracks
    from bdana.selection import Cut, Cutflow, Histogram, Parameters, Setup, Variable
    from bdana.statistics import Systematic

__all__ = ["PairEstimate", "PairSample", "PairSink", "PairTask", "estimate_pairs"]

PairSink = Callable[["Candidates", "Tracks", "NDArray[np.int64]", "NDArray[np.int64]"], None]
Three = tuple["NDArray[np.int64]", "NDArray[np.int64]", "NDArray[np.int64]"]
BATCH = 100_000
"""Pairs that are reconstructed together: bounds the memory, changes no result."""
BOOTSTRAP_SEED = 1


@dataclass(frozen=True)
class PairEstimate:
    """Expected accidental pairs.

    Attributes
    ----------
    regions : tuple of str
        Names of the R regions, innermost first.
    expected : ndarray, shape (R,)
        Expected number in each region.
    covariance : ndarray, shape (R, R)
        Its statistical covariance, from the finite number of single tracks.
    pairs : ndarray of int, shape (R,)
        Built pairs in each region.
    sum_w2 : ndarray, shape (R,)
        Sum of squared weights: what the variance would be if the pairs were independent, which they are not.
    upper_limit : ndarray, shape (R,)
        90% CL upper limit on the expectation of a region without a pair: 2.303 pairs of the largest weight.
        NaN where there are pairs.
    hists : mapping of str to hist.Hist
        The analysis' variables by region, with the variance of the U-statistic.
    systematics : tuple of Systematic
        Their relative effects by region.
    bursts : SingleBursts
        What the weights were made of.
    by_burst : ndarray, shape (bursts, R)
        Expected number in each region from each burst.
    built : int
        Pairs of the sample: of opposite charge, or like-sign ones.
    duty_factor : DutyFactor or None
        <R>^2/<R^2> inside the bursts; None where it cannot be measured.
    warnings : tuple of str
        What must be said wherever the numbers are shown.
    notes : tuple of str
        Sources of uncertainty that could not be measured, and why.
    bootstrap_error : ndarray or None, shape (R,)
        The statistical errors by the bootstrap, if that was asked for.
    undefined : float
        Expected number of selected pairs without finite (z_TAX, CDA_TAX).
    single_cutflow : Cutflow
        Of the single tracks.
    """

    regions: tuple[str, ...]
    expected: NDArray[np.float64]
    covariance: NDArray[np.float64]
    pairs: NDArray[np.int64]
    sum_w2: NDArray[np.float64]
    upper_limit: NDArray[np.float64]
    hists: Mapping[str, Histogram]
    systematics: tuple[Systematic, ...]
    bursts: SingleBursts
    by_burst: NDArray[np.float64]
    built: int
    duty_factor: DutyFactor | None
    warnings: tuple[str, ...]
    notes: tuple[str, ...]
    bootstrap_error: NDArray[np.float64] | None
    undefined: float
    single_cutflow: Cutflow

    @property
    def predicted(self) -> dict[str, Predicted]:
        """Expected number with its total error by region, innermost first; the upper limit where there is no pair."""
        rows = zip(self.regions, self.expected, self.total_error, self.upper_limit, strict=True)
        return {
            name: Predicted(float(b), float(e), None if np.isnan(limit) else float(limit))
            for name, b, e, limit in rows
        }

    @property
    def error(self) -> NDArray[np.float64]:
        """Statistical error of each region, shape (R,)."""
        return np.sqrt(np.maximum(np.diag(self.covariance), 0.0))

    @property
    def systematic_covariance(self) -> NDArray[np.float64]:
        """Covariance of all systematic sources, shape (R, R)."""
        total = np.zeros_like(self.covariance)
        for source in self.systematics:
            shift = self.expected * np.array([source.effect.get(name, 0.0) for name in self.regions])
            total += np.outer(shift, shift) if source.correlated else np.diag(shift**2)
        return total

    @property
    def total_error(self) -> NDArray[np.float64]:
        """Statistical and systematic error of each region in quadrature, shape (R,)."""
        return np.sqrt(self.error**2 + np.diag(self.systematic_covariance))

    def to_dict(self) -> dict[str, Any]:
        """Return the result as plain values, for JSON."""
        rows = zip(
            self.regions,
            self.expected,
            self.error,
            self.total_error,
            self.pairs,
            self.upper_limit,
            strict=True,
        )
        checked = {} if self.bootstrap_error is None else {"bootstrap_error": self.bootstrap_error.tolist()}
        return checked | {
            "regions": [
                {
                    "name": name,
                    "expected": float(expected),
                    "error": float(total),
                    "statistical_error": float(error),
                    "pairs": int(pairs),
                }
                | ({} if pairs else {"upper_limit_90": float(limit)})
                for name, expected, error, total, pairs, limit in rows
            ],
            "statistical_covariance": self.covariance.tolist(),
            "systematic_covariance": self.systematic_covariance.tolist(),
            "systematics": [
                {"name": s.name, "effect": dict(s.effect), "correlated": s.correlated, "source": s.source}
                for s in self.systematics
            ],
            "single_tracks": {"plus": int(self.bursts.plus.sum()), "minus": int(self.bursts.minus.sum())},
            "single_cutflow": self.single_cutflow.to_list(),
            "pairs": self.built,
            "undefined": self.undefined,
            "bursts": len(self.bursts),
            "duty_factor": asdict(self.duty_factor) if self.duty_factor else None,
            "warnings": list(self.warnings),
            "notes": list(self.notes),
            "accidental_survival": self.bursts.accidental_survival,
            "bdana_version": __version__,
        }


@dataclass(frozen=True)
class PairTask:
    """How pairs are built and judged.

    Attributes
    ----------
    cuts : sequence of Cut
        Cuts on the built pairs, in the order of the data's selection.
    par : Parameters
        Their parameters.
    search : Search
        Which pairs need not be built.
    window : float
        Full width W of the window of time differences, in ns.
    setup : Setup
    variables : mapping of str to Variable
    like_sign : bool
        Whether tracks of equal charge are paired, each two once, instead of those of opposite charge.
    bootstrap : int
        Number of replicas of the sample.
    sink : callable, optional
        Gets every batch of selected pairs.
    """

    cuts: Sequence[Cut]
    par: Parameters
    search: Search
    window: float
    setup: Setup
    variables: Mapping[str, Variable]
    like_sign: bool = False
    bootstrap: int = 0
    sink: PairSink | None = None

    def candidates(
        self, tracks: Tracks, first: NDArray[np.int64], second: NDArray[np.int64], weight: NDArray[np.float64]
    ) -> tuple[Candidates, NDArray[np.bool_]]:
        """Reconstruct pairs, apply the cuts, and return the candidates with the mask of the pairs they are."""
        pairs = Pairs.by_charge(tracks, first, second, LEPTON_MASS[self.par.lepton], self.setup.beam_line)
        left = np.ones(len(pairs), dtype=np.bool_)
        for cut in self.cuts:
            left[left] = cut(pairs.take(left), self.par)
        candidates = Candidates.of_pairs(pairs.take(left), self.setup.regions)
        # Two tracks of different events have no time difference: in the window every one is equally likely.
        return replace(candidates, dt=np.full(len(candidates), np.nan), weight=weight[left]), left


@dataclass(frozen=True)
class PairSample:
    """What all pairs of a sample add up to.

    Attributes
    ----------
    sums : PairSums
        By region, `undefined` last.
    hists : mapping of str to hist.Hist
        The variables by region, with the variance of the U-statistic.
    by_place : ndarray, shape (places, R)
        Sum of weights from each burst in each region, without `undefined`.
    built : int
        Number of pairs, those that were not built because they cannot pass included.
    replicas : ndarray, shape (replicas, regions)
        Sum of weights of each bootstrap replica, by region and `undefined`.
    """

    sums: PairSums
    hists: Mapping[str, Histogram]
    by_place: NDArray[np.float64]
    built: int
    replicas: NDArray[np.float64]

    def bootstrap_error(self, regions: int) -> NDArray[np.float64]:
        """Return the error of the first regions from the spread of the replicas.

        Each track counts Poisson(1) times in a replica, so the spread of sum h_ij m_i m_j is
        sum r^2 + sum c^2 + sum h^2: more than the variance by twice the last term, which is taken off again.
        """
        spread = self.replicas.var(axis=0, ddof=1) - 2.0 * self.sums.sum_w2
        error: NDArray[np.float64] = np.sqrt(np.maximum(spread, 0.0))[:regions]
        return error


def estimate_pairs(
    tracks: Tracks, places: NDArray[np.int64], weight: NDArray[np.float64], task: PairTask
) -> PairSample:
    """Pair tracks within each burst and add up what passes the cuts.

    Parameters
    ----------
    tracks : Tracks
        N single tracks.
    places : ndarray of int, shape (N,)
        The burst of each.
    weight : ndarray, shape (places,)
        Weight of a pair in each burst.
    task : PairTask
    """
    names = (*task.setup.regions.names, UNDEFINED)
    n = len(names)
    sums = PairSums(len(tracks), n)
    filling = {
        name: _HistogramSums(variable, names[:-1], len(tracks))
        for name, variable in task.variables.items()
        if name != "dt"
    }
    built, number = 0, {name: index for index, name in enumerate(names)}
    by_place = np.zeros((len(weight), n))
    times = _multiplicities(task.bootstrap, len(tracks))
    replicas = np.zeros((task.bootstrap, n))

    for batch in _batches(tracks, places, len(weight), task):
        candidates, left = task.candidates(tracks, batch.first, batch.second, weight[batch.place])
        built += batch.possible
        first, second = batch.first[left], batch.second[left]
        region = np.array([number[name] for name in candidates.region], dtype=np.int64)
        sums.fill(first, second, region, candidates.weight)
        cell = batch.place[left] * n + region
        by_place += np.bincount(cell, candidates.weight, minlength=by_place.size).reshape(by_place.shape)
        for histogram in filling.values():
            histogram.fill(first, second, region, candidates)
        for replica, time in enumerate(times):
            counted = candidates.weight * time[first] * time[second]
            replicas[replica] += np.bincount(region, counted, minlength=n)
        if task.sink:
            task.sink(candidates, tracks, first, second)
        if batch.whole:
            for filled in (sums, *(histogram.sums for histogram in filling.values())):
                filled.close()
    hists = {name: histogram.result() for name, histogram in filling.items()}
    if "dt" in task.variables:
        hists["dt"] = _flat_in_time(task.variables["dt"], names[:-1], sums, task.window)
    return PairSample(sums, hists, by_place[:, :-1], built, replicas)


def _multiplicities(replicas: int, tracks: int) -> NDArray[np.uint8]:
    """Draw how often each track is in each replica, shape (replicas, tracks), a byte each."""
    rng = np.random.default_rng(BOOTSTRAP_SEED)
    times = np.empty((replicas, tracks), dtype=np.uint8)
    for row in times:
        row[:] = rng.poisson(1.0, tracks)
    return times


@dataclass(frozen=True)
class Batch:
    """Pairs worth building.

    Attributes
    ----------
    first, second, place : ndarray of int, shape (K,)
        Place of both tracks and of their burst.
    possible : int
        How many pairs these were chosen from.
    whole : bool
        Whether the batch ends with the last pair of a burst.
    """

    first: NDArray[np.int64]
    second: NDArray[np.int64]
    place: NDArray[np.int64]
    possible: int
    whole: bool


def _batches(tracks: Tracks, places: NDArray[np.int64], bursts: int, task: PairTask) -> Iterator[Batch]:
    order = np.argsort(places, kind="stable")
    ends = np.searchsorted(places[order], np.arange(bursts + 1))
    charge, line, search = tracks.charge, tracks.before, task.search
    empty = np.empty(0, dtype=np.int64)
    waiting: list[Three] = []
    size = possible = 0
    for burst in np.flatnonzero(np.diff(ends) > 1):
        own = order[ends[burst] : ends[burst + 1]]
        plus, minus = own[charge[own] > 0], own[charge[own] < 0]
        for one, other in ((plus, plus), (minus, minus)) if task.like_sign else ((plus, minus),):
            partners = None if task.like_sign else line.take(other)
            i, j = close_pairs(line.take(one), partners, search.max_cda, search.z_min, search.z_max)
            possible += len(one) * (len(one) - 1) // 2 if task.like_sign else len(one) * len(other)
            for start in range(0, len(i), BATCH):
                part = slice(start, start + BATCH)
                waiting.append((one[i[part]], other[j[part]], np.full(len(i[part]), burst)))
                size += len(i[part])
                if size >= 2 * BATCH:
                    yield Batch(*_join(waiting), possible, whole=False)
                    waiting, size, possible = [], 0, 0
        if size >= BATCH:
            yield Batch(*_join(waiting), possible, whole=True)
            waiting, size, possible = [], 0, 0
    yield Batch(*_join([(empty, empty, empty), *waiting]), possible, whole=True)


def _join(parts: Sequence[Three]) -> Three:
    first, second, burst = (np.concatenate(column) for column in zip(*parts, strict=True))
    return first, second, burst


class _HistogramSums:
    """The sums of one variable by region, flow bins included."""

    def __init__(self, variable: Variable, regions: Sequence[str], tracks: int) -> None:
        self.variable, self.made = variable, variable.histogram(regions)
        self.sums = PairSums(tracks, len(regions) * (variable.bins + 2), covariance=False)

    def fill(
        self,
        first: NDArray[np.int64],
        second: NDArray[np.int64],
        region: NDArray[np.int64],
        candidates: Candidates,
    ) -> None:
        known = region < len(self.made.axes[0])
        value = getattr(candidates, self.variable.name)[known] / self.variable.scale
        inside = np.asarray(self.made.axes[1].index(value)) + 1  # the underflow comes first
        bins = region[known] * (self.variable.bins + 2) + inside
        self.sums.fill(first[known], second[known], bins, candidates.weight[known])

    def result(self) -> Histogram:
        view: Any = self.made.view(flow=True)
        view["value"] = self.sums.total.reshape(view.shape)
        view["variance"] = self.sums.variance().reshape(view.shape)
        return self.made


def _flat_in_time(variable: Variable, regions: Sequence[str], sums: PairSums, window: float) -> Histogram:
    """Spread each region evenly over the time window; bins of one region then vary together."""
    made = variable.histogram(regions)
    edges = np.clip(made.axes[1].edges * variable.scale, -0.5 * window, 0.5 * window)
    share = np.diff(edges) / window
    n = len(regions)
    view: Any = made.view()
    view["value"] = np.outer(sums.total[:n], share)
    view["variance"] = np.outer(sums.variance()[:n], share**2)
    return made

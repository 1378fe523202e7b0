"""Pairs of the single tracks of a bunch of bursts: put through the cuts of the data, weighted, and added up."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from bdana.engine import SerialExecutor
from bdana.engine.accounting import accounted
from bdana.engine.checkpoint_folder import what_is_closed
from bdana.engine.kept_sums import KeptSum
from bdana.engine.ordered_sum import OrderedSum
from bdana.pairing.estimate.pair_estimate import PairSample
from bdana.pairing.estimate.paired_clusters import paired_singles
from bdana.pairing.estimate.pooled_weights import PoolSums, weight_classes
from bdana.pairing.estimate.region_parts import RegionParts, RegionSums
from bdana.pairing.estimate.shape_test import ClassSums
from bdana.pairing.estimate.u_statistic import HistogramSums, PairSums, flat_in_time
from bdana.selection.histograms import empty_plane, fill_plane

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from bdana.pairing.estimate.groups import Grouped
    from bdana.pairing.estimate.in_spill import SpillClock
    from bdana.pairing.estimate.pair_cuts import PairedSingles, PairTask, SelectedPairs
    from bdana.pairing.estimate.pooled_weights import PooledWeights
    from bdana.pairing.estimate.singles import Bunch, SingleSample
    from bdana.selection import Histogram

__all__ = ["PairParts", "PairedBunch", "estimate_pairs"]

BOOTSTRAP_SEED = 1
FEW_BUNCHES = 40
"""Bunches of 20 000 tracks, or of one burst, below which they are paired here: other processes take 0.5 s to load what is
compiled, and a bunch 0.05 s."""


@dataclass(frozen=True)
class PairedBunch:
    """Function that pairs the tracks of a bunch within each burst and adds up what passes the cuts.

    Attributes
    ----------
    pooled : PooledWeights
        Weight of a pair.
    grouped : Grouped
        Which bursts are paired together.
    task : PairTask
    clock : SpillClock or None
        For times inside the bursts; needed where pairs are weighted by them.
    every : PooledWeights or None
        Weight of a pair of all tracks, vetoed ones included, if those are to be added up too.
    """

    pooled: PooledWeights
    grouped: Grouped
    task: PairTask
    clock: SpillClock | None
    every: PooledWeights | None = None

    @property
    def settings(self) -> tuple[Any, ...] | None:
        """What the sums depend on beside the tracks, as `fingerprint` takes it; None where that is not known."""
        task, pairs, options = self.task, self.task.pairs, self.task.options
        if pairs.origin is None or options.sink is not None:
            return None
        part = pairs.part and (what_is_closed(pairs.part.gate), pairs.part.opened)
        return (
            (pairs.origin[0].hash, pairs.origin[1]),
            ([cut.name for cut in task.cuts], task.bounds, task.window),
            (options.like_sign, options.bootstrap),
            (sorted(pairs.variables), part),
            (self.pooled, self.grouped, self.clock, self.every),
        )

    def __call__(self, bunch: Bunch) -> PairParts:
        """Return the sums over the pairs of a bunch, the same bit for bit for any number of threads.

        Parameters
        ----------
        bunch : Bunch
            With its vetoed tracks.
        """
        since = None
        if self.pooled.times and self.clock:
            timestamp = np.asarray(bunch.of_events("timestamp"), dtype=np.float64)
            since = self.clock.since(timestamp, bunch.before)
        if self.every is None:
            since = None if since is None else since[bunch.passed]
            bunch = bunch.selected()
        places, passed = self.grouped.of(bunch.places), bunch.passed
        single = np.asarray(bunch.of_events("weight"), dtype=np.float64)
        paired = paired_singles(bunch.tracks, places, self.task)
        pooled = self.pooled.of_tracks(places, single, since, passed)
        every = self.every.of_tracks(places, single) if self.every else None
        times = _multiplicities(self.task.options.bootstrap, len(bunch), bunch.before)
        parts = self._nothing(places, pooled)
        for judged in paired.judged():
            if parts.every and every:
                weight, product, _ = paired.weights(judged, every)
                pair, track, counted = judged.sights
                shared = every.shared(track, judged.burst[pair], product[pair])
                parts.every.fill(track, judged.region[pair], weight[pair], counted, shared)
            own = judged if self.every is None else judged.take(passed[judged.plus] & passed[judged.minus])
            pairs = paired.selected(own, pooled)
            self._fill(parts, pairs, paired, pooled)
            if parts.plane is not None:
                found, once = pairs.candidates, pairs.once
                fill_plane(parts.plane, found.take(once), paired.regions)
            if len(times) or self.task.options.sink:
                once = pairs.once
                first, second, weight = pairs.plus[once], pairs.minus[once], pairs.candidates.weight[once]
                for replica, time in enumerate(times):
                    drawn = np.bincount(pairs.region[once], weight * time[first] * time[second])
                    parts.replicas[replica, : len(drawn)] += drawn
                if self.task.options.sink:
                    self.task.options.sink(pairs.candidates.take(once), bunch.tracks, first, second)
        for replica, time in enumerate(times):
            again = PoolSums(pooled.by_group, pooled.times)
            again.add(places, single * time * passed, since)
            parts.drawn[replica] = float(pooled.by_group @ again.pairs), *again.seen
        return replace(parts, built=paired.possible(passed))

    def nothing(self) -> PairParts:
        """Return sums over no pair, to which nothing of any bunch was added."""
        return self._nothing(np.empty(0, dtype=np.int64), self.pooled)

    def _nothing(self, places: NDArray[np.int64], pooled: PooledWeights) -> PairParts:
        """Return sums over no pair of a bunch."""
        plane, task = self.task.pairs.selection.regions(self.task.pairs.setup), self.task
        summed, regions, n = pooled.without_groups, plane.names, len(plane.names) + 1
        classes = pooled.classes(n)
        several = pooled.times is None and weight_classes(pooled.by_group).max(initial=0) > 0
        envelopes = task.pairs.part.counted(regions).shape[1] if task.pairs.part else 1
        setup = task.pairs.setup
        dump = setup.detector.dump.name if setup.detector.dump else "dump"
        return PairParts(
            sums=PairSums(n, summed, classes),
            apart=PairSums(envelopes * (n - 1), summed, np.repeat(classes[:-1], envelopes)),
            hists={
                name: HistogramSums(variable, regions, summed, classes)
                for name, variable in task.pairs.variables.items()
                if not variable.needs_time
            },
            built=0,
            replicas=np.zeros((task.options.bootstrap, n)),
            drawn=np.zeros((task.options.bootstrap, 1 + len(pooled.weight))),
            by_class=ClassSums(pooled, places, n) if several else None,
            every=PairSums(n, self.every.without_groups) if self.every else None,
            plane=empty_plane(plane, dump) if task.pairs.variables else None,
        )

    def _fill(
        self, parts: PairParts, pairs: SelectedPairs, paired: PairedSingles, pooled: PooledWeights
    ) -> None:
        """Add selected pairs to the sums."""
        regions, weight, part = paired.names[:-1], pairs.candidates.weight, self.task.pairs.part
        of_sight = pairs.region[pairs.pair], weight[pairs.pair]
        parts.sums.fill(pairs.track, *of_sight, pairs.counted, pairs.shared)
        shown = pairs
        if part:
            counted = part.counted(regions)
            known = pairs.seen(pairs.region < len(regions))
            place = (pairs.region * counted.shape[1] + pairs.envelope)[known.pair]
            parts.apart.fill(known.track, place, weight[known.pair], known.counted, known.shared)
            shown = known.seen(counted[np.minimum(pairs.region, len(regions) - 1), pairs.envelope])
        for histogram in parts.hists.values():
            values = paired.values(histogram.variable, shown)
            histogram.fill(
                shown.track, shown.region, values, weight, shown.counted, shown.shared, pair=shown.pair
            )
        if parts.by_class:
            product = of_sight[1] / pooled.weight[0]
            place = paired.places[pairs.track]
            parts.by_class.fill(pairs.track, place, of_sight[0], product, pairs.counted)


@dataclass(frozen=True)
class PairParts:
    """Sums over the pairs of some bursts, which are added to those of others.

    Attributes
    ----------
    sums : PairSums
        By region, `undefined` last.
    apart : PairSums
        By region and closed envelope.
    hists : mapping of str to HistogramSums
    built : int
        Number of pairs, those that were not built because they cannot pass included.
    replicas : ndarray, shape (replicas, regions)
        Sum of weights of each bootstrap replica, by region and `undefined`.
    drawn : ndarray, shape (replicas, 1 + C)
        What the tracks of each replica stand for, and the sum over all their pairs in each class of weights.
    by_class : ClassSums or None
        By class of weights; None where there is only one.
    every : PairSums or None
        By region, of all tracks, vetoed ones included; None where that was not asked for.
    plane : hist.Hist or None
        Sum of weights in the plane.
    """

    sums: PairSums
    apart: PairSums
    hists: Mapping[str, HistogramSums]
    built: int
    replicas: NDArray[np.float64]
    drawn: NDArray[np.float64]
    by_class: ClassSums | None
    every: PairSums | None
    plane: Histogram | None

    def __add__(self, other: PairParts) -> PairParts:
        """Return the sums over the pairs of both."""
        return PairParts(
            self.sums + other.sums,
            self.apart + other.apart,
            {name: made + other.hists[name] for name, made in self.hists.items()},
            self.built + other.built,
            self.replicas + other.replicas,
            self.drawn + other.drawn,
            self.by_class + other.by_class if self.by_class and other.by_class else None,
            self.every + other.every if self.every and other.every else None,
            self.plane + other.plane if self.plane is not None and other.plane is not None else None,
        )

    def packed(self) -> dict[str, NDArray[Any]]:
        """Return its content as arrays of numbers, for a checkpoint."""
        return self._arrays() | {"built": np.array(self.built)}

    def unpacked(self, kept: Mapping[str, NDArray[Any]]) -> PairParts:
        """Return sums that were packed; these are others over the same work.

        Parameters
        ----------
        kept : mapping of str to ndarray

        Raises
        ------
        KeyError, ValueError
            When something is missing, or of another shape.
        """
        again = self + self
        for name, array in again._arrays().items():
            if kept[name].shape != array.shape or kept[name].dtype != array.dtype:
                raise ValueError(name)
            array[...] = kept[name]
        return replace(again, built=int(kept["built"]))

    def _arrays(self) -> dict[str, NDArray[Any]]:
        """Return the arrays of everything that was added up, by name."""
        sums = {"sums": self.sums, "apart": self.apart, "by_class": self.by_class, "every": self.every}
        sums |= {f"hists.{name}": histogram.sums for name, histogram in self.hists.items()}
        found = {f"{of}.{name}": a for of, one in sums.items() if one for name, a in one.arrays.items()}
        plane = {} if self.plane is None else {"plane": self.plane.view(flow=True)}
        return found | {"replicas": self.replicas, "drawn": self.drawn} | plane

    def sample(self, pooled: PooledWeights, task: PairTask) -> PairSample:
        """Return the results, where these are the sums over all pairs of a sample.

        Parameters
        ----------
        pooled : PooledWeights
        task : PairTask
        """
        regions = task.pairs.setup.regions.names
        results = {name: histogram.result() for name, histogram in self.hists.items()}
        whole, part = RegionSums.of(self.sums, len(regions)), task.pairs.part
        parts = RegionParts(whole, RegionSums.of(self.apart, len(self.apart.total))) if part else None
        if "dt" in task.pairs.variables:
            own = parts.counted(part.counted(regions)) if parts and part else whole
            results["dt"] = flat_in_time(
                task.pairs.variables["dt"], regions, own.total, own.covariance, task.window
            )
        # S / N is that of each replica.
        total, seen = self.drawn[:, :1], self.drawn[:, 1:]
        again = np.where(seen > 0, total / np.where(seen > 0, seen, 1.0), pooled.by_group.max(initial=0.0))
        replicas = self.replicas * (again / pooled.weight)[:, pooled.classes(len(regions) + 1)]
        hists = {name: made for name, (made, _) in results.items()}
        covariances = {name: covariance for name, (_, covariance) in results.items()}
        shapes = self.by_class.test() if self.by_class else None
        return PairSample(
            self.sums, parts, hists, covariances, self.built, replicas, shapes, self.every, self.plane
        )


def estimate_pairs(sample: SingleSample, work: PairedBunch) -> PairSample:
    """Pair tracks within each burst and add up what passes the cuts, bunch by bunch, where the options of the task say.

    Parameters
    ----------
    sample : SingleSample
        Single tracks; the weights of their events multiply that of a pair.
    work : PairedBunch
        What is done with each bunch of them.
    """
    kept, settings = None, work.settings
    if sample.checkpoints and settings:
        kept = KeptSum(sample.checkpoints, work.nothing(), settings)
    total = kept.begun() if kept else OrderedSum[PairParts]()
    every, options = sample.bunches(work.grouped.together), work.task.options
    left, executor = every.after(total.parts), options.executor
    if executor is None or options.sink or len(left) < FEW_BUNCHES:
        executor = SerialExecutor()
    with accounted("pairs of single tracks") as come_to:
        for parts in executor.map(work, left):
            total.add(parts)
            come_to(total.parts, len(every))
            if kept:
                kept.keep(total)
    return total.result().sample(work.pooled, work.task)


def _multiplicities(replicas: int, tracks: int, before: int) -> NDArray[np.uint8]:
    """Draw how often each track is in each replica, shape (replicas, tracks), a byte each."""
    rng = np.random.default_rng((BOOTSTRAP_SEED, before))
    times = np.empty((replicas, tracks), dtype=np.uint8)
    for row in times:
        row[:] = rng.poisson(1.0, tracks)
    return times

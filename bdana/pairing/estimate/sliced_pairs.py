"""Slices of the burst in which the tracks of each region are paired, chosen from the data."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from bdana.pairing.estimate.paired_bunch import PairedBunch, estimate_pairs
from bdana.pairing.estimate.pooled_weights import PoolSums
from bdana.pairing.estimate.slices import SHAPE, choose_slices
from bdana.pairing.estimate.time_weights import TimedTracks
from bdana.statistics import Systematic

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from bdana.pairing.estimate.groups import Grouped
    from bdana.pairing.estimate.in_spill import SpillClock
    from bdana.pairing.estimate.pair_cuts import PairTask
    from bdana.pairing.estimate.pair_estimate import PairSample
    from bdana.pairing.estimate.pooled_weights import PooledWeights
    from bdana.pairing.estimate.singles import SingleSample
    from bdana.pairing.estimate.systematics import InSpill

__all__ = ["Sliced", "bare", "pooled_weights"]


@dataclass(frozen=True)
class Sliced:
    """Weights of pairs with the slices of the burst in which each region is paired.

    Attributes
    ----------
    pooled : PooledWeights
    missed : ndarray or None
        Relative excess of pairs inside the bursts that the slices of each region do not see.
    whole : tuple of PairSample and float, or None
        Pairs of whole bursts, and what all pairs of tracks add up to; None where `pooled` has no slices, and its pairs
        are these.
    """

    pooled: PooledWeights
    missed: NDArray[np.float64] | None = None
    whole: tuple[PairSample, float] | None = None

    @classmethod
    def of(
        cls,
        sample: SingleSample,
        grouped: Grouped,
        task: PairTask,
        in_spill: InSpill | str,
        every: PooledWeights | None = None,
    ) -> Sliced:
        """Choose slices for the regions, where the times of the tracks show structure.

        Parameters
        ----------
        sample : SingleSample
        grouped : Grouped
        task : PairTask
        in_spill : InSpill or str
        every : PooledWeights, optional
            As of `PairedBunch`, which then has it for pairs of whole bursts.
        """
        pooled = pooled_weights(sample, grouped)
        if isinstance(in_spill, str) or grouped.mixed or in_spill.flat:
            return cls(pooled)
        whole = estimate_pairs(sample, PairedBunch(pooled, grouped, bare(task), in_spill.clock, every))
        total = pooled.total
        weights, of_region, missed = choose_slices(in_spill.slices, whole.sums)
        if len(weights) > 1:
            times = TimedTracks(np.empty(0), weights, of_region)
            pooled = pooled_weights(sample, grouped, times, in_spill.clock)
        return cls(pooled, missed[:-1], (whole, total))

    def systematics(self, regions: Sequence[str]) -> tuple[Systematic, ...]:
        """Return what structure inside the bursts may still do to single regions.

        Parameters
        ----------
        regions : sequence of str
        """
        if self.missed is None:
            return ()
        said = (
            f"tracks that change with the rate inside the bursts: a region may have {SHAPE:.0%} more or less, assumed, of the "
            "pairs that its slices do not see"
        )
        effects = {name: SHAPE * float(missed) for name, missed in zip(regions, self.missed, strict=True)}
        return (Systematic("in_spill_shape", effects, correlated=False, source=said),)


def bare(task: PairTask) -> PairTask:
    """Return the task without histograms, parts of regions, bootstrap and sink.

    Parameters
    ----------
    task : PairTask
    """
    return replace(
        task,
        pairs=replace(task.pairs, variables={}, part=None),
        options=replace(task.options, bootstrap=0, sink=None),
    )


def pooled_weights(
    sample: SingleSample,
    grouped: Grouped,
    times: TimedTracks | None = None,
    clock: SpillClock | None = None,
    *,
    every: bool = False,
) -> PooledWeights:
    """Return the weights of the pairs of single tracks, with those of their events.

    Parameters
    ----------
    sample : SingleSample
    grouped : Grouped
    times : TimedTracks, optional
        How the weight of a pair depends on its time difference.
    clock : SpillClock
        What those times are; needed with `times`.
    every : bool
        Whether tracks that were vetoed are paired too.
    """
    sums, before = PoolSums(grouped.weight, times), 0
    for rows in sample.columns_of_events("weight", *(["timestamp"] if times else [])):
        own = np.ones(len(rows.place), dtype=np.bool_) if every else rows.passed
        since = None
        if times and clock:
            timestamp = np.asarray(rows.columns["timestamp"], dtype=np.float64)
            since = clock.since(timestamp, before)[own]
        single = np.asarray(rows.columns["weight"], dtype=np.float64)
        sums.add(grouped.of(rows.place[own]), single[own], since)
        before += len(rows.place)
    return sums.pooled()

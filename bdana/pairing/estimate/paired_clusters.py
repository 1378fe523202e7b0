"""Pairs of single clusters: all of a burst, each two once, put through the cuts of a selection of clusters."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import numpy as np

from bdana.pairing.estimate.built_clusters import BuiltClusterPairs
from bdana.pairing.estimate.pair_cuts import BATCH, FoundPairs, JudgedPairs, PairedSingles, PairedTracks
from bdana.pairing.geometry.kernel import find_regions
from bdana.reconstruction import Clusters
from bdana.selection import Candidates

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from bdana.pairing.estimate.pair_cuts import PairTask
    from bdana.reconstruction import ClusterPairs, Tracks

__all__ = ["PairedClusters", "paired_singles"]


class PairedClusters(PairedSingles):
    """The clusters of a sample, paired within each burst.

    Parameters
    ----------
    clusters : Clusters
    places, task
        As for `PairedSingles`.
    """

    def __init__(self, clusters: Clusters, places: NDArray[np.int64], task: PairTask) -> None:
        super().__init__(clusters, places, task)
        self.clusters = clusters

    def possible(self, among: NDArray[np.bool_]) -> int:
        """Return the number of pairs.

        Parameters
        ----------
        among : ndarray of bool, shape (N,)
            Clusters that are paired.
        """
        number = np.unique(self.places[among], return_counts=True)[1]
        return int((number * (number - 1) // 2).sum())

    def _found(self) -> Iterator[FoundPairs]:
        order = np.argsort(self.places, kind="stable")
        bursts, first = np.unique(self.places[order], return_index=True)
        for burst, own in zip(bursts.tolist(), np.split(order, first[1:]), strict=True):
            number = len(own)
            if number * (number - 1) // 2 <= BATCH:
                one, other = np.triu_indices(number, 1)
                yield _pairs(own[one], own[other], burst, once=True)
                continue
            rows = max(1, BATCH // number)
            for begin in range(0, number, rows):
                here = np.arange(begin, min(begin + rows, number))
                one, other = np.repeat(here, number), np.tile(np.arange(number), len(here))
                two = one != other
                yield _pairs(own[one[two]], own[other[two]], burst, once=False)

    def _judged(self, waiting: Sequence[FoundPairs]) -> JudgedPairs:
        seen, partner, burst, _, once = FoundPairs.joined(waiting, 0)
        task = self.task.pairs
        # Both sights of a pair have the same cluster as the first, if their energies are equal too.
        one, other = np.minimum(seen, partner), np.maximum(seen, partner)
        energy = self.clusters.energy
        swap = energy[other] > energy[one]
        built = task.selection.pair_clusters(
            self.clusters, one, other, task.cuts, task.setup, BuiltClusterPairs
        )
        pairs, left = self.task.judge(built)
        region = np.empty(len(pairs), dtype=np.int64)
        find_regions(pairs.mass, pairs.centre_distance, len(pairs), self.boxes, region)
        first, second = np.where(swap, other, one)[left], np.where(swap, one, other)[left]
        return JudgedPairs(pairs, first, second, region, burst[left], None if once else seen[left])

    def _candidates(self, judged: JudgedPairs, weight: NDArray[np.float64]) -> Candidates:
        pairs, nothing = cast("ClusterPairs", judged.pairs), np.full(len(weight), np.nan)
        return Candidates(
            **{name: self.of_event[name][judged.plus] for name in ("run", "burst", "event")},
            z_vertex=pairs.z_vertex,
            cda_fv=nothing,
            z_tax=nothing,
            cda_tax=pairs.centre_distance,
            mass=pairs.mass,
            # Two clusters of different events have no time difference: in the window every one is equally likely.
            dt=nothing,
            p_plus=pairs.first.energy,
            p_minus=pairs.second.energy,
            region=np.array(self.names)[judged.region],
            weight=weight,
        )


def paired_singles(
    singles: Tracks | Clusters, places: NDArray[np.int64], task: PairTask
) -> PairedTracks | PairedClusters:
    """Pair tracks or clusters, whichever they are.

    Parameters
    ----------
    singles : Tracks or Clusters
    places, task
        As for `PairedSingles`.
    """
    if isinstance(singles, Clusters):
        return PairedClusters(singles, places, task)
    return PairedTracks(singles, places, task)


def _pairs(one: NDArray[np.int64], other: NDArray[np.int64], burst: int, *, once: bool) -> FoundPairs:
    return FoundPairs(one, other, np.full(len(one), burst), np.empty((0, len(one))), once)

"""Weights of pairs where bursts differ in downscale: each burst counts with its own tracks, the shape is that of all."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from bdana.pairing.estimate.time_weights import EVERY_PAIR

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from bdana.pairing.estimate.time_weights import TimedTracks

__all__ = ["PoolSums", "PooledWeights", "expected_triples", "weight_classes"]

QUANTILE_90 = 1.2815515655446004
"""90% quantile of the normal distribution."""


@dataclass(frozen=True)
class PooledWeights:
    """One weight for every pair of tracks, and what each group of tracks stands for.

    A group k (a burst) of n tracks stands for w_k n (n - 1) / 2 pairs, of which the share p_r is of the charges that are
    paired and in region r. Where w_k differs by orders of magnitude, a group of few tracks and large weight has mostly no
    selected pair, which is no measurement of zero. So p_r is measured with the pairs of all groups, each counted alike:
    with S the sum over all pairs of tracks of w_k and N their number, every selected pair weighs S / N. That is without
    bias if the tracks of all groups have one distribution, charge included, and is w_k itself if all w_k are equal.

    Tracks close in time may count more than others, by a weight k of their time difference that belongs to a class of
    regions. Then N is the sum of k over all pairs of tracks, and a selected pair weighs k S / N.

    Attributes
    ----------
    weight : ndarray, shape (C,)
        S / N of each class: weight of a pair, apart from k and the weights of the events of its tracks.
    largest : ndarray, shape (C,)
        Largest weight that a pair has, those of its tracks' events included and S at its 90% upper end: what an upper
        limit counts in.
    total : float
        S.
    by_group : ndarray, shape (groups,)
        w_k.
    stands_for : ndarray, shape (groups,)
        S of each group.
    partners : ndarray, shape (N,)
        Weight of all pairs that a track is in, from those of the events alone. This and `reach` are those of the tracks
        given to `of_tracks`.
    reach : ndarray, shape (N, C)
        (w_k - k S / N) times the weight of all pairs that a track is in.
    variance : ndarray, shape (C, C)
        Of S beyond that of pairs of equal weight: sum over tracks of reach^2 - sum over pairs of the difference^2, with
        the numbers of tracks of `expected_triples`. For weights by time difference the sum over pairs, a share of the
        variance as small as that of selected pairs, is left out.
    times : TimedTracks or None
        None where all pairs of a burst count alike.
    common_variance : float
        Relative variance of factors that all pairs share.
    """

    weight: NDArray[np.float64]
    largest: NDArray[np.float64]
    total: float
    by_group: NDArray[np.float64]
    stands_for: NDArray[np.float64]
    partners: NDArray[np.float64]
    reach: NDArray[np.float64]
    variance: NDArray[np.float64]
    times: TimedTracks | None = None
    common_variance: float = 0.0

    @classmethod
    def of(
        cls,
        places: NDArray[np.int64],
        single: NDArray[np.float64],
        weight: NDArray[np.float64],
        *,
        times: TimedTracks | None = None,
    ) -> PooledWeights:
        """Pool the weights of groups, with what belongs to each track.

        Parameters
        ----------
        places : ndarray of int, shape (N,)
            Group of each track.
        single : ndarray, shape (N,)
            Weight of each track's event.
        weight : ndarray, shape (groups,)
            Weight w_k of a pair in each group.
        times : TimedTracks, optional
            Weights by time difference, the first of which counts every pair alike; by default there are none.
        """
        sums = PoolSums(weight, times)
        sums.add(places, single, times.since if times else None)
        return sums.pooled().of_tracks(places, single, times.since if times else None)

    def of_tracks(
        self,
        places: NDArray[np.int64],
        single: NDArray[np.float64],
        since: NDArray[np.float64] | None = None,
        paired: NDArray[np.bool_] | None = None,
    ) -> PooledWeights:
        """Return the same weights with what belongs to each of some tracks.

        Parameters
        ----------
        places : ndarray of int, shape (N,)
            Group of each track; there are all tracks of these groups.
        single : ndarray, shape (N,)
            Weight of each track's event.
        since : ndarray, shape (N,), optional
            Time of each since the start of its burst, where pairs are weighted by their time difference.
        paired : ndarray of bool, shape (N,), optional
            Which of them are paired; all if not given.
        """
        times = replace(self.times, since=since) if self.times and since is not None else self.times
        # A track that counts 0 is nobody's partner.
        near = _near(places, single if paired is None else np.where(paired, single, 0.0), times)
        used = self.by_group[places] > 0
        reach = np.where(used, self.by_group[places] * near[0] - self.weight[:, None] * near, 0.0).T
        return replace(self, partners=near[0], reach=reach, times=times)

    def classes(self, regions: int) -> NDArray[np.int64]:
        """Return the class of each of the first regions, shape (regions,).

        Parameters
        ----------
        regions : int
        """
        return self.times.of_region[:regions] if self.times else np.zeros(regions, dtype=np.int64)

    def slices(self, regions: int) -> tuple[str, ...]:
        """Say how close in time the tracks of a pair are in each of the first regions.

        Parameters
        ----------
        regions : int
        """
        weights = self.times.weights if self.times else (EVERY_PAIR,)
        return tuple(str(weights[one]) for one in self.classes(regions))

    def by_time(self, first: NDArray[np.int64], second: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return the weight k of pairs in every class, shape (K, C).

        Parameters
        ----------
        first, second : ndarray of int, shape (K,)
            Places of the tracks of each pair.
        """
        if self.times is None:
            return np.ones((len(first), 1))
        times = self.times.since[first], self.times.since[second]
        return np.stack([one(*times) for one in self.times.weights], axis=1)

    def shared(
        self,
        track: NDArray[np.int64],
        place: NDArray[np.int64],
        product: NDArray[np.float64],
        by_time: NDArray[np.float64] | None = None,
    ) -> NDArray[np.float64]:
        """Return what the covariance of pooled pairs adds up: the reach of the track, less half of the pair itself.

        Parameters
        ----------
        track : ndarray of int, shape (K,)
            The track that each pair is seen from; each pair comes once from either.
        place : ndarray of int, shape (K,)
            Their group.
        product : ndarray, shape (K,)
            Product of the weights of both tracks' events.
        by_time : ndarray, shape (K, C), optional
            Weight k of each pair in every class; 1 in the only one if not given.

        Returns
        -------
        ndarray, shape (K, C)
        """
        if by_time is None:
            difference = self.by_group[place] - self.weight[0]
            return (self.reach[track, 0] - 0.5 * difference * product)[:, None]
        differences = self.by_group[place][:, None] - self.weight * by_time
        shared: NDArray[np.float64] = self.reach[track] - 0.5 * differences * product[:, None]
        return shared

    @property
    def without_groups(self) -> PooledWeights:
        """The same without what each group or track has of its own: all that sums over pairs need."""
        none = np.empty(0)
        times = replace(self.times, since=none) if self.times else None
        return replace(
            self,
            by_group=none,
            stands_for=none,
            partners=none,
            reach=none.reshape(0, len(self.weight)),
            times=times,
        )

    def scaled(self, factor: float, relative_variance: float) -> PooledWeights:
        """Return the weights times a factor that is known with a relative variance.

        Parameters
        ----------
        factor, relative_variance : float
        """
        return replace(
            self,
            weight=factor * self.weight,
            largest=factor * self.largest,
            total=factor * self.total,
            by_group=factor * self.by_group,
            stands_for=factor * self.stands_for,
            reach=factor * self.reach,
            variance=factor**2 * self.variance,
            common_variance=self.common_variance + relative_variance,
        )


class PoolSums:
    """Sums over all tracks from which weights are pooled; tracks are added bunch by bunch.

    Parameters
    ----------
    weight : ndarray, shape (groups,)
        Weight w_k of a pair in each group.
    times : TimedTracks, optional
        Weights by time difference.
    """

    def __init__(self, weight: NDArray[np.float64], times: TimedTracks | None = None) -> None:
        self.weight, self.times = weight, times
        classes = len(times.weights) if times else 1
        self.pairs = np.zeros(len(weight))
        """Weight of the pairs of tracks of each group, from those of the events alone, shape (groups,)."""
        self.seen = np.zeros(classes)
        """Sum over all pairs of event weights and k, shape (C,)."""
        self._products = np.zeros(len(weight))
        self._tracks = np.zeros(len(weight), dtype=np.int64)
        self._heaviest = 0.0
        # Sums over the tracks of each group of p n_c, with p the weight of all pairs of a track and n_c that of a class.
        self._partners_near = np.zeros((len(weight), classes))
        self._near2 = np.zeros((classes, classes))

    def add(
        self, places: NDArray[np.int64], single: NDArray[np.float64], since: NDArray[np.float64] | None = None
    ) -> None:
        """Add all tracks of some groups.

        Parameters
        ----------
        places : ndarray of int, shape (N,)
            Group of each track.
        single : ndarray, shape (N,)
            Weight of each track's event.
        since : ndarray, shape (N,), optional
            Time of each since the start of its burst, where pairs are weighted by their time difference.
        """
        if not len(places):
            return
        first = int(places.min())
        at, own = places - first, slice(first, int(places.max()) + 1)
        sums, squares, fourth = (np.bincount(at, single**power).astype(np.float64) for power in (1, 2, 4))
        self.pairs[own] += 0.5 * (sums**2 - squares)
        self._products[own] += 0.5 * (
            squares**2 - fourth
        )  # sum over pairs of the squared product of both weights
        self._tracks[own] += np.bincount(at)
        self._heaviest = max(self._heaviest, float(single.max()))
        times = replace(self.times, since=since) if self.times and since is not None else None
        near = _near(places, single, times)
        self.seen += 0.5 * near.sum(axis=1)
        near = np.where(self.weight[places] > 0, near, 0.0)
        for one, values in enumerate(near):
            self._partners_near[own, one] += np.bincount(at, near[0] * values)
        self._near2 += np.einsum(
            "an,bn->ab", near, near
        )  # for so few rows faster than BLAS, which starts threads

    def pooled(self) -> PooledWeights:
        """Return the weights of all pairs."""
        weight, classes = self.weight, len(self.seen)
        total, known = float(weight @ self.pairs), self.seen > 0
        common = np.where(known, total / np.where(known, self.seen, 1.0), float(weight.max()))
        # Sum over tracks of reach_a reach_b, with reach_a = w p - c_a n_a, and n_0 = p.
        partners2, mixed = self._partners_near[:, 0], self._partners_near
        difference = np.where(weight > 0, weight - common[0], 0.0)
        variance = (weight**2 @ partners2) + np.outer(common, common) * self._near2
        variance -= np.add.outer(common * (weight @ mixed), common * (weight @ mixed))
        variance[0] = difference @ (weight[:, None] * partners2[:, None] - common * mixed)
        variance[:, 0] = variance[0]
        own = partners2 - self._products
        variance[0, 0] = difference**2 @ own
        # The few tracks of groups of large weight that make S are those that its error is known from: what they are expected
        # to be varies less, and not with S.
        variance += difference**2 @ (expected_triples(weight, self._tracks) * self._size() - own)
        at = np.arange(classes)
        variance[at, at] = np.maximum(variance[at, at], 0.0)
        heaviest = self._heaviest or 1.0
        uncertain = QUANTILE_90 * np.sqrt(np.diag(variance)) / np.where(known, self.seen, np.inf)
        later = self.times.weights[1:] if self.times else ()
        most = np.array([1.0, *(one.largest for one in later)])
        none = np.empty(0)
        return PooledWeights(
            weight=common,
            largest=(common + uncertain) * most * heaviest**2,
            total=total,
            by_group=weight,
            stands_for=weight * self.pairs,
            partners=none,
            reach=none.reshape(0, classes),
            variance=variance,
            times=self.times,
        )

    def _size(self) -> float:
        """Return what the fourth power of the weight of an event is, on average over the tracks."""
        n = self._tracks.astype(np.float64)
        alone = float(np.sum(n * (n - 1.0) ** 2))
        return float(self._partners_near[:, 0].sum()) / alone if alone else 1.0


def expected_triples(weight: NDArray[np.float64], tracks: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the expectation of n (n - 1) (n - 2) + n (n - 1) / 2 in each group, of Poisson numbers n of tracks.

    It is the variance of the number of pairs. Groups with few tracks hardly tell their own mean, so that it is a gamma
    distributed one, of which n is seen: the mean of all groups goes with 1 / sqrt(w), as that of downscaled tracks does, and
    the spread is the one that the groups have beyond that of Poisson numbers (Paule and Mandel, J. Res. NBS 87 (1982) 377).

    Parameters
    ----------
    weight : ndarray, shape (groups,)
        w; groups without weight count 0.
    tracks : ndarray of int, shape (groups,)
    """
    used = weight > 0
    found, n = np.zeros(len(weight)), tracks[used].astype(np.float64)
    if not n.any():
        return found
    scale = np.sqrt(weight[used].min() / weight[used])
    level, spread = _gamma_of(n, scale)
    shape = 1.0 / max(spread, 1e-6)
    a, rate = shape + n, 1.0 + shape / (level * scale)
    found[used] = a * (a + 1.0) * (a + 2.0) / rate**3 + 0.5 * a * (a + 1.0) / rate**2
    return found


def _gamma_of(n: NDArray[np.float64], scale: NDArray[np.float64]) -> tuple[float, float]:
    """Return L and c^2 of means L times `scale` with the relative variance c^2, by their moments."""

    def fitted(spread: float) -> tuple[float, float]:
        level = float(n.sum() / scale.sum())
        for _ in range(8):
            weights = 1.0 / (spread + 1.0 / (level * scale))
            level = float(weights @ (n / scale) / weights.sum())
        return level, float(weights @ (n / (scale * level) - 1.0) ** 2)

    low, high = 0.0, 64.0
    for _ in range(40):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if fitted(middle)[1] > len(n) - 1 else (low, middle)
    return fitted(high)[0], high


def _near(
    places: NDArray[np.int64], single: NDArray[np.float64], times: TimedTracks | None
) -> NDArray[np.float64]:
    """Return the weight of all pairs that a track is in, from those of the events and k of each class, shape (C, N)."""
    first = int(places.min(initial=0))
    sums = np.bincount(places - first, single)
    partners = single * (sums[places - first] - single)
    later = times.weights[1:] if times else ()
    return np.array([partners, *(single * times.sums(one, places, single) for one in later if times)])


def weight_classes(weight: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the class of each weight, a factor of 2 each and counted from 0; -1 for those that are not above 0.

    Parameters
    ----------
    weight : ndarray, shape (groups,)
    """
    known = weight > 0
    classes = np.full(len(weight), -1)
    if known.any():
        steps = np.floor(np.log2(weight[known] / weight[known].min()) + 1e-9).astype(np.int64)
        classes[known] = np.unique(steps, return_inverse=True)[1]
    return classes

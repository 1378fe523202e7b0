"""Weights of pairs where bursts differ in downscale: each burst counts with its own tracks, the shape is that of all."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["PooledWeights"]

QUANTILE_90 = 1.2815515655446004
"""90% quantile of the normal distribution."""


@dataclass(frozen=True)
class PooledWeights:
    """One weight for every pair of tracks, and what each group of tracks stands for.

    A group k (a burst) of n+ and n- tracks stands for w_k n+ n- pairs, of which the share p_r is in region r. Where
    w_k differs by orders of magnitude, a group of few tracks and large weight has mostly no selected pair, which is no
    measurement of zero. So p_r is measured with the pairs of all groups, each counted alike: with S = sum w_k n+ n-
    pairs stood for and N = sum n+ n- pairs at hand, every selected pair weighs S / N. That is without bias if the
    tracks of all groups have one distribution, and is w_k itself if all w_k are equal.

    Attributes
    ----------
    weight : float
        S / N: weight of a pair, apart from the weights of the events of its tracks.
    largest : float
        Largest weight that a pair has, those of its tracks' events included and S at its 90% upper end: what an upper
        limit counts in.
    total : float
        S.
    by_group : ndarray, shape (groups,)
        w_k.
    stands_for : ndarray, shape (groups,)
        S of each group.
    reach : ndarray, shape (N,)
        (w_k - S / N) times the weight of all pairs that a track is in.
    difference : ndarray, shape (groups,)
        w_k - S / N.
    variance : float
        Of S beyond that of pairs of equal weight: sum over tracks of reach^2 - sum over pairs of the difference^2, and
        what a class of weights may hold of which no pair of tracks was seen.
    common_variance : float
        Relative variance of factors that all pairs share.
    """

    weight: float
    largest: float
    total: float
    by_group: NDArray[np.float64]
    stands_for: NDArray[np.float64]
    reach: NDArray[np.float64]
    difference: NDArray[np.float64]
    variance: float
    common_variance: float = 0.0

    @classmethod
    def of(
        cls,
        places: NDArray[np.int64],
        charge: NDArray[Any],
        single: NDArray[np.float64],
        weight: NDArray[np.float64],
        *,
        like_sign: bool,
    ) -> PooledWeights:
        """Pool the weights of groups.

        Parameters
        ----------
        places : ndarray of int, shape (N,)
            Group of each track.
        charge : ndarray, shape (N,)
        single : ndarray, shape (N,)
            Weight of each track's event.
        weight : ndarray, shape (groups,)
            Weight w_k of a pair in each group.
        like_sign : bool
            Whether tracks of equal charge are paired.
        """
        sign = np.sign(charge).astype(np.int64)
        sums, squares = (_by_charge(places, sign, single**power, len(weight)) for power in (1, 2))
        plus, minus = sums[:, 2], sums[:, 0]
        if like_sign:
            pairs = 0.5 * (plus**2 - squares[:, 2] + minus**2 - squares[:, 0])
            partners = sums[places, 1 + sign] - single
            # Sum over pairs of the squared product of both weights.
            fourth = _by_charge(places, sign, single**4, len(weight))
            products = 0.5 * (squares[:, [0, 2]] ** 2 - fourth[:, [0, 2]]).sum(axis=1)
        else:
            pairs = plus * minus
            partners = sums[places, 1 - sign]
            products = squares[:, 2] * squares[:, 0]
        partners = np.where(sign == 0, 0.0, partners)
        seen = float(pairs.sum())
        total = float(weight @ pairs)
        heaviest = float(single.max(initial=0.0)) or 1.0
        common = total / seen if seen else float(weight.max())
        difference = np.where(weight > 0, weight - common, 0.0)
        reach = difference[places] * single * partners
        variance = float(reach @ reach) - float(difference**2 @ products)
        tracks = np.bincount(places, minlength=len(weight))
        variance = max(variance, 0.0) + _unseen(weight, pairs, tracks) * heaviest**4
        uncertain = QUANTILE_90 * np.sqrt(variance) / seen if seen else 0.0
        return cls(
            weight=common,
            largest=(common + uncertain) * heaviest**2,
            total=total,
            by_group=weight,
            stands_for=weight * pairs,
            reach=reach,
            difference=difference,
            variance=variance,
        )

    def shared(
        self, track: NDArray[np.int64], place: NDArray[np.int64], product: NDArray[np.float64]
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
        """
        shared: NDArray[np.float64] = self.reach[track] - 0.5 * self.difference[place] * product
        return shared

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
            difference=factor * self.difference,
            variance=factor**2 * self.variance,
            common_variance=self.common_variance + relative_variance,
        )


def _by_charge(
    places: NDArray[np.int64], sign: NDArray[np.int64], values: NDArray[np.float64], groups: int
) -> NDArray[np.float64]:
    """Add up values of negative, neutral and positive tracks in each group, shape (groups, 3)."""
    sums = np.bincount(3 * places + 1 + sign, values, minlength=3 * groups)
    return sums.reshape(groups, 3).astype(np.float64)


def _unseen(weight: NDArray[np.float64], pairs: NDArray[np.float64], tracks: NDArray[np.int64]) -> float:
    """Return the variance of classes of weights, a factor of 2 each, in which there is no pair of tracks.

    Zero pairs of weight w, in groups of up to n tracks that would all come together, leave an expectation of about w n:
    the square of that.
    """
    known = weight > 0
    if not pairs.any():
        return 0.0
    classes = np.floor(np.log2(weight[known])).astype(np.int64)
    variance = 0.0
    for number in np.unique(classes):
        own = classes == number
        if not pairs[known][own].any():
            largest = weight[known][own].max() * max(tracks[known][own].max(), 1)
            variance += float(largest**2)
    return variance

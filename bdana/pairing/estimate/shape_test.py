"""Test of the common shape: pairs of bursts of different weight against each other."""

from __future__ import annotations

from copy import copy
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from scipy import special

from bdana.pairing.estimate.pooled_weights import weight_classes
from bdana.pairing.estimate.u_statistic import PairSums

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from bdana.pairing.estimate.pooled_weights import PooledWeights

__all__ = ["ClassSums", "ShapeTest"]

FEWEST = 20
"""Pairs that a region needs in each class to be compared, assumed; regions with fewer are compared together."""
OWN = ("_with_partners", "squares", "pairs")
"""Sums of `ClassSums` beside those of its classes."""


class ShapeTest(NamedTuple):
    """Comparison of the shares of selected pairs in bursts of different weight.

    Attributes
    ----------
    chi2 : float
    degrees : int
        Of freedom.
    p_value : float
    classes : int
        Classes of weights that are compared.
    """

    chi2: float
    degrees: int
    p_value: float
    classes: int

    def __str__(self) -> str:
        return (
            f"shares of regions in {self.classes} classes of weights: chi2 = {self.chi2:.1f} for {self.degrees} degrees of "
            f"freedom, p = {self.p_value:.2g}"
        )


class ClassSums:
    """Sums over pairs by region in each class of weights, each pair counting alike.

    Parameters
    ----------
    pooled : PooledWeights
        Without weights by time difference.
    places : ndarray of int, shape (N,)
        Group of each track.
    regions : int
    """

    def __init__(self, pooled: PooledWeights, places: NDArray[np.int64], regions: int) -> None:
        self.of_group = weight_classes(pooled.by_group)
        number = int(self.of_group.max(initial=-1)) + 1
        own = np.where(self.of_group[places] < 0, number, self.of_group[places])
        self.sums = [PairSums(regions) for _ in range(number)]
        self._with_partners = np.zeros((number, regions))
        self.partners = pooled.partners
        # Without a track they would be integers.
        self.squares = np.bincount(own, self.partners**2, minlength=number)[:number].astype(np.float64)
        self.pairs = 0.5 * np.bincount(own, self.partners, minlength=number)[:number]

    def fill(
        self,
        track: NDArray[np.int64],
        place: NDArray[np.int64],
        region: NDArray[np.int64],
        product: NDArray[np.float64],
        counted: NDArray[np.bool_],
    ) -> None:
        """Add pairs as seen from one of their tracks.

        Parameters
        ----------
        track, counted
            As for `PairSums.fill`.
        place : ndarray of int, shape (K,)
            Group of each pair.
        region : ndarray of int, shape (K,)
        product : ndarray, shape (K,)
            Product of the weights of both tracks' events.
        """
        classes = self.of_group[place]
        for one, sums in enumerate(self.sums):
            own = classes == one
            if own.any():
                sums.fill(track[own], region[own], product[own], counted[own])
                self._with_partners[one] += np.bincount(
                    region[own], product[own] * self.partners[track[own]], minlength=len(sums.total)
                )

    def __add__(self, other: ClassSums) -> ClassSums:
        """Return the sums over the tracks and pairs of both, which are of different groups."""
        together = copy(self)
        together.sums = [one + more for one, more in zip(self.sums, other.sums, strict=True)]
        for name in OWN:
            setattr(together, name, getattr(self, name) + getattr(other, name))
        return together

    @property
    def arrays(self) -> dict[str, NDArray[Any]]:
        """Everything that was added up, by name: the arrays themselves."""
        of_classes = {
            f"{one}.{name}": array
            for one, sums in enumerate(self.sums)
            for name, array in sums.arrays.items()
        }
        return of_classes | {name: getattr(self, name) for name in OWN}

    def test(self) -> ShapeTest | None:
        """Compare the classes; None where fewer than two have pairs enough."""
        used = [one for one, sums in enumerate(self.sums) if sums.pairs.sum() >= FEWEST]
        if len(used) < 2:
            return None
        enough = np.all([self.sums[one].pairs >= FEWEST for one in used], axis=0)
        merged = np.vstack([np.eye(len(enough))[enough], (~enough).astype(float)[None, :]])
        if any((merged[-1] @ self.sums[one].pairs) < FEWEST for one in used):
            merged = merged[:-1]
        if not len(merged):
            merged = np.ones((1, len(enough)))
        shares, inverses = [], []
        for one in used:
            share, covariance = self._share(one)
            shares.append(merged @ share)
            inverses.append(np.linalg.pinv(merged @ covariance @ merged.T, hermitian=True))
        mean = np.linalg.pinv(np.sum(inverses, axis=0)) @ np.sum(
            [inverse @ share for inverse, share in zip(inverses, shares, strict=True)], axis=0
        )
        chi2 = sum(
            float((share - mean) @ inverse @ (share - mean))
            for inverse, share in zip(inverses, shares, strict=True)
        )
        degrees = (len(used) - 1) * len(merged)
        return ShapeTest(chi2, degrees, float(special.gammaincc(0.5 * degrees, 0.5 * chi2)), len(used))

    def _share(self, one: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the share of the pairs of tracks of a class in each region, and its covariance."""
        sums, pairs = self.sums[one], self.pairs[one]
        share = sums.total / pairs
        mixed = np.outer(share, self._with_partners[one])
        # Numbers of pairs fluctuate with those of tracks, which the share does not: (h - share) summed over partners.
        covariance = sums.covariance() - mixed - mixed.T + np.outer(share, share) * self.squares[one]
        return share, covariance / pairs**2

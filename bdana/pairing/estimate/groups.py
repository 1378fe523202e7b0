"""Groups of tracks that are paired with each other: a burst, or several bursts mixed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from bdana.errors import InputError
from bdana.pairing.estimate.single_bursts import pairs_among

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from bdana.pairing.estimate.pairing_parameters import PairingParameters
    from bdana.pairing.estimate.single_bursts import SingleBursts

__all__ = ["Grouped", "WeightedBursts", "mix_bursts"]


def mix_bursts(
    number: int, weight: NDArray[np.float64], bursts: SingleBursts
) -> tuple[NDArray[np.float64], float]:
    """Merge neighbouring bursts, so that tracks of different bursts are paired too.

    A pair weighs D^2 W / T, and a mixed burst has the live time of all its own: 1 / w = sum_k 1 / w_k. The estimate is
    then of <n>^2 instead of <n^2>: biased low by how much the intensity varies from burst to burst. With downscales D_i
    and D_j a pair of two bursts would weigh D_i D_j W / T: bursts are mixed only where they are equal.

    Parameters
    ----------
    number : int
        Bursts that are mixed.
    weight : ndarray, shape (bursts,)
        Weight of a pair in each burst; bursts of weight 0 have no track and add nothing.
    bursts : SingleBursts

    Returns
    -------
    weight : ndarray, shape (mixed bursts,)
    bias : float
        Relative bias of the number of pairs; NaN without a pair.

    Raises
    ------
    InputError
        When bursts with different downscales would be mixed.
    """
    group = np.arange(len(weight)) // number
    known = weight > 0
    for mixed_number in np.unique(group[known]):
        own = np.flatnonzero(known & (group == mixed_number))
        other = own[bursts.downscale[own] != bursts.downscale[own[0]]]
        if len(other):
            a, b = own[0], other[0]
            raise InputError(
                f"run {bursts.run[a]} burst {bursts.burst[a]} and run {bursts.run[b]} burst {bursts.burst[b]} have downscales "
                f"{bursts.downscale[a]:g} and {bursts.downscale[b]:g}, so their tracks cannot be mixed: select bursts of one "
                "downscale, or remove background.combinatorial.mix_bursts"
            )
    inverse = np.bincount(group[known], 1.0 / weight[known], minlength=group[-1] + 1)
    mixed = np.divide(1.0, inverse, out=np.zeros_like(inverse), where=inverse > 0)
    pairs = float(np.sum(weight * bursts.pairs))
    both = pairs_among(
        *(
            np.bincount(group, number).astype(np.int64)
            for number in (bursts.plus, bursts.minus, bursts.neutral)
        )
    )
    return mixed, float(np.sum(mixed * both)) / pairs - 1.0 if pairs else float("nan")


@dataclass(frozen=True)
class Grouped:
    """Groups of tracks that are paired with each other, and the weight of a pair in each.

    Attributes
    ----------
    weight : ndarray, shape (groups,)
        Weight of a pair in each.
    burst : ndarray of int, shape (groups,)
        The burst of each, the first one where several are mixed.
    together : int
        Number of bursts of a group.
    warnings : tuple of str
    """

    weight: NDArray[np.float64]
    burst: NDArray[np.int64]
    together: int = 1
    warnings: tuple[str, ...] = ()

    @property
    def mixed(self) -> bool:
        """Whether several bursts are mixed."""
        return self.together > 1

    def of(self, places: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the groups of bursts.

        Parameters
        ----------
        places : ndarray of int
            Bursts.
        """
        return places // self.together if self.mixed else places


@dataclass(frozen=True)
class WeightedBursts:
    """Bursts of the single tracks with the weight of a pair in each, before they are mixed.

    Attributes
    ----------
    bursts : SingleBursts
    weight : ndarray, shape (bursts,)
        0 in a burst that cannot be used.
    par : PairingParameters
    """

    bursts: SingleBursts
    weight: NDArray[np.float64]
    par: PairingParameters

    def grouped(self) -> Grouped:
        """Group tracks by burst, or by several bursts, as the parameters say."""
        bursts, weight, par = self.bursts, self.weight, self.par
        if par.mix_bursts > 1:
            mixed, bias = mix_bursts(par.mix_bursts, weight, bursts)
            first = np.arange(len(mixed)) * par.mix_bursts
            said = (
                f"tracks of {par.mix_bursts} bursts are mixed: the estimate is biased by {bias:+.1%} from the intensities of "
                "the bursts; for studies only"
            )
            return Grouped(mixed, first, par.mix_bursts, warnings=(said,))
        return Grouped(weight, np.arange(len(weight)))

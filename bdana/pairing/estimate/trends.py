"""Trends of the rate over the spill: polynomials of the time, which all bursts of a beam may share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import special

from bdana.pairing.estimate.time_weights import trend_shapes

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

__all__ = ["Trends", "find_trends"]

HIGHEST = 4
"""Degree up to which trends are looked for."""
CHANCE = 0.001
"""Probability that a constant rate, or noise of the beam, has a degree that is taken for a trend, assumed."""
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(2 * HIGHEST + 1)


@dataclass(frozen=True)
class Trends:
    """Means over the pairs of tracks of one burst of products of Legendre polynomials P_n of their times.

    Of tracks with the rate R the mean of P_n(t1) P_m(t2) is that of R P_n times that of R P_m, over the square of that of R,
    without bias.

    Attributes
    ----------
    degree : int
        Highest that is no fluctuation; products up to twice that are kept.
    length : float
        Of the spill, in ns.
    matrix : ndarray, shape (1 + D, 1 + D)
        Means of P_n(t1) P_m(t2).
    squares : ndarray, shape (1 + D, 1 + D)
        Means of P_n(t1) P_n(t2) P_m(t1) P_m(t2).
    """

    degree: int
    length: float
    matrix: NDArray[np.float64]
    squares: NDArray[np.float64]

    @property
    def found(self) -> NDArray[np.float64]:
        """Means of P_n(t1) P_n(t2), shape (1 + D,): squares of the rate's coefficients."""
        return np.diag(self.matrix)

    @property
    def at_zero(self) -> float:
        """Mean square of the trend, over the square of the mean."""
        return float(self.found.sum())

    @property
    def second(self) -> float:
        """Excess of pairs in degrees that the square of the rate has and the rate has not, roughly.

        That of a rate 1 + a x, x from -1 to 1, has a^2/3 of P_1, and its square a^2/3 times that, times 4/5, of P_2.
        """
        return 0.8 * float(self.found[1 : self.degree + 1].sum()) ** 2

    def by_lag(self, width: float, bins: int) -> NDArray[np.float64]:
        """Return the means of P_n(t) P_n(t + l) over the times t of constant rates, shape (1 + D, bins).

        Parameters
        ----------
        width : float
            Of the bins of l, in ns.
        bins : int
        """
        return np.array([products.diagonal() for products in self._products(width, bins)]).T

    def shape(self, width: float, bins: int) -> NDArray[np.float64]:
        """Return pairs by time difference over those of constant rates, shape (bins,).

        Parameters
        ----------
        width : float
            Of the bins, in ns.
        bins : int
        """
        return np.einsum("lnm,nm->l", self._products(width, bins), self.matrix)

    def _products(self, width: float, bins: int) -> NDArray[np.float64]:
        """Means of P_n(t) P_m(t + l), made symmetric, shape (bins, 1 + D, 1 + D)."""
        few = min(bins, 200)  # polynomials of the time difference, and so smooth
        lag = np.minimum(width * (np.arange(bins) + 0.5), 0.999 * self.length)
        coarse = np.linspace(lag[0], lag[-1], few)
        early = 0.5 * (self.length - coarse[:, None]) * (1.0 + _NODES)
        first, second = (
            trend_shapes(time, self.length, len(self.matrix) - 1) for time in (early, early + coarse[:, None])
        )
        products = np.einsum("nlk,mlk,k->lnm", first, second, 0.5 * _WEIGHTS)
        products = 0.5 * (products + products.transpose(0, 2, 1))
        at = np.interp(lag, coarse, np.arange(few))
        low = np.minimum(at.astype(np.int64), max(few - 2, 0))
        part = (at - low)[:, None, None]
        return np.asarray((1.0 - part) * products[low] + part * products[np.minimum(low + 1, few - 1)])


def find_trends(
    tracks: Iterable[tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.bool_]]],
    lengths: NDArray[np.float64],
    numbers: tuple[NDArray[np.int64], NDArray[np.int64]],
) -> Trends | None:
    """Return the trends of the rate over the spill; None where they may be chance, or noise at all time scales.

    Pairs are counted as by `duty_factor`: a track that passed the vetoes with all others of its burst.

    Parameters
    ----------
    tracks : iterable of (ndarray, ndarray of int, ndarray of bool)
        Times since the start of the burst in ns, place of the burst, and which passed the vetoes, each of some bursts.
    lengths : ndarray, shape (bursts,)
        Of the bursts, in ns.
    numbers : (ndarray of int, ndarray of int), shape (bursts,)
        Of tracks that passed the vetoes, and of all.
    """
    length, size = float(lengths.max(initial=0.0)), 2 * HIGHEST + 1
    if not length > 0:
        return None
    matrix, squares = np.zeros((size, size)), np.zeros((size, size))
    for since, places, passed in tracks:
        if not len(places):
            continue
        at = places - places.min()
        shapes = trend_shapes(since, length, size - 1)
        of_all, of_passed = (
            np.array([np.bincount(at, shape * used) for shape in shapes]) for used in (1.0, passed)
        )
        matrix += 0.5 * (of_passed @ of_all.T + of_all @ of_passed.T) - np.einsum(
            "nt,mt->nm", shapes * passed, shapes
        )
        for degree in range(size):
            products = shapes[degree] * shapes
            of_all, of_passed = (
                np.array([np.bincount(at, row * used) for row in products]) for used in (1.0, passed)
            )
            squares[degree] += (of_passed * of_all).sum(axis=1) - products**2 @ passed
    n, every = (number.astype(np.float64) for number in numbers)
    pairs = n * np.maximum(every - 1.0, 0.0)
    total = float(pairs.sum())
    if not total > 0:
        return None
    # Tracks of constant rates in bursts that are shorter than the longest.
    middle = 0.5 * lengths[:, None] * (1.0 + _NODES)
    means = trend_shapes(middle, length, HIGHEST)[1:] @ (0.5 * _WEIGHTS)
    expected = means**2 @ pairs / total
    # Without a trend the sum over bursts is that of as many squares of normal numbers, nearly.
    spectra = total**2 / float(np.sum(pairs**2))
    variance = pairs @ (1.0 + n / np.maximum(every, 1.0)) + 4.0 * means**2 @ (pairs * every)
    pulls = (np.diag(matrix)[1 : HIGHEST + 1] - total * expected) / np.sqrt(variance)
    chance = special.gammaincc(0.5 * spectra, np.maximum(0.5 * spectra + pulls * np.sqrt(0.5 * spectra), 0.0))
    # What is as high in the degrees beyond is no trend but noise of the beam; tracks alone make `shot` in each.
    shot = float(n.sum())
    powers = np.diag(matrix)[1:] + shot
    beyond = max(float(powers[HIGHEST:].mean()), shot)
    noise = special.fdtrc(spectra, HIGHEST * spectra, np.maximum(powers[:HIGHEST] / beyond, 0.0))
    degrees = 1 + np.flatnonzero((chance < CHANCE) & (noise < CHANCE))
    if not len(degrees):
        return None
    kept = 1 + 2 * int(degrees[-1])
    return Trends(int(degrees[-1]), length, matrix[:kept, :kept] / total, squares[:kept, :kept] / total)

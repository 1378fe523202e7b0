"""Probabilities of tuples of counts, and of their sums, given points and weights of their expectations."""

from __future__ import annotations

from functools import reduce
from typing import TYPE_CHECKING

import numpy as np
from scipy import special

from bdana.statistics.poisson import log_pmf

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bdana.statistics.poisson import Floats

__all__ = ["sum_tail", "tuple_table"]


def tuple_table(values: Floats, weights: Floats, sizes: Sequence[int]) -> Floats:
    """Return the probability of every count tuple, shape `sizes`: half of the regions times the rest, as matrices.

    Parameters
    ----------
    values : ndarray, shape (points, regions)
        Expectations.
    weights : ndarray, shape (points,)
    sizes : sequence of int
        Counts from 0 to below these.
    """
    half = len(sizes) // 2
    sides = []
    for columns in (range(half), range(half, len(sizes))):
        side = np.ones((len(weights), 1))
        for i in columns:
            p = np.exp(log_pmf(np.arange(sizes[i])[None, :], values[:, [i]]))
            side = (side[:, :, None] * p[:, None, :]).reshape(len(weights), -1)
        sides.append(side)
    return np.asarray(((sides[0] * weights[:, None]).T @ sides[1]).reshape(sizes))


def sum_tail(n: int, sums: list[tuple[Floats, Floats]]) -> float:
    """Return P(N >= n) of the sum of independent mixed Poisson counts.

    Parameters
    ----------
    n : int
    sums : list of (ndarray, ndarray)
        Expectations and weights of each.
    """
    if n == 0:
        return 1.0
    if len(sums) == 1:
        return float(sums[0][1] @ special.gammainc(n, sums[0][0]))
    top = int(sum(x.max() + 12 * np.sqrt(x.max() + 1) + 30 for x, _ in sums)) + n
    parts = [np.exp(log_pmf(np.arange(top + 1)[:, None], x[None, :])) @ w for x, w in sums]
    return float(reduce(np.convolve, parts)[n : top + 1].sum())

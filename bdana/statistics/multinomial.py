"""Multinomial test of counts in groups whose expected shares are known, but not their total."""

from __future__ import annotations

from itertools import combinations
from math import comb
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import gammaln

from bdana.errors import InputError
from bdana.rounding import bounded_p
from bdana.statistics.poisson import TIE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = ["multinomial_p"]

MAX_TUPLES = 200_000
TOYS = 100_000


def multinomial_p(counts: Sequence[int], shares: Sequence[float], seed: int = 1, toys: int = TOYS) -> float:
    """Return the probability of all divisions of the total among the groups that are no likelier than the observed one.

    Exact by enumeration up to 200 000 divisions; else from seeded toys, of 100 000 with an error of at most 0.0016.

    Parameters
    ----------
    counts : sequence of int
        Of G groups.
    shares : sequence of float
        Expected share of each group; scaled to sum 1.
    seed : int
        Of the toys.
    toys : int
        How many.

    Raises
    ------
    InputError
        When a count or share is negative, lengths differ, or something was counted where nothing is expected.

    Examples
    --------
    >>> from bdana.statistics.multinomial import multinomial_p
    >>> round(multinomial_p([3, 0], [0.5, 0.5]), 4)  # (3, 0) or (0, 3): 2 / 8
    0.25
    """
    n, share = np.asarray(counts, dtype=np.int64), np.asarray(shares, dtype=np.float64)
    if n.shape != share.shape or not len(n) or (n < 0).any() or not (share >= 0).all() or not share.sum() > 0:
        raise InputError(
            "give one count and one share for each group, none negative, and not all shares zero"
        )
    if n[share == 0].any():
        raise InputError("there are counts in a group whose expected share is zero")
    n, share = n[share > 0], share[share > 0] / share.sum()
    total = int(n.sum())
    if comb(total + len(n) - 1, len(n) - 1) <= MAX_TUPLES:
        others = _divisions(total, len(n))
        logarithms = _log_pmf(others, share)
        p = float(np.exp(logarithms[logarithms <= _log_pmf(n, share) + TIE]).sum())
        return bounded_p(min(p, 1.0))
    drawn = np.random.default_rng(seed).multinomial(total, share, toys)
    as_rare = int(np.count_nonzero(_log_pmf(drawn, share) <= _log_pmf(n, share) + TIE))
    return (as_rare + 1) / (toys + 1)  # never zero: the data are one more experiment


def _divisions(total: int, groups: int) -> NDArray[np.int64]:
    """Return every division of `total` among the groups, shape (divisions, groups): stars and bars."""
    places = total + groups - 1
    bars = np.array(list(combinations(range(places), groups - 1)), dtype=np.int64).reshape(
        comb(places, groups - 1), groups - 1
    )
    edges = np.column_stack([np.full(len(bars), -1), bars, np.full(len(bars), places)])
    return np.diff(edges, axis=1) - 1


def _log_pmf(counts: NDArray[np.int64], share: NDArray[np.float64]) -> NDArray[np.float64]:
    total = counts.sum(axis=-1)
    logarithm: NDArray[np.float64] = gammaln(total + 1) + (counts * np.log(share) - gammaln(counts + 1)).sum(
        axis=-1
    )
    return logarithm

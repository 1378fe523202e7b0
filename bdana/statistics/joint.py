"""Several regions at once, with a common scale error of their expectations."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import special

from bdana.errors import InputError
from bdana.statistics.poisson import TIE, Background, Counting, log_pmf, p_values, upper_count, whole

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["joint_p_values", "look_elsewhere"]

MAX_TUPLES = 20_000_000  # assumed: what fits in memory


def joint_p_values(observed: Sequence[int], backgrounds: Sequence[Background]) -> Counting:
    """p_n of the summed count, p_l of the joint likelihood over all count tuples, errors 100% correlated.

    The expectations are b_i + z db_i with one standard normal z, truncated where one would be negative.
    """
    counts = [whole(n) for n in observed]
    if len(counts) != len(backgrounds) or not counts:
        raise InputError("give one observed count for each region, and at least one region")
    b, d = (np.array([getattr(x, name) for x in backgrounds]) for name in ("expected", "error"))
    if not d.any():
        z, w = np.zeros(1), np.ones(1)
    else:
        unit = Background(float(np.min(b[d > 0] / d[d > 0])), 1.0)
        x, w = unit.nodes()
        z = x - unit.expected
    sizes = [upper_count(x, n) + 1 for x, n in zip(backgrounds, counts, strict=True)]
    if np.prod(sizes, dtype=float) > MAX_TUPLES:
        raise InputError(
            f"{np.prod(sizes, dtype=float):.1e} count tuples are too many to enumerate: join regions"
        )
    total = np.zeros(sizes)
    for shift, weight in zip(z, w, strict=True):
        term = np.array(weight)
        for mean, size in zip(np.maximum(b + shift * d, 0.0), sizes, strict=True):
            term = np.multiply.outer(term, np.exp(log_pmf(np.arange(size), np.asarray(mean))))
        total += term
    p_l = float(total[total <= total[tuple(counts)] * (1 + TIE)].sum())
    p_n = p_values(sum(counts), Background(float(b.sum()), float(d.sum()))).p_n
    convention = "p_n of the sum, p_l of the joint likelihood of all count tuples; errors 100% correlated"
    return Counting(p_n, min(p_l, 1.0), convention)


def look_elsewhere(expected: Sequence[float]) -> float:
    """Probability of at least one event in channels with these known expectations."""
    return -float(special.expm1(-sum(Background(b).expected for b in expected)))

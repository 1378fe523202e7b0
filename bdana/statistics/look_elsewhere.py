"""Global p-values: how often the smallest local p-value of several regions is as small as the one seen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import special

from bdana.statistics.correlated import blocks, drawn_expectations, full_covariance, points
from bdana.statistics.joint import check_regions
from bdana.statistics.poisson import TIE, Background, Floats, p_values, upper_count

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

__all__ = ["GlobalPValue", "over_regions"]

_SHARES, _DRAWS = 8, 4096  # of drawn expectations, where a quadrature is not feasible


@dataclass(frozen=True, slots=True)
class GlobalPValue:
    """The smallest local p-value, and the probability of one as small in any of the regions.

    Attributes
    ----------
    p_local : float
        Smallest P(N >= n).
    where : int
        Index of its region, the first one of equals.
    p_global : float
    computed : str
        `exact`, or `toys, n=..., error=...` with the Monte Carlo error of p_global.
    convention : str
    """

    p_local: float
    where: int
    p_global: float
    computed: str
    convention: str


def over_regions(
    observed: Sequence[int],
    backgrounds: Sequence[Background],
    covariance: ArrayLike | None = None,
    seed: int = 1,
) -> GlobalPValue:
    """Return the probability that the smallest P(N >= n) of the regions is as small as the smallest one seen.

    The counts are independent but for the correlated errors of their expectations.

    Parameters
    ----------
    observed, backgrounds, covariance, seed
        As for `bdana.statistics.joint.joint_p_values`.

    Examples
    --------
    >>> from bdana.statistics.look_elsewhere import over_regions
    >>> from bdana.statistics.poisson import Background
    >>> found = over_regions([1, 0], [Background(0.016), Background(0.016)])
    >>> round(found.p_local, 5), round(found.p_global, 5)  # 1 - exp(-0.016), 1 - exp(-0.032)
    (0.01587, 0.03149)
    """
    counts = check_regions(observed, backgrounds)
    cov = full_covariance(backgrounds, covariance)
    where, p_local, needed = _smallest(counts, backgrounds)
    quiet, spread, drawn = 1.0, 0.0, 0  # probability that no region comes to its needed count
    for group in blocks(cov):
        found = points(backgrounds, cov, group)
        if found is not None:
            quiet *= _quiet(needed[group], *found)
            continue
        part = [backgrounds[i] for i in group], cov[np.ix_(group, group)]
        shares = [
            _quiet(needed[group], *drawn_expectations(*part, _DRAWS, seed + i)[:2]) for i in range(_SHARES)
        ]
        quiet *= float(np.mean(shares))
        spread = float(
            np.hypot(spread, np.std(shares, ddof=1) / np.sqrt(_SHARES) / max(np.mean(shares), 1e-300))
        )
        drawn = _SHARES * _DRAWS
    computed = f"toys, n={drawn}, error={quiet * spread:.1g}" if drawn else "exact"
    p_global = 1.0 if p_local >= 1 else max(p_local, 1.0 - quiet)
    convention = f"probability that the smallest P(N >= n) of {len(counts)} regions is as small as the one seen; {computed}"
    return GlobalPValue(p_local, where, p_global, computed, convention)


def _smallest(
    counts: Sequence[int], backgrounds: Sequence[Background]
) -> tuple[int, float, NDArray[np.int64]]:
    """Return index and value of the smallest local p-value, and the smallest count of each region that is as rare."""
    local = [p_values(n, b).p_n for n, b in zip(counts, backgrounds, strict=True)]
    where = int(np.argmin(local))
    needed = []
    for n, b in zip(counts, backgrounds, strict=True):
        x, w = b.nodes(n)
        tails = special.gammainc(np.arange(1, upper_count(b, n) + 2)[:, None], x[None, :]) @ w
        rare = np.append(tails, 0.0) <= local[where] * (1 + TIE)
        needed.append(1 + int(np.argmax(rare)) if local[where] < 1 else 0)
    return where, local[where], np.array(needed)


def _quiet(needed: NDArray[np.int64], values: Floats, weights: Floats) -> float:
    """Return the probability that the count of every region stays below its value in `needed`."""
    below = special.gammaincc(np.maximum(needed, 1), values)
    return float(weights @ below.prod(axis=1))

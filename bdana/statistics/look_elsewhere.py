"""Global p-values: how often the smallest local p-value of several regions, or of a scan, is as small as the one seen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import special

from bdana.errors import InputError
from bdana.statistics.correlated import blocks, draws, full_covariance, points
from bdana.statistics.joint import check_regions
from bdana.statistics.poisson import TIE, Background, Floats, p_values, upper_count, whole

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

__all__ = ["GlobalPValue", "over_regions", "over_scan"]

_SHARES, _DRAWS = 8, 4096  # of drawn expectations, where a quadrature is not feasible


@dataclass(frozen=True, slots=True)
class GlobalPValue:
    """The smallest local p-value, and the probability of one as small anywhere.

    Attributes
    ----------
    p_local : float
        Smallest P(N >= n).
    where : int
        Index of its region or window, the first one of equals.
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
    """Probability that the smallest P(N >= n) of the regions is as small as the smallest one seen.

    The counts are independent but for the errors of their expectations, as in
    `bdana.statistics.joint.joint_p_values`, whose parameters these are.
    """
    counts = check_regions(observed, backgrounds)
    cov = full_covariance(backgrounds, covariance)
    mean = np.array([x.expected for x in backgrounds])
    where, p_local, needed = _smallest(counts, backgrounds)
    quiet, spread, drawn = 1.0, 0.0, 0  # probability that no region comes to its needed count
    for group in blocks(cov):
        found = points(backgrounds, cov, group)
        if found is not None:
            quiet *= _quiet(needed[group], *found)
            continue
        part = mean[group], cov[np.ix_(group, group)]
        shares = [_quiet(needed[group], *draws(*part, _DRAWS, seed + i)) for i in range(_SHARES)]
        quiet *= float(np.mean(shares))
        spread = float(
            np.hypot(spread, np.std(shares, ddof=1) / np.sqrt(_SHARES) / max(np.mean(shares), 1e-300))
        )
        drawn = _SHARES * _DRAWS
    computed = f"toys, n={drawn}, error={quiet * spread:.1g}" if drawn else "exact"
    p_global = 1.0 if p_local >= 1 else max(p_local, 1.0 - quiet)
    return GlobalPValue(p_local, where, p_global, computed, _convention(f"{len(counts)} regions", computed))


def over_scan(
    observed: ArrayLike,
    expected: ArrayLike,
    windows: ArrayLike,
    relative_error: float = 0.0,
    toys: int = 100_000,
    seed: int = 1,
) -> GlobalPValue:
    """Probability that the most significant window of a scan is as significant as the one seen.

    Parameters
    ----------
    observed, expected : array_like
        Counts of the bins in mass and their expectations, shape (bins,).
    windows : array_like
        Which bins each mass hypothesis sums, 0 or 1, shape (windows, bins); they may overlap.
    relative_error : float
        Of the expectation, common to all bins; truncated Gaussian.
    toys, seed : int
        Pseudo-experiments without a signal; without overlap none are made, since the result is exact.
    """
    n, b = (np.atleast_1d(np.asarray(x, dtype=float)) for x in (observed, expected))
    sums = np.asarray(windows, dtype=float)
    if n.shape != b.shape or n.ndim != 1 or sums.ndim != 2 or sums.shape[1] != n.size or not sums.size:
        raise InputError("give one count and one expectation for each bin, and windows of as many columns")
    if not np.isin(sums, (0, 1)).all():
        raise InputError("a window holds a bin or does not: its columns are 0 or 1")
    if whole(toys, "number of toys") < 1:
        raise InputError("the number of toys is 0: give at least one")
    bins = np.array([whole(x) for x in n])
    [Background(x) for x in b]  # refuses what is no expectation
    backgrounds = [Background(float(x), float(x) * relative_error) for x in sums @ b]
    counts = [int(x) for x in sums @ bins]
    if sums.sum(axis=0).max() <= 1:
        return over_regions(counts, backgrounds, seed=seed)
    where, p_local, needed = _smallest(counts, backgrounds)
    scale, weights = Background(1.0, relative_error).nodes()
    rng = np.random.default_rng(seed)
    hits = 0
    for size in np.diff(np.append(np.arange(0, toys, 10_000), toys)):
        factor = rng.choice(scale, size=(size, 1), p=weights)
        hits += int(((rng.poisson(factor * b) @ sums.T) >= needed).any(axis=1).sum())
    p_global = hits / toys
    error = max(np.sqrt(p_global * (1 - p_global) / toys), 1 / toys)
    computed = f"toys, n={toys}, error={error:.1g}"
    return GlobalPValue(p_local, where, p_global, computed, _convention(f"{len(sums)} windows", computed))


def _convention(what: str, computed: str) -> str:
    return f"probability that the smallest P(N >= n) of {what} is as small as the one seen; {computed}"


def _smallest(
    counts: Sequence[int], backgrounds: Sequence[Background]
) -> tuple[int, float, NDArray[np.int64]]:
    """Index and value of the smallest local p-value, and the smallest count of each region that is as rare."""
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
    """Probability that every count stays below the one needed."""
    below = special.gammaincc(np.maximum(needed, 1), values)
    return float(weights @ below.prod(axis=1))

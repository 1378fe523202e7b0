"""Prompt pairs of every region: the yield of the data in open regions times ratios of simulated regions.

The fit of the time differences gives P prompt pairs in the open regions together. With m the simulated pairs, region r
has P m_r / sum m over the open regions; the yield that the simulation assumes cancels in the ratio. Simulated pairs have
weights, and a region may hold a few light ones or none: one pair of the mean weight sum w^2 / sum w is its smallest error.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np

from bdana.display import short_repr
from bdana.on_demand import late_module

if TYPE_CHECKING:
    from collections.abc import Sequence

    import scipy
    from numpy.typing import NDArray

    from bdana.upstream.prompt import PromptEstimate
    from bdana.upstream.share import PromptShare
else:
    scipy = late_module("scipy")

__all__ = ["PromptRegion", "transfer_prompt"]

STEPS = 60
"""Values of equal probability that stand for a distribution of ratios."""


@dataclass(frozen=True)
class PromptRegion:
    """Prompt pairs of one region.

    Attributes
    ----------
    region : str
    expected : float
        Fitted number of prompt pairs times the ratio.
    low, high : float
        Ends of its 68.3% interval: errors of fit and ratio in quadrature.
    upper_limit : float
        Bayesian upper limit at `level`, flat prior in both yields of the fit, averaged over the ratio.
    level : float
    ratio, ratio_error : float or None
        Simulated pairs of the region over those of the open regions; None where nothing constrains the yield.
    constrained : bool
        Whether the yield is that of the data. Otherwise the numbers are those of the assumed yield with its error.
    """

    region: str
    expected: float
    low: float
    high: float
    upper_limit: float
    level: float
    ratio: float | None
    ratio_error: float | None
    constrained: bool

    __repr__ = short_repr


def transfer_prompt(
    share: PromptShare,
    estimate: PromptEstimate,
    open_regions: Sequence[str],
    transfer_error: float,
    survival: float = 1.0,
    fitted: tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]] | None = None,
) -> tuple[PromptRegion, ...]:
    """Carry the fitted prompt pairs of the open regions over to every region, innermost first.

    Where no region is open, or no simulated pair is in one, nothing constrains the yield: it is the assumed one.

    Parameters
    ----------
    share : PromptShare
        Fit of the pairs in the open regions.
    estimate : PromptEstimate
        Simulated pairs, with any yield.
    open_regions : sequence of str
        Those that were fitted.
    transfer_error : float
        Relative error of the ratios beside that of the numbers of muons and pairs.
    survival : float
        Share of the fitted pairs that the cuts leave which the fit left out, such as a veto, at most.
    fitted : tuple of ndarray, optional
        `PromptParts.with_open`, where the pairs that were fitted are those outside all closed envelopes: another part of
        the open regions than `estimate` has. By default they are the same.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> import numpy as np
    >>> from bdana.upstream import fit_prompt_share, transfer_prompt
    >>> simulated = SimpleNamespace(
    ...     regions=("SR", "outside"), expected=np.array([2.0, 100.0]), covariance=np.diag([0.02, 1.0]),
    ...     simulation_error=np.sqrt([0.02, 1.0]),
    ... )
    >>> share = fit_prompt_share(np.zeros(0), window=8.0, width=0.57, within=5.0)  # no pair
    >>> inner, outer = transfer_prompt(share, simulated, ["outside"], transfer_error=0.0)
    >>> round(outer.upper_limit, 2), round(inner.ratio, 3), round(inner.upper_limit, 3)
    (2.3, 0.02, 0.046)
    """
    is_open = np.isin(estimate.regions, list(open_regions))
    inner, cross, own = fitted or (estimate.expected, estimate.covariance, estimate.covariance)
    reference = float(inner[is_open].sum())
    if not reference:
        return tuple(_assumed(estimate, k, share.level) for k in range(len(estimate.regions)))
    ratios = estimate.expected / reference
    covariance = estimate.covariance / reference**2
    mean_weight = float(np.sum(estimate.simulation_error**2) / np.sum(estimate.expected)) / reference
    common = float(own[np.ix_(is_open, is_open)].sum()) / reference**2
    kept = share.contained * survival
    best = kept * (share.prompt if share.pairs else 0.0)
    low, high = kept * share.prompt_low, kept * share.prompt_high
    drawn = kept * np.array(share.prompt_quantiles)
    rows = []
    for k, name in enumerate(estimate.regions):
        ratio = float(ratios[k])
        # Of a region that was fitted itself only the part of the pairs that lies elsewhere is carried over.
        overlap = float(inner[k]) / reference if is_open[k] else 0.0
        other = max(1.0 - overlap / (1.0 + ratio - overlap), 0.0)
        assumed = transfer_error * other
        with_fitted = cross[k, is_open].sum() / reference**2
        variance = covariance[k, k] - 2.0 * ratio * with_fitted + ratio**2 * common
        error = float(np.sqrt(max(variance, 0.0) + (other * mean_weight) ** 2 + (ratio * assumed) ** 2))
        likely = _ratios(ratio, mean_weight, float(np.hypot(np.sqrt(common), assumed)))
        if is_open[k] and overlap >= ratio:
            likely = np.minimum(likely, 1.0) if other else np.ones(1)
        limit = float(np.quantile(np.outer(drawn, likely), share.level, method="hazen"))
        expected = ratio * best
        down = float(np.hypot(ratio * (best - low), error * best))
        up = float(np.hypot(ratio * (high - best), error * high))
        ends = max(expected - down, 0.0), expected + up
        rows.append(PromptRegion(name, expected, *ends, limit, share.level, ratio, error, constrained=True))
    return tuple(rows)


def _ratios(ratio: float, mean_weight: float, relative: float) -> NDArray[np.float64]:
    """Return equally likely ratios: Poisson with flat prior in units of the mean weight, times a log-normal factor."""
    levels = (np.arange(STEPS) + 0.5) / STEPS
    counted = mean_weight * scipy.special.gammaincinv(ratio / mean_weight + 1.0, levels)
    factor = np.exp(np.log1p(relative) * np.array([NormalDist().inv_cdf(level) for level in levels]))
    return np.outer(counted, factor).ravel()


def _assumed(estimate: PromptEstimate, k: int, level: float) -> PromptRegion:
    """Return the pairs of the assumed yield, with its error taken as Gaussian."""
    name, expected, error = estimate.regions[k], float(estimate.expected[k]), float(estimate.error[k])
    if not estimate.pairs[k]:
        limit = float(estimate.upper_limit[k])
        return PromptRegion(name, 0.0, 0.0, limit, limit, level, None, None, constrained=False)
    limit = expected + NormalDist().inv_cdf(level) * error
    ends = max(expected - error, 0.0), expected + error
    return PromptRegion(name, expected, *ends, limit, level, None, None, constrained=False)

"""Normalisation of the combinatorial estimate, measured with pairs that cannot be candidates.

Live time, downscale, trigger and scale of the halo move all regions together. Like-sign pairs, and pairs of opposite
charge out of time, have the same factors, and no signal is among them. Only those outside of all control regions are
used: the number then says nothing of a closed region, and does not change when one is opened.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from bdana.regions import OUTSIDE

if TYPE_CHECKING:
    from bdana.pairing import PairEstimate

__all__ = ["Normalisation", "measure_normalisation"]


@dataclass(frozen=True)
class Normalisation:
    """Observed over expected number of control pairs outside of all control regions.

    Attributes
    ----------
    observed : int
        Like-sign pairs in time, and pairs of opposite charge out of time.
    expected : float
        Their estimate.
    ratio, error : float
        Observed over expected, with the errors of counting and of the few single tracks.
    effect : float
        Relative uncertainty that all regions have in common: the distance of the ratio from 1, at least its error.
    """

    observed: int
    expected: float
    ratio: float
    error: float
    effect: float

    @property
    def source(self) -> str:
        """Where the number comes from, for [systematics] of analysis.toml."""
        return (
            f"measured: {self.observed} like-sign and out-of-time pairs outside of all control regions, "
            f"{self.expected:.4g} expected"
        )


def measure_normalisation(
    like: PairEstimate | None, estimate: PairEstimate, scale: float, observed: tuple[int, int]
) -> Normalisation | None:
    """Compare control pairs outside of all control regions with their estimate; None without a pair on either side.

    Parameters
    ----------
    like : PairEstimate or None
        Of like-sign pairs in time; None of clusters, which have no charge.
    estimate : PairEstimate
        Of pairs of opposite charge in time.
    scale : float
        Width of the observed window of time differences out of time over that of `estimate`.
    observed : tuple of int
        Like-sign pairs in time, and pairs of opposite charge out of time, outside.
    """
    at = estimate.regions.index(OUTSIDE)
    expected = float((like.expected[at] if like else 0.0) + scale * estimate.expected[at])
    n = sum(observed)
    if not (n and expected):
        return None
    # Both are made of the same tracks: their errors are added up.
    tracks = float((like.error[at] if like else 0.0) + scale * estimate.error[at]) / expected
    ratio = n / expected
    error = ratio * float(np.hypot(1.0 / np.sqrt(n), tracks))
    return Normalisation(n, expected, ratio, error, max(abs(ratio - 1.0), error))

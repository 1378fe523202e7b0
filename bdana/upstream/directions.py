"""Unfolding of muon positions and slopes at production: multiple scattering is taken out (see docs/prompt.md).

The line of a measured track is that of its muon at production plus what the matter added, m = p + s. With covariances M
of the measured lines and S of s, p has P = M - S, and the best guess from m is p = <m> + P M^-1 (m - <m>) with the
covariance P - P M^-1 P. Drawn with that spread, p has covariance P and comes down with M, as measured. Where S exceeds
M, p has no spread, and only those that come down like the tracks are seen.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from bdana.display import short_repr
from bdana.upstream.propagation import MuonStates, forward

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from bdana.upstream.propagation import Block

__all__ = ["DirectionClosure", "Directions", "close_directions", "unfold_directions"]

GROUP = 200
"""Smallest number of muons of similar energy that share one covariance."""
GROUPS = 20
"""Largest number of groups of muons of similar energy."""
DRAWN = 2_000
"""Number of muons simulated through the matter to find the scattering of a group."""
ENOUGH = 100
"""Smallest number of simulated muons that must arrive; with fewer a group is not corrected for scattering."""
NARROWEST = 0.01
"""Lower limit set on measured variances, in units of the variance of the scattering."""


@dataclass(frozen=True)
class Directions:
    """N muons at production with unfolded positions and slopes, and weights for what cannot be unfolded.

    Attributes
    ----------
    muons : MuonStates
    mean : ndarray, shape (N, 2, 2)
        Mean place and slope in x and y, at the end of the matter, of muons of similar energy.
    scale : ndarray, shape (N, 2, 2, 2)
        Turns place and slope in x and y into the axes of what is measured, in units of the scattering.
    narrow : ndarray, shape (N, 2, 2)
        1/m - 1 on axes whose measured variance is m < 1 times that of the scattering, else 0.
    """

    muons: MuonStates
    mean: NDArray[np.float64]
    scale: NDArray[np.float64]
    narrow: NDArray[np.float64]

    @property
    def unresolved(self) -> NDArray[np.bool_]:
        """Whether a muon scatters more than is measured in some combination of position and slope, shape (N,)."""
        return np.asarray(np.any(self.narrow > 0, axis=(1, 2)))

    @property
    def largest(self) -> NDArray[np.float64]:
        """Upper limit of the weights that `seen` returns, shape (N,)."""
        return np.asarray(np.sqrt(np.prod(1.0 + self.narrow, axis=(1, 2))))

    def seen(self, down: MuonStates, index: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return weights, shape (K,), that give muons behind the matter the measured positions and slopes.

        exp(-sum u^2 (1/m - 1) / 2) for the distances u from the mean, over its mean: 1 where nothing is unresolved.

        Parameters
        ----------
        down : MuonStates
            K muons at the end of the matter.
        index : ndarray of int, shape (K,)
            Which of the N each was.
        """
        away = _lines(down) - self.mean[index].transpose(1, 2, 0)
        u = np.einsum("kpij,pjk->kpi", self.scale[index], away)
        return np.exp(-0.5 * np.sum(self.narrow[index] * u**2, axis=(1, 2))) * self.largest[index]


@dataclass(frozen=True)
class DirectionClosure:
    """Closure test of the unfolding: rms of x, y (mm), tx, ty at the end of the matter; every attribute has shape (4,).

    Attributes
    ----------
    measured : ndarray
        Of the tracks.
    straight : ndarray
        Of muons carried back along straight lines and down again: the scattering counted twice.
    unfolded : ndarray
        Of muons that come down from their unfolded places and slopes.
    seen : ndarray
        Of those, weighted with `Directions.seen`.
    """

    measured: NDArray[np.float64]
    straight: NDArray[np.float64]
    unfolded: NDArray[np.float64]
    seen: NDArray[np.float64]

    __repr__ = short_repr


def unfold_directions(
    made: MuonStates,
    weights: NDArray[np.float64],
    blocks: Sequence[Block],
    threshold: float,
    rng: np.random.Generator,
) -> Directions:
    """Unfold the multiple scattering of muons that were carried back along straight lines.

    Muons are grouped by energy. A combination of place and slope whose measured variance is m times that of the
    scattering keeps the fraction k = max(1 - 1/m, 0) of its distance from the mean, and is spread with the variance k
    times that of the scattering.

    Parameters
    ----------
    made : MuonStates
        At production, with the energy there; in the two projections covariances are separate.
    weights : ndarray, shape (N,)
        How many muons each stands for.
    blocks : sequence of Block
    threshold : float
        Smallest energy in MeV of a track: muons that arrive with less, and scattered most, are not seen.
    rng : numpy.random.Generator
    """
    end = blocks[-1].z_max
    n = len(made.x)
    lines = _lines(made.at(end))
    result = lines.copy()
    means, scale, narrow = np.zeros((n, 2, 2)), np.zeros((n, 2, 2, 2)), np.zeros((n, 2, 2))
    order = np.argsort(made.energy, kind="stable")
    for group in np.array_split(order, min(GROUPS, max(1, n // GROUP))):
        total = weights[group].sum()
        if not total:
            continue
        drawn = made.take(rng.choice(group, DRAWN, p=weights[group] / total))
        down = forward(drawn, blocks, rng)
        added = (_lines(down) - _lines(drawn.at(end)))[:, :, (down.energy > 0) & (down.energy >= threshold)]
        if added.shape[2] < ENOUGH:
            continue
        for projection in range(2):
            mean = np.average(lines[projection][:, group], axis=1, weights=weights[group])
            away = lines[projection][:, group] - mean[:, np.newaxis]
            root = np.linalg.cholesky(np.cov(added[projection]))
            scaled = np.linalg.solve(root, away)
            variance, axes = np.linalg.eigh((scaled * weights[group]) @ scaled.T / total)
            variance = np.maximum(variance, NARROWEST)
            keep = np.maximum(1.0 - 1.0 / variance, 0.0)[:, np.newaxis]
            noise = np.sqrt(keep) * rng.standard_normal(away.shape)
            u = keep * (axes.T @ scaled) + noise
            result[projection][:, group] = mean[:, np.newaxis] + root @ axes @ u
            means[group, projection] = mean
            scale[group, projection] = axes.T @ np.linalg.inv(root)
            narrow[group, projection] = np.maximum(1.0 / variance - 1.0, 0.0)
    (x, tx), (y, ty) = result
    at_end = MuonStates(x, y, tx, ty, made.energy, end)
    return Directions(at_end.at(made.z), means, scale, narrow)


def close_directions(
    made: MuonStates,
    unfolded: Directions,
    seen_weights: NDArray[np.float64],
    weights: NDArray[np.float64],
    blocks: Sequence[Block],
    threshold: float,
    rng: np.random.Generator,
) -> DirectionClosure:
    """Simulate muons through the matter and compare their widths with those of the tracks.

    Parameters
    ----------
    made : MuonStates
        At production, on straight lines from the tracks.
    unfolded : Directions
    seen_weights, weights : ndarray, shape (N,)
        How many tracks each stands for, and how many muons at production.
    blocks : sequence of Block
    threshold : float
        Smallest energy in MeV of a track.
    rng : numpy.random.Generator
    """
    straight, down = (forward(start, blocks, rng) for start in (made, unfolded.muons))
    index = np.arange(len(weights))
    arrived = [np.where(muons.energy >= threshold, weights, 0.0) for muons in (straight, down)]
    return DirectionClosure(
        _widths(made.at(blocks[-1].z_max), seen_weights),
        _widths(straight, arrived[0]),
        _widths(down, arrived[1]),
        _widths(down, arrived[1] * unfolded.seen(down, index)),
    )


def _lines(muons: MuonStates) -> NDArray[np.float64]:
    """Return position and slope in both projections, shape (2, 2, N)."""
    return np.array([[muons.x, muons.tx], [muons.y, muons.ty]])


def _widths(muons: MuonStates, weights: NDArray[np.float64]) -> NDArray[np.float64]:
    if not weights.any():
        return np.full(4, np.nan)
    values = np.array([muons.x, muons.y, muons.tx, muons.ty])
    mean = np.average(values, axis=1, weights=weights)
    return np.sqrt(np.average((values - mean[:, np.newaxis]) ** 2, axis=1, weights=weights))

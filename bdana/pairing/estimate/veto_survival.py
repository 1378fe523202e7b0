"""Probability that accidental activity does not veto an event, in classes of bursts of similar intensity."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["VetoSurvival"]

PRECISE = 0.03
"""Relative error of the survival of a class, above which classes are merged, assumed."""
MOST_CLASSES = 10


@dataclass(frozen=True)
class VetoSurvival:
    """Survival a of accidental vetoes, by which pairs of tracks that both survived are divided.

    Vetoed tracks make a_k^2 R_k^2 pairs in burst k, where data have a_k R_k^2. The sum over bursts of the former over
    that of the latter, both measured with the displaced windows of events i and j of a burst, sum a_i a_j and sum a_i,
    is what one division has to have: whatever the survival's spread from burst to burst, and without bias for any number
    of events.

    Attributes
    ----------
    by_burst : ndarray, shape (N,)
        Survival of the class of each burst; 1 where none was tried.
    mean : float
        That of all bursts as one class.
    relative_error : float
        Statistical error of the number of pairs that comes from all classes.
    classes : int
        Number of classes of intensity.
    shared : float
        Relative covariance of the survival with the pairs that are divided by it: the same tracks are in both.
    """

    by_burst: NDArray[np.float64]
    mean: float
    relative_error: float
    classes: int
    shared: float = 0.0

    @property
    def relative_variance(self) -> float:
        """What the survival adds to the relative variance of the pairs divided by it, not below 0."""
        return max(self.relative_error**2 - 2.0 * self.shared, 0.0)

    @classmethod
    def of(
        cls,
        tried: NDArray[np.float64],
        survived: NDArray[np.float64],
        squares: NDArray[np.float64],
        weight: NDArray[np.float64],
        intensity: NDArray[np.float64],
        pairs: NDArray[Any],
    ) -> VetoSurvival:
        """Average the survival over pairs in classes of intensity.

        Parameters
        ----------
        tried, survived, squares : ndarray, shape (N,)
            Events of each burst that were tried in displaced windows, and the sums of their surviving fraction and of
            its square.
        weight : ndarray, shape (N,)
            Weight of a pair in each burst, such as D^2 / T.
        intensity : ndarray, shape (N,)
            By which bursts are sorted into classes: no function of the tracks, whose fluctuations would then be sorted
            too. NaN where it is not known, and all are one class.
        pairs : ndarray, shape (N,)
            Pairs of opposite charge in each burst.
        """
        n = len(tried)
        mean, error, shared = _average(tried, survived, squares, weight, weight * pairs)
        one = cls(np.full(n, mean), mean, error, 1, shared)
        if not np.isfinite(intensity).all() or mean == 1.0:
            return one
        order = np.argsort(intensity, kind="stable")
        share = np.cumsum(tried[order]) / max(float(tried.sum()), 1.0)
        for number in range(MOST_CLASSES, 1, -1):
            place = np.empty(n, dtype=np.int64)
            place[order] = np.minimum((number * share - 1e-9).astype(np.int64), number - 1)
            own = [place == c for c in range(number)]
            found = [_average(tried[c], survived[c], squares[c], weight[c], (weight * pairs)[c]) for c in own]
            if all(0.0 < relative <= PRECISE for _, relative, _ in found):
                values = np.array([value for value, *_ in found])
                parts = np.array([(weight[c] * pairs[c]).sum() for c in own]) / values
                whole = float(parts.sum())
                errors = parts * np.array([relative for _, relative, _ in found])
                together = float(np.sqrt(np.sum(errors**2))) / whole if whole else error
                common = parts**2 @ np.array([part for *_, part in found]) / whole**2 if whole else 0.0
                return cls(values[place], mean, together, number, float(common))
        return one


def _average(
    tried: NDArray[np.float64],
    survived: NDArray[np.float64],
    squares: NDArray[np.float64],
    weight: NDArray[np.float64],
    weighted: NDArray[np.float64],
) -> tuple[float, float, float]:
    """Return the survival over pairs of surviving tracks of some bursts, 1 if never tried, and its relative error.

    The last number is its relative covariance with the sum of the `weighted` pairs of tracks, each of which is among the
    events: one more track of a burst adds a pair with each of its partners.
    """
    both = float(np.sum(weight * (survived**2 - squares)))
    either = float(np.sum(weight * (survived * tried - survived)))
    if not (both > 0 and either > 0):  # no two events of one burst
        share = float(survived.sum() / tried.sum()) if survived.any() else 1.0
        error = float(np.sqrt((1.0 - share) / (share * tried.sum()))) if tried.any() else 0.0
        return share, error, 0.0
    # Relative change from one more event of surviving fraction s: rise * s + fall.
    rise = weight * (2.0 * survived / both - tried / either)
    fall = -weight * survived / either
    variance = float(np.sum(rise**2 * squares + 2.0 * rise * fall * survived + fall**2 * tried))
    total = float(weighted.sum())
    of_track = rise * np.divide(survived, tried, out=np.zeros_like(rise), where=tried > 0) + fall
    shared = 2.0 * float(weighted @ of_track) / total if total else 0.0
    return both / either, float(np.sqrt(max(variance, 0.0))), shared

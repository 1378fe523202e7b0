"""What a search in windows of mass is made of: the mass resolution, and the expected background against mass."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from bdana.errors import InputError
from bdana.observed import Predicted
from bdana.statistics.background import Background, Floats

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

__all__ = ["MassSpectrum", "Resolution", "weighted_half_width", "width_with_error"]


@dataclass(frozen=True)
class Resolution:
    """The mass resolution as a function of mass: a straight line between points, and on beyond the outer ones.

    Attributes
    ----------
    points : tuple of (float, float)
        Mass and resolution, in MeV/c2; one point is a constant resolution.

    Examples
    --------
    >>> from bdana.statistics.mass_spectrum import Resolution
    >>> round(Resolution(((220.0, 0.4), (411.0, 2.0), (700.0, 3.2)))(500.0), 3)
    2.37
    """

    points: tuple[tuple[float, float], ...]

    def __post_init__(self) -> None:
        values = np.array(self.points, dtype=float).reshape(-1, 2)
        if not (
            len(values)
            and np.isfinite(values).all()
            and (values > 0).all()
            and (np.diff(values[:, 0]) > 0).all()
        ):
            raise InputError(
                "the mass resolution needs points of mass and resolution, both above zero, at ascending masses"
            )

    def __call__(self, mass: float) -> float:
        """Return the resolution at a mass, both in MeV/c2.

        Parameters
        ----------
        mass : float

        Raises
        ------
        InputError
            When the straight line beyond the points comes to zero there.
        """
        x, y = np.array(self.points, dtype=float).T
        if len(x) == 1:
            return float(y[0])
        i = int(np.clip(np.searchsorted(x, mass) - 1, 0, len(x) - 2))
        found = float(y[i] + (mass - x[i]) * (y[i + 1] - y[i]) / (x[i + 1] - x[i]))
        if not found > 0:
            raise InputError(f"the mass resolution at {mass:g} MeV is not above zero: give a point there")
        return found


@dataclass(frozen=True)
class MassSpectrum:
    """The expected background against mass.

    Attributes
    ----------
    edges : ndarray, shape (B + 1,)
        In MeV/c2; within a bin the background is flat.
    contents : ndarray, shape (B,)
        Expected events.
    covariance : ndarray, shape (B, B)
        Of the contents, all errors but one-sided ones together.
    unseen_limit : float
        90% CL upper limit, in events, where the spectrum is empty because no pair was there to estimate from; 0: known to be
        empty.
    one_sided : tuple of float
        Relative effects of sources that can move all contents only up, or only down where negative.
    """

    edges: Floats
    contents: Floats
    covariance: Floats
    unseen_limit: float = 0.0
    one_sided: tuple[float, ...] = ()

    @classmethod
    def flat(cls, low: float, high: float, total: Background) -> MassSpectrum:
        """Return a flat spectrum of a background with a symmetric error.

        Parameters
        ----------
        low, high : float
            In MeV/c2.
        total : Background
            Of all masses.
        """
        if not (np.isfinite([low, high]).all() and 0 <= low < high):
            raise InputError(
                f"the mass range from {low:g} to {high:g} MeV is empty: give finite ends in order"
            )
        if total.prior != "truncated_gaussian":
            raise InputError("a background against mass needs one Gaussian error")
        return cls(np.array([low, high]), np.array([total.expected]), np.array([[total.error**2]]))

    def shares(self, low: float, high: float) -> Floats:
        """Return the part of each bin that is between two masses, shape (B,).

        Parameters
        ----------
        low, high : float

        Raises
        ------
        InputError
            When they are not inside the spectrum.
        """
        if low < self.edges[0] or high > self.edges[-1]:
            raise InputError(
                f"the window from {low:g} to {high:g} MeV is not inside the spectrum from {self.edges[0]:g} to "
                f"{self.edges[-1]:g} MeV"
            )
        overlap = np.minimum(self.edges[1:], high) - np.maximum(self.edges[:-1], low)
        return np.asarray(np.maximum(overlap, 0.0) / np.diff(self.edges))

    def background(self, low: float, high: float) -> Background:
        """Return the background between two masses.

        Parameters
        ----------
        low, high : float
        """
        share = self.shares(low, high)
        expected = float(share @ self.contents)
        if expected <= 0:
            return Background.unseen(self.unseen_limit) if self.unseen_limit else Background(0.0)
        effects = expected * np.array(self.one_sided)
        variance = max(float(share @ self.covariance @ share), 0.0)
        up, down = (float(np.sqrt(variance + np.sum(effects[effects * sign > 0] ** 2))) for sign in (1, -1))
        return Background.of(Predicted(expected, up, None, None if down == up else down))


def weighted_half_width(pull: ArrayLike, weight: ArrayLike, share: float = 0.6826894921370859) -> float:
    """Return the distance from zero within which a share of weighted values lies: of a Gaussian its standard deviation.

    Parameters
    ----------
    pull : array_like
        Values around zero, such as measured minus true masses.
    weight : array_like
        Not negative.
    share : float

    Raises
    ------
    InputError
        When there is no weight.
    """
    distance, weights = np.abs(np.asarray(pull, dtype=float)), np.asarray(weight, dtype=float)
    if not weights.sum() > 0:
        raise InputError("no event has a weight to measure a resolution from")
    order = np.argsort(distance)
    reached = np.cumsum(weights[order]) / weights.sum()
    return float(distance[order][np.searchsorted(reached, share)])


def width_with_error(pull: ArrayLike, weight: ArrayLike) -> tuple[float, float]:
    """Return the distance from zero within which 68.3% of weighted values lies, and its statistical error.

    The share that lies within a fixed distance has the binomial error of as many events as the weights are worth; the error of
    the distance is half of what lies between the distances of the share that much lower and higher.

    Parameters
    ----------
    pull, weight : array_like
        As for `weighted_half_width`.

    Raises
    ------
    InputError
        When there is no weight.

    Examples
    --------
    >>> import numpy as np
    >>> from scipy import stats
    >>> from bdana.statistics.mass_spectrum import width_with_error
    >>> pulls = stats.norm.ppf((np.arange(100_000) + 0.5) / 100_000)
    >>> np.round(width_with_error(pulls, np.ones(100_000)), 3)  # sqrt(0.683 0.317/100000) over twice the density
    array([1.   , 0.003])
    """
    weights = np.asarray(weight, dtype=float)
    width, share = weighted_half_width(pull, weights), 0.6826894921370859
    step = np.sqrt(share * (1.0 - share) * (weights**2).sum()) / weights.sum()
    low, high = (
        weighted_half_width(pull, weights, float(np.clip(share + sign * step, 0.0, 1.0 - 1e-9)))
        for sign in (-1.0, 1.0)
    )
    return width, 0.5 * (high - low)

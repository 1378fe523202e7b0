"""Pulls of nuisance parameters: which sources of uncertainty the counts of several regions shift."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import minimize

from bdana.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import ArrayLike

__all__ = ["Pull", "nuisance_pulls"]

SMALLEST = 1e-12
"""Smallest expectation in the fit, relative to the prediction: keeps it positive at all nuisance parameters."""


@dataclass(frozen=True)
class Pull:
    """Fitted value of the nuisance parameter of one source, in units of its error before the fit.

    Attributes
    ----------
    source : str
    value : float
        0 where the counts are as predicted.
    error : float
        Below 1 where the counts tell more of the source than was known.
    """

    source: str
    value: float
    error: float


def nuisance_pulls(
    observed: Sequence[int], expected: Sequence[float], effects: Mapping[str, ArrayLike]
) -> tuple[Pull, ...]:
    """Fit Poisson counts with one Gaussian nuisance parameter for each source.

    Maximises prod_r Poisson(n_r | b_r + sum_s theta_s e_sr) prod_s exp(-theta_s^2 / 2); errors from the second
    derivatives (Conway, arXiv:1103.0354, section 2).

    Parameters
    ----------
    observed : sequence of int
        Counts of R regions.
    expected : sequence of float
        Predicted, above zero.
    effects : mapping of str to array_like, shape (R,)
        Shift of the prediction, in events, by one standard deviation of each source.

    Raises
    ------
    InputError
        When an expectation is not above zero.

    Examples
    --------
    >>> from bdana.statistics.nuisance_pulls import nuisance_pulls
    >>> for pull in nuisance_pulls([140], [100.0], {"scale": [20.0], "shape": [5.0]}):
    ...     print(f"{pull.source}: {pull.value:.2f} +- {pull.error:.2f}")
    scale: 1.44 +- 0.52
    shape: 0.36 +- 0.98
    """
    n, b = np.asarray(observed, dtype=np.float64), np.asarray(expected, dtype=np.float64)
    if not (b > 0).all():
        raise InputError("pulls need expectations above zero")
    shift = np.array([np.asarray(effect, dtype=np.float64) for effect in effects.values()]).reshape(
        -1, len(b)
    )

    def mean(theta: np.ndarray) -> np.ndarray:
        return np.maximum(b + theta @ shift, SMALLEST * b)

    def loss(theta: np.ndarray) -> tuple[float, np.ndarray]:
        mu = mean(theta)
        return float((mu - n * np.log(mu)).sum() + 0.5 * theta @ theta), shift @ (1.0 - n / mu) + theta

    best = minimize(loss, np.zeros(len(shift)), jac=True, method="BFGS", options={"gtol": 1e-9}).x
    curvature = np.eye(len(shift)) + (shift * (n / mean(best) ** 2)) @ shift.T
    errors = np.sqrt(np.diag(np.linalg.inv(curvature)))
    return tuple(
        Pull(name, float(value), float(error))
        for name, value, error in zip(effects, best, errors, strict=True)
    )

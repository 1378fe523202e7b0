"""Iterative Bayesian unfolding (G. D'Agostini, Nucl. Instrum. Meth. A362 (1995) 487)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from bdana.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Unfolded", "unfold"]


@dataclass(frozen=True)
class Unfolded:
    """Unfolded spectrum with its covariance.

    Attributes
    ----------
    counts : ndarray, shape (C,)
        Number of causes in each bin, corrected for the efficiency; 0 where that is zero.
    covariance : ndarray, shape (C, C)
        From the variances of the effects, propagated through every iteration (T. Adye, arXiv:1105.1160).
    chi2_change : float
        Sum of squared changes of the last iteration over the larger of counts and one.
    """

    counts: NDArray[np.float64]
    covariance: NDArray[np.float64]
    chi2_change: float


def unfold(
    observed: NDArray[np.float64],
    response: NDArray[np.float64],
    iterations: int,
    prior: NDArray[np.float64] | None = None,
    variance: NDArray[np.float64] | None = None,
) -> Unfolded:
    """Unfold a spectrum by iterative Bayesian unfolding.

    Each iteration takes P(C_i | E_j) from Bayes' theorem (paper's eq. 3) with the last spectrum as the prior, and
    counts n(C_i) = sum_j n(E_j) P(C_i | E_j) / efficiency_i (eqs. 4 and 5).

    Parameters
    ----------
    observed : ndarray, shape (E,)
        Counts of effects.
    response : ndarray, shape (E, C)
        P(effect | cause); its column sums are the efficiencies.
    iterations : int
        Few regularise, many amplify fluctuations.
    prior : ndarray, shape (C,), optional
        First guess, flat by default.
    variance : ndarray, shape (E,), optional
        Of the counts of effects: sums of squared weights; by default the counts, as for a weight of one.

    Raises
    ------
    InputError
        When shapes differ or there is not at least one iteration.

    Examples
    --------
    >>> import numpy as np
    >>> from bdana.upstream import unfold
    >>> response = np.array([[0.8, 0.1], [0.1, 0.7]])
    >>> unfold(np.array([80.0, 40.0]), response, iterations=100).counts.round(2)
    array([94.55, 43.64])
    """
    if response.ndim != 2 or response.shape[0] != len(observed) or iterations < 1:
        raise InputError(
            f"unfolding needs a response of {len(observed)} rows and at least one iteration, "
            f"not shape {response.shape} and {iterations}"
        )
    efficiency = response.sum(axis=0)
    seen = np.divide(1.0, efficiency, out=np.zeros_like(efficiency), where=efficiency > 0)
    counts = np.ones(response.shape[1]) if prior is None else prior.astype(np.float64)
    jacobian = np.zeros((response.shape[1], len(observed)))  # d counts / d observed
    change = np.inf
    for _ in range(iterations):
        folded = response @ counts
        inverse = np.divide(1.0, folded, out=np.zeros_like(folded), where=folded > 0)
        matrix = (counts * seen)[:, np.newaxis] * response.T * inverse
        # d matrix @ observed: directly, through the prior in the numerator, and through the denominator.
        ratio = np.divide(matrix @ observed, counts, out=np.zeros_like(counts), where=counts > 0)
        through = (matrix * (observed * inverse)) @ response
        jacobian = matrix + ratio[:, np.newaxis] * jacobian - through @ jacobian
        updated = matrix @ observed
        change = float(np.sum((updated - counts) ** 2 / np.maximum(counts, 1.0)))
        counts = updated
    return Unfolded(
        counts, jacobian @ np.diag(observed if variance is None else variance) @ jacobian.T, change
    )

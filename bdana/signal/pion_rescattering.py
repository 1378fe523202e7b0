"""Two pions in an S wave: their phase shift, and what their rescattering makes of a form factor.

Omega(s) = exp(s / pi P-integral over x from 4 m_pi^2 of delta(x) / (x (x - s))), with the phase shift delta of isospin 0 of
R. Garcia-Martin et al., Phys. Rev. D 83, 074004 (arXiv:1102.2183), their constrained fit to data, up to 850 MeV; from there
it rises straight to 180 degrees at 2 m_K, and stays.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from bdana.masses import MASS
from bdana.signal.constants import PION_MASS
from bdana.signal.validity import ValidRange

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["PHASE_SHIFT", "RESCATTERING", "omnes_function", "pion_phase_shift"]

_KAON_MASS = MASS[321]
_FITTED = 850.0
_POINTS, _WEIGHTS = np.polynomial.legendre.leggauss(200)

PHASE_SHIFT = ValidRange(
    "the phase shift of two pions", "energy", 2.0 * PION_MASS, _FITTED, "MeV",
    "two pions do not exist below, and the fit ends above", can_extrapolate=False,
)  # fmt: skip
"""Where `pion_phase_shift` holds."""
RESCATTERING = ValidRange(
    "the rescattering of two pions", "energy", 0.0, 800.0, "MeV",
    "near f0(980) the pions become kaons, and one channel is not enough", can_extrapolate=False,
)  # fmt: skip
"""Where `omnes_function` holds."""


def pion_phase_shift(energy: ArrayLike) -> NDArray[np.float64]:
    """Return the S-wave phase shift delta_0^0 of two pions in rad, shape (N,) (arXiv:1102.2183, constrained fit).

    Parameters
    ----------
    energy : array-like, shape (N,)
        In their rest frame, in MeV.

    Raises
    ------
    ConfigError
        Outside of `PHASE_SHIFT`.

    Examples
    --------
    >>> import numpy as np
    >>> from bdana.signal.pion_rescattering import pion_phase_shift
    >>> np.degrees(pion_phase_shift([300.0, 500.0, 850.0])).round(1)
    array([ 5.6, 40. , 93. ])
    """
    return _fitted(PHASE_SHIFT.check(energy))


def _fitted(energy: NDArray[np.float64]) -> NDArray[np.float64]:
    s, pion2 = energy**2, PION_MASS**2
    momentum = np.sqrt(np.maximum(s / 4.0 - pion2, 0.0))
    below_kaons = np.sqrt(4.0 * _KAON_MASS**2 - s)
    w = (energy - below_kaons) / (energy + below_kaons)
    series = PION_MASS / energy + 7.14 - 25.3 * w - 33.2 * w**2 - 26.2 * w**3
    shift: NDArray[np.float64] = np.arctan2(2.0 * momentum * (s - pion2 / 2.0), energy * pion2 * series)
    return shift


def _phase(energy: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the phase shift up to 2 m_K, shape (N,)."""
    last = _fitted(np.array(_FITTED))
    beyond = last + (np.pi - last) * (energy - _FITTED) / (2.0 * _KAON_MASS - _FITTED)
    return np.where(energy < _FITTED, _fitted(np.minimum(energy, _FITTED)), beyond)


def omnes_function(energy: float) -> float:
    """Return |Omega|, the factor by which two pions in an S wave are enhanced as they rescatter; 1 at zero energy.

    Parameters
    ----------
    energy : float
        In the rest frame of the pions, in MeV.

    Raises
    ------
    ConfigError
        Outside of `RESCATTERING`.

    Examples
    --------
    >>> from bdana.signal.pion_rescattering import omnes_function
    >>> round(omnes_function(500.0), 3)
    1.945
    """
    s = float(RESCATTERING.check(energy)) ** 2
    start, end = 4.0 * PION_MASS**2, 4.0 * _KAON_MASS**2
    own = float(_phase(np.sqrt(np.array(s)))) if s > start else 0.0
    # With delta(s) taken off, the integrand has no pole; the rest is known. x = start + u^2 makes the threshold smooth.
    total = 0.0
    ends = np.sqrt(np.array([0.0, _FITTED**2 - start, end - start]))
    for low, high in pairwise(ends):
        u = low + (high - low) * (_POINTS + 1.0) / 2.0
        x = start + u**2
        integrand = 2.0 * u * (_phase(np.sqrt(x)) - own) / (x * (x - s))
        total += (high - low) / 2.0 * float(np.dot(_WEIGHTS, integrand))
    if s > 0.0:
        total -= (np.pi - own) / s * np.log1p(-s / end)
    if s > start:
        total -= own / s * np.log(s / start - 1.0)
    return float(np.exp(s / np.pi * total))

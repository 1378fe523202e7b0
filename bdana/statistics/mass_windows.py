"""Windows of mass around candidate masses: their ends, backgrounds and observed counts.

A window holds all masses within a number of mass resolutions of the candidate mass. Its limit counts signal events in the
window; divided by the share of a Gaussian peak inside it is one on the signal events of all masses.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import special

from bdana.errors import InputError
from bdana.statistics.background import Background

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from bdana.statistics.mass_spectrum import MassSpectrum, Resolution

__all__ = ["MassSearch", "MassWindow"]


@dataclass(frozen=True)
class MassWindow:
    """One window of the search.

    Attributes
    ----------
    mass, resolution, low, high : float
        Candidate mass, resolution and ends of the window, in MeV/c2.
    efficiency : float
        Share of a Gaussian peak that is inside.
    background : Background
    observed : int or None
        None while the region is closed.
    """

    mass: float
    resolution: float
    low: float
    high: float
    efficiency: float
    background: Background
    observed: int | None

    def to_dict(self) -> dict[str, Any]:
        """Return the window as plain values, for JSON; the observed count only where the region is open."""
        found = {
            "mass_mev": self.mass,
            "resolution_mev": self.resolution,
            "low_mev": self.low,
            "high_mev": self.high,
            "efficiency": self.efficiency,
            "expected": self.background.expected,
            "error": self.background.error,
        }
        if self.background.error_down is not None:
            found["error_down"] = self.background.error_down
        return found if self.observed is None else found | {"observed": self.observed}


@dataclass(frozen=True)
class MassSearch:
    """What a search in windows of mass is made of.

    Attributes
    ----------
    resolution : Resolution
    half_width : float
        Of a window, in resolutions.
    spectrum : MassSpectrum or Background
        Expected background against mass; a Background is that of the whole region, taken in every window, which is more
        than there is.
    observed : ndarray or None, shape (N,)
        Masses of the observed events, in MeV/c2; None while the region is closed.
    """

    resolution: Resolution
    half_width: float
    spectrum: MassSpectrum | Background
    observed: NDArray[np.float64] | None = None

    def __post_init__(self) -> None:
        if not (np.isfinite(self.half_width) and self.half_width > 0):
            raise InputError(f"the half width of {self.half_width} resolutions: give a number above zero")
        if self.observed is not None and not np.isfinite(self.observed).all():
            raise InputError("an observed mass is not finite")

    def window(self, mass: float) -> MassWindow:
        """Return the window around a mass; a mass at its border is inside.

        Parameters
        ----------
        mass : float
            In MeV/c2, above zero.
        """
        if not (np.isfinite(mass) and mass > 0):
            raise InputError(f"a candidate mass of {mass:g} MeV: give finite masses above zero")
        sigma = self.resolution(mass)
        low, high = mass - self.half_width * sigma, mass + self.half_width * sigma
        background = (
            self.spectrum if isinstance(self.spectrum, Background) else self.spectrum.background(low, high)
        )
        seen = self.observed
        count = None if seen is None else int(np.count_nonzero((seen >= low) & (seen <= high)))
        share = float(special.erf(self.half_width / np.sqrt(2.0)))
        return MassWindow(mass, sigma, low, high, share, background, count)

    def masses(self, low: float, high: float, step: float = 1.0) -> list[float]:
        """Return candidate masses from one end to the other in steps of the resolution.

        Parameters
        ----------
        low, high : float
            In MeV/c2.
        step : float
            In resolutions, above zero.
        """
        if not (np.isfinite([low, high, step]).all() and 0 < low <= high and step > 0):
            raise InputError("a scan in mass needs ascending ends and a step above zero")
        found = [low]
        while (after := found[-1] + step * self.resolution(found[-1])) < high:
            found.append(after)
        return found if low == high else [*found, high]

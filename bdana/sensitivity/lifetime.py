"""Limits that need no coupling: on the particles made for each proton, against mass and lifetime."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from bdana.signal.constants import HBAR_C

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from bdana.sensitivity.scan import Scan

__all__ = ["SPEED_OF_LIGHT", "lifetime_limits"]

SPEED_OF_LIGHT = 299.792458
"""In mm/ns."""


def lifetime_limits(
    scan: Scan,
    masses: Sequence[float],
    lifetimes_ns: NDArray[np.float64],
    protons: float,
    limit: float,
    production: str | None = None,
) -> NDArray[np.float64]:
    """Return upper limits on the particles per proton times their branching ratio, for any mean lifetime.

    What is left of the model is the spectrum in which the particles leave the dump: that of one production process, or
    of all of them in the model's proportions. The widths of the model drop out.

    Parameters
    ----------
    scan : Scan
        Signal yields.
    masses : sequence of float, length M
        In MeV/c2.
    lifetimes_ns : ndarray, shape (T,)
        Mean lifetimes in ns.
    protons : float
        On target.
    limit : float
        Upper limit on the number of selected signal events.
    production : str, optional
        One process; by default all of them together.

    Returns
    -------
    ndarray, shape (M, T)
        Infinite where no particle would be selected.
    """
    found = np.full((len(masses), len(lifetimes_ns)), np.inf)
    for row, mass in zip(found, masses, strict=True):
        yields = scan(mass)
        # The squared coupling at which the model's particle has this lifetime; its yields lose per-proton and ratio.
        coupling2 = HBAR_C / (yields.width * SPEED_OF_LIGHT * np.asarray(lifetimes_ns))
        parts = [part for name, part in yields.production.items() if production in {None, name}]
        made = sum(part.per_proton for part in parts) * yields.ratio
        selected = np.zeros(len(lifetimes_ns))
        for part in parts:
            selected += next(iter(part.selected.values())).mean(coupling2)
        np.divide(limit * made, protons * selected, out=row, where=selected > 0.0)
    return found

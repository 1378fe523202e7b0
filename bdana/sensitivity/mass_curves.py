"""Acceptance, efficiency and mass resolution of simulated signal against the mass of the particle."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from bdana.errors import BdanaError
from bdana.sensitivity.points import signal_point
from bdana.sensitivity.signal_candidates import expected_candidates
from bdana.statistics.mass_spectrum import width_with_error

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bdana.sensitivity.scan import Scan

__all__ = ["efficiencies", "resolutions"]

MASSES = 5
"""At which the resolution is measured: each takes as long as the yields of a mass."""


def efficiencies(scan: Scan, masses: Sequence[float], coupling: float) -> dict[str, list[float]]:
    """Return which share of the decays in the decay volume is accepted, and selected in the innermost region.

    Parameters
    ----------
    scan : Scan
    masses : sequence of float
        In MeV/c2; those without an expected decay in the volume are left out.
    coupling : float
        At which the lifetime is taken.

    Returns
    -------
    dict of str to list of float
        `mass_mev`, `accepted`, `accepted_error`, `selected`, `selected_error`: one number for each mass.
    """
    keys = ("mass_mev", "accepted", "accepted_error", "selected", "selected_error")
    found: dict[str, list[float]] = {key: [] for key in keys}
    for mass in masses:
        if not scan.is_open(mass):
            continue
        made = signal_point(scan(mass), coupling, 1.0)["production"].values()
        decays = sum(one["n_decays_fv"] for one in made)
        if not decays > 0.0:
            continue
        found["mass_mev"].append(float(mass))
        for key in ("accepted", "selected"):
            error = float(np.sqrt(sum(one[f"n_{key}_error"] ** 2 for one in made)))
            found[key].append(sum(one[f"n_{key}"] for one in made) / decays)
            found[f"{key}_error"].append(error / decays)
    return found


def resolutions(scan: Scan, masses: Sequence[float], coupling: float) -> dict[str, list[float]]:
    """Return half the width that holds the central 68.3% of reconstructed masses, of selected signal in the innermost region.

    Parameters
    ----------
    scan : Scan
    masses : sequence of float
        Ascending, in MeV/c2: `MASSES` of them, evenly chosen, are simulated.
    coupling : float
        At which the lifetime is taken.

    Returns
    -------
    dict of str to list of float
        `mass_mev`, `resolution_mev` and `resolution_error_mev`, its statistical error; masses of which nothing is selected
        are left out.
    """
    is_open = [mass for mass in masses if scan.is_open(mass)]
    chosen = sorted({int(place) for place in np.linspace(0, len(is_open) - 1, MASSES)}) if is_open else []
    found: dict[str, list[float]] = {"mass_mev": [], "resolution_mev": [], "resolution_error_mev": []}
    inner: Any = scan.analysis.regions.names[0]
    for mass in (is_open[place] for place in chosen):
        try:
            made = expected_candidates(scan.analysis, scan.mode, mass, coupling, 1.0)
            own = (made.region == inner) & (made.weight > 0.0)
            width, error = width_with_error(made.mass[own] - mass, made.weight[own])
        except BdanaError:  # nothing is selected there
            continue
        found["mass_mev"].append(float(mass))
        found["resolution_mev"].append(width)
        found["resolution_error_mev"].append(error)
    return found

"""Figures of the search for a new particle: excluded couplings, what each part of the signal adds, limits on lifetimes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from bdana.plotting.excluded import save_exclusion, save_lifetime, save_sensitivity
from bdana.report.tables import in_label
from bdana.sensitivity.lifetime import lifetime_limits

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from bdana.sensitivity.contour import Island
    from bdana.sensitivity.exclusion import Exclusion
    from bdana.sensitivity.overlays import Overlay
    from bdana.sensitivity.scan import Scan

__all__ = ["draw_exclusion", "draw_lifetime", "draw_parts"]

LIFETIMES_NS = np.geomspace(1e-2, 1e6, 161)
"""Mean lifetimes shown in the plane of mass and lifetime."""


def draw_exclusion(
    path: Path,
    exclusions: Sequence[Exclusion],
    overlays: Sequence[Overlay] = (),
    title: str = "",
    label: str = "data",
) -> None:
    """Draw observed and expected contours, with bands of the systematic uncertainties of the first.

    Parameters
    ----------
    path : Path
    exclusions : sequence of Exclusion
        At one or more confidence levels.
    overlays : sequence of Overlay
        Published contours.
    title : str
    label : str
        What the observed events are: data, simulation or pseudo-data.
    """
    first, *others = exclusions
    contours: dict[str, tuple[Island, ...]] = {}
    for one in exclusions if first.observed_limit is not None else others:
        word = "expected" if one.observed_limit is None else in_label("observed", label)
        contours[f"{word}, {100 * one.level:g}% CL"] = one.shown
    bands = {name.replace("_", " "): ends for name, ends in first.systematics.items()}
    save_exclusion(path, contours, first.expected, bands, overlays, title, _axis(first))


def draw_parts(path: Path, parts: Mapping[str, Exclusion], total: str, title: str = "") -> None:
    """Draw what single production processes or decay modes exclude, and all together.

    Parameters
    ----------
    path : Path
    parts : mapping of str to Exclusion
    total : str
        Name of the sum among them.
    title : str
    """
    contours = {name: exclusion.shown for name, exclusion in parts.items()}
    axis = _axis(next(iter(parts.values())))
    save_sensitivity(path, contours, total if total in contours else None, title, axis)


def draw_lifetime(
    path: Path, scan: Scan, masses: Sequence[float], protons: float, limit: float, title: str = ""
) -> None:
    """Draw upper limits on the particles per proton times their branching ratio against mass and lifetime.

    Parameters
    ----------
    path : Path
    scan : Scan
        Signal yields.
    masses : sequence of float
        In MeV/c2.
    protons : float
        On target.
    limit : float
        Upper limit on the number of selected signal events.
    title : str
    """
    limits = lifetime_limits(scan, masses, LIFETIMES_NS, protons, limit)
    label = f"upper limit on particles per proton x BR({scan.mode})"
    save_lifetime(path, np.asarray(masses), LIFETIMES_NS, limits, label, title)


def _axis(exclusion: Exclusion) -> str:
    return f"coupling {exclusion.coupling.symbol}"

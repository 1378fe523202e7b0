"""Windows of mass on the command line of `bdana limit`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bdana.cli.console import print_tables, table
from bdana.errors import InputError
from bdana.rounding import p_text, plus_minus

if TYPE_CHECKING:
    from bdana.statistics.mass_windows import MassScan, MassSearch
    from bdana.statistics.poisson import Background

__all__ = ["RESOLUTION", "mass_search", "show_masses"]

RESOLUTION = ["220:0.4", "411:2.0", "700:3.2"]
"""Mass resolution in MeV against mass, assumed: a thin beam and a flat momentum spectrum."""


def mass_search(
    background: Background,
    observed: float | None,
    masses: list[float],
    resolution: list[str],
    half_width: float,
    mass_range: str | None,
) -> MassSearch:
    """Return the search in windows of mass that the options of `bdana limit` describe.

    Parameters
    ----------
    background : Background
    observed : float or None
        Observed events.
    masses : list of float
        Of each of them, in MeV.
    resolution : list of str
        MASS:SIGMA.
    half_width : float
        In resolutions.
    mass_range : str or None
        LOW:HIGH of a flat background.
    """
    import numpy as np

    from bdana.statistics.mass_windows import MassSearch, MassSpectrum, Resolution
    from bdana.statistics.poisson import whole

    if observed is not None and whole(observed) != len(masses):
        raise InputError(
            f"{observed:g} events are observed, but --event-mass is given {len(masses)} times: give the mass of each"
        )
    points = tuple(_pair(text, "--resolution", "MASS:SIGMA") for text in resolution)
    spectrum: Background | MassSpectrum = background
    if mass_range is not None:
        spectrum = MassSpectrum.flat(*_pair(mass_range, "--mass-range", "LOW:HIGH"), background)
    seen = np.array(masses) if masses or observed is not None else None
    return MassSearch(Resolution(points), half_width, spectrum, seen)


def _pair(text: str, option: str, form: str) -> tuple[float, float]:
    try:
        low, high = (float(part) for part in text.split(":"))
    except ValueError:
        raise InputError(f"{option} {text}: write {form}, both in MeV") from None
    return low, high


def show_masses(scan: MassScan) -> None:
    """Print the windows of a scan with their limits and p-values.

    Parameters
    ----------
    scan : MassScan
    """
    names = list(scan.limits[0]) if scan.limits else []
    shown = table("mass [MeV]", "window", "background", "observed", "local p", *names, "median expected")
    for i, window in enumerate(scan.windows):
        seen = "closed" if window.observed is None else str(window.observed)
        local = p_text(scan.p_local[i]) if scan.p_local else ""
        found = [f"{x.low:.4g} to {x.high:.4g}" for x in scan.limits[i].values()] if scan.limits else []
        ends = f"{window.low:.2f} - {window.high:.2f}"
        b = plus_minus(window.background.expected, window.background.error)
        shown.add_row(f"{window.mass:g}", ends, b, seen, local, *found, f"{scan.expected[i].limits[2]:.4g}")
    lines = [scan.convention]
    if scan.smallest is not None:
        p, mass = scan.smallest
        anywhere = p_text(scan.p_global or 0.0, scan.p_global_error or 0.0)
        lines.append(f"smallest local p {p_text(p)} at {mass:g} MeV, global p {anywhere}")
    print_tables(shown, *lines)

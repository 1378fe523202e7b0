"""Windows of mass on the command line of `bdana limit`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bdana.cli.console import print_tables, table
from bdana.errors import InputError

if TYPE_CHECKING:
    from bdana.statistics.mass_windows import MassScan, MassSearch
    from bdana.statistics.poisson import Background

__all__ = ["RESOLUTION", "mass_search", "show_masses"]

RESOLUTION = ["220:0.4", "411:2.0", "700:3.2"]
"""Mass resolution in MeV against mass, assumed: a thin beam and a flat momentum spectrum."""

MAX_MASS_MEV = 1e6
MAX_HALF_WIDTH = 20.0
"""Largest mass, and half width of a window in resolutions, that are no mistake of units, assumed."""


def mass_search(
    background: Background,
    observed: float | None,
    masses: list[float],
    candidates: list[float],
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
    candidates : list of float
        Masses whose windows are searched, in MeV.
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
    for option, values in (("--event-mass", masses), ("--candidate-mass", candidates)):
        for mass in values:
            if not 0.0 < mass <= MAX_MASS_MEV:
                raise InputError(
                    f"{option} {mass:g}: give a mass in MeV, above 0 and at most {MAX_MASS_MEV:g}"
                )
    if not 0.0 < half_width <= MAX_HALF_WIDTH:
        raise InputError(
            f"--half-width {half_width:g}: give the half width in mass resolutions, above 0 and at most {MAX_HALF_WIDTH:g}"
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
        local = f"{scan.p_local[i]:.4g}" if scan.p_local else ""
        found = [f"{x.low:.4g} to {x.high:.4g}" for x in scan.limits[i].values()] if scan.limits else []
        ends = f"{window.low:.2f} - {window.high:.2f}"
        b = f"{window.background.expected:.3g}"
        shown.add_row(f"{window.mass:g}", ends, b, seen, local, *found, f"{scan.expected[i].limits[2]:.4g}")
    lines = [scan.convention]
    if scan.smallest is not None:
        p, mass = scan.smallest
        error = f" +- {scan.p_global_error:.1g}" if scan.p_global_error else ""
        lines.append(f"smallest local p {p:.4g} at {mass:g} MeV, global p {scan.p_global:.4g}{error}")
    print_tables(shown, *lines)

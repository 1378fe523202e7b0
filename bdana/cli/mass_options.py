"""Windows of mass on the command line of `bdana limit`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bdana.cli.console import print_tables, table
from bdana.errors import InputError
from bdana.rounding import p_text, plus_minus

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from numpy.typing import ArrayLike

    from bdana.statistics.combination import CountedChannel
    from bdana.statistics.mass_channels import CombinedMassScan, MassChannel
    from bdana.statistics.mass_limits import MassScan
    from bdana.statistics.mass_windows import MassSearch, MassWindow
    from bdana.statistics.poisson import Background, Floats

__all__ = [
    "RESOLUTION",
    "common_errors",
    "mass_channels",
    "mass_search",
    "masses_of",
    "one_range",
    "show_channels",
    "show_masses",
]

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

    from bdana.statistics.mass_spectrum import MassSpectrum, Resolution
    from bdana.statistics.mass_windows import MassSearch
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


def masses_of(texts: Sequence[str]) -> list[float]:
    """Return the masses of observed events of a search of one channel.

    Parameters
    ----------
    texts : sequence of str
    """
    try:
        return [float(text) for text in texts]
    except ValueError:
        raise InputError(
            f"--event-mass {' '.join(texts)}: give a mass in MeV for each; NAME:MASS belongs to --channel"
        ) from None


def one_range(texts: Sequence[str]) -> str | None:
    """Return the mass range of a search of one channel, None without one.

    Parameters
    ----------
    texts : sequence of str
    """
    if len(texts) > 1:
        raise InputError("--mass-range is given twice: several belong to --channel")
    return texts[0] if texts else None


def _pair(text: str, option: str, form: str) -> tuple[float, float]:
    try:
        low, high = (float(part) for part in text.split(":"))
    except ValueError:
        raise InputError(f"{option} {text}: write {form}, both in MeV") from None
    return low, high


def mass_channels(
    channels: Sequence[CountedChannel],
    masses: list[str],
    candidates: list[float],
    resolution: list[str],
    half_width: float,
    mass_ranges: list[str],
) -> list[MassChannel]:
    """Return the search in windows of mass of several channels that the options of `bdana limit` describe.

    Parameters
    ----------
    channels : sequence of CountedChannel
    masses : list of str
        NAME:MASS of each observed event.
    candidates : list of float
        Masses whose windows are searched, in MeV.
    resolution : list of str
        MASS:SIGMA of all channels, or NAME:MASS:SIGMA of one.
    half_width : float
        In resolutions.
    mass_ranges : list of str
        LOW:HIGH of all channels, or NAME:LOW:HIGH of one.
    """
    from bdana.statistics.mass_channels import MassChannel

    names = [channel.name for channel in channels]
    events = _of_channels(masses, names, 1, "--event-mass", "NAME:MASS")
    widths = _of_channels(resolution, names, 2, "--resolution", "[NAME:]MASS:SIGMA")
    ranges = _of_channels(mass_ranges, names, 2, "--mass-range", "[NAME:]LOW:HIGH")
    if None in events:
        raise InputError(f"--event-mass {events[None][0]}: write NAME:MASS, one of {', '.join(names)}")
    if mass_ranges and None not in ranges and len(ranges) < len(names):
        raise InputError("give --mass-range for every channel, or for none")
    found = []
    for channel in channels:
        one = mass_search(
            channel.background,
            channel.observed,
            [float(text) for text in events.get(channel.name, [])],
            candidates,
            widths.get(channel.name) or widths.get(None) or RESOLUTION,
            half_width,
            next(iter(ranges.get(channel.name) or ranges.get(None) or []), None),
        )
        found.append(MassChannel(channel.name, one, _constant(channel.share)))
    return found


def _constant(share: float) -> Callable[[float], float]:
    return lambda _: share


def common_errors(channels: Sequence[CountedChannel], covariance: ArrayLike | None) -> Floats:
    """Return the relative covariance of the backgrounds of different channels.

    Parameters
    ----------
    channels : sequence of CountedChannel
    covariance : array_like or None
        Events squared; None: their errors move together.
    """
    import numpy as np

    from bdana.statistics.correlated import full_covariance

    backgrounds = [channel.background for channel in channels]
    expected = np.array([background.expected for background in backgrounds])
    scale = np.outer(expected, expected)
    matrix = full_covariance(backgrounds, covariance)
    return np.asarray(np.divide(matrix, scale, out=np.zeros_like(scale), where=scale > 0))


def _of_channels(
    texts: Iterable[str], names: Sequence[str], numbers: int, option: str, form: str
) -> dict[str | None, list[str]]:
    """Sort values by the channel before them; None stands for all channels."""
    found: dict[str | None, list[str]] = {}
    for text in texts:
        parts = text.split(":")
        name = parts.pop(0) if len(parts) > numbers else None
        if len(parts) != numbers or name not in {None, *names}:
            raise InputError(f"{option} {text}: write {form}; the channels are {', '.join(names)}")
        try:
            [float(part) for part in parts]
        except ValueError:
            raise InputError(f"{option} {text}: write {form}, in MeV") from None
        found.setdefault(name, []).append(":".join(parts))
    return found


def show_channels(scan: CombinedMassScan) -> None:
    """Print the windows of a scan of several channels with their limits and p-values.

    Parameters
    ----------
    scan : CombinedMassScan
    """
    names = list(scan.limits[0]) if scan.limits else []
    columns = [f"{name}: window, expected, observed" for name in scan.names]
    shown = table("mass [MeV]", *columns, "local p", *names, "median expected")
    for i, windows in enumerate(scan.windows):
        local = p_text(scan.p_local[i]) if scan.p_local else ""
        found = [f"{x.high:.4g}" for x in scan.limits[i].values()] if scan.limits else []
        cells = [", ".join(_window(window)) for window in windows]
        shown.add_row(f"{windows[0].mass:g}", *cells, local, *found, f"{scan.expected[i]:.4g}")
    print_tables(shown, *_said(scan))


def _window(window: MassWindow) -> tuple[str, str, str]:
    seen = "closed" if window.observed is None else str(window.observed)
    return (
        f"{window.low:.2f} - {window.high:.2f}",
        plus_minus(window.background.expected, window.background.error, window.background.error_down),
        seen,
    )


def _said(scan: MassScan | CombinedMassScan) -> list[str]:
    if scan.smallest is None:
        return [scan.convention]
    p, mass = scan.smallest
    anywhere = p_text(scan.p_global or 0.0, scan.p_global_error or 0.0)
    return [scan.convention, f"smallest local p {p_text(p)} at {mass:g} MeV, global p {anywhere}"]


def show_masses(scan: MassScan) -> None:
    """Print the windows of a scan with their limits and p-values.

    Parameters
    ----------
    scan : MassScan
    """
    names = list(scan.limits[0]) if scan.limits else []
    shown = table("mass [MeV]", "window", "background", "observed", "local p", *names, "median expected")
    for i, window in enumerate(scan.windows):
        local = p_text(scan.p_local[i]) if scan.p_local else ""
        found = [f"{x.low:.4g} to {x.high:.4g}" for x in scan.limits[i].values()] if scan.limits else []
        shown.add_row(
            f"{window.mass:g}", *_window(window), local, *found, f"{scan.expected[i].limits[2]:.4g}"
        )
    print_tables(shown, *_said(scan))

"""The search of [search.mass_windows]: the signal region of the data in windows around candidate masses."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from bdana.errors import ConfigError, InputError
from bdana.sensitivity.exclusion import expected_events
from bdana.sensitivity.signal_candidates import expected_candidates
from bdana.statistics.mass_channels import CombinedMassScan, MassChannel, scan_channels
from bdana.statistics.mass_limits import MassScan, scan_masses
from bdana.statistics.mass_spectrum import MassSpectrum, Resolution, weighted_half_width
from bdana.statistics.mass_windows import MassSearch

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    from bdana.analysis import AnalysisFolder
    from bdana.observed import Observed
    from bdana.pairing import PairEstimate
    from bdana.selection import Candidates
    from bdana.sensitivity.event_limits import ChannelCount

__all__ = ["combined_mass_scan", "mass_resolution", "mass_scan", "mass_search", "mass_spectrum"]

METHODS = ("cls", "bayes", "feldman_cousins")
"""Limits of every window, those of the expected band first."""


def mass_search(
    analysis: AnalysisFolder, estimate: PairEstimate, observed: Observed, candidates: Candidates
) -> MassSearch | None:
    """Return what the search in windows of mass is made of; None without [search.mass_windows].

    Parameters
    ----------
    analysis : AnalysisFolder
    estimate : PairEstimate
        The background.
    observed : Observed
        Events in the innermost region, without value while it is closed.
    candidates : Candidates
        Of the data; those of the innermost region are used when it is open and they are all of its events.

    Raises
    ------
    ConfigError
        When the masses are not histogrammed, or the resolution cannot be measured.
    """
    config = analysis.config.search.mass_windows
    if config is None:
        return None
    masses: NDArray[np.float64] | None = None
    if observed.state == "open":
        inside = candidates.mass[candidates.region == analysis.regions.names[0]]
        # Events of an opening with other cuts are counted, but are not among the candidates.
        masses = inside if len(inside) == observed.value else None
    resolution = mass_resolution(analysis)
    spectrum = mass_spectrum(analysis, estimate)
    return MassSearch(resolution, config.half_width_sigmas, spectrum, masses)


def mass_scan(analysis: AnalysisFolder, search: MassSearch) -> MassScan:
    """Return p-values and limits against mass, as [search.mass_windows] asks for them.

    Parameters
    ----------
    analysis : AnalysisFolder
    search : MassSearch

    Raises
    ------
    ConfigError
        When a window is not inside the histogram of the mass.
    """
    config = analysis.config.search.mass_windows
    if config is None:
        raise ConfigError("analysis.toml has no table [search.mass_windows]")
    try:
        masses = search.masses(*config.masses_mev, config.step_sigmas)
        return scan_masses(search, masses, methods=METHODS)
    except InputError as err:
        raise ConfigError(f"[search.mass_windows] masses_mev = {list(config.masses_mev)}: {err}") from None


def combined_mass_scan(
    analysis: AnalysisFolder, counts: Mapping[str, ChannelCount], common: NDArray[np.float64]
) -> CombinedMassScan | None:
    """Return p-values and limits against mass of several channels together; None without windows of mass in all of them.

    The division of the signal among the channels is that of the coupling of [signal] point, a straight line between the
    masses of [signal]. Masses at which no channel has signal are left out.

    Parameters
    ----------
    analysis : AnalysisFolder
    counts : mapping of str to ChannelCount
        By channel.
    common : ndarray, shape (channels, channels)
        Relative covariance of the backgrounds of different channels.

    Raises
    ------
    ConfigError
        When a window is not inside the histogram of the mass.
    """
    config = analysis.config.search.mass_windows
    searches = {name: count.masses for name, count in counts.items() if count.masses is not None}
    if config is None or len(counts) < 2 or len(searches) < len(counts):
        return None
    channels = [
        MassChannel(name, search, _signal_against_mass(analysis, counts[name]))
        for name, search in searches.items()
    ]
    # The channel with the best resolution has the finest windows.
    steps = [x.masses(*config.masses_mev, config.step_sigmas) for x in searches.values()]
    masses = [mass for mass in max(steps, key=len) if sum(channel.share(mass) for channel in channels) > 0]
    if not masses:
        return None
    try:
        return scan_channels(channels, masses, common=common)
    except InputError as err:
        raise ConfigError(f"[search.mass_windows] masses_mev = {list(config.masses_mev)}: {err}") from None


def _signal_against_mass(analysis: AnalysisFolder, count: ChannelCount) -> Callable[[float], float]:
    masses = analysis.signal.masses(count.scan.mode)
    coupling = np.array([analysis.signal.point[1]])
    events = [
        float(expected_events(count.scan(mass), count.protons)(coupling)[0])
        if count.scan.is_open(mass)
        else 0.0
        for mass in masses
    ]
    return lambda mass: float(np.interp(mass, masses, events, left=0.0, right=0.0))


def mass_spectrum(analysis: AnalysisFolder, estimate: PairEstimate) -> MassSpectrum:
    """Return the predicted mass spectrum of the innermost region, with statistical and systematic errors.

    Parameters
    ----------
    analysis : AnalysisFolder
    estimate : PairEstimate

    Raises
    ------
    ConfigError
        When the mass is not histogrammed.
    """
    name = analysis.regions.names[0]
    variable = analysis.variables.get("mass")
    if variable is None or "mass" not in estimate.hists:
        raise ConfigError(
            "[search.mass_windows] needs the predicted mass spectrum: add [variables.mass] to analysis.toml"
        )
    histogram = estimate.hists["mass"].integrate("region", [name])
    contents = np.asarray(histogram.values(), dtype=np.float64)
    covariance = estimate.bin_covariance("mass", [name])
    for source in estimate.systematics:  # one region: each source moves all of its bins together
        if not source.one_sided:
            shift = source.effect.get(name, 0.0) * contents
            covariance = covariance + np.outer(shift, shift)
    one_sided = tuple(source.effect.get(name, 0.0) for source in estimate.systematics if source.one_sided)
    unit = 1e3 if variable.unit == "GeV" else 1.0
    place = estimate.regions.index(name)
    limit = float(estimate.upper_limit[place])
    if np.isfinite(limit):
        contents, covariance = np.zeros_like(contents), np.zeros_like(covariance)
    else:  # where no pair has its mass: 2.303 pairs of the mean weight
        limit = float(
            np.log(10.0) * estimate.sum_w2[place] / max(estimate.expected[place], np.finfo(float).tiny)
        )
    return MassSpectrum(unit * np.asarray(histogram.axes[0].edges), contents, covariance, limit, one_sided)


def mass_resolution(analysis: AnalysisFolder) -> Resolution:
    """Return the mass resolution: that of the configuration, or measured with simulated signal events.

    Parameters
    ----------
    analysis : AnalysisFolder

    Raises
    ------
    ConfigError
        When it cannot be measured.
    """
    config = analysis.config.search.mass_windows
    if config is None:
        raise ConfigError("analysis.toml has no table [search.mass_windows]")
    if not config.measured_at_mev:
        return Resolution(tuple(config.resolution_mev))
    modes = [
        mode
        for mode, chosen in analysis.signal.channels.items()
        if chosen == analysis.config.search.selection
    ]
    if not modes:
        raise ConfigError(
            "[search.mass_windows] measured_at_mev: no decay mode of [signal] channels has the selection of [search]"
        )
    inner, coupling = analysis.regions.names[0], analysis.signal.point[1]
    found = []
    for mass in config.measured_at_mev:
        made = expected_candidates(analysis, modes[0], mass, coupling, 1.0)
        chosen = made.region == inner
        try:
            found.append((mass, weighted_half_width(made.mass[chosen] - mass, made.weight[chosen])))
        except InputError as err:
            raise ConfigError(f"[search.mass_windows] measured_at_mev = {mass:g}: {err}") from None
    return Resolution(tuple(found))

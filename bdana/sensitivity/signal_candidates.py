"""Simulated candidates of a signal at one mass and coupling, weighted with the number that is expected."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from bdana.errors import ConfigError
from bdana.selection import fill_histograms
from bdana.sensitivity.yields import drawn_decays

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bdana.analysis import AnalysisFolder
    from bdana.events.open_part import OpenPart
    from bdana.selection import Candidates, Histogram
    from bdana.sensitivity.yields import MassYields, Reconstructed

__all__ = ["ExpectedSignal", "expected_candidates", "expected_signal"]


@dataclass(frozen=True)
class ExpectedSignal:
    """Expected signal of one mass and coupling.

    Attributes
    ----------
    yields : MassYields
        Of the mass, at any coupling.
    candidates : Candidates
        Simulated candidates, whose weights add up to the expected number.
    hists : mapping of str to hist.Hist
        Every variable of analysis.toml that the selection has, by region.
    """

    yields: MassYields
    candidates: Candidates
    hists: Mapping[str, Histogram]


def expected_candidates(
    analysis: AnalysisFolder, mode: str, mass: float, coupling: float, protons: float
) -> Candidates:
    """Return simulated candidates of a signal, weighted so that they add up to the expected number.

    Parameters
    ----------
    analysis : AnalysisFolder
    mode : str
        Decay mode, one of [signal] channels.
    mass : float
        In MeV/c2.
    coupling : float
    protons : float
        On target.

    Raises
    ------
    ConfigError
        As `mass_yields` does, and when no production process is open at the mass.
    """
    return _drawn(analysis, mode, mass, (coupling, protons))[1].candidates


def expected_signal(
    analysis: AnalysisFolder,
    mode: str,
    mass: float,
    coupling: float,
    protons: float,
    part: OpenPart | None = None,
) -> ExpectedSignal:
    """Return the yields of a mass, and candidates and histograms of the same decays.

    Parameters
    ----------
    analysis, mode, mass, coupling, protons
        As for `expected_candidates`, and so are the errors.
    part : OpenPart, optional
        What is counted of each region of the data; all if not given.
    """
    yields, made = _drawn(analysis, mode, mass, (coupling, protons), part)
    hists = fill_histograms(made.candidates, analysis.variables, analysis.regions.names)
    return ExpectedSignal(yields, made.candidates, hists | _functions(analysis, mode, made))


def _drawn(
    analysis: AnalysisFolder,
    mode: str,
    mass: float,
    at: tuple[float, float],
    part: OpenPart | None = None,
) -> tuple[MassYields, Reconstructed]:
    yields, made = drawn_decays(analysis, mode, mass, at, part)
    if made is None:
        raise ConfigError(
            f"mass {mass:g} MeV: no production process of {analysis.signal.model} is open there"
        )
    return yields, made


def _functions(analysis: AnalysisFolder, mode: str, made: Reconstructed) -> dict[str, Histogram]:
    """Return the histograms of the variables that are functions of the selection, of the events that hold the candidates."""
    name = analysis.signal.selection(mode)
    shown = replace(analysis.distributions(name, analysis.regions.names), without={})
    if not shown.variables:
        return {}
    selection, par = analysis.selection(name)
    filled = selection.apply(made.events, par, analysis.setup, distributions=shown).filled
    return {key: filled[key].histogram(axis, shown.regions) for key, axis in shown.axes.items()}

"""Expected signal events of one mass, as functions of the coupling, by production process and region.

Decays are drawn once for each mass. How many are expected at a coupling is a sum of exponential decay laws over them
(`DecaySum`), so one sample serves every coupling. Whether a decay is selected is decided by the selection of the
analysis, on events with the response of the detector.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import awkward as ak
import numpy as np

from bdana.errors import ConfigError
from bdana.signal import branching_ratio, check_mass, total_width
from bdana.signal.constants import HBAR_C
from bdana.signal.reweighting import DecaySum
from bdana.simulation import SimulationConfig, simulate_bursts
from bdana.simulation.decays import Dump, check_mode, place_decays
from bdana.simulation.response import in_calorimeter, is_seen, of_either
from bdana.simulation.signal_events import decay_events
from bdana.simulation.tracks import PHOTON, Flight

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import ArrayLike, NDArray

    from bdana.analysis import AnalysisFolder
    from bdana.detector import Detector
    from bdana.events.open_part import OpenPart
    from bdana.selection import Candidates
    from bdana.signal import Production, SignalModel
    from bdana.simulation.decays import Decays

__all__ = [
    "Counted",
    "MassYields",
    "ProductionYields",
    "Reconstructed",
    "drawn_decays",
    "mass_yields",
    "reconstructed_candidates",
    "searched_particle",
]

BURSTS = 100
"""Bursts of varying intensity that the events are spread over, with their accidental hits."""
RECONSTRUCTION = 1000
"""Number of the first random stream of the detector's response; those of the decays begin at 0."""
COUPLINGS = 12
"""Couplings of the scan at which decays shall be numerous enough."""
NEGLIGIBLE = 1e-6
"""Part of the largest expectation below which a coupling does not matter."""
DEEPEST = 30.0
"""Mean depths of the production point behind which none is made."""


@dataclass(frozen=True)
class Counted:
    """Expected decays against the coupling, with the error from the number of decays drawn.

    Attributes
    ----------
    mean : DecaySum
        For one proton.
    square : DecaySum
        Of the squared weights; divided by the squared coupling.
    """

    mean: DecaySum
    square: DecaySum

    @classmethod
    def at_points(
        cls,
        weight: NDArray[np.float64],
        rate: NDArray[np.float64],
        exponent: NDArray[np.float64],
        decay: NDArray[np.intp],
    ) -> Counted:
        """Return the expectation of decays at drawn points; arguments as for `DecaySum.at_points`.

        Parameters
        ----------
        weight, rate, exponent : ndarray, shape (N,)
        decay : ndarray of int, shape (N,)
            Which decay each is: copies of one have its point, and fluctuate together.
        """
        mean = DecaySum.at_points(weight, rate, exponent)
        _, first, place = np.unique(decay, return_index=True, return_inverse=True)
        once = np.bincount(place, weight, minlength=len(first))
        return cls(mean, DecaySum.at_points(once**2, rate[first] ** 2, 2.0 * exponent[first]))

    def expected(self, coupling: ArrayLike, protons: float) -> NDArray[np.float64]:
        """Return the expected number of decays.

        Parameters
        ----------
        coupling : array-like
        protons : float
        """
        c2 = np.asarray(coupling, dtype=np.float64) ** 2
        number: NDArray[np.float64] = protons * c2 * self.mean(c2)
        return number

    def error(self, coupling: ArrayLike, protons: float) -> NDArray[np.float64]:
        """Return the statistical error of `expected`, from the number of decays drawn.

        Parameters
        ----------
        coupling, protons
            As for `expected`.
        """
        c2 = np.asarray(coupling, dtype=np.float64) ** 2
        number: NDArray[np.float64] = protons * c2 * np.sqrt(np.maximum(c2 * self.square(c2), 0.0))
        return number


@dataclass(frozen=True)
class ProductionYields:
    """Expected decays to one mode from one production process, for one proton.

    Attributes
    ----------
    per_proton : float
        Particles that the process makes at coupling 1.
    in_volume : DecaySum
        Decays to the mode in the decay volume.
    accepted : Counted
        Those with both tracks in the detector.
    selected : mapping of str to Counted
        Those that the selection takes, by region.
    variations : mapping of str to (DecaySum, DecaySum)
        Selected decays of the innermost region at the two ends of each systematic uncertainty of the production.
    """

    per_proton: float
    in_volume: DecaySum
    accepted: Counted
    selected: Mapping[str, Counted]
    variations: Mapping[str, tuple[DecaySum, DecaySum]]


@dataclass(frozen=True)
class MassYields:
    """Expected decays of a particle of one mass to one mode.

    Attributes
    ----------
    mass : float
        In MeV/c2.
    mode : str
    width : float
        Total width in MeV at coupling 1.
    width_error : float
        Its relative error.
    ratio : float
        Branching ratio of the mode.
    production : mapping of str to ProductionYields
    """

    mass: float
    mode: str
    width: float
    width_error: float
    ratio: float
    production: Mapping[str, ProductionYields]


@dataclass(frozen=True)
class Reconstructed:
    """Simulated candidates, and the events that hold them.

    Attributes
    ----------
    candidates : Candidates
        Event numbers are the places of their decays.
    events : ak.Array
        The event of each candidate, canonical records.
    """

    candidates: Candidates
    events: ak.Array


def mass_yields(analysis: AnalysisFolder, mode: str, mass: float) -> MassYields:
    """Draw decays of one mass, reconstruct and select them, and return what is expected for each proton.

    Parameters
    ----------
    analysis : AnalysisFolder
        Its table [signal] says which particle, where it decays and what is accepted.
    mode : str
        Decay mode, one of [signal] channels.
    mass : float
        In MeV/c2.

    Raises
    ------
    ConfigError
        When the mode is unknown or closed at this mass, or the widths are not known there.
    """
    return drawn_decays(analysis, mode, mass)[0]


def drawn_decays(
    analysis: AnalysisFolder,
    mode: str,
    mass: float,
    at: tuple[float, float] | None = None,
    part: OpenPart | None = None,
) -> tuple[MassYields, Reconstructed | None]:
    """Return `mass_yields`, and the candidates of all production processes that they are made of; None where none is open.

    Parameters
    ----------
    analysis, mode, mass
        As for `mass_yields`, and so are the errors.
    at : (float, float), optional
        Coupling and protons on target: the weights of the candidates are what each adds to the expected number.
    part : OpenPart, optional
        What is counted of each region of the data; all if not given.
    """
    model = searched_particle(analysis, mode, mass)
    processes = list(model.production.values())
    drawn = [_draw(analysis, model, mode, process, index) for index, process in enumerate(processes)]
    # No process may be open at the end of a scan: then nothing is expected.
    chosen, made = (
        _select(analysis, mode, mass, [sample for sample, _ in drawn], at, part) if drawn else ([], None)
    )
    found = {
        name: _production_yields(analysis, process.per_proton, *sample, *selected)
        for (name, process), sample, selected in zip(model.production.items(), drawn, chosen, strict=True)
    }
    width = total_width(model)
    error = sum(mode.width * mode.error for mode in model.modes.values()) / width
    return MassYields(mass, mode, width, error, branching_ratio(model, mode), found), made


@dataclass(frozen=True)
class _Sample:
    """Decays with what they add to the expectation s sum w k exp(-a s) at a squared coupling s, for one proton.

    Attributes
    ----------
    decays : Decays
    weight, rate, exponent : ndarray, shape (N,)
        w, k and a, as for `DecaySum.at_points`.
    decay : ndarray of int, shape (N,)
        Which decay each is; copies have the same number.
    """

    decays: Decays
    weight: NDArray[np.float64]
    rate: NDArray[np.float64]
    exponent: NDArray[np.float64]
    decay: NDArray[np.intp]

    def take(self, where: NDArray[np.intp]) -> _Sample:
        """Return some of the decays."""
        weight, rate, exponent = (part[where] for part in (self.weight, self.rate, self.exponent))
        return _Sample(self.decays.take(where), weight, rate, exponent, self.decay[where])

    def expected(self, coupling: float, protons: float) -> NDArray[np.float64]:
        """Return what each of the decays adds to the expected number, shape (N,)."""
        c2 = coupling**2
        return protons * c2 * self.weight * self.rate * c2 * np.exp(-self.exponent * c2)

    def counted(self, where: NDArray[np.bool_]) -> Counted:
        """Return the expectation of some of the decays."""
        return Counted.at_points(
            self.weight[where], self.rate[where], self.exponent[where], self.decay[where]
        )

    def varied(self, where: NDArray[np.bool_], factor: float | NDArray[np.float64]) -> DecaySum:
        """Return the expectation of some of the decays, with factors on their weights."""
        weight = (self.weight * factor)[where]
        return DecaySum.at_points(weight, self.rate[where], self.exponent[where])

    def resampled(self, size: int, couplings: tuple[float, float], rng: np.random.Generator) -> _Sample:
        """Draw decays, those more often that matter at some coupling, with weights that make up for it."""
        if size >= len(self.weight):
            return self
        at = np.geomspace(*couplings, COUPLINGS) ** 2
        parts = self.weight * self.rate * np.exp(-np.outer(at, self.exponent))
        total = parts.sum(axis=1)
        likely = at * total > NEGLIGIBLE * (at * total).max()
        share = (parts[likely] / total[likely, None]).mean(axis=0)
        where = np.searchsorted(np.cumsum(share), (np.arange(size) + rng.random(size)) / size)
        where = np.minimum(where, len(share) - 1)
        chosen = self.take(where)
        return replace(chosen, weight=chosen.weight / (size * share[where]))


def _production_yields(
    analysis: AnalysisFolder,
    per_proton: float,
    drawn: _Sample,
    near: NDArray[np.float64],
    chosen: _Sample,
    candidates: Candidates,
) -> ProductionYields:
    region = np.full(len(chosen.weight), "", dtype=candidates.region.dtype)
    region[candidates.event] = candidates.region
    names = analysis.regions.names
    inner = region == names[0]
    variations = chosen.decays.particles.variations
    return ProductionYields(
        per_proton,
        DecaySum.through(drawn.weight, near, near + drawn.rate),
        drawn.counted(_accepted(analysis, drawn.decays)),
        {name: chosen.counted(region == name) for name in names},
        {
            name: (chosen.varied(inner, low), chosen.varied(inner, high))
            for name, (low, high) in variations.items()
        },
    )


def searched_particle(analysis: AnalysisFolder, mode: str, mass: float) -> SignalModel:
    """Return the particle of a mass, whose mode must be open and searched for.

    Parameters
    ----------
    analysis : AnalysisFolder
    mode : str
        Decay mode, one of [signal] channels.
    mass : float
        In MeV/c2.

    Raises
    ------
    ConfigError
        When the mode is unknown or closed at this mass, the widths are not known there, the decay volume is not
        between the dump and the detector, or nothing sees photons.
    """
    config = analysis.signal
    config.selection(mode)
    _check_volume(analysis)
    model = config.particle(mass)
    check_mass(model)
    check_mode(model, mode)
    if PHOTON in model.modes[mode].products[:2] and analysis.detector.uses.calorimeter is None:
        raise ConfigError(
            f"mode {mode}: the geometry {analysis.config.analysis.detector} has no calorimeter, which sees photons: name it in "
            "its [roles]"
        )
    return model


def _check_volume(analysis: AnalysisFolder) -> None:
    config = analysis.signal
    low, high = config.decay_volume_m
    dump = (analysis.beam_point_mm[2] + DEEPEST * config.depth_mm) * 1e-3
    detector = _first_element(analysis.detector, config.acceptance) * 1e-3
    if not dump < low < high < detector:
        raise ConfigError(
            f"[signal] decay_volume_m = [{low:g}, {high:g}]: it must lie between the dump, which ends at "
            f"{dump:.1f} m, and the first element that tracks cross, at {detector:.1f} m"
        )


def _first_element(detector: Detector, acceptance: Sequence[str]) -> float:
    return min(detector[name].z_mm for name in (*detector.tracker.chambers, *acceptance))


def _draw(
    analysis: AnalysisFolder, model: SignalModel, mode: str, production: Production, index: int
) -> tuple[_Sample, NDArray[np.float64]]:
    """Draw decays of one production process, and return them with the exponents of the way to the decay volume."""
    config = analysis.signal
    rng = _stream(config.seed, model.mass, index)
    drawn = production.draw(config.decays, rng)
    # What flies backwards or has no weight never comes to the decay volume.
    particles = drawn.take(np.flatnonzero((drawn.weight > 0.0) & (drawn.direction[2] > 0.0)))
    low, high = (z * 1e3 for z in config.decay_volume_m)
    dump = Dump(analysis.beam_point_mm, config.spot_mm, config.depth_mm)
    decays = place_decays(particles, model.mass, model.modes[mode], dump, (low, high), rng)
    # Decays in a mm of flight at coupling 1.
    per_mm = model.mass * total_width(model) / (particles.p * HBAR_C)
    along = particles.direction[2]
    near = per_mm * (low - decays.origin[2]) / along
    weight = particles.weight * (branching_ratio(model, mode) * production.per_proton / config.decays)
    rate = per_mm * (high - low) / along
    return _Sample(decays, weight, rate, per_mm * decays.path, np.arange(len(weight))), near


def _stream(seed: int, mass: float, index: int) -> np.random.Generator:
    key = int(np.float64(mass).view(np.uint64))  # any two masses have streams of their own
    return np.random.default_rng([seed, key, index])


def _accepted(analysis: AnalysisFolder, decays: Decays) -> NDArray[np.bool_]:
    """Tell which decays have both tracks in all elements, or both photons apart in the calorimeter, above the energy, shape (N,)."""
    config, tracks = analysis.signal, decays.tracks
    flight = Flight.of(tracks, analysis.detector.magnet)
    photon = tracks.charge == 0
    inside = of_either(
        tracks.charge,
        lambda: flight.in_all(analysis.detector, *config.acceptance),
        lambda: in_calorimeter(flight, analysis.detector),
    )
    least = np.where(photon, config.min_photon_energy_gev, config.min_energy_gev) * 1e3
    seen = inside & (tracks.energy > least)
    accepted: NDArray[np.bool_] = seen[0::2] & seen[1::2]
    calorimeter = analysis.detector.uses.calorimeter
    if calorimeter is not None:
        x, y = flight.at(analysis.detector[calorimeter].z_mm)
        apart = np.hypot(x[0::2] - x[1::2], y[0::2] - y[1::2]) > config.min_photon_distance_mm
        accepted &= apart | ~photon[0::2]
    return accepted


def reconstructed_candidates(
    analysis: AnalysisFolder,
    mode: str,
    mass: float,
    parts: Sequence[tuple[Decays, NDArray[np.float64], np.random.Generator]],
    part: OpenPart | None = None,
) -> Reconstructed:
    """Reconstruct decays in the detector and select them; event numbers of candidates are the places of their decays.

    Parameters
    ----------
    analysis : AnalysisFolder
    mode : str
        Decay mode, one of [signal] channels.
    mass : float
        Of the particle, in MeV/c2.
    parts : sequence of (Decays, ndarray, Generator)
        Decays with their weights and the random stream of their response; places count through all of them.
    part : OpenPart, optional
        What is counted of each region of the data: candidates that would be closed are left out.
    """
    config = analysis.signal
    simulation = SimulationConfig.of_detector(analysis.detector_file, pot=config.pot, bursts=BURSTS)
    bursts = simulate_bursts(simulation, config.seed)
    events, first = [], 0
    for decays, weight, rng in parts:
        numbers = range(first, first + len(weight))
        events.append(decay_events(simulation, decays, mass, weight, bursts, numbers, rng))
        first = numbers.stop
    chosen, par = analysis.selection(config.selection(mode))
    joined = ak.concatenate(events)
    candidates = chosen.apply(joined, par, analysis.setup).candidates
    if part is not None:
        taken = part.takes(candidates.region, joined[candidates.event], analysis.regions.names)
        candidates = candidates.take(taken)
    return Reconstructed(candidates, joined[candidates.event])


def _select(
    analysis: AnalysisFolder,
    mode: str,
    mass: float,
    drawn: Sequence[_Sample],
    at: tuple[float, float] | None,
    part: OpenPart | None,
) -> tuple[list[tuple[_Sample, Candidates]], Reconstructed]:
    """Reconstruct and select decays, and return them by process; event numbers there are the places of the process' decays."""
    config = analysis.signal
    samples, parts = [], []
    for index, sample in enumerate(drawn):
        rng = _stream(config.seed, mass, RECONSTRUCTION + index)
        flight = Flight.of(sample.decays.tracks, analysis.detector.magnet)
        both = is_seen(sample.decays.tracks, flight, analysis.detector)
        seen = sample.take(np.flatnonzero(both[0::2] & both[1::2]))
        seen = seen.resampled(config.events, config.couplings, rng)
        samples.append(seen)
        parts.append((seen.decays, seen.expected(*at) if at else seen.weight, rng))
    made = reconstructed_candidates(analysis, mode, mass, parts, part)
    ends = np.cumsum([len(sample.weight) for sample in samples])
    found = []
    for sample, end in zip(samples, ends, strict=True):
        first = end - len(sample.weight)
        own = made.candidates.take((made.candidates.event >= first) & (made.candidates.event < end))
        found.append((sample, replace(own, event=own.event - first)))
    return found, made

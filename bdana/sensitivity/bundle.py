"""What other people need to reinterpret a search: acceptance and spectra in bins of energy, angle and decay point.

The acceptance x efficiency of a decay depends on the mass of the particle, its energy, its angle to the beam and the z of
the decay, and on nothing else of the model that made it. It is measured with a flat sample that goes through the detector's
response and the selection of the analysis. With the spectra of the particle in the same bins, everything that a sum over
bins needs is there.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from bdana.errors import ConfigError
from bdana.sensitivity.yields import reconstructed_candidates
from bdana.signal import Particles, branching_ratio, check_mass, total_width
from bdana.simulation.decays import Dump, check_mode, place_decays
from bdana.simulation.response import is_seen
from bdana.simulation.tracks import Flight

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from bdana.analysis import AnalysisFolder
    from bdana.engine import Executor, Progress
    from bdana.signal import SignalModel
    from bdana.simulation.decays import Decays

__all__ = ["Bins", "MassTables", "default_energies", "default_masses", "measure", "measure_masses"]

Z_SHARES = (0.0, 0.05, 0.13, 0.27, 0.5, 0.75, 1.0)
"""Edges of the bins in z as parts of the decay volume: finer at its entry, where all short-lived particles decay."""
ANGLE_POWER = 1.5
"""Power of the angle's bins: finer at small angles, where particles fly into the holes of the detector."""
SPECTRUM = 400_000
"""Particles drawn of each production process, for the spectra."""
CUT_OFF = 0.02
"""Part of its largest value that the mean acceptance of the outermost bins may have, where more are not needed."""


OF_TRACKS_GEV, OF_PHOTONS_GEV = (15.0, 405.0), (2.2, 405.0)
"""Ends of the bins of energy where none are given: below the first one a particle's two tracks, or photons, are not selected."""


@dataclass(frozen=True)
class Bins:
    """Edges of the bins of acceptance and spectra.

    Attributes
    ----------
    energy_gev : tuple of float
        Energy of the particle.
    angle_mrad : tuple of float
        Angle of the particle to the beam.
    z_m : tuple of float
        Place of the decay along the beam; from the first to the last edge is the decay volume.
    """

    energy_gev: tuple[float, ...]
    angle_mrad: tuple[float, ...]
    z_m: tuple[float, ...]

    @classmethod
    def spread(
        cls,
        volume_m: tuple[float, float],
        energy_gev: tuple[float, float] = OF_TRACKS_GEV,
        max_angle_mrad: float = 6.5,
        energies: int = 20,
        angles: int = 10,
    ) -> Bins:
        """Return bins even in the logarithm of the energy, finer towards the beam in angle, and to the entry in z.

        Parameters
        ----------
        volume_m : tuple of float
            Ends of the decay volume.
        energy_gev : tuple of float
        max_angle_mrad : float
        energies, angles : int
            Numbers of bins.

        Raises
        ------
        ConfigError
            When the ends do not ascend from above 0, or there is no bin.

        Examples
        --------
        >>> from bdana.sensitivity.bundle import Bins
        >>> Bins.spread((105.0, 180.0), energies=2, angles=1).z_m
        (105.0, 108.75, 114.75, 125.25, 142.5, 161.25, 180.0)
        """
        low, high = energy_gev
        if not 0.0 < low < high < np.inf:
            raise ConfigError(f"energies from {low:g} to {high:g} GeV: give two that ascend from above 0")
        if not 0.0 < max_angle_mrad < 1e3:
            raise ConfigError(f"angles up to {max_angle_mrad:g} mrad: give a small angle above 0")
        if energies < 1 or angles < 1:
            raise ConfigError(f"{energies} bins of energy and {angles} of angle: give at least 1 of each")
        first, last = volume_m
        return cls(
            _rounded(np.geomspace(low, high, energies + 1)),
            _rounded(max_angle_mrad * np.linspace(0.0, 1.0, angles + 1) ** ANGLE_POWER),
            _rounded(first + (last - first) * np.array(Z_SHARES)),
        )

    @property
    def shape(self) -> tuple[int, int, int]:
        """Numbers of bins in energy, angle and z."""
        return len(self.energy_gev) - 1, len(self.angle_mrad) - 1, len(self.z_m) - 1


@dataclass(frozen=True)
class MassTables:
    """Tables of one mass in E bins of energy, A of angle and Z of the decay point.

    Attributes
    ----------
    mass : float
        In MeV/c2.
    width : float
        Total width in MeV at coupling 1.
    ratio : float
        Branching ratio of the mode.
    acceptance, acceptance_error : ndarray, shape (E, A, Z)
        Probability that a decay to the mode in the bin is selected in the innermost region, and its statistical error.
    spectra, spectra_errors : mapping of str to ndarray, shape (E, A)
        By production process, d2N / dlog(E) dangle per proton and squared coupling, in 1/mrad.
    mean_energy : ndarray, shape (E, A)
        In GeV, of the particles of all processes in the bin; the middle of a bin without any.
    """

    mass: float
    width: float
    ratio: float
    acceptance: NDArray[np.float64]
    acceptance_error: NDArray[np.float64]
    spectra: Mapping[str, NDArray[np.float64]]
    spectra_errors: Mapping[str, NDArray[np.float64]]
    mean_energy: NDArray[np.float64]


def default_energies(analysis: AnalysisFolder, mode: str) -> tuple[float, float]:
    """Return the ends of the bins of energy in GeV where none are given: of two tracks, or of two photons.

    Parameters
    ----------
    analysis : AnalysisFolder
    mode : str
        Decay mode, one of [signal] channels.

    Raises
    ------
    ConfigError
        When it is no channel.
    """
    regions, _ = analysis.plane_of(analysis.signal.selection(mode))
    return OF_PHOTONS_GEV if regions.of_clusters else OF_TRACKS_GEV


def default_masses(analysis: AnalysisFolder, mode: str, number: int = 12) -> list[float]:
    """Return masses in MeV/c2 of the scan of [signal], spread evenly over those at which a mode is open.

    Parameters
    ----------
    analysis : AnalysisFolder
    mode : str
        One of [signal] channels.
    number : int

    Raises
    ------
    ConfigError
        When the mode is unknown, or closed at all of them.
    """
    analysis.signal.selection(mode)
    scan = analysis.signal.masses(mode)
    chosen = np.unique(np.linspace(0, len(scan) - 1, number).round().astype(int))
    return [float(f"{scan[i]:.6g}") for i in chosen]


def measure_masses(
    analysis: AnalysisFolder,
    mode: str,
    masses: Sequence[float],
    bins: Bins,
    decays: int,
    executor: Executor,
    progress: Progress | None = None,
) -> list[MassTables]:
    """Measure the tables of several masses.

    Parameters
    ----------
    analysis : AnalysisFolder
    mode : str
        One of [signal] channels.
    masses : sequence of float
        In MeV/c2.
    bins : Bins
    decays : int
        Drawn in each bin.
    executor : Executor
        Where the masses are measured.
    progress : callable, optional
        Called with (masses done, masses in all).

    Raises
    ------
    ConfigError
        As `measure` does.
    """
    analysis.signal.selection(mode)
    found = []
    for tables in executor.map(_Task(analysis, mode, bins, decays), masses):
        found.append(tables)
        if progress:
            progress(len(found), len(masses))
    return found


@dataclass(frozen=True)
class _Task:
    analysis: AnalysisFolder
    mode: str
    bins: Bins
    decays: int

    def __call__(self, mass: float) -> MassTables:
        return measure(self.analysis, self.mode, mass, self.bins, self.decays)


def measure(analysis: AnalysisFolder, mode: str, mass: float, bins: Bins, decays: int) -> MassTables:
    """Measure acceptance and spectra of one mass.

    Parameters
    ----------
    analysis : AnalysisFolder
        Its table [signal] says which particle; its selection decides which decays are selected.
    mode : str
        One of [signal] channels.
    mass : float
        In MeV/c2.
    bins : Bins
    decays : int
        Drawn in each bin.

    Raises
    ------
    ConfigError
        When the mode is unknown or closed at this mass, or the bins end where decays are still accepted or
        particles still made.
    """
    analysis.signal.selection(mode)
    if decays < 1:
        raise ConfigError(f"{decays} decays in each bin: give at least 1")
    model = analysis.signal.particle(mass)
    check_mass(model)
    check_mode(model, mode)
    if bins.energy_gev[0] * 1e3 <= mass:
        raise ConfigError(
            f"energies from {bins.energy_gev[0]:g} GeV: the first must be above the mass, {mass:g} MeV"
        )
    key = int(np.float64(mass).view(np.uint64))  # any two masses have streams of their own
    rng = np.random.default_rng([analysis.signal.seed, key])
    ratio = np.stack(
        [
            _acceptance(analysis, model, mode, bins, (low, high), decays, rng)
            for low, high in pairwise(bins.z_m)
        ],
        axis=2,
    )
    _check_ends(mass, bins, ratio)
    spectra, errors, mean_energy = _spectra(model, bins, rng)
    # Half width of Wilson's interval, so that bins where none or all are selected have an error (JASA 22, 209).
    error = np.sqrt(ratio * (1.0 - ratio) / decays + 0.25 / decays**2) / (1.0 + 1.0 / decays)
    return MassTables(
        mass, total_width(model), branching_ratio(model, mode), ratio, error, spectra, errors, mean_energy
    )


def _acceptance(
    analysis: AnalysisFolder,
    model: SignalModel,
    mode: str,
    bins: Bins,
    z_m: tuple[float, float],
    number: int,
    rng: np.random.Generator,
) -> NDArray[np.float64]:
    """Return the part of decays that is selected, shape (E, A): drawn flat in each bin, in one bin of z."""
    config = analysis.signal
    dump = Dump(analysis.beam_point_mm, config.spot_mm, config.depth_mm)
    z_mm = (z_m[0] * 1e3, z_m[1] * 1e3)
    decays = place_decays(
        _flat(model.mass, bins, number, rng), model.mass, model.modes[mode], dump, z_mm, rng
    )
    flight = Flight.of(decays.tracks, analysis.detector.magnet)
    both = is_seen(decays.tracks, flight, analysis.detector)
    seen = np.flatnonzero(both[0::2] & both[1::2])
    selected = seen[_selected(analysis, mode, model.mass, decays.take(seen), rng)]
    shape = bins.shape[:2]
    count = np.bincount(selected // number, minlength=shape[0] * shape[1])
    return count.reshape(shape) / number


def _flat(mass: float, bins: Bins, number: int, rng: np.random.Generator) -> Particles:
    """Draw particles flat in log energy and angle in each bin; those of a bin follow each other."""
    energies, angles, _ = bins.shape
    size = energies * angles * number
    place = np.repeat(np.arange(energies * angles), number)
    log_e, angle = np.log(1e3 * np.array(bins.energy_gev)), 1e-3 * np.array(bins.angle_mrad)
    row, column = place // angles, place % angles
    energy = np.exp(log_e[row] + np.diff(log_e)[row] * rng.random(size))
    theta = angle[column] + np.diff(angle)[column] * rng.random(size)
    p = np.sqrt(energy**2 - mass**2)
    return Particles.around_beam(p, p * np.sin(theta), np.ones(size), rng)


def _selected(
    analysis: AnalysisFolder, mode: str, mass: float, decays: Decays, rng: np.random.Generator
) -> NDArray[np.int64]:
    """Return the numbers of the decays that are selected in the innermost region."""
    parts = [(decays, np.ones(len(decays.z)), rng)]
    candidates = reconstructed_candidates(analysis, mode, mass, parts).candidates
    inner: NDArray[np.int64] = candidates.event[candidates.region == analysis.regions.names[0]]
    return inner


def _spectra(
    model: SignalModel, bins: Bins, rng: np.random.Generator
) -> tuple[dict[str, NDArray[np.float64]], dict[str, NDArray[np.float64]], NDArray[np.float64]]:
    """Return by process the spectra, their statistical errors, and the mean energies of all processes together."""
    edges = [np.array(bins.energy_gev), np.array(bins.angle_mrad)]
    cell = np.outer(np.diff(np.log(edges[0])), np.diff(edges[1]))
    spectra, errors, total, moment = {}, {}, np.zeros(cell.shape), np.zeros(cell.shape)
    for name, process in model.production.items():
        drawn = process.draw(SPECTRUM, rng)
        energy = 1e-3 * np.hypot(drawn.p, model.mass)
        x, y, z = drawn.direction
        angle = 1e3 * np.arctan2(np.hypot(x, y), z)
        weight = drawn.weight * (process.per_proton / SPECTRUM)
        if (weight[energy > edges[0][-1]] > 0.0).any():
            raise ConfigError(
                f"{name} makes particles of {energy[weight > 0.0].max():.4g} GeV, and the bins end at {edges[0][-1]:g} GeV: "
                "give a larger last energy"
            )

        content, squares, moments = (
            np.histogram2d(energy, angle, bins=edges, weights=value)[0]
            for value in (weight, weight**2, weight * energy)
        )
        spectra[name], errors[name] = content / cell, np.sqrt(squares) / cell
        total += content
        moment += moments
    middle = np.sqrt(edges[0][:-1] * edges[0][1:])[:, None]
    mean = np.where(total > 0.0, moment / np.where(total > 0.0, total, 1.0), middle)
    return spectra, errors, mean


def _check_ends(mass: float, bins: Bins, ratio: NDArray[np.float64]) -> None:
    """Raise an error where decays beyond the bins of angle, or below those of energy, would be selected."""
    by_energy, by_angle = ratio.mean(axis=(1, 2)), ratio.mean(axis=(0, 2))
    ends = (
        (by_energy[0], by_energy, f"{bins.energy_gev[0]:g} GeV; give a smaller first energy"),
        (by_angle[-1], by_angle, f"{bins.angle_mrad[-1]:g} mrad; give a larger last angle"),
    )
    for last, values, where in ends:
        if last > CUT_OFF * values.max():
            raise ConfigError(f"mass {mass:g} MeV: decays are still selected at {where}")


def _rounded(edges: NDArray[np.float64]) -> tuple[float, ...]:
    """Return edges as they are printed, with six digits: what is measured is what the table says."""
    return tuple(float(f"{edge:.6g}") for edge in edges.tolist())

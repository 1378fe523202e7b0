"""Samples of other generators' events: their particles decay here, or their decay products are followed."""

from __future__ import annotations

import operator
from contextlib import closing
from dataclasses import astuple, dataclass, replace
from functools import reduce
from itertools import groupby
from operator import attrgetter
from typing import TYPE_CHECKING

import numpy as np
from hepunits import c_light

from bdana._version import __version__
from bdana.detector import load_detector
from bdana.engine import SerialExecutor
from bdana.errors import ConfigError, InputError
from bdana.events import write_events
from bdana.signal import Mode, Particles
from bdana.simulation.bursts import random_stream
from bdana.simulation.decays import Dump, decay_probability, place_decays_from
from bdana.simulation.hepmc import (
    HepmcFile,
    bad_weight,
    charged_particles,
    decay_vertex,
    undecayed_numbers,
    undecayed_particles,
)
from bdana.simulation.records import SIGNAL
from bdana.simulation.sample import simulate_bursts
from bdana.simulation.signal_events import decay_events, track_events
from bdana.simulation.tracks import ELECTRON, MUON, PHOTON, PION, Tracks

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    import awkward as ak
    from numpy.typing import NDArray

    from bdana.engine import Executor, Progress
    from bdana.events import BurstTable
    from bdana.simulation.hepmc import Charged, HepmcEvent, HepmcPiece, Undecayed
    from bdana.simulation.sample_config import Generated, SimulationConfig

__all__ = ["GeneratorCounts", "write_generated"]

IN_DUMP = ("dump", "tax")
"""Origins of coordinates in the impact point of the beam; the second is the name of NA62's dump."""
ABSOLUTE = ("zero", "t10")
"""Origins at z = 0; the second is the name of NA62's target."""

BLOCK_EVENTS = 10_000
"""Events of the file that are simulated together."""
MODES = {
    "ee": Mode(1.0, (-ELECTRON, ELECTRON)),
    "mumu": Mode(1.0, (-MUON, MUON)),
    "pipi": Mode(1.0, (PION, -PION)),
    "gammagamma": Mode(1.0, (PHOTON, PHOTON)),
}
"""Decays of particles that the generator left undecayed."""


@dataclass
class GeneratorCounts:
    """What became of the events of a generator's file.

    Attributes
    ----------
    events : int
        Events read.
    weight : float
        Sum of their weights.
    written : int
        Events written: decays here, or generator's events with a charged particle in the volume.
    unused : int
        Events without the particle to decay, or without a charged particle in the volume.
    before, behind, backwards : int
        Charged particles left out: made before the decay volume, behind the entrance of the spectrometer (the first
        straw chamber), or flying backwards.
    as_pions : int
        Charged hadrons that are not pions, and were followed as if they were.
    """

    events: int = 0
    weight: float = 0.0
    written: int = 0
    unused: int = 0
    before: int = 0
    behind: int = 0
    backwards: int = 0
    as_pions: int = 0

    def __add__(self, other: GeneratorCounts) -> GeneratorCounts:
        """Return the counts of both."""
        return GeneratorCounts(*(a + b for a, b in zip(astuple(self), astuple(other), strict=True)))


def write_generated(
    path: Path,
    source: Path,
    config: SimulationConfig,
    generated: Generated,
    seed: int,
    progress: Progress | None = None,
    executor: Executor | None = None,
) -> GeneratorCounts:
    """Simulate the events of a generator into a ROOT file, a few pieces of the source in memory at a time.

    When the generator made the decays, its electrons, muons and charged hadrons that are stable or decay behind the
    first straw chamber start where they were made; hadrons leave signals like pions, neutral particles none. Those made
    before the decay volume are lost in the dump. The truth of an event is the decay in the volume of its first charged
    particle. Event weights are kept, cross-sections not used: an event of weight 1 stands for one event, whatever number of
    protons the sample has. What it stands for in a search is set by `[samples] weight` of the analysis.

    Parameters
    ----------
    path : Path
        The file to write; it appears when it is complete.
    source : Path
        HepMC2 or HepMC3 text file, compressed by gzip or not.
    config : SimulationConfig
        Bursts and detector; its signal is not used.
    generated : Generated
        What the source holds.
    seed : int
        The same arguments give the same events.
    progress : callable, optional
        Called with (done, in all) after each block, in bytes of the source.
    executor : Executor, optional
        Where events are read from the text of the source, which takes most of the time; in this process by default. The events
        are the same everywhere.

    Raises
    ------
    ConfigError
        When a value of the configuration makes no sense, or pyhepmc is not installed.
    InputError
        When the source cannot be read, is not complete, or holds nothing to simulate.
    """
    _check(generated)
    bursts = simulate_bursts(config, seed)
    file, read = HepmcFile(source), _ReadPiece(config, generated, seed)
    found, others = GeneratorCounts(), set[int]()

    def blocks() -> Iterator[ak.Array]:
        nonlocal found, others
        with closing(file.pieces(BLOCK_EVENTS)) as pieces:
            parts = _checked((executor or SerialExecutor()).map(read, pieces), source)
            for index, block in groupby(parts, key=attrgetter("block")):
                together = reduce(operator.add, block)
                numbers = range(found.written, found.written + len(together.rows))
                found, others = found + together.counts, others | together.others
                if numbers:
                    yield read.simulated(together, bursts, numbers, index)
                if progress:
                    progress(file.position, file.size)
        _check_written(source, generated, found, others)

    provenance = {
        "program": "bdana simulate",
        "bdana_version": __version__,
        "source": source.name,
        "source_sha256": file.sha256,
    }
    write_events(path, blocks(), bursts, provenance=provenance)
    return found


@dataclass(frozen=True)
class _Found:
    """What there is to simulate in some events of a file.

    Attributes
    ----------
    block : int
        Place of the block that they are of.
    first : int
        Number of events before these.
    weights : int
        Number of weights of each.
    counts : GeneratorCounts
    others : set of int
        PDG numbers of undecayed particles, as long as none is the one to decay.
    rows : ndarray, shape (N, 8) or (N, 4)
        Of each particle to decay: weight, mass, momentum, place. Of each event with charged particles: weight, and mass,
        momentum and z of its decay.
    sizes : ndarray of int, shape (N,)
        Number of charged particles of each event.
    tracks : ndarray, shape (K, 9)
        What `_row` gives of them.
    """

    block: int
    first: int
    weights: int
    counts: GeneratorCounts
    others: set[int]
    rows: NDArray[np.float64]
    sizes: NDArray[np.int64]
    tracks: NDArray[np.float64]

    def __add__(self, other: _Found) -> _Found:
        """Return what there is in both, this one's first."""
        return replace(
            self,
            counts=self.counts + other.counts,
            others=self.others | other.others,
            rows=np.concatenate([self.rows, other.rows]),
            sizes=np.concatenate([self.sizes, other.sizes]),
            tracks=np.concatenate([self.tracks, other.tracks]),
        )


def _checked(pieces: Iterable[_Found], source: Path) -> Iterator[_Found]:
    """Give pieces, and raise an error when one has events of another number of weights than the first."""
    weights = None
    for piece in pieces:
        weights = piece.weights if weights is None else weights
        if piece.weights != weights:
            raise bad_weight(source, piece.first + 1)
        yield piece


def _check_written(source: Path, generated: Generated, counts: GeneratorCounts, others: set[int]) -> None:
    """Raise an error when nothing of the file was of use."""
    if counts.written:
        return
    if generated.particle is not None:
        raise InputError(
            f"{source}: none of its {counts.events} events has an undecayed particle {generated.particle} "
            f"(status 1), but {', '.join(map(str, sorted(others))) or 'no other either'}: check --particle; "
            "without it, decays that the generator made are followed"
        )
    raise InputError(
        f"{source}: no charged particle of its {counts.events} events is made in the decay volume "
        f"({counts.before} before it, {counts.behind} behind the first chamber, {counts.backwards} fly "
        "backwards): check --origin; a particle that the generator did not decay is decayed here by --particle"
    )


@dataclass(frozen=True)
class _ReadPiece:
    """Function that reads from the text of a generator's events what there is to simulate; it is sent to workers."""

    config: SimulationConfig
    generated: Generated
    seed: int

    def __call__(self, piece: HepmcPiece) -> _Found:
        block, before = divmod(piece.first, BLOCK_EVENTS)
        detector = load_detector(self.config.detector)
        z_min, z_end = self.generated.z_range_mm(detector)[0], detector[detector.tracker.before[0]].z_mm
        counts, others, weights = GeneratorCounts(), set[int](), 0
        rows: list[NDArray[np.float64]] = []
        tracks: list[list[NDArray[np.float64]]] = []
        for event, origin in zip(piece, self._origins(block)[1].T[before:], strict=False):
            counts.events += 1
            counts.weight += event.weight
            weights = event.weights
            if self.generated.particle is None:
                start, end = z_min - origin[2], z_end - origin[2]
                parts = charged_particles(event, end)
                inside = [part for part in parts if _begins_inside(part, start, end, counts)]
                if inside:
                    decay = decay_vertex(event, inside[0].vertex, start)
                    rows.append(np.array([event.weight, decay.mass, decay.p, origin[2] + decay.z]))
                    tracks.append([_row(event, origin, part) for part in inside])
                counts.unused += not inside
            else:
                found = self._undecayed(event, piece.path, self.generated.particle)
                rows += [
                    np.array([event.weight, p.mass, *p.momentum, *(origin + p.place[:3])]) for p in found
                ]
                counts.unused += not found
                if not rows:
                    others.update(undecayed_numbers(event))
        counts.written = len(rows)
        return _Found(
            block,
            piece.first,
            weights,
            counts,
            others,
            np.array(rows).reshape(-1, 4 if self.generated.particle is None else 8),
            np.array([len(parts) for parts in tracks], dtype=np.int64),
            np.array([row for parts in tracks for row in parts]).reshape(-1, 9),
        )

    def _origins(self, block: int) -> tuple[np.random.Generator, NDArray[np.float64]]:
        """Draw where the coordinates of each event of a block begin, shape (3, events); return the generator behind them."""
        rng, generated = random_stream(self.seed, 4, block), self.generated
        point = load_detector(self.config.detector).beam_dump.point_mm
        in_dump = Dump(point, generated.spot_mm, generated.depth_mm)
        dump = in_dump if generated.origin in IN_DUMP else Dump((0.0, 0.0, 0.0))
        return rng, dump.draw(BLOCK_EVENTS, rng)

    def _undecayed(self, event: HepmcEvent, source: Path, number: int) -> list[Undecayed]:
        """Return the particles that the generator left undecayed; each is an event."""
        mode, particles = MODES[self.generated.mode], undecayed_particles(event, number)
        for particle in particles:
            if not particle.mass > sum(mode.masses):
                raise InputError(
                    f"{source}: event {event.number}: the particle {number} has a mass of {particle.mass:g} "
                    f"MeV, but the mode {self.generated.mode} opens at {sum(mode.masses):.4f} MeV"
                )
        return particles

    def simulated(self, found: _Found, bursts: BurstTable, numbers: range, block: int) -> ak.Array:
        """Simulate the events of a block.

        Parameters
        ----------
        found : _Found
            In all of the block.
        bursts : BurstTable
        numbers : range
            Event numbers.
        block : int
        """
        rng, _ = self._origins(block)
        if self.generated.particle is None:
            weight, mass, p, z = found.rows.T
            truth = {"process": np.full(len(numbers), SIGNAL), "mass": mass, "p": p, "z_decay": z}
            tracks = _tracks(found.sizes, found.tracks)
            return track_events(self.config, tracks, weight, truth, bursts, numbers, rng)
        weight, mass = found.rows[:, :2].T
        momentum, origins = found.rows[:, 2:5].T, found.rows[:, 5:].T
        p = np.sqrt(np.einsum("ij,ij->j", momentum, momentum))
        direction = np.divide(momentum, p, out=np.zeros_like(momentum), where=p > 0.0)
        z_range = self.generated.z_range_mm(load_detector(self.config.detector))
        flying, mode = Particles(p, direction, weight), MODES[self.generated.mode]
        decays = place_decays_from(flying, mass, mode, origins, z_range, rng)
        weight = flying.weight * (decays.path > 0.0)
        if self.generated.ctau_mm is not None:
            weight = weight * decay_probability(decays, p / mass * self.generated.ctau_mm, z_range)
        return decay_events(self.config, decays, mass, weight, bursts, numbers, rng)


def _begins_inside(part: Charged, start: float, end: float, counts: GeneratorCounts) -> bool:
    """Tell whether a charged particle is followed from where it was made; count why not."""
    if part.z < start:
        counts.before += 1
    elif part.z > end:
        counts.behind += 1
    elif not part.forwards:
        counts.backwards += 1
    else:
        counts.as_pions += part.species == PION and abs(part.particle.pid) != PION
        return True
    return False


def _check(generated: Generated) -> None:
    if generated.mode not in MODES:
        raise ConfigError(f"mode '{generated.mode}' is unknown: choose {', '.join(MODES)}")
    if generated.origin not in {*IN_DUMP, *ABSOLUTE}:
        raise ConfigError(f"origin '{generated.origin}' is unknown: choose dump or zero")
    if generated.ctau_mm is not None and generated.particle is None:
        raise ConfigError("--ctau-mm belongs to a particle that decays here: name it by --particle")
    if generated.ctau_mm is not None and not 0.0 < generated.ctau_mm < np.inf:
        raise ConfigError(f"ctau_mm = {generated.ctau_mm:g}: give a lifetime above 0")


def _row(event: HepmcEvent, origin: NDArray[np.float64], part: Charged) -> NDArray[np.float64]:
    """Return x, y, z, lateness, px, py, pz, charge and species of a particle, shape (9,)."""
    *place, ct = event.place(part.vertex)
    late = (ct - part.z) / c_light  # behind light along the beam, in ns
    momentum = event.momentum(part.particle)
    return np.array([*(origin + place), late, *momentum, part.charge, part.species])


def _tracks(sizes: NDArray[np.int64], table: NDArray[np.float64]) -> Tracks:
    """Return the particles of N events, in time with the first of each."""
    first = np.repeat(np.cumsum(sizes) - sizes, sizes)
    x, y, z, late, px, py, pz, charge, species = table.T
    return Tracks(
        x=x,
        y=y,
        z=z,
        tx=px / pz,
        ty=py / pz,
        p=np.sqrt(px**2 + py**2 + pz**2),
        charge=charge.astype(np.int64),
        time=late - late[first],
        event=np.repeat(np.arange(len(sizes)), sizes),
        species=species.astype(np.int64),
    )

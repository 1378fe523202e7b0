"""Samples of other generators' events: their particles decay here, or their decay products are followed."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import count, islice
from typing import TYPE_CHECKING

import numpy as np
from hepunits import c_light

from bdana._version import __version__
from bdana.detector import load_detector
from bdana.errors import ConfigError, InputError
from bdana.events import write_events
from bdana.signal import Mode, Particles
from bdana.simulation.bursts import random_stream
from bdana.simulation.decays import Dump, decay_probability, place_decays_from
from bdana.simulation.hepmc import (
    HepmcFile,
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

    from bdana.engine import Progress
    from bdana.events import BurstTable
    from bdana.simulation.hepmc import Charged, DecayVertex, HepmcEvent, Undecayed
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


def write_generated(
    path: Path,
    source: Path,
    config: SimulationConfig,
    generated: Generated,
    seed: int,
    progress: Progress | None = None,
) -> GeneratorCounts:
    """Simulate the events of a generator into a ROOT file, one block in memory at a time.

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

    Raises
    ------
    ConfigError
        When a value of the configuration makes no sense, or pyhepmc is not installed.
    InputError
        When the source cannot be read, is not complete, or holds nothing to simulate.
    """
    _check(generated)
    bursts = simulate_bursts(config, seed)
    file, counts = HepmcFile(source), GeneratorCounts()

    def blocks() -> Iterator[ak.Array]:
        sample = _Sample(source, config, generated, bursts, counts)
        events = iter(file)
        for index in count():
            before = counts.events, counts.written
            block = sample.block(islice(events, BLOCK_EVENTS), random_stream(seed, 4, index))
            if counts.written > before[1]:
                yield block
            if progress:
                progress(file.position, file.size)
            if counts.events < before[0] + BLOCK_EVENTS:
                break
        sample.check_written()

    provenance = {
        "program": "bdana simulate",
        "bdana_version": __version__,
        "source": source.name,
        "source_sha256": file.sha256,
    }
    write_events(path, blocks(), bursts, provenance=provenance)
    return counts


@dataclass(frozen=True)
class _Sample:
    """What is needed to simulate blocks of a generator's events, and what became of them.

    `others` are the PDG numbers of undecayed particles, as long as none is the one to decay.
    """

    source: Path
    config: SimulationConfig
    generated: Generated
    bursts: BurstTable
    counts: GeneratorCounts
    others: set[int] = field(default_factory=set)

    def block(self, events: Iterable[HepmcEvent], rng: np.random.Generator) -> ak.Array:
        """Simulate a block of at most `BLOCK_EVENTS` events of the file."""
        if self.generated.particle is None:
            return self._followed(events, rng)
        return self._decayed(events, self.generated.particle, rng)

    def check_written(self) -> None:
        """Raise an error when nothing of the file was of use."""
        counts = self.counts
        if counts.written:
            return
        if self.generated.particle is not None:
            raise InputError(
                f"{self.source}: none of its {counts.events} events has an undecayed particle {self.generated.particle} "
                f"(status 1), but {', '.join(map(str, sorted(self.others))) or 'no other either'}: check --particle; "
                "without it, decays that the generator made are followed"
            )
        raise InputError(
            f"{self.source}: no charged particle of its {counts.events} events is made in the decay volume "
            f"({counts.before} before it, {counts.behind} behind the first chamber, {counts.backwards} fly "
            "backwards): check --origin; a particle that the generator did not decay is decayed here by --particle"
        )

    def _placed(
        self, events: Iterable[HepmcEvent], rng: np.random.Generator
    ) -> Iterator[tuple[HepmcEvent, NDArray[np.float64]]]:
        """Count events, and return each with the place of the origin of its coordinates, shape (3,)."""
        generated = self.generated
        point = load_detector(self.config.detector).beam_dump.point_mm
        in_dump = Dump(point, generated.spot_mm, generated.depth_mm)
        dump = in_dump if generated.origin in IN_DUMP else Dump((0.0, 0.0, 0.0))
        for event, origin in zip(events, dump.draw(BLOCK_EVENTS, rng).T, strict=False):
            self.counts.events += 1
            self.counts.weight += event.weight
            yield event, origin

    def _decayed(self, events: Iterable[HepmcEvent], number: int, rng: np.random.Generator) -> ak.Array:
        """Decay the particles that the generator left undecayed; each is an event."""
        generated, mode = self.generated, MODES[self.generated.mode]
        found: list[tuple[Undecayed, float, NDArray[np.float64]]] = []
        for event, origin in self._placed(events, rng):
            particles = undecayed_particles(event, number)
            self.counts.unused += not particles
            if not particles and not self.counts.written and not found:
                self.others.update(undecayed_numbers(event))
            for particle in particles:
                if not particle.mass > sum(mode.masses):
                    raise InputError(
                        f"{self.source}: event {event.number}: the particle {number} has a mass of {particle.mass:g} "
                        f"MeV, but the mode {generated.mode} opens at {sum(mode.masses):.4f} MeV"
                    )
                found.append((particle, event.weight, origin + particle.place[:3]))
        momentum = np.array([particle.momentum for particle, _, _ in found]).reshape(-1, 3).T
        mass = np.array([particle.mass for particle, _, _ in found])
        p = np.sqrt(np.einsum("ij,ij->j", momentum, momentum))
        direction = np.divide(momentum, p, out=np.zeros_like(momentum), where=p > 0.0)
        flying = Particles(p, direction, np.array([weight for _, weight, _ in found]))
        origins = np.array([origin for _, _, origin in found]).reshape(-1, 3).T
        z_range = generated.z_range_mm(load_detector(self.config.detector))
        decays = place_decays_from(flying, mass, mode, origins, z_range, rng)
        weight = flying.weight * (decays.path > 0.0)
        if generated.ctau_mm is not None:
            weight = weight * decay_probability(decays, p / mass * generated.ctau_mm, z_range)
        return decay_events(self.config, decays, mass, weight, self.bursts, self._numbers(len(found)), rng)

    def _followed(self, events: Iterable[HepmcEvent], rng: np.random.Generator) -> ak.Array:
        """Follow the charged particles of decays that the generator made."""
        detector = load_detector(self.config.detector)
        z_min, z_end = self.generated.z_range_mm(detector)[0], detector[detector.tracker.before[0]].z_mm
        rows: list[list[NDArray[np.float64]]] = []
        found: list[tuple[float, NDArray[np.float64], DecayVertex]] = []
        for event, origin in self._placed(events, rng):
            start, end = z_min - origin[2], z_end - origin[2]
            inside = [part for part in charged_particles(event, end) if self._begins_inside(part, start, end)]
            self.counts.unused += not inside
            if inside:
                rows.append([_row(event, origin, part) for part in inside])
                found.append((event.weight, origin, decay_vertex(event, inside[0].vertex, start)))
        tracks = _tracks(rows)
        truth = {
            "process": np.full(len(found), SIGNAL),
            "mass": np.array([decay.mass for _, _, decay in found]),
            "p": np.array([decay.p for _, _, decay in found]),
            "z_decay": np.array([origin[2] + decay.z for _, origin, decay in found]),
        }
        weight = np.array([weight for weight, _, _ in found])
        numbers = self._numbers(len(found))
        return track_events(self.config, tracks, weight, truth, self.bursts, numbers, rng)

    def _begins_inside(self, part: Charged, start: float, end: float) -> bool:
        counts = self.counts
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

    def _numbers(self, n: int) -> range:
        first = self.counts.written
        self.counts.written += n
        return range(first, first + n)


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


def _tracks(rows: list[list[NDArray[np.float64]]]) -> Tracks:
    """Return the particles of N events, in time with the first of each."""
    sizes = np.array([len(parts) for parts in rows], dtype=np.int64)
    first = np.repeat(np.cumsum(sizes) - sizes, sizes)
    table = np.array([row for parts in rows for row in parts]).reshape(-1, 9)
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
        event=np.repeat(np.arange(len(rows)), sizes),
        species=species.astype(np.int64),
    )

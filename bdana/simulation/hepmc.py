"""Events of any generator from HepMC2 and HepMC3 files: particles to decay here, or the products of their decays."""

from __future__ import annotations

import gzip
import hashlib
import io
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np
from particle import PDGID

from bdana.errors import ConfigError, InputError
from bdana.simulation.tracks import ELECTRON, MUON, PION

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = [
    "Charged",
    "DecayVertex",
    "HepmcEvent",
    "HepmcFile",
    "HepmcPiece",
    "Undecayed",
    "bad_weight",
    "charged_particles",
    "decay_vertex",
    "undecayed_numbers",
    "undecayed_particles",
]

END = b"END_EVENT_LISTING"
"""In the last line of a complete file."""
PIECE_BYTES = 4_000_000
"""Text that is read together, at least, where a block has as much: bounds the memory."""
READERS = {b"HepMC::Asciiv3": "ReaderAscii", b"HepMC::IO_GenEvent": "ReaderAsciiHepMC2"}
"""Names of pyhepmc's readers by what the first lines of a file say."""


@dataclass(frozen=True)
class HepmcEvent:
    """One event of a file.

    Attributes
    ----------
    record : pyhepmc.GenEvent
        Particles and vertices as the file has them.
    number : int
        Place in the file, from 1.
    weight : float
        The first event weight; 1 without weights.
    mev, mm : float
        One unit of momentum in MeV, and of length in mm.
    """

    record: Any
    number: int
    weight: float
    mev: float
    mm: float

    @property
    def weights(self) -> int:
        """Number of its weights."""
        return len(self.record.weights)

    def place(self, vertex: Any) -> NDArray[np.float64]:
        """Return x, y, z and c t of a vertex in mm, shape (4,).

        Parameters
        ----------
        vertex : pyhepmc.GenVertex
            One without a position lies where its incoming particle was made.
        """
        at = vertex.position
        return self.mm * np.array([at.x, at.y, at.z, at.t])

    def momentum(self, particle: Any) -> NDArray[np.float64]:
        """Return px, py, pz of a particle in MeV/c, shape (3,).

        Parameters
        ----------
        particle : pyhepmc.GenParticle
        """
        p = particle.momentum
        return self.mev * np.array([p.px, p.py, p.pz])


class HepmcFile:
    """A HepMC2 or HepMC3 text file, compressed by gzip or not, read one piece at a time.

    Attributes
    ----------
    path : Path
    size : int
        In bytes.
    """

    def __init__(self, path: Path) -> None:
        """Look at the file.

        Parameters
        ----------
        path : Path

        Raises
        ------
        InputError
            When the file cannot be read or is empty.
        """
        self.path = path
        self._raw: io.BufferedReader | None = None
        try:
            self.size = path.stat().st_size
        except OSError as err:
            raise InputError(f"{path}: cannot be read: {err.strerror}") from err
        if not self.size:
            raise InputError(f"{path}: the file is empty")

    @property
    def sha256(self) -> str:
        """Checksum of the file, as `sha256sum` prints it."""
        try:
            with self.path.open("rb") as file:
                return hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as err:
            raise InputError(f"{self.path}: cannot be read: {err.strerror}") from err

    @property
    def position(self) -> int:
        """Bytes read so far."""
        if self._raw is None:
            return 0
        return self.size if self._raw.closed else self._raw.tell()

    def pieces(self, block: int) -> Generator[HepmcPiece]:
        """Yield the text in pieces of whole events, one in memory at a time.

        Parameters
        ----------
        block : int
            No piece has events of two blocks of so many.

        Raises
        ------
        InputError
            When the file cannot be read, is no HepMC file, is not complete, or holds no events.
        """
        with self._opened() as stream:
            _form(self.path, stream.peek(256)[:256])
            head, lines, size, first, events, end = b"", list[bytes](), 0, 0, 0, b""
            for line in stream:
                if line.startswith(b"E "):
                    if not first and not events:
                        head, lines, size = b"".join(lines), [], 0
                    elif size >= PIECE_BYTES or (first + events) % block == 0:
                        yield HepmcPiece(self.path, head, b"".join(lines), first, events)
                        lines, size, first, events = [], 0, first + events, 0
                    events += 1
                lines.append(line)
                size += len(line)
                end = (end + line)[-64:]
            if END not in end:
                raise InputError(
                    f"{self.path}: the file ends within or behind event {first + events}, without {END.decode()}: "
                    "the generator did not finish it, or the copy is not complete"
                )
            if not events:
                raise InputError(f"{self.path}: the file holds no events")
            yield HepmcPiece(self.path, head, b"".join(lines), first, events)

    @contextmanager
    def _opened(self) -> Iterator[io.BufferedReader]:
        _pyhepmc(self.path)  # said here when it is missing, and not by a worker
        try:
            with self.path.open("rb") as self._raw:
                packed = self._raw.peek(2)[:2] == b"\x1f\x8b"
                yield io.BufferedReader(gzip.GzipFile(fileobj=self._raw)) if packed else self._raw
        except (OSError, EOFError) as err:
            raise InputError(f"{self.path}: cannot be read: {err}") from err


@dataclass(frozen=True)
class HepmcPiece:
    """Some whole events of a file, as it has them; it is sent to workers.

    Attributes
    ----------
    path : Path
        The file.
    head : bytes
        What stands before its first event.
    text : bytes
    first : int
        Number of events before these.
    events : int
        Number of these.
    """

    path: Path
    head: bytes
    text: bytes
    first: int
    events: int

    def __iter__(self) -> Iterator[HepmcEvent]:
        """Yield the events.

        Raises
        ------
        InputError
            When one cannot be read.
        """
        pyhepmc = _pyhepmc(self.path)
        # It reports a bad line by ending; the error raised below says more.
        pyhepmc.Setup.print_errors, pyhepmc.Setup.debug_level = False, 0
        mark, reader = _form(self.path, self.head)
        text = io.BytesIO(self.head + self.text + mark + b"-" + END + b"\n\n")
        number, weights = self.first, None
        with getattr(pyhepmc.io, reader)(pyhepmc.io.pyiostream(text)) as records:
            for number, record in enumerate(records, start=self.first + 1):
                event = _event(pyhepmc, record, number)
                weights = event.weights if weights is None else weights
                if not np.isfinite(event.weight) or event.weights != weights:
                    raise bad_weight(self.path, number)
                yield event
        if number < self.first + self.events:
            raise InputError(f"{self.path}: event {number + 1} cannot be read: the file is damaged")


def bad_weight(path: Path, number: int) -> InputError:
    """Return what is wrong with an event without the weights that the others have.

    Parameters
    ----------
    path : Path
    number : int
        Of the event.
    """
    return InputError(
        f"{path}: event {number}: a weight is missing or not finite: leave out this event, or correct it"
    )


def _form(path: Path, start: bytes) -> tuple[bytes, str]:
    """Return the words by which a file begins and ends, and pyhepmc's reader of it."""
    for mark, reader in READERS.items():
        if mark in start:
            return mark, reader
    raise InputError(f"{path}: is not a HepMC file: its first lines name neither Asciiv3 nor IO_GenEvent")


def _pyhepmc(path: Path) -> Any:
    try:
        return import_module("pyhepmc")  # an extra, so that nothing imports it before
    except ImportError:
        raise ConfigError(f"{path}: reading HepMC needs pyhepmc: pip install 'bdana[generators]'") from None


def _event(pyhepmc: Any, record: Any, number: int) -> HepmcEvent:
    units = pyhepmc.Units
    return HepmcEvent(
        record,
        number,
        weight=float(record.weights[0]) if record.weights else 1.0,
        mev=1e3 if record.momentum_unit == units.GEV else 1.0,
        mm=10.0 if record.length_unit == units.CM else 1.0,
    )


@dataclass(frozen=True)
class Undecayed:
    """A particle that the generator did not decay.

    Attributes
    ----------
    place : ndarray, shape (4,)
        Production point x, y, z and c t in mm.
    momentum : ndarray, shape (3,)
        In MeV/c.
    mass : float
        In MeV/c2.
    """

    place: NDArray[np.float64]
    momentum: NDArray[np.float64]
    mass: float


def undecayed_numbers(event: HepmcEvent) -> set[int]:
    """Return the PDG numbers of the particles that the generator did not decay (status 1).

    Parameters
    ----------
    event : HepmcEvent
    """
    table = event.record.numpy.particles
    return set(table.pid[table.status == 1].tolist())


def undecayed_particles(event: HepmcEvent, number: int) -> list[Undecayed]:
    """Return the particles of a species that the generator did not decay (status 1), antiparticles included.

    Parameters
    ----------
    event : HepmcEvent
    number : int
        PDG number; its sign does not matter.
    """
    table = event.record.numpy.particles
    if not ((abs(table.pid) == abs(number)) & (table.status == 1)).any():
        return []
    return [
        Undecayed(
            event.place(particle.production_vertex),
            event.momentum(particle),
            event.mev * particle.generated_mass,
        )
        for particle in event.record.particles
        if abs(particle.pid) == abs(number) and particle.status == 1
    ]


@dataclass(frozen=True)
class Charged:
    """A charged particle that leaves tracks.

    Attributes
    ----------
    vertex : pyhepmc.GenVertex
        Where it was made.
    particle : pyhepmc.GenParticle
    z : float
        Of the vertex, in mm in the coordinates of the file.
    charge : int
    species : int
        PDG number without sign of what the detector takes it for: hadrons are pions, with their own momentum.
    """

    vertex: Any
    particle: Any
    z: float
    charge: int
    species: int

    @property
    def forwards(self) -> bool:
        """Whether it flies along the beam."""
        return bool(self.particle.momentum.pz > 0.0)


def charged_particles(event: HepmcEvent, z_end: float) -> Iterator[Charged]:
    """Yield the electrons, muons and charged hadrons that are stable (status 1) or decay behind a plane.

    A particle without a production vertex is of the beam, and left out.

    Parameters
    ----------
    event : HepmcEvent
    z_end : float
        The plane, in mm in the coordinates of the file.
    """
    for vertex in event.record.vertices:
        z = event.mm * vertex.position.z
        for particle in vertex.particles_out:
            charge, species = _charge(particle.pid)
            if charge and (particle.status == 1 or _decays_behind(event, particle, z_end)):
                yield Charged(vertex, particle, z, charge, species)


def _decays_behind(event: HepmcEvent, particle: Any, z_end: float) -> bool:
    end = particle.end_vertex
    return end is not None and event.mm * end.position.z > z_end


@cache
def _charge(number: int) -> tuple[int, int]:
    """Return the charge of an electron, muon or hadron, 0 for all else, and what the detector takes it for."""
    identity = PDGID(number)
    lepton = abs(number) in {ELECTRON, MUON}
    charge = identity.charge if lepton or identity.is_hadron else None
    return int(charge or 0), abs(number) if lepton else PION


@dataclass(frozen=True)
class DecayVertex:
    """The decay in the volume from which a charged particle comes, directly or by further decays.

    Attributes
    ----------
    z : float
        In mm, in the coordinates of the file.
    p : float
        Momentum of what decayed, in MeV/c.
    mass : float
        Of what decayed, in MeV/c2.
    """

    z: float
    p: float
    mass: float


def decay_vertex(event: HepmcEvent, vertex: Any, z_start: float) -> DecayVertex:
    """Return the first decay behind a plane that led to a vertex.

    Parameters
    ----------
    event : HepmcEvent
    vertex : pyhepmc.GenVertex
        Behind the plane.
    z_start : float
        The plane, in mm in the coordinates of the file.
    """
    while vertex.particles_in:
        before = vertex.particles_in[0].production_vertex
        if not event.mm * before.position.z >= z_start:
            break
        vertex = before
    parts = vertex.particles_in or vertex.particles_out  # some files leave out what decays
    p = np.linalg.norm(sum(event.momentum(part) for part in parts))
    mass = (
        parts[0].generated_mass
        if len(parts) == 1
        else sum((p.momentum for p in parts[1:]), parts[0].momentum).m()
    )
    return DecayVertex(event.mm * vertex.position.z, float(p), event.mev * mass)

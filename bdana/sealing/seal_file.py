"""Sealing: a file of data becomes an open file without closed events, and one sealed file for each stage."""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import awkward as ak
import numpy as np

from bdana._version import __version__
from bdana.atomic import write_bytes
from bdana.blinding.canonical import canonical
from bdana.blinding.signing import sign, verify
from bdana.errors import BlindingError, InputError
from bdana.events import Dataset, write_events
from bdana.events.containers import open_root
from bdana.events.event_identity import IDENTITY, SeenEvents, first_repeated, identities, identity_hashes
from bdana.events.files import guess_schema, open_events, read_flat_with_closed
from bdana.events.flat import FlatEvents
from bdana.events.location import file_name
from bdana.events.remote_config import DEFAULTS, RemoteConfig
from bdana.sealing.manifest import MANIFEST, OPEN, described, open_uuid
from bdana.sealing.reprocessing import EarlierSealings, event_ids
from bdana.sealing.sealed_file import encrypt_events

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from bdana.blinding.policy import Person, Policy
    from bdana.engine import Progress
    from bdana.events import BurstTable, Gate
    from bdana.events.dataset import Chunk
    from bdana.events.files import EventFile
    from bdana.events.location import Location

__all__ = ["BASKET_EVENTS", "Sealing", "reconstruction_of", "seal", "seal_simulated"]

BASKET_EVENTS = 100_000
"""Open events in a basket: a fixed number, since baskets that followed the input's would tell how many are missing."""


@dataclass(frozen=True)
class Sealing:
    """The policy, keys and person that files are sealed with.

    Attributes
    ----------
    policy : Policy
    gate : Gate
    recipients : mapping of str to str
        The public age key of each stage.
    period : str
        The data period that the keys are for.
    person : str
        Who seals, with the mark `production` in the policy.
    key : Path
        The SSH key that signs the manifest.
    """

    policy: Policy
    gate: Gate
    recipients: Mapping[str, str]
    period: str
    person: str
    key: Path


def seal(
    path: Location,
    folder: Path,
    sealing: Sealing,
    schema: str | None = None,
    previous: Sequence[Location] = (),
    *,
    reconstruction: str | None = None,
    progress: Progress | None = None,
    remote: RemoteConfig = DEFAULTS,
) -> Path:
    """Seal one file: write its open events, a sealed file for each stage, and the signed manifest.

    Parameters
    ----------
    path : Path or str
        Data as the reconstruction wrote it; text is the address of a file on a server.
    folder : Path
        Gets NAME.open.root, NAME.STAGE.age for every stage, NAME.manifest.json and its signature.
    sealing : Sealing
    schema : str, optional
        Layout of the file; by default the one shipped schema that matches.
    previous : sequence of Path or str
        The raw data of earlier sealings of these events, oldest first: what they closed stays closed. What they left
        open and is closed now carries `seen_before` in the sealed file.
    reconstruction : str, optional
        Name and version of the program that reconstructed the events, for the manifest; by default what
        `reconstruction_of` finds, or "unknown".
    progress : callable, optional
        Called with (done, in all) after each chunk of the input.
    remote : RemoteConfig, optional
        How long servers are waited for.

    Returns
    -------
    Path
        The manifest.

    Raises
    ------
    BlindingError
        When the person is not production or the key another's, a stage has no key, or the file lacks what the gate must
        know.
    InputError
        When the file cannot be read or the folder not written.
    """
    person, stem = _production(sealing), Path(file_name(path)).stem
    manifest = folder / f"{stem}{MANIFEST}"
    if manifest.exists():  # guard: sealed-once
        raise InputError(f"{manifest}: is there already; nothing was changed")
    raw = _raw(path, sealing, schema, remote)
    earlier = EarlierSealings(previous, sealing.gate, schema, remote)  # guard: earlier-is-there
    file, bursts = cast("EventFile", raw.sources[0]), cast("BurstTable", raw.bursts)  # as `_raw` opened them
    with ThreadPoolExecutor(1) as hashing:
        raw_sha256 = hashing.submit(file.sha256)
        judged = _judged(raw, file, bursts, earlier, progress)
        # Pseudo-data stay what they are.
        closed = _write(folder / f"{stem}{OPEN}", judged, bursts, sealing, simulated=file.simulated)
        if previous:  # guard: nothing-beside
            _mark_seen(closed, earlier)
        made = {
            "reconstruction": reconstruction or reconstruction_of(path, remote) or "unknown",
            "raw_sha256": raw_sha256.result(),  # guard: manifest-counts-nothing
            "previous": earlier.sha256(),  # guard: earlier-is-named
        }
    return _sign_manifest(manifest, sealing, person, closed, made)


def seal_simulated(
    blocks: Iterable[ak.Array], bursts: BurstTable, folder: Path, name: str, sealing: Sealing
) -> Path:
    """Seal pseudo-data while they are simulated: their closed events are on no disk without encryption.

    Parameters
    ----------
    blocks : iterable of ak.Array
        Events without truth.
    bursts : BurstTable
    folder : Path
        Gets the same files as `seal` makes.
    name : str
        With which the names of the files begin.
    sealing : Sealing

    Returns
    -------
    Path
        The manifest.

    Raises
    ------
    BlindingError
        As `seal`.
    """
    person = _production(sealing)

    def judged() -> Iterator[tuple[FlatEvents, NDArray[np.int64]]]:
        for block in blocks:
            events = block[[column for column in ak.fields(block) if column != "weight"]]
            yield FlatEvents.of_records(events), sealing.gate.secrecy(events)

    closed = _write(folder / f"{name}{OPEN}", judged(), bursts, sealing, simulated=True)
    made = {"reconstruction": f"bdana simulate {__version__}"}
    return _sign_manifest(folder / f"{name}{MANIFEST}", sealing, person, closed, made)


def _sign_manifest(
    path: Path,
    sealing: Sealing,
    person: Person,
    closed: Mapping[str, list[ak.Array]],
    made: Mapping[str, Any],
) -> Path:
    """Encrypt closed events, and sign the manifest; with the key of somebody else what was written is removed."""
    stem = path.name.removesuffix(MANIFEST)
    with ThreadPoolExecutor(1) as hashing:
        open_file = hashing.submit(described, path.with_name(f"{stem}{OPEN}"))
        sealed = {
            stage: _sealed(path.with_name(f"{stem}.{stage}.age"), closed[stage], stage, sealing)
            for stage in sealing.policy.stages
        }
    opened = open_file.result()
    text = canonical(
        {
            "format": 1,
            "bdana": __version__,
            "policy": sealing.policy.sha256,
            "period": sealing.period,
            "person": sealing.person,
            "open": opened,
            "keys": {stage: sealing.recipients[stage] for stage in sealing.policy.stages},
            "sealed": sealed,
            "raw_sha256": opened["sha256"],  # where nothing was on disk before
            "previous": [],
            **made,
        }
    )
    signature = sign(text, sealing.key)
    if not verify(text, signature, person.ssh_key):  # guard: signed-by-the-named
        for name in (opened["name"], *(one["name"] for one in sealed.values())):
            (path.parent / name).unlink()
        raise BlindingError(
            f"refused: {sealing.key} is not the SSH key of {sealing.person} in [people] of blinding/policy.toml; nothing is "
            "sealed"
        )
    write_bytes(path.with_name(f"{path.name}.sig"), signature)
    write_bytes(path, text)
    return path


def reconstruction_of(path: Location, remote: RemoteConfig = DEFAULTS) -> str | None:
    """Return name and version of the program that made a file, which bdana records in those of its own.

    Parameters
    ----------
    path : Path or str
    remote : RemoteConfig, optional
        How long the server of a remote file is waited for.

    Raises
    ------
    InputError
        When the file cannot be read.
    """
    recorded = open_root(path, remote).provenance
    return (
        f"{recorded.get('program', 'bdana')} {recorded['bdana_version']}"
        if "bdana_version" in recorded
        else None
    )


def _production(sealing: Sealing) -> Person:
    """Return who seals; refuses somebody else than production, and keys that are not there."""
    person = sealing.policy.people.get(sealing.person)
    if person is None or not person.production:  # guard: production-seals
        raise BlindingError(
            f"refused: {sealing.person} has not the mark `production` in [people] of the policy"
        )
    for stage in sealing.policy.stages:
        if stage not in sealing.recipients:  # guard: stages-have-keys
            raise BlindingError(f"refused: stage {stage} has no key; make them with `bdana blinding keys`")
    if not sealing.key.is_file():
        raise InputError(f"{sealing.key}: no such file; name the SSH key of {sealing.person} with --key")
    return person


def _raw(path: Location, sealing: Sealing, schema: str | None, remote: RemoteConfig) -> Dataset:
    """Open raw data; refuses what cannot be judged, and what is no raw data of the period."""
    if file_name(path).endswith(OPEN):  # guard: raw-is-sealed
        raise BlindingError(f"refused: {path} is sealed already; seal the raw data")
    schema = schema or guess_schema(path, remote)
    source = open_events(path, schema, remote)
    bursts = source.bursts()
    if bursts is None:  # guard: exposure-is-sealed
        raise InputError(
            f"{path}: has no burst table with schema '{source.schema.name}', so its exposure would be lost; write one, or "
            "name the schema that has it with --schema"
        )
    if any(name.startswith("truth.") for name in source.columns()):
        raise InputError(f"{path}: has truth columns, so it is simulation, which is never sealed")
    ranges = sealing.policy.periods[sealing.period].data_runs
    inside = np.any([(first <= bursts.run) & (bursts.run <= last) for first, last in ranges], axis=0)
    if not np.all(inside):
        raise InputError(
            f"{path}: run {bursts.run[~inside][0]} is not in data_runs of [periods.{sealing.period}] of the policy; name the "
            "period that it is of"
        )
    return Dataset.open([path], kind="data", schema=schema, all_bursts=True, gate=sealing.gate, remote=remote)


def _mark_seen(closed: dict[str, list[ak.Array]], earlier: EarlierSealings) -> None:
    """Add to each closed event whether it was open in an earlier sealing."""
    ids = {event for chunks in closed.values() for chunk in chunks for event in event_ids(chunk)}
    seen = earlier.seen(ids)
    for chunks in closed.values():
        chunks[:] = [
            ak.with_field(chunk, [event in seen for event in event_ids(chunk)], "seen_before")
            for chunk in chunks
        ]


def _judged(
    raw: Dataset, file: EventFile, bursts: BurstTable, earlier: EarlierSealings, progress: Progress | None
) -> Iterator[tuple[FlatEvents, NDArray[np.int64]]]:
    """Give the events of raw data, chunk by chunk, each with the index of its stage; refuses what no reader would take."""
    columns, types = sorted(file.columns() - {"weight"}), file.stored_types()
    chunks = raw.chunks(columns)
    with SeenEvents() as seen_events:
        for done, chunk in enumerate(chunks, 1):
            flat, out_of_range = read_flat_with_closed(file, columns, chunk.start, chunk.stop)
            events = flat.records()
            seen_events.add(identity_hashes(events))
            secrecy = earlier.secrecy(events)
            # Closed events too, in the same words: one that the reader or selection refuses could never be opened.
            for found in out_of_range:
                found.refuse_in(np.ones(len(events), dtype=bool))  # guard: closed-is-checked
            _refuse_unknown_bursts(file, bursts, events)
            yield flat.astype(types), secrecy
            if progress:
                progress(done, len(chunks))
        _refuse_repeats(file, chunks, seen_events)


def _write(
    opened: Path,
    judged: Iterable[tuple[FlatEvents, NDArray[np.int64]]],
    bursts: BurstTable,
    sealing: Sealing,
    *,
    simulated: bool,
) -> dict[str, list[ak.Array]]:
    """Write the open events, and return the closed ones by stage."""
    stages, hidden, levels = sealing.gate.names, [], []

    def open_chunks() -> Iterator[FlatEvents]:
        for flat, secrecy in judged:
            is_open = secrecy == len(stages)  # guard: every-stage-is-sealed
            seen, unseen = flat.split(is_open)
            hidden.append(unseen)
            levels.append(secrecy[~is_open])
            yield seen  # guard: only-open-is-written

    # Read and judged while the basket before is compressed and written.
    baskets = _baskets(open_chunks(), BASKET_EVENTS)
    pieces = _ahead(basket.records() for basket in baskets)  # guard: full-baskets
    write_events(
        opened,
        pieces,
        bursts,
        provenance={"simulated": True} if simulated else None,
        identity=lambda checksums: open_uuid(sealing.policy, checksums),
    )
    closed, level = FlatEvents.concatenate(hidden), np.concatenate(levels)
    found = {stage: closed.split(level == i)[0] for i, stage in enumerate(stages)}  # guard: own-stage
    return {stage: [events.records()] if len(events) else [] for stage, events in found.items()}


def _refuse_unknown_bursts(file: EventFile, bursts: BurstTable, events: ak.Array) -> None:
    """Refuse events of bursts that are not in the burst table, open or closed; none is named: it may be closed."""
    if not bursts.used(events, file.path, all_bursts=True, listed_only=True).all():  # guard: bursts-are-known
        raise InputError(
            f"{file.path}: there are events whose run and burst are not in the burst table, so that their exposure is unknown: "
            "complete the table, or leave them out"
        )


def _refuse_repeats(file: EventFile, chunks: Sequence[Chunk], seen: SeenEvents) -> None:
    """Refuse raw data that hold an event twice, which nobody could mend once it is sealed; it is not named: it may be closed."""
    for found in seen.repeated():
        holders = [chunks[place] for place in dict.fromkeys(found)]
        events = [
            read_flat_with_closed(file, IDENTITY, chunk.start, chunk.stop)[0].records() for chunk in holders
        ]
        if first_repeated(np.concatenate([identities(part) for part in events])) is not None:
            raise InputError(
                f"{file.path}: an event (run, burst and event number) is in it twice and would count double; it is not named, "
                "since it may be closed: find it in the raw data and seal them without the copy"
            )


def _baskets(chunks: Iterator[FlatEvents], size: int) -> Iterator[FlatEvents]:
    """Regroup events in baskets of `size`; at least one, so that the columns are known.

    The size is fixed, whatever the chunks they come in: it must not tell how many events are missing.
    """
    kept: list[FlatEvents] = []
    first = True
    for chunk in chunks:
        kept.append(chunk)
        while sum(map(len, kept)) >= size:
            whole = FlatEvents.concatenate(kept)
            yield whole.cut(0, size)
            rest = whole.cut(size, len(whole))
            first, kept = False, [rest] if len(rest) else []
    if kept and (first or sum(map(len, kept))):
        yield FlatEvents.concatenate(kept)


def _ahead(pieces: Iterator[ak.Array]) -> Iterator[ak.Array]:
    """Give pieces, each made in a thread while the one before is used: at most two are in memory."""
    with ThreadPoolExecutor(1) as pool:
        following = pool.submit(next, pieces, None)
        while (piece := following.result()) is not None:
            following = pool.submit(next, pieces, None)
            yield piece


def _sealed(path: Path, closed: list[ak.Array], stage: str, sealing: Sealing) -> dict[str, Any]:
    """Write the sealed file of a stage, and return what the manifest says of it."""
    capacity = sealing.policy.stages[stage].capacity_kib * 1024
    content = encrypt_events(closed, sealing.recipients[stage], capacity)
    write_bytes(path, content)
    return {"name": path.name, "sha256": hashlib.sha256(content).hexdigest(), "size": len(content)}

"""Writing events in bdana's own layout: trees `events` and `bursts`, canonical names with `_` for `.`."""

from __future__ import annotations

import json
import uuid
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Literal

import awkward as ak
import numpy as np

from bdana.atomic import temporary_beside
from bdana.events.checksums import OBJECT_NAME, ColumnChecksums
from bdana.on_demand import late_module

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path

    import uproot

    from bdana.events.exposure import BurstTable
else:
    uproot = late_module("uproot")

__all__ = ["ContainerKind", "make_container", "write_events"]


ContainerKind = Literal["ttree", "rntuple"]


def write_events(
    path: Path,
    chunks: Iterable[ak.Array],
    bursts: BurstTable,
    *,
    container: ContainerKind = "ttree",
    provenance: Mapping[str, Any] | None = None,
    identity: Callable[[str], uuid.UUID] | None = None,
) -> int:
    """Write events and bursts to a ROOT file that appears only when it is complete.

    Parameters
    ----------
    path : Path
        The file; replaced if it is there.
    chunks : iterable of ak.Array
        Canonical event records in mm, ns, MeV; each chunk becomes one cluster.
    bursts : BurstTable
        The bursts of these events, those without events included.
    container : {"ttree", "rntuple"}
        How ROOT stores them.
    provenance : mapping, optional
        Plain values, kept as JSON in the object `provenance` of the file.
    identity : callable, optional
        Returns the UUID of the file, given the checksums of everything in it as text; by default it is a random one.

    Returns
    -------
    int
        Number of events written.

    Raises
    ------
    InputError
        When the folder does not exist or cannot be written.
    """
    unknown = uuid.uuid4()
    with temporary_beside(path) as temporary:
        with uproot.recreate(temporary, compression=uproot.ZSTD(1), uuid_function=lambda: unknown) as file:
            entries, checksums = _write(file, chunks, bursts, container)
            if provenance is not None:
                file["provenance"] = json.dumps(dict(provenance), allow_nan=False)
        if identity is not None:
            _identify(temporary, unknown, identity(checksums))
    return entries


def _write(
    file: Any, chunks: Iterable[ak.Array], bursts: BurstTable, container: ContainerKind
) -> tuple[int, str]:
    """Write the trees and their checksums; return the number of events and the checksums."""
    tree, written = None, ColumnChecksums()
    for chunk in chunks:
        columns = _columns(chunk, container)
        if tree is None:
            tree = make_container(file, "events", columns, container)
        tree.extend(columns)
        written.add(columns)
    table = {
        name: getattr(bursts, name)
        for name in ("run", "burst", "pot", "live_time_s", "good", "downscale", "pair_live_time_s")
    }
    table = {name: column for name, column in table.items() if not (len(column) and np.isnan(column).all())}
    make_container(file, "bursts", table, container).extend(table)
    of_bursts = ColumnChecksums()
    of_bursts.add(table)
    checksums = json.dumps({"events": asdict(written), "bursts": asdict(of_bursts)})
    file[OBJECT_NAME] = checksums
    return written.entries[-1], checksums


def _identify(path: Path, before: uuid.UUID, identity: uuid.UUID) -> None:
    """Change the UUID of a ROOT file, which stands in its header and its first folder."""
    with path.open("r+b") as file:
        beginning = file.read(4096)
        file.seek(0)
        file.write(beginning.replace(before.bytes, identity.bytes))


def make_container(file: Any, name: str, columns: Mapping[str, Any], container: ContainerKind) -> Any:
    """Create a TTree or RNTuple with exactly the types of the given columns.

    uproot's file["name"] = ... would choose types by itself.

    Parameters
    ----------
    file : uproot.WritableDirectory
    name : str
    columns : mapping of str to array
    container : {"ttree", "rntuple"}
    """
    types = {
        key: column.type if container == "ttree" else ak.type(column).content
        for key, column in _arrays(columns)
    }
    return file.mktree(name, types) if container == "ttree" else file.mkrntuple(name, types)


def _arrays(columns: Mapping[str, Any]) -> Iterator[tuple[str, ak.Array]]:
    for key, column in columns.items():
        yield key, column if isinstance(column, ak.Array) else ak.Array(column)


def _columns(events: ak.Array, container: ContainerKind) -> dict[str, Any]:
    """Flatten records into one column a branch; in a TTree the lists of one collection share their counter."""
    columns: dict[str, Any] = {}
    for name in ak.fields(events):
        value = events[name]
        if ak.fields(value) and (value.ndim == 1 or container == "rntuple"):
            columns |= {f"{name}_{field}": value[field] for field in ak.fields(value)}
        else:
            columns[name] = value
    return columns

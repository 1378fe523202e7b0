"""Writing events in bdana's own layout: trees `events` and `bursts`, canonical names with `_` for `.`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import awkward as ak
import numpy as np
import uproot

from bdana.files import temporary_beside

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path
    from uuid import UUID

    from bdana.events.exposure import BurstTable

__all__ = ["write_events"]


def write_events(
    path: Path, chunks: Iterable[ak.Array], bursts: BurstTable, identity: UUID | None = None
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
    identity : UUID, optional
        The identity in the file's header; a new one by default.

    Returns
    -------
    int
        Number of events written.

    Raises
    ------
    InputError
        When the folder does not exist or cannot be written.
    """
    written = 0
    options = {} if identity is None else {"uuid_function": lambda: identity}
    with (
        temporary_beside(path) as temporary,
        uproot.recreate(temporary, compression=uproot.ZSTD(5), **options) as file,
    ):
        tree = None
        for chunk in chunks:
            columns = _columns(chunk)
            if tree is None:
                # mktree, because assigning to file["events"] writes an RNTuple in newer uproot.
                tree = file.mktree("events", {name: column.type for name, column in columns.items()})
            tree.extend(columns)
            written += len(chunk)
        table = {
            name: getattr(bursts, name)
            for name in ("run", "burst", "pot", "live_time_s", "good", "downscale")
        }
        table = {name: column for name, column in table.items() if not np.isnan(column).all()}
        file.mktree("bursts", {name: column.dtype for name, column in table.items()}).extend(table)
    return written


def _columns(events: ak.Array) -> dict[str, Any]:
    """Flatten records into one column a branch; lists of one collection share their counter."""
    columns: dict[str, Any] = {}
    for name in ak.fields(events):
        value = events[name]
        if not ak.fields(value):
            columns[name] = value
        elif value.ndim == 1:
            columns |= {f"{name}_{field}": value[field] for field in ak.fields(value)}
        else:
            columns[name] = value
    return columns

"""Several small files of one layout, read as one batch of columns."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bdana.errors import BadFileError
from bdana.events.files import EventFile, read_flat_with_closed
from bdana.events.flat import FlatEvents

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import awkward as ak

    from bdana.events.source import EventSource

__all__ = ["read_together"]


def read_together(parts: Sequence[tuple[EventSource, int, int]], columns: Iterable[str]) -> ak.Array | None:
    """Read events of several files as `EventSource.read` does of each, one after the other.

    Parameters
    ----------
    parts : sequence of (EventSource, int, int)
        Files of one schema behind one gate, with the range of entries.
    columns : iterable of str

    Returns
    -------
    ak.Array or None
        None where a file is wrong, or its values are: reading one after the other says what is, and where.
    """
    gate = parts[0][0].gate
    wanted = set(columns) if gate is None else {*columns, *gate.columns}
    read = []
    for source, start, stop in parts:
        if not isinstance(source, EventFile) or source.gate is not gate:
            return None
        try:
            events, out_of_range = read_flat_with_closed(source, wanted, start, stop)
        except BadFileError:
            return None
        if out_of_range:
            return None
        read.append(events)
    records = FlatEvents.concatenate(read).records()
    return records if gate is None else gate.open_events(records)  # guard: together-if-open

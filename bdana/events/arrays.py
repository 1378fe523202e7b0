"""Events in memory, read like those of a file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import awkward as ak
import numpy as np

from bdana.errors import InputError, MissingColumnError
from bdana.events.lists import counts_and_flat
from bdana.events.model import CANONICAL, EVENT_COLUMNS
from bdana.events.ranges import OutOfRange
from bdana.events.schema import load_schema
from bdana.events.source import EventSource

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from bdana.events.exposure import BurstTable

__all__ = ["EventArrays"]


class EventArrays(EventSource):
    """Events in memory: records of the event model in mm, ns, MeV, with their burst table.

    Parameters
    ----------
    events : ak.Array
        Records of the event model (docs/events.md).
    bursts : BurstTable, optional
        Their bursts.
    name : str
        Name of the events in messages.

    Raises
    ------
    InputError
        When a field is not of the event model, or has fractions in place of integers.

    Examples
    --------
    >>> import awkward as ak
    >>> from bdana.events import EventArrays
    >>> events = EventArrays(ak.Array([{"run": 9000, "tracks": [{"p": 45_000.0}]}, {"run": 9000, "tracks": []}]))
    >>> events.entries, sorted(events.columns())
    (2, ['run', 'tracks.p'])
    """

    def __init__(
        self, events: ak.Array, bursts: BurstTable | None = None, name: str = "events in memory"
    ) -> None:
        self.path, self.file, self.schema = Path(name), None, load_schema("bdana")
        self.entries = len(events)
        self._events = events
        self._bursts = bursts
        for column in self.columns():
            if column not in EVENT_COLUMNS:
                raise InputError(
                    f"{name}: '{column}' is no column of the event model; docs/events.md lists them"
                )
        for column in self.columns():
            kind = EVENT_COLUMNS[column].kind
            values = _column(events, column)
            if kind == "int":
                flat = ak.to_numpy(ak.flatten(values, axis=None))
                if not (np.isfinite(flat) & (flat == np.rint(flat))).all():
                    raise InputError(f"{name}: column '{column}' holds numbers that are no integers")
            typed = ak.values_astype(values, CANONICAL[kind])
            self._events = ak.with_field(self._events, typed, column.split("."))

    def columns(self) -> set[str]:
        """Return the canonical columns that the events have."""
        fields = {name: ak.fields(self._events[name]) for name in ak.fields(self._events)}
        return {
            f"{name}.{field}" if field else name for name, inner in fields.items() for field in inner or [""]
        }

    def require(self, columns: Mapping[str, str], selection: str) -> None:
        """Raise an error unless the events have all of the given columns.

        Parameters
        ----------
        columns, selection
            As for `EventSource.require`.

        Raises
        ------
        MissingColumnError
            Naming every column that is missing and what needs it.
        """
        present = self.columns()
        missing = [f"{name} ({why})" for name, why in columns.items() if name not in present]
        if missing:
            raise MissingColumnError(
                f"{self.path}: selection {selection} needs columns that are not there: {', '.join(missing)}"
            )

    def clusters(self, columns: Iterable[str]) -> list[int]:  # noqa: ARG002 - the same for every column
        """Return the entries at which a chunk may begin.

        Parameters
        ----------
        columns
            As for `EventSource.clusters`.
        """
        return [0, self.entries] if self.entries else [0]

    def _read(self, columns: Iterable[str], start: int, stop: int) -> tuple[ak.Array, list[OutOfRange]]:
        events = self._events[start:stop]
        found = []
        for column in sorted(self.columns()):
            values = _column(events, column)
            counts, flat = counts_and_flat(values) if values.ndim == 2 else (None, ak.to_numpy(values))
            if np.isinf(flat).any():
                where = f"{self.path}: column '{column}'"
                found.append(OutOfRange(where, "finite", np.isinf(flat), counts))
        if "weight" in set(columns) and "weight" not in ak.fields(events):
            events = ak.with_field(events, np.ones(len(events)), "weight")
        return events, found

    def bursts(self) -> BurstTable | None:
        """Return the burst table."""
        return self._bursts


def _column(events: ak.Array, name: str) -> ak.Array:
    column = events
    for part in name.split("."):
        column = column[part]
    return column

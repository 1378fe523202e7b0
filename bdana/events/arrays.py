"""Events in memory, read like those of a file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import awkward as ak
import numpy as np

from bdana.errors import InputError, MissingColumnError
from bdana.events.model import EVENT_COLUMNS
from bdana.events.schema import load_schema

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from bdana.events.exposure import BurstTable
    from bdana.events.schema import Schema

__all__ = ["EventArrays"]


class EventArrays:
    """Canonical records in mm, ns, MeV, with their burst table.

    Parameters
    ----------
    events : ak.Array
        Records of the event model (docs/events.md).
    bursts : BurstTable, optional
        Their bursts.
    name : str
        What messages call them.

    Raises
    ------
    InputError
        When a field is not of the event model, or a number is infinite.
    """

    def __init__(
        self, events: ak.Array, bursts: BurstTable | None = None, name: str = "events in memory"
    ) -> None:
        self.path = Path(name)
        self.entries = len(events)
        self._events = events
        self._bursts = bursts
        for column in self.columns():
            if column not in EVENT_COLUMNS:
                raise InputError(
                    f"{name}: '{column}' is no column of the event model; docs/events.md lists them"
                )
            values = ak.to_numpy(ak.flatten(self._column(column), axis=None))
            if np.isinf(values).any():
                raise InputError(f"{name}: {int(np.isinf(values).sum())} values of '{column}' are infinite")

    @property
    def schema(self) -> Schema:
        """The layout: bdana's own."""
        return load_schema("bdana")

    def columns(self) -> set[str]:
        """Return the canonical columns that the events have."""
        fields = {name: ak.fields(self._events[name]) for name in ak.fields(self._events)}
        return {
            f"{name}.{field}" if field else name for name, inner in fields.items() for field in inner or [""]
        }

    def require(self, columns: Mapping[str, str], selection: str) -> None:
        """Refuse the events unless they have all of the given columns; values say what needs each.

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
        """Return the entries at which a chunk may begin."""
        return [0, self.entries] if self.entries else [0]

    def read(self, columns: Iterable[str], start: int, stop: int) -> ak.Array:
        """Return the events of a range of entries, with at least the given columns; a missing `weight` is 1."""
        events = self._events[start:stop]
        if "weight" in set(columns) and "weight" not in ak.fields(events):
            events = ak.with_field(events, np.ones(len(events)), "weight")
        return events

    def bursts(self) -> BurstTable | None:
        """Return the burst table."""
        return self._bursts

    def _column(self, name: str) -> ak.Array:
        column = self._events
        for part in name.split("."):
            column = column[part]
        return column

"""Reprocessed data: what an earlier sealing of the same events closed stays closed."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import numpy as np

from bdana.errors import BlindingError
from bdana.events import Dataset
from bdana.events.location import file_name
from bdana.events.remote_config import DEFAULTS, RemoteConfig
from bdana.events.source import read_with_closed
from bdana.sealing.manifest import OPEN

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import awkward as ak
    from numpy.typing import NDArray

    from bdana.events import Gate
    from bdana.events.files import EventFile
    from bdana.events.location import Location

__all__ = ["EarlierSealings", "EventId", "event_ids"]

EventId = tuple[int, int, int]
"""Run, burst and event number, which a reprocessing keeps."""


def event_ids(events: ak.Array) -> list[EventId]:
    """Return run, burst and event number of each event.

    Parameters
    ----------
    events : ak.Array
    """
    columns = (np.asarray(events[name]).tolist() for name in ("run", "burst", "event"))
    return list(zip(*columns, strict=True))


class EarlierSealings:
    """What earlier sealings of the same events closed, found by judging their raw data again.

    Production keeps the raw data, so no list of closed events has to be kept.

    Parameters
    ----------
    files : sequence of Path or str
        Raw data as they were sealed before; text is the address of a file on a server.
    gate : Gate
        The policy's.
    schema : str, optional
        Their layout; by default the one shipped schema that matches each.
    remote : RemoteConfig, optional
        How long servers are waited for.

    Raises
    ------
    BlindingError
        When one is no raw data.
    """

    def __init__(
        self,
        files: Sequence[Location],
        gate: Gate,
        schema: str | None = None,
        remote: RemoteConfig = DEFAULTS,
    ) -> None:
        for file in files:
            if file_name(file).endswith(OPEN):  # guard: earlier-is-raw
                raise BlindingError(
                    f"refused: {file} is sealed already, and closed events are not in it; name the raw data of that sealing"
                )
        self._gate = gate
        self._files = [
            Dataset.open([file], kind="data", schema=schema, gate=gate, remote=remote) for file in files
        ]
        self._closed: list[dict[EventId, int]] = []
        for number in range(len(self._files)):
            closed = dict(self._closed[-1]) if self._closed else {}  # guard: closed-by-any-earlier
            for ids, secrecy in self._judged(number):
                for where in np.flatnonzero(secrecy < len(gate.names)):
                    closed[ids[where]] = min(int(secrecy[where]), closed.get(ids[where], len(gate.names)))
            self._closed.append(closed)

    def sha256(self) -> list[str]:
        """Return the SHA-256 of each of the files."""
        return [cast("EventFile", source).sha256() for dataset in self._files for source in dataset.sources]

    def secrecy(self, events: ak.Array) -> NDArray[np.int64]:
        """Return the index of the most secret stage that each event was ever closed in, as `Gate.secrecy`.

        Parameters
        ----------
        events : ak.Array
        """
        secrecy = self._gate.secrecy(events)
        if not self._closed:
            return secrecy
        before = [self._closed[-1].get(event, len(self._gate.names)) for event in event_ids(events)]
        return np.minimum(secrecy, np.array(before, dtype=np.int64))  # guard: most-secret-of-all

    def seen(self, closed: set[EventId]) -> set[EventId]:
        """Return those of the events closed now that were open in an earlier sealing.

        Parameters
        ----------
        closed : set of EventId
        """
        found: set[EventId] = set()
        for number, known in enumerate(self._closed):
            for ids, _ in self._judged(number):
                found.update(event for event in ids if event in closed and event not in known)  # guard: seen
        return found

    def _judged(self, number: int) -> Iterator[tuple[list[EventId], NDArray[np.int64]]]:
        (source,) = self._files[number].sources
        columns = {"run", "burst", "event", *self._gate.columns}
        for chunk in self._files[number].chunks(columns):
            events, _ = read_with_closed(source, columns, chunk.start, chunk.stop)  # guard: earlier-is-judged
            yield event_ids(events), self._gate.secrecy(events)

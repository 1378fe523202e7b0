"""An event counts once: a sample that holds one twice, in whatever files, is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from bdana.errors import InputError
from bdana.events.event_identity import IDENTITY, first_repeated, identities, identity_hashes

if TYPE_CHECKING:
    from collections.abc import Sequence

    import awkward as ak
    from numpy.typing import NDArray

    from bdana.events.dataset import Batch, Dataset
    from bdana.events.event_identity import SeenEvents

__all__ = ["event_hashes", "refuse_repeats"]


def event_hashes(dataset: Dataset, batch: Batch, events: ak.Array) -> NDArray[np.uint64]:
    """Return the hashes that tell the events of a chunk from others; none where their numbers repeat.

    Parameters
    ----------
    dataset : Dataset
    batch : tuple of Chunk
        Of files of one layout.
    events : ak.Array
        Those that count, with run, burst and event.
    """
    if dataset.kind == "mc" and dataset.sources[batch[0].source].schema.event_numbers_repeat is not None:
        return np.empty(0, dtype=np.uint64)
    return identity_hashes(events)


def refuse_repeats(dataset: Dataset, batches: Sequence[Batch], seen: SeenEvents) -> None:
    """Raise an error when an event that counts is in a dataset twice.

    Closed events are not looked at: nobody may know their numbers.

    Parameters
    ----------
    dataset : Dataset
    batches : sequence of tuple of Chunk
        In the order in which their hashes were added to `seen`.
    seen : SeenEvents

    Raises
    ------
    InputError
        Naming run, burst and event, and both files.
    """
    for found in seen.repeated():
        holders = [chunk for place in dict.fromkeys(found) for chunk in batches[place]]
        # Columns are read again only here, where next to always an event is named.
        rows = [identities(dataset.read(chunk, IDENTITY)) for chunk in holders]
        repeated = first_repeated(np.concatenate(rows))
        if repeated is None:
            continue  # two events with one hash
        of_row = np.repeat(np.arange(len(rows)), [len(part) for part in rows])
        one, other = (dataset.sources[holders[of_row[row]].source] for row in repeated)
        run, burst, event = np.concatenate(rows)[repeated[0]]
        where = f"in {one.path} twice" if one is other else f"in {one.path} and in {other.path}"
        advice = "leave one of them out"
        if dataset.kind == "mc":
            advice += (
                ", simulate with another run number, or say in the schema why numbers of simulation repeat "
                "(event_numbers_repeat)"
            )
        raise InputError(f"run {run} burst {burst} event {event} is {where}: it would count double; {advice}")

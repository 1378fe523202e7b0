"""Sums over the parts of a sample that are kept on disk while they grow, from which an interrupted run goes on."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, Protocol, Self, TypeVar

import numpy as np

from bdana.engine.checkpoints import Checkpoints
from bdana.engine.code_version import code_version
from bdana.engine.fingerprint import fingerprint
from bdana.engine.ordered_sum import OrderedSum

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from bdana.engine.checkpoint_folder import CheckpointFolder
    from bdana.engine.checkpoints import Checkpointed
    from bdana.events.dataset import Batch

__all__ = ["KeptSum", "SampleCheckpoints"]

EVERY_S = 10.0
"""Seconds of work after which a sum is kept, so that no more than about these are lost."""
SHARE = 0.05
"""Largest share of the time that keeping takes."""
_COUNTS = "counts"


class Part(Protocol):
    """Part of a sum, as arrays of numbers and back."""

    def __add__(self, other: Any) -> Self: ...

    def packed(self) -> dict[str, NDArray[Any]]:
        """Return its content as arrays of numbers."""
        ...

    def unpacked(self, kept: Mapping[str, NDArray[Any]]) -> Self:
        """Return the part that was packed; this is one of the same sum.

        Parameters
        ----------
        kept : mapping of str to ndarray

        Raises
        ------
        KeyError, ValueError
            When something is missing, or of another shape.
        """
        ...


P = TypeVar("P", bound=Part)


@dataclass(frozen=True)
class SampleCheckpoints:
    """Where sums over a sample are kept.

    Attributes
    ----------
    folder : CheckpointFolder
    sample : str
        Hash of everything that the sample was selected from and with.
    """

    folder: CheckpointFolder
    sample: str

    @classmethod
    def of(cls, folder: Path | None, task: Checkpointed[Any], batches: Sequence[Batch]) -> Self | None:
        """Return that of what a task selects; None without a folder, and for events in memory, which nothing identifies.

        Parameters
        ----------
        folder : Path or None
            Of the checkpoints.
        task : Checkpointed
        batches : sequence of Batch
            All of its dataset.

        Raises
        ------
        ConfigError
            When the folder cannot be made or written.
        """
        if folder is None:
            return None
        kept = Checkpoints(folder, task)
        keys = [kept.key(batch) for batch in batches]
        return None if None in keys else cls(kept.folder, fingerprint(keys))


class KeptSum(Generic[P]):
    """A sum of parts in their order that is kept while it grows.

    Parameters
    ----------
    kept : SampleCheckpoints
        Of what the parts are made of.
    nothing : Part
        One that nothing has been added to.
    settings : object
        Everything else that the sum depends on, as `fingerprint` takes it.
    """

    def __init__(self, kept: SampleCheckpoints, nothing: P, settings: Any) -> None:
        self._folder, self._nothing = kept.folder, nothing
        self._key = fingerprint("sum", code_version(), kept.sample, settings)
        self._next = time.monotonic() + EVERY_S

    def begun(self) -> OrderedSum[P]:
        """Return the sum as it was kept last; without parts when it was not, or its file is damaged."""
        total: OrderedSum[P] = OrderedSum()
        found = self._folder.read(self._key) or {_COUNTS: np.empty(0)}
        try:
            for at, count in enumerate(found[_COUNTS].tolist()):
                own = f"{at}/"
                kept = {name[len(own) :]: one for name, one in found.items() if name.startswith(own)}
                total.waiting.append((count, self._nothing.unpacked(kept)))
        except (KeyError, ValueError, TypeError):
            return OrderedSum()
        return total

    def keep(self, total: OrderedSum[P]) -> None:
        """Keep the sum as it is now, if it was last kept long enough ago.

        Parameters
        ----------
        total : OrderedSum
        """
        begin = time.monotonic()
        if begin < self._next:
            return
        self._folder.write(self._key, lambda: _packed(total))
        took = time.monotonic() - begin
        self._next = begin + took + max(EVERY_S, took / SHARE)


def _packed(total: OrderedSum[Any]) -> dict[str, NDArray[Any]]:
    arrays: dict[str, NDArray[Any]] = {_COUNTS: np.array([count for count, _ in total.waiting])}
    for at, (_, part) in enumerate(total.waiting):
        arrays |= {f"{at}/{name}": array for name, array in part.packed().items()}
    return arrays

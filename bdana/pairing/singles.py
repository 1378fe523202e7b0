"""Reading the single-track sample, and its orthogonality to the two-track sample."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from bdana.errors import InputError
from bdana.selection import SelectedSingles

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from bdana.engine import Executor
    from bdana.events import Dataset
    from bdana.events.dataset import Chunk
    from bdana.selection import Candidates, Parameters, Setup, SingleTrackSelection

__all__ = ["SinglesTask", "require_orthogonal", "select_singles"]


class HasSingleTracks(Protocol):
    """What reading single tracks needs of an analysis."""

    @property
    def setup(self) -> Setup:
        """Detector, beam line, regions."""
        ...

    def single_track(self, name: str) -> tuple[SingleTrackSelection, Parameters]:
        """Return a single-track selection with its parameters."""
        ...


@dataclass(frozen=True)
class SinglesTask:
    """What is done with a chunk; sent to workers, so it holds names and the analysis, no arrays.

    Attributes
    ----------
    analysis : HasSingleTracks
    selection : str
        Name of the single-track selection.
    columns : tuple of str
        Columns to read.
    dataset : Dataset
    """

    analysis: HasSingleTracks
    selection: str
    columns: tuple[str, ...]
    dataset: Dataset

    def __call__(self, chunk: Chunk) -> SelectedSingles:
        """Read one chunk and select the single tracks of its trigger."""
        selection, par = self.analysis.single_track(self.selection)
        events = self.dataset.read(chunk, self.columns)
        taken = self.dataset.fired(chunk, events, selection.trigger) & ~self.dataset.fired(
            chunk, events, selection.not_trigger
        )
        return selection.apply(events[taken], par, self.analysis.setup)


def select_singles(task: SinglesTask, executor: Executor) -> SelectedSingles:
    """Select the single tracks of a dataset, in the order of the files whatever the executor.

    Raises
    ------
    InputError
        When an event is in the sample twice: its track would be paired with itself.
    """
    singles = SelectedSingles.concatenate(list(executor.map(task, task.dataset.chunks(task.columns))))
    identity = _identity(singles)
    same = _first_repeated(identity)
    if same is not None:
        run, burst, event = same
        raise InputError(f"run {run} burst {burst} event {event} is in the single-track sample twice")
    return singles


def require_orthogonal(singles: SelectedSingles, candidates: Candidates) -> None:
    """Refuse single tracks of events that are in the two-track sample too.

    Raises
    ------
    InputError
        Naming the first such event.
    """
    identity = _identity(singles)
    two = np.stack([candidates.run, candidates.burst, candidates.event], axis=1).astype(np.int64)
    # Few singles share each number with some candidate; only those are compared as a whole.
    maybe = np.all([np.isin(identity[:, i], two[:, i]) for i in range(3)], axis=0)
    taken = set(map(tuple, two.tolist()))
    for run, burst, event in identity[maybe].tolist():
        if (run, burst, event) in taken:
            raise InputError(
                f"run {run} burst {burst} event {event} is in the single-track sample and in the two-track sample: "
                "the prediction would be made of the data it is compared with; check the trigger bits of the schema"
            )


def _first_repeated(identity: NDArray[np.int64]) -> list[int] | None:
    """Return the first row, in their order, that is there more than once."""
    run, burst, event = np.diff(identity, axis=0).T
    if ((run > 0) | (run == 0) & ((burst > 0) | (burst == 0) & (event > 0))).all():
        return None  # in order already, as files mostly are
    ordered = identity[np.lexsort(identity.T[::-1])]
    same = np.flatnonzero((ordered[1:] == ordered[:-1]).all(axis=1))
    return ordered[same[0]].tolist() if len(same) else None


def _identity(singles: SelectedSingles) -> NDArray[np.int64]:
    events = singles.tracks.events
    return np.stack([np.asarray(events[name], dtype=np.int64) for name in ("run", "burst", "event")], axis=1)

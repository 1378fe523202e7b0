"""Selection of the single-track sample, and its orthogonality to the two-track sample."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from bdana.errors import InputError
from bdana.events import SeenEvents, event_hashes, refuse_repeats
from bdana.events.event_identity import identities
from bdana.selection import SelectedSingles

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from bdana.engine import Executor
    from bdana.events import BurstTable, Dataset
    from bdana.events.dataset import Chunk
    from bdana.reconstruction import Tracks
    from bdana.selection import Candidates, Parameters, Setup, SingleTrackSelection

__all__ = ["SingleSample", "SinglesTask", "require_orthogonal", "select_singles"]


@dataclass(frozen=True)
class SingleSample:
    """Selected single tracks and the bursts they were recorded in.

    Attributes
    ----------
    singles : SelectedSingles
    bursts : BurstTable
        The bursts used, those without tracks included.
    """

    singles: SelectedSingles
    bursts: BurstTable

    def burst_of(self, tracks: Tracks) -> NDArray[np.int64]:
        """Return the place of each track's burst in the table, shape (N,).

        Parameters
        ----------
        tracks : Tracks
            N tracks.
        """
        run, burst = (np.asarray(tracks.events[name])[tracks.index] for name in ("run", "burst"))
        return self.bursts.places(run, burst)


class HasSingleTracks(Protocol):
    """Interface of an analysis, as far as reading single tracks uses it."""

    def single_track(self, name: str) -> tuple[SingleTrackSelection, Parameters]:
        """Return a single-track selection with its parameters.

        Parameters
        ----------
        name : str
        """
        ...


@dataclass(frozen=True)
class SinglesTask:
    """Function that selects the single tracks of one chunk; sent to workers, so it holds names, but no arrays.

    Attributes
    ----------
    analysis : HasSingleTracks
    setup : Setup
        Detector, beam line and regions for these files.
    selection : str
        Name of the single-track selection.
    columns : tuple of str
        Columns to read.
    dataset : Dataset
    """

    analysis: HasSingleTracks
    setup: Setup
    selection: str
    columns: tuple[str, ...]
    dataset: Dataset

    def __call__(self, chunk: Chunk) -> tuple[SelectedSingles, NDArray[np.uint64]]:
        """Read one chunk; return its single tracks, and the hashes of all its events."""
        selection, par = self.analysis.single_track(self.selection)
        events = self.dataset.read(chunk, self.columns)
        two = self.dataset.fired(chunk, events, selection.not_trigger)
        taken = self.dataset.fired(chunk, events, selection.trigger) & ~two
        singles = selection.apply(events[taken], par, self.setup)
        return singles, event_hashes(self.dataset, chunk, events)


def select_singles(task: SinglesTask, executor: Executor) -> SelectedSingles:
    """Select the single tracks of a dataset, in the order of the files whatever the executor.

    Parameters
    ----------
    task : SinglesTask
    executor : Executor

    Raises
    ------
    InputError
        When an event is in the dataset twice, so that its track would be paired with itself.
    """
    chunks = task.dataset.chunks(task.columns)
    parts = []
    with SeenEvents() as seen:
        for part, hashes in executor.map(task, chunks):
            parts.append(part)
            seen.add(hashes)
        refuse_repeats(task.dataset, chunks, seen)
    return SelectedSingles.concatenate(parts)


def require_orthogonal(singles: SelectedSingles, candidates: Candidates) -> None:
    """Raise an error if single tracks are of events that are in the two-track sample too.

    Parameters
    ----------
    singles : SelectedSingles
    candidates : Candidates
        Of the two-track sample.

    Raises
    ------
    InputError
        Naming the first such event.
    """
    two = np.stack([candidates.run, candidates.burst, candidates.event], axis=1).astype(np.int64)
    _refuse_shared(identities(singles.tracks.events), two)


def _refuse_shared(identity: NDArray[np.int64], two: NDArray[np.int64]) -> None:
    # Few share each number with some event of the other sample; only those are compared as a whole.
    maybe, other = _possible(identity, two), _possible(two, identity)
    taken = set(map(tuple, two[other].tolist()))
    for run, burst, event in identity[maybe].tolist():
        if (run, burst, event) in taken:
            raise InputError(
                f"run {run} burst {burst} event {event} is in the single-track sample and in the two-track sample: "
                "the prediction would be made of the data it is compared with; check the trigger bits of the schema"
            )


def _possible(rows: NDArray[np.int64], others: NDArray[np.int64]) -> NDArray[np.bool_]:
    return np.all([np.isin(rows[:, i], others[:, i]) for i in range(3)], axis=0)

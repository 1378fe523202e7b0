"""Selection of the single-track sample, and its orthogonality to the two-track sample."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from bdana.errors import InputError
from bdana.selection import SelectedSingles

if TYPE_CHECKING:
    import awkward as ak
    from numpy.typing import NDArray

    from bdana.engine import Executor
    from bdana.events import BurstTable, Dataset
    from bdana.events.dataset import Chunk
    from bdana.reconstruction import Tracks
    from bdana.selection import Candidates, Parameters, Setup, SingleTrackSelection

__all__ = ["Probes", "SingleSample", "SinglesTask", "require_orthogonal", "select_singles"]


@dataclass(frozen=True)
class Probes:
    """Two-track events that the single-track trigger took, and how many of them the two-track trigger took too.

    One of the tracks fired the single-track trigger, whatever its downscale, so these events tell the efficiency of the
    other trigger (tag and probe).

    Attributes
    ----------
    tried, taken : int
    """

    tried: int = 0
    taken: int = 0

    @property
    def efficiency(self) -> float:
        """Mean of the posterior for a flat prior, (taken + 1) / (tried + 2)."""
        return (self.taken + 1.0) / (self.tried + 2.0)

    @property
    def error(self) -> float:
        """Its standard deviation."""
        return float(np.sqrt(self.efficiency * (1.0 - self.efficiency) / (self.tried + 3.0)))


@dataclass(frozen=True)
class SingleSample:
    """Selected single tracks and the bursts they were recorded in.

    Attributes
    ----------
    singles : SelectedSingles
    bursts : BurstTable
        The bursts used, those without tracks included.
    probes : Probes
        Of the two-track trigger.
    """

    singles: SelectedSingles
    bursts: BurstTable
    probes: Probes = Probes()

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
    window : float
        Full width of the window of time differences in ns, for two-track events.
    """

    analysis: HasSingleTracks
    setup: Setup
    selection: str
    columns: tuple[str, ...]
    dataset: Dataset
    window: float

    def __call__(self, chunk: Chunk) -> tuple[SelectedSingles, NDArray[np.int64], Probes]:
        """Read one chunk; return single tracks, (run, burst, event) of what the two-track trigger took, and probes."""
        selection, par = self.analysis.single_track(self.selection)
        events = self.dataset.read(chunk, self.columns)
        two = self.dataset.fired(chunk, events, selection.not_trigger)
        one = self.dataset.fired(chunk, events, selection.trigger)
        probes = selection.in_time(events[one], par, self.setup, self.window)
        return (
            selection.apply(events[one & ~two], par, self.setup),
            _identity(events[two]),
            Probes(int(probes.sum()), int((probes & two[one]).sum())),
        )


def select_singles(task: SinglesTask, executor: Executor) -> tuple[SelectedSingles, Probes]:
    """Select the single tracks and probes of a dataset, in the order of the files whatever the executor.

    Parameters
    ----------
    task : SinglesTask
    executor : Executor

    Raises
    ------
    InputError
        When an event is in the sample twice, so that its track would be paired with itself, or is there a second time
        as one of the two-track trigger.
    """
    parts = list(executor.map(task, task.dataset.chunks(task.columns)))
    singles = SelectedSingles.concatenate([part for part, *_ in parts])
    identity = _identity(singles.tracks.events)
    same = _first_repeated(identity)
    if same is not None:
        run, burst, event = same
        raise InputError(f"run {run} burst {burst} event {event} is in the single-track sample twice")
    _refuse_shared(identity, np.concatenate([two for _, two, _ in parts]))
    probes = Probes(sum(part.tried for *_, part in parts), sum(part.taken for *_, part in parts))
    return singles, probes


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
    _refuse_shared(_identity(singles.tracks.events), two)


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


def _first_repeated(identity: NDArray[np.int64]) -> list[int] | None:
    """Return the first row, in ascending order, that occurs more than once."""
    run, burst, event = np.diff(identity, axis=0).T
    if ((run > 0) | (run == 0) & ((burst > 0) | (burst == 0) & (event > 0))).all():
        return None  # in order already, as files mostly are
    ordered = identity[np.lexsort(identity.T[::-1])]
    same = np.flatnonzero((ordered[1:] == ordered[:-1]).all(axis=1))
    return ordered[same[0]].tolist() if len(same) else None


def _identity(events: ak.Array) -> NDArray[np.int64]:
    return np.stack([np.asarray(events[name], dtype=np.int64) for name in ("run", "burst", "event")], axis=1)

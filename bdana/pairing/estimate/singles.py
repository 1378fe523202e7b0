"""Selection of the single-track sample, and its orthogonality to the two-track sample."""

from __future__ import annotations

from dataclasses import astuple, dataclass, replace
from typing import TYPE_CHECKING, Protocol

import numpy as np

from bdana.display import short_repr
from bdana.engine import map_batches
from bdana.errors import InputError
from bdana.events import SeenEvents, event_hashes, refuse_repeats
from bdana.events.event_identity import identities
from bdana.selection import SelectedSingles

if TYPE_CHECKING:
    import awkward as ak
    from numpy.typing import NDArray

    from bdana.engine import Executor
    from bdana.events import BurstTable, Dataset
    from bdana.events.dataset import Batch
    from bdana.reconstruction import Tracks
    from bdana.selection import Candidates, Parameters, Setup, SingleTrackSelection

__all__ = ["Probes", "SingleSample", "SinglesTask", "require_orthogonal", "select_singles"]


@dataclass(frozen=True)
class Probes:
    """Two-track events that one trigger took, and how many of them the other one took too (tag and probe).

    One of the tracks fired the single-track trigger, whatever its downscale, so its events tell the efficiency of the
    two-track trigger. Of the events of the two-track trigger the single-track trigger should have taken one in D.

    Attributes
    ----------
    tried, taken : int
        Events of the single-track trigger, and those that the two-track trigger took too.
    expected : float
        Sum of 1/D over the events of the two-track trigger in bursts with a known downscale D.
    matched : int
        How many of these the single-track trigger took.
    """

    tried: int = 0
    taken: int = 0
    expected: float = 0.0
    matched: int = 0

    def __add__(self, other: Probes) -> Probes:
        """Return both together."""
        return Probes(*(a + b for a, b in zip(astuple(self), astuple(other), strict=True)))

    @property
    def efficiency(self) -> float:
        """Of the two-track trigger: mean of the posterior for a flat prior, (taken + 1) / (tried + 2)."""
        return (self.taken + 1.0) / (self.tried + 2.0)

    @property
    def error(self) -> float:
        """Its standard deviation."""
        return float(np.sqrt(self.efficiency * (1.0 - self.efficiency) / (self.tried + 3.0)))

    @property
    def single(self) -> tuple[float, float] | None:
        """Efficiency of the single-track trigger, downscale included, with its error; None without an event."""
        if not (self.expected and self.matched):
            return None
        return self.matched / self.expected, float(np.sqrt(self.matched)) / self.expected


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

    __repr__ = short_repr

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
    """Function that selects the single tracks of one batch of chunks; sent to workers, so it holds names, but no arrays.

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

    def of(self, dataset: Dataset) -> SinglesTask:
        """Return the task for another dataset of the same columns.

        Parameters
        ----------
        dataset : Dataset
        """
        return replace(self, dataset=dataset)

    def __call__(self, batch: Batch) -> tuple[SelectedSingles, NDArray[np.uint64], Probes]:
        """Read one batch; return its single tracks, the hashes of all its events, and its probes of the triggers."""
        selection, par = self.analysis.single_track(self.selection)
        events = self.dataset.read(batch, self.columns)
        two = self.dataset.fired(batch, events, selection.not_trigger)
        one = self.dataset.fired(batch, events, selection.trigger)
        probes = Probes()
        if self.dataset.trigger == "any":  # otherwise events of both triggers are not read
            pairs = selection.in_time(events, par, self.setup, self.window)
            probes = self._probes(events, one & pairs, two & pairs)
        return (
            selection.apply(events[one & ~two], par, self.setup),
            event_hashes(self.dataset, batch, events),
            probes,
        )

    def _probes(self, events: ak.Array, one: NDArray[np.bool_], two: NDArray[np.bool_]) -> Probes:
        bursts = self.dataset.used_bursts
        share = np.zeros(len(events))
        if bursts is not None and bursts.run.size:
            places = bursts.places(np.asarray(events.run), np.asarray(events.burst))
            with np.errstate(invalid="ignore", divide="ignore"):
                share = 1.0 / np.asarray(bursts.downscale, dtype=np.float64)[places]
            share = np.where(np.isfinite(share) & (share <= 1.0), share, 0.0)
        known = two & (share > 0)
        return Probes(
            int(one.sum()), int((one & two).sum()), float(share[known].sum()), int((one & known).sum())
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
        When files cannot be read, naming all of them; or an event is in the dataset twice, so that its track would be paired with itself.
    """
    batches = task.dataset.batches(task.columns)
    parts, probes = [], Probes()
    with SeenEvents() as seen:
        for result in map_batches(task, batches, executor):
            if result is not None:
                part, hashes, probed = result
                parts.append(part)
                seen.add(hashes)
                probes = probes + probed
        refuse_repeats(task.dataset, batches, seen)
    return SelectedSingles.concatenate(parts), probes


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

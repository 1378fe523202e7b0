"""Selection of the single-track sample, and its orthogonality to the two-track sample."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, astuple, dataclass, replace
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Protocol, overload

import awkward as ak
import numpy as np

from bdana.display import short_repr
from bdana.engine import kept_batches
from bdana.engine.kept_sums import SampleCheckpoints
from bdana.engine.packing import packed_cutflow, unpacked_cutflow
from bdana.errors import InputError
from bdana.events import SeenEvents, event_hashes, refuse_repeats
from bdana.events.event_identity import identities
from bdana.pairing.estimate.burst_store import BurstStore
from bdana.pairing.estimate.single_bursts import BurstCounts
from bdana.reconstruction import Clusters, Tracks
from bdana.selection import Cutflow, SelectedSingles
from bdana.selection.single_track import SingleEvents

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from bdana.detector import Detector
    from bdana.engine import Executor
    from bdana.events import BurstTable, Dataset
    from bdana.events.dataset import Batch
    from bdana.pairing.estimate.burst_store import Rows
    from bdana.selection import (
        Candidates,
        Parameters,
        Quantity,
        Selection,
        Setup,
        SingleTrackSelection,
    )

__all__ = [
    "Bunch",
    "Bunches",
    "Probes",
    "SingleSample",
    "SinglesTask",
    "require_orthogonal",
    "select_singles",
]

BUNCH = 20_000
"""Number of tracks that are paired together, or those of one burst: limits the memory."""
TRACK, EVENT = "tracks.", "events."
"""Beginnings of the names of stored columns."""


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
class Bunch:
    """Single tracks of some bursts, burst by burst.

    Attributes
    ----------
    tracks : Tracks or Clusters
        N tracks, or clusters.
    places : ndarray of int, shape (N,)
        Place of each track's burst in the table.
    passed : ndarray of bool, shape (N,)
        Which of them are selected; vetoes hit the others.
    before : int
        Number of tracks of the bunches before.
    """

    tracks: Tracks | Clusters
    places: NDArray[np.int64]
    passed: NDArray[np.bool_]
    before: int

    __repr__ = short_repr

    def __len__(self) -> int:
        return len(self.places)

    def selected(self) -> Bunch:
        """Return those that are selected, as they are among all."""
        if self.passed.all():
            return self
        own = np.flatnonzero(self.passed)
        return Bunch(self.tracks.take(own), self.places[own], self.passed[own], self.before)

    def of_events(self, name: str) -> NDArray[Any]:
        """Return a column of the tracks' events, shape (N,).

        Parameters
        ----------
        name : str
        """
        return np.asarray(self.tracks.events[name])[self.tracks.index]


class Bunches(Sequence[Bunch]):
    """Bunches of a sample, each of which is read when it is asked for.

    Parameters
    ----------
    sample : SingleSample
    edges : ndarray of int
        First burst of each bunch, and the number of bursts.
    """

    def __init__(self, sample: SingleSample, edges: NDArray[np.int64]) -> None:
        self.sample, self.edges = sample, edges

    def __len__(self) -> int:
        return len(self.edges) - 1

    @overload
    def __getitem__(self, which: int) -> Bunch: ...
    @overload
    def __getitem__(self, which: slice) -> Sequence[Bunch]: ...
    def __getitem__(self, which: int | slice) -> Bunch | Sequence[Bunch]:
        """Read a bunch."""
        if isinstance(which, slice):
            return [self[at] for at in range(len(self))[which]]
        at = range(len(self))[which]
        return self.sample.bunch(int(self.edges[at]), int(self.edges[at + 1]))

    def after(self, number: int) -> Bunches:
        """Return the bunches after the first ones.

        Parameters
        ----------
        number : int
            How many are left out.
        """
        return Bunches(self.sample, self.edges[number:])


class SingleSample:
    """Selected single tracks by burst, and the bursts they were recorded in; memory does not grow with the tracks.

    Parameters
    ----------
    singles : SelectedSingles or None
        The first of them; None if all are added later.
    bursts : BurstTable
        The bursts used, those without tracks included.
    probes : Probes
        Of the two-track trigger.
    """

    def __init__(
        self, singles: SelectedSingles | None, bursts: BurstTable, probes: Probes = Probes()
    ) -> None:
        self.bursts, self.probes = bursts, probes
        self.cutflow = Cutflow(())
        self.counts = BurstCounts.none(len(bursts.run))
        """Events and tracks of each burst."""
        self.checkpoints: SampleCheckpoints | None = None
        """Where sums over the tracks are kept, from which an interrupted run goes on."""
        self._store = BurstStore()
        self._detector: Detector | None = None
        self._of: type[Tracks | Clusters] = Tracks
        if singles is not None:
            self.add(singles)

    __repr__ = short_repr

    def __len__(self) -> int:
        """Return the number of selected tracks."""
        return int(self.counts.selected.sum())

    @property
    def vetoed(self) -> int:
        """Number of tracks that pass every track cut, but whose events fail an event cut."""
        return int(self.counts.vetoed.sum())

    def add(self, part: SelectedSingles, probes: Probes = Probes()) -> None:
        """Add what was selected in the next chunk.

        Parameters
        ----------
        part : SelectedSingles
        probes : Probes

        Raises
        ------
        InputError
            When there is no room for the tracks.
        """
        self.probes = self.probes + probes
        self.cutflow = self.cutflow + part.cutflow if self._detector else part.cutflow
        self._detector, self._of = part.tracks.detector, type(part.tracks)
        places = [self.burst_of(tracks) for tracks in (part.tracks, part.vetoed)]
        at = self.bursts.places(part.events.run, part.events.burst)
        charge = part.tracks.charge if isinstance(part.tracks, Tracks) else None
        self.counts.add(part.events, at, charge, places)
        columns = [_columns(tracks) for tracks in (part.tracks, part.vetoed)]
        both = {
            name: np.concatenate([one[name] for one in columns]) for name in columns[0] if name in columns[1]
        }
        self._store.add(np.concatenate(places), np.repeat([True, False], [len(x) for x in places]), both)

    def burst_of(self, tracks: Tracks | Clusters) -> NDArray[np.int64]:
        """Return the place of each track's burst in the table, shape (N,).

        Parameters
        ----------
        tracks : Tracks or Clusters
            N of them.
        """
        run, burst = (np.asarray(tracks.events[name])[tracks.index] for name in ("run", "burst"))
        return self.bursts.places(run, burst)

    def has(self, name: str) -> bool:
        """Tell whether the events of all tracks have a column.

        Parameters
        ----------
        name : str
        """
        return f"{EVENT}{name}" in self._store.names

    def tells(self, quantity: Quantity) -> bool:
        """Tell whether a quantity of pairs of these tracks is known.

        Parameters
        ----------
        quantity : Quantity
            Of the selection of pairs.
        """
        known = set(self._store.names)
        if quantity.level == "track":
            return TRACK + quantity.column in known
        return quantity.is_predicted and known.issuperset(quantity.needs)

    def edges(self, together: int = 1) -> NDArray[np.int64]:
        """Return the first burst of each bunch of about `BUNCH` tracks, and the number of bursts.

        Parameters
        ----------
        together : int
            Number of neighbouring bursts that are never in different bunches.
        """
        every = self.counts.every
        first = np.arange(0, len(every), together)
        below = np.cumsum(np.add.reduceat(every, first)) // BUNCH if len(first) else np.empty(0)
        later = first[1:][np.diff(below) > 0]
        return np.concatenate([[0], later, [len(every)]]).astype(np.int64)

    def bunches(self, together: int = 1) -> Bunches:
        """Return the tracks bunch by bunch, vetoed ones included, in the order of the bursts.

        Parameters
        ----------
        together : int
            As for `edges`.
        """
        return Bunches(self, self.edges(together))

    def bunch(self, begin: int, end: int) -> Bunch:
        """Return the tracks of the bursts from `begin` to before `end`, vetoed ones included.

        Parameters
        ----------
        begin, end : int
        """
        rows = self._store.read(begin, end, self._store.names)
        before = int(self.counts.every[:begin].sum())
        return Bunch(self._tracks(rows.columns, len(rows.place)), rows.place, rows.passed, before)

    def _tracks(self, columns: Mapping[str, NDArray[Any]], number: int) -> Tracks | Clusters:
        record, events = (
            _record(
                {name[len(of) :]: column for name, column in columns.items() if name.startswith(of)}, number
            )
            for of in (TRACK, EVENT)
        )
        if self._detector is None:
            raise InputError("there are no single tracks")
        return self._of(record, events, np.arange(number), self._detector)

    def columns_of_events(self, *names: str) -> Iterator[Rows]:
        """Yield some columns of the events of all tracks, vetoed ones included, bunch by bunch.

        Parameters
        ----------
        *names : str
        """
        for begin, end in pairwise(self.edges()):
            rows = self._store.read(int(begin), int(end), [f"{EVENT}{name}" for name in names])
            yield rows._replace(columns={name: rows.columns[f"{EVENT}{name}"] for name in names})

    def selected(self, rows: NDArray[np.int64]) -> Tracks | Clusters:
        """Return selected tracks by their places in the order of the bursts.

        Parameters
        ----------
        rows : ndarray of int
            In ascending order.
        """
        names, parts, before = self._store.names, [], 0
        for begin, end in pairwise(self.edges()):
            passing = self._store.read(int(begin), int(end), names)
            at = np.flatnonzero(passing.passed)
            own = rows[np.searchsorted(rows, before) : np.searchsorted(rows, before + len(at))] - before
            parts.append({name: column[at[own]] for name, column in passing.columns.items()})
            before += len(at)
        return self._tracks(
            {name: np.concatenate([part[name] for part in parts]) for name in names}, len(rows)
        )


def _columns(tracks: Tracks | Clusters) -> dict[str, NDArray[Any]]:
    """Return the numbers of tracks and of their events."""
    columns = {}
    for beginning, records in ((TRACK, tracks.record), (EVENT, tracks.event)):
        for name in ak.fields(records):
            if records[name].ndim == 1 and not ak.fields(records[name]):
                columns[beginning + name] = ak.to_numpy(records[name])
    return columns


def _record(columns: Mapping[str, NDArray[Any]], number: int) -> ak.Array:
    contents = [ak.contents.NumpyArray(column) for column in columns.values()]
    return ak.Array(ak.contents.RecordArray(contents, list(columns), length=number))


class HasSingleTracks(Protocol):
    """Interface of an analysis, as far as reading single tracks uses it."""

    @property
    def hash(self) -> str:
        """Hash of configuration and code."""
        ...

    def selection(self, name: str) -> tuple[Selection, Parameters]:
        """Return a selection with its parameters.

        Parameters
        ----------
        name : str
        """
        ...

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
    checkpoints : Path or None
        Folder of results of finished batches, from which an interrupted run goes on.
    pair_selection : str
        Name of the selection of pairs.
    quantities : tuple of str
        Its quantities of a track that are kept of each.
    """

    analysis: HasSingleTracks
    setup: Setup
    selection: str
    columns: tuple[str, ...]
    dataset: Dataset
    window: float
    checkpoints: Path | None = None
    pair_selection: str = ""
    quantities: tuple[str, ...] = ()

    @property
    def settings(self) -> tuple[object, ...]:
        """What the result depends on beside analysis, files and columns."""
        return "single tracks", self.selection, self.window, *self.quantities

    def packed(self, result: tuple[SelectedSingles, NDArray[np.uint64], Probes]) -> dict[str, NDArray[Any]]:
        """Return the result of a batch as arrays of numbers, for a checkpoint.

        Parameters
        ----------
        result : (SelectedSingles, ndarray, Probes)
        """
        singles, hashes, probes = result
        arrays = {"hashes": hashes, "cutflow": packed_cutflow(singles.cutflow)}
        arrays["probes"] = np.array(json.dumps(asdict(probes)))
        arrays |= {f"singles.{name}": column for name, column in vars(singles.events).items()}
        for what in ("tracks", "vetoed"):
            columns = _columns(getattr(singles, what))
            arrays |= {f"{what}:{name}": column for name, column in columns.items()}
        return arrays

    def unpacked(
        self, kept: Mapping[str, NDArray[Any]]
    ) -> tuple[SelectedSingles, NDArray[np.uint64], Probes]:
        """Return the result of a batch that was packed.

        Parameters
        ----------
        kept : mapping of str to ndarray
        """

        def of(what: str) -> dict[str, NDArray[Any]]:
            return {name[len(what) :]: column for name, column in kept.items() if name.startswith(what)}

        made = self.analysis.single_track(self.selection)[0].of

        def tracks(what: str) -> Tracks | Clusters:
            record, events = of(f"{what}:{TRACK}"), of(f"{what}:{EVENT}")
            number = len(events["run"])
            return made(
                _record(record, number), _record(events, number), np.arange(number), self.setup.detector
            )

        cutflow, events = unpacked_cutflow(kept["cutflow"]), SingleEvents(**of("singles."))
        probes = Probes(**json.loads(str(kept["probes"])))
        return SelectedSingles(cutflow, tracks("tracks"), events, tracks("vetoed")), kept["hashes"], probes

    @property
    def what(self) -> str:
        """Name of the step, for the accounting."""
        return f"single tracks {self.selection}"

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
            selection.apply(events[one & ~two], par, self.setup, self._quantities()),
            event_hashes(self.dataset, batch, events),
            probes,
        )

    def _quantities(self) -> dict[str, Callable[[Tracks], NDArray[np.float64]]]:
        if not self.quantities:
            return {}
        selection, cuts = self.analysis.selection(self.pair_selection)
        chosen = [selection.quantity[name] for name in self.quantities]
        return {one.column: partial(one.of, par=cuts) for one in chosen}

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


def select_singles(
    task: SinglesTask, bursts: BurstTable, executor: Executor, two_track: Candidates | None = None
) -> SingleSample:
    """Select the single tracks of a dataset, in the order of the files whatever the executor.

    Parameters
    ----------
    task : SinglesTask
    bursts : BurstTable
        The bursts used.
    executor : Executor
    two_track : Candidates, optional
        Of the two-track sample, which must share no event.

    Raises
    ------
    InputError
        When files cannot be read, naming all of them; an event is in the dataset twice, so that its track would be
        paired with itself; or one is in the two-track sample.
    """
    batches = task.dataset.batches(task.columns)
    sample = SingleSample(None, bursts)
    shared: InputError | None = None
    with SeenEvents() as seen:
        for result in kept_batches(task, batches, executor, task.checkpoints):
            if result is not None:
                part, hashes, probed = result
                sample.add(part, probed)
                seen.add(hashes)
                shared = shared or _shared(part, two_track)
        refuse_repeats(task.dataset, batches, seen)
    if shared:
        raise shared
    sample.checkpoints = SampleCheckpoints.of(task.checkpoints, task, batches)
    return sample


def _shared(singles: SelectedSingles, two_track: Candidates | None) -> InputError | None:
    try:
        if two_track is not None:
            require_orthogonal(singles, two_track)
    except InputError as err:
        return err
    return None


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

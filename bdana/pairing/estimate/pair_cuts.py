"""Cuts on pairs of single tracks: pairs are found, reconstructed, put through the cuts, and become candidates."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple, Protocol, TypeVar, cast

import numpy as np

from bdana.errors import ConfigError
from bdana.pairing.estimate.built_pairs import BuiltPairs, PickedTracks
from bdana.pairing.geometry.building import built_pairs
from bdana.pairing.geometry.burst_pairs import MOST_PAIRS, pairs_of_bursts
from bdana.pairing.geometry.kernel import QUANTITIES, beam_numbers, box_numbers, find_regions
from bdana.pairing.geometry.pair_finder import sorted_sets
from bdana.regions import UNDEFINED
from bdana.selection import Candidates

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from bdana.engine import Executor
    from bdana.events.open_part import OpenPart
    from bdana.pairing.estimate.pooled_weights import PooledWeights
    from bdana.pairing.geometry.pair_finder import PairBounds
    from bdana.reconstruction import ClusterPairs, Clusters, Pairs, Tracks
    from bdana.selection import Cut, Parameters, Selection, Setup, Variable

__all__ = [
    "FoundPairs",
    "JudgedPairs",
    "PairOptions",
    "PairSelection",
    "PairSink",
    "PairTask",
    "PairedSingles",
    "PairedTracks",
    "SelectedPairs",
]

P = TypeVar("P", "Pairs", "ClusterPairs")
PairSink = Callable[["Candidates", "Tracks | Clusters", "NDArray[np.int64]", "NDArray[np.int64]"], None]
BATCH = 100_000
"""Number of pairs that go through the cuts together: limits the memory, changes no result."""


@dataclass(frozen=True)
class PairOptions:
    """Options of an estimate: like-sign pairs, bootstrap errors, a function that gets the selected pairs, and where it is made.

    Attributes
    ----------
    like_sign : bool
        Whether tracks of equal charge are paired, each two once, instead of those of opposite charge: no signal makes
        such pairs.
    bootstrap : int
        Replicas of the sample, drawn with a fixed seed, that cross-check the errors: none, or two or more.
    sink : callable, optional
        Gets every batch of selected pairs: candidates, tracks, and the places of both tracks of each pair. They are then
        made in this process.
    executor : Executor, optional
        Where bunches of tracks are paired, if there are many; in this process by default. Every executor gives the same bits.

    Raises
    ------
    ConfigError
        When `bootstrap` is 1 or negative.
    """

    like_sign: bool = False
    bootstrap: int = 0
    sink: PairSink | None = None
    executor: Executor | None = None

    def __post_init__(self) -> None:
        if self.bootstrap < 0 or self.bootstrap == 1:
            raise ConfigError(
                f"a spread needs at least 2 bootstrap replicas (0: no bootstrap), not {self.bootstrap}"
            )


class HasSelections(Protocol):
    """Interface of an analysis, as far as pairs use it."""

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


@dataclass(frozen=True)
class PairSelection:
    """Selection that is applied to pairs, with its parameters, the setup and the variables of the analysis.

    Attributes
    ----------
    selection : Selection
    cuts : Parameters
        Its parameters.
    setup : Setup
        Detector, beam line and regions.
    variables : mapping of str to Variable
        What is histogrammed.
    part : OpenPart, optional
        What is counted of each region of the data that are predicted; all if not given.
    origin : tuple of HasSelections and str, optional
        The analysis and the name of the selection there, by which worker processes find its functions.
    """

    selection: Selection
    cuts: Parameters
    setup: Setup
    variables: Mapping[str, Variable]
    part: OpenPart | None = None
    origin: tuple[HasSelections, str] | None = None

    def __reduce__(self) -> tuple[object, ...]:
        rest = self.setup, dict(self.variables), self.part
        if self.origin is None:
            return PairSelection, (self.selection, self.cuts, *rest)
        return _found_again, (self.origin, *rest)


def _found_again(
    origin: tuple[HasSelections, str], setup: Setup, variables: Mapping[str, Variable], part: OpenPart | None
) -> PairSelection:
    analysis, name = origin
    return PairSelection(*analysis.selection(name), setup, variables, part, origin)


@dataclass(frozen=True)
class PairTask:
    """Bounds, cuts and options with which pairs are built and selected.

    Attributes
    ----------
    cuts : sequence of Cut
        Cuts on the built pairs, in the order of the data's selection.
    pairs : PairSelection
    bounds : PairBounds or None
        Which pairs need not be built; None of clusters.
    window : float
        Full width W of the window of time differences, in ns.
    options : PairOptions
    """

    cuts: Sequence[Cut]
    pairs: PairSelection
    bounds: PairBounds | None
    window: float
    options: PairOptions = PairOptions()

    def __reduce__(self) -> tuple[object, ...]:
        # Functions of cuts are found again by their names.
        options = replace(self.options, sink=None, executor=None)
        return _task_again, (self.pairs, [cut.name for cut in self.cuts], self.bounds, self.window, options)

    def judge(self, pairs: P) -> tuple[P, NDArray[np.int64]]:
        """Apply the cuts; return the pairs that pass, and their places.

        Parameters
        ----------
        pairs : Pairs or ClusterPairs
        """
        left = np.arange(len(pairs))
        for cut in self.cuts:
            passed = np.broadcast_to(cut.passes(pairs, self.pairs.cuts), len(pairs))
            if not passed.all():
                pairs, left = pairs.take(passed), left[passed]
        return pairs, left


def _task_again(
    pairs: PairSelection, names: Sequence[str], bounds: PairBounds, window: float, options: PairOptions
) -> PairTask:
    there = {cut.name: cut for cut in pairs.selection.active(pairs.cuts)}
    return PairTask([there[name] for name in names], pairs, bounds, window, options)


class SelectedPairs(NamedTuple):
    """K selected pairs, and S sights of them: each pair as seen from either of its tracks.

    Attributes
    ----------
    candidates : Candidates
    pairs : Pairs or ClusterPairs
    region : ndarray of int, shape (K,)
        Place of the candidate's region in the names of the regions; one more than the last is `undefined`.
    plus, minus : ndarray of int, shape (K,)
        Places of the two tracks: the larger charge, or the first of the sample, as `plus`.
    envelope : ndarray of int, shape (K,)
        `OpenPart.place` of each; 0 where the data have no closed part.
    pair : ndarray of int, shape (S,)
        The pair that is seen. All sights from one track follow each other.
    track : ndarray of int, shape (S,)
        The track that it is seen from.
    counted : ndarray of bool, shape (S,)
        Whether that is `plus`: so each pair is counted once.
    shared : ndarray, shape (S, C)
        `PooledWeights.shared` of each, for the covariance.
    """

    candidates: Candidates
    pairs: Pairs | ClusterPairs
    region: NDArray[np.int64]
    plus: NDArray[np.int64]
    minus: NDArray[np.int64]
    envelope: NDArray[np.int64]
    pair: NDArray[np.int64]
    track: NDArray[np.int64]
    counted: NDArray[np.bool_]
    shared: NDArray[np.float64]

    @property
    def once(self) -> NDArray[np.int64]:
        """Pairs that are counted, each once."""
        return self.pair[self.counted]

    def seen(self, where: NDArray[np.bool_]) -> SelectedPairs:
        """Return the sights of the pairs that a mask chooses.

        Parameters
        ----------
        where : ndarray of bool, shape (K,)
        """
        if where.all():
            return self
        own = where[self.pair]
        return self._replace(
            pair=self.pair[own], track=self.track[own], counted=self.counted[own], shared=self.shared[own]
        )


class FoundPairs(NamedTuple):
    """Pairs within the bounds, of which each is once, or seen from one of its tracks.

    Attributes
    ----------
    track, partner : ndarray of int, shape (K,)
        Places of both.
    burst : ndarray of int, shape (K,)
    quantities : ndarray, shape (Q, K)
        What is known of each pair; nothing of clusters.
    once : bool
    """

    track: NDArray[np.int64]
    partner: NDArray[np.int64]
    burst: NDArray[np.int64]
    quantities: NDArray[np.float64]
    once: bool

    @classmethod
    def joined(cls, parts: Sequence[FoundPairs], quantities: int) -> FoundPairs:
        """Join pairs that are all once, or all seen from one track.

        Parameters
        ----------
        parts : sequence of FoundPairs
        quantities : int
            How many there are of each pair.
        """
        empty = np.empty(0, dtype=np.int64)
        parts = parts or [cls(empty, empty, empty, np.empty((quantities, 0)), once=True)]
        track, partner, burst, values = (
            np.concatenate([part[of] for part in parts], axis=-1) for of in range(4)
        )
        return cls(track, partner, burst, values, parts[0].once)


class JudgedPairs(NamedTuple):
    """K pairs that pass the cuts.

    Attributes
    ----------
    pairs : Pairs or ClusterPairs
    plus, minus : ndarray of int, shape (K,)
        Places of the two tracks: the larger charge, or the first of the sample, as `plus`.
    region : ndarray of int, shape (K,)
        Place of the pair's region in the names of the regions; one more than the last is `undefined`.
    burst : ndarray of int, shape (K,)
        Of the tracks.
    track : ndarray of int or None, shape (K,)
        The track that each is seen from; None where each pair is there once.
    """

    pairs: Pairs | ClusterPairs
    plus: NDArray[np.int64]
    minus: NDArray[np.int64]
    region: NDArray[np.int64]
    burst: NDArray[np.int64]
    track: NDArray[np.int64] | None

    def take(self, where: NDArray[np.bool_]) -> JudgedPairs:
        """Return the pairs that a mask chooses.

        Parameters
        ----------
        where : ndarray of bool, shape (K,)
        """
        if where.all():
            return self
        return JudgedPairs(
            self.pairs.take(where),
            self.plus[where],
            self.minus[where],
            self.region[where],
            self.burst[where],
            None if self.track is None else self.track[where],
        )

    @property
    def sights(self) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]]:
        """Pairs as seen from their tracks: pair, track, and whether that is `plus`, each of shape (S,)."""
        if self.track is not None:
            return np.arange(len(self.plus)), self.track, self.track == self.plus
        number, track = len(self.plus), np.concatenate([self.plus, self.minus])
        order = np.argsort(track, kind="stable")
        return order % max(number, 1), track[order], order < number


class PairedSingles(ABC):
    """The tracks, or clusters, of a sample, paired within each burst.

    Parameters
    ----------
    singles : Tracks or Clusters
        N of them, of single events; the weights of their events multiply that of a pair.
    places : ndarray of int, shape (N,)
        The burst of each.
    task : PairTask
    """

    def __init__(self, singles: Tracks | Clusters, places: NDArray[np.int64], task: PairTask) -> None:
        self.places, self.task = places, task
        self.of_event = {
            name: np.asarray(singles.events[name])[singles.index]
            for name in ("run", "burst", "event", "weight")
        }
        self.regions = task.pairs.selection.regions(task.pairs.setup)
        self.boxes, self.names = box_numbers(self.regions), (*self.regions.names, UNDEFINED)

    @abstractmethod
    def possible(self, among: NDArray[np.bool_]) -> int:
        """Return the number of pairs that could be made, those that cannot pass included.

        Parameters
        ----------
        among : ndarray of bool, shape (N,)
            Those that are paired.
        """

    @abstractmethod
    def _found(self) -> Iterator[FoundPairs]:
        """Give pairs; all sights from one track, or cluster, come together, or both sights of each pair."""

    @abstractmethod
    def _judged(self, waiting: Sequence[FoundPairs]) -> JudgedPairs:
        """Reconstruct pairs and put them through the cuts."""

    @abstractmethod
    def _candidates(self, judged: JudgedPairs, weight: NDArray[np.float64]) -> Candidates:
        """Return pairs as candidates."""

    def judged(self) -> Iterator[JudgedPairs]:
        """Give the pairs that pass the cuts in batches, at least one."""
        waiting: list[FoundPairs] = []
        size = 0
        for found in self._found():
            if waiting and waiting[0].once != found.once:
                yield self._judged(waiting)
                waiting, size = [], 0
            waiting.append(found)
            size += len(found.track)
            if size >= BATCH:
                yield self._judged(waiting)
                waiting, size = [], 0
        yield self._judged(waiting)

    def weights(
        self, judged: JudgedPairs, pooled: PooledWeights
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64] | None]:
        """Return the weights of pairs, the products of the weights of their events, and k in every class.

        Parameters
        ----------
        judged : JudgedPairs
        pooled : PooledWeights
        """
        product = self.of_event["weight"][judged.plus] * self.of_event["weight"][judged.minus]
        if pooled.times is None:
            return pooled.weight[0] * product, product, None
        by_time = pooled.by_time(judged.plus, judged.minus)
        classes = pooled.classes(len(self.names))[judged.region]
        return pooled.weight[classes] * by_time[np.arange(len(classes)), classes] * product, product, by_time

    def selected(self, judged: JudgedPairs, pooled: PooledWeights) -> SelectedPairs:
        """Return pairs as candidates with their weights.

        Parameters
        ----------
        judged : JudgedPairs
        pooled : PooledWeights
        """
        weight, product, by_time = self.weights(judged, pooled)
        near = weight != 0.0  # the others are too far apart in time
        if not near.all() and by_time is not None:
            judged, weight, product, by_time = judged.take(near), weight[near], product[near], by_time[near]
        candidates = self._candidates(judged, weight)
        part = self.task.pairs.part
        envelope = part.place(judged.pairs) if part else np.zeros(len(weight), dtype=np.int64)
        pair, track, counted = judged.sights
        shared = pooled.shared(
            track, judged.burst[pair], product[pair], None if by_time is None else by_time[pair]
        )
        return SelectedPairs(
            candidates,
            judged.pairs,
            judged.region,
            judged.plus,
            judged.minus,
            envelope,
            pair,
            track,
            counted,
            shared,
        )

    def values(self, variable: Variable, pairs: SelectedPairs) -> NDArray[np.float64]:
        """Return a variable of K pairs in the unit of its axis, shape (K,), or (K, 2) of both tracks of each.

        Parameters
        ----------
        variable : Variable
        pairs : SelectedPairs
        """
        if not variable.function:
            return variable.values(pairs.candidates)
        quantity = self.task.pairs.selection.quantity[variable.function]
        return quantity.values(pairs.pairs, self.task.pairs.cuts)[:, 0] / variable.scale


class PairedTracks(PairedSingles):
    """The tracks of a sample, paired within each burst.

    Parameters
    ----------
    tracks : Tracks
    places, task
        As for `PairedSingles`.
    """

    def __init__(self, tracks: Tracks, places: NDArray[np.int64], task: PairTask) -> None:
        super().__init__(tracks, places, task)
        self.tracks, self.charge, self.p, self.mass = tracks, tracks.charge, tracks.p, tracks.mass
        self.beam = beam_numbers(task.pairs.setup.beam_line)

    def possible(self, among: NDArray[np.bool_]) -> int:
        """Return the number of pairs of the right charges, those that cannot pass included.

        Parameters
        ----------
        among : ndarray of bool, shape (N,)
            Tracks that are paired.
        """
        if not among.any():
            return 0
        first = int(self.places.min())
        plus, minus = (
            np.bincount(self.places[own] - first, minlength=int(self.places.max()) - first + 1)
            for own in (among & (self.charge > 0), among & (self.charge < 0))
        )
        if self.task.options.like_sign:
            return int((plus * (plus - 1) // 2 + minus * (minus - 1) // 2).sum())
        return int((plus * minus).sum())

    def values(self, variable: Variable, pairs: SelectedPairs) -> NDArray[np.float64]:
        """As in `PairedSingles`; quantities of single tracks were computed with them.

        Parameters
        ----------
        variable : Variable
        pairs : SelectedPairs
        """
        quantity = self.task.pairs.selection.quantity.get(variable.function)
        if quantity is None or quantity.level != "track":
            return super().values(variable, pairs)
        column = self.tracks.column(quantity.column)
        return column[np.stack([pairs.plus, pairs.minus], axis=1)] / variable.scale

    def _found(self) -> Iterator[FoundPairs]:
        """Give the pairs within the bounds."""
        like_sign = self.task.options.like_sign
        sign = np.sign(self.charge).astype(np.int64)
        # By burst, and in it by charge, the positive ones first; those without charge are paired with nothing.
        order = np.flatnonzero(sign)
        order = order[np.lexsort((-sign[order], self.places[order]))]
        bursts, first = np.unique(self.places[order], return_index=True)
        ends = np.append(first, len(order))
        plus = np.add.reduceat(sign[order] > 0, first) if len(first) else first
        middle = first + plus
        numbers = np.stack([plus, np.diff(ends) - plus])
        if like_sign:
            possible = numbers * (numbers - 1) // 2
            sets = np.stack(
                [
                    np.stack([first, middle, first, middle], axis=1),
                    np.stack([middle, ends[1:], middle, ends[1:]], axis=1),
                ],
                axis=1,
            ).reshape(-1, 4)
            of_set, possible = np.repeat(bursts, 2), possible.T.ravel()
        else:
            possible = numbers[0] * numbers[1]
            sets, of_set = np.stack([first, middle, middle, ends[1:]], axis=1), bursts
        tracks, bounds = (self.tracks.before, self.p, self.mass), cast("PairBounds", self.task.bounds)
        few = (possible > 0) & (possible <= MOST_PAIRS)
        if few.any():
            own = of_set[few]
            for block in pairs_of_bursts(tracks, order, sets[few], bounds, self.beam, BATCH):
                yield FoundPairs(block.first, block.second, own[block.set_], block.quantities, once=True)
        for at in np.flatnonzero(possible > MOST_PAIRS):
            one, other = order[sets[at, 0] : sets[at, 1]], order[sets[at, 2] : sets[at, 3]]
            yield from self._of_many(one, None if like_sign else other, int(of_set[at]))

    def _of_many(
        self, one: NDArray[np.int64], other: NDArray[np.int64] | None, burst: int
    ) -> Iterator[FoundPairs]:
        """Give the pairs of a burst with many tracks, each from both of its tracks."""
        line, bounds = self.tracks.before, cast("PairBounds", self.task.bounds)
        sides = [(one, other)] if other is None else [(one, other), (other, one)]
        sets = None if other is None else sorted_sets(line.take(one), line.take(other), bounds)
        for first, second in sides:
            lines = (line.take(first), self.p[first], self.mass[first])
            others = None if second is None else (line.take(second), self.p[second], self.mass[second])
            for block in built_pairs(lines, others, bounds, self.beam, BATCH, sets):
                partners = first if second is None else second
                here = np.full(len(block.track), burst)
                yield FoundPairs(
                    first[block.track], partners[block.partner], here, block.quantities, once=False
                )
            sets = sets[::-1] if sets else None

    def _judged(self, waiting: Sequence[FoundPairs]) -> JudgedPairs:
        track, partner, burst, values, once = FoundPairs.joined(waiting, len(QUANTITIES))
        swap = self.charge[partner] > self.charge[track]
        swap |= (self.charge[partner] == self.charge[track]) & (partner < track)
        plus, minus = np.where(swap, partner, track), np.where(swap, track, partner)
        built = BuiltPairs(
            PickedTracks(self.tracks, plus),
            PickedTracks(self.tracks, minus),
            self.task.pairs.setup.beam_line,
            values,
        )
        pairs, left = self.task.judge(built)
        region = np.empty(len(pairs), dtype=np.int64)
        find_regions(pairs.z_tax, pairs.cda_tax, len(pairs), self.boxes, region)
        seen_from = None if once else track[left]
        return JudgedPairs(pairs, plus[left], minus[left], region, burst[left], seen_from)

    def _candidates(self, judged: JudgedPairs, weight: NDArray[np.float64]) -> Candidates:
        pairs, plus, minus = cast("Pairs", judged.pairs), judged.plus, judged.minus
        return Candidates(
            run=self.of_event["run"][plus],
            burst=self.of_event["burst"][plus],
            event=self.of_event["event"][plus],
            z_vertex=pairs.z_vertex,
            cda_fv=pairs.cda,
            z_tax=pairs.z_tax,
            cda_tax=pairs.cda_tax,
            mass=pairs.mass,
            # Two tracks of different events have no time difference: in the window every one is equally likely.
            dt=np.full(len(pairs), np.nan),
            p_plus=self.p[plus],
            p_minus=self.p[minus],
            region=np.array(self.names)[judged.region],
            weight=weight,
        )

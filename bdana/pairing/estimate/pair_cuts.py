"""Cuts on pairs of single tracks: pairs are found, reconstructed, put through the cuts, and become candidates."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from bdana.errors import ConfigError
from bdana.pairing.estimate.built_pairs import BuiltPairs, PickedTracks
from bdana.pairing.geometry.building import built_pairs
from bdana.pairing.geometry.kernel import QUANTITIES, beam_numbers, box_numbers, find_regions
from bdana.pairing.geometry.pair_finder import sorted_sets
from bdana.regions import UNDEFINED
from bdana.selection import LEPTON_MASS, Candidates

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from bdana.events.open_part import OpenPart
    from bdana.pairing.estimate.pooled_weights import PooledWeights
    from bdana.pairing.geometry.pair_finder import PairBounds
    from bdana.reconstruction import Pairs, Tracks
    from bdana.selection import Cut, Parameters, Selection, Setup, Variable

__all__ = ["PairOptions", "PairSelection", "PairSink", "PairTask", "PairedTracks", "SelectedPairs"]

PairSink = Callable[["Candidates", "Tracks", "NDArray[np.int64]", "NDArray[np.int64]"], None]
BATCH = 100_000
"""Number of pairs that go through the cuts together: limits the memory, changes no result."""


@dataclass(frozen=True)
class PairOptions:
    """Options of an estimate: like-sign pairs, bootstrap errors, and a function that gets the selected pairs.

    Attributes
    ----------
    like_sign : bool
        Whether tracks of equal charge are paired, each two once, instead of those of opposite charge: no signal makes
        such pairs.
    bootstrap : int
        Replicas of the sample, drawn with a fixed seed, that cross-check the errors: none, or two or more.
    sink : callable, optional
        Gets every batch of selected pairs: candidates, tracks, and the places of both tracks of each pair.

    Raises
    ------
    ConfigError
        When `bootstrap` is 1 or negative.
    """

    like_sign: bool = False
    bootstrap: int = 0
    sink: PairSink | None = None

    def __post_init__(self) -> None:
        if self.bootstrap < 0 or self.bootstrap == 1:
            raise ConfigError(
                f"a spread needs at least 2 bootstrap replicas (0: no bootstrap), not {self.bootstrap}"
            )


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
    """

    selection: Selection
    cuts: Parameters
    setup: Setup
    variables: Mapping[str, Variable]
    part: OpenPart | None = None


@dataclass(frozen=True)
class PairTask:
    """Bounds, cuts and options with which pairs are built and selected.

    Attributes
    ----------
    cuts : sequence of Cut
        Cuts on the built pairs, in the order of the data's selection.
    pairs : PairSelection
    bounds : PairBounds
        Which pairs need not be built.
    window : float
        Full width W of the window of time differences, in ns.
    options : PairOptions
    """

    cuts: Sequence[Cut]
    pairs: PairSelection
    bounds: PairBounds
    window: float
    options: PairOptions = PairOptions()

    def judge(self, pairs: Pairs) -> tuple[Pairs, NDArray[np.int64]]:
        """Apply the cuts; return the pairs that pass, and their places.

        Parameters
        ----------
        pairs : Pairs
        """
        left = np.arange(len(pairs))
        for cut in self.cuts:
            passed = np.broadcast_to(cut.passes(pairs, self.pairs.cuts), len(pairs))
            if not passed.all():
                pairs, left = pairs.take(passed), left[passed]
        return pairs, left


class SelectedPairs(NamedTuple):
    """Selected pairs, each as seen from one of its tracks. All pairs of a track follow each other.

    Attributes
    ----------
    candidates : Candidates
    region : ndarray of int, shape (K,)
        Place of the candidate's region in the names of the regions; one more than the last is `undefined`.
    plus, minus : ndarray of int, shape (K,)
        Places of the two tracks: the larger charge, or the first of the sample, as `plus`.
    track : ndarray of int, shape (K,)
        The one that the pair is seen from.
    counted : ndarray of bool, shape (K,)
        Whether that is `plus`: so each pair is counted once.
    shared : ndarray, shape (K, C)
        `PooledWeights.shared` of each, for the covariance.
    envelope : ndarray of int, shape (K,)
        `OpenPart.place` of each; 0 where the data have no closed part.
    """

    candidates: Candidates
    region: NDArray[np.int64]
    plus: NDArray[np.int64]
    minus: NDArray[np.int64]
    track: NDArray[np.int64]
    counted: NDArray[np.bool_]
    shared: NDArray[np.float64]
    envelope: NDArray[np.int64]

    def take(self, where: NDArray[np.bool_]) -> SelectedPairs:
        """Return the pairs that a mask chooses.

        Parameters
        ----------
        where : ndarray of bool, shape (K,)
        """
        if where.all():
            return self
        return SelectedPairs(
            self.candidates.take(where),
            self.region[where],
            self.plus[where],
            self.minus[where],
            self.track[where],
            self.counted[where],
            self.shared[where],
            self.envelope[where],
        )


class PairedTracks:
    """The tracks of a sample, paired within each burst.

    Parameters
    ----------
    tracks : Tracks
        N single tracks; the weights of their events multiply that of a pair.
    places : ndarray of int, shape (N,)
        The burst of each.
    pooled : PooledWeights
        Weight of a pair.
    task : PairTask
    """

    def __init__(
        self, tracks: Tracks, places: NDArray[np.int64], pooled: PooledWeights, task: PairTask
    ) -> None:
        self.tracks, self.places, self.task, self.pooled = tracks, places, task, pooled
        of_event = {
            name: np.asarray(tracks.events[name])[tracks.index]
            for name in ("run", "burst", "event", "weight")
        }
        self.of_event, self.charge, self.p = of_event, tracks.charge, tracks.p
        self.boxes, self.names = (
            box_numbers(task.pairs.setup.regions),
            (*task.pairs.setup.regions.names, UNDEFINED),
        )
        self.mass, self.beam = LEPTON_MASS[task.pairs.cuts.lepton], beam_numbers(task.pairs.setup.beam_line)
        self.built = 0
        """Number of pairs so far, including those that were not built because they cannot pass."""

    def selected(self) -> Iterator[SelectedPairs]:
        """Give the selected pairs in batches, at least one."""
        waiting: list[tuple[NDArray[np.int64], ...]] = []
        quantities: list[NDArray[np.float64]] = []
        size = 0
        for found in self._found():
            waiting.append(found[:3])
            quantities.append(found[3])
            size += len(found[0])
            if size >= BATCH:
                yield self._judged(waiting, quantities)
                waiting, quantities, size = [], [], 0
        yield self._judged(waiting, quantities)

    def _found(
        self,
    ) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]]:
        """Give track, partner, burst and quantities of the pairs within the bounds, each pair from both its tracks."""
        order = np.argsort(self.places, kind="stable")
        bursts, ends = np.unique(self.places[order], return_index=True)
        ends = np.append(ends, len(order))
        line, bounds, like_sign = self.tracks.before, self.task.bounds, self.task.options.like_sign
        for at in np.flatnonzero(np.diff(ends) > 1):
            burst, own = bursts[at], order[ends[at] : ends[at + 1]]
            plus, minus = own[self.charge[own] > 0], own[self.charge[own] < 0]
            numbers = (
                [n * (n - 1) // 2 for n in (len(plus), len(minus))] if like_sign else [len(plus) * len(minus)]
            )
            self.built += sum(numbers)
            sides = ((plus, plus), (minus, minus)) if like_sign else ((plus, minus), (minus, plus))
            if not sum(numbers):
                continue
            sets = None if like_sign else sorted_sets(line.take(plus), line.take(minus), bounds)
            for one, other in sides:
                first, some = (line.take(one), self.p[one]), False
                second = None if like_sign else (line.take(other), self.p[other])
                own_sets = sets if sets is None or one is plus else sets[::-1]
                for block in built_pairs(first, second, bounds, self.mass, self.beam, BATCH, own_sets):
                    here, some = np.full(len(block.track), burst), True
                    yield one[block.track], other[block.partner], here, block.quantities
                if not (some or like_sign):
                    break  # what has no pair from one side has none from the other

    def _judged(
        self, waiting: list[tuple[NDArray[np.int64], ...]], quantities: list[NDArray[np.float64]]
    ) -> SelectedPairs:
        empty = np.empty(0, dtype=np.int64)
        columns = zip(*waiting, strict=True) if waiting else ((empty,),) * 3
        track, partner, burst = (np.concatenate(column) for column in columns)
        values = np.concatenate(quantities, axis=1) if quantities else np.empty((len(QUANTITIES), 0))
        swap = self.charge[partner] > self.charge[track]
        swap |= (self.charge[partner] == self.charge[track]) & (partner < track)
        plus, minus = np.where(swap, partner, track), np.where(swap, track, partner)
        pairs: Pairs = BuiltPairs(
            PickedTracks(self.tracks, plus),
            PickedTracks(self.tracks, minus),
            self.mass,
            self.task.pairs.setup.beam_line,
            values,
        )
        pairs, left = self.task.judge(pairs)
        track, plus, minus, burst = track[left], plus[left], minus[left], burst[left]
        region = np.empty(len(pairs), dtype=np.int64)
        find_regions(pairs.z_tax, pairs.cda_tax, len(pairs), self.boxes, region)
        weight, by_time = self.pooled.weight[0], None
        if self.pooled.times is not None:
            by_time = self.pooled.by_time(plus, minus)
            classes = self.pooled.classes(len(self.names))[region]
            weight = self.pooled.weight[classes] * by_time[np.arange(len(region)), classes]
            near = weight != 0.0  # the others are too far apart in time
            pairs, region, by_time, weight = pairs.take(near), region[near], by_time[near], weight[near]
            track, plus, minus, burst = (x[near] for x in (track, plus, minus, burst))
        product = self.of_event["weight"][plus] * self.of_event["weight"][minus]
        weight = weight * product
        shared = self.pooled.shared(track, burst, product, by_time)
        candidates = self._candidates(pairs, plus, minus, region, weight)
        part = self.task.pairs.part
        envelope = part.place(pairs) if part else np.zeros(len(region), dtype=np.int64)
        return SelectedPairs(candidates, region, plus, minus, track, track == plus, shared, envelope)

    def _candidates(
        self,
        pairs: Pairs,
        plus: NDArray[np.int64],
        minus: NDArray[np.int64],
        region: NDArray[np.int64],
        weight: NDArray[np.float64],
    ) -> Candidates:
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
            region=np.array(self.names)[region],
            weight=weight,
        )

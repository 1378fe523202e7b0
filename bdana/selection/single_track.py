"""Single-track selection: the orthogonal sample whose tracks are paired for the combinatorial estimate."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import awkward as ak
import numpy as np

from bdana.display import short_repr, shortened
from bdana.errors import ConfigError
from bdana.reconstruction import Tracks
from bdana.reconstruction.read_only import read_only_events
from bdana.selection.cutflow import Cutflow
from bdana.selection.cuts import assumed_masses, check_cuts
from bdana.selection.two_track import CANDIDATE_COLUMNS
from bdana.user_code import check_declared

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    from bdana.selection.cuts import Cut, MassHypothesis, Parameters
    from bdana.selection.two_track import Setup

__all__ = ["SelectedSingles", "SingleEvents", "SingleTrackSelection"]


@dataclass(frozen=True)
class SingleEvents:
    """Events with exactly one good track; every attribute has shape (N,).

    Attributes
    ----------
    run, burst : ndarray of int
        Where they were recorded.
    tried : ndarray of bool
        The track passes every track cut, so that the event cuts are the only ones left.
    survival : ndarray of float
        Fraction of the displaced time windows in which the event passes all event cuts.
    """

    run: NDArray[np.int64]
    burst: NDArray[np.int64]
    tried: NDArray[np.bool_]
    survival: NDArray[np.float64]

    __repr__ = short_repr


@dataclass(frozen=True)
class SelectedSingles:
    """Result of a single-track selection on some events.

    Attributes
    ----------
    cutflow : Cutflow
    tracks : Tracks
        The selected tracks, one of each event.
    events : SingleEvents
        Every event with exactly one good track, selected or not.
    vetoed : Tracks
        Tracks that pass every track cut, but whose events fail an event cut.
    """

    cutflow: Cutflow
    tracks: Tracks
    events: SingleEvents
    vetoed: Tracks

    __repr__ = short_repr


@dataclass(frozen=True)
class SingleTrackSelection:
    """Single-track selection: events with exactly one good track, of one trigger and not of another.

    Attributes
    ----------
    good_track : Cut
        Track-level cut; gives the row `one_good_track`.
    cuts : tuple of Cut
        Cuts of level track and event, in order. An event cut looks at the time of the track.
    parameters : type
        The selection's `Parameters`.
    like : str
        The two-track selection whose parameters hold here too, unless [selection.NAME] of this selection
        replaces them.
    trigger, not_trigger : str
        Names in the schema's [triggers]: events must have the one bit and must not have the other.
    accidental_offsets_ns : tuple of float
        Displacements from the track's time at which the event cuts are tried again, to measure how often
        unrelated (accidental) activity vetoes a track.
    mass : MassHypothesis or None
        As for `Selection`.
    name : str
        Name of its module, for messages.
    """

    good_track: Cut
    cuts: tuple[Cut, ...]
    parameters: type[Parameters]
    like: str
    trigger: str
    not_trigger: str
    accidental_offsets_ns: tuple[float, ...]
    mass: MassHypothesis | None = None
    name: str = field(default="", compare=False)

    def __post_init__(self) -> None:
        first = f"one_{getattr(self.good_track, 'name', '')}"
        cuts = check_cuts(self.good_track, self.cuts, self.parameters, ("track", "event"), first)
        object.__setattr__(self, "cuts", cuts)
        check_declared({}, {name: getattr(self, name) for name in ("like", "trigger", "not_trigger")}, {})
        offsets: Any = self.accidental_offsets_ns  # whatever was written there
        numbers = isinstance(offsets, (tuple, list)) and all(isinstance(x, (int, float)) for x in offsets)
        if not (numbers and offsets and np.isfinite(offsets).all()):
            raise ConfigError(
                "`accidental_offsets_ns` must be a tuple of finite numbers, at least one: (-30.0, 30.0)"
            )

    def __repr__(self) -> str:
        cuts = ", ".join(cut.name for cut in (self.good_track, *self.cuts))
        return shortened(f"SingleTrackSelection({self.name or 'without name'}: {cuts})")

    def named(self, name: str) -> SingleTrackSelection:
        """Return the selection under the name of its module, which messages about its cuts tell.

        Parameters
        ----------
        name : str
        """
        cuts = tuple(replace(cut, selection=name) for cut in self.cuts)
        return replace(self, good_track=replace(self.good_track, selection=name), cuts=cuts, name=name)

    def active(self, par: Parameters) -> list[Cut]:
        """Return the cuts that are switched on, in order.

        Parameters
        ----------
        par : Parameters
        """
        return [cut for cut in self.cuts if cut.active(par)]

    def needs(self, par: Parameters) -> dict[str, str]:
        """Return every column that is read, with what needs it.

        Parameters
        ----------
        par : Parameters
        """
        columns = dict.fromkeys(CANDIDATE_COLUMNS, "every single track") | {"trigger": "the trigger"}
        for cut in [self.good_track, *self.active(par)]:
            columns |= {name: f"cut {cut.name}" for name in cut.needs if name not in columns}
        return columns

    def apply(
        self,
        events: ak.Array,
        par: Parameters,
        setup: Setup,
        quantities: Mapping[str, Callable[[Tracks], NDArray[np.float64]]] = MappingProxyType({}),
    ) -> SelectedSingles:
        """Select the single tracks of some events (canonical records with the columns of `needs`).

        Parameters
        ----------
        events : ak.Array, type N * record
        par : Parameters
        setup : Setup
        quantities : mapping of str to callable
            Numbers of each track that are kept as further columns of it, since its event is not.
        """
        weights = np.asarray(events.weight)
        cutflow = Cutflow(()).then("all", weights)
        tracks = Tracks.of_events(read_only_events(events), setup.detector)
        good = self.good_track.passes(tracks, par)
        one = np.bincount(tracks.index[good], minlength=len(events)) == 1
        tracks = tracks.take(good & one[tracks.index])
        tracks.assume(assumed_masses(self.mass, tracks, par, self.name))
        cutflow = cutflow.then(f"one_{self.good_track.name}", weights[tracks.index])
        masks = {cut.name: cut.passes(tracks, par) for cut in self.active(par)}
        cutflow, left = cutflow.then_cuts(masks, weights[tracks.index])
        levels = {cut.name: cut.level for cut in self.active(par)}
        track_masks = [mask for name, mask in masks.items() if levels[name] == "track"]
        singles = SingleEvents(
            run=np.asarray(tracks.event.run),
            burst=np.asarray(tracks.event.burst),
            tried=np.logical_and.reduce([np.ones(len(tracks), dtype=np.bool_), *track_masks]),
            survival=self._survival(tracks, par),
        )
        flat = [name for name in ak.fields(events) if events[name].ndim == 1 and not ak.fields(events[name])]

        def kept(taken: Tracks) -> Tracks:  # packed, or each would hold on to all that was read
            record = ak.with_field(taken.record, taken.mass, "mass")
            for name, function in quantities.items():
                record = ak.with_field(record, function(taken), name)
            return Tracks(
                ak.to_packed(record), ak.to_packed(taken.event[flat]), np.arange(len(taken)), setup.detector
            )

        passed, vetoed = (kept(tracks.take(where)) for where in (left, singles.tried & ~left))
        return SelectedSingles(cutflow, passed, singles, vetoed)

    def in_time(self, events: ak.Array, par: Parameters, setup: Setup, window: float) -> NDArray[np.bool_]:
        """Tell which events have exactly two good tracks, closer in time than half of a window: probes of a trigger.

        Parameters
        ----------
        events : ak.Array, type N * record
        par : Parameters
        setup : Setup
        window : float
            Full width in ns.
        """
        tracks = Tracks.of_events(read_only_events(events), setup.detector)
        tracks = tracks.take(self.good_track.passes(tracks, par))
        number = np.bincount(tracks.index, minlength=len(events))
        earliest, latest = np.full(len(events), np.inf), np.full(len(events), -np.inf)
        np.minimum.at(earliest, tracks.index, tracks.column("time"))
        np.maximum.at(latest, tracks.index, tracks.column("time"))
        with np.errstate(invalid="ignore"):  # of events without a good track
            return (number == 2) & (latest - earliest < 0.5 * window)

    def _survival(self, tracks: Tracks, par: Parameters) -> NDArray[np.float64]:
        cuts = [cut for cut in self.active(par) if cut.level == "event"]
        survival = np.zeros(len(tracks))
        for offset in self.accidental_offsets_ns:
            passed = [cut.passes(tracks, par, offset) for cut in cuts]
            survival += np.logical_and.reduce([np.ones(len(tracks), dtype=np.bool_), *passed])
        return survival / len(self.accidental_offsets_ns)

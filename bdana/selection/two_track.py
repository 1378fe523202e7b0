"""Selection of pairs: the two good tracks, or clusters, of an event are a candidate if they pass all cuts."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from bdana.display import short_repr, shortened
from bdana.errors import ConfigError
from bdana.reconstruction import ClusterPairs, Clusters, Line, Pairs, Tracks
from bdana.reconstruction.read_only import read_only_events
from bdana.selection.candidates import Candidates
from bdana.selection.cutflow import Cutflow
from bdana.selection.cuts import assumed_masses, check_cuts, passing_masks
from bdana.selection.quantities import Quantity
from bdana.user_code import check_declared

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    import awkward as ak
    from numpy.typing import NDArray

    from bdana.detector import Detector
    from bdana.events import Gate
    from bdana.regions import Regions
    from bdana.selection.cuts import Cut, Level, MassHypothesis, Parameters
    from bdana.selection.quantities import Distributions, Filled

__all__ = ["TRACK_AFTER", "Loose", "Selected", "Selection", "Setup"]

TRACK_AFTER = tuple(f"tracks.{name}_after" for name in ("x", "y", "z", "tx", "ty"))
"""The columns of a track's state after the magnet: what a cut needs that looks downstream of it."""

CANDIDATE_COLUMNS = (
    "run",
    "burst",
    "event",
    "weight",
    *(f"tracks.{name}" for name in ("charge", "p", "time")),
    *(f"tracks.{name}_before" for name in ("x", "y", "z", "tx", "ty")),
)
"""Canonical columns that every candidate of two tracks needs; a file without `weight` has weight 1."""
CLUSTER_CANDIDATE_COLUMNS = (
    *CANDIDATE_COLUMNS[:4],
    *(f"lkr.{name}" for name in ("energy", "x", "y", "time")),
)
"""The same of two clusters."""


@dataclass(frozen=True)
class Setup:
    """Detector, beam line and regions of an analysis, common to its selections.

    Attributes
    ----------
    detector : Detector
        The geometry.
    beam_line : Line or None
        The line (mm) that di-lepton momenta are extrapolated back to; None for files of another geometry.
    regions : Regions
        The partition of the (z_TAX, CDA_TAX) plane.
    cluster_regions : Regions, optional
        The partition for pairs of clusters.
    """

    detector: Detector
    beam_line: Line | None
    regions: Regions
    cluster_regions: Regions | None = None

    __repr__ = short_repr


@dataclass(frozen=True)
class Loose:
    """Candidates of a selection with some of its cuts left out, for checks of these cuts.

    Attributes
    ----------
    candidates : Candidates
        N candidates.
    passes : mapping of str to ndarray of bool, shape (N,)
        For each cut that was left out, which of them pass it.
    like_sign : ndarray of bool, shape (N,)
        Whether both tracks have one charge; False for clusters.
    """

    candidates: Candidates
    passes: Mapping[str, NDArray[np.bool_]]
    like_sign: NDArray[np.bool_]

    def passing(self, *names: str) -> NDArray[np.bool_]:
        """Tell which candidates pass some of the cuts left out, shape (N,); cuts that are off are passed.

        Parameters
        ----------
        *names : str
        """
        masks = [self.passes[name] for name in names if name in self.passes]
        return np.logical_and.reduce([np.ones(len(self.candidates), dtype=np.bool_), *masks])

    def __repr__(self) -> str:
        return shortened(
            f"Loose({len(self.candidates)} candidates without the cuts {', '.join(self.passes) or 'none'})"
        )

    def take(self, where: NDArray[Any]) -> Loose:
        """Return the candidates at the given places (indices or mask).

        Parameters
        ----------
        where : ndarray
        """
        passes = {name: mask[where] for name, mask in self.passes.items()}
        return Loose(self.candidates.take(where), passes, self.like_sign[where])

    def __add__(self, other: Loose) -> Loose:
        return Loose(
            Candidates.concatenate([self.candidates, other.candidates]),
            {name: np.concatenate([mask, other.passes[name]]) for name, mask in self.passes.items()},
            np.concatenate([self.like_sign, other.like_sign]),
        )


@dataclass(frozen=True)
class Selected:
    """Result of a selection on some events; results of consecutive chunks can be added.

    Attributes
    ----------
    cutflow : Cutflow
    candidates : Candidates
    loose : Loose
    reading : Cutflow
        What was left after each step of reading them, before the selection; empty where nobody counted.
    filled : mapping of str to Filled
        What was histogrammed of them, by the names of `Distributions.axes`.
    """

    cutflow: Cutflow
    candidates: Candidates
    loose: Loose
    reading: Cutflow = field(default_factory=lambda: Cutflow(()))
    filled: Mapping[str, Filled] = field(default_factory=dict)

    __repr__ = short_repr

    def __add__(self, other: Selected) -> Selected:
        return Selected(
            self.cutflow + other.cutflow,
            Candidates.concatenate([self.candidates, other.candidates]),
            self.loose + other.loose,
            self.reading + other.reading,
            {name: own + other.filled[name] for name, own in self.filled.items()},
        )


@dataclass(frozen=True, kw_only=True)
class Selection:
    """Selection of pairs: events with exactly two good tracks, or two good clusters, and cuts on the pair.

    Attributes
    ----------
    good_track : Cut or None
        Track-level cut: events with exactly two such tracks go on, others of their tracks are ignored.
        `good_track` gives the row `two_good_tracks`.
    good_cluster : Cut or None
        The same for clusters of the calorimeter, in the place of `good_track`: photons have no track.
    cuts : tuple of Cut
        The cuts, in order.
    parameters : type
        The selection's `Parameters`.
    mass : MassHypothesis or None
        Mass hypothesis of tracks, `f(tracks, par)` in MeV/c2, where it is not that of `lepton` for both: it may read
        what a cut that is on declares, and gives NaN to a track that is nothing which is looked for.
        Of clusters it is that of the pair, `f(pairs, par)`, and tells where the photons begin (`pairs.z_vertex`).
    optional : tuple of str
        Columns of a candidate that a file need not have: `tracks.time`. What is made of them is empty then.
    any_detector : bool
        Whether the selection makes sense for files of another geometry than the analysis'. Then z_tax and cda_tax
        are empty.
    quantities : tuple of Quantity
        Functions whose values analysis.toml can histogram.
    name : str
        Name of its module, for messages.
    """

    cuts: tuple[Cut, ...]
    parameters: type[Parameters]
    good_track: Cut | None = None
    good_cluster: Cut | None = None
    mass: MassHypothesis | None = None
    optional: tuple[str, ...] = ()
    any_detector: bool = False
    quantities: tuple[Quantity, ...] = ()
    name: str = field(default="", compare=False)

    def __post_init__(self) -> None:
        if (self.good_track is None) == (self.good_cluster is None):
            raise ConfigError(
                "a selection needs either `good_track`, for pairs of tracks, or `good_cluster`, for pairs of clusters"
            )
        kind: Level = "track" if self.good_cluster is None else "cluster"
        first = f"two_{getattr(self.good, 'name', '')}s"
        cuts = check_cuts(self.good, self.cuts, self.parameters, (kind, "pair", "event"), first)
        object.__setattr__(self, "cuts", cuts)
        check_declared({}, {}, {"optional": self.optional})
        written: Any = self.quantities  # whatever was written there
        if not isinstance(written, (tuple, list)) or not all(isinstance(one, Quantity) for one in written):
            raise ConfigError(
                "`quantities` must be a tuple of functions with @bdana.track_quantity() or pair_quantity() above them"
            )
        object.__setattr__(self, "quantities", tuple(self.quantities))

    @property
    def good(self) -> Cut:
        """What makes a good track, or a good cluster."""
        return cast("Cut", self.good_track if self.good_cluster is None else self.good_cluster)

    def __repr__(self) -> str:
        cuts = ", ".join(cut.name for cut in (self.good, *self.cuts))
        return shortened(f"Selection({self.name or 'without name'}: {cuts})")

    def named(self, name: str) -> Selection:
        """Return the selection under the name of its module, which messages about its cuts tell.

        Parameters
        ----------
        name : str
        """
        cuts = tuple(replace(cut, selection=name) for cut in self.cuts)
        track, cluster = (
            good and replace(good, selection=name) for good in (self.good_track, self.good_cluster)
        )
        return replace(self, cuts=cuts, name=name, good_track=track, good_cluster=cluster)

    @property
    def quantity(self) -> dict[str, Quantity]:
        """The functions whose values can be histogrammed, by name."""
        return {one.name: one for one in self.quantities}

    def active(self, par: Parameters) -> list[Cut]:
        """Return the cuts that are switched on, in order.

        Parameters
        ----------
        par : Parameters
        """
        return [cut for cut in self.cuts if cut.active(par)]

    def require_cuts(self, names: Sequence[str], level: str | None = None, why: str = "") -> None:
        """Raise an error for a name that is not a cut of this selection, or not of a given level.

        Parameters
        ----------
        names : sequence of str
        level : {"track", "cluster", "pair", "event"}, optional
        why : str
            What names them, for the message.

        Raises
        ------
        ConfigError
            Naming the first, and the cuts there are.
        """
        known = [cut.name for cut in self.cuts if level in {None, cut.level}]
        for name in names:
            if name not in known:
                what = f"{level} cut" if level else "cut"
                near = f"; did you mean '{close[0]}'?" if (close := get_close_matches(name, known, 1)) else ""
                raise ConfigError(
                    f"{why}{': ' if why else ''}'{name}' is no {what} of the selection {self.name}: there are "
                    f"{', '.join(sorted(known))}{near}"
                )

    def needs(self, par: Parameters, functions: Collection[str] = ()) -> dict[str, str]:
        """Return every column that is read, with what needs it.

        Parameters
        ----------
        par : Parameters
        functions : collection of str
            Quantities that are histogrammed.
        """
        of_candidate = CANDIDATE_COLUMNS if self.good_cluster is None else CLUSTER_CANDIDATE_COLUMNS
        columns = {name: "every candidate" for name in of_candidate if name not in self.optional}
        for cut in [self.good, *self.active(par)]:
            columns |= {name: f"cut {cut.name}" for name in cut.needs if name not in columns}
        for one in (self.quantity[name] for name in sorted(functions)):
            columns |= {name: f"quantity {one.name}" for name in one.needs if name not in columns}
        return columns

    def apply(
        self,
        events: ak.Array,
        par: Parameters,
        setup: Setup,
        gate: Gate | None = None,
        left_out: Sequence[str] = (),
        distributions: Distributions | None = None,
    ) -> Selected:
        """Select the candidates of some events (canonical records with the columns of `needs`).

        Parameters
        ----------
        events : ak.Array
        par : Parameters
        setup : Setup
        gate : Gate, optional
            Blinding; None for simulation.
        left_out : sequence of str
            Cuts that the loose candidates need not pass.
        distributions : Distributions, optional
            What is histogrammed beside.

        Raises
        ------
        BlindingError
            When a gate is given and a candidate is closed, or a loose one; or clusters are paired, and the policy does not say
            which pairs of them are closed.
        ConfigError
            When clusters are paired, and analysis.toml has no regions for them.
        UserCodeError
            When a cut fails, or returns anything but booleans.
        """
        cutflow, pairs, masks = self._pairs(events, par, setup, left_out)
        names = [name for name in masks if name in left_out]
        loose = np.logical_and.reduce(
            [np.ones(len(pairs), bool), *(masks[n] for n in masks if n not in names)]
        )
        kept = pairs.take(loose)
        if gate is not None:
            gate.refuse_closed(kept)  # guard: selection-stops
        candidates = self._candidates(kept, setup)
        if isinstance(kept, ClusterPairs):
            like_sign = np.zeros(len(kept), dtype=np.bool_)
        else:
            like_sign = kept.plus.charge == kept.minus.charge
        found = Loose(candidates, {name: masks[name][loose] for name in names}, like_sign)
        filled = (
            distributions.fill(
                pairs, masks, self.quantity, par, lambda some: self._candidates(some, setup), gate
            )
            if distributions
            else {}
        )
        return Selected(cutflow, found.candidates.take(found.passing(*names)), found, filled=filled)

    def passing(
        self, events: ak.Array, par: Parameters, setup: Setup, gate: Gate | None = None
    ) -> NDArray[np.int64]:
        """Return the indices of the events that hold a candidate, which a skim keeps; raises as `apply`.

        Parameters
        ----------
        events, par, setup, gate
            As for `apply`.
        """
        _, pairs, masks = self._pairs(events, par, setup)
        pairs = pairs.take(np.logical_and.reduce([np.ones(len(pairs), bool), *masks.values()]))
        if gate is not None:
            gate.refuse_closed(pairs)
        return pairs.index

    def _pairs(
        self, events: ak.Array, par: Parameters, setup: Setup, left_out: Sequence[str] = ()
    ) -> tuple[Cutflow, Pairs | ClusterPairs, dict[str, NDArray[np.bool_]]]:
        weights = np.asarray(events.weight)
        cutflow = Cutflow(()).then("all", weights)
        seen = read_only_events(events)
        pairs: Pairs | ClusterPairs
        if self.good_cluster is None:
            tracks = Tracks.of_events(seen, setup.detector)
            two_tracks = tracks.take(self._two_good(tracks, len(events), par))
            mass = assumed_masses(self.mass, two_tracks, par, self.name)
            first = np.arange(0, len(two_tracks), 2)
            pairs = Pairs.by_charge(two_tracks, first, first + 1, mass, setup.beam_line)
        else:
            self.regions(setup)
            clusters = Clusters.of_events(seen, setup.detector)
            clusters = clusters.take(self._two_good(clusters, len(events), par))
            one = np.arange(0, len(clusters), 2)
            pairs = self.pair_clusters(clusters, one, one + 1, par, setup)
        pair_weights = weights[pairs.index]
        cutflow = cutflow.then(f"two_{self.good.name}s", pair_weights)
        masks = passing_masks(self.active(par), pairs, par, left_out)
        return cutflow.then_cuts(masks, pair_weights)[0], pairs, masks

    def _two_good(self, found: Tracks | Clusters, events: int, par: Parameters) -> NDArray[np.int64]:
        """Return the places of the good ones of events with exactly two of them: neighbours, in the order of the events."""
        good = self.good.passes(found, par)
        # NumPy places instead of jagged masks.
        two = np.bincount(found.index[good], minlength=events) == 2
        return np.flatnonzero(good & two[found.index])

    def pair_clusters(
        self,
        clusters: Clusters,
        one: NDArray[np.int64],
        other: NDArray[np.int64],
        par: Parameters,
        setup: Setup,
        kind: type[ClusterPairs] = ClusterPairs,
    ) -> ClusterPairs:
        """Pair clusters as candidates, with the mass hypothesis of the selection.

        Parameters
        ----------
        clusters : Clusters
        one, other : ndarray of int, shape (N,)
            Indices of the two clusters of each pair.
        par : Parameters
        setup : Setup
        kind : type of ClusterPairs
            What computes their quantities.
        """
        detector = setup.detector
        dump, middle = np.array(detector.beam_dump.point_mm), 0.5 * sum(detector.volume_mm)
        pairs = kind.by_energy(clusters, one, other, dump, setup.beam_line, middle)
        if self.mass is None:
            return pairs
        return replace(pairs, hypothesis=assumed_masses(self.mass, pairs, par, self.name))

    def _candidates(self, pairs: Pairs | ClusterPairs, setup: Setup) -> Candidates:
        if isinstance(pairs, ClusterPairs):
            return Candidates.of_cluster_pairs(pairs, self.regions(setup))
        return Candidates.of_pairs(pairs, self.regions(setup))

    def regions(self, setup: Setup) -> Regions:
        """Return the regions that candidates are counted in: those of tracks or of clusters.

        Parameters
        ----------
        setup : Setup

        Raises
        ------
        ConfigError
            When clusters are paired, and analysis.toml has no regions for them.
        """
        if self.good_cluster is None:
            return setup.regions
        if setup.cluster_regions is None:
            raise ConfigError(
                f"selection {self.name} pairs clusters: analysis.toml needs [cluster_regions.NAME], one for each of "
                f"{', '.join(box.name for box in setup.regions.boxes)} (docs/channels.md)"
            )
        return setup.cluster_regions

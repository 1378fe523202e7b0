"""Blinding of data at reading: which events hold a closed pair of tracks, or of clusters, and must not be seen.

A closed pair of tracks has opposite charges, is in time and of loose quality, and its common line leads into a closed
envelope of the (z_TAX, CDA_TAX) plane. A closed pair of clusters, where the policy has such, is in time, has no track in time
with it, and lies in a closed envelope of the plane of its mass and the distance of its centre from the beam line.
A pair with a quantity that is not finite counts as in the most secret envelope, unless another quantity excludes it.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, NoReturn, Protocol

import awkward as ak
import numpy as np

from bdana.display import short_repr
from bdana.errors import BlindingError
from bdana.masses import MASS
from bdana.reconstruction import ClusterPairs, Clusters, Line, Pairs, Tracks

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from bdana.detector import Detector
    from bdana.events.ranges import OutOfRange
    from bdana.regions import Envelopes

__all__ = ["CLUSTER_COLUMNS", "GATE_COLUMNS", "Admission", "ClosedClusters", "Gate"]

GATE_COLUMNS = (
    *(f"tracks.{name}" for name in ("charge", "p", "time", "chi2")),
    *(f"tracks.{name}_before" for name in ("x", "y", "z", "tx", "ty")),
)
"""Columns that are needed to decide whether an event is closed."""
CLUSTER_COLUMNS = tuple(f"lkr.{name}" for name in ("energy", "x", "y", "time"))
"""Columns that are needed beside them where pairs of clusters are closed too."""


class Admission(Protocol):
    """Check of whole files before their events are read: which may be read as data, mc or pseudo."""

    @property
    def sealed(self) -> bool:
        """Whether data must be sealed: a closed event in them is then an error, and stops the reading."""
        ...

    @property
    def has_manifests(self) -> bool:
        """Whether the analysis has manifests that files are to be compared with."""
        ...

    def check(self, path: Path, kind: str) -> None:
        """Raise an error for a file that must not be read as `kind`: unsealed data, or data declared as another kind.

        Parameters
        ----------
        path : Path
        kind : {"data", "mc", "pseudo"}

        Raises
        ------
        BlindingError
            Naming the file and what it is.
        """
        ...


@dataclass(frozen=True)
class ClosedClusters:
    """What makes a pair of clusters closed.

    Attributes
    ----------
    envelopes : Envelopes
        The closed boxes of mass and distance of the centre, most secret first, of the same names as those of tracks.
    max_dt : float
        A closed pair has abs(t1 - t2) below this, in ns.
    min_energy : float
        Both of its clusters have more energy than this, in MeV.
    track_dt : float
        A pair with any track nearer in time than this, in ns, is no pair of photons alone, and open.
    dump_point : tuple of float
        Where what decays is made, in mm; the policy's own.
    reference_z : float
        Where the photons begin for the mass, z in mm; the policy's own.
    """

    envelopes: Envelopes
    max_dt: float
    min_energy: float
    track_dt: float
    dump_point: tuple[float, float, float]
    reference_z: float

    __repr__ = short_repr

    @property
    def document(self) -> dict[str, Any]:
        """Its content as plain values."""
        return asdict(self)

    def loose(self, clusters: Clusters) -> NDArray[np.bool_]:
        """Tell which clusters may be of a closed pair, shape (N,): all but those of a finite energy that is too small.

        Parameters
        ----------
        clusters : Clusters
        """
        too_soft = np.isfinite(clusters.energy) & (clusters.energy <= self.min_energy)
        return ~too_soft  # guard: cluster-loose-if-unknown

    def secrecy(self, pairs: ClusterPairs) -> NDArray[np.int64]:
        """Return for each pair the index of the innermost envelope around it, the number of envelopes for an open pair.

        Parameters
        ----------
        pairs : ClusterPairs
        """
        with np.errstate(all="ignore"):  # a warning would tell of a closed event
            where, dt = self.envelopes.secrecy(pairs.mass, pairs.centre_distance), pairs.dt
        deciding = (dt, pairs.first.energy, pairs.second.energy)
        undecided = np.logical_or.reduce([~np.isfinite(value) for value in deciding])
        out_of_time = np.isfinite(dt) & (np.abs(dt) >= self.max_dt)  # guard: clusters-in-time
        closed = ~out_of_time & self.loose(pairs.first) & self.loose(pairs.second)
        found = np.where(
            closed, np.where(undecided, 0, where), len(self.envelopes.names)
        )  # guard: clusters-undecided
        hidden = np.flatnonzero(found < len(self.envelopes.names))
        found[hidden[self._with_track(pairs.take(hidden))]] = len(self.envelopes.names)
        return found

    def _with_track(self, pairs: ClusterPairs) -> NDArray[np.bool_]:
        with np.errstate(all="ignore"):
            apart = abs(pairs.event.tracks.time - pairs.time)  # not known: no track that opens it
        return ak.to_numpy(ak.any(apart < self.track_dt, axis=1))  # guard: only-a-known-track-opens


@dataclass(frozen=True)
class Gate:
    """Blinding of data: what makes a pair of tracks or clusters closed, and which files may be read.

    Attributes
    ----------
    envelopes : Envelopes
        The closed boxes, most secret first.
    max_dt : float
        A closed pair has abs(t(+) - t(-)) below this, in ns.
    max_chi2 : float
        Both of its tracks have a chi2 below this.
    min_p : float
        Both of its tracks have more momentum than this, in MeV/c.
    beam_line : Line
        The line (mm) that pairs are extrapolated back to; the policy's own, so that no setting of the analysis moves it.
    detector : Detector
        The geometry that the policy is for.
    data_runs : tuple of (int, int)
        First and last run of each range of data: files with these runs and without truth are no simulation.
    admission : Admission, optional
        Which files may be read as what. A closed event in sealed data is an error, and stops the reading; elsewhere
        closed events are dropped.
    clusters : ClosedClusters, optional
        Which pairs of clusters are closed; without it none is, and no selection of clusters may see data.
    """

    envelopes: Envelopes
    max_dt: float
    max_chi2: float
    min_p: float
    beam_line: Line
    detector: Detector
    data_runs: tuple[tuple[int, int], ...] = ()
    admission: Admission | None = None
    clusters: ClosedClusters | None = None

    __repr__ = short_repr

    @property
    def sealed(self) -> bool:
        """Whether data behind this gate must be sealed."""
        return self.admission is not None and self.admission.sealed

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the closed envelopes, which are those of their regions, most secret first."""
        return self.envelopes.names

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns that are needed to decide whether an event is closed."""
        return (*GATE_COLUMNS, *(CLUSTER_COLUMNS if self.clusters else ()))  # guard: columns-of-clusters

    def secrecy(self, events: ak.Array) -> NDArray[np.int64]:
        """Return for each event the index in `names` of its most secret closed pair; len(names) without any.

        Parameters
        ----------
        events : ak.Array, type N * record
            With the `columns`.
        """
        most_secret = np.full(len(events), len(self.names), dtype=np.int64)
        several = np.flatnonzero(ak.to_numpy(ak.num(events.tracks, axis=1)) > 1)
        with np.errstate(all="ignore"):  # a warning would tell of a closed event
            tracks = Tracks.of_events(events[["tracks"]][several], self.detector)
            tracks = tracks.take(np.flatnonzero(self._loose(tracks)))
            first, second = _all_pairs(np.bincount(tracks.index, minlength=len(several)))
            # The mass plays no part in (z_TAX, CDA_TAX).
            pairs = Pairs.by_charge(tracks, first, second, MASS[13], self.beam_line)
            np.minimum.at(most_secret, several[pairs.plus.index], self.pair_secrecy(pairs))  # guard: closed
        if self.clusters is not None:
            self._close_clusters(events, self.clusters, most_secret)  # guard: closed-clusters
        return most_secret

    def _close_clusters(self, events: ak.Array, rule: ClosedClusters, most_secret: NDArray[np.int64]) -> None:
        several = np.flatnonzero(ak.to_numpy(ak.num(events.lkr, axis=1)) > 1)
        with np.errstate(all="ignore"):
            clusters = Clusters.of_events(events[["tracks", "lkr"]][several], self.detector)
            clusters = clusters.take(np.flatnonzero(rule.loose(clusters)))
            one, other = _all_pairs(np.bincount(clusters.index, minlength=len(several)))
            pairs = ClusterPairs.by_energy(
                clusters, one, other, np.array(rule.dump_point), self.beam_line, rule.reference_z
            )
            np.minimum.at(most_secret, several[pairs.index], rule.secrecy(pairs))

    def pair_secrecy(self, pairs: Pairs | ClusterPairs) -> NDArray[np.int64]:  # guard: unknown-charge
        """Return for each pair the index in `names` of the innermost envelope around it; len(names) for an open pair.

        Parameters
        ----------
        pairs : Pairs or ClusterPairs

        Raises
        ------
        BlindingError
            For pairs of clusters, whatever they are, when the policy does not say which are closed.
        """
        if isinstance(pairs, ClusterPairs):
            return self.rule_of_clusters().secrecy(pairs)
        where = self.envelopes.secrecy(pairs.z_tax, pairs.cda_tax)
        deciding = [pairs.dt, *(value for t in (pairs.plus, pairs.minus) for value in (t.chi2, t.p))]
        unknown_charge = (np.abs(pairs.plus.charge) != 1) | (np.abs(pairs.minus.charge) != 1)
        undecided = np.logical_or.reduce([unknown_charge, *(~np.isfinite(value) for value in deciding)])
        opposite = unknown_charge | (pairs.plus.charge != pairs.minus.charge)  # guard: opposite-if-unknown
        out_of_time = np.isfinite(pairs.dt) & (np.abs(pairs.dt) >= self.max_dt)  # guard: in-time-if-unknown
        closed = opposite & ~out_of_time & self._loose(pairs.plus) & self._loose(pairs.minus)
        return np.where(closed, np.where(undecided, 0, where), len(self.names))  # guard: undecided-is-secret

    def open_events(self, events: ak.Array, out_of_range: Sequence[OutOfRange] = ()) -> ak.Array:
        """Return the events without closed pair.

        Parameters
        ----------
        events : ak.Array
        out_of_range : sequence of OutOfRange
            Values of theirs that no open event may have.

        Raises
        ------
        BlindingError
            When there is a closed one in sealed data.
        InputError
            When a value of an open one is out of range.
        """
        is_open = self.secrecy(events) == len(self.names)  # guard: every-stage-is-closed
        if self.sealed and not is_open.all():  # guard: reader-stops
            self._refuse()
        for found in out_of_range:
            found.refuse_in(is_open)
        return events[is_open]  # guard: closed-are-dropped

    def refuse_closed(self, pairs: Pairs | ClusterPairs) -> None:
        """Raise an error when a selected pair is closed by the quantities that the selection computed.

        This second check ignores the limits on quality, which must be looser than those of any selection.

        Parameters
        ----------
        pairs : Pairs or ClusterPairs

        Raises
        ------
        BlindingError
            When there is one; the message has no value of the pair.
        """
        clusters = self.clusters and replace(self.clusters, min_energy=-np.inf)  # guard: any-energy
        any_quality = replace(self, max_chi2=np.inf, min_p=-np.inf, clusters=clusters)  # guard: any-quality
        if (any_quality.pair_secrecy(pairs) < len(self.names)).any():  # guard: wall-for-every-stage
            self._refuse()

    def _loose(self, tracks: Tracks) -> NDArray[np.bool_]:
        # Only a number, and neither NaN nor an infinity, says that a track is not loose.
        bad_fit = np.isfinite(tracks.chi2) & (tracks.chi2 >= self.max_chi2)
        too_slow = np.isfinite(tracks.p) & (tracks.p <= self.min_p)
        return ~(bad_fit | too_slow)  # guard: loose-if-unknown

    def rule_of_clusters(self) -> ClosedClusters:
        """Return what makes a pair of clusters closed.

        Raises
        ------
        BlindingError
            When the policy does not say.
        """
        if self.clusters is None:  # guard: clusters-need-a-rule
            raise BlindingError(
                "refused: blinding/policy.toml has no table [clusters], so nobody has said which pairs of clusters stay closed; "
                "add it with [stages.NAME.clusters] for every stage, or read simulation with --kind mc"
            )
        return self.clusters

    def _refuse(self) -> NoReturn:
        settings = "the beam line and calibration of blinding/policy.toml, and cuts no looser than its [pair]"
        if self.sealed:
            settings = "the beam line, calibration and cuts that the data were sealed with, or seal the raw data again"
        raise BlindingError(
            f"refused: with these settings there are closed pairs in open data; use {settings}"
        )


def _all_pairs(counts: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the places of both tracks of every pair within an event; tracks of one event are neighbours."""
    places = ak.unflatten(np.arange(counts.sum()), counts)
    pairs = ak.combinations(places, 2, axis=1)
    first, second = ak.unzip(ak.flatten(pairs, axis=1))
    return ak.to_numpy(first), ak.to_numpy(second)

"""One open event of a sample, with what a picture of it shows: tracks, vertex, extrapolation to the dump, hits, cuts."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import awkward as ak
import numpy as np

from bdana.errors import BlindingError, ConfigError, InputError
from bdana.events import Dataset, EventArrays
from bdana.events.plain_events import events_of_plain
from bdana.reconstruction import Line, Pairs, Tracks, closest_approach
from bdana.search.opened import opened_events, opened_regions
from bdana.selection import TRACK_AFTER
from bdana.simulation.sample_config import Response

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from numpy.typing import NDArray

    from bdana.analysis import AnalysisFolder
    from bdana.detector import Detector
    from bdana.engine import SelectionTask

__all__ = ["EventView", "TrackView", "opened_views", "view_event"]

TOYS = 2000
"""Smeared copies of a pair, for the error of its extrapolation."""
HITS = ("lkr", "muv3", "lav", "irc", "sac")
_OPTIONAL = ("lkr.x", "lkr.y", "lkr.energy", "lkr.time", "muv3.x", "muv3.y", "muv3.time", "lav.time", "irc.time",
             "sac.time", "trigger_time", "tracks.chi2", "tracks.n_chambers")  # fmt: skip


@dataclass(frozen=True)
class TrackView:
    """A track: charge, momentum in MeV/c, time in ns, and its lines before and after the magnet as points in mm.

    Attributes
    ----------
    charge : int
    p, time : float
    before, after : ndarray, shape (2, 3)
        A point and the direction with unit z; `after` is None where the file does not hold it.
    """

    charge: int
    p: float
    time: float
    before: NDArray[np.float64]
    after: NDArray[np.float64] | None

    def at(self, z: float) -> NDArray[np.float64]:
        """Return x and y in mm at a z before the magnet.

        Parameters
        ----------
        z : float
            In mm.
        """
        point, direction = self.before
        where: NDArray[np.float64] = (point + direction * (z - point[2]))[:2]
        return where


@dataclass(frozen=True)
class EventView:
    """What a picture of an event shows; lengths in mm, times in ns.

    Attributes
    ----------
    sample, label : str
        Name of the sample, and what it is: data, simulation or pseudo-data.
    event : (int, int, int)
        Run, burst, event.
    selection : str
    detector : Detector
    beam_line : Line or None
    tracks : tuple of TrackView
        All of them; the two of the pair first.
    vertex, tax : ndarray, shape (3,), or None
        Decay vertex of the pair, and the point of its line nearest to the beam line; None without two good tracks.
    tax_covariance : ndarray, shape (3, 3), or None
        Of `tax` in x, y and z, from the assumed resolution of the tracks.
    hits : mapping of str to mapping of str to ndarray
        By detector: positions, energies (MeV) and times of its hits.
    quantities : mapping of str to str
        What is written beside the picture.
    cuts : mapping of str to bool
        Which cuts the pair passes.
    closed : tuple of str
        Regions of the sample that are closed.
    """

    sample: str
    label: str
    event: tuple[int, int, int]
    selection: str
    detector: Detector
    beam_line: Line | None
    tracks: tuple[TrackView, ...]
    vertex: NDArray[np.float64] | None
    tax: NDArray[np.float64] | None
    tax_covariance: NDArray[np.float64] | None
    hits: Mapping[str, Mapping[str, NDArray[np.float64]]]
    quantities: Mapping[str, str]
    cuts: Mapping[str, bool]
    closed: tuple[str, ...]


def view_event(
    analysis: AnalysisFolder, sample: str, event: tuple[int, int, int], selection: str | None = None
) -> EventView:
    """Return what a picture of one event shows.

    Parameters
    ----------
    analysis : AnalysisFolder
    sample : str
        Name in analysis.toml.
    event : (int, int, int)
        Run, burst and event number.
    selection : str, optional
        Module of selections/; by default that of [search].

    Raises
    ------
    BlindingError
        When a sample with closed events has no such open event, and no opening wrote it down: whether it exists is not told.
    InputError
        When a sample without closed events does not have it.
    """
    (dataset,) = analysis.sample(sample)
    name = selection or analysis.config.search.selection
    task = analysis.selection_task(dataset, name)
    wanted = {column for column in (*_OPTIONAL, *TRACK_AFTER) if dataset.has(column)}
    columns = tuple(dict.fromkeys((*task.columns, *sorted(wanted))))
    found = _find(dataset, event, columns)
    if (
        found is None
        and sample == analysis.config.search.data
        and (views := opened_views(analysis, [event], name))
    ):
        return views[0]
    if found is None:
        said = "run {}, burst {}, event {}".format(*event)
        if dataset.closed:
            raise BlindingError(
                f"refused: {sample} has no open event {said}: closed events are not shown, whether they exist or not; "
                "`bdana blinding status` shows what opens them"
            )
        raise InputError(f"{sample} has no event {said} in the bursts and triggers that are read")
    return _view(analysis, dataset, task, sample, event, found)


def opened_views(
    analysis: AnalysisFolder, events: Collection[tuple[int, int, int]] = (), selection: str | None = None
) -> list[EventView]:
    """Return the pictures of candidates that openings wrote down; those of regions that are still closed are in none.

    Parameters
    ----------
    analysis : AnalysisFolder
    events : collection of (int, int, int)
        Run, burst and event number of those that are wanted; by default all.
    selection : str, optional
        As for `view_event`.

    Raises
    ------
    BlindingError
        When the ledger is damaged, or has a row that is not signed or not allowed.
    """
    config, views = analysis.config.search, []
    if analysis.selection(selection or config.selection)[0].good_track is None:
        return []  # of clusters no pair is drawn
    shown = {region.name for region in opened_regions(analysis)}
    closed = tuple(name for name in (analysis.gate.names if analysis.gate else ()) if name not in shown)
    (data,) = analysis.sample(str(config.data))
    for plain in opened_events(analysis):
        event = (int(plain["run"]), int(plain["burst"]), int(plain["event"]))
        if events and event not in events:
            continue
        # A signed opening let it out: it goes through no gate.
        source = EventArrays(events_of_plain([plain]), name="opened events")
        dataset = Dataset((source,), "data", None, all_bursts=True)
        task = analysis.selection_task(dataset, selection or config.selection)
        columns = tuple(dict.fromkeys((*task.columns, *sorted(source.columns()))))
        found = dataset.read(dataset.batches(columns)[0], columns)
        view = _view(analysis, dataset, task, str(config.data), event, found)
        views.append(replace(view, label=data.label, closed=closed))
    return views


def _find(dataset: Dataset, event: tuple[int, int, int], columns: tuple[str, ...]) -> ak.Array | None:
    """Return the event as an array of one, read through the gate."""
    for batch in dataset.batches(columns):
        events = dataset.read(batch, columns)
        same = (
            (np.asarray(events.run) == event[0])
            & (np.asarray(events.burst) == event[1])
            & (np.asarray(events.event) == event[2])
        )
        if same.any():
            return events[same]
    return None


def _view(
    analysis: AnalysisFolder,
    dataset: Dataset,
    task: SelectionTask,
    sample: str,
    event: tuple[int, int, int],
    found: ak.Array,
) -> EventView:
    selection, par = analysis.selection(task.selection)
    if selection.good_track is None:
        raise ConfigError(
            f"selection {task.selection} pairs clusters, and an event is drawn with its pair of tracks: choose another selection"
        )
    names = tuple(cut.name for cut in selection.active(par))
    loose = selection.apply(found, par, task.setup, dataset.gate, names).loose  # refuses what is closed
    tracks = Tracks.of_events(found, task.setup.detector)
    good = np.flatnonzero(selection.good_track.passes(tracks, par))
    order = [*good.tolist(), *(i for i in range(len(tracks)) if i not in good)]
    shown = tuple(_track(tracks, i) for i in order)
    vertex = tax = covariance = None
    quantities = {"run, burst, event": "{}, {}, {}".format(*event)}
    cuts = {}
    if len(loose.candidates) == 1:
        pairs = Pairs.by_charge(tracks.take(good), np.array([0]), np.array([1]), np.nan, task.setup.beam_line)
        shown = (*sorted(shown[:2], key=lambda track: -track.charge), *shown[2:])
        vertex, tax = pairs.vertex.midpoint[0], pairs.tax.on_first[0]
        covariance = _tax_covariance(pairs) if np.isfinite(tax).all() else None
        cuts = {name: bool(mask[0]) for name, mask in loose.passes.items()}
        row = loose.candidates.rows()[0]
        units = {"m": "m", "mm": "mm", "mev": "MeV", "gev": "GeV", "ns": "ns"}
        for key, value in row.items():
            stem, _, unit = key.rpartition("_")
            if unit in units and isinstance(value, float):
                quantities[stem] = f"{value:.4g} {units[unit]}"
        quantities["region"] = str(row["region"])
        if covariance is not None:
            quantities["error of z_tax"] = f"{np.sqrt(covariance[2, 2]) / 1e3:.3g} m, assumed"
            error = np.sqrt(np.trace(covariance[:2, :2]) / 2)
            quantities["error of x, y there"] = f"{error:.3g} mm, assumed"
    for i, track in enumerate(shown):
        quantities[f"track {i + 1}"] = f"{track.charge:+d}, {track.p / 1e3:.4g} GeV, {track.time:.2f} ns"
    hits = _hits(found)
    time = float(np.mean([track.time for track in shown[:2]])) if shown else np.nan
    for name, fields in hits.items():
        if "time" in fields:
            near = np.count_nonzero(np.abs(fields["time"] - time) < NEAR_NS)
            quantities[f"{name} hits"] = f"{len(fields['time'])}, {near} within {NEAR_NS:g} ns"
    return EventView(
        sample, dataset.label, event, task.selection, task.setup.detector, task.setup.beam_line, shown, vertex, tax,
        covariance, hits, quantities, cuts, tuple(dataset.closed),
    )  # fmt: skip


NEAR_NS = 10.0
"""Hits so near to the mean time of the pair are counted as in time, assumed."""


def _track(tracks: Tracks, place: int) -> TrackView:
    def line(side: str) -> NDArray[np.float64]:
        one = getattr(tracks, side)
        direction = one.direction[place]
        return np.stack([one.point[place], direction / direction[2]])

    after = line("after") if all(tracks.has(name.removeprefix("tracks.")) for name in TRACK_AFTER) else None
    time = float(tracks.time[place]) if tracks.has("time") else np.nan
    return TrackView(int(tracks.charge[place]), float(tracks.p[place]), time, line("before"), after)


def _hits(found: ak.Array) -> dict[str, dict[str, NDArray[np.float64]]]:
    have = set(ak.fields(found))
    return {
        name: {field: np.asarray(found[name][field][0], dtype=np.float64) for field in ak.fields(found[name])}
        for name in HITS
        if name in have
    }


def _tax_covariance(pairs: Pairs) -> NDArray[np.float64] | None:
    """Return the covariance of the extrapolated point, from copies smeared by the resolution that simulation assumes."""
    detector = pairs.detector
    if detector.tracking is None or pairs.beam_line is None:
        return None
    response = Response(**_response(detector))
    z1, z2 = (detector[name].z_mm for name in detector.tracking.before)
    rng = np.random.default_rng(1)
    lines, momenta = [], []
    for track in (pairs.plus, pairs.minus):
        line = track.before
        slope = line.direction[0] / line.direction[0, 2]
        at = [line.point[0] + slope * (z - line.point[0, 2]) for z in (z1, z2)]
        first, second = (point[:2] + response.hit_mm * rng.standard_normal((TOYS, 2)) for point in at)
        slopes = np.column_stack([(second - first) / (z2 - z1), np.ones(TOYS)])
        lines.append(Line(np.column_stack([first, np.full(TOYS, z1)]), slopes))
        p = float(track.p[0])
        error = np.hypot(response.p_constant, response.p_linear_per_mev * p)
        unit = slopes / np.linalg.norm(slopes, axis=1)[:, np.newaxis]
        momenta.append(unit * (p * (1.0 + error * rng.standard_normal(TOYS)))[:, np.newaxis])
    vertex = closest_approach(*lines)
    there = closest_approach(Line(vertex.midpoint, momenta[0] + momenta[1]), pairs.beam_line).on_first
    there = there[np.isfinite(there).all(axis=1)]
    return np.asarray(np.cov(there.T)) if len(there) > 1 else None


def _response(detector: Detector) -> dict[str, Any]:
    known = ("hit_mm", "p_constant", "p_linear_per_mev")
    return {name: value for name, value in detector.simulation.get("response", {}).items() if name in known}

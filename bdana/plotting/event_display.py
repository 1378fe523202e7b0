"""An event from above and from the side: detector, tracks, decay vertex, extrapolation to the dump, hits, quantities."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.patches import Ellipse, Rectangle

from bdana.plotting.figures import figure
from bdana.plotting.off_scale import write_note

if TYPE_CHECKING:
    from pathlib import Path

    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from bdana.search.event_view import EventView, TrackView

__all__ = ["save_event"]

POSITIVE, NEGATIVE, DILEPTON, HIT = "#D55E00", "#0072B2", "#009E73", "#CC79A7"  # Okabe and Ito
CONTENT = 2.30  # chi2 of two degrees of freedom that holds 68.3%
NEAR_M = 1.5  # elements so near to each other share a label


def save_event(view: EventView, path: Path, title: str = "") -> None:
    """Draw an event in x-z and y-z, left from the dump to the spectrometer, right the spectrometer.

    Parameters
    ----------
    view : EventView
    path : Path
        The picture; replaced if it exists.
    title : str
        Written above the frames.
    """
    tracking = view.detector.tracking
    last = max(element.z_mm for element in view.detector.elements.values())
    split = min(element.z_mm for element in view.detector.elements.values()) if tracking is None else (
        view.detector[tracking.before[0]].z_mm
    )  # fmt: skip
    numbers = {
        "title": title, "quantities": dict(view.quantities), "cuts": dict(view.cuts), "vertex_mm": view.vertex,
        "tax_mm": view.tax, "tax_covariance_mm2": view.tax_covariance, "hits": {k: dict(v) for k, v in view.hits.items()},
        "tracks": [
            {"charge": t.charge, "p_mev": t.p, "time_ns": t.time, "before": t.before, "after": t.after} for t in view.tracks
        ],
    }  # fmt: skip
    with figure(path, size=(16, 9), numbers=numbers) as fig:
        grid = fig.add_gridspec(2, 3, width_ratios=(5, 5, 3))
        start = _start(view, split)
        for row, axis in enumerate("xy"):
            far = fig.add_subplot(grid[row, 0])
            near = fig.add_subplot(grid[row, 1])
            far.set_xlim(start / 1e3, split / 1e3 + 2.0)
            near.set_xlim(split / 1e3 - 3.0, last / 1e3 + 4.0)
            for axes in (far, near):
                _draw_detector(axes, view, row, labels=row == 0 and axes is near)
                _draw_tracks(axes, view, row, last)
                axes.tick_params(labelsize=12)
            _draw_pair(far, view, row)
            _draw_hits(near, view, row)
            _set_heights(far, near, view, row)
            far.set_ylabel(f"{axis} [mm]")
            if row == 1:
                for axes in (far, near):
                    axes.set_xlabel("z [m]")
            else:
                far.set_title(title, loc="left", fontsize=14)
        _write_table(fig.add_subplot(grid[:, 2]), view)
        write_note(
            fig,
            "Elements: their outer size, holes aside. Ellipse: 68% of the point nearest to the beam line, from the track "
            "resolution that the simulation assumes. Hits of detectors without positions are in the table alone.",
        )


def _start(view: EventView, split: float) -> float:
    """Return where the left pictures begin, in mm: before the dump and the point near the beam line."""
    ends = [split - 1e4]
    if view.detector.dump:
        ends.append(view.detector.dump.point_mm[2])
    if view.tax is not None and np.isfinite(view.tax).all():
        ends.append(max(float(view.tax[2]), min(ends) - 1e5))
    if view.vertex is not None and np.isfinite(view.vertex).all():
        ends.append(float(view.vertex[2]))
    return min(ends) - 0.08 * (split - min(ends))


def _draw_detector(axes: Axes, view: EventView, row: int, *, labels: bool) -> None:
    detector = view.detector
    left, right = axes.get_xlim()
    if detector.decay_volume:
        ends = detector.decay_volume.z_min_mm / 1e3, detector.decay_volume.z_max_mm / 1e3
        axes.axvspan(*ends, color="#eef5e9", linewidth=0, zorder=0)
    if detector.dump:
        z, where = detector.dump.point_mm[2] / 1e3, detector.dump.point_mm[row]
        axes.add_patch(Rectangle((z, where - 150.0), 3.2, 300.0, facecolor="0.75", edgecolor="0.4", zorder=1))
        if left < z < right and row == 0:
            axes.annotate(
                detector.dump.name, (z, where + 150.0), (0, 4), textcoords="offset points", fontsize=11
            )
    magnet = detector.magnet.z_mm / 1e3
    axes.axvspan(magnet - 0.65, magnet + 0.65, color="#f3e3d3", linewidth=0, zorder=0)
    named = [(magnet, "magnet")]
    for name, element in detector.elements.items():
        z = element.z_mm / 1e3
        axes.plot([z, z], [-element.extent_mm, element.extent_mm], color="0.6", linewidth=1.5, zorder=1)
        named.append((z, name))
    if view.beam_line is not None:
        point, direction = (
            np.asarray(view.beam_line.point).reshape(-1, 3)[0],
            np.asarray(view.beam_line.direction).reshape(-1, 3)[0],
        )
        z_ends = np.array([left, right])
        axes.plot(
            z_ends, point[row] + direction[row] / direction[2] * (1e3 * z_ends - point[2]), color="0.5",
            linestyle=":", linewidth=1.0, zorder=1,
        )  # fmt: skip
    if labels:
        _label_elements(axes, sorted(item for item in named if left < item[0] < right))


def _label_elements(axes: Axes, named: list[tuple[float, str]]) -> None:
    groups: list[tuple[float, list[str]]] = []
    for z, name in named:
        if groups and z - groups[-1][0] < NEAR_M:
            groups[-1][1].append(name)
        else:
            groups.append((z, [name]))
    for z, names in groups:
        axes.annotate(
            "\n".join(names) if len(names) < 3 else f"{names[0]} to {names[-1]}", (z, 1.0), (0, 5), xycoords=axes.get_xaxis_transform(), textcoords="offset points",
            rotation=60, ha="left", va="bottom", fontsize=10, annotation_clip=False,
        )  # fmt: skip


def _colour(track: TrackView) -> str:
    return POSITIVE if track.charge > 0 else NEGATIVE


def _draw_tracks(axes: Axes, view: EventView, row: int, last: float) -> None:
    magnet = view.detector.magnet.z_mm
    for i, track in enumerate(view.tracks):
        of_pair = view.vertex is not None and i < 2
        begin = float(view.vertex[2]) if of_pair and view.vertex is not None else float(track.before[0, 2])
        z = np.array([begin, magnet])
        width, dash = (2.0, "-") if of_pair or view.vertex is None else (1.2, "--")
        axes.plot(
            z / 1e3,
            _at(track.before, z, row),
            color=_colour(track),
            linewidth=width,
            linestyle=dash,
            zorder=4,
        )
        if track.after is not None:
            z = np.array([magnet, last])
            axes.plot(
                z / 1e3,
                _at(track.after, z, row),
                color=_colour(track),
                linewidth=width,
                linestyle=dash,
                zorder=4,
            )


def _at(line: NDArray[np.float64], z: NDArray[np.float64], row: int) -> NDArray[np.float64]:
    found: NDArray[np.float64] = line[0, row] + line[1, row] * (z - line[0, 2])
    return found


def _draw_pair(axes: Axes, view: EventView, row: int) -> None:
    if view.vertex is None:
        return
    axes.plot(view.vertex[2] / 1e3, view.vertex[row], "*", color="black", markersize=13, zorder=6)
    if view.tax is None or not np.isfinite(view.tax).all():
        return
    axes.plot(
        [view.tax[2] / 1e3, view.vertex[2] / 1e3], [view.tax[row], view.vertex[row]], color=DILEPTON, linestyle="--",
        linewidth=1.8, zorder=3,
    )  # fmt: skip
    axes.plot(view.tax[2] / 1e3, view.tax[row], "o", color=DILEPTON, markersize=5, zorder=6)
    if view.tax_covariance is not None:
        scale = np.array([1e-3, 1.0])  # z in m, the other in mm
        covariance = view.tax_covariance[np.ix_((2, row), (2, row))] * np.outer(scale, scale)
        values, vectors = np.linalg.eigh(covariance)
        width, height = 2.0 * np.sqrt(np.maximum(CONTENT * values[::-1], 0.0))
        angle = float(np.degrees(np.arctan2(vectors[1, 1], vectors[0, 1])))
        axes.add_patch(
            Ellipse(
                (view.tax[2] / 1e3, view.tax[row]), width, height, angle=angle, fill=False, edgecolor=DILEPTON,
                linewidth=1.8, zorder=5,
            )
        )  # fmt: skip


def _draw_hits(axes: Axes, view: EventView, row: int) -> None:
    names = {
        "lkr": view.detector.roles and view.detector.roles.calorimeter,
        "muv3": view.detector.roles and view.detector.roles.muon_veto,
    }
    for name, marker in (("lkr", "s"), ("muv3", "D")):
        fields, element = view.hits.get(name, {}), names[name]
        at = fields.get("xy"[row])
        if at is not None and element and len(at):
            z = np.full(len(at), view.detector[element].z_mm / 1e3)
            axes.plot(z, at, marker, color=HIT, markersize=7, mfc="none", markeredgewidth=1.8, zorder=5)


def _set_heights(far: Axes, near: Axes, view: EventView, row: int) -> None:
    """Set one frame in x and one in y for both pictures: the detector, and whatever of the pair lies beyond."""
    largest = max(element.extent_mm for element in view.detector.elements.values())
    near.set_ylim(-1.1 * largest, 1.1 * largest)
    heights = [300.0]
    points = (point for point in (view.vertex, view.tax) if point is not None and np.isfinite(point).all())
    heights += [1.3 * abs(float(point[row])) for point in points]
    right = 1e3 * far.get_xlim()[1]
    heights += [1.15 * abs(float(track.at(right)[row])) for track in view.tracks]
    height = min(max(heights), 3.0 * largest)
    far.set_ylim(-height, height)


def _write_table(axes: Axes, view: EventView) -> None:
    axes.set_axis_off()
    rows = [f"{name.replace('_', ' ')}:  {value}" for name, value in view.quantities.items()]
    failed = [name.replace("_", " ") for name, passed in view.cuts.items() if not passed]
    if view.cuts:
        rows += ["", f"selection {view.selection}:"]
        rows += [f"  fails {name}" for name in failed] or ["  passes all cuts"]
    size = min(12.0, 330.0 / max(len(rows), 1) / 1.45)
    axes.text(0.0, 0.99, "\n".join(rows), transform=axes.transAxes, va="top", fontsize=size, linespacing=1.45)
    lines = (
        ("positive track", POSITIVE, "-"),
        ("negative track", NEGATIVE, "-"),
        ("sum of momenta", DILEPTON, "--"),
    )
    for name, colour, dash in lines:
        axes.plot([], [], color=colour, linestyle=dash, label=name)
    axes.plot([], [], "*", color="black", markersize=11, label="decay vertex")
    axes.plot([], [], "s", color=HIT, mfc="none", label="hits")
    axes.legend(loc="lower left", fontsize=11, bbox_to_anchor=(0.0, -0.02))

"""Exclusion in the plane of mass and coupling, sensitivity by process, and limits in the plane of mass and lifetime."""

from __future__ import annotations

from itertools import cycle
from textwrap import fill
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from matplotlib.colors import LogNorm
from matplotlib.patches import Patch, PathPatch
from matplotlib.path import Path as Outline

from bdana.plotting.figures import figure
from bdana.plotting.off_scale import beyond_colours, beyond_frame, write_note

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D
    from numpy.typing import NDArray

    from bdana.sensitivity.contour import Island
    from bdana.sensitivity.overlays import Overlay

    Islands = Sequence[Island]
    Lines = dict[str, list[tuple[NDArray[np.float64], NDArray[np.float64]]]]
    Frame = tuple[tuple[float, float], tuple[float, float]]

__all__ = ["save_exclusion", "save_lifetime", "save_sensitivity"]

MASS = r"mass [MeV/$c^2$]"
COUPLING = r"coupling $\varepsilon$"
# Colours told apart by colour-blind readers (Okabe and Ito, jfly.uni-koeln.de/color), and in grey by their dashes.
COLOURS = ("#D55E00", "#0072B2", "#009E73", "#CC79A7", "#56B4E9", "#8C6D00")
PALER = COLOURS[2:]  # of contours of others, thinner lines
DASHES = ((6.0, 2.0), (1.0, 1.5), (6.0, 2.0, 1.0, 2.0), (3.0, 1.5), (8.0, 2.0, 1.0, 2.0, 1.0, 2.0))
BANDS = {1: "#9ccf9a", 2: "#fbe7a1"}
HATCHES = ("////", "\\\\\\\\", "....", "||||", "----")
COLLAPSED = 0.01  # of the excluded area: a narrower band is no wider than the line
MANY = 16  # entries of a legend that are written large
SHOWN = 1e6  # times the best limit: worse ones have the last colour


def save_exclusion(
    path: Path,
    observed: Mapping[str, Islands],
    expected: Sequence[Islands] = (),
    systematics: Mapping[str, tuple[Islands, Islands]] | None = None,
    overlays: Sequence[Overlay] = (),
    title: str = "",
    coupling: str = COUPLING,
    frame: Frame | None = None,
    *,
    log_mass: bool = False,
) -> None:
    """Draw the excluded masses and couplings beside what is expected and what others have excluded.

    Parameters
    ----------
    path : Path
        The picture; replaced if it exists.
    observed : mapping of str to sequence of Island
        Contours by their label, such as "observed, 90% CL".
    expected : sequence of sequence of Island
        None, the median, or five: at the -2, -1, 0, +1 and +2 sigma quantiles of the count. A band that is no wider than
        the line is said in words instead.
    systematics : mapping of str to two sequences of Island
        By label, the contour at the two ends of an uncertainty, with a hatched band between them.
    overlays : sequence of Overlay
        Published contours; their sources stand below the frame.
    title : str
        Written above the frame.
    coupling : str
        Label of the axis of the coupling.
    frame : ((float, float), (float, float)), optional
        Masses in MeV/c2 and couplings shown; by default around the contours.
    log_mass : bool
        Whether the axis of the mass is logarithmic, as that of the coupling always is.
    """
    bands = systematics or {}
    ends = [islands for pair in bands.values() for islands in pair]
    frame = frame or _around([*observed.values(), *expected, *ends], overlays)
    lines = _outlines({**observed} | _named(expected) | _pairs(bands), overlays)
    with figure(path, size=(11.5, 7.5), numbers=_line_numbers(lines, title, coupling)) as fig:
        axes = fig.add_subplot()
        _set_frame(axes, frame, coupling, log_mass=log_mass)
        legend, notes = _draw_all(axes, observed)
        _draw_expected(axes, expected, legend, notes)
        for (label, pair), hatch in zip(bands.items(), cycle(HATCHES), strict=False):
            band = PathPatch(
                _between(*pair), fill=False, edgecolor="0.35", hatch=hatch, linewidth=0.5, zorder=5
            )
            axes.add_patch(band)
            legend.append(Patch(fill=False, edgecolor="0.35", hatch=hatch, linewidth=0.5, label=label))
        _draw_overlays(axes, overlays, frame, legend, notes)
        notes.append(beyond_frame(lines, frame))
        _finish(fig, axes, legend, title, notes)


def save_sensitivity(
    path: Path,
    contours: Mapping[str, Islands],
    total: str | None = None,
    title: str = "",
    coupling: str = COUPLING,
    frame: Frame | None = None,
    *,
    log_mass: bool = False,
) -> None:
    """Draw what each production process or decay mode could exclude alone, and all of them together.

    Parameters
    ----------
    path : Path
        The picture; replaced if it exists.
    contours : mapping of str to sequence of Island
        By the name of the process or mode.
    total : str, optional
        The name of the sum among them, drawn as a thick line with its area shaded.
    title : str
        Says the protons on target, the observed events and the confidence level.
    coupling, frame, log_mass
        As for `save_exclusion`.
    """
    # The sum first: its line is black and whole.
    ordered = dict(sorted(contours.items(), key=lambda item: item[0] != total))
    with figure(path, size=(11.5, 7.5), numbers=_line_numbers(_outlines(ordered), title, coupling)) as fig:
        axes = fig.add_subplot()
        frame = frame or _around(contours.values(), ())
        _set_frame(axes, frame, coupling, log_mass=log_mass)
        if total is not None and total in contours:
            area = _between(contours[total], ())
            axes.add_patch(PathPatch(area, facecolor="0.92", linewidth=0, zorder=1))
        legend, notes = _draw_all(axes, ordered, first=0 if total in contours else 1)
        notes.append(beyond_frame(_outlines(ordered), frame))
        _finish(fig, axes, legend, title, notes)


def save_lifetime(
    path: Path,
    mass: NDArray[np.float64],
    lifetime: NDArray[np.float64],
    limit: NDArray[np.float64],
    label: str,
    title: str = "",
    *,
    log_mass: bool = False,
) -> None:
    """Draw an upper limit that needs no model of the production in the plane of mass and lifetime, with a line a decade.

    Parameters
    ----------
    path : Path
        The picture; replaced if it exists.
    mass : ndarray, shape (M,)
        Ascending, in MeV/c2.
    lifetime : ndarray, shape (T,)
        Ascending mean lifetimes in ns.
    limit : ndarray, shape (M, T)
        Upper limit, above 0; not finite where there is none.
    label : str
        What the limit is on.
    title : str
        Written above the frame.
    log_mass : bool
        Whether the axis of the mass is logarithmic.
    """
    shown = np.ma.masked_invalid(np.asarray(limit, dtype=float).T)
    numbers = {
        "mass_mev": mass,
        "lifetime_ns": lifetime,
        "limit": shown.filled(np.nan),
        "label": label,
        "title": title,
    }
    with figure(path, size=(10.5, 7.5), numbers=numbers) as fig:
        axes = fig.add_subplot()
        frame = ((float(mass[0]), float(mass[-1])), (float(lifetime[0]), float(lifetime[-1])))
        _set_frame(axes, frame, r"mean lifetime $\tau$ [ns]", log_mass=log_mass)
        notes = ["White: no limit."] if shown.mask.any() else []
        if shown.count():
            notes.append(_draw_limit(fig, axes, mass, lifetime, shown, label))
        _finish(fig, axes, [], title, notes)


def _line_numbers(lines: Lines, title: str, coupling: str) -> dict[str, Any]:
    return {"title": title, "axes": [MASS, coupling]} | {
        "lines": {name: [{"mass_mev": x, "coupling": y} for x, y in parts] for name, parts in lines.items()}
    }


def _draw_limit(
    fig: Figure,
    axes: Axes,
    mass: NDArray[np.float64],
    lifetime: NDArray[np.float64],
    limit: np.ma.MaskedArray[tuple[int, int], np.dtype[np.float64]],
    label: str,
) -> str:
    """Draw the limit, and return how many cells are beyond its colours."""
    best, largest = float(limit.min()), float(limit.max())
    worst = min(max(largest, 1.01 * best), best * SHOWN)
    norm = LogNorm(best, worst)
    extend: Literal["max", "neither"] = "max" if largest > worst else "neither"
    mesh = axes.pcolormesh(
        mass, lifetime, limit, norm=norm, cmap="cividis", shading="nearest", rasterized=True
    )
    bar = fig.colorbar(mesh, ax=axes, label=label, extend=extend)
    decades = np.arange(np.ceil(np.log10(best)), np.log10(worst))
    if len(decades) and min(limit.shape) > 1:
        axes.contour(mass, lifetime, np.ma.log10(limit), levels=decades, colors="white", linewidths=1.2)
        bar.ax.hlines(10.0**decades, 0, 1, colors="white", linewidths=1.2)
    return beyond_colours(limit, best, worst)


def _set_frame(axes: Axes, frame: Frame, ylabel: str, *, log_mass: bool) -> None:
    axes.set(xscale="log" if log_mass else "linear", yscale="log", xlim=frame[0], ylim=frame[1])
    axes.set_xlabel(MASS)
    axes.set_ylabel(ylabel)


def _around(contours: Iterable[Islands], overlays: Sequence[Overlay]) -> Frame:
    """Return masses and couplings around some contours; around those of others when there are none."""
    found = [
        (island.mass, branch) for one in contours for island in one for branch in (island.low, island.high)
    ]
    found = found or [(overlay.mass, overlay.coupling) for overlay in overlays]
    mass, coupling = (np.concatenate([pair[i] for pair in found] or [np.ones(1)]) for i in (0, 1))
    shown = coupling < 1  # what is larger only closes a contour at the top; NaN is a gap
    if not shown.any():
        return (1.0, 1e3), (1e-8, 1e-3)
    mass, coupling = mass[shown], coupling[shown]
    return (
        (0.95 * float(mass.min()), 1.05 * float(mass.max())),
        (float(coupling.min()) / 3, float(coupling.max()) * 3),
    )


def _draw_all(axes: Axes, contours: Mapping[str, Islands], first: int = 0) -> tuple[list[Artist], list[str]]:
    """Draw contours in styles of their own; return them for the legend, and in words those that exclude nothing."""
    legend: list[Artist] = []
    for number, (label, islands) in enumerate(contours.items(), first):
        if islands and number:
            colour, dashes = COLOURS[(number - 1) % len(COLOURS)], DASHES[(number - 1) % len(DASHES)]
            legend.append(_draw(axes, islands, label, colour, dashes))
        elif islands:
            legend.append(_draw(axes, islands, label, "black", (), 2.8))
    nothing = [label for label, islands in contours.items() if not islands]
    return legend, [f"Nothing excluded: {', '.join(nothing)}."] if nothing else []


def _draw(
    axes: Axes, islands: Islands, label: str, colour: str, dashes: tuple[float, ...], width: float = 2.0
) -> Line2D:
    """Draw the borders of some islands as one line, and return it."""
    gap = np.array([np.nan])
    parts = [island.outline() for island in islands]
    mass, coupling = (np.concatenate([values for part in parts for values in (part[i], gap)]) for i in (0, 1))
    (line,) = axes.plot(mass, coupling, label=label, color=colour, linewidth=width, zorder=6)
    if dashes:
        line.set_dashes(dashes)
    return line


def _draw_expected(axes: Axes, expected: Sequence[Islands], legend: list[Artist], notes: list[str]) -> None:
    """Draw the median and the bands of the expected contour, or say in words that they are no wider than the line."""
    if not any(expected):
        notes += ["Nothing is expected to be excluded."] if expected else []
        return
    middle = len(expected) // 2
    median = expected[middle]
    if median:
        legend.append(_draw(axes, median, "expected, median", "#0072B2", (4, 2)))
    collapsed = []
    for sigma in range(1, middle + 1):
        ends = expected[middle - sigma], expected[middle + sigma]
        if max(abs(_area(end) - _area(median)) for end in ends) <= COLLAPSED * _area(median):
            collapsed.append(f"±{sigma}σ")
            continue
        band = PathPatch(_between(*ends), facecolor=BANDS[sigma], linewidth=0, zorder=1 + (sigma == 1))
        axes.add_patch(band)
        legend.append(Patch(facecolor=BANDS[sigma], label=f"expected, ±{sigma}σ"))
    if collapsed:
        notes.append(f"Expected, {' and '.join(collapsed)}: no wider than the line of the median.")


def _draw_overlays(
    axes: Axes, overlays: Sequence[Overlay], frame: Frame, legend: list[Artist], notes: list[str]
) -> None:
    """Draw published contours with their confidence level in the legend and their source below the frame."""
    inside, outside = list[str](), list[str]()
    for overlay in overlays:
        ends = zip((overlay.mass, overlay.coupling), frame, strict=True)
        if not all(np.nanmin(values) < high and np.nanmax(values) > low for values, (low, high) in ends):
            outside.append(overlay.name)
            continue
        number = len(inside)
        colour, dashes = PALER[number % len(PALER)], DASHES[number % len(DASHES)]
        level = "CL not stated" if overlay.level is None else f"{100 * overlay.level:g}% CL"
        (line,) = axes.plot(overlay.mass, overlay.coupling, color=colour, linewidth=1.5, zorder=3)
        line.set_dashes(dashes)
        line.set_label(f"{overlay.name} ({level})")
        legend.append(line)
        inside.append(f"{overlay.name}, {overlay.source}")
    notes += [f"Contours of others: {'; '.join(inside)}."] if inside else []
    notes += [f"Outside the frame: {', '.join(outside)}."] if outside else []


def _named(expected: Sequence[Islands]) -> dict[str, Islands]:
    """Return the islands of all expected contours under one name."""
    return {"expected": [island for one in expected for island in one]} if expected else {}


def _pairs(bands: Mapping[str, tuple[Islands, Islands]]) -> dict[str, Islands]:
    return {label: [*one, *other] for label, (one, other) in bands.items()}


def _outlines(contours: Mapping[str, Islands], overlays: Sequence[Overlay] = ()) -> Lines:
    """Return the points of contours and overlays by their names; those above coupling 1 only close a contour."""
    lines: Lines = {
        name: [
            (island.mass, branch)
            for island in islands
            for branch in (island.low, np.minimum(island.high, 1.0))
        ]
        for name, islands in contours.items()
    }
    return lines | {overlay.name: [(overlay.mass, overlay.coupling)] for overlay in overlays}


def _area(islands: Islands) -> float:
    """Return the excluded area in mass and log coupling."""
    return float(sum(np.trapezoid(np.log(island.high / island.low), island.mass) for island in islands))


def _between(one: Islands, other: Islands) -> Outline:
    """Return the path around what lies in one of two contours but not in both: the second runs the other way round."""
    vertices, codes = [np.empty((0, 2))], [np.empty(0, dtype=np.uint8)]
    for islands, step in ((one, 1), (other, -1)):
        for island in islands:
            mass = np.concatenate([island.mass, island.mass[::-1]])
            ring = np.stack([mass, np.concatenate([island.low, island.high[::-1]])], axis=1)[::step]
            vertices += [ring, ring[:1]]
            codes.append(np.full(len(ring) + 1, Outline.LINETO, dtype=np.uint8))
            codes[-1][[0, -1]] = Outline.MOVETO, Outline.CLOSEPOLY
    return Outline(np.concatenate(vertices), np.concatenate(codes))


def _finish(fig: Figure, axes: Axes, legend: Sequence[Artist], title: str, notes: Sequence[str]) -> None:
    """Write the title above, the legend beside and the notes below the frame."""
    lines = max(1, -(-len(title) // 80))
    axes.set_title(fill(title, len(title) // lines + 8), loc="left")
    if legend:
        axes.legend(
            list(legend),
            [fill(str(entry.get_label()), 34) for entry in legend],
            loc="upper left",
            bbox_to_anchor=(1.01, 1.0),
            borderaxespad=0.0,
            handlelength=2.6,
            fontsize=13 if len(legend) <= MANY else 10,
        )
    if any(notes):
        write_note(fig, " ".join(filter(None, notes)))

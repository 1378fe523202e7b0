"""The excluded masses and couplings of `bdana sensitivity`: the scan, its files and the printed table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bdana.cli.console import note, print_json, print_tables, progress_bar, table

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from rich.table import Table

    from bdana.cli.sensitivity_options import Show
    from bdana.engine import Executor
    from bdana.sensitivity.exclusion import Exclusion
    from bdana.sensitivity.overlays import Overlay
    from bdana.sensitivity.scan import Scan

__all__ = ["Counting", "Figure", "exclusion_lines", "find_exclusion", "note_cautions"]


@dataclass(frozen=True)
class Counting:
    """What is counted, in each channel.

    Attributes
    ----------
    protons : float
        On target.
    observed : int or None
        Events; None: only the expected exclusion.
    background, background_error : float
        Expected events and their error.
    levels : tuple of float
        Confidence levels.
    """

    protons: float
    observed: int | None
    background: float
    background_error: float
    levels: tuple[float, ...]


@dataclass(frozen=True)
class Figure:
    """The figure that is asked for.

    Attributes
    ----------
    path : Path or None
        Where it is written; None: nowhere.
    show : str
        What it shows.
    overlays : sequence of Path
        Files of published contours to draw.
    """

    path: Path | None
    show: Show
    overlays: Sequence[Path]


def find_exclusion(
    scans: Sequence[Scan],
    counting: Counting,
    drawn: Figure,
    grid: Path | None,
    executor: Executor,
    *,
    as_json: bool,
) -> None:
    """Scan all masses, and write and print the excluded couplings.

    Parameters
    ----------
    scans : sequence of Scan
        One for each channel.
    counting : Counting
    drawn : Figure
    grid : Path or None
        Where the branches of the contours are written; one file for each confidence level.
    executor : Executor
        Where yields are computed.
    as_json : bool
        Print one JSON document in place of tables.
    """
    from bdana.sensitivity.contour import write_grid
    from bdana.sensitivity.overlays import compare_levels, read_overlay
    from bdana.statistics.poisson import check_level

    # What is wrong is said before the long work.
    overlays = [read_overlay(path) for path in drawn.overlays]
    _check_outputs(grid, drawn.path)
    for level in counting.levels:
        check_level(level)
    masses = sorted({mass for scan in scans for mass in _compute(scan, executor)})
    note_cautions(scans[0], masses)
    # Eight more contours, which neither the grid nor the table shows.
    systematics = as_json or drawn.path is not None
    found = [_excluded(scans, counting, level, systematics=systematics) for level in counting.levels]
    if grid is not None:
        for exclusion in found:
            path = grid if len(found) == 1 else grid.with_stem(f"{grid.stem}_cl{100 * exclusion.level:g}")
            write_grid(path, exclusion.shown, exclusion.coupling.name)
            note(f"contour in {path}")
    levels = [("this search", exclusion.level) for exclusion in found[:1]]
    warning = compare_levels([*levels, *((overlay.name, overlay.level) for overlay in overlays)])
    if warning:
        note(f"warning: {warning}")
    if drawn.path is not None:
        _draw(drawn.path, drawn.show, scans, masses, counting, found, overlays, executor)
        note(f"figure in {drawn.path}")
    if as_json:
        print_json({"channel": _named(scans), "exclusion": [exclusion.to_dict() for exclusion in found]})
    else:
        print_tables(*(line for exclusion in found for line in exclusion_lines(exclusion)))


def _check_outputs(grid: Path | None, plot: Path | None) -> None:
    from bdana.atomic import check_output

    if plot is not None:
        from bdana.plotting.figures import check_format

        check_format(plot)
    for path in filter(None, (grid, plot)):
        check_output(path)


def _compute(scan: Scan, executor: Executor) -> list[float]:
    masses = scan.analysis.signal.masses(scan.mode)
    with progress_bar(f"signal yields, {scan.mode}") as progress:
        scan.compute(masses, executor, progress)
    return masses


def note_cautions(scan: Scan, masses: Sequence[float]) -> None:
    """Say on stderr what people must know of the numbers of a signal model.

    Parameters
    ----------
    scan : Scan
    masses : sequence of float
        In MeV/c2.
    """
    for text in scan.analysis.signal.cautions(masses):
        note(f"warning: {text}")


def _named(scans: Sequence[Scan]) -> str:
    return " + ".join(scan.mode for scan in scans)


def _excluded(
    scans: Sequence[Scan],
    counting: Counting,
    level: float,
    *,
    production: str | None = None,
    systematics: bool = False,
) -> Exclusion:
    from bdana.sensitivity.exclusion import ChannelCount, exclude
    from bdana.statistics.poisson import Background

    background = Background(counting.background, counting.background_error)
    counts = [ChannelCount(scan, counting.protons, background, counting.observed) for scan in scans]
    return exclude(counts, level=level, production=production, systematics=systematics)


def _draw(
    path: Path,
    show: Show,
    scans: Sequence[Scan],
    masses: Sequence[float],
    counting: Counting,
    found: list[Exclusion],
    overlays: Sequence[Overlay],
    executor: Executor,
) -> None:
    from bdana.report.signal_figures import draw_exclusion, draw_lifetime, draw_parts
    from bdana.sensitivity.scan import Scan

    level = counting.levels[0]
    number = "no observation" if counting.observed is None else f"{counting.observed} observed"
    title = f"{_named(scans)}, {counting.protons:.3g} protons on target, {number}, {100 * level:g}% CL"
    if show == "exclusion":
        draw_exclusion(path, found, overlays, title)
    elif show == "lifetime":
        draw_lifetime(path, scans[0], masses, counting.protons, found[0].limit, title)
    elif show == "production":
        names = dict.fromkeys(
            name for scan in scans for mass in masses if scan.is_open(mass) for name in scan(mass).production
        )
        parts = {name: _excluded(scans, counting, level, production=name) for name in names}
        draw_parts(path, parts | {"all": found[0]}, "all", title)
    else:
        analysis, folder = scans[0].analysis, scans[0].folder
        others = (
            scans if len(scans) > 1 else [Scan(analysis, mode, folder) for mode in analysis.signal.channels]
        )
        for other in others:
            _compute(other, executor)
        parts = {other.mode: _excluded([other], counting, level) for other in others}
        total = "all" if len(scans) > 1 else ""
        draw_parts(path, parts | ({total: found[0]} if total else {}), total, title)


def exclusion_lines(exclusion: Exclusion, label: str = "data") -> list[Table | str]:
    """Lay out an exclusion as a table of its islands, with the limit on the number of events behind it."""
    from bdana.report.tables import in_label

    shown = table("excluded", "masses [MeV]", "couplings", numbers=False)
    for name, islands in (
        ("expected", exclusion.expected[len(exclusion.expected) // 2]),
        ("observed", exclusion.observed),
    ):
        if name == "observed" and exclusion.observed_limit is None:
            continue
        word = in_label(name, label) if name == "observed" else name
        for island in islands:
            ends = f"open at {', '.join(island.open_at)}" if island.open_at else "closed"
            shown.add_row(
                f"{word}, {ends}",
                f"{island.mass[0]:.4g} to {island.mass[-1]:.4g}",
                f"{island.low.min():.3g} to {island.high.max():.3g}",
            )
        if not islands:
            shown.add_row(word, "nothing", "")
    limit = f"{exclusion.limit:.4g} signal events at {100 * exclusion.level:g}% CL"
    return [shown, f"limit: {limit}, {exclusion.protons:.4g} protons on target; {exclusion.convention}"]

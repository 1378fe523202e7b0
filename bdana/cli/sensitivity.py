"""`bdana sensitivity`: expected signal events, and the excluded masses and couplings."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from bdana.cli.app import app
from bdana.cli.console import note, print_json, print_tables, progress_bar, table
from bdana.cli.options import ExecutorName, Json, Overrides, Scheduler, TwoWorkers, executor_from
from bdana.errors import ConfigError, InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.table import Table

    from bdana.analysis import AnalysisFolder
    from bdana.engine import Executor
    from bdana.sensitivity.exclusion import Exclusion
    from bdana.sensitivity.overlays import Overlay
    from bdana.sensitivity.scan import Scan

__all__ = ["exclusion_lines", "sensitivity"]

Show = Literal["exclusion", "production", "channel", "lifetime"]

POINT_DECAYS = ("signal.decays=400000", "signal.events=40000")
"""More decays than for a scan of many masses, for the points that are asked for."""
MODEL = "Signal model"
SCAN = "Exclusion"


@app.command()
def sensitivity(
    channel: Annotated[
        list[str] | None,
        typer.Option(
            metavar="mumu|ee|...",
            help="Decay mode that is searched for; several are combined.",
            show_default="mumu",
        ),
    ] = None,
    mass: Annotated[
        list[float] | None,
        typer.Option(metavar="MEV", help="Mass of a point; several, with --coupling.", show_default=False),
    ] = None,
    coupling: Annotated[
        list[float] | None,
        typer.Option(
            "--coupling",
            "--epsilon",
            metavar="C",
            help="Coupling of a point, such as epsilon; several make all combinations.",
            show_default=False,
        ),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Signal model, by default that of analysis.toml; --couplings lists them.",
            show_default=False,
        ),
    ] = None,
    couplings: Annotated[
        bool,
        typer.Option(
            "--couplings", help="List the signal models with their couplings, decay modes and production."
        ),
    ] = False,
    pot: Annotated[
        float | None,
        typer.Option(
            metavar="N", help="Protons on target; by default those of analysis.toml.", show_default=False
        ),
    ] = None,
    fv: Annotated[
        str | None,
        typer.Option(metavar="Z1,Z2", help="Ends of the decay volume in m.", show_default=False),
    ] = None,
    min_energy: Annotated[
        float | None,
        typer.Option(
            metavar="GEV", help="Smallest energy of an accepted track or photon.", show_default=False
        ),
    ] = None,
    z_range: Annotated[
        str | None,
        typer.Option(
            metavar="Z1,Z2",
            help="Momentum fractions of bremsstrahlung.",
            show_default=False,
            rich_help_panel=MODEL,
        ),
    ] = None,
    pt_max: Annotated[
        str | None,
        typer.Option(
            metavar="GEV|none",
            help="Largest pT of bremsstrahlung.",
            show_default=False,
            rich_help_panel=MODEL,
        ),
    ] = None,
    theta_max: Annotated[
        str | None,
        typer.Option(
            metavar="RAD|none",
            help="Largest angle of the particle to the beam.",
            show_default=False,
            rich_help_panel=MODEL,
        ),
    ] = None,
    no_form_factor: Annotated[
        bool,
        typer.Option(
            "--no-form-factor", help="Bremsstrahlung of a proton without form factor.", rich_help_panel=MODEL
        ),
    ] = False,
    no_transition_form_factor: Annotated[
        bool,
        typer.Option(
            "--no-transition-form-factor", help="Meson decays without form factors.", rich_help_panel=MODEL
        ),
    ] = False,
    pythia_setting: Annotated[
        str | None,
        typer.Option(
            metavar="SETTING",
            help="Meson spectra, such as SoftQCD:all.",
            show_default=False,
            rich_help_panel=MODEL,
        ),
    ] = None,
    widths: Annotated[
        list[str] | None,
        typer.Option(
            metavar="[MODE=]FILE",
            help="Your own partial widths: one table, or one for each decay mode.",
            show_default=False,
            rich_help_panel=MODEL,
        ),
    ] = None,
    observed: Annotated[
        int | None,
        typer.Option(
            min=0,
            metavar="N",
            help="Observed events, of each channel; without it only the expected exclusion.",
            show_default=False,
            rich_help_panel=SCAN,
        ),
    ] = None,
    background: Annotated[
        float,
        typer.Option(
            min=0.0, metavar="B", help="Expected background, of each channel.", rich_help_panel=SCAN
        ),
    ] = 0.0,
    background_error: Annotated[
        float, typer.Option(min=0.0, metavar="DB", help="Its error.", rich_help_panel=SCAN)
    ] = 0.0,
    cl: Annotated[
        list[float] | None,
        typer.Option(
            metavar="CL", help="Confidence level; several.", show_default="0.9", rich_help_panel=SCAN
        ),
    ] = None,
    grid: Annotated[
        Path | None,
        typer.Option(
            metavar="OUT.csv",
            help="Write the two branches, such as mass_mev,epsilon_low,epsilon_high; one file a level.",
            show_default=False,
            rich_help_panel=SCAN,
        ),
    ] = None,
    plot: Annotated[
        Path | None,
        typer.Option(metavar="OUT.png", help="Draw the exclusion.", show_default=False, rich_help_panel=SCAN),
    ] = None,
    show: Annotated[
        Show,
        typer.Option(
            help="What the figure shows: the exclusion, each production process or channel, or limits on lifetimes.",
            rich_help_panel=SCAN,
        ),
    ] = "exclusion",
    overlay: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FILE",
            help="A published contour to draw: two columns, or darkcast .lmt; several.",
            show_default=False,
            rich_help_panel=SCAN,
        ),
    ] = None,
    use_cache: Annotated[
        bool, typer.Option("--cache/--no-cache", help="Keep yields between runs.", rich_help_panel=SCAN)
    ] = True,
    overrides: Overrides = None,
    workers: TwoWorkers = None,
    executor: ExecutorName = None,
    scheduler: Scheduler = None,
    as_json: Json = False,
) -> None:
    """Give expected signal events at points (--mass, --coupling), or the excluded region of all masses."""
    from bdana.events.exposure import check_protons
    from bdana.sensitivity.scan import Scan, cache_folder

    if couplings:
        _list_models()
        return
    analysis = _load(
        model,
        [
            *(POINT_DECAYS if mass else ()),
            *(overrides or ()),
            *_overrides(
                {
                    "signal.decay_volume_m": fv and _pair("--fv", fv),
                    "signal.min_energy_gev": min_energy,
                    "signal.min_photon_energy_gev": min_energy,
                    "signal.parameters.z_range": z_range and _pair("--z-range", z_range),
                    "signal.parameters.pt_max_gev": pt_max and _number("--pt-max", pt_max),
                    "signal.parameters.theta_max_rad": theta_max and _number("--theta-max", theta_max),
                    "signal.parameters.form_factor": "none" if no_form_factor else None,
                    "signal.parameters.transition_form_factor": False if no_transition_form_factor else None,
                    "signal.parameters.pythia_setting": pythia_setting,
                    **_widths(widths or []),
                }
            ),
        ],
    )
    protons = analysis.signal.pot if pot is None else pot
    check_protons(protons, "--pot", analysis.config.exposure.unusual)
    folder = cache_folder() if use_cache else None
    scans = [Scan(analysis, mode, folder) for mode in dict.fromkeys(channel or ["mumu"])]
    chosen = executor_from(analysis, workers, executor, scheduler, usual=2, start=False)
    if not (mass or coupling):
        counting = _Counting(protons, observed, background, background_error, tuple(cl or [0.9]))
        _exclusion(scans, counting, _Figure(plot, show, overlay or []), grid, chosen, as_json=as_json)
    elif mass and coupling:
        if grid or plot or overlay or observed is not None or background or cl:
            raise InputError(
                "--mass and --coupling ask for points: --grid, --plot, --overlay, --observed, --background and --cl are of "
                "the exclusion, without them"
            )
        _points(scans, mass, coupling, protons, as_json=as_json)
    else:
        raise InputError("points need both --mass and --coupling; without them all masses are scanned")


def _list_models() -> None:
    """Print the signal models, with what can be searched for and varied."""
    from bdana.signal.models import couplings_of, find_parameters, make_particle, model_names

    shown = table("model", "coupling", "masses [MeV]", "decay modes", "production", numbers=False)
    for name in model_names():
        default = find_parameters(name)()
        low, high = make_particle(name, 300.0, {}).mass_range
        modes = ", ".join(make_particle(name, 300.0, {}).modes)
        made = ", ".join(getattr(default, "production", ()))
        couplings = "\n".join(
            f"{coupling.name} (coupling = {value})" if value else coupling.name
            for value, coupling in couplings_of(name).items()
        )
        shown.add_row(name, couplings, f"{low:.4g} to {high:.4g}", modes, made)
    print_tables(shown)


def _load(model: str | None, overrides: list[str]) -> AnalysisFolder:
    """Load the analysis, as `console.load_analysis` does, but without the search: that takes longer than a contour."""
    from bdana.analysis import AnalysisFolder, find_analysis, template_folder

    folder = find_analysis()
    if folder is None:
        note(f"no analysis.toml here or above: using the default analysis in {template_folder()}")
    folder = folder or template_folder()
    if model is not None and model != AnalysisFolder.read(folder).signal.model:
        from bdana.signal.models import scan_of

        # What the analysis says of these is of its own model.
        start = _overrides({"signal.model": model, "signal.parameters": {}})
        scan = scan_of(model, AnalysisFolder.read(folder, [*start, *overrides]).signal.parameters)
        own = {
            "signal.model": model,
            "signal.parameters": {},
            "signal.masses_mev": scan.masses,
            "signal.couplings": scan.couplings,
            "signal.point": scan.point,
        }
        overrides = [*_overrides(own), *overrides]
    return AnalysisFolder.read(folder, overrides)


@dataclass(frozen=True)
class _Counting:
    protons: float
    observed: int | None
    background: float
    background_error: float
    levels: tuple[float, ...]


@dataclass(frozen=True)
class _Figure:
    path: Path | None
    show: Show
    overlays: Sequence[Path]


def _exclusion(
    scans: Sequence[Scan],
    counting: _Counting,
    drawn: _Figure,
    grid: Path | None,
    executor: Executor,
    *,
    as_json: bool,
) -> None:
    from bdana.sensitivity.contour import write_grid
    from bdana.sensitivity.overlays import compare_levels, read_overlay
    from bdana.statistics.poisson import check_level

    # What is wrong is said before the long work.
    overlays = [read_overlay(path) for path in drawn.overlays]
    _check_outputs(grid, drawn.path)
    for level in counting.levels:
        check_level(level)
    masses = sorted({mass for scan in scans for mass in _compute(scan, executor)})
    _caution(scans[0], masses)
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
    if plot is not None:
        from bdana.plotting.figures import FORMATS

        if plot.suffix not in FORMATS:
            raise InputError(f"{plot}: end the name of a picture in {', '.join(FORMATS)}")
    for path in (grid, plot):
        if path is not None and not path.parent.is_dir():
            raise InputError(f"{path}: there is no folder {path.parent}")


def _compute(scan: Scan, executor: Executor) -> list[float]:
    masses = scan.analysis.signal.masses(scan.mode)
    with progress_bar(f"signal yields, {scan.mode}") as progress:
        scan.compute(masses, executor, progress)
    return masses


def _caution(scan: Scan, masses: Sequence[float]) -> None:
    for text in scan.analysis.signal.cautions(masses):
        note(f"warning: {text}")


def _named(scans: Sequence[Scan]) -> str:
    return " + ".join(scan.mode for scan in scans)


def _excluded(
    scans: Sequence[Scan],
    counting: _Counting,
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
    counting: _Counting,
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


def _points(
    scans: Sequence[Scan],
    masses: Sequence[float],
    couplings: Sequence[float],
    protons: float,
    *,
    as_json: bool,
) -> None:
    from bdana.sensitivity.points import check_coupling, signal_point

    name = scans[0].analysis.signal.coupling.name
    for coupling in couplings:
        check_coupling(coupling, name)
    _caution(scans[0], masses)
    points = {
        scan.mode: [
            signal_point(scan(mass), coupling, protons, name) for mass in masses for coupling in couplings
        ]
        for scan in scans
    }
    if as_json:
        documents = [{"channel": mode, "pot": protons, "points": of_mode} for mode, of_mode in points.items()]
        print_json(documents[0] if len(documents) == 1 else {"channels": documents})
        return
    several = ["channel"] * (len(points) > 1)
    shown = table(*several, "mass [MeV]", name, "production", "decays in the volume", "accepted", "selected")
    for mode, of_mode in points.items():
        for point in of_mode:
            for process, part in point["production"].items():
                numbers = (part["n_decays_fv"], part["n_accepted"], part["n_selected"])
                shown.add_row(
                    *([mode] * len(several)),
                    f"{point['mass_mev']:g}",
                    f"{point[name]:g}",
                    process,
                    *(f"{number:.4g}" for number in numbers),
                )
    print_tables(shown)


def _overrides(given: dict[str, Any]) -> list[str]:
    return [f"{key}={json.dumps(value)}" for key, value in given.items() if value is not None]


def _widths(given: list[str]) -> dict[str, str]:
    """Return the settings of --widths: FILE, or MODE=FILE with the units behind FILE if its header does not say them."""
    name = "signal.parameters.widths"
    found = {}
    for text in given:
        mode, equals, place = text.partition("=")
        if not (equals and re.fullmatch(r"[\w-]+", mode)) or Path(text).exists():
            mode, place = "", text
        path, *units = place.rsplit(":", 2)
        if len(units) != 2 or Path(place).exists():
            path, units = place, []
        key = f"{name}.{mode}" if mode else name
        if key in found:
            raise ConfigError(
                f"--widths {text}: given twice; give one FILE, or MODE=FILE once for each decay mode"
            )
        found[key] = ":".join([str(Path(path).resolve()), *units])
    if name in found and len(found) > 1:
        raise ConfigError(
            f"--widths: {' '.join(given)}: give one FILE, or MODE=FILE for each decay mode, not both"
        )
    return found


def _numbers(option: str, text: str) -> list[float]:
    try:
        return [float(part) for part in text.split(",")]
    except ValueError:
        raise ConfigError(f"{option} {text}: not a number") from None


def _pair(option: str, text: str) -> list[float]:
    pair = _numbers(option, text)
    if len(pair) != 2:
        raise ConfigError(f"{option} {text}: give two numbers with a comma between, such as 102,182")
    return pair


def _number(option: str, text: str) -> float | str:
    if text == "none":
        return text
    (number, *more) = _numbers(option, text)
    if more:
        raise ConfigError(f"{option} {text}: give one number, or none")
    return number

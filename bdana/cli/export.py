"""`bdana export`: results for other people and programs."""

from __future__ import annotations

import shlex
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bdana.cli.app import app
from bdana.cli.console import load_analysis, note, print_json, print_tables, progress_bar, require_analysis
from bdana.cli.options import ExecutorName, Json, Overrides, Scheduler, TwoWorkers, executor_from
from bdana.cli.sensitivity_options import Protons
from bdana.errors import InputError

if TYPE_CHECKING:
    from bdana.analysis import AnalysisFolder
    from bdana.sensitivity.bundle_tables import SearchCounts
    from bdana.statistics.regions_csv import CountedRegion

__all__ = ["reinterpretation", "results"]

group = typer.Typer(help="Results for other people and programs.", no_args_is_help=True)
app.add_typer(group, name="export")

COUNTS = "Counts"
BINS = "Bins"


@group.command()
def results(
    overrides: Overrides = None,
    workers: TwoWorkers = None,
    executor: ExecutorName = None,
    scheduler: Scheduler = None,
    as_json: Json = False,
) -> None:
    r"""Write the last run as HEPData, LaTeX, ROOT and UHI JSON into output/export/, as \[export] of analysis.toml says."""
    from bdana.report.export_files import write_results

    analysis = require_analysis(overrides)
    chosen = executor_from(analysis, workers, executor, scheduler, usual=2)
    with progress_bar("tables for reinterpretation") as progress:
        folder = write_results(analysis, chosen, progress)
    files = [str(path.relative_to(folder)) for path in sorted(folder.rglob("*")) if path.is_file()]
    if as_json:
        print_json({"folder": str(folder), "files": files})
    else:
        print_tables(*(f"  {name}" for name in files), f"{len(files)} files in {folder}")


OutputFolder = Annotated[
    Path, typer.Argument(metavar="OUT_DIR", help="Folder to make, with HEPData tables and example.py.")
]
Channel = Annotated[
    str | None,
    typer.Option(
        metavar="mumu|ee|...",
        help="Decay mode that is searched for.",
        show_default="the first that is open",
    ),
]
Masses = Annotated[
    list[float] | None,
    typer.Option(
        metavar="MEV",
        help="A mass of the tables; several. By default twelve of the scan of analysis.toml.",
        show_default=False,
    ),
]
Observed = Annotated[
    int | None,
    typer.Option(
        min=0,
        metavar="N",
        help="Observed events; without it the exclusion is the median expected one.",
        show_default=False,
        rich_help_panel=COUNTS,
    ),
]
ExpectedBackground = Annotated[
    float | None,
    typer.Option(min=0.0, metavar="B", help="Expected background.", show_default="0", rich_help_panel=COUNTS),
]
BackgroundError = Annotated[
    float | None,
    typer.Option(min=0.0, metavar="DB", help="Its error.", show_default="0", rich_help_panel=COUNTS),
]
RegionCounts = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="Counts of all regions, in place of the three options above: CSV with name, expected, error, observed "
        "(empty where closed), or a run's table.json.",
        show_default=False,
        rich_help_panel=COUNTS,
    ),
]
Covariance = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE.csv",
        help="Covariance of the backgrounds of these regions.",
        show_default=False,
        rich_help_panel=COUNTS,
    ),
]
Level = Annotated[float, typer.Option(metavar="CL", help="Confidence level.", rich_help_panel=COUNTS)]
Decays = Annotated[
    int, typer.Option(min=1, metavar="N", help="Decays drawn in each bin.", rich_help_panel=BINS)
]
Energies = Annotated[
    tuple[float, float] | None,
    typer.Option(
        metavar="GEV GEV",
        help="Ends of the bins of energy.",
        show_default="15 405; of two photons 2.2 405",
        rich_help_panel=BINS,
    ),
]
MaxAngle = Annotated[
    float, typer.Option(metavar="MRAD", help="End of the bins of angle.", rich_help_panel=BINS)
]


@group.command()
def reinterpretation(
    folder: OutputFolder,
    channel: Channel = None,
    mass: Masses = None,
    pot: Protons = None,
    observed: Observed = None,
    background: ExpectedBackground = None,
    background_error: BackgroundError = None,
    regions: RegionCounts = None,
    covariance: Covariance = None,
    cl: Level = 0.9,
    decays: Decays = 100,
    energies: Energies = None,
    max_angle: MaxAngle = 6.5,
    overrides: Overrides = None,
    workers: TwoWorkers = None,
    executor: ExecutorName = None,
    scheduler: Scheduler = None,
    as_json: Json = False,
) -> None:
    """Write acceptance x efficiency, spectra and counts for reinterpretation, with a program that uses them."""
    from bdana.events.exposure import check_protons
    from bdana.sensitivity.bundle import Bins, default_energies, default_masses, measure_masses
    from bdana.sensitivity.bundle_files import check_folder, write_bundle
    from bdana.statistics.poisson import check_level

    check_folder(folder)  # what is wrong is said before the long work
    analysis = load_analysis(overrides)
    if pot is not None:
        check_protons(pot, "--pot", analysis.config.exposure.unusual)
    if regions is not None and not observed is background is background_error is None:
        raise InputError("give either --regions or --observed with --background, not both")
    if covariance is not None and regions is None:
        raise InputError("--covariance belongs to --regions FILE")
    counts = _search_counts(analysis, regions, observed, background, background_error, check_level(cl))
    if pot is not None:
        counts = replace(counts, protons=pot, exposure="--pot")
    if covariance is not None:
        counts = _with_covariance(counts, covariance)
    channel = channel or analysis.signal.usual_mode
    chosen = executor_from(analysis, workers, executor, scheduler, usual=2)
    masses = sorted(set(mass)) if mass else default_masses(analysis, channel)
    ends = energies or default_energies(analysis, channel)
    bins = Bins.spread(analysis.signal.decay_volume_m, ends, max_angle)
    with progress_bar(f"acceptance, {channel}") as progress:
        tables = measure_masses(analysis, channel, masses, bins, decays, chosen, progress)
    write_bundle(folder, analysis, channel, bins, tables, counts)
    for text in analysis.signal.cautions(masses):
        note(f"warning: {text}")
    files = sorted(path.name for path in folder.iterdir())
    if as_json:
        print_json({"folder": str(folder), "channel": channel, "masses_mev": masses, "files": files})
    else:
        note(f"tables checked with HEPData's validator: {', '.join(files)}")
        print_tables(
            f"{len(masses)} masses in {folder}, {counts.protons:.4g} protons on target ({counts.exposure}); excluded couplings: python {shlex.quote(str(folder / 'example.py'))}"
        )


def _search_counts(
    analysis: AnalysisFolder,
    regions: Path | None,
    observed: int | None,
    background: float | None,
    error: float | None,
    level: float,
) -> SearchCounts:
    """Return the counts that a file or the options tell, with the protons of the run where the file is of one."""
    from bdana.sensitivity.bundle_tables import SearchCounts
    from bdana.statistics.poisson import Background
    from bdana.statistics.regions_csv import CountedRegion, read_protons

    planned = analysis.signal.pot
    if regions is not None:
        return SearchCounts.of_protons(_regions(analysis, regions), read_protons(regions), planned, level)
    inner = CountedRegion(analysis.regions.names[0], Background(background or 0.0, error or 0.0), observed)
    return SearchCounts((inner,), planned, level)


def _regions(analysis: AnalysisFolder, path: Path) -> tuple[CountedRegion, ...]:
    """Read the counts of regions, the innermost region first."""
    from bdana.statistics.regions_csv import read_regions

    found, inner = read_regions(path), analysis.regions.names[0]
    if inner not in {region.name for region in found}:
        raise InputError(f"{path}: no region '{inner}', in which the signal is searched for")
    return tuple(sorted(found, key=lambda region: region.name != inner))


def _with_covariance(counts: SearchCounts, path: Path) -> SearchCounts:
    from bdana.statistics.correlated import full_covariance
    from bdana.statistics.regions_csv import read_covariance

    given = read_covariance(path, [region.name for region in counts.regions])
    try:
        checked = full_covariance([region.background for region in counts.regions], given)
    except InputError as err:
        raise InputError(f"{path}: {err}") from None
    return replace(counts, covariance=checked)

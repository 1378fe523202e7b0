"""`bdana limit`: observed limits, and the expected one with its band."""

from __future__ import annotations

import warnings
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bdana.cli.app import app
from bdana.cli.console import note, print_json, print_tables, table
from bdana.cli.count import (
    METHODS,
    BackgroundError,
    EfficiencyError,
    Expected,
    Export,
    Level,
    Observed,
    Prior,
    Toys,
    given_background,
)
from bdana.cli.options import Json
from bdana.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bdana.statistics.combination import CountedChannel
    from bdana.statistics.expected import ExpectedLimit
    from bdana.statistics.exports import Sheet
    from bdana.statistics.limits import Interval
    from bdana.statistics.poisson import Background

__all__ = ["limit"]


SIDE_BY_SIDE = ("cls", "bayes", "feldman_cousins")
"""Methods that are printed beside each other unless others are asked for."""
FORM = "NAME:OBSERVED:BACKGROUND[:ERROR[:SHARE]]"
EXAMPLE = "ee:0:0.2:0.1:0.45"
Method = Annotated[
    list[str] | None,
    typer.Option(help=METHODS, show_default="cls, bayes, feldman_cousins; with --channel cls, bayes"),
]
Channel = Annotated[
    list[str] | None,
    typer.Option(
        metavar=FORM,
        help="A channel of a combination; repeated. ERROR of the background is 0 by default; SHARE is the channel's expected "
        "signal in any common unit, 1 by default.",
        show_default=False,
    ),
]
Covariance = Annotated[
    Path | None,
    typer.Option(
        help="CSV: covariance of the backgrounds of the channels; by default their errors move together.",
        show_default=False,
    ),
]


@app.command()
def limit(
    observed: Observed = None,
    background: Expected = None,
    background_error: BackgroundError = "0",
    background_prior: Prior = "truncated_gaussian",
    background_toys: Toys = None,
    efficiency_error: EfficiencyError = 0.0,
    cl: Level = 0.9,
    method: Method = None,
    channel: Channel = None,
    covariance: Covariance = None,
    candidate_mass: Annotated[
        list[float] | None,
        typer.Option(help="Mass in MeV whose window is searched; repeated.", show_default=False),
    ] = None,
    event_mass: Annotated[
        list[str] | None,
        typer.Option(
            metavar="[NAME:]MASS",
            help="Mass in MeV of an observed event, with --channel after its name; repeated.",
            show_default=False,
        ),
    ] = None,
    resolution: Annotated[
        list[str] | None,
        typer.Option(
            metavar="[NAME:]MASS:SIGMA",
            help="Mass resolution in MeV at a mass; repeated. Default, assumed: 0.4, 2.0, 3.2 at 220, 411, 700.",
            show_default=False,
        ),
    ] = None,
    half_width: Annotated[
        float, typer.Option(help="Half width of a window of mass, in resolutions, assumed.")
    ] = 2.0,
    mass_range: Annotated[
        list[str] | None,
        typer.Option(
            metavar="[NAME:]LOW:HIGH",
            help="Range in MeV in which the background is flat in mass; by default all of it is taken in every window.",
            show_default=False,
        ),
    ] = None,
    independent: Annotated[
        bool, typer.Option("--independent", help="Background errors of channels do not move together.")
    ] = False,
    export: Export = None,
    as_json: Json = False,
) -> None:
    """Give limits on the number of signal events; without --observed only the expected ones.

    With --channel, once for each of several channels, the limit is on the expected signal events of all of them together.
    With --candidate-mass the limits are those of windows of mass, with local and global p-values.
    """
    from bdana.cli.mass_options import RESOLUTION, mass_search, masses_of, one_range, show_masses
    from bdana.statistics.limits import check_efficiency_error
    from bdana.statistics.mass_limits import scan_masses

    check_efficiency_error(efficiency_error)
    if channel:
        own = (observed, background, background_toys, export)
        if (
            any(value is not None for value in own)
            or background_error != "0"
            or background_prior != "truncated_gaussian"
        ):
            raise InputError(
                "--channel has the count and the background in it: leave out --observed, --background..., --export"
            )
        channels = [_channel(text) for text in channel]
        errors = _errors(channels, covariance, independent)
        if candidate_mass:
            options = (event_mass or [], resolution or [], half_width, mass_range or [])
            _combined_masses(channels, candidate_mass, options, cl, efficiency_error, method, errors, as_json)
            return
        _only_with_masses(event_mass, resolution, mass_range)
        _combined(channels, cl, efficiency_error, method, errors, as_json)
        return
    if covariance is not None or independent:
        raise InputError("--covariance and --independent belong to --channel")
    if (background is None) == (background_toys is None):
        raise InputError(
            "give --background B, or --channel NAME:OBSERVED:BACKGROUND for each of several channels, or --background-toys FILE"
        )
    given = given_background(background, background_error, background_prior, background_toys)
    names = tuple(method or SIDE_BY_SIDE)
    if candidate_mass:
        if export is not None:
            raise InputError("--export has no windows of mass: leave it out and take --json")
        search = mass_search(
            given,
            observed,
            masses_of(event_mass or []),
            candidate_mass,
            resolution or RESOLUTION,
            half_width,
            one_range(mass_range or []),
        )
        scan = scan_masses(search, candidate_mass, cl, efficiency_error, names)
        print_json(scan.to_dict()) if as_json else show_masses(scan)
        return
    _only_with_masses(event_mass, resolution, mass_range)
    _single(given, observed, cl, efficiency_error, names, method is not None, export, as_json)


def _only_with_masses(*options: list[str] | None) -> None:
    if any(options):
        raise InputError("--event-mass, --resolution and --mass-range belong to --candidate-mass")


def _combined_masses(
    channels: Sequence[CountedChannel],
    masses: list[float],
    options: tuple[list[str], list[str], float, list[str]],
    cl: float,
    efficiency_error: float,
    method: list[str] | None,
    covariance: list[list[float]] | None,
    as_json: bool,
) -> None:
    from bdana.cli.mass_options import common_errors, mass_channels, show_channels
    from bdana.statistics.combination import COMBINED_METHODS
    from bdana.statistics.mass_channels import scan_channels

    events, resolution, half_width, mass_range = options
    searched = mass_channels(channels, events, masses, resolution, half_width, mass_range)
    common = common_errors(channels, covariance)
    scan = scan_channels(searched, masses, cl, efficiency_error, tuple(method or COMBINED_METHODS), common)
    print_json(scan.to_dict()) if as_json else show_channels(scan)


def _single(
    given: Background,
    observed: float | None,
    cl: float,
    efficiency_error: float,
    names: tuple[str, ...],
    asked: bool,
    export: Path | None,
    as_json: bool,
) -> None:
    from bdana.statistics.expected import expected_limit
    from bdana.statistics.methods import limits
    from bdana.statistics.poisson import TooManyCountsError, whole

    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always", UserWarning)
        found: dict[str, Interval] = {}
        expected: dict[str, ExpectedLimit] = {}
        for name in names:
            try:
                band = expected_limit(given, cl, efficiency_error, name)
                if observed is not None:
                    found |= limits(whole(observed), given, cl, efficiency_error, (name,))
            except TooManyCountsError as err:
                if asked:
                    raise
                note(f"warning: {name} left out: {err}")
                continue
            expected[name] = band
    for text in sorted({str(warning.message) for warning in warned}):
        note(f"warning: {text}")
    if export is not None:
        from bdana.statistics.exports import pyhf_workspace, write_sheet
        from bdana.statistics.regions_csv import CountedRegion

        counted = CountedRegion("SR", given, None if observed is None else whole(observed))
        workspace = pyhf_workspace([counted], efficiency_error) if export.suffix == ".json" else {}
        write_sheet(export, _sheet(cl, found, expected), workspace)
    if as_json:
        print_json(
            {
                "limits": {name: [x.low, x.high] for name, x in found.items()},
                "expected": {name: asdict(x) for name, x in expected.items()},
                "conventions": {name: x.convention for name, x in found.items()},
            }
        )
        return
    shown = table("method", "observed", "-2 sigma", "-1", "median", "+1", "+2")
    for name, band in expected.items():
        seen = f"{found[name].low:.4g} to {found[name].high:.4g}" if name in found else ""
        shown.add_row(name, seen, *(f"{value:.4g}" for value in band.limits))
    print_tables(shown, *(band.convention for band in expected.values()))


def _channel(text: str) -> CountedChannel:
    from bdana.statistics.categories_csv import parse_background
    from bdana.statistics.combination import CountedChannel
    from bdana.statistics.poisson import whole

    name, *numbers = text.split(":")
    if not name or not 2 <= len(numbers) <= 4:
        raise InputError(f"--channel {text}: write {FORM}, like {EXAMPLE}")
    try:
        observed, background, error, share = numbers + ["0", "1"][len(numbers) - 2 :]
        expected = parse_background(float(background), error)
        return CountedChannel(name, whole(float(observed)), expected, float(share))
    except (ValueError, InputError) as err:
        raise InputError(f"--channel {text}: {err}; write {FORM}, like {EXAMPLE}") from None


def _errors(
    channels: Sequence[CountedChannel], covariance: Path | None, independent: bool
) -> list[list[float]] | None:
    from bdana.statistics.correlated import diagonal
    from bdana.statistics.regions_csv import read_covariance

    if covariance is not None:
        if independent:
            raise InputError("give either --covariance or --independent, not both")
        found: list[list[float]] = read_covariance(covariance, [x.name for x in channels]).tolist()
        return found
    if not independent:
        return None
    matrix: list[list[float]] = diagonal([x.background for x in channels]).tolist()
    return matrix


def _combined(
    channels: Sequence[CountedChannel],
    cl: float,
    efficiency_error: float,
    method: list[str] | None,
    covariance: list[list[float]] | None,
    as_json: bool,
) -> None:
    from bdana.statistics.combination import COMBINED_METHODS, combined_limit

    found = {
        name: combined_limit(channels, cl, efficiency_error, name, covariance)
        for name in method or COMBINED_METHODS
    }
    total = sum(x.share for x in channels)
    shares = {x.name: x.share / total for x in channels}
    conventions = {name: x.convention for name, x in found.items()}
    if as_json:
        limits = {name: [x.low, x.high] for name, x in found.items()}
        print_json({"limits": limits, "shares": shares, "conventions": conventions})
        return
    shown = table("method", "all channels", *shares)
    for name, x in found.items():
        shown.add_row(name, f"{x.high:.4g}", *(f"{share * x.high:.4g}" for share in shares.values()))
    print_tables(shown, *conventions.values())


def _sheet(cl: float, found: dict[str, Interval], expected: dict[str, ExpectedLimit]) -> Sheet:
    from bdana.statistics.exports import Sheet, SheetColumn

    bands = list(expected.values())
    quantiles = ("minus_2_sigma", "minus_1_sigma", "median", "plus_1_sigma", "plus_2_sigma")
    return Sheet(
        "Limits on the number of signal events",
        (
            SheetColumn("method", tuple(expected)),
            SheetColumn(
                "low", tuple(found[name].low if name in found else None for name in expected), unit="events"
            ),
            SheetColumn(
                "high", tuple(found[name].high if name in found else None for name in expected), unit="events"
            ),
            *(
                SheetColumn(name, tuple(band.limits[i] for band in bands), unit="events")
                for i, name in enumerate(quantiles)
            ),
        ),
        {"confidence_level": f"{cl:g}"}
        | {name: x.convention for name, x in found.items()}
        | {f"expected_{name}": x.convention for name, x in expected.items()},
    )

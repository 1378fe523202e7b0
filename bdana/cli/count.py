"""`bdana count`: the counting-experiment calculator."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from bdana.cli.app import app
from bdana.cli.console import note, print_json, print_tables, table
from bdana.cli.options import Json
from bdana.errors import InputError

if TYPE_CHECKING:
    from bdana.statistics.error_sources import ErrorSources
    from bdana.statistics.poisson import Background
    from bdana.statistics.regions_csv import CountedRegion

__all__ = ["count"]

Observed = Annotated[float | None, typer.Option(help="Observed number of events.")]
Expected = Annotated[float | None, typer.Option("--background", help="Expected background events.")]
BackgroundError = Annotated[
    str,
    typer.Option(
        metavar="ERROR", help="Error of the background, events; or both of its errors: +1.05,-0.82."
    ),
]
Toys = Annotated[
    Path | None,
    typer.Option(
        help="Text file of equally likely backgrounds, in place of --background and its error.",
        show_default=False,
    ),
]
EfficiencyError = Annotated[float, typer.Option(help="Relative error of the signal efficiency and POT.")]
Prior = Annotated[
    str, typer.Option("--background-prior", help="Background error: truncated_gaussian, gamma or lognormal.")
]
Level = Annotated[float, typer.Option("--cl", help="Confidence level, between 0 and 1.")]
METHODS = (
    "A limit method, repeated for several: cls, bayes, classical, feldman_cousins, profile_likelihood, asymptotic_cls, "
    "which is not exact."
)
Method = Annotated[list[str] | None, typer.Option(help=METHODS, show_default="all but the last")]
Export = Annotated[
    Path | None,
    typer.Option(help="Write .csv, .tex, .json (pyhf workspace) or .tar.gz (HEPData).", show_default=False),
]


@app.command()
def count(
    observed: Observed = None,
    background: Expected = None,
    background_error: BackgroundError = "0",
    background_prior: Prior = "truncated_gaussian",
    background_toys: Toys = None,
    efficiency_error: EfficiencyError = 0.0,
    cl: Level = 0.9,
    method: Method = None,
    regions: Annotated[
        Path | None,
        typer.Option(
            help="CSV: name, expected, error (or @FILE of toys), observed (empty where closed); or a run's table.json."
        ),
    ] = None,
    covariance: Annotated[
        Path | None,
        typer.Option(help="CSV: covariance of the regions; by default their errors move together."),
    ] = None,
    ses: Annotated[
        float | None,
        typer.Option(help="Single-event sensitivity: the branching ratio that gives one expected event."),
    ] = None,
    ses_error: Annotated[float, typer.Option(help="Its error, in the same unit.")] = 0.0,
    interval: Annotated[float, typer.Option(help="Level of the intervals of the best fit.")] = 0.6827,
    category: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME:OBSERVED:BACKGROUND:ERROR:SES[:SES_ERROR]",
            help="A category of a measurement; repeated.",
            show_default=False,
        ),
    ] = None,
    categories: Annotated[
        Path | None,
        typer.Option(help="CSV of categories: name, observed, background, error, ses, ses_error."),
    ] = None,
    independent: Annotated[
        bool, typer.Option("--independent", help="Background errors of categories do not move together.")
    ] = False,
    export: Export = None,
    as_json: Json = False,
) -> None:
    """Give p-values, significances, the best fit and limits of a count, or p-values of a table of regions.

    With --ses, --category or --categories also a branching ratio.
    """
    from bdana.cli.measurement import check_options, measured
    from bdana.statistics.categories_csv import parse_category, read_categories
    from bdana.statistics.poisson import whole
    from bdana.statistics.regions_csv import CountedRegion, read_regions

    single = observed is not None or background is not None or background_toys is not None or ses is not None
    counts: tuple[CountedRegion, ...]
    errors: ErrorSources | None = None
    if category or categories is not None:
        if single or regions is not None or export is not None or efficiency_error:
            raise InputError(
                "categories have counts, backgrounds and sensitivities in them: leave out --observed, --background..., --ses, "
                "--efficiency-error, --regions and --export"
            )
        chosen = [parse_category(text) for text in category or ()]
        chosen += read_categories(categories) if categories is not None else ()
        counts = ()
        document = measured(chosen, cl, interval, tuple(method or ()), independent)
    elif independent:
        raise InputError("--independent belongs to --category or --categories")
    elif regions is not None:
        if single:
            raise InputError("give either --regions or --observed with --background, not both")
        counts = read_regions(regions)
        errors = _error_sources(regions, covariance, counts)
        document = _regions(counts, errors)
    elif covariance is not None:
        raise InputError("--covariance belongs to --regions FILE.csv")
    elif observed is None or (background is None) == (background_toys is None):
        raise InputError(
            "give --observed N and --background B (or --background-toys FILE), or --regions FILE.csv, or --category for each of "
            "several categories"
        )
    else:
        given = given_background(background, background_error, background_prior, background_toys)
        counts = (CountedRegion("SR", given, whole(observed)),)
        efficiency_error = check_options(ses, ses_error, efficiency_error)
        document = _single(whole(observed), given, cl, efficiency_error, tuple(method or ()), ses, interval)
    if export is not None:
        _export(export, counts, document, efficiency_error, errors)
    if as_json:
        print_json(document)
    else:
        _show(document)


def given_background(
    background: float | None, error: str, prior: str, toys: Path | None = None
) -> Background:
    """Return the background of the command line.

    Parameters
    ----------
    background : float or None
        Expected events; None where there are toys.
    error, prior : str
    toys : Path, optional
    """
    from bdana.statistics.categories_csv import parse_background, read_toys

    if toys is not None:
        if error != "0" or prior != "truncated_gaussian":
            raise InputError("--background-toys has the error in it: leave out --background-error and -prior")
        return read_toys(toys)
    return parse_background(background or 0.0, error, cast("Any", prior))


def _error_sources(
    regions: Path, covariance: Path | None, counts: tuple[CountedRegion, ...]
) -> ErrorSources | None:
    """Return the sources of the covariance of regions: the one given, otherwise those in a run's table; None: they move together."""
    from bdana.statistics.correlated import full_covariance
    from bdana.statistics.error_sources import ErrorSources
    from bdana.statistics.regions_csv import read_covariance, read_error_sources

    names, backgrounds = [region.name for region in counts], [region.background for region in counts]
    if covariance is not None:
        matrix = full_covariance(backgrounds, read_covariance(covariance, names))
        return ErrorSources.of(names, [x.expected for x in backgrounds], matrix, label="background")
    errors = read_error_sources(regions)
    return None if errors is None else errors.select(names)


def _single(
    n: int,
    background: Background,
    cl: float,
    error: float,
    names: tuple[str, ...],
    ses: float | None,
    interval: float,
) -> dict[str, Any]:
    from bdana.cli.measurement import finite, single_measurement
    from bdana.statistics.methods import limits
    from bdana.statistics.poisson import Background, p_values
    from bdana.statistics.signal_fit import Category
    from bdana.statistics.significance import one_sided, two_sided, z_bi, z_profile_likelihood

    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always", UserWarning)
        intervals = limits(n, background, cl, error, names)
    for warning in warned:
        note(f"warning: {warning.message}")
    fit = single_measurement(Category("SR", n, background, ses or 1.0, error), interval)
    p = p_values(n, background)
    known = {"p_n_known_background": p_values(n, Background(background.expected)).p_n}
    significances = {"z_one_sided": one_sided(p.p_n), "z_two_sided": two_sided(p.p_n)}
    spread = background.errors[0 if n > background.expected else 1]
    if spread > 0 and background.expected > 0:
        significances["z_bi"] = z_bi(n, background.expected, spread)
    significances["z_profile_likelihood"] = z_profile_likelihood(n, background)
    return {
        "p_n": p.p_n,
        "p_l": p.p_l,
        **(known if any(background.errors) else {}),
        **{name: finite(x.z) for name, x in significances.items()},
        **fit,
        "limits": {name: [x.low, x.high] for name, x in intervals.items()},
        **(
            {"branching_ratio_limits": {name: [x.low * ses, x.high * ses] for name, x in intervals.items()}}
            if ses
            else {}
        ),
        "conventions": {
            "p": p.convention,
            **{name: x.convention for name, x in significances.items()},
            "signal": fit["signal"]["convention"],
            "confidence_level": f"{cl:g}",
            **{name: x.convention for name, x in intervals.items()},
        },
    }


def _export(
    path: Path,
    counts: tuple[CountedRegion, ...],
    document: dict[str, Any],
    efficiency_error: float,
    errors: ErrorSources | None,
) -> None:
    from bdana.statistics.exports import counts_sheet, pyhf_workspace, write_sheet

    rows = document if "regions" in document else {"regions": [document], **document}
    workspace = pyhf_workspace(counts, efficiency_error, errors) if path.suffix == ".json" else {}
    write_sheet(path, counts_sheet(counts, rows), workspace)
    closed = [count.name for count in counts if count.observed is None]
    if closed:
        note(f"{path}: {', '.join(closed)} closed, so without observed counts")


def _regions(counts: tuple[CountedRegion, ...], errors: ErrorSources | None) -> dict[str, Any]:
    from bdana.statistics.joint import joint_p_values
    from bdana.statistics.look_elsewhere import over_regions
    from bdana.statistics.poisson import p_values

    matrix = None if errors is None else errors.covariance
    rows, conventions, observed = [], {}, []
    for region in counts:
        row = {"name": region.name, "expected": region.background.expected, "error": region.background.error}
        if region.background.error_down is not None:
            row["error_down"] = region.background.error_down
        if region.observed is None:
            rows.append(row | {"state": "closed"})
            continue
        p = p_values(region.observed, region.background)
        conventions["p"] = p.convention
        observed.append(region.observed)
        rows.append(row | {"state": "open", "observed": region.observed, "p_n": p.p_n, "p_l": p.p_l})
    document: dict[str, Any] = {"regions": rows}
    if len(observed) == len(counts):
        names = [region.name for region in counts]
        backgrounds = [region.background for region in counts]
        joint = joint_p_values(observed, backgrounds, matrix)
        anywhere = over_regions(observed, backgrounds, matrix)
        document["joint"] = {
            "regions": names,
            "p_n": joint.p_n,
            "p_l": joint.p_l,
            "computed": joint.computed,
            "p_global": anywhere.p_global,
        }
        conventions |= {"joint": joint.convention, "p_global": anywhere.convention}
    return document | {"conventions": conventions}


def _number(name: str, document: dict[str, Any]) -> str:
    """Return a p-value or a significance as text; that of a p-value which is a bound is one too."""
    from bdana.rounding import p_text, z_text

    if name.startswith("p_"):
        return p_text(document[name])
    if document[name] is None:  # of a count that is impossible
        return "infinite"
    return f"{document[name]:.4g}" if name == "z_profile_likelihood" else z_text(document[name])


def _show(document: dict[str, Any]) -> None:
    from bdana.cli.measurement import fit_lines
    from bdana.rounding import p_text

    shown = table("quantity", "value")
    for name in (
        "p_n",
        "p_n_known_background",
        "p_l",
        "z_one_sided",
        "z_two_sided",
        "z_bi",
        "z_profile_likelihood",
    ):
        if name in document:
            shown.add_row(name, _number(name, document))
    for name, (low, high) in document.get("limits", {}).items():
        shown.add_row(name, f"{low:.4g} to {high:.4g}")
    for name, text in fit_lines(document):
        shown.add_row(name, text)
    for row in [
        *document.get("categories", []),
        *document.get("regions", []),
        *([document["joint"]] if "joint" in document else []),
    ]:
        text = f"p_n {p_text(row['p_n'])}, p_l {p_text(row['p_l'])}" if "p_n" in row else "closed"
        shown.add_row(row.get("name", "joint"), text)
        if "p_global" in row:
            shown.add_row("p_global", p_text(row["p_global"]))
    print_tables(shown, *(f"{key}: {text}" for key, text in document["conventions"].items()))

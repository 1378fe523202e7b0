"""`bdana count`: the counting-experiment calculator."""

from __future__ import annotations

import math
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from bdana.cli.app import app
from bdana.cli.console import note, print_json, print_tables, table
from bdana.cli.options import Json
from bdana.errors import InputError

if TYPE_CHECKING:
    from bdana.statistics.poisson import Background
    from bdana.statistics.regions_csv import CountedRegion

__all__ = ["count"]

Observed = Annotated[float | None, typer.Option(help="Observed number of events.")]
Expected = Annotated[float | None, typer.Option("--background", help="Expected background events.")]
BackgroundError = Annotated[float, typer.Option(help="Error of the background, events.")]
EfficiencyError = Annotated[float, typer.Option(help="Relative error of the signal efficiency and POT.")]
Prior = Annotated[
    str, typer.Option("--background-prior", help="Background error: truncated_gaussian, gamma or lognormal.")
]
Level = Annotated[float, typer.Option("--cl", help="Confidence level, between 0 and 1.")]
Method = Annotated[
    list[str] | None,
    typer.Option(
        help="A limit method; may be repeated. Default: all but asymptotic_cls, which is not exact.",
        show_default=False,
    ),
]
Export = Annotated[
    Path | None,
    typer.Option(help="Write .csv, .tex, .json (pyhf workspace) or .tar.gz (HEPData).", show_default=False),
]


@app.command()
def count(
    observed: Observed = None,
    background: Expected = None,
    background_error: BackgroundError = 0.0,
    background_prior: Prior = "truncated_gaussian",
    efficiency_error: EfficiencyError = 0.0,
    cl: Level = 0.9,
    method: Method = None,
    regions: Annotated[
        Path | None,
        typer.Option(
            help="CSV: name, expected, error, observed (empty where closed); or a run's table.json."
        ),
    ] = None,
    covariance: Annotated[
        Path | None,
        typer.Option(help="CSV: covariance of the regions; by default their errors move together."),
    ] = None,
    export: Export = None,
    as_json: Json = False,
) -> None:
    """Give p-values, significances and limits of a count, or p-values of a table of regions."""
    from bdana.statistics.poisson import Background, whole
    from bdana.statistics.regions_csv import CountedRegion, read_regions

    if regions is not None:
        if observed is not None or background is not None:
            raise InputError("give either --regions or --observed with --background, not both")
        counts = read_regions(regions)
        document = _regions(counts, covariance)
    elif covariance is not None:
        raise InputError("--covariance belongs to --regions FILE.csv")
    elif observed is None or background is None:
        raise InputError("give --observed N and --background B, or --regions FILE.csv")
    else:
        names = tuple(method or ())
        given = Background(background, background_error, cast("Any", background_prior))
        counts = (CountedRegion("SR", given, whole(observed)),)
        document = _single(whole(observed), given, cl, efficiency_error, names)
    if export is not None:
        _export(export, counts, document, efficiency_error)
    if as_json:
        print_json(document)
    else:
        _show(document)


def _single(
    n: int, background: Background, cl: float, error: float, names: tuple[str, ...]
) -> dict[str, Any]:
    from bdana.statistics.methods import limits
    from bdana.statistics.poisson import p_values
    from bdana.statistics.significance import one_sided, two_sided, z_bi, z_profile_likelihood

    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always", UserWarning)
        intervals = limits(n, background, cl, error, names)
    for warning in warned:
        note(f"warning: {warning.message}")
    p = p_values(n, background)
    significances = {"z_one_sided": one_sided(p.p_n), "z_two_sided": two_sided(p.p_n)}
    if background.error > 0 and background.expected > 0:
        significances["z_bi"] = z_bi(n, background.expected, background.error)
    significances["z_profile_likelihood"] = z_profile_likelihood(n, background)
    return {
        "p_n": p.p_n,
        "p_l": p.p_l,
        **{name: x.z if math.isfinite(x.z) else None for name, x in significances.items()},
        "limits": {name: [x.low, x.high] for name, x in intervals.items()},
        "conventions": {
            "p": p.convention,
            **{name: x.convention for name, x in significances.items()},
            "confidence_level": f"{cl:g}",
            **{name: x.convention for name, x in intervals.items()},
        },
    }


def _export(
    path: Path, counts: tuple[CountedRegion, ...], document: dict[str, Any], efficiency_error: float
) -> None:
    from bdana.statistics.exports import counts_sheet, pyhf_workspace, write_sheet

    rows = document if "regions" in document else {"regions": [document], **document}
    workspace = pyhf_workspace(counts, efficiency_error) if path.suffix == ".json" else {}
    write_sheet(path, counts_sheet(counts, rows), workspace)
    closed = [count.name for count in counts if count.observed is None]
    if closed:
        note(f"{path}: {', '.join(closed)} closed, so without observed counts")


def _regions(counts: tuple[CountedRegion, ...], covariance: Path | None) -> dict[str, Any]:
    from bdana.statistics.joint import joint_p_values
    from bdana.statistics.look_elsewhere import over_regions
    from bdana.statistics.poisson import p_values
    from bdana.statistics.regions_csv import read_covariance

    rows, conventions, observed = [], {}, []
    for region in counts:
        row = {"name": region.name, "expected": region.background.expected, "error": region.background.error}
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
        matrix = None if covariance is None else read_covariance(covariance, names)
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


def _show(document: dict[str, Any]) -> None:
    shown = table("quantity", "value")
    for name in ("p_n", "p_l", "z_one_sided", "z_two_sided", "z_bi", "z_profile_likelihood"):
        if name in document:
            shown.add_row(name, "infinite" if document[name] is None else f"{document[name]:.4g}")
    for name, (low, high) in document.get("limits", {}).items():
        shown.add_row(name, f"{low:.4g} to {high:.4g}")
    for row in [*document.get("regions", []), *([document["joint"]] if "joint" in document else [])]:
        text = f"p_n {row['p_n']:.4g}, p_l {row['p_l']:.4g}" if "p_n" in row else "closed"
        shown.add_row(row.get("name", "joint"), text)
        if "p_global" in row:
            shown.add_row("p_global", f"{row['p_global']:.4g}")
    print_tables(shown, *(f"{key}: {text}" for key, text in document["conventions"].items()))

"""`bdana limit`: observed limits, and the expected one with its band."""

from __future__ import annotations

import warnings
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, cast

from bdana.cli.app import app
from bdana.cli.console import note, print_json, print_tables, table
from bdana.cli.count import (
    BackgroundError,
    EfficiencyError,
    Expected,
    Export,
    Level,
    Method,
    Observed,
    Prior,
)
from bdana.cli.options import Json
from bdana.errors import InputError

if TYPE_CHECKING:
    from bdana.statistics.expected import ExpectedLimit
    from bdana.statistics.exports import Sheet
    from bdana.statistics.limits import Interval

__all__ = ["limit"]


@app.command()
def limit(
    observed: Observed = None,
    background: Expected = None,
    background_error: BackgroundError = 0.0,
    background_prior: Prior = "truncated_gaussian",
    efficiency_error: EfficiencyError = 0.0,
    cl: Level = 0.9,
    method: Method = None,
    export: Export = None,
    as_json: Json = False,
) -> None:
    """Give limits on the number of signal events; without --observed only the expected ones."""
    from bdana.statistics.expected import expected_limit
    from bdana.statistics.methods import limits
    from bdana.statistics.poisson import Background, whole

    if background is None:
        raise InputError("give --background B")
    given = Background(background, background_error, cast("Any", background_prior))
    names = tuple(method or ("cls",))
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always", UserWarning)
        found = {} if observed is None else limits(whole(observed), given, cl, efficiency_error, names)
        expected = {name: expected_limit(given, cl, efficiency_error, name) for name in names}
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

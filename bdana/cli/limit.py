"""`bdana limit`: observed limits, and the expected one with its band."""

from __future__ import annotations

from dataclasses import asdict

from bdana.cli.app import app
from bdana.cli.console import print_json, print_tables, table
from bdana.cli.count import BackgroundError, EfficiencyError, Expected, Level, Method, Observed
from bdana.cli.options import Json
from bdana.errors import InputError

__all__ = ["limit"]


@app.command()
def limit(
    observed: Observed = None,
    background: Expected = None,
    background_error: BackgroundError = 0.0,
    efficiency_error: EfficiencyError = 0.0,
    cl: Level = 0.9,
    method: Method = None,
    as_json: Json = False,
) -> None:
    """Give limits on the number of signal events; without --observed only the expected ones."""
    from bdana.statistics.expected import expected_limit
    from bdana.statistics.methods import limits
    from bdana.statistics.poisson import Background, whole

    if background is None:
        raise InputError("give --background B")
    given, names = Background(background, background_error), tuple(method or ("cls",))
    found = {} if observed is None else limits(whole(observed), given, cl, efficiency_error, names)
    expected = {name: expected_limit(given, cl, efficiency_error, name) for name in names}
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

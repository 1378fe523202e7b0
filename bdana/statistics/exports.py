"""Tables of numbers for other programs: CSV, LaTeX, HEPData, and a pyhf workspace of a counts table."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import tempfile
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bdana.atomic import temporary_beside, write_atomically
from bdana.errors import ConfigError, InputError
from bdana.latex_text import latex_text
from bdana.rounding import SMALLEST_P, p_text, plus_minus

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bdana.statistics.error_sources import ErrorSources
    from bdana.statistics.regions_csv import CountedRegion

__all__ = ["Sheet", "SheetColumn", "counts_sheet", "pyhf_workspace", "write_sheet"]

_GIVEN = frozenset({"name", "expected", "error", "error_down", "observed", "upper_limit_90", "state"})
"""Fields of a row of a counts table that are not computed."""
WIDEST = 12  # columns of a LaTeX table


@dataclass(frozen=True)
class SheetColumn:
    """A column of a table for other programs: values, with their errors and unit.

    Attributes
    ----------
    name : str
    values : tuple of float, int, str or None
        None where there is no number, such as the p-value of a closed region.
    errors : tuple of float, or of (float, float)
        Standard deviations of the values, or upper and lower errors, both positive; empty where they have none.
    unit : str
    """

    name: str
    values: tuple[float | str | None, ...]
    errors: tuple[float | tuple[float, float], ...] = ()
    unit: str = ""


@dataclass(frozen=True)
class Sheet:
    """A table of numbers, with the conventions that define them.

    Attributes
    ----------
    title : str
    columns : tuple of SheetColumn
        Of equal length; the first names the rows.
    conventions : dict of str to str
    totals : dict of str to float, int, str or None
        What is of all rows together, such as joint p-values, by name.
    """

    title: str
    columns: tuple[SheetColumn, ...]
    conventions: dict[str, str] = field(default_factory=dict)
    totals: dict[str, float | str | None] = field(default_factory=dict)


def counts_sheet(regions: Sequence[CountedRegion], document: dict[str, Any]) -> Sheet:
    """Return the sheet of a counts table: background, count and every number that was computed of each region.

    A closed region has no count and no p-values. What is of all regions together stands in `totals`.

    Parameters
    ----------
    regions : sequence of CountedRegion
    document : dict
        What `bdana count --regions --json` prints for them, with a row for each in `regions`.
    """
    rows = [
        _flat({key: value for key, value in row.items() if key not in _GIVEN}) for row in document["regions"]
    ]
    found = dict.fromkeys(["p_n", "p_l", *(name for row in rows for name in row)])
    errors = [region.background.errors for region in regions]
    return Sheet(
        "Counting experiment",
        (
            SheetColumn("name", tuple(region.name for region in regions)),
            SheetColumn(
                "expected",
                tuple(region.background.expected for region in regions),
                tuple(up if up == down else (up, down) for up, down in errors),
                unit="events",
            ),
            SheetColumn(
                "observed",
                tuple("closed" if region.observed is None else region.observed for region in regions),
                unit="events",
            ),
            *(SheetColumn(name, tuple(row.get(name) for row in rows)) for name in found),
        ),
        document["conventions"],
        _flat({key: document[key] for key in ("joint",) if key in document}),
    )


def _flat(document: Mapping[str, Any], prefix: str = "") -> dict[str, float | str | None]:
    """Return the numbers of a document by their names joined with `_`; the ends of an interval are low and high."""
    found: dict[str, float | str | None] = {}
    for key, value in document.items():
        name = f"{prefix}{key}"
        if key in {"convention", "conventions"}:
            continue
        if isinstance(value, dict):
            found |= _flat(value, f"{name}_")
        elif isinstance(value, list | tuple) and len(value) == 2 and not isinstance(value[0], str):
            found |= {f"{name}_low": value[0], f"{name}_high": value[1]}
        else:
            found[name] = "+".join(map(str, value)) if isinstance(value, list | tuple) else value
    return found


def write_sheet(path: Path, sheet: Sheet, workspace: dict[str, Any] | None = None) -> None:
    """Write a sheet in the format that the file-name extension says.

    Parameters
    ----------
    path : Path
        `.csv` CSV, `.tex` a LaTeX tabular, `.tar.gz` a HEPData submission, `.json` a pyhf workspace.
    sheet : Sheet
    workspace : dict, optional
        The pyhf workspace, where there is one.

    Raises
    ------
    InputError
        When the ending is none of these, or the file cannot be written.
    ConfigError
        When a HEPData submission is asked for without hepdata-lib.
    """
    if path.name.endswith(".tar.gz"):
        _write_hepdata(path, sheet)
        return
    if path.suffix == ".csv":
        text = _csv(sheet)
    elif path.suffix == ".tex":
        text = _latex(sheet)
    elif path.suffix == ".json" and workspace is not None:
        text = json.dumps(workspace, indent=1, allow_nan=False) + "\n"
    else:
        formats = ".csv, .tex or .tar.gz (HEPData)" + (", or .json (pyhf)" if workspace is not None else "")
        raise InputError(f"{path}: the ending says the format: {formats}")
    with write_atomically(path) as file:
        file.write(text)


def pyhf_workspace(
    regions: Sequence[CountedRegion], efficiency_error: float = 0.0, errors: ErrorSources | None = None
) -> dict[str, Any]:
    """Return a pyhf workspace (HistFactory model in JSON) of the open regions.

    A region has a signal of one event times its own free `mu_<region>`; the parameter of interest is that of SR, or of
    the first region where there is no SR. Each source of background errors is one Gaussian nuisance parameter that shifts the
    regions as the source does, cut at zero; without sources one parameter moves all of them. The efficiency error is
    log-normal.

    Parameters
    ----------
    regions : sequence of CountedRegion
        Closed ones are left out.
    efficiency_error : float
        Relative error of the signal efficiency and POT.
    errors : ErrorSources, optional
        What the background errors are made of; by default all move together.

    Raises
    ------
    InputError
        When no region is open.

    Examples
    --------
    >>> from bdana.statistics.exports import pyhf_workspace
    >>> from bdana.statistics.poisson import Background
    >>> from bdana.statistics.regions_csv import CountedRegion
    >>> regions = CountedRegion("CR", Background(1.7, 0.22), 2), CountedRegion("SR", Background(0.016, 0.002), None)
    >>> workspace = pyhf_workspace(regions)  # SR is closed
    >>> workspace["observations"], workspace["measurements"][0]["config"]["poi"]
    ([{'name': 'CR', 'data': [2]}], 'mu_CR')
    """
    opened = [region for region in regions if region.observed is not None]
    if not opened:
        raise InputError(
            "no region is open, so there is nothing to fit: a pyhf workspace needs observed counts"
        )
    names = [region.name for region in opened]
    of_interest = "SR" if "SR" in names else names[0]
    return {
        "channels": [
            {
                "name": region.name,
                "samples": [_signal(region.name, efficiency_error), _background(region, errors)],
            }
            for region in opened
        ],
        "observations": [{"name": region.name, "data": [region.observed]} for region in opened],
        "measurements": [
            {"name": "counting", "config": {"poi": f"mu_{of_interest}", "parameters": []}},
        ],
        "version": "1.0.0",
    }


def _signal(region: str, efficiency_error: float) -> dict[str, Any]:
    modifiers: list[dict[str, Any]] = [{"name": f"mu_{region}", "type": "normfactor", "data": None}]
    if efficiency_error:
        hi_lo = {"hi": 1 + efficiency_error, "lo": 1 / (1 + efficiency_error)}
        modifiers.append({"name": "signal_efficiency", "type": "normsys", "data": hi_lo})
    return {"name": "signal", "data": [1.0], "modifiers": modifiers}


def _background(region: CountedRegion, errors: ErrorSources | None) -> dict[str, Any]:
    background = region.background
    alone = errors is None or background.prior == "exponential"  # no source moves what no pair was seen for
    name = f"background_{region.name}" if errors and alone else "background"
    ends = {name: (background.shifted(1.0), background.shifted(-1.0))}
    if errors and not alone:
        place = errors.regions.index(region.name)
        # A one-sided source leaves the expectation where it is when its parameter is below zero.
        ends = {
            source: (
                background.expected + row[place],
                background.expected - (0.0 if source in errors.one_sided else row[place]),
            )
            for source, row in errors.shifts.items()
        }
    modifiers = [
        {"name": source, "type": "histosys", "data": {"hi_data": [max(hi, 0.0)], "lo_data": [max(lo, 0.0)]}}
        for source, (hi, lo) in ends.items()
        if hi != lo
    ]
    return {"name": "background", "data": [background.expected], "modifiers": modifiers}


def _csv(sheet: Sheet) -> str:
    written = io.StringIO()
    rows = csv.writer(written, lineterminator="\n")
    header, columns = [], []
    for column in sheet.columns:
        header.append(column.name)
        columns.append(["" if value is None else value for value in column.values])
        if column.errors:
            header.append("error")
            columns.append([_error(error) for error in column.errors])
    for name, value in (
        sheet.totals | {f"convention_{key}": text for key, text in sheet.conventions.items()}
    ).items():
        header.append(name)
        columns.append(["" if value is None else value] * len(columns[0]))
    rows.writerow(header)
    rows.writerows(zip(*columns, strict=True))
    return written.getvalue()


def _latex(sheet: Sheet) -> str:
    if len(sheet.columns) > WIDEST and len(sheet.columns[0].values) == 1:
        sheet = _turned(sheet)
    lines = [f"% {name}: {text}" for name, text in sheet.conventions.items()]
    lines += [rf"\begin{{tabular}}{{l{'r' * (len(sheet.columns) - 1)}}}", r"\hline"]
    lines.append(" & ".join(_heading(column) for column in sheet.columns) + r" \\ \hline")
    cells = [[_cell(column, i) for i in range(len(column.values))] for column in sheet.columns]
    lines += [" & ".join(row) + r" \\" for row in zip(*cells, strict=True)]
    if sheet.totals:
        lines.append(r"\hline")
        rest = " &" * (len(sheet.columns) - 2)
        for name, value in sheet.totals.items():
            lines.append(f"{latex_text(name)} & {_cell(SheetColumn(name, (value,)), 0)}{rest}" + r" \\")
    return "\n".join([*lines, r"\hline", r"\end{tabular}", ""])


def _turned(sheet: Sheet) -> Sheet:
    """Return a sheet of one row as a list of quantities: so many columns do not fit on a page."""
    (first, *columns), by_name = sheet.columns, {column.name: column.values[0] for column in sheet.columns}
    fitted = [name.removesuffix("_value") for name in by_name if name.endswith("_value")]
    ends = {f"{name}_{end}" for name in fitted for end in ("value", "up", "down", "total_up", "total_down")}
    rows: list[tuple[str, Any, Any]] = []
    for column in columns:
        label = f"{column.name} [{column.unit}]" if column.unit else column.name
        base = column.name.removesuffix("_value")
        if column.name not in ends:
            rows.append((label, column.values[0], column.errors[0] if column.errors else 0.0))
        elif base != column.name:
            for kind, of in (("statistical", ""), ("total", "total_")):
                ends_of: Any = by_name[f"{base}_{of}up"], by_name[f"{base}_{of}down"]
                rows.append((f"{base}, {kind}", column.values[0], ends_of))
    names, values, errors = zip(*rows, strict=True)
    turned = SheetColumn("quantity", names), SheetColumn(str(first.values[0]), values, errors)
    return Sheet(sheet.title, turned, sheet.conventions, sheet.totals)


def _heading(column: SheetColumn) -> str:
    unit = f" [{column.unit}]" if column.unit else ""
    return latex_text(f"{column.name}{unit}")


def _cell(column: SheetColumn, i: int) -> str:
    value = column.values[i]
    if value is None:
        return "--"
    if isinstance(value, str):
        return latex_text(value)
    if column.errors and column.errors[i]:
        error = column.errors[i]
        shown = plus_minus(value, *error) if isinstance(error, tuple) else plus_minus(value, error)
    else:
        shown = f"{value:.4g}" if value != SMALLEST_P else p_text(value)
    mantissa, _, exponent = shown.partition("e")
    for sign, written in (("±", r"\pm"), (" +", "^{+"), (" -", "}_{-")):
        mantissa = mantissa.replace(sign, written)
    if "^{" in mantissa:
        mantissa = mantissa.removesuffix(")") + "}" + ")" * mantissa.endswith(")")
    return rf"${mantissa} \times 10^{{{int(exponent)}}}$" if exponent else f"${mantissa}$"


def _error(error: float | tuple[float, float]) -> float | str:
    """Return an error as the tables that bdana reads have it."""
    return f"+{error[0]!r},-{error[1]!r}" if isinstance(error, tuple) else error


def _write_hepdata(path: Path, sheet: Sheet) -> None:
    try:
        hepdata = import_module("hepdata_lib")  # an extra, so that nothing imports it before
    except ImportError:
        raise ConfigError(
            f"{path}: a HEPData submission needs hepdata-lib: pip install 'bdana[export]'"
        ) from None
    found = hepdata.Table(sheet.title)
    found.description = "; ".join(f"{name}: {text}" for name, text in sheet.conventions.items())
    rows = len(sheet.columns[0].values) if sheet.columns else 0
    totals = [SheetColumn(name, (value,) * rows) for name, value in sheet.totals.items()]
    for i, column in enumerate([*sheet.columns, *totals]):
        variable = hepdata.Variable(column.name, is_independent=i == 0, is_binned=False, units=column.unit)
        variable.values = ["-" if value is None else value for value in column.values]
        if column.errors:
            same = all(not isinstance(error, tuple) for error in column.errors)
            total = hepdata.Uncertainty("total", is_symmetric=same)
            ends = [error if isinstance(error, tuple) else (error, error) for error in column.errors]
            total.values = [up if same else (-down, up) for up, down in ends]
            variable.add_uncertainty(total)
        found.add_variable(variable)
    submission = hepdata.Submission()
    submission.comment = found.description
    submission.add_table(found)
    with temporary_beside(path) as temporary, tempfile.TemporaryDirectory() as folder:
        with contextlib.chdir(folder), contextlib.redirect_stdout(io.StringIO()):  # where it puts its archive
            submission.create_files("tables", validate=True)
        temporary.write_bytes((Path(folder) / "submission.tar.gz").read_bytes())

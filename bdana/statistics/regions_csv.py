"""Counts tables from CSV (name, expected, error, observed: empty or `closed`) or from the table.json of a run.

The error of a region may be the name of a text file of equally likely expectations, `@FILE` beside the table.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from bdana.csv_rows import CsvRow, parse_number, read_csv
from bdana.errors import InputError
from bdana.observed import Predicted
from bdana.statistics.categories_csv import parse_background, read_toys
from bdana.statistics.error_sources import ErrorSources
from bdana.statistics.poisson import Background, Floats, whole
from bdana.text_files import open_text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

__all__ = ["CountedRegion", "read_covariance", "read_error_sources", "read_protons", "read_regions"]

COLUMNS = ("name", "expected", "error", "observed")


@dataclass(frozen=True, slots=True)
class CountedRegion:
    """A region with its expected background and its observed count, which is None while the region is closed."""

    name: str
    background: Background
    observed: int | None


def read_regions(path: Path) -> tuple[CountedRegion, ...]:
    """Read and check a counts table; every error names the file and the region.

    Parameters
    ----------
    path : Path
        A table.json, or a CSV with any other extension.
    """
    rows = _of_table(path) if path.suffix == ".json" else _of_csv(path)
    if not rows:
        raise InputError(f"{path}: no region: add a line below the header")
    names = [row.name for row in rows]
    for name in names:
        if names.count(name) > 1:
            raise InputError(f"{path}: region '{name}' twice: give every region its own name")
    return rows


def read_protons(path: Path) -> float | None:
    """Return the protons on target that the table.json of a run was counted in; None where it tells none, and from CSV.

    Parameters
    ----------
    path : Path
        That `read_regions` could read.
    """
    if path.suffix != ".json":
        return None
    protons = json.loads(path.read_text(encoding="utf-8")).get("protons_on_target")
    return None if protons is None else float(protons)


def _of_csv(path: Path) -> tuple[CountedRegion, ...]:
    _, rows = read_csv(path, COLUMNS)
    return tuple(_row(row.where, row.values, folder=path.parent) for row in rows)


def _of_table(path: Path) -> tuple[CountedRegion, ...]:
    try:
        with open_text(path) as stream:
            rows = json.load(stream)["regions"]
        return tuple(
            _row(
                f"{path}, region {i}",
                {name: str(row.get(name, "")) for name in COLUMNS} | _two_errors(row),
                row.get("upper_limit_90"),
            )
            for i, row in enumerate(rows, 1)
        )
    except (OSError, UnicodeDecodeError) as err:
        raise InputError(f"{path}: cannot be read: {err}") from err
    except (json.JSONDecodeError, KeyError, TypeError, AttributeError):
        raise InputError(
            f"{path}: is not a table of bdana run: a JSON object with a list of 'regions' is needed"
        ) from None


def _two_errors(row: Mapping[str, Any]) -> dict[str, str]:
    """Return both errors of a row that has a downward one as a CSV has them."""
    if row.get("error_down") is None:
        return {}
    up, down = Background.of(Predicted.of_dict(row)).errors
    return {"error": f"+{up!r},-{down!r}"}


def _number(text: str, where: str) -> float:
    # What is no finite number is refused by the quantity that it stands for, which says what it must be.
    return float(text) if text.lower().lstrip("+-") in {"nan", "inf"} else parse_number(text, where)


def _row(
    where: str, row: Mapping[str, str], limit: float | None = None, folder: Path | None = None
) -> CountedRegion:
    name, expected, error, observed = (row[column] for column in COLUMNS)
    here = f"{where}, region '{name}'"
    of_toys = folder is not None and error.startswith("@")
    if of_toys and expected:
        raise InputError(f"{here}: the toys in {error} have the expectation in them: leave expected empty")
    number = 0.0 if limit or of_toys else _number(expected, f"{here}, expected")
    seen = None if observed in {"", "closed"} else _number(observed, f"{here}, observed")
    try:
        if of_toys and folder is not None:
            background = read_toys(folder / error[1:])
        else:
            background = Background.unseen(limit) if limit else parse_background(number, error)
        count = None if seen is None else whole(seen)
    except (ValueError, InputError) as err:
        raise InputError(f"{here}: {err}") from err
    return CountedRegion(name, background, count)


def read_error_sources(path: Path) -> ErrorSources | None:
    """Read what the errors of a run's table.json are made of; None where it does not say so, and from CSV.

    Parameters
    ----------
    path : Path

    Raises
    ------
    InputError
        When the file is damaged.
    """
    if path.suffix != ".json":
        return None
    try:
        with open_text(path) as stream:
            found = json.load(stream).get("errors")
        return None if found is None else ErrorSources.of_dict(found)
    except (KeyError, TypeError, ValueError, AttributeError, InputError) as err:
        raise InputError(
            f"{path}: its 'errors' are damaged ({err}): run `bdana run` again, or give --covariance"
        ) from None


def read_covariance(path: Path, names: Sequence[str]) -> Floats:
    """Read the covariance of the expectations of regions from CSV.

    Parameters
    ----------
    path : Path
        A header with `name` and the names of the regions, and a row for each of them; in events squared.
    names : sequence of str
        Regions in the order of the result.
    """
    _, rows = read_csv(path, ["name", *names])
    found: dict[str, CsvRow] = {}
    for row in rows:
        name = row.values["name"]
        if name in found:
            raise InputError(f"{row.where}: region '{name}' twice: give every region one row")
        found[name] = row
    missing = [name for name in names if name not in found]
    if missing:
        raise InputError(f"{path}: no row '{missing[0]}': the regions are {', '.join(names)}")
    return np.array([[found[i].number(j) for j in names] for i in names])

"""A counts table from CSV: name, expected, error, observed (empty or `closed` where closed)."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bdana.errors import InputError
from bdana.statistics.poisson import Background, whole

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["RegionCount", "read_regions"]

COLUMNS = ("name", "expected", "error", "observed")


@dataclass(frozen=True, slots=True)
class RegionCount:
    """One region: its background, and its count, None while closed."""

    name: str
    background: Background
    observed: int | None


def read_regions(path: Path) -> tuple[RegionCount, ...]:
    """Read and check a counts table; every refusal names the file and the line."""
    try:
        with path.open(newline="", encoding="utf-8") as stream:
            reader = csv.DictReader(stream, skipinitialspace=True)
            missing = [name for name in COLUMNS if name not in (reader.fieldnames or ())]
            if missing:
                raise InputError(f"{path}: no column '{missing[0]}': the columns are {', '.join(COLUMNS)}")
            rows = tuple(_row(path, reader.line_num, row) for row in reader)
    except (OSError, UnicodeDecodeError) as err:
        raise InputError(f"{path}: cannot be read: {err}") from err
    if not rows:
        raise InputError(f"{path}: no region: add a line below the header")
    return rows


def _row(path: Path, line: int, row: dict[str, str | None]) -> RegionCount:
    name, expected, error, observed = ((row[column] or "").strip() for column in COLUMNS)
    try:
        background = Background(float(expected), float(error))
        count = None if observed in {"", "closed"} else whole(float(observed))
    except (ValueError, InputError) as err:
        raise InputError(f"{path}, line {line}, region '{name}': {err}") from err
    return RegionCount(name, background, count)

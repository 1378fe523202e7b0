"""Backgrounds and categories of a measurement as people write them: on the command line, in CSV, as a list of toys."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING

import numpy as np

from bdana.errors import InputError
from bdana.statistics.background import Background
from bdana.statistics.poisson import whole
from bdana.statistics.signal_fit import Category
from bdana.text_files import open_text

if TYPE_CHECKING:
    from pathlib import Path

    from bdana.statistics.background import Prior

__all__ = ["parse_background", "parse_category", "parse_errors", "read_categories", "read_toys"]

FORM = "NAME:OBSERVED:BACKGROUND:ERROR:SES[:SES_ERROR]"
COLUMNS = ("name", "observed", "background", "error", "ses")


def parse_errors(text: str) -> tuple[float, float]:
    """Return upward and downward error of a text like `0.9`, `+1.05,-0.82` or `-0.82,+1.05`, both positive.

    Parameters
    ----------
    text : str

    Raises
    ------
    InputError
        When it is none of these.

    Examples
    --------
    >>> from bdana.statistics.categories_csv import parse_errors
    >>> parse_errors("+1.05,-0.82"), parse_errors("0.9")
    ((1.05, 0.82), (0.9, 0.9))
    """
    try:
        numbers = [float(part) for part in text.split(",")]
    except ValueError:
        numbers = []
    if len(numbers) == 1 and numbers[0] >= 0:
        return numbers[0], numbers[0]
    if len(numbers) == 2 and min(numbers) < 0 < max(numbers):
        return max(numbers), -min(numbers)
    raise InputError(
        f"the background error is {text}: give one number that is not negative, like 0.9, or both errors with their signs, "
        "like +1.05,-0.82"
    )


def parse_background(expected: float, errors: str, prior: Prior = "truncated_gaussian") -> Background:
    """Return a background of an expectation and the text of its error.

    Parameters
    ----------
    expected : float
        In events.
    errors : str
        As `parse_errors` takes it.
    prior : {"truncated_gaussian", "gamma", "lognormal"}
        Form of a symmetric error; two different errors are halves of two normal densities.

    Raises
    ------
    InputError
        When something in it is wrong.
    """
    up, down = parse_errors(errors)
    if up == down:
        return Background(expected, up, prior)
    if prior != "truncated_gaussian":
        raise InputError(f"a {prior} prior has one error: give two of them without a prior")
    return Background.asymmetric(expected, up, down)


def read_toys(path: Path) -> Background:
    """Read a background from a list of equally likely expectations, in events: numbers apart by spaces or lines.

    Parameters
    ----------
    path : Path
        Text; what follows a # is left out.

    Raises
    ------
    InputError
        When it cannot be read, or is no such list.
    """
    try:
        with open_text(path) as stream:
            lines = stream.read().splitlines()
        return Background.of_toys(
            np.array([float(part) for line in lines for part in line.partition("#")[0].split()])
        )
    except (OSError, UnicodeDecodeError) as err:
        raise InputError(f"{path}: cannot be read: {err}") from err
    except (ValueError, InputError) as err:
        raise InputError(f"{path}: {err}") from err


def parse_category(text: str) -> Category:
    """Return the category of a text like `2017:2:1.46:+0.3,-0.2:0.389e-10`.

    Parameters
    ----------
    text : str
        Name, observed events, background with its error, single-event sensitivity and, if it has one, its error.

    Raises
    ------
    InputError
        When something in it is wrong.
    """
    name, *fields = text.split(":")
    if not name or not 4 <= len(fields) <= 5:
        raise InputError(f"--category {text}: write {FORM}, like 2017:2:1.46:+0.3,-0.2:0.389e-10")
    return _category(f"--category {text}", name, *fields)


def read_categories(path: Path) -> tuple[Category, ...]:
    """Read the categories of a measurement from CSV; every error names the file and the line.

    Parameters
    ----------
    path : Path
        Columns name, observed, background, error, ses and, if they have one, ses_error. An error with two sides is in
        quotation marks: "+1.05,-0.82".
    """
    try:
        with open_text(path) as stream:
            reader = csv.DictReader(stream, skipinitialspace=True)
            missing = [name for name in COLUMNS if name not in (reader.fieldnames or ())]
            if missing:
                raise InputError(f"{path}: no column '{missing[0]}': the columns are {', '.join(COLUMNS)}")
            found = []
            for row in reader:
                name, *fields = ((row.get(key) or "").strip() for key in (*COLUMNS, "ses_error"))
                found.append(_category(f"{path}, line {reader.line_num}", name, *fields))
    except (OSError, UnicodeDecodeError) as err:
        raise InputError(f"{path}: cannot be read: {err}") from err
    if not found:
        raise InputError(f"{path}: no category: add a line below the header")
    return tuple(found)


def _category(
    where: str, name: str, observed: str, background: str, error: str, ses: str, ses_error: str = ""
) -> Category:
    try:
        sensitivity, wrong = float(ses), float(ses_error or 0.0)
        relative = wrong / sensitivity if sensitivity else 0.0  # a sensitivity of zero is refused below
        made = parse_background(float(background), error or "0")
        return Category(name, whole(float(observed)), made, sensitivity, relative)
    except (ValueError, InputError) as err:
        raise InputError(f"{where}: {err}") from None

"""Tables that people write as CSV: every line has the fields of the header, and numbers are numbers."""

from __future__ import annotations

import csv
import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bdana.errors import InputError
from bdana.text_files import open_text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

__all__ = ["CsvRow", "parse_number", "read_csv"]

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")


@dataclass(frozen=True)
class CsvRow:
    """A line of a table.

    Attributes
    ----------
    where : str
        File and line, for messages.
    values : mapping of str to str
        Text of each column, without blanks around it.
    """

    where: str
    values: Mapping[str, str]

    def number(self, column: str) -> float:
        """Return a finite number.

        Parameters
        ----------
        column : str

        Raises
        ------
        InputError
            When the text is none, naming file, line and column.
        """
        return parse_number(self.values[column], f"{self.where}, {column}")

    def whole(self, column: str, below: int) -> int:
        """Return a whole number of at least 0.

        Parameters
        ----------
        column : str
        below : int
            It is less than this.

        Raises
        ------
        InputError
            When the text is none, naming file, line and column.
        """
        number = self.number(column)
        if not number.is_integer() or not 0 <= number < below:
            raise InputError(
                f"{self.where}, {column}: '{self.values[column]}' is no whole number from 0 to {below - 1}"
            )
        return int(number)


def read_csv(path: Path, columns: Sequence[str]) -> tuple[list[str], list[CsvRow]]:
    r"""Read a table in UTF-8, with or without a byte order mark; empty lines are left out.

    Parameters
    ----------
    path : Path
    columns : sequence of str
        Columns that the header must name.

    Returns
    -------
    list of str
        The header.
    list of CsvRow
        The lines below it.

    Raises
    ------
    InputError
        When the file cannot be read, a column is missing or there twice, or a line has more or fewer fields than the
        header: it names file and line.

    Examples
    --------
    >>> from pathlib import Path
    >>> from bdana.csv_rows import read_csv
    >>> _ = Path("good.csv").write_text("run,burst,pot\n8001,1,6.5e12\n")
    >>> header, rows = read_csv(Path("good.csv"), ["run"])
    >>> header, rows[0].whole("run", 10_000), rows[0].number("pot")
    (['run', 'burst', 'pot'], 8001, 6500000000000.0)
    """
    try:
        with open_text(path) as stream:
            reader = csv.reader(stream, skipinitialspace=True, strict=True)
            read = ((reader.line_num, [text.strip() for text in row]) for row in reader)
            lines = [(number, row) for number, row in read if row not in ([], [""])]
    except UnicodeDecodeError as err:
        raise InputError(f"{path}: is not text in UTF-8 (byte {err.start}); save it as UTF-8") from None
    except OSError as err:
        raise InputError(f"{path}: cannot be read: {err.strerror}") from None
    except csv.Error as err:
        raise InputError(f"{path}, line {reader.line_num}: is no CSV: {err}") from None
    if not lines:
        raise InputError(f"{path}: is empty: begin with a header such as {','.join(columns)}")
    (number, header), *rows = lines
    _check_header(f"{path}, line {number}", header, columns)
    return header, [_row(f"{path}, line {number}", header, row) for number, row in rows]


def parse_number(text: str, where: str) -> float:
    """Return the finite number that a text says.

    Parameters
    ----------
    text : str
    where : str
        What it is, for the message.

    Raises
    ------
    InputError
        When it is none.
    """
    if _NUMBER.fullmatch(text) and math.isfinite(float(text)):
        return float(text)
    advice = "write the decimal sign as a point" if "," in text else "write it like 0.00105 or 1.05e-3"
    raise InputError(f"{where}: '{text}' is no finite number: {advice}")


def _check_header(where: str, header: Sequence[str], columns: Sequence[str]) -> None:
    missing = [name for name in columns if name not in header]
    if missing:
        advice = (
            ": separate the columns by commas, and write numbers with a decimal point"
            if any(sign in "".join(header) for sign in ";\t")
            else f": the columns are {', '.join(columns)}"
        )
        raise InputError(f"{where}: no column '{missing[0]}'{advice}")
    for name in header:
        if header.count(name) > 1:
            raise InputError(f"{where}: column '{name}' twice: give every column its own name")


def _row(where: str, header: Sequence[str], row: Sequence[str]) -> CsvRow:
    if len(row) != len(header):
        few_or_many = "more" if len(row) > len(header) else "fewer"
        raise InputError(
            f"{where}: {len(row)} fields, {few_or_many} than the {len(header)} of the header: give each column one value, and "
            "numbers a decimal point, no comma"
        )
    return CsvRow(where, dict(zip(header, row, strict=True)))

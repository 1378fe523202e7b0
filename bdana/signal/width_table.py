"""Partial widths of a new particle from a user's table, instead of those of a model.

A table is CSV with a header: `mass_mev`, and for each decay mode a column `<mode>_mev` with its partial width in MeV at
coupling 1, such as

    mass_mev,ee_mev,mumu_mev,hadrons_mev
    200,0.000486,0,0
    250,0.000608,0.000441,0
"""

from __future__ import annotations

import csv
import math
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bdana.errors import ConfigError, InputError
from bdana.on_demand import late_module
from bdana.signal.contract import Mode
from bdana.text_files import open_text

if TYPE_CHECKING:
    from collections.abc import Mapping

    import scipy
    from numpy.typing import ArrayLike, NDArray
else:
    scipy = late_module("scipy")

__all__ = ["OwnWidths", "WidthTable", "read_widths"]

_MASS = "mass_mev"
_SUFFIX = "_mev"


@dataclass(frozen=True)
class WidthTable:
    """Partial widths against mass.

    Attributes
    ----------
    path : Path
        Where they come from.
    modes : tuple of str
        Decay modes, such as `mumu`.
    masses : ndarray, shape (M,)
        In MeV, ascending.
    widths : ndarray, shape (modes, M)
        In MeV at coupling 1.
    """

    path: Path
    modes: tuple[str, ...]
    masses: NDArray[np.float64] = field(repr=False)
    widths: NDArray[np.float64] = field(repr=False)

    @property
    def mass_range(self) -> tuple[float, float]:
        """Lowest and highest mass of the table in MeV."""
        return float(self.masses[0]), float(self.masses[-1])

    def width(self, mode: str, mass: ArrayLike) -> NDArray[np.float64]:
        """Return the partial width of a decay mode, by monotone cubic interpolation.

        Between masses where it is 0 it stays 0, so a mode opens at the last mass with a width of 0.

        Parameters
        ----------
        mode : str
            One of `modes`.
        mass : array-like, shape (N,)
            In MeV.

        Returns
        -------
        ndarray, shape (N,)
            In MeV at coupling 1.

        Raises
        ------
        ConfigError
            When the table has no such mode, or a mass is outside of it.
        """
        if mode not in self.modes:
            raise ConfigError(f"{self.path}: no decay mode '{mode}': the table has {', '.join(self.modes)}")
        asked = np.asarray(mass, dtype=np.float64)
        low, high = self.mass_range
        outside = asked[~((asked >= low) & (asked <= high))]
        if outside.size:
            raise ConfigError(
                f"mass {outside.flat[0]:g} MeV: {self.path} has widths from {low:g} to {high:g} MeV"
            )
        # The end of a steep rise may fall below 0 by rounding.
        width: NDArray[np.float64] = np.maximum(self._curves[mode](asked), 0.0)
        return width

    @cached_property
    def _curves(self) -> dict[str, scipy.interpolate.PchipInterpolator]:
        return {
            mode: scipy.interpolate.PchipInterpolator(self.masses, column)
            for mode, column in zip(self.modes, self.widths, strict=True)
        }


class OwnWidths:
    """Base of models whose users may give widths of their own, with the parameter `widths`: `none` or the path of a table."""

    mass: float
    parameters: Any

    def range_with_table(self, low: float, high: float) -> tuple[float, float]:
        """Return the masses in MeV between which the widths are known: those of the model, or of the table above its low end.

        Parameters
        ----------
        low, high : float
            Of the model, in MeV.
        """
        if self.own_table is None:
            return low, high
        first, last = self.own_table.mass_range
        return max(low, first), last

    def own_modes(self, known: Mapping[str, Mode]) -> dict[str, Mode]:
        """Return the modes of the table at this mass; none without one.

        Parameters
        ----------
        known : mapping of str to Mode
            By name, modes whose products are told apart; their widths do not matter.
        """
        table = self.own_table
        if table is None:
            return {}
        return {
            name: replace(known.get(name, Mode(0.0)), width=float(table.width(name, self.mass)), error=0.0)
            for name in table.modes
        }

    @cached_property
    def own_table(self) -> WidthTable | None:
        """The user's table."""
        path = self.parameters.widths
        return None if path == "none" else read_widths(Path(path))


def read_widths(path: Path) -> WidthTable:
    r"""Read and check a table of partial widths; every error names the file and the line.

    Parameters
    ----------
    path : Path
        CSV with the columns `mass_mev` and `<mode>_mev` for each decay mode, all in MeV, masses ascending.

    Raises
    ------
    InputError
        When the file cannot be read; its header is missing, has another unit or a mode twice; a line has too many or too
        few fields, or one that is no number, not finite or negative; masses do not ascend; or there are fewer than two.

    Examples
    --------
    >>> from pathlib import Path
    >>> _ = Path("widths.csv").write_text("mass_mev,ee_mev,mumu_mev\n200,0.5,0\n210,0.51,0\n220,0.53,0.22\n")
    >>> table = read_widths(Path("widths.csv"))
    >>> table.modes, table.mass_range
    (('ee', 'mumu'), (200.0, 220.0))
    >>> table.width("mumu", [205.0, 220.0])
    array([0.  , 0.22])
    """
    try:
        with open_text(path) as stream:
            reader = csv.reader(stream, skipinitialspace=True)
            lines = [(reader.line_num, [text.strip() for text in row]) for row in reader if any(row)]
    except (OSError, UnicodeDecodeError, csv.Error) as err:
        raise InputError(f"{path}: cannot be read: {err}") from err
    if not lines:
        raise InputError(f"{path}: is empty: begin with a header such as mass_mev,ee_mev,mumu_mev")
    (number, header), *rows = lines
    modes = _modes(f"{path}, line {number}", header)
    if len(rows) < 2:
        raise InputError(f"{path}: {len(rows)} lines below the header: give two masses or more")
    table = np.array([_row(f"{path}, line {number}", header, row) for number, row in rows])
    masses = table[:, 0]
    for (number, _), before, mass in zip(rows[1:], masses, masses[1:], strict=False):
        if mass <= before:
            raise InputError(
                f"{path}, line {number}: mass {mass:g} MeV after {before:g} MeV: sort by mass, each once"
            )
    return WidthTable(path, modes, masses, table[:, 1:].T.copy())


def _modes(where: str, header: list[str]) -> tuple[str, ...]:
    """Return the decay modes that a header names."""
    if any(";" in name for name in header):
        raise InputError(f"{where}: separate the columns by commas, and write numbers with a decimal point")
    if header[0] != _MASS:
        raise InputError(
            f"{where}: the first column is '{header[0]}': give a header that begins with {_MASS}, masses in MeV"
        )
    for name in header[1:]:
        if not name.endswith(_SUFFIX) or name == _SUFFIX:
            raise InputError(
                f"{where}: column '{name}': name it after its decay mode and unit, such as mumu{_SUFFIX}"
            )
        if header.count(name) > 1:
            raise InputError(f"{where}: column '{name}' twice: give every column its own name")
    if len(header) == 1:
        raise InputError(f"{where}: no decay mode: add a column such as mumu{_SUFFIX}")
    return tuple(name.removesuffix(_SUFFIX) for name in header[1:])


def _row(where: str, header: list[str], row: list[str]) -> list[float]:
    if len(row) != len(header):
        raise InputError(
            f"{where}: {len(row)} fields, but the header has {len(header)}: give each column one number, "
            "with a decimal point"
        )
    numbers = [_number(f"{where}, {name}", text) for name, text in zip(header, row, strict=True)]
    if numbers[0] == 0.0:
        raise InputError(f"{where}: mass 0: begin above 0")
    return numbers


def _number(where: str, text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        raise InputError(f"{where}: '{text}' is no number: write it like 0.00105 or 1.05e-3") from None
    if not math.isfinite(number) or number < 0.0:
        raise InputError(f"{where}: {text} is not a finite number of at least 0: mend or leave out the line")
    return number

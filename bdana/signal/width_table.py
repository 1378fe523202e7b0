"""Partial widths of a new particle from a user's table, instead of those of a model.

A table is CSV with a header: `mass_mev`, and for each decay mode a column `<mode>_mev` with its partial width in MeV at
coupling 1, such as

    mass_mev,ee_mev,mumu_mev,hadrons_mev
    200,0.000486,0,0
    250,0.000608,0.000441,0

or one table for each mode, with its masses and widths in units that the header says, such as `mass_gev,width_ev`.
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

__all__ = ["ModeTables", "OwnWidths", "WidthTable", "read_mode_widths", "read_widths"]

_MASS = "mass_mev"
_SUFFIX = "_mev"
_UNITS = {"ev": 1e-6, "kev": 1e-3, "mev": 1.0, "gev": 1e3}
"""In MeV."""


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
        asked = self.check(mass)
        # The end of a steep rise may fall below 0 by rounding.
        width: NDArray[np.float64] = np.maximum(self._curves[mode](asked), 0.0)
        return width

    def check(self, mass: ArrayLike) -> NDArray[np.float64]:
        """Return masses as an array, if all are in the table.

        Parameters
        ----------
        mass : array-like, shape (N,)
            In MeV.

        Raises
        ------
        ConfigError
            Naming one that is not.
        """
        asked = np.asarray(mass, dtype=np.float64)
        low, high = self.mass_range
        outside = asked[~((asked >= low) & (asked <= high))]
        if outside.size:
            raise ConfigError(
                f"mass {outside.flat[0]:g} MeV: {self.path} has widths from {low:g} to {high:g} MeV"
            )
        return asked

    @cached_property
    def _curves(self) -> dict[str, scipy.interpolate.PchipInterpolator]:
        return {
            mode: scipy.interpolate.PchipInterpolator(self.masses, column)
            for mode, column in zip(self.modes, self.widths, strict=True)
        }


@dataclass(frozen=True)
class ModeTables:
    """Partial widths against mass, each mode with masses of its own.

    Attributes
    ----------
    tables : tuple of WidthTable
        Of one mode each.
    """

    tables: tuple[WidthTable, ...]

    @property
    def modes(self) -> tuple[str, ...]:
        """Decay modes."""
        return tuple(table.modes[0] for table in self.tables)

    @property
    def mass_range(self) -> tuple[float, float]:
        """Masses in MeV between which all are known: a table that begins with 0 is of a mode that opens there."""
        begins = [table.masses[0] for table in self.tables if table.widths[0, 0] > 0.0]
        low = max(begins) if begins else min(table.masses[0] for table in self.tables)
        return float(low), min(float(table.masses[-1]) for table in self.tables)

    def width(self, mode: str, mass: float) -> float:
        """Return the partial width of a decay mode in MeV at coupling 1, interpolated linearly as the programs do.

        Parameters
        ----------
        mode : str
            One of `modes`.
        mass : float
            In MeV.

        Raises
        ------
        ConfigError
            When there is no such mode, or the mass is outside of its table.
        """
        if mode not in self.modes:
            raise ConfigError(f"no decay mode '{mode}': there are tables of {', '.join(self.modes)}")
        table = self.tables[self.modes.index(mode)]
        if mass < table.masses[0] and table.widths[0, 0] == 0.0:
            return 0.0
        table.check(mass)
        return float(np.interp(mass, table.masses, table.widths[0]))


class OwnWidths:
    """Base of models whose users may give widths of their own, with the parameter `widths`.

    It is `none`, the path of a table, or a table for each mode: a dict of paths by mode.
    """

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
    def own_table(self) -> WidthTable | ModeTables | None:
        """The user's table, or tables."""
        given = self.parameters.widths
        if isinstance(given, str):
            return None if given == "none" else read_widths(Path(given))
        return ModeTables(tuple(read_mode_widths(mode, place) for mode, place in given.items()))


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
    _check_ascending(path, [number for number, _ in rows], masses)
    return WidthTable(path, modes, masses, table[:, 1:].T.copy())


def read_mode_widths(mode: str, place: str) -> WidthTable:
    r"""Read the partial width of one decay mode; every error names the file and the line.

    Parameters
    ----------
    mode : str
    place : str
        Path of a file with two columns, mass and width, separated by commas or blanks. Its header says the units: `mass_mev` or
        `mass_gev`, and `width_mev`, `width_gev`, `width_kev` or `width_ev`. A file without one is read when the units stand
        behind the path, such as `widths.dat:GeV:eV`.

    Raises
    ------
    InputError
        When the file cannot be read, the units are not said, or a line is wrong as for `read_widths`.

    Examples
    --------
    >>> from pathlib import Path
    >>> _ = Path("photons.dat").write_text("0.3 0.07\n0.5 3.2\n")
    >>> float(read_mode_widths("gammagamma", "photons.dat:GeV:eV").width("gammagamma", 500.0))
    3.2e-06
    """
    name, *units = place.rsplit(":", 2)
    if len(units) != 2:
        name, units = place, []
    path = Path(name)
    try:
        with open_text(path) as stream:
            lines = [(number, line.replace(",", " ").split()) for number, line in enumerate(stream, 1)]
    except (OSError, UnicodeDecodeError) as err:
        raise InputError(f"{path}: cannot be read: {err}") from err
    rows = [(number, fields) for number, fields in lines if fields and not fields[0].startswith("#")]
    if rows and not units:
        (number, header), *rows = rows
        parts = [field.lower().rpartition("_") for field in header]
        if [part[0] for part in parts] != ["mass", "width"]:
            raise InputError(
                f"{path}, line {number}: the columns are '{' '.join(header)}': give a header with units such as mass_mev,"
                f"width_mev, or say them behind the path, such as {path}:GeV:eV"
            )
        units = [part[2] for part in parts]
    scales = []
    for column, unit in zip(("mass", "width"), units, strict=False):
        if unit.lower() not in _UNITS:
            raise InputError(f"{path}: unit '{unit}' of the {column}: there are eV, keV, MeV and GeV")
        scales.append(_UNITS[unit.lower()])
    if len(rows) < 2:
        raise InputError(f"{path}: {len(rows)} lines with numbers: give two masses or more")
    table = (
        np.array([_row(f"{path}, line {number}", ["mass", "width"], fields) for number, fields in rows])
        * scales
    )
    _check_ascending(path, [number for number, _ in rows], table[:, 0])
    return WidthTable(path, (mode,), table[:, 0].copy(), table[:, 1:].T.copy())


def _check_ascending(path: Path, numbers: list[int], masses: NDArray[np.float64]) -> None:
    for number, before, mass in zip(numbers[1:], masses, masses[1:], strict=False):
        if mass <= before:
            raise InputError(
                f"{path}, line {number}: mass {mass:g} MeV after {before:g} MeV: sort by mass, each once"
            )


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
        if name == f"total{_SUFFIX}":
            raise InputError(
                f"{where}: column '{name}': it would count every mode twice; give a column for each mode, or "
                f"hadrons{_SUFFIX} for all that have none"
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
    if numbers[0] == 0.0 and any(numbers):
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

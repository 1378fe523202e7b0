"""Units of the numbers in a file: names of hepunits, each of one dimension."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import hepunits

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["DIMENSIONS", "dimension", "named_unit", "value_of"]

DIMENSIONS: Mapping[str, tuple[str, ...]] = {
    "length": (
        "fm", "femtometer", "fermi", "angstrom", "nanometer", "micrometer", "micron", "mm", "millimeter", "cm", "centimeter",
        "m", "meter", "km", "kilometer",
    ),
    "time": (
        "fs", "femtosecond", "ps", "picosecond", "ns", "nanosecond", "us", "microsecond", "ms", "millisecond", "s", "second",
        "minute", "h", "hour", "d", "day", "y", "year",
    ),
    "energy": (
        "eV", "electronvolt", "keV", "kiloelectronvolt", "MeV", "megaelectronvolt", "GeV", "gigaelectronvolt", "TeV",
        "teraelectronvolt", "PeV", "petaelectronvolt", "J", "joule", "erg",
    ),
    "angle": ("rad", "radian", "mrad", "milliradian", "deg", "degree"),
}  # fmt: skip
"""Units by dimension; energies, momenta and masses have the same, with c = 1."""


def dimension(unit: str) -> str:
    """Return the dimension of a unit; empty for the empty unit of pure numbers.

    Parameters
    ----------
    unit : str

    Raises
    ------
    ValueError
        When it is no unit of a column.

    Examples
    --------
    >>> from bdana.events.units import dimension
    >>> dimension("mrad"), dimension("GeV")
    ('angle', 'energy')
    """
    for name, units in DIMENSIONS.items():
        if unit in units:
            return name
    if unit:
        known = "; ".join(f"{name} {', '.join(units)}" for name, units in DIMENSIONS.items())
        raise ValueError(f"'{unit}' is not a unit of a column: there are {known}")
    return ""


_UNIT_OF_LABEL = re.compile(
    r"(?:[\[(/,]|\bin)\s*\$?\\?(?:mathrm|text|rm)?\s*\{?\s*([A-Za-z]+)\s*\}?(?:/\$?c.*|\$?\s*[\])]?\$?)$"
)


def named_unit(label: str) -> str:
    """Return the unit with which the label of an axis ends, such as `z [m]` or `mass in GeV/c^2`; empty without one.

    Parameters
    ----------
    label : str

    Examples
    --------
    >>> from bdana.events.units import named_unit
    >>> named_unit("z [m]"), named_unit("mass in GeV/c^2"), named_unit("m(mu mu)"), named_unit("t(+) - t(-)")
    ('m', 'GeV', '', '')
    """
    found = _UNIT_OF_LABEL.search(label.strip())
    unit = found[1] if found else ""
    return unit if any(unit in units for units in DIMENSIONS.values()) else ""


def value_of(unit: str) -> float:
    """Return a unit in mm, ns, MeV, rad; 1 for pure numbers.

    Parameters
    ----------
    unit : str
    """
    return float(getattr(hepunits, unit)) if unit else 1.0

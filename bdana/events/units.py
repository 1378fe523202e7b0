"""Units of the numbers in a file: names of hepunits, each of one dimension."""

from __future__ import annotations

from typing import TYPE_CHECKING

import hepunits

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["DIMENSIONS", "dimension", "value_of"]

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


def value_of(unit: str) -> float:
    """Return a unit in mm, ns, MeV, rad; 1 for pure numbers.

    Parameters
    ----------
    unit : str
    """
    return float(getattr(hepunits, unit)) if unit else 1.0

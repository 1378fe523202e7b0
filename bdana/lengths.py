"""Lengths as a type: a bare number, which may be in m, is not taken for one in mm (mypy refuses it)."""

from __future__ import annotations

from typing import NewType

import hepunits

__all__ = ["Millimetres", "from_metres"]

Millimetres = NewType("Millimetres", float)
"""A length in mm, the unit of every length inside the package; TOML and figures have z in m."""


def from_metres(length: float) -> Millimetres:
    """Return a length that was given in m.

    Parameters
    ----------
    length : float
        In m.

    Examples
    --------
    >>> from_metres(23.07)
    23070.0
    """
    return Millimetres(length * hepunits.m)

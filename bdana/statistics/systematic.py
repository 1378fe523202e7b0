"""Systematic uncertainties as data: backgrounds and signal return them, statistics and report consume them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Systematic"]


@dataclass(frozen=True, slots=True)
class Systematic:
    """One source of uncertainty.

    Attributes
    ----------
    name : str
        What it is called in tables.
    effect : mapping of str to float
        Relative uncertainty by region.
    correlated : bool
        Whether it moves all regions together.
    source : str
        Where the number comes from.
    """

    name: str
    effect: Mapping[str, float]
    correlated: bool
    source: str

"""Systematic uncertainties as relative effects by region, with their correlation and source."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bdana.display import short_repr

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Systematic"]


@dataclass(frozen=True, slots=True)
class Systematic:
    """A systematic uncertainty from one source.

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
    one_sided : bool
        Whether it can move the truth in one direction only: up where the effect is positive, down where it is negative.

    Examples
    --------
    >>> from bdana.statistics import Systematic
    >>> Systematic("POT", {"CR": 0.2, "SR": 0.2}, correlated=True, source="beam monitor, assumed").effect["SR"]
    0.2
    """

    name: str
    effect: Mapping[str, float]
    correlated: bool
    source: str
    one_sided: bool = False

    __repr__ = short_repr

"""The limit methods by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bdana.errors import InputError
from bdana.statistics.feldman_cousins import feldman_cousins
from bdana.statistics.limits import Interval, bayes, classical, cls
from bdana.statistics.profile import profile_likelihood

if TYPE_CHECKING:
    from collections.abc import Callable

    from bdana.statistics.poisson import Background

__all__ = ["METHODS", "limits"]

METHODS: dict[str, Callable[[int, Background, float, float], Interval]] = {
    "cls": cls,
    "bayes": bayes,
    "classical": classical,
    "feldman_cousins": feldman_cousins,
    "profile_likelihood": profile_likelihood,
}


def limits(
    observed: int,
    background: Background,
    level: float = 0.9,
    efficiency_error: float = 0.0,
    names: tuple[str, ...] = (),
) -> dict[str, Interval]:
    """Limits of the named methods, of all of them when none is named."""
    unknown = [name for name in names if name not in METHODS]
    if unknown:
        raise InputError(f"unknown method '{unknown[0]}': one of {', '.join(METHODS)}")
    return {name: METHODS[name](observed, background, level, efficiency_error) for name in names or METHODS}

"""The limit methods by name."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from bdana.errors import InputError
from bdana.statistics.asymptotic import asymptotic_cls
from bdana.statistics.feldman_cousins import feldman_cousins
from bdana.statistics.limits import Interval, bayes, classical, cls
from bdana.statistics.profile import profile_likelihood

if TYPE_CHECKING:
    from collections.abc import Callable

    from bdana.statistics.poisson import Background

__all__ = ["METHODS", "ON_REQUEST", "limits"]

Method: TypeAlias = "Callable[[int, Background, float, float], Interval]"

METHODS: dict[str, Method] = {
    "cls": cls,
    "bayes": bayes,
    "classical": classical,
    "feldman_cousins": feldman_cousins,
    "profile_likelihood": profile_likelihood,
}
ON_REQUEST: dict[str, Method] = {"asymptotic_cls": asymptotic_cls}  # not exact; it warns


def limits(
    observed: int,
    background: Background,
    level: float = 0.9,
    efficiency_error: float = 0.0,
    names: tuple[str, ...] = (),
) -> dict[str, Interval]:
    """Limits of the named methods; without a name, of all but those on request."""
    known = METHODS | ON_REQUEST
    unknown = [name for name in names if name not in known]
    if unknown:
        raise InputError(f"unknown method '{unknown[0]}': one of {', '.join(known)}")
    return {name: known[name](observed, background, level, efficiency_error) for name in names or METHODS}

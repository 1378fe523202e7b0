"""The limit methods by name."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, TypeAlias

from bdana.errors import InputError
from bdana.statistics.asymptotic import asymptotic_cls
from bdana.statistics.feldman_cousins import feldman_cousins
from bdana.statistics.limits import Interval, bayes, classical, cls
from bdana.statistics.poisson import TooManyCountsError
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
    """Limits of the named methods; without a name, of all but those on request, and but those that would take too long.

    Warns
    -----
    UserWarning
        Of a method that nobody named and that is left out, with its reason.

    Raises
    ------
    InputError
        When a name is unknown, the input is wrong, or a method that is asked for would take too long.
    """
    known = METHODS | ON_REQUEST
    unknown = [name for name in names if name not in known]
    if unknown:
        raise InputError(f"unknown method '{unknown[0]}': one of {', '.join(known)}")
    found = {}
    for name in names or METHODS:
        try:
            found[name] = known[name](observed, background, level, efficiency_error)
        except TooManyCountsError as err:
            if names:
                raise
            warnings.warn(f"{name} left out: {err}", stacklevel=2)
    return found

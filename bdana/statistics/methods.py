"""Methods for limits on a signal count, by name."""

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
    """Return the limits of the named methods; by default of all in `METHODS` that do not take too long.

    Parameters
    ----------
    observed, background, level, efficiency_error
        As for `bdana.statistics.limits.cls`.
    names : tuple of str
        Of `METHODS` or `ON_REQUEST`.

    Warns
    -----
    UserWarning
        When a method is left out by default because it would take too long.

    Raises
    ------
    InputError
        When a name is unknown, the input is wrong, or a method that is asked for would take too long.

    Examples
    --------
    >>> from bdana.statistics.methods import limits
    >>> from bdana.statistics.poisson import Background
    >>> {name: round(found.high, 2) for name, found in limits(1, Background(0.016, 0.002)).items()}
    {'cls': 3.87, 'bayes': 3.87, 'classical': 3.87, 'feldman_cousins': 4.34, 'profile_likelihood': 3.63}
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

"""Parameters that an analysis declares, and the range that a number has by its name where its author gives none.

A number with a unit or of a known kind has a usual range: sizes, energies and largest values are 0 or more, fractions and
efficiencies between 0 and 1, positions and smallest values anything finite. `Field(ge=..., le=...)` of the author takes its
place.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from annotated_types import Ge, Gt, Le, Lt
from pydantic import ConfigDict, ValidationInfo, field_validator, model_validator

from bdana.strict import StrictModel

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pydantic.fields import FieldInfo

__all__ = ["ParameterTable", "UsualRange", "usual_range", "why_disordered", "why_unusual"]

_LENGTHS = {"um", "mm", "cm", "m", "km"}
_TIMES = {"ps", "ns", "us", "ms", "s"}
_ENERGIES = {"ev", "kev", "mev", "gev", "tev"}
_ANGLES = {"rad", "mrad", "deg"}
_RATES = {"hz", "khz", "mhz", "ghz"}
_UNITS = _LENGTHS | _TIMES | _ENERGIES | _ANGLES | _RATES

_SHARES = {"fraction", "efficiency", "probability"}
_SIGNED = {"x", "y", "z", "dx", "dy", "dz", "tx", "ty", "px", "py", "pz", "bx", "by", "t0", "charge", "offset", "shift", "start",
           "kick", "slope"}  # fmt: skip
_SIZES = {"max", "n", "number", "width", "window", "distance", "radius", "sigma", "sigmas", "resolution", "dt", "chi2", "chambers",
          "hits", "error", "spread", "rms", "half", "p"}  # fmt: skip


class UsualRange(NamedTuple):
    """Smallest and largest value that a number of this name usually has."""

    low: float
    high: float


def usual_range(name: str) -> UsualRange:
    """Return the range of a number by its name: its unit, and words such as `max` and `efficiency`.

    Parameters
    ----------
    name : str
        Of a field, with its unit at the end.

    Examples
    --------
    >>> from bdana.parameters import usual_range
    >>> usual_range("max_cda_mm"), usual_range("min_z_vertex_m"), usual_range("muv3_efficiency")
    (UsualRange(low=0, high=inf), UsualRange(low=-inf, high=inf), UsualRange(low=0, high=1))
    """
    words = name.lower().split("_")
    unit = words.pop() if len(words) > 1 and words[-1] in _UNITS else ""
    if not unit and _SHARES.intersection(words[-2:] if words[-1] == "error" else words[-1:]):
        return UsualRange(0, 1)
    if _SIGNED.union({"min"}).intersection(words):
        return UsualRange(-math.inf, math.inf)
    if unit in _LENGTHS | _ENERGIES | _RATES or _SIZES.intersection(words):
        return UsualRange(0, math.inf)
    return UsualRange(-math.inf, math.inf)


def why_unusual(value: object, low: float, high: float) -> str:
    """Say in words what a number must be; empty for one in the range, and for what is no number.

    Parameters
    ----------
    value : object
        A number, or several.
    low, high : float

    Examples
    --------
    >>> from bdana.parameters import why_unusual
    >>> why_unusual(-10.0, 0.0, float("inf"))
    'must be 0 or more'
    """
    for number in _numbers(value):
        if not math.isfinite(number):
            return "must be a finite number"
        if not low <= number <= high:
            if not math.isfinite(high):
                return f"must be {low:g} or more"
            return (
                f"must be between {low:g} and {high:g}" if math.isfinite(low) else f"must be {high:g} or less"
            )
    return ""


def why_disordered(values: Mapping[str, object]) -> str:
    """Say which smallest value is above its largest one, of names with `min` and `max`; empty where none is.

    Parameters
    ----------
    values : mapping of str to object

    Examples
    --------
    >>> from bdana.parameters import why_disordered
    >>> why_disordered({"min_z_m": 190.0, "max_z_m": 180.0})
    'min_z_m = 190 is above max_z_m = 180: nothing is between'
    """
    for name, low in values.items():
        words = name.split("_")
        if "min" not in words:
            continue
        other = "_".join("max" if word == "min" else word for word in words)
        ends = [*_numbers(low), *_numbers(values.get(other))]
        if len(ends) == 2 and ends[0] > ends[1]:
            return f"{name} = {ends[0]:g} is above {other} = {ends[1]:g}: nothing is between"
    return ""


class ParameterTable(StrictModel):
    """Base class of parameters that an analysis declares: each number has a range, defaults too.

    `Field(ge=..., gt=..., le=..., lt=...)` says which; an end that it does not give is that of `usual_range`.
    """

    model_config = ConfigDict(validate_default=True)

    @field_validator("*", mode="after")
    @classmethod
    def _in_usual_range(cls, value: Any, info: ValidationInfo) -> Any:
        name = info.field_name or ""
        wrong = why_unusual(value, *_left_to_usual(name, cls.model_fields[name]))
        if wrong:
            raise ValueError(wrong)
        return value

    @model_validator(mode="after")
    def _ends_in_order(self) -> Self:
        wrong = why_disordered(dict(self))
        if wrong:
            raise ValueError(wrong)
        return self


def _left_to_usual(name: str, field: FieldInfo) -> UsualRange:
    """Return the usual range without the ends that the field itself declares, which pydantic checks."""
    low, high = usual_range(name)
    if any(isinstance(rule, Ge | Gt) for rule in field.metadata):
        low = -math.inf
    if any(isinstance(rule, Le | Lt) for rule in field.metadata):
        high = math.inf
    return UsualRange(low, high)


def _numbers(value: object) -> Iterator[float]:
    if isinstance(value, int | float) and not isinstance(value, bool):
        yield float(value)
    elif isinstance(value, tuple | list):
        for item in value:
            yield from _numbers(item)

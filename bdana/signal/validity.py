"""Ranges in which formulas hold: outside a number is refused, or given with a warning when that is asked for."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from bdana.errors import ConfigError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["ExtrapolationWarning", "ValidRange"]

_ROUNDING = 1e-9


class ExtrapolationWarning(UserWarning):
    """Warns of a number from a formula outside its range, which was asked for."""


@dataclass(frozen=True)
class ValidRange:
    """Range of an argument in which a formula holds.

    Attributes
    ----------
    formula : str
        What is calculated.
    argument : str
        Of what it is a range, such as `mass`.
    low, high : float
        Both included.
    unit : str
        Of them; empty for pure numbers.
    why : str
        What goes wrong outside.
    above_zero : bool
        Whether 0 is outside.
    can_extrapolate : bool
        Whether there is a number outside at all, if not one that can be trusted.

    Examples
    --------
    >>> from bdana.signal.validity import ValidRange
    >>> heights = ValidRange("the fit", "s", 25.0, 100.0, "GeV^2", "it was not fitted there")
    >>> heights.check(30.0)
    array(30.)
    >>> heights.check(10.0)
    Traceback (most recent call last):
    ...
    bdana.errors.ConfigError: the fit holds for s from 25 to 100 GeV^2, not at 10 GeV^2: it was not fitted there; \
extrapolate=True gives the number all the same
    """

    formula: str
    argument: str
    low: float
    high: float
    unit: str
    why: str
    above_zero: bool = False
    can_extrapolate: bool = True

    @property
    def text(self) -> str:
        """The range in words."""
        unit = f" {self.unit}" if self.unit else ""
        if self.high == math.inf:
            return f"above {self.low:g}{unit}" if self.above_zero else f"from {self.low:g}{unit}"
        return f"from {self.low:g} to {self.high:g}{unit}"

    def check(
        self,
        values: ArrayLike,
        *,
        extrapolate: bool = False,
        quiet: bool = False,
        advice: str = "extrapolate=True gives the number all the same",
    ) -> NDArray[np.float64]:
        """Return values as an array, if all are in the range; else refuse them, or warn.

        Parameters
        ----------
        values : array-like, shape (N,)
        extrapolate : bool
            Whether values outside are allowed, with a warning. NaN and values below 0 never are.
        quiet : bool
            Whether no warning is given, where people are told in another way.
        advice : str
            What the refusal says can be done.

        Raises
        ------
        ConfigError
            Naming a value outside, and the reason.
        """
        found = np.asarray(values, dtype=np.float64)
        slack = _ROUNDING * abs(self.low)
        inside = (found >= self.low - slack) & (found <= self.high * (1.0 + _ROUNDING))
        if self.above_zero:
            inside &= found > 0.0
        if inside.all():
            return found
        value = float(found[~inside].flat[0])
        unit = f" {self.unit}" if self.unit else ""
        said = f"{self.formula} holds for {self.argument} {self.text}, not at {value:g}{unit}"
        if value >= 0.0:
            said += f": {self.why}"
        possible = bool((np.isfinite(found[~inside]) & (found[~inside] > 0.0)).all())
        if not (self.can_extrapolate and possible):
            raise ConfigError(said)
        if not extrapolate:
            raise ConfigError(f"{said}; {advice}")
        if not quiet:
            warnings.warn(said, ExtrapolationWarning, stacklevel=3)
        return found

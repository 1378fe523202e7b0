"""Observed and predicted numbers of events, as types that cannot be mixed.

The number observed in a closed (blinded) region is not available: it is an `Observed` without value, and every use
of it raises BlindingError.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn

from bdana.errors import BlindingError
from bdana.rounding import error_text, plus_minus

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["Observed", "Predicted", "observed_text", "open_part_of"]


class Observed:
    """Number of events observed in a region of the data; without value while the region is closed (blinded).

    Parameters
    ----------
    region : str
        Name of the region.
    value : int, optional
        The number; None as long as the region is closed.
    later : mapping of str to int, optional
        How many of them came with stages that were opened later, in whose guard band they lie.

    Examples
    --------
    >>> from bdana.observed import Observed
    >>> signal, control = Observed("SR"), Observed("CR", 4)
    >>> signal.state, control.state
    ('closed', 'open')
    >>> control.value
    4
    >>> print(Observed("CR3", 3, {"CR2": 1}))
    2 (+1 from the guard band of CR2)
    >>> signal.value
    Traceback (most recent call last):
    bdana.errors.BlindingError: refused: the observed number of region SR is closed; `bdana blinding status` shows
    what opens it
    """

    __slots__ = ("_value", "later", "region")

    def __init__(self, region: str, value: int | None = None, later: Mapping[str, int] | None = None) -> None:
        self.region = region
        self._value = value
        self.later = {stage: number for stage, number in (later or {}).items() if number}

    @property
    def state(self) -> str:
        """`open` or `closed`; never raises."""
        return "closed" if self._value is None else "open"

    @property
    def value(self) -> int:
        """The observed number of events.

        Raises
        ------
        BlindingError
            While the region is closed; so does every other use of the number. It is printed as `closed`.
        """
        if self._value is None:  # guard: closed-has-no-value
            self._refuse()
        return self._value

    def _refuse(self) -> NoReturn:
        raise BlindingError(
            f"refused: the observed number of region {self.region} is closed; `bdana blinding status` shows what opens it"
        )

    def __int__(self) -> int:
        return self.value

    def __index__(self) -> int:
        return self.value

    def __float__(self) -> float:
        return float(self.value)

    def __complex__(self) -> complex:
        return complex(self.value)

    def __bool__(self) -> bool:
        return bool(self.value)

    def __str__(self) -> str:
        return "closed" if self._value is None else observed_text(self._value, self.later)

    def __repr__(self) -> str:
        return f"Observed({self.region!r}, {self})"

    def __format__(self, spec: str) -> str:
        return format(self.value, spec) if spec else str(self)

    def __hash__(self) -> int:
        return hash((self.region, self.value))

    def __eq__(self, other: object) -> bool:
        mine = self.value
        return mine == (other.value if isinstance(other, Observed) else self._number(other))

    def __lt__(self, other: object) -> bool:
        return self.value < self._number(other)

    def __le__(self, other: object) -> bool:
        return self.value <= self._number(other)

    def __gt__(self, other: object) -> bool:
        return self.value > self._number(other)

    def __ge__(self, other: object) -> bool:
        return self.value >= self._number(other)

    def __add__(self, other: Observed) -> Observed:
        if not isinstance(other, Observed):
            raise TypeError(f"only observed numbers are added to observed ones, not {type(other).__name__}")
        return Observed(f"{self.region}+{other.region}", self.value + other.value)

    def __reduce__(self) -> tuple[object, ...]:
        return Observed, (self.region, self.value)

    @staticmethod
    def _number(other: object) -> float:
        if isinstance(other, (int, float)):
            return other
        if isinstance(other, Observed):
            return other.value
        raise TypeError(
            f"an observed number is compared with numbers only, not {type(other).__name__}; take its .value"
        )


def observed_text(value: int, later: Mapping[str, int]) -> str:
    """Print an observed number: `2 (+1 from the guard band of CR2)`.

    Parameters
    ----------
    value : int
        The number, all of it.
    later : mapping of str to int
        How many of them came with which later stage.
    """
    more = ", ".join(f"+{number} from the guard band of {stage}" for stage, number in later.items())
    return f"{value - sum(later.values())}" + (f" ({more})" if more else "")


@dataclass(frozen=True)
class Predicted:
    """Number of events expected from a background estimate; never blinded.

    Attributes
    ----------
    value, error : float
        Expected number and its standard deviation.
    upper_limit : float or None
        90% CL upper limit on the expected number where the estimate had no event to work with, so that value and
        error are 0. None elsewhere.
    error_down : float or None
        The downward error where it is another: sources that can only raise the number are in `error` alone.

    Examples
    --------
    >>> from bdana.observed import Predicted
    >>> print(Predicted(0.0163, 0.0021).scaled(10.0))
    0.163 ± 0.021
    >>> print(Predicted(0.0, 0.0, upper_limit=0.0031))
    < 0.0031
    """

    value: float
    error: float
    upper_limit: float | None = None
    error_down: float | None = None

    def __str__(self) -> str:
        if self.upper_limit is not None:
            return f"< {error_text(self.upper_limit)}"
        return plus_minus(self.value, self.error, self.error_down)

    def scaled(self, factor: float) -> Predicted:
        """Return the prediction for a sample that is larger by a factor.

        Parameters
        ----------
        factor : float
        """
        limit = None if self.upper_limit is None else factor * self.upper_limit
        down = None if self.error_down is None else factor * self.error_down
        return Predicted(factor * self.value, factor * self.error, limit, down)

    def to_dict(self) -> dict[str, float]:
        """Return expected number, error, and upper limit if there is one, as plain values."""
        row = {"expected": self.value, "error": self.error}
        row |= {} if self.error_down is None else {"error_down": self.error_down}
        return row if self.upper_limit is None else row | {"upper_limit_90": self.upper_limit}

    @classmethod
    def of_dict(cls, row: Mapping[str, Any]) -> Predicted:
        """Rebuild a prediction from the plain values of `to_dict`.

        Parameters
        ----------
        row : mapping
        """
        return cls(row["expected"], row["error"], row.get("upper_limit_90"), row.get("error_down"))


def open_part_of(missing: Sequence[str], numbers: str = "expected and observed") -> str:
    """Say that the numbers of a region are those of its open part.

    Parameters
    ----------
    missing : sequence of str
        The stages whose guard bands are closed.
    numbers : str
        Which numbers.
    """
    return f"{numbers} in its open part: without the guard band of {', '.join(missing)}, which is closed"

"""Numbers of events by where they come from: observed, predicted or simulated. The three cannot be mixed.

An observed number of a closed region does not exist for anybody; an `Observed` without value stands for it and
refuses everything that would have to show one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn

from bdana.errors import BlindingError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Observed", "Predicted", "Simulated"]


class Observed:
    """Events counted in data.

    Parameters
    ----------
    region : str
        Where they were counted.
    value : int, optional
        Their number; None as long as the region is closed.
    """

    __slots__ = ("_value", "region")

    def __init__(self, region: str, value: int | None = None) -> None:
        self.region = region
        self._value = value

    @property
    def state(self) -> str:
        """`open` or `closed`: the one thing that may be asked of a closed number."""
        return "closed" if self._value is None else "open"

    @property
    def value(self) -> int:
        """The number.

        Raises
        ------
        BlindingError
            While the region is closed, as does every other use of it.
        """
        if self._value is None:
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
        return str(self.value)

    def __repr__(self) -> str:
        return f"Observed({self.region!r}, {self.value})"

    def __format__(self, spec: str) -> str:
        return format(self.value, spec)

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


@dataclass(frozen=True)
class Predicted:
    """Events expected from a background estimate; free in every region.

    Attributes
    ----------
    value, error : float
        Expected number and its standard deviation.
    upper_limit : float or None
        90% CL upper limit where nothing was seen that an expectation could be made of: value and error are then 0,
        which says nothing of how small the expectation is. None elsewhere.
    """

    value: float
    error: float
    upper_limit: float | None = None

    def __str__(self) -> str:
        if self.upper_limit is not None:
            return f"< {self.upper_limit:.2g}"
        return f"{self.value:.3g} ± {self.error:.2g}"

    def scaled(self, factor: float) -> Predicted:
        """Return the prediction of a sample that is larger by a factor."""
        limit = None if self.upper_limit is None else factor * self.upper_limit
        return Predicted(factor * self.value, factor * self.error, limit)

    def to_dict(self) -> dict[str, float]:
        """Return expected number, error, and upper limit if there is one, as plain values."""
        row = {"expected": self.value, "error": self.error}
        return row if self.upper_limit is None else row | {"upper_limit_90": self.upper_limit}

    @classmethod
    def of_dict(cls, row: Mapping[str, Any]) -> Predicted:
        """Read what `to_dict` wrote."""
        return cls(row["expected"], row["error"], row.get("upper_limit_90"))


@dataclass(frozen=True)
class Simulated:
    """Weighted events of a simulated sample; free in every region.

    Attributes
    ----------
    value, error : float
        Sum of weights, and the root of the sum of their squares.
    """

    value: float
    error: float

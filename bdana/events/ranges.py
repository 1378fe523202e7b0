"""Values outside the range that a schema gives their column."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from bdana.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["OutOfRange"]


@dataclass(frozen=True)
class OutOfRange:
    """Values of one column, of N events, that are outside the range of the schema.

    Attributes
    ----------
    where : str
        File, branch and tree.
    asked : str
        What values should be, who asks for it, and what is then wrong.
    bad : ndarray of bool, shape (values,)
        Which values.
    counts : ndarray of int, shape (N,), or None
        Values of each event; None for one an event.
    """

    where: str
    asked: str
    bad: NDArray[np.bool_]
    counts: NDArray[Any] | None

    def refuse(self) -> None:
        """Raise an error that says how many values are out of range.

        Raises
        ------
        InputError
            Always.
        """
        raise InputError(
            f"{self.where}: {int(self.bad.sum())} of {len(self.bad)} values are not {self.asked}"
        )

    def refuse_in(self, events: NDArray[np.bool_]) -> None:
        """Raise an error if a value of some events is out of range.

        Parameters
        ----------
        events : ndarray of bool, shape (N,)
            Which events: the open ones, or all where nobody may learn which are open.

        Raises
        ------
        InputError
            If there is one; without any number, since what was read together depends on closed events.
        """
        theirs = events if self.counts is None else np.repeat(events, self.counts)
        if (self.bad & theirs).any():  # guard: open-values-in-range
            raise InputError(f"{self.where}: there are values that are not {self.asked}")  # guard: no-count

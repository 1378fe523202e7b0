"""Sum of many results in their order: the same additions, and so the same bits, whoever made the results."""

from __future__ import annotations

from typing import Any, Generic, Protocol, Self, TypeVar

__all__ = ["OrderedSum"]


class Addable(Protocol):
    """What can be added."""

    def __add__(self, other: Any) -> Self: ...


Part = TypeVar("Part", bound=Addable)


class OrderedSum(Generic[Part]):
    """Sum of parts that come one by one: neighbours are added pairwise, and the sums of these, as far as there are any.

    At most log2(N) sums of N parts wait in memory, and nothing is copied more than log2(N) times.

    Examples
    --------
    >>> from bdana.engine.ordered_sum import OrderedSum
    >>> total = OrderedSum()
    >>> for letter in "abcdefg":
    ...     total.add(letter)
    >>> total.result(), len(total.waiting)
    ('abcdefg', 3)
    """

    def __init__(self) -> None:
        self.waiting: list[tuple[int, Part]] = []
        """Number of parts in each sum, a power of two, and the sum; ever fewer parts."""

    @property
    def parts(self) -> int:
        """Number of parts that were added."""
        return sum(parts for parts, _ in self.waiting)

    def add(self, part: Part) -> None:
        """Add the next part.

        Parameters
        ----------
        part : addable
        """
        parts = 1
        while self.waiting and self.waiting[-1][0] == parts:
            before, total = self.waiting.pop()
            part, parts = total + part, before + parts
        self.waiting.append((parts, part))

    def result(self) -> Part:
        """Return the sum of all parts, of which there must be one."""
        *others, (_, total) = self.waiting
        for _, before in reversed(others):
            total = before + total
        return total

"""Executors: apply a function to many items, here or elsewhere; results keep the order of the items."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeVar

from bdana.errors import UserCodeError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

__all__ = ["Executor", "SerialExecutor", "raise_sent"]

Item = TypeVar("Item")
Result = TypeVar("Result")


class Executor(Protocol):
    """Applies a function to items and gives the results in the order of the items."""

    def map(self, function: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
        """Yield function(item) for each item, in order; the number of results that wait is bounded.

        Parameters
        ----------
        function : callable
            It is sent to each worker once, so it may be large; items are sent one by one.
        items : iterable
            Taken one by one, here, while others are worked on.
        """
        ...


class SerialExecutor:
    """Executor that runs everything in this process.

    Examples
    --------
    >>> from bdana import SerialExecutor
    >>> list(SerialExecutor().map(abs, [-1, 2, -3]))
    [1, 2, 3]
    """

    def __repr__(self) -> str:
        return "SerialExecutor()"

    def map(self, function: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
        """Yield function(item) for each item, in order.

        Parameters
        ----------
        function, items
            As for `Executor.map`.
        """
        return map(function, items)


def raise_sent(error: BaseException) -> None:
    """Raise an error that a worker sent, with the cause that it had there.

    Parameters
    ----------
    error : BaseException

    Raises
    ------
    BaseException
        The error.
    """
    if isinstance(error, UserCodeError):
        if error.sent_cause is not None:
            error.sent_cause.__cause__ = error.__cause__  # the worker's traceback, for --debug
        raise error from error.sent_cause
    raise error

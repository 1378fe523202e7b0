"""Executor of threads of this process, which start at once: for work of which most is in compiled code."""

from __future__ import annotations

from collections import deque
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

from bdana.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from concurrent.futures import Future

__all__ = ["ThreadExecutor"]

Item = TypeVar("Item")
Result = TypeVar("Result")


class ThreadExecutor:
    """Executor that runs items in threads of this process: for selections, and not for what is compiled for threads itself.

    One thread reads and decompresses while another one cuts; only one at a time is in Python itself. Memory is that of as
    many items as there are threads.

    Parameters
    ----------
    workers : int
        Number of threads.

    Examples
    --------
    >>> from bdana.engine import ThreadExecutor
    >>> list(ThreadExecutor(2).map(abs, [-1, 2, -3]))
    [1, 2, 3]
    """

    def __init__(self, workers: int) -> None:
        if workers < 1:
            raise ConfigError(f"--workers {workers}: give at least 1")
        self.workers = workers

    def __repr__(self) -> str:
        return f"ThreadExecutor({self.workers})"

    def map(self, function: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
        """Yield function(item) for each item, in order; at most two items a worker wait in memory.

        Parameters
        ----------
        function, items
            As for `Executor.map`.
        """
        waiting: deque[Future[Result]] = deque()
        pool = ThreadPoolExecutor(self.workers, thread_name_prefix="bdana")
        try:
            for item in items:
                waiting.append(pool.submit(function, item))
                if len(waiting) >= 2 * self.workers:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:  # also when nobody wants the rest
            pool.shutdown(cancel_futures=True)

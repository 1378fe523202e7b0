"""Executors: apply a function to many items, here or in worker processes; results keep the order of the items."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections import deque
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Protocol, TypeVar

from bdana.errors import ConfigError, UserCodeError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from concurrent.futures import Future
    from multiprocessing.connection import Connection

__all__ = ["Executor", "ProcessExecutor", "SerialExecutor", "executor_of"]

Item = TypeVar("Item")
Result = TypeVar("Result")


class Executor(Protocol):
    """Applies a function to items and gives the results in the order of the items."""

    def map(self, function: Callable[[Item], Result], items: Sequence[Item]) -> Iterator[Result]:
        """Yield function(item) for each item, in order.

        Parameters
        ----------
        function : callable
        items : sequence
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

    def map(self, function: Callable[[Item], Result], items: Sequence[Item]) -> Iterator[Result]:
        """Yield function(item) for each item, in order.

        Parameters
        ----------
        function, items
            As for `Executor.map`.
        """
        return map(function, items)


class ProcessExecutor:
    """Executor that runs items in worker processes on this machine.

    Parameters
    ----------
    workers : int
        Number of processes.
    """

    def __init__(self, workers: int) -> None:
        if workers < 1:
            raise ConfigError(f"--jobs {workers}: give at least 1")
        self.workers = workers

    def __repr__(self) -> str:
        return f"ProcessExecutor({self.workers})"

    def map(self, function: Callable[[Item], Result], items: Sequence[Item]) -> Iterator[Result]:
        """Yield function(item) for each item, in order; at most two items a worker wait in memory.

        Parameters
        ----------
        function, items
            As for `Executor.map`.
        """
        # Fresh interpreters: forking a process that has threads (uproot's, rich's) can hang.
        context = multiprocessing.get_context("spawn")
        pending: deque[Future[Result]] = deque()
        workers = min(self.workers, max(len(items), 1))
        needed, held = context.Pipe(duplex=False)
        with _signals_wait():
            pool = ProcessPoolExecutor(workers, context, _end_when_closed, (needed,))
        with pool:
            try:
                for item in items:
                    with _signals_wait():
                        pending.append(pool.submit(function, item))
                    if len(pending) >= 2 * self.workers:
                        yield _result(pending.popleft())
                while pending:
                    yield _result(pending.popleft())
            except BaseException:  # also when nobody wants the rest
                held.close()
                raise
            finally:
                pool.shutdown(wait=True, cancel_futures=True)
                held.close()
                needed.close()


def _end_when_closed(needed: Connection) -> None:
    """Let a worker end, whatever it is doing, when its parent closes the other end of a pipe or is no more."""

    def wait() -> None:
        with suppress(EOFError, OSError):
            needed.recv()
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()


@contextmanager
def _signals_wait() -> Iterator[None]:
    """Let processes that start in the block not hear what a terminal tells all: this one does, and ends them."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGHUP})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _result(future: Future[Result]) -> Result:
    """Return a result, or raise the error that a worker sent with the cause that it had there."""
    try:
        return future.result()
    except UserCodeError as err:
        if err.sent_cause is not None:
            err.sent_cause.__cause__ = err.__cause__  # the worker's traceback, for --debug
        raise err from err.sent_cause


def executor_of(jobs: int) -> Executor:
    """Return the executor for a number of processes: serial for one, worker processes for more.

    Parameters
    ----------
    jobs : int
    """
    return ProcessExecutor(jobs) if jobs > 1 else SerialExecutor()

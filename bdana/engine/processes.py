"""Executor of worker processes on this machine, forked from a server that has imported bdana once."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import threading
from collections import deque
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from multiprocessing import forkserver, resource_tracker
from operator import length_hint
from typing import TYPE_CHECKING, Any, TypeVar

from bdana.engine.executors import raise_sent
from bdana.errors import BdanaError, ConfigError, InputError
from bdana.freed_memory import keep_freed_memory

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from multiprocessing.connection import Connection

__all__ = ["ProcessExecutor", "signals_wait"]

Item = TypeVar("Item")
Result = TypeVar("Result")

IMPORTED = [
    "bdana.engine",
    "bdana.analysis.folder",
    "bdana.pairing.estimate.singles",
    "uproot.behaviors.TTree",
]
"""What the server of the workers imports, for which they wait: what nearly all of their work needs."""
LOST = 3
"""Times that workers may be lost while nothing is finished."""


class ProcessExecutor:
    """Executor that runs items in worker processes on this machine.

    A worker that is killed is replaced and its items are done again; when that does not help, it is an error.

    Parameters
    ----------
    workers : int
        Number of processes.
    """

    def __init__(self, workers: int) -> None:
        if workers < 1:
            raise ConfigError(f"--workers {workers}: give at least 1")
        self.workers = workers

    def __repr__(self) -> str:
        return f"ProcessExecutor({self.workers})"

    def start(self) -> None:
        """Start the server of the workers, which imports bdana while this process does something else."""
        # A server of one thread is forked, and not this process, whose threads (uproot's, rich's) would be missing there.
        multiprocessing.set_forkserver_preload(IMPORTED)
        with signals_wait():
            forkserver.ensure_running()

    def map(self, function: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
        """Yield function(item) for each item, in order; at most two items a worker wait in memory.

        Parameters
        ----------
        function, items
            As for `Executor.map`.

        Raises
        ------
        InputError
            When workers are killed again and again.
        """
        self.start()
        sent, left, lost = pickle.dumps(function), iter(items), 0
        workers = min(self.workers, max(length_hint(items, self.workers), 1))
        waiting: deque[Item] = deque()
        while True:
            with _pool(workers, sent) as pool:
                futures = deque(_submit(pool, item) for item in waiting)
                try:
                    for item in left:
                        waiting.append(item)
                        futures.append(_submit(pool, item))
                        if len(futures) >= 2 * workers:
                            yield _taken(waiting, futures)
                            lost = 0
                    while futures:
                        yield _taken(waiting, futures)
                        lost = 0
                except BrokenProcessPool:
                    lost += 1
                else:
                    return
            if lost == LOST:
                raise InputError(
                    f"worker processes were killed {lost} times at the same work, mostly because memory ran out: use fewer "
                    "--workers or a lower --memory-limit"
                )


def _taken(waiting: deque[Item], futures: deque[Future[Result]]) -> Result:
    """Return the result of the first item, which then waits no longer."""
    try:
        result = futures[0].result()
    except BdanaError as err:
        raise_sent(err)
        raise
    waiting.popleft()
    futures.popleft()
    return result


def _submit(pool: ProcessPoolExecutor, item: Item) -> Future[Any]:
    with signals_wait():
        try:
            return pool.submit(_call, item)
        except BrokenProcessPool as err:  # said when the result is asked for
            failed: Future[Any] = Future()
            failed.set_exception(err)
            return failed


@contextmanager
def _pool(workers: int, sent: bytes) -> Iterator[ProcessPoolExecutor]:
    context = multiprocessing.get_context("forkserver")
    needed, held = context.Pipe(duplex=False)
    with signals_wait():
        pool = ProcessPoolExecutor(workers, context, _begin, (needed, sent))
    with pool:
        try:
            yield pool
        except BaseException:  # also when nobody wants the rest
            held.close()
            raise
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
            held.close()
            needed.close()


class _Sent:
    """What the process works on: as it was sent, and once it is needed as a function."""

    pickled = b""
    function: Callable[[Any], Any] | None = None


def _begin(needed: Connection, pickled: bytes) -> None:
    """Let a worker end, whatever it is doing, when its parent closes the other end of a pipe or is no more."""

    def wait() -> None:
        with suppress(EOFError, OSError):
            needed.recv()
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()
    _Sent.pickled = pickled
    keep_freed_memory()


def _call(item: Any) -> Any:
    if _Sent.function is None:  # here and not at the beginning, where an error would not be told
        _Sent.function = pickle.loads(_Sent.pickled)  # noqa: S301 - from our own parent
    return _Sent.function(item)


@contextmanager
def signals_wait() -> Iterator[None]:
    """Let processes that start in the block not hear what a terminal tells all: this one does, and ends them."""
    told = {signal.SIGINT, signal.SIGHUP}
    before = signal.pthread_sigmask(signal.SIG_BLOCK, told)
    try:
        resource_tracker.ensure_running()  # of multiprocessing: as it starts, it lets SIGINT through again
        signal.pthread_sigmask(signal.SIG_BLOCK, told)
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)

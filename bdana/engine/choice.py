"""Choice of the executor: in this process, in threads of it, in worker processes, or with dask."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bdana.engine.dask_executor import DaskExecutor
from bdana.engine.executors import SerialExecutor
from bdana.engine.processes import ProcessExecutor
from bdana.engine.threads import ThreadExecutor
from bdana.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bdana.engine.dask_executor import BatchSystem
    from bdana.engine.executors import Executor
    from bdana.events import Dataset

__all__ = ["EXECUTORS", "executor_of", "threads_if_few"]

EXECUTORS = ("serial", "processes", "dask")
MOST_EVENTS = 10**7
"""Events that threads of this process select no later than worker processes, which take half a second to start; assumed."""
MOST_FILES = 64
"""Files that are opened once in one process; opening is work in Python, of which threads do no more at a time."""


def executor_of(
    workers: int,
    kind: str | None = None,
    scheduler: str | None = None,
    batch_system: BatchSystem | None = None,
) -> Executor:
    """Return an executor.

    Parameters
    ----------
    workers : int
        Number of workers on this machine.
    kind : {"serial", "processes", "dask"}, optional
        By default dask where a scheduler is given, else worker processes for more than one worker.
    scheduler : str, optional
        Address of a dask scheduler.
    batch_system : BatchSystem, optional
        Where dask submits jobs when there is no scheduler.

    Raises
    ------
    ConfigError
        When they do not go together, or dask is not there.

    Examples
    --------
    >>> from bdana.engine import executor_of
    >>> executor_of(1), executor_of(4)
    (SerialExecutor(), ProcessExecutor(4))
    """
    kind = kind or ("dask" if scheduler else "processes" if workers > 1 else "serial")
    if kind not in EXECUTORS:
        raise ConfigError(f"--executor {kind}: choose {', '.join(EXECUTORS)}")
    if scheduler and kind != "dask":
        raise ConfigError(f"--scheduler belongs to --executor dask, not to {kind}")
    if kind == "serial" and workers > 1:
        raise ConfigError(f"--executor serial has one worker: leave out --workers {workers}")
    if kind == "dask":
        return DaskExecutor(workers, scheduler, None if scheduler else batch_system)
    return ProcessExecutor(workers) if kind == "processes" else SerialExecutor()


def threads_if_few(executor: Executor, datasets: Sequence[Dataset]) -> Executor:
    """Return threads in place of worker processes where these, which are to be started, would select some datasets later.

    Not where memory is limited: threads share that of one process.

    Parameters
    ----------
    executor : Executor
    datasets : sequence of Dataset
    """
    sources = [source for dataset in datasets for source in dataset.sources]
    few = len(sources) <= MOST_FILES and sum(source.entries for source in sources) <= MOST_EVENTS
    limited = any(dataset.memory_limit is not None for dataset in datasets)
    if isinstance(executor, ProcessExecutor) and few and not limited:
        return ThreadExecutor(executor.workers)
    return executor

"""Choice of the executor: in this process, in worker processes, or with dask."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bdana.engine.dask_executor import DaskExecutor
from bdana.engine.executors import SerialExecutor
from bdana.engine.processes import ProcessExecutor
from bdana.errors import ConfigError

if TYPE_CHECKING:
    from bdana.engine.dask_executor import BatchSystem
    from bdana.engine.executors import Executor

__all__ = ["EXECUTORS", "executor_of"]

EXECUTORS = ("serial", "processes", "dask")


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

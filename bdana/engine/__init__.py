"""Running a selection over the chunks of a dataset, in this process, in threads, in worker processes or on dask workers."""

from typing import TYPE_CHECKING

from bdana.on_demand import on_demand

if TYPE_CHECKING:
    from bdana.engine.batches import map_batches, without_bad_files
    from bdana.engine.checkpoint_folder import clear_checkpoints
    from bdana.engine.checkpoints import kept_batches
    from bdana.engine.choice import executor_of, threads_if_few
    from bdana.engine.cut_masks import CutMasks
    from bdana.engine.dask_executor import BatchSystem, DaskExecutor
    from bdana.engine.executors import Executor, SerialExecutor
    from bdana.engine.processes import ProcessExecutor
    from bdana.engine.runs import (
        Progress,
        RegionCount,
        RegionCounts,
        SelectionRun,
        SelectionTask,
        run_selection,
    )
    from bdana.engine.threads import ThreadExecutor

__all__ = [
    "BatchSystem",
    "CutMasks",
    "DaskExecutor",
    "Executor",
    "ProcessExecutor",
    "Progress",
    "RegionCount",
    "RegionCounts",
    "SelectionRun",
    "SelectionTask",
    "SerialExecutor",
    "ThreadExecutor",
    "clear_checkpoints",
    "executor_of",
    "kept_batches",
    "map_batches",
    "run_selection",
    "threads_if_few",
    "without_bad_files",
]

__getattr__ = on_demand(
    __name__,
    {
        "batches": ("map_batches", "without_bad_files"),
        "checkpoint_folder": ("clear_checkpoints",),
        "checkpoints": ("kept_batches",),
        "choice": ("executor_of", "threads_if_few"),
        "cut_masks": ("CutMasks",),
        "dask_executor": ("BatchSystem", "DaskExecutor"),
        "executors": ("Executor", "SerialExecutor"),
        "processes": ("ProcessExecutor",),
        "runs": (
            "Progress",
            "RegionCount",
            "RegionCounts",
            "SelectionRun",
            "SelectionTask",
            "run_selection",
        ),
        "threads": ("ThreadExecutor",),
    },
)

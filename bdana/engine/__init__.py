"""Running a selection over the chunks of a dataset, in this process or in worker processes."""

from typing import TYPE_CHECKING

from bdana.on_demand import on_demand

if TYPE_CHECKING:
    from bdana.engine.cut_masks import CutMasks
    from bdana.engine.executors import Executor, ProcessExecutor, SerialExecutor, executor_of
    from bdana.engine.runs import (
        Progress,
        RegionCount,
        RegionCounts,
        SelectionRun,
        SelectionTask,
        run_selection,
    )

__all__ = [
    "CutMasks",
    "Executor",
    "ProcessExecutor",
    "Progress",
    "RegionCount",
    "RegionCounts",
    "SelectionRun",
    "SelectionTask",
    "SerialExecutor",
    "executor_of",
    "run_selection",
]

__getattr__ = on_demand(
    __name__,
    {
        "cut_masks": ("CutMasks",),
        "executors": (
            "Executor",
            "ProcessExecutor",
            "SerialExecutor",
            "executor_of",
        ),
        "runs": (
            "Progress",
            "RegionCount",
            "RegionCounts",
            "SelectionRun",
            "SelectionTask",
            "run_selection",
        ),
    },
)

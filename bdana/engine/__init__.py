"""Running a selection over the chunks of a dataset, in this process or in worker processes."""

from bdana.engine.cut_masks import CutMasks
from bdana.engine.executors import Executor, ProcessExecutor, SerialExecutor, executor_of
from bdana.engine.runs import Progress, RegionCount, RegionCounts, SelectionRun, SelectionTask, run_selection

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

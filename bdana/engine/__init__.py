"""Chunks to results: executors, ordered sums, progress."""

from bdana.engine.executors import Executor, ProcessExecutor, SerialExecutor
from bdana.engine.runs import Progress, RegionCount, SelectionRun, SelectionTask, run_selection

__all__ = [
    "Executor",
    "ProcessExecutor",
    "Progress",
    "RegionCount",
    "SelectionRun",
    "SelectionTask",
    "SerialExecutor",
    "run_selection",
]

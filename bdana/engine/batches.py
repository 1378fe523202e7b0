"""Work on the batches of a dataset, in their order, wherever an executor does it; files that cannot be read are all named."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from bdana.engine.accounting import active_accounting
from bdana.errors import BadFilesError
from bdana.events.usage import metered

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from bdana.engine.executors import Executor
    from bdana.events import Dataset
    from bdana.events.dataset import Batch
    from bdana.events.usage import Usage

__all__ = ["map_batches", "without_bad_files"]

Result = TypeVar("Result")
Result_co = TypeVar("Result_co", covariant=True)
Task = TypeVar("Task", bound="ReadsDataset")
Outcome = TypeVar("Outcome")


class BatchTask(Protocol[Result_co]):
    """Function of a batch."""

    def __call__(self, batch: Batch, /) -> Result_co:
        """Read and work on a batch."""
        ...


class ReadsDataset(Protocol):
    """Function that reads a dataset, of which it can leave out files."""

    @property
    def dataset(self) -> Dataset:
        """What is read."""
        ...

    def of(self, dataset: Dataset) -> ReadsDataset:
        """Return the function of another dataset of the same columns.

        Parameters
        ----------
        dataset : Dataset
        """
        ...


@dataclass(frozen=True)
class _Told(Generic[Result]):
    """A task that returns what is wrong with files in place of raising it, so that others are tried too, and its usage."""

    task: BatchTask[Result]

    def __call__(self, batch: Batch) -> tuple[Result | BadFilesError, Usage]:
        with metered() as usage:
            try:
                result: Result | BadFilesError = self.task(batch)
            except BadFilesError as err:
                result = err
        return result, usage


def map_batches(
    task: BatchTask[Result], batches: Sequence[Batch], executor: Executor
) -> Iterator[Result | None]:
    """Yield task(batch) for each batch, in order; None for one with files that cannot be read, and an error at the end.

    Parameters
    ----------
    task : callable
    batches : sequence of Batch
    executor : Executor

    Raises
    ------
    BadFilesError
        Naming every file that cannot be read.
    """
    bad: dict[int, str] = {}
    dataset, what = getattr(task, "dataset", None), getattr(task, "what", "reading")
    account = active_accounting()
    results = executor.map(_Told(task), batches)
    for number, (batch, (result, usage)) in enumerate(zip(batches, results, strict=True), 1):
        if account:
            account.add(what, usage, batch, dataset, (number, len(batches)))
        if isinstance(result, BadFilesError):
            bad |= result.reasons
            yield None
        else:
            yield result
    if bad:
        raise BadFilesError(bad)


def without_bad_files(task: Task, work: Callable[[Task], Outcome]) -> Outcome:
    """Return work(task); where bad files are allowed it is done again without those that cannot be read.

    Parameters
    ----------
    task : callable
    work : callable

    Raises
    ------
    BadFilesError
        Where they are not allowed, or no file is left.
    """
    while True:
        try:
            return work(task)
        except BadFilesError as err:
            if not task.dataset.allow_bad_files:
                raise
            task = task.of(task.dataset.leave_out(err.reasons))  # type: ignore[assignment]

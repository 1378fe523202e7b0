"""Selection of a whole dataset: an executor selects its chunks, and the results are added in their order."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property, reduce
from typing import TYPE_CHECKING, Any, Protocol, Self, overload

import numpy as np

from bdana._version import __version__
from bdana.display import shortened
from bdana.engine.batches import without_bad_files
from bdana.engine.checkpoints import kept_batches
from bdana.engine.cut_masks import CutMasks
from bdana.engine.executors import SerialExecutor
from bdana.engine.ordered_sum import OrderedSum
from bdana.engine.packing import packed, unpacked
from bdana.errors import BlindingError, ConfigError
from bdana.events import SeenEvents, event_hashes, refuse_repeats
from bdana.regions import UNDEFINED
from bdana.selection import Cutflow, fill_histograms, sum_regions, why_empty
from bdana.selection.cutflow import AccountingStep, accounting
from bdana.selection.histograms import with_contents

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Sequence
    from pathlib import Path
    from typing import SupportsIndex

    from numpy.typing import NDArray

    from bdana.engine.executors import Executor
    from bdana.events import Dataset, Exposure
    from bdana.events.bad_files import BadFile
    from bdana.events.dataset import Batch
    from bdana.events.location import Location
    from bdana.selection import (
        Candidates,
        Distributions,
        Histogram,
        Loose,
        Parameters,
        Selected,
        Selection,
        Setup,
        Variable,
    )

__all__ = ["Progress", "RegionCount", "RegionCounts", "SelectionRun", "SelectionTask", "run_selection"]

Progress = Callable[[int, int], None]
"""Reports progress: called with (done, in all) in events, or in chunks where events are closed."""


class RunsSelections(Protocol):
    """Interface of an analysis, as far as the engine uses it."""

    @property
    def hash(self) -> str:
        """Hash of configuration and code."""
        ...

    @property
    def variables(self) -> dict[str, Variable]:
        """Variables to histogram, by name."""
        ...

    def selection(self, name: str) -> tuple[Selection, Parameters]:
        """Return a selection with its parameters.

        Parameters
        ----------
        name : str
        """
        ...


@dataclass(frozen=True)
class SelectionTask:
    """Function that selects one batch of chunks; sent to workers, so it holds names and the analysis, but no arrays.

    Attributes
    ----------
    analysis : RunsSelections
        The analysis; workers load it again from its folder and check its hash.
    setup : Setup
        Detector, beam line and regions for these files.
    selection : str
        Name of the selection.
    columns : tuple of str
        Columns to read.
    dataset : Dataset
        What the columns are read from.
    left_out : tuple of str
        Cuts that the loose candidates need not pass.
    checkpoints : Path or None
        Folder of results of finished batches, from which an interrupted run goes on.
    distributions : Distributions or None
        What is histogrammed while events are selected.
    """

    analysis: RunsSelections
    setup: Setup
    selection: str
    columns: tuple[str, ...]
    dataset: Dataset
    left_out: tuple[str, ...] = ()
    checkpoints: Path | None = None
    distributions: Distributions | None = None

    def __repr__(self) -> str:
        return shortened(
            f"SelectionTask({self.selection} on {len(self.dataset.sources)} files of {self.dataset.kind})"
        )

    @property
    def what(self) -> str:
        """Name of the step, for the accounting."""
        return f"selection {self.selection}"

    def of(self, dataset: Dataset) -> SelectionTask:
        """Return the task for another dataset of the same columns.

        Parameters
        ----------
        dataset : Dataset
        """
        return replace(self, dataset=dataset)

    @property
    def settings(self) -> tuple[object, ...]:
        """What the result depends on beside analysis, files and columns."""
        return self.selection, sorted(self.left_out)

    packed = staticmethod(packed)
    unpacked = staticmethod(unpacked)

    def __call__(self, batch: Batch) -> tuple[Selected, NDArray[np.uint64]]:
        """Read and select one batch; return what it selected, and the hashes of all its events."""
        selection, par = self.analysis.selection(self.selection)
        events, steps = self.dataset.read_counted(batch, self.columns)
        gate, shown = self.dataset.gate, self.distributions
        selected = selection.apply(events, par, self.setup, gate, self.left_out, shown)
        selected = replace(selected, reading=Cutflow.of(steps))
        return selected, event_hashes(self.dataset, batch, events)


@dataclass(frozen=True)
class RegionCount:
    """Number of candidates in a region."""

    name: str
    observed: int


class RegionCounts(tuple[RegionCount, ...]):
    """Numbers of candidates of the open regions, innermost first; `regions["CR"]` is the one of a name.

    Parameters
    ----------
    counts : sequence of RegionCount
    closed : sequence of str
        Names of the closed (blinded) regions, of which there is no number.
    """

    closed: tuple[str, ...]

    def __new__(cls, counts: Iterable[RegionCount], closed: Iterable[str] = ()) -> Self:
        """Make the tuple, which remembers the names that are closed."""
        made = super().__new__(cls, tuple(counts))
        made.closed = tuple(closed)
        return made

    @overload
    def __getitem__(self, which: SupportsIndex | str) -> RegionCount: ...
    @overload
    def __getitem__(self, which: slice) -> tuple[RegionCount, ...]: ...
    def __getitem__(self, which: SupportsIndex | str | slice) -> RegionCount | tuple[RegionCount, ...]:
        """Return the count of a region by name, or by place as of any tuple."""
        if not isinstance(which, str):
            return super().__getitem__(which)
        for count in self:
            if count.name == which:
                return count
        if which in self.closed:
            raise BlindingError(
                f"refused: the observed number of region {which} is closed; `bdana blinding status` shows what opens it"
            )
        names = [*(count.name for count in self), *self.closed]
        raise ConfigError(f"no region '{which}'; there are {', '.join(names)}")

    def __repr__(self) -> str:
        numbers = [
            *(f"{count.name} {count.observed}" for count in self),
            *(f"{name} closed" for name in self.closed),
        ]
        return shortened(f"RegionCounts({', '.join(numbers)})")

    def __reduce__(self) -> tuple[object, ...]:
        return RegionCounts, (tuple(self), self.closed)


@dataclass(frozen=True)
class SelectionRun:
    """Result of a selection on a dataset, with the information needed to repeat it.

    Attributes
    ----------
    reading : Cutflow
        What was left of the open events after each step of reading them.
    cutflow : Cutflow
    candidates : Candidates
    loose : Loose
        Candidates without the cuts that the task leaves out.
    regions : RegionCounts
        Number of candidates of each region, innermost first, `regions["CR"]` by name; closed ones absent; a last row `undefined` when candidates have no finite (z_TAX, CDA_TAX).
    hists : mapping of str to hist.Hist
        The analysis' variables, each with the axes `region` (closed ones absent) and itself. `n-1/NAME/every` is a distribution
        without one of the cuts, `n-1/NAME/passed` the part that passes it too. These, and variables that a function computes,
        have only the regions that were open when the files were read.
    exposure : Exposure or None
        Of the bursts used: protons on target, live time in s; None when the layout has no burst table.
    datasets : tuple of Dataset
        What was read: one, or those of the runs that were added.
    selection : str
    analysis_hash : str
    opened : tuple of str
        Regions of `regions`, `hists` and `candidates` that were closed when the files were read.
    emptied : str
        Why nothing is left of input that was not empty: which cut took the last event; mostly empty.
    tasks : tuple of SelectionTask
        How it was made, for `masks`.
    beside : tuple of BadFile
        Files of a sample that it is compared with that were left out, and so their bursts here.
    """

    reading: Cutflow
    cutflow: Cutflow
    candidates: Candidates
    loose: Loose
    regions: RegionCounts
    hists: Mapping[str, Histogram]
    exposure: Exposure | None
    datasets: tuple[Dataset, ...]
    selection: str
    analysis_hash: str
    opened: tuple[str, ...] = ()
    emptied: str = ""
    tasks: tuple[SelectionTask, ...] = field(default=(), compare=False, repr=False)
    beside: tuple[BadFile, ...] = ()

    def __repr__(self) -> str:
        counts = repr(self.regions).removeprefix("RegionCounts(")
        return shortened(
            f"SelectionRun({self.selection} on {self.kind}: {len(self.candidates)} candidates; {counts}"
        )

    @cached_property
    def masks(self) -> CutMasks:
        """Which of the open events with two good tracks pass each cut; reads the files once more when first asked for.

        Raises
        ------
        ConfigError
            When the run does not know how it was made.
        BlindingError
            When a pair without the cuts is closed.
        """
        if not self.tasks:
            raise ConfigError("this run does not know how it was made, so there are no masks of its cuts")
        parts = []
        for task in self.tasks:
            selection, par = task.analysis.selection(task.selection)
            names = tuple(cut.name for cut in selection.active(par))
            found = run_selection(replace(task, left_out=names)).loose
            if len(self.tasks) > 1:  # a region that is closed in one sample is closed in the sum
                found = found.take(~np.isin(found.candidates.region, self.closed))
            parts.append(found)
        return CutMasks(reduce(operator.add, parts))

    @property
    def closed(self) -> tuple[str, ...]:
        """Names of the closed (blinded) regions, of which the result contains nothing."""
        names = max((dataset.closed for dataset in self.datasets), key=len)
        return tuple(name for name in names if name not in self.opened)

    def with_opened(
        self,
        opened: Sequence[str],
        candidates: Candidates,
        names: Sequence[str],
        variables: Mapping[str, Variable],
        filled: Sequence[Mapping[str, Any]] | None = None,
    ) -> SelectionRun:
        """Return the result with the candidates of opened regions; cutflow and loose candidates stay as they are.

        Parameters
        ----------
        opened : sequence of str
            Regions that are not closed any more.
        candidates : Candidates
            Of the opened events.
        names : sequence of str
            All regions, innermost first.
        variables : mapping of str to Variable
            What is histogrammed.
        filled : sequence of mapping, optional
            By the name of the histogram, what was histogrammed while opened events were selected (`plain_contents`), where
            that of this run is of their regions too. None: it is not known.
        """
        run = replace(self, opened=tuple(opened))
        known = tuple(name for name in names if name not in run.closed)
        together = type(candidates).concatenate([self.candidates, candidates])
        # What was filled while events were selected: candidates do not keep it.
        beside = {
            key: one for key, one in self.hists.items() if key not in variables or variables[key].function
        }
        if filled is not None:
            beside = {
                key: with_contents(h, [part.get(key, {}) for part in filled]) for key, h in beside.items()
            }
        return replace(
            run,
            candidates=together,
            regions=_count(together, known, run.closed),
            hists=fill_histograms(together, variables, known) | beside,
        )

    @property
    def kind(self) -> str:
        """What was read: data, mc or pseudo; joined by `+` for a sum of several."""
        return "+".join(dict.fromkeys(dataset.kind for dataset in self.datasets))

    @property
    def label(self) -> str:
        """What the events are: data, simulation or pseudo-data; joined by `+` for a sum of several."""
        return " + ".join(dict.fromkeys(dataset.label for dataset in self.datasets))

    def __add__(self, other: SelectionRun) -> SelectionRun:
        """Add runs of one selection on different samples: a region that is closed in one is closed in the sum.

        Raises
        ------
        ConfigError
            When the selections or the configurations differ, or a file is in both.
        """
        if (self.selection, self.analysis_hash) != (other.selection, other.analysis_hash):
            raise ConfigError("only runs of one selection and one configuration can be added")
        both = _sources(self).keys() & _sources(other).keys()
        if both:
            name = min(str(_sources(self)[key]) for key in both)
            raise ConfigError(f"{name} is in both samples: its events would count double")
        runs = (self, other)
        sorted_closed = tuple(dict.fromkeys(name for run in runs for name in run.closed))
        closed = set(sorted_closed)
        counts = [{region.name: region.observed for region in run.regions} for run in runs]
        names = [name for name in dict.fromkeys([*counts[0], *counts[1]]) if name not in closed]
        kept = [name for name in names if name != UNDEFINED]
        candidates = [run.candidates.take(~np.isin(run.candidates.region, list(closed))) for run in runs]
        loose = [run.loose.take(~np.isin(run.loose.candidates.region, list(closed))) for run in runs]
        exposure = self.exposure + other.exposure if self.exposure and other.exposure else None
        return SelectionRun(
            reading=self.reading + other.reading,
            cutflow=self.cutflow + other.cutflow,
            candidates=type(self.candidates).concatenate(candidates),
            loose=loose[0] + loose[1],
            regions=RegionCounts(
                (RegionCount(name, sum(count.get(name, 0) for count in counts)) for name in names),
                sorted_closed,
            ),
            hists={key: _sum([run.hists[key] for run in runs], kept) for key in self.hists},
            exposure=exposure,
            datasets=(*self.datasets, *other.datasets),
            selection=self.selection,
            analysis_hash=self.analysis_hash,
            emptied="; ".join(dict.fromkeys([self.emptied, other.emptied]))
            if self.emptied and other.emptied
            else "",
            tasks=self.tasks + other.tasks,
        )

    @property
    def accounting(self) -> tuple[AccountingStep, ...]:
        """One chain of numbers from the events that were read to the candidates, with efficiencies.

        Closed events are in none of them, nor are those of regions that were opened later.
        """
        return accounting(self.reading, self.cutflow)

    @property
    def accounting_note(self) -> str:
        """What the numbers of `accounting` are of."""
        bursts = "all bursts are used" if any(dataset.all_bursts for dataset in self.datasets) else ""
        gated = any(dataset.gate is not None for dataset in self.datasets)
        closed = "closed events are counted in no row, and read are those that are open" if gated else ""
        return "; ".join(filter(None, (bursts, closed)))

    @property
    def unusual(self) -> list[str]:
        """Numbers of the exposure that are meant, though no accelerator is known to have them."""
        return sorted({name for dataset in self.datasets for name in dataset.unusual})

    @property
    def bad_files(self) -> list[BadFile]:
        """Files that cannot be read and were left out with the protons of their bursts."""
        found = [bad for dataset in self.datasets for bad in dataset.bad_files]
        return [*found, *(bad for bad in self.beside if bad.file not in {one.file for one in found})]

    def with_bad_files(self, beside: Sequence[BadFile]) -> SelectionRun:
        """Return the result, which also names files that a sample beside it had to leave out.

        Parameters
        ----------
        beside : sequence of BadFile
        """
        return replace(self, beside=tuple(beside))

    def to_dict(self) -> dict[str, Any]:
        """Return the result as plain values, for JSON."""
        return {
            "accounting": [asdict(step) for step in self.accounting],
            "accounting_note": self.accounting_note,
            "cutflow": self.cutflow.to_list(),
            "regions": [asdict(region) for region in self.regions],
            "exposure": asdict(self.exposure) if self.exposure else None,
            "selection": self.selection,
            "kind": self.kind,
            "label": self.label,
            "all_bursts": any(dataset.all_bursts for dataset in self.datasets),
            "files": [file for dataset in self.datasets for file in dataset.files],
            "schemas": [name for dataset in self.datasets for name in dataset.schemas],
            "analysis_hash": self.analysis_hash,
            "bdana_version": __version__,
            **({"emptied": self.emptied} if self.emptied else {}),
            **({"unusual_exposure": unusual} if (unusual := self.unusual) else {}),
            **({"bad_files": [bad.to_dict() for bad in found]} if (found := self.bad_files) else {}),
        }


def run_selection(
    task: SelectionTask, executor: Executor | None = None, progress: Progress | None = None
) -> SelectionRun:
    """Run a selection over a dataset.

    The sum runs over chunks in the order of the files, so results are bit-identical for every executor.

    Parameters
    ----------
    task : SelectionTask
    executor : Executor, optional
        Where chunks run; serially in this process by default.
    progress : callable, optional
        Called with (done, in all) after each chunk.

    Raises
    ------
    InputError
        When files cannot be read, naming all of them; an event is in the dataset twice, naming it and both files; or the
        exposure is not known.
    """
    return without_bad_files(task, lambda task: _run(task, executor or SerialExecutor(), progress))


def _run(task: SelectionTask, executor: Executor, progress: Progress | None) -> SelectionRun:
    exposure = task.dataset.exposure  # what is wrong with it is said before the long work
    batches = task.dataset.batches(task.columns)
    # Behind a gate the number of events in a file is not to be seen: progress counts chunks.
    gated = task.dataset.gate is not None
    steps = [len(batch) if gated else sum(chunk.entries for chunk in batch) for batch in batches]
    results = kept_batches(task, batches, executor, task.checkpoints)
    total: OrderedSum[Selected] = OrderedSum()
    with SeenEvents() as seen:
        for done, result in zip(np.cumsum(steps), results, strict=True):
            if result is not None:
                total.add(result[0])
                seen.add(result[1])
            if progress:
                progress(int(done), sum(steps))
        refuse_repeats(task.dataset, batches, seen)
    selected = total.result()
    names = tuple(name for name in task.setup.regions.names if name not in task.dataset.closed)
    return SelectionRun(
        reading=selected.reading,
        cutflow=selected.cutflow,
        candidates=selected.candidates,
        loose=selected.loose,
        regions=_count(selected.candidates, names, task.dataset.closed),
        hists=fill_histograms(selected.candidates, task.analysis.variables, names) | _filled(task, selected),
        exposure=exposure,
        datasets=(task.dataset,),
        selection=task.selection,
        analysis_hash=task.analysis.hash,
        emptied=_emptied(task, selected),
        tasks=(replace(task, left_out=(), checkpoints=None),),
    )


def _filled(task: SelectionTask, selected: Selected) -> dict[str, Histogram]:
    """Return what was histogrammed while events were selected."""
    shown = task.distributions
    if shown is None:
        return {}
    return {name: selected.filled[name].histogram(axis, shown.regions) for name, axis in shown.axes.items()}


def _emptied(task: SelectionTask, selected: Selected) -> str:
    """Return why nothing is left; with nothing to select, only of simulation, whose number of events is no secret."""
    dataset, before = task.dataset, selected.cutflow.rows[0].events
    if not before and dataset.gate is None and any(source.entries for source in dataset.sources):
        trigger = "" if dataset.trigger == "any" else f" with the trigger {dataset.trigger}"
        return f"no candidate: none of the events that were read lies in a burst that is used{trigger}"
    return why_empty(selected.cutflow, task.analysis.selection(task.selection)[0])


def _sum(histograms: Sequence[Histogram], regions: Sequence[str]) -> Histogram:
    """Add histograms of one variable in those of some regions that all of them have."""
    return sum_regions(
        histograms, [name for name in regions if all(name in made.axes["region"] for made in histograms)]
    )


def _sources(run: SelectionRun) -> dict[Hashable, Location]:
    """Return the names of the sources of a run by what they are, whatever link they are reached by."""
    found: dict[Hashable, Location] = {}
    for source in (source for dataset in run.datasets for source in dataset.sources):
        if source.file and source.file.exists():
            state = source.file.stat()
            found[state.st_dev, state.st_ino] = source.path
        else:
            found[source.path if isinstance(source.path, str) else id(source)] = source.path
    return found


def _count(candidates: Candidates, names: tuple[str, ...], closed: tuple[str, ...]) -> RegionCounts:
    counts = [
        RegionCount(name, int(np.count_nonzero(candidates.region == name))) for name in (*names, UNDEFINED)
    ]
    return RegionCounts(counts if counts[-1].observed else counts[:-1], closed)

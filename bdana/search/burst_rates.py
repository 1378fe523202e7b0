"""Rates of single tracks and of candidates against run and burst."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import hepunits
import numpy as np

from bdana.display import short_repr

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from bdana.events import BurstTable
    from bdana.pairing import PairEstimate
    from bdana.selection import Candidates

__all__ = ["Rates", "burst_rates"]

GROUPS = 24
"""Groups of bursts in their order, or fewer."""
MOST_RUNS = 60
"""Runs that are shown one by one; more are shown as groups of bursts alone."""


@dataclass(frozen=True)
class Rates:
    """Numbers of single tracks and candidates of open regions in groups of bursts.

    Attributes
    ----------
    what : str
        What the groups are: runs, or bursts in their order.
    groups : tuple of str
    pot, live_time_s : tuple of float
        Protons on target and live time of the single-track trigger, in s.
    tracks : tuple of int
        Selected single tracks that were recorded.
    observed : tuple of int
        Candidates of open regions.
    expected : tuple of float
        The estimate for them.
    """

    what: str
    groups: tuple[str, ...]
    pot: tuple[float, ...]
    live_time_s: tuple[float, ...]
    tracks: tuple[int, ...]
    observed: tuple[int, ...]
    expected: tuple[float, ...]

    __repr__ = short_repr


def burst_rates(
    candidates: Candidates, table: BurstTable, estimate: PairEstimate, is_open: Sequence[str]
) -> tuple[Rates, ...]:
    """Return the rates of runs, where there are several, and of groups of bursts in their order.

    Parameters
    ----------
    candidates : Candidates
        Those of closed regions are not counted.
    table : BurstTable
        The N bursts of the estimate.
    estimate : PairEstimate
    is_open : sequence of str
        Regions.
    """
    bursts = estimate.bursts
    if not len(bursts):
        return ()
    found = candidates.take(np.isin(candidates.region, list(is_open)))
    observed = np.bincount(table.places(found.run, found.burst), minlength=len(bursts))
    expected = estimate.by_burst[:, np.isin(estimate.regions, list(is_open))].sum(axis=1)
    columns = (
        table.pot,
        bursts.live_time / hepunits.s,
        bursts.plus + bursts.minus + bursts.neutral,
        observed,
        expected,
    )
    made = []
    runs, of_run = np.unique(bursts.run, return_inverse=True)
    if 1 < len(runs) <= MOST_RUNS:
        made.append(_rates("run", [str(run) for run in runs], of_run, columns))
    number = min(GROUPS, len(bursts))
    group = np.arange(len(bursts)) * number // len(bursts)
    first = np.searchsorted(group, np.arange(number))
    labels = [f"{bursts.run[at]}/{bursts.burst[at]}" for at in first]
    return (*made, _rates("run/burst, first of each group", labels, group, columns))


def _rates(
    what: str, labels: Sequence[str], group: NDArray[np.int64], columns: Sequence[NDArray[Any]]
) -> Rates:
    pot, live, tracks, observed, expected = (
        np.bincount(group, column, minlength=len(labels)).tolist() for column in columns
    )
    return Rates(
        what, tuple(labels), tuple(pot), tuple(live), tuple(map(int, tracks)), tuple(map(int, observed)),
        tuple(expected),
    )  # fmt: skip

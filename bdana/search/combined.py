"""The combined table of several channels: region by region, their counts judged together."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from scipy import linalg

from bdana.observed import Observed, Predicted
from bdana.statistics.correlated import valid_covariance
from bdana.statistics.error_sources import ErrorSources
from bdana.statistics.joint import joint_p_values
from bdana.statistics.poisson import Background
from bdana.statistics.systematic import Systematic
from bdana.statistics.table import CountingTable, TableRow

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from bdana.pairing import PairEstimate
    from bdana.search.run import SampleRun
    from bdana.statistics.poisson import Counting

__all__ = ["CombinedTable", "channel_covariance", "combined_table", "common_errors"]


@dataclass(frozen=True)
class CombinedTable(CountingTable):
    """Rows of the combined table: sums over channels, with p-values of the channels' counts together.

    Attributes
    ----------
    shared : int
        Candidates of open regions that are in several channels, though channels should have no event in common.
    """

    shared: int = 0

    @property
    def conventions(self) -> dict[str, str]:
        """Definitions of the p-values and of the expected numbers, and what they suffer from."""
        warning = (
            {
                "warning": f"{self.shared} candidates are in several channels, which are taken to be independent here: make "
                "their selections exclude each other"
            }
            if self.shared
            else {}
        )
        return (
            super().conventions
            | warning
            | {
                "expected": "the sum over channels, with errors of the same name common to them; a channel where no pair was "
                "seen to estimate from counts with mean and error of the exponential of its upper limit"
            }
        )


def channel_covariance(
    estimates: Sequence[PairEstimate], direction: float | None = None
) -> NDArray[np.float64]:
    """Return the covariance of the expectations of several channels, shape (channels, regions, channels, regions).

    Statistical errors are independent, since no single track is in two channels. Systematic sources that move all
    regions together and have one name in two channels are one source; all others are independent.

    Parameters
    ----------
    estimates : sequence of PairEstimate
        One for each channel, with the same regions.
    direction : float, optional
        1 leaves out sources that can only lower the expectations, -1 those that can only raise them, 0 both; by default
        all count.
    """
    estimates = [one if direction is None else _towards(one, direction) for one in estimates]
    regions = estimates[0].regions
    total = linalg.block_diag(*(valid_covariance(e.covariance) + e.systematic_covariance for e in estimates))
    found: NDArray[np.float64] = total.reshape((len(estimates), len(regions)) * 2)
    shifts = [
        {
            source.name: e.expected * np.array([source.effect.get(name, 0.0) for name in regions])
            for source in e.systematics
            if source.correlated
        }
        for e in estimates
    ]
    for i, mine in enumerate(shifts):
        for j, others in enumerate(shifts):
            if i != j:
                for name in mine.keys() & others.keys():
                    found[i, :, j] += np.outer(mine[name], others[name])
    return found


def _towards(estimate: PairEstimate, direction: float) -> PairEstimate:
    """Return an estimate without what its one-sided sources do in the other direction."""
    if not any(source.one_sided for source in estimate.systematics):
        return estimate
    kept = [
        replace(source, effect={name: x for name, x in source.effect.items() if x * direction > 0})
        if source.one_sided
        else source
        for source in estimate.systematics
    ]
    return replace(estimate, systematics=tuple(kept))


def common_errors(estimates: Sequence[PairEstimate], region: str) -> NDArray[np.float64]:
    """Return the relative covariance of the expectations of one region in different channels, shape (channels, channels).

    Parameters
    ----------
    estimates : sequence of PairEstimate
        One for each channel.
    region : str

    Returns
    -------
    ndarray
        With a diagonal of zero: what a channel has for itself is not in it.
    """
    at = estimates[0].regions.index(region)
    covariance = channel_covariance(estimates)[:, at, :, at]
    expected = np.array([estimate.expected[at] for estimate in estimates])
    scale = np.outer(expected, expected)
    found: NDArray[np.float64] = np.divide(covariance, scale, out=np.zeros_like(scale), where=scale > 0)
    np.fill_diagonal(found, 0.0)
    return found


def combined_table(runs: Sequence[SampleRun], joint: Sequence[str]) -> CombinedTable | None:
    """Judge the counts of several channels together, region by region; None unless several runs have a table.

    Parameters
    ----------
    runs : sequence of SampleRun
        Of all channels and samples.
    joint : sequence of str
        Regions that are judged together too, over all channels.

    Returns
    -------
    CombinedTable
        A region that is closed in one channel is closed in it. p_n is of the summed count, p_l of the joint likelihood
        of the channels' counts (`bdana.statistics.joint`).
    """
    tables = [run.table for run in runs if run.table]
    estimates = [run.estimate for run in runs if run.estimate]
    if len(tables) < 2 or len(estimates) != len(tables):
        return None
    expected = [{row.name: row.expected for row in table.rows} for table in tables]
    observed = [{row.name: row.observed for row in table.rows} for table in tables]
    names = [row.name for row in tables[0].rows]
    covariance, downward, both_ways = (channel_covariance(estimates, towards) for towards in (1.0, -1.0, 0.0))
    at = {name: place for place, name in enumerate(estimates[0].regions)}

    def judged(*chosen: str) -> tuple[Predicted, Counting | None]:
        backgrounds = [Background.of(by_name[name]) for name in chosen for by_name in expected]
        places = [(channel, at[name]) for name in chosen for channel in range(len(tables))]
        errors, below = (
            np.array([[found[i, a, j, b] for j, b in places] for i, a in places])
            for found in (covariance, downward)
        )
        unseen = sum(x.error**2 for x in backgrounds if x.prior == "exponential")
        up, down = (float(np.sqrt(max(float(found.sum()) + unseen, 0.0))) for found in (errors, below))
        total = Predicted(float(sum(x.expected for x in backgrounds)), up, None, down if down != up else None)
        counts = [by_name[name] for name in chosen for by_name in observed]
        if not counts or any(number.state == "closed" for number in counts):
            return total, None
        return total, joint_p_values([number.value for number in counts], backgrounds, errors)

    rows = []
    for name in names:
        total, counting = judged(name)
        value = None if counting is None else sum(by_name[name].value for by_name in observed)
        rows.append(TableRow(name, total, Observed(name, value), counting))
    together = tuple(name for name in joint if name in names)
    sums = both_ways.sum(axis=(0, 2)) + np.diag(_unseen_variance(expected, estimates[0].regions))
    places = [at[name] for name in names]
    totals = [row.expected.value for row in rows]
    matrix = sums[np.ix_(places, places)]
    errors = ErrorSources.of(names, totals, matrix, _one_sided(estimates, names, totals), label="all sources")
    label = " + ".join(dict.fromkeys(table.label for table in tables))
    return CombinedTable(tuple(rows), together, judged(*together)[1], errors, label, _shared(runs))


def _one_sided(
    estimates: Sequence[PairEstimate], names: Sequence[str], totals: Sequence[float]
) -> list[Systematic]:
    """Return the one-sided sources of all channels with their effects on the sums; those of one name are one source."""
    shifts: dict[tuple[str, bool], dict[str, float]] = {}
    for channel, estimate in enumerate(estimates):
        expected = dict(zip(estimate.regions, estimate.expected.tolist(), strict=True))
        for source in estimate.systematics:
            if source.one_sided:
                label = source.name if source.correlated else f"{source.name}, channel {channel + 1}"
                summed = shifts.setdefault((label, source.correlated), dict.fromkeys(names, 0.0))
                for name in names:
                    summed[name] += expected[name] * source.effect.get(name, 0.0)
    return [
        Systematic(
            label,
            {name: summed[name] / total if total else 0.0 for name, total in zip(names, totals, strict=True)},
            correlated=together,
            source="of all channels",
            one_sided=True,
        )
        for (label, together), summed in shifts.items()
    ]


def _unseen_variance(
    expected: Sequence[Mapping[str, Predicted]], regions: Sequence[str]
) -> NDArray[np.float64]:
    """Return, by region, the variance of the channels where no pair was seen to estimate from."""
    return np.array(
        [
            sum(Background.of(part[name]).error ** 2 for part in expected if part[name].upper_limit)
            for name in regions
        ],
        dtype=np.float64,
    )


def _shared(runs: Sequence[SampleRun]) -> int:
    """Count the events of the data that are candidates in more than one channel."""
    events = Counter(
        event
        for found in (run.candidates for run in runs if run.table)
        for event in zip(found.run.tolist(), found.burst.tolist(), found.event.tolist(), strict=True)
    )
    return sum(number > 1 for number in events.values())

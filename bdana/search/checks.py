"""Validation of the combinatorial estimate with open data: the checks that a report shows (docs/combinatorial.md)."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import stats

from bdana.display import short_repr
from bdana.engine import run_selection
from bdana.pairing import PairOptions
from bdana.regions import OUTSIDE
from bdana.rounding import bounded_p
from bdana.search.burst_rates import Rates, burst_rates
from bdana.search.closure import Closure, close
from bdana.search.estimates import error_sources, estimate_combinatorial, estimate_singles
from bdana.search.normalisation import Normalisation, measure_normalisation
from bdana.search.prompt_check import PromptCheck, check_prompt
from bdana.statistics.multinomial import multinomial_p
from bdana.statistics.nuisance_pulls import Pull, nuisance_pulls
from bdana.statistics.poisson import Background, p_values

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from bdana.analysis import AnalysisFolder
    from bdana.engine import Executor, SelectionRun
    from bdana.events import BurstTable, Dataset
    from bdana.events.open_part import OpenPart
    from bdana.observed import Observed, Predicted
    from bdana.pairing import PairEstimate, SingleSample
    from bdana.search.kept_parts import KeptParts
    from bdana.selection import Candidates

__all__ = ["Checks", "Compared", "Flatness", "Stability", "left_out_cuts", "only_bad_bursts", "run_checks"]

GROUPS = 4
"""Number of groups of bursts with equal expectation, and of slices of the time window."""
FLAT_BINS = 20


@dataclass(frozen=True)
class Compared:
    """Expected and observed number of control pairs (like-sign, or out of time) in one region, with p-values.

    Such pairs may be looked at in every region, closed ones included.

    Without a pair to estimate from, expectation and error are 0 and there is an upper limit at 90% CL.
    """

    region: str
    expected: float
    error: float
    observed: int
    p_n: float
    p_l: float
    upper_limit_90: float | None = None
    error_down: float | None = None


@dataclass(frozen=True)
class Flatness:
    """Test of the time differences of pairs in open regions, which are flat for accidental coincidences.

    Attributes
    ----------
    window_ns : float
        Half width of the window that is looked at.
    pairs : int
    p : float or None
        Of the Kolmogorov-Smirnov test, which needs no bins; None without a pair.
    counts : tuple of int
        In `FLAT_BINS` equal bins of the window, to be drawn.
    """

    window_ns: float
    pairs: int
    p: float | None
    counts: tuple[int, ...]

    __repr__ = short_repr


@dataclass(frozen=True)
class Stability:
    """Expected and observed numbers of pairs of open regions in groups, and the test that their shares agree.

    Attributes
    ----------
    what : str
        What the groups differ in.
    groups : tuple of str
    expected : tuple of float
        Without the open regions' common factor: what counts is the share of each group.
    observed : tuple of int
    p : float or None
        p(L <= Lobs) of the division among the groups, whatever its total; None without a pair.
    """

    what: str
    groups: tuple[str, ...]
    expected: tuple[float, ...]
    observed: tuple[int, ...]
    p: float | None

    __repr__ = short_repr


@dataclass(frozen=True)
class Checks:
    """All checks of one search.

    Attributes
    ----------
    like_sign : tuple of Compared
        In time, in all regions.
    out_of_time : tuple of Compared
        Of opposite charge, in all regions, with |DT| in `sideband_ns`.
    sideband_ns : tuple of float
    flatness : Flatness
    stability : tuple of Stability
    pulls : tuple of Pull
        Sources of uncertainty in a fit of the open regions.
    prompt : PromptCheck or None
        None when [search] names no prompt background.
    closure : tuple of Closure
        Estimate over truth of simulated samples; empty for data.
    normalisation : Normalisation or None
        Of the control pairs outside of all control regions; None without one.
    label : str
        What is compared with the estimate: data, simulation or pseudo-data.
    rates : tuple of Rates
        Single tracks and candidates by run and burst.
    """

    like_sign: tuple[Compared, ...]
    out_of_time: tuple[Compared, ...]
    sideband_ns: tuple[float, float]
    flatness: Flatness
    stability: tuple[Stability, ...]
    pulls: tuple[Pull, ...]
    prompt: PromptCheck | None
    closure: tuple[Closure, ...] = ()
    normalisation: Normalisation | None = None
    label: str = "data"
    rates: tuple[Rates, ...] = ()

    __repr__ = short_repr

    def to_dict(self) -> dict[str, Any]:
        """Return the checks as plain values, for JSON."""
        document = asdict(self)
        if self.normalisation:
            document["normalisation"]["source"] = self.normalisation.source
        if self.prompt:
            document["prompt"] = self.prompt.to_dict()
        return document


def left_out_cuts(analysis: AnalysisFolder) -> tuple[str, ...]:
    """Return the cuts that the checks leave out: those on charge and time, and those that the prompt fit leaves out.

    Parameters
    ----------
    analysis : AnalysisFolder
    """
    search = analysis.config.search
    background, _ = analysis.combinatorial(search.background)
    prompt = analysis.prompt(search.prompt)[0].left_out if search.prompt else ()
    return tuple(dict.fromkeys((*background.charges, *background.timing, *prompt)))


def run_checks(
    analysis: AnalysisFolder,
    data: SelectionRun,
    observed: Mapping[str, Observed],
    sample: SingleSample,
    source: Dataset,
    estimate: PairEstimate,
    executor: Executor | None = None,
    kept: KeptParts | None = None,
    part: OpenPart | None = None,
) -> Checks:
    """Compare open data with the combinatorial estimate: control pairs, flatness, stability, pulls, prompt fit.

    Parameters
    ----------
    analysis : AnalysisFolder
    data : SelectionRun
        The data, with loose candidates that need not pass `left_out_cuts`.
    observed : mapping of str to Observed
        Candidates of each region, those that were opened included; without value where it is closed.
    sample : SingleSample
        The single tracks that the estimate was made of.
    source : Dataset
        What they were read from.
    estimate : PairEstimate
        Of what is counted of each region. Like-sign pairs and those out of time are open everywhere, and are compared with
        that of whole regions.
    executor : Executor, optional
        Where chunks are selected and tracks are paired.
    kept : KeptParts, optional
        As for `run_search`.
    part : OpenPart, optional
        What is counted of each region of blinded data.
    """
    search, whole = analysis.config.search, estimate.whole
    background, par = analysis.combinatorial(search.background)
    like = (
        estimate_singles(
            analysis,
            search.background,
            sample,
            PairOptions(like_sign=True, executor=executor),
            hists=False,
            kept=kept,
        )
        if background.charge
        else None  # clusters have no charge
    )
    low, high = par.sideband_ns
    loose, names = data.loose, analysis.regions.names
    others = [name for name in loose.passes if name not in {*background.charges, *background.timing}]
    same = loose.like_sign & loose.passing(*background.timing, *others)
    opposite = loose.passing(*background.charges, *others)
    dt = np.abs(loose.candidates.dt)
    sideband = loose.candidates.take(opposite & (dt >= low) & (dt < high))
    window = background.full_window(analysis.selection(search.selection)[1], par)
    scale = 2.0 * (high - low) / window
    is_open = [name for name in names if name not in data.closed]
    flat = loose.candidates.take(opposite & (dt < low) & np.isin(loose.candidates.region, is_open))
    made = (
        _compare(like.predicted, 1.0, loose.candidates.take(same)) if like else (),
        _compare(whole.predicted, scale, sideband),
    )
    beside, late = (sum(row.observed for row in rows if row.region == OUTSIDE) for rows in made)
    return Checks(
        like_sign=made[0],
        out_of_time=made[1],
        sideband_ns=(low, high),
        flatness=_flat(flat.dt, low),
        stability=(
            _windows(flat, low),
            *_burst_groups(data, sample.bursts, whole, is_open),
            *_bad_bursts(analysis, data, source, whole, is_open, executor),
        ),
        pulls=_pulls(observed, estimate),
        prompt=check_prompt(analysis, data, observed, sample, estimate, kept, part)
        if search.prompt
        else None,
        closure=_closure(data, whole, like, made, scale) if data.kind != "data" else (),
        normalisation=measure_normalisation(like, whole, scale, (beside, late)),
        label=data.label,
        rates=burst_rates(data.candidates, sample.bursts, whole, is_open),
    )


def _closure(
    data: SelectionRun,
    estimate: PairEstimate,
    like: PairEstimate | None,
    made: Sequence[Sequence[Compared]],
    scale: float,
) -> tuple[Closure, ...]:
    """Compare estimated and simulated pairs: like-sign, out of time, and in time if no region is closed."""
    same, outside = (sum(row.observed for row in rows) for rows in made)
    found = int(np.isin(data.candidates.region, estimate.regions).sum())
    rows = (
        None if data.closed else close("opposite charge, in time", estimate, found),
        close("opposite charge, out of time", estimate, outside, scale),
        close("like-sign, in time", like, same) if like else None,
    )
    return tuple(row for row in rows if row)


def _compare(predicted: Mapping[str, Predicted], scale: float, pairs: Candidates) -> tuple[Compared, ...]:
    rows = []
    for name, by_window in predicted.items():
        n, expected = int(np.count_nonzero(pairs.region == name)), by_window.scaled(scale)
        p = p_values(n, Background.of(expected))
        numbers = expected.value, expected.error, n, p.p_n, p.p_l, expected.upper_limit, expected.error_down
        rows.append(Compared(name, *numbers))
    return tuple(rows)


def _flat(dt: NDArray[np.float64], window: float) -> Flatness:
    test = stats.kstest(dt, stats.uniform(-window, 2.0 * window).cdf) if len(dt) else None
    p = bounded_p(test.pvalue) if test else None
    counts = np.histogram(dt, FLAT_BINS, (-window, window))[0]
    return Flatness(window, len(dt), p, tuple(counts.tolist()))


def _windows(flat: Candidates, window: float) -> Stability:
    edges = np.linspace(0.0, window, GROUPS + 1)
    observed = np.histogram(np.abs(flat.dt), edges)[0]
    groups = [f"{a:g} - {b:g} ns" for a, b in pairwise(edges)]
    return _stability("|t(+) - t(-)|", groups, np.full(GROUPS, len(flat) / GROUPS), observed)


def _burst_groups(
    data: SelectionRun, table: BurstTable, estimate: PairEstimate, is_open: Sequence[str]
) -> list[Stability]:
    """Group bursts by intensity and by time, with equal expectations."""
    bursts = estimate.bursts
    if not len(bursts):
        return []
    expected = _of_regions(estimate.by_burst, estimate.regions, is_open)
    found = data.candidates.take(np.isin(data.candidates.region, is_open))
    observed = np.bincount(table.places(found.run, found.burst), minlength=len(bursts))
    made = []
    orders = {
        "intensity of the burst": np.argsort(bursts.rate, kind="stable"),
        "time": np.arange(len(bursts)),
    }
    for what, order in orders.items():
        share = np.cumsum(expected[order]) / max(expected.sum(), np.finfo(float).tiny)
        group = np.minimum((share * GROUPS).astype(np.int64), GROUPS - 1)
        made.append(
            _stability(
                what,
                [f"quarter {i + 1}" for i in range(GROUPS)],
                np.bincount(group, expected[order], minlength=GROUPS).astype(np.float64),
                np.bincount(group, observed[order], minlength=GROUPS).astype(np.int64),
            )
        )
    return made


def _bad_bursts(
    analysis: AnalysisFolder,
    data: SelectionRun,
    source: Dataset,
    estimate: PairEstimate,
    is_open: Sequence[str],
    executor: Executor | None,
) -> list[Stability]:
    """Repeat selection and estimate on the bad bursts, where there are any with a live time."""
    (dataset,) = data.datasets
    search = analysis.config.search
    known = analysis.combinatorial(search.background)[1].downscale is not None
    bad = [only_bad_bursts(d, downscale_known=known) for d in (dataset, source)]
    if bad[0] is None or bad[1] is None:
        return []
    found = run_selection(analysis.selection_task(bad[0], search.selection), executor)
    there = estimate_combinatorial(analysis, search.background, bad[1], found.candidates, executor)
    observed = [np.isin(run.candidates.region, is_open).sum() for run in (data, found)]
    expected = [float(_of_regions(e.expected, e.regions, is_open)) for e in (estimate, there)]
    return [_stability("quality of the burst", ["good", "bad"], np.array(expected), np.array(observed))]


def only_bad_bursts(dataset: Dataset, *, downscale_known: bool) -> Dataset | None:
    """Return a dataset of the bursts that are not used because they are marked bad; None when there are none.

    Those whose protons, live time or downscale cannot be used are left out.

    Parameters
    ----------
    dataset : Dataset
    downscale_known : bool
        Whether the background's parameters have the downscale where the table has none.
    """
    table: BurstTable | None = dataset.bursts
    if table is None or dataset.all_bursts:
        return None
    exposed = (
        table.plausible(dataset.unusual)
        & np.isfinite(table.pot)
        & np.isfinite(table.live_time_s)
        & (table.live_time_s > 0)
    )
    bad = ~table.good & exposed & ((table.downscale >= 1) | (downscale_known & np.isnan(table.downscale)))
    return replace(dataset, bursts=replace(table, good=bad)) if bad.any() else None


def _of_regions(values: NDArray[np.float64], regions: Sequence[str], chosen: Sequence[str]) -> Any:
    """Sum over some of the regions, which are the last axis."""
    return values[..., np.isin(regions, chosen)].sum(axis=-1)


def _stability(
    what: str, groups: Sequence[str], expected: NDArray[np.float64], observed: NDArray[Any]
) -> Stability:
    known = observed.sum() and not observed[expected <= 0].any() and expected.sum() > 0
    p = multinomial_p(observed.tolist(), expected.tolist()) if known else None
    return Stability(what, tuple(groups), tuple(expected.tolist()), tuple(map(int, observed)), p)


def _pulls(observed: Mapping[str, Observed], estimate: PairEstimate) -> tuple[Pull, ...]:
    known = {name: number.value for name, number in observed.items() if number.state == "open"}
    at = [i for i, name in enumerate(estimate.regions) if name in known and estimate.expected[i] > 0]
    if not at:
        return ()
    regions = [estimate.regions[i] for i in at]
    effects = error_sources(estimate, regions).shifts
    return nuisance_pulls([known[name] for name in regions], estimate.expected[at].tolist(), effects)

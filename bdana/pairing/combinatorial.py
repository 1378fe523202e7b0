"""What backgrounds/combinatorial.py declares, and how the estimate is made of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from bdana.errors import ConfigError, InputError
from bdana.pairing.bursts import SingleBursts
from bdana.pairing.estimate import PairEstimate, PairSample, PairTask, estimate_pairs
from bdana.pairing.measured import Measured, SampleChoice, measured_duty
from bdana.pairing.slices import mix_bursts, slice_weights, time_slices
from bdana.statistics import Systematic

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from bdana.events import BurstTable
    from bdana.pairing.estimate import PairSink
    from bdana.pairing.parameters import PairingParameters
    from bdana.reconstruction import Tracks
    from bdana.selection import Parameters, SelectedSingles, Selection, Setup, Variable

__all__ = ["Combinatorial", "Search"]

POISSON_90 = 2.302585092994046
"""90% CL upper limit on a Poisson mean when nothing is seen: -ln(0.1)."""


@dataclass(frozen=True)
class Search:
    """Pairs outside these bounds are not built; the selection's own cuts must be as tight or tighter.

    Attributes
    ----------
    max_cda : float
        Largest distance of closest approach of the two tracks in mm.
    z_min, z_max : float
        Range of the decay vertex's z in mm.
    """

    max_cda: float
    z_min: float
    z_max: float


@dataclass(frozen=True)
class Combinatorial:
    """A combinatorial estimate: which tracks, which pairs, and what a pair weighs.

    The functions get the bursts of the single tracks (`SingleBursts`), the parameters of the pair selection and
    those of the background.

    Attributes
    ----------
    single_track : str
        Name of the single-track selection.
    selection : str
        Name of the selection whose cuts of level `pair` the built pairs must pass. Those of level `track` and
        `event` acted on the single tracks.
    replaced : tuple of str
        Pair cuts that are not applied because the weight stands for them.
    charge : str
        The pair cut that wants opposite charges, which like-sign pairs do without.
    timing : tuple of str
        Cuts that pairs out of time do without.
    window : callable
        f(cuts, par) -> full width in ns of the window of time differences.
    search : callable
        f(cuts) -> Search.
    weight : callable
        f(bursts, cuts, par) -> weight of a pair in each burst, shape (bursts,).
    corrections : tuple of callable
        Each f(bursts, cuts, par) -> factor on the weight, shape (bursts,) or a number.
    systematics : callable
        f(bursts, cuts, par) -> mapping of name to (relative effect on every region, source), beside those that the
        single tracks themselves tell (`Measured.systematics`).
    parameters : type
        Model of the background's own numbers, with `PairingParameters` as base.
    """

    single_track: str
    selection: str
    replaced: tuple[str, ...]
    charge: str
    timing: tuple[str, ...]
    window: Callable[..., float]
    search: Callable[..., Search]
    weight: Callable[..., NDArray[np.float64]]
    corrections: tuple[Callable[..., Any], ...]
    systematics: Callable[..., Mapping[str, tuple[float, str]]]
    parameters: type[PairingParameters]

    def needs(self, par: PairingParameters) -> dict[str, str]:
        """Return the columns that the estimate needs beside those of the single-track selection, and what for."""
        return {"timestamp": "background slice_ms"} if par.slice_ms is not None else {}

    optional = ("timestamp",)
    """Columns that are read where a file has them: for the duty factor."""

    def estimate(
        self,
        singles: SelectedSingles,
        table: BurstTable,
        selection: Selection,
        cuts: Parameters,
        par: PairingParameters,
        setup: Setup,
        variables: Mapping[str, Variable],
        systematics: Sequence[Systematic] = (),
        *,
        like_sign: bool = False,
        bootstrap: int = 0,
        sink: PairSink | None = None,
    ) -> PairEstimate:
        """Estimate the background from selected single tracks.

        Parameters
        ----------
        singles : SelectedSingles
        table : BurstTable
            The bursts used, those without tracks included.
        selection : Selection
            The pair selection.
        cuts : Parameters
            Its parameters.
        par : PairingParameters
            The background's parameters.
        setup : Setup
        variables : mapping of str to Variable
            What is histogrammed.
        systematics : sequence of Systematic
            Added to those measured here.
        like_sign : bool
            Estimate pairs of equal charge instead, which no signal makes.
        bootstrap : int
            Replicas of the sample, drawn with a fixed seed, that cross-check the errors: none, or two or more.
        sink : callable, optional
            Gets every batch of selected pairs: candidates, tracks, and the places of both tracks of each pair.

        Raises
        ------
        ConfigError
            When `replaced`, `charge` or `timing` names a cut that the selection does not have, or `bootstrap` is 1 or
            negative.
        InputError
            When a burst with tracks lacks live time or downscale, or no burst has them.
        """
        if bootstrap < 0 or bootstrap == 1:
            raise ConfigError(
                f"a spread needs at least 2 bootstrap replicas (0: no bootstrap), not {bootstrap}"
            )
        selection.require_cuts((*self.replaced, self.charge), "pair")
        selection.require_cuts(self.timing)
        bursts = SingleBursts.of_singles(singles, table, par.downscale)
        weight = self._weights(bursts, cuts, par)
        left_out = (*self.replaced, *([self.charge] if like_sign else []))
        task = PairTask(
            cuts=[c for c in selection.active(cuts) if c.level == "pair" and c.name not in left_out],
            par=cuts,
            search=self.search(cuts),
            window=self.window(cuts, par),
            setup=setup,
            variables=variables,
            like_sign=like_sign,
            bootstrap=bootstrap,
            sink=sink,
        )
        grouped = _group(singles.tracks, _places(singles.tracks, table), bursts, weight, par)
        sample = estimate_pairs(singles.tracks, grouped.places, grouped.weight, task)
        names = setup.regions.names
        expected = sample.sums.total[: len(names)]
        measured = self._measured(singles, table, bursts, weight, par, task, float(expected.sum()))
        used = bursts.take(bursts.usable)
        sources = tuple(
            Systematic(name, dict.fromkeys(names, float(effect)), correlated=True, source=source)
            for name, (effect, source) in {
                **self.systematics(used, cuts, par),
                **measured.systematics(used),
            }.items()
        )
        return _estimate(singles, bursts, grouped, sample, names, measured, (*sources, *systematics))

    def _weights(self, bursts: SingleBursts, cuts: Parameters, par: PairingParameters) -> NDArray[np.float64]:
        """Return the weight of a pair in each burst, corrections included; 0 in a burst that cannot be used."""
        # Those have no track, or `of_singles` would have refused them.
        usable = bursts.usable
        used = bursts.take(usable)
        if not len(used):
            raise InputError("the single-track sample has no burst with live time and downscale")
        weight = np.zeros(len(bursts))
        weight[usable] = self.weight(used, cuts, par)
        for correction in self.corrections:
            weight[usable] *= correction(used, cuts, par)
        return weight

    def _measured(
        self,
        singles: SelectedSingles,
        table: BurstTable,
        bursts: SingleBursts,
        weight: NDArray[np.float64],
        par: PairingParameters,
        task: PairTask,
        expected: float,
    ) -> Measured:
        """Measure what the systematic uncertainties need; `expected` is the sum over all regions."""
        tracks, places = singles.tracks, _places(singles.tracks, table)
        tried = [[par.slice_ms], [0.5 * par.slice_ms]] if par.slice_ms else [par.duty_slices_ms]
        duty = [measured_duty(tracks, places, bursts, weight, par, widths) for widths in tried]
        choice = None
        if expected and len(singles.vetoed):
            every = singles.before_vetoes
            grouped = _group(every, _places(every, table), bursts, weight, par)
            bare = replace(task, variables={}, bootstrap=0, sink=None)
            sums = estimate_pairs(every, grouped.places, grouped.weight, bare).sums
            choice = SampleChoice.of(sums, expected, bursts.take(bursts.usable).veto_survival)
        return Measured.of(duty[0], duty[1] if len(duty) > 1 else None, choice)


@dataclass(frozen=True)
class Grouped:
    """What tracks are paired within.

    Attributes
    ----------
    places : ndarray of int, shape (N,)
        Group of each track.
    weight : ndarray, shape (groups,)
        Weight of a pair in each.
    burst : ndarray of int, shape (groups,)
        The burst of each, the first one where several are mixed.
    largest : float
        Largest weight that a pair could have.
    warnings : tuple of str
    """

    places: NDArray[np.int64]
    weight: NDArray[np.float64]
    burst: NDArray[np.int64]
    largest: float
    warnings: tuple[str, ...] = ()


def _estimate(
    singles: SelectedSingles,
    bursts: SingleBursts,
    grouped: Grouped,
    sample: PairSample,
    names: tuple[str, ...],
    measured: Measured,
    systematics: tuple[Systematic, ...],
) -> PairEstimate:
    n, sums = len(names), sample.sums
    heaviest = float(np.asarray(singles.tracks.events.weight)[singles.tracks.index].max(initial=0.0)) or 1.0
    by_burst = np.zeros((len(bursts), n))
    np.add.at(by_burst, grouped.burst, sample.by_place)
    return PairEstimate(
        regions=names,
        expected=sums.total[:n],
        covariance=sums.covariance()[:n, :n],
        pairs=sums.pairs[:n],
        sum_w2=sums.sum_w2[:n],
        upper_limit=np.where(sums.pairs[:n] == 0, POISSON_90 * grouped.largest * heaviest**2, np.nan),
        hists=sample.hists,
        bin_covariances=sample.bin_covariances,
        systematics=systematics,
        bursts=bursts,
        by_burst=by_burst,
        built=sample.built,
        duty_factor=measured.duty,
        notes=measured.notes,
        warnings=grouped.warnings,
        bootstrap_error=sample.bootstrap_error(n) if len(sample.replicas) else None,
        undefined=float(sums.total[n]),
        single_cutflow=singles.cutflow,
    )


def _places(tracks: Tracks, table: BurstTable) -> NDArray[np.int64]:
    return table.places(np.asarray(tracks.events.run), np.asarray(tracks.events.burst))


def _group(
    tracks: Tracks,
    places: NDArray[np.int64],
    bursts: SingleBursts,
    weight: NDArray[np.float64],
    par: PairingParameters,
) -> Grouped:
    """Group tracks by burst, by time slice, or by several bursts, as the parameters say."""
    if par.slice_ms is not None:
        timestamp = np.asarray(tracks.events.timestamp, dtype=np.float64)[tracks.index]
        slices, number = time_slices(timestamp, places, bursts, par, par.slice_ms)
        own, sliced, burst = slice_weights(slices, number, places, weight)
        return Grouped(own, sliced, burst, float((weight * number).max()))
    if par.mix_bursts > 1:
        own, mixed, bias = mix_bursts(par.mix_bursts, places, weight, bursts)
        first = np.arange(len(mixed)) * par.mix_bursts
        said = (
            f"tracks of {par.mix_bursts} bursts are mixed: the estimate is biased by {bias:+.1%} from the intensities of "
            "the bursts; for studies only"
        )
        return Grouped(own, mixed, first, float(mixed.max()), (said,))
    return Grouped(places, weight, np.arange(len(weight)), float(weight.max()))

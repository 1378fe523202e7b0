"""Declaration of a combinatorial background in backgrounds/NAME.py, and its estimate."""

from __future__ import annotations

import warnings
from dataclasses import InitVar, dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from bdana.errors import ConfigError, InputError
from bdana.pairing.estimate.groups import WeightedBursts
from bdana.pairing.estimate.pair_cuts import PairOptions, PairTask
from bdana.pairing.estimate.pair_estimate import PairEstimate, PairSample, estimate_pairs
from bdana.pairing.estimate.single_bursts import SingleBursts
from bdana.pairing.estimate.systematics import Measured, SampleChoice, measured_duty
from bdana.statistics import Systematic

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from bdana.pairing.estimate.groups import Grouped
    from bdana.pairing.estimate.pair_cuts import PairSelection
    from bdana.pairing.estimate.pairing_parameters import PairingParameters
    from bdana.pairing.estimate.singles import SingleSample
    from bdana.pairing.geometry.pair_finder import PairBounds
    from bdana.selection import Parameters, SelectedSingles

__all__ = ["Combinatorial"]

POISSON_90 = 2.302585092994046
"""90% CL upper limit on a Poisson mean when nothing is seen: -ln(0.1)."""


def _no_bounds(_cuts: Parameters) -> PairBounds:
    raise ConfigError("a bdana.Combinatorial needs bounds=...: which pairs are built")


@dataclass(frozen=True, kw_only=True)
class Combinatorial:
    """Declaration of a combinatorial estimate: single tracks, pair cuts, and the weight of a pair.

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
        The pair cut that requires opposite charges; not applied to like-sign pairs.
    timing : tuple of str
        Cuts that are not applied to pairs out of time.
    window : callable
        f(cuts, par) -> full width in ns of the window of time differences.
    bounds : callable
        f(cuts) -> PairBounds.
    weight : callable
        f(bursts, cuts, par) -> weight of a pair in each burst, shape (bursts,).
    corrections : tuple of callable
        Each f(bursts, cuts, par) -> factor on the weight, shape (bursts,) or a number.
    systematics : callable
        f(bursts, cuts, par) -> mapping of name to (relative effect on every region, source), beside those that are
        measured with the single tracks (`Measured.systematics`).
    parameters : type
        Model of the background's own numbers, with `PairingParameters` as base.
    """

    single_track: str
    selection: str
    replaced: tuple[str, ...]
    charge: str
    timing: tuple[str, ...]
    window: Callable[..., float]
    bounds: Callable[..., PairBounds] = _no_bounds
    weight: Callable[..., NDArray[np.float64]]
    corrections: tuple[Callable[..., Any], ...]
    systematics: Callable[..., Mapping[str, tuple[float, str]]]
    parameters: type[PairingParameters]
    search: InitVar[Callable[..., PairBounds] | None] = None  # the name of `bounds` in the last release

    def __post_init__(self, search: Callable[..., PairBounds] | None) -> None:
        if search is not None:
            warnings.warn(
                "bdana.Combinatorial(search=...) is now called bounds=...", DeprecationWarning, stacklevel=3
            )
            object.__setattr__(self, "bounds", search)

    def needs(self, par: PairingParameters) -> dict[str, str]:
        """Return the columns that the estimate needs beside those of the single-track selection, and what for.

        Parameters
        ----------
        par : PairingParameters
        """
        return {"timestamp": "background slice_ms"} if par.slice_ms is not None else {}

    optional = ("timestamp",)
    """Columns that are read where a file has them: for the duty factor."""

    def estimate(
        self,
        sample: SingleSample,
        pairs: PairSelection,
        par: PairingParameters,
        systematics: Sequence[Systematic] = (),
        options: PairOptions = PairOptions(),
    ) -> PairEstimate:
        """Estimate the background from selected single tracks.

        Parameters
        ----------
        sample : SingleSample
        pairs : PairSelection
        par : PairingParameters
            The background's parameters.
        systematics : sequence of Systematic
            Added to those measured here.
        options : PairOptions

        Raises
        ------
        ConfigError
            When `replaced`, `charge` or `timing` names a cut that the selection does not have.
        InputError
            When a burst with tracks lacks live time or downscale, or no burst has them.
        """
        selection, cuts, tracks = pairs.selection, pairs.cuts, sample.singles.tracks
        selection.require_cuts((*self.replaced, self.charge), "pair")
        selection.require_cuts(self.timing)
        bursts = SingleBursts.of_singles(sample.singles, sample.bursts, par.downscale)
        weight = self._weights(bursts, cuts, par)
        left_out = (*self.replaced, *([self.charge] if options.like_sign else []))
        task = PairTask(
            cuts=[c for c in selection.active(cuts) if c.level == "pair" and c.name not in left_out],
            pairs=pairs,
            bounds=self.bounds(cuts),
            window=self.window(cuts, par),
            options=options,
        )
        weighted = WeightedBursts(bursts, weight, par)
        grouped = weighted.group(tracks, sample.burst_of(tracks))
        found = estimate_pairs(tracks, grouped.places, grouped.weight, task)
        names = pairs.setup.regions.names
        expected = found.sums.total[: len(names)]
        measured = _measured(sample, weighted, task, float(expected.sum()))
        used = bursts.take(bursts.usable)
        sources = tuple(
            Systematic(name, dict.fromkeys(names, float(effect)), correlated=True, source=source)
            for name, (effect, source) in {
                **self.systematics(used, cuts, par),
                **measured.systematics(used),
            }.items()
        )
        return _estimate(sample.singles, bursts, grouped, found, measured, names, (*sources, *systematics))

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


def _measured(sample: SingleSample, weighted: WeightedBursts, task: PairTask, expected: float) -> Measured:
    """Measure duty factor and choice of vetoed tracks for the systematics; `expected` is summed over regions."""
    tracks, par, bursts = sample.singles.tracks, weighted.par, weighted.bursts
    tried = [[par.slice_ms], [0.5 * par.slice_ms]] if par.slice_ms else [par.duty_slices_ms]
    duty = [measured_duty(tracks, sample.burst_of(tracks), weighted, widths) for widths in tried]
    choice = None
    if expected and len(sample.singles.vetoed):
        every = sample.singles.before_vetoes
        grouped = weighted.group(every, sample.burst_of(every))
        bare = replace(
            task,
            pairs=replace(task.pairs, variables={}),
            options=replace(task.options, bootstrap=0, sink=None),
        )
        sums = estimate_pairs(every, grouped.places, grouped.weight, bare).sums
        choice = SampleChoice.of(sums, expected, bursts.take(bursts.usable).veto_survival)
    return Measured.of(duty[0], duty[1] if len(duty) > 1 else None, choice)


def _estimate(
    singles: SelectedSingles,
    bursts: SingleBursts,
    grouped: Grouped,
    sample: PairSample,
    measured: Measured,
    names: tuple[str, ...],
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

"""What backgrounds/combinatorial.py declares, and how the estimate is made of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from bdana.errors import ConfigError, InputError
from bdana.pairing.bootstrap import Bootstrap
from bdana.pairing.bursts import SingleBursts
from bdana.pairing.estimate import PairEstimate, PairTask, estimate_pairs
from bdana.pairing.measured import Measured, SampleChoice
from bdana.pairing.placing import measured_duty, place_tracks
from bdana.statistics import Systematic

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray
    from pydantic import BaseModel

    from bdana.events import BurstTable
    from bdana.pairing.estimate import PairSink
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
        f(bursts, cuts, par, measured) -> mapping of name to (relative effect on every region, source), with the
        `Measured` of the estimate.
    parameters : type
        Model of the background's own numbers.
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
    parameters: type[BaseModel]

    def needs(self, par: Any) -> dict[str, str]:
        """Return the columns that the estimate needs beside those of the single-track selection, and what for."""
        return {} if par.slice_ms is None else {"timestamp": "background slice_ms"}

    @property
    def welcome(self) -> tuple[str, ...]:
        """Columns that the estimate uses where files have them."""
        return ("timestamp",)

    def estimate(
        self,
        singles: SelectedSingles,
        table: BurstTable,
        selection: Selection,
        cuts: Parameters,
        par: Any,
        setup: Setup,
        variables: Mapping[str, Variable],
        systematics: Sequence[Systematic] = (),
        *,
        like_sign: bool = False,
        bootstrap: int = 0,
        pairs: Callable[[Tracks], PairSink] | None = None,
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
        par : BaseModel
            The background's parameters.
        setup : Setup
        variables : mapping of str to Variable
            What is histogrammed.
        systematics : sequence of Systematic
            Added to those measured here.
        like_sign : bool
            Estimate pairs of equal charge instead, which no signal makes.
        bootstrap : int
            Replicas of a bootstrap over tracks that is made beside; 0: none.
        pairs : callable, optional
            Gets the tracks and returns what is to be filled with the selected pairs, batch by batch.

        Raises
        ------
        ConfigError
            When `replaced`, `charge` or `timing` names a cut that the selection does not have.
        InputError
            When a burst with tracks lacks live time or downscale, or no burst has them.
        """
        self._check(selection)
        bursts = SingleBursts.of_singles(singles, table, par.downscale)
        # The others have no track, or this would have been an error.
        used = bursts.take(bursts.usable)
        if not len(used):
            raise InputError("the single-track sample has no burst with live time and downscale")
        left_out = (*self.replaced, *([self.charge] if like_sign else []))
        task = PairTask(
            cuts=[c for c in selection.active(cuts) if c.level == "pair" and c.name not in left_out],
            par=cuts,
            search=self.search(cuts),
            window=self.window(cuts, par),
            setup=setup,
            variables=variables,
            like_sign=like_sign,
        )
        weight = self._weights(bursts, cuts, par)
        placing = place_tracks(singles.tracks, table, bursts, weight, par)
        names = setup.regions.names
        n = len(names)
        resampled = Bootstrap(len(singles.tracks), n, bootstrap) if bootstrap else None
        sinks = [sink for sink in (resampled, pairs(singles.tracks) if pairs else None) if sink]
        sample = estimate_pairs(singles.tracks, placing.places, placing.weight, task, sinks)
        sums = sample.sums
        measured = self._measured(singles, table, bursts, par, weight, task, float(sums.total[:n].sum()))
        sources = tuple(
            Systematic(name, dict.fromkeys(names, float(effect)), correlated=True, source=source)
            for name, (effect, source) in self.systematics(used, cuts, par, measured).items()
        )
        return PairEstimate(
            regions=names,
            expected=sums.total[:n],
            covariance=sums.covariance()[:n, :n],
            pairs=sums.pairs[:n],
            sum_w2=sums.sum_w2[:n],
            upper_limit=np.where(sums.pairs[:n] == 0, POISSON_90 * placing.largest, np.nan),
            hists=sample.hists,
            systematics=(*sources, *systematics),
            bursts=bursts,
            by_burst=placing.by_burst(sample.by_place, len(bursts)),
            built=sample.built,
            duty_factor=measured.duty,
            undefined=float(sums.total[n]),
            single_cutflow=singles.cutflow,
            notes=measured.notes,
            bootstrap=resampled.result() if resampled else None,
        )

    def _weights(self, bursts: SingleBursts, cuts: Parameters, par: Any) -> NDArray[np.float64]:
        """Return the weight of a pair in each burst, or in all of them together."""
        used = bursts.take(bursts.usable)
        if par.mix_bursts:
            used = used.merged()
        value = self.weight(used, cuts, par)
        for correction in self.corrections:
            value = value * correction(used, cuts, par)
        if par.mix_bursts:
            return value
        weight = np.zeros(len(bursts))
        weight[bursts.usable] = value
        return weight

    def _measured(
        self,
        singles: SelectedSingles,
        table: BurstTable,
        bursts: SingleBursts,
        par: Any,
        weight: NDArray[np.float64],
        task: PairTask,
        expected: float,
    ) -> Measured:
        """Measure what the systematic uncertainties need."""
        by_burst = np.broadcast_to(weight, len(bursts))
        widths = (par.duty_slice_ms, None) if par.slice_ms is None else (par.slice_ms, 0.5 * par.slice_ms)
        duty, finer = (
            None
            if width is None
            else measured_duty(singles.tracks, table, bursts, by_burst, par.spill_s, width)
            for width in widths
        )
        choice = None
        if len(singles.vetoed):
            every = singles.unvetoed
            placing = place_tracks(every, table, bursts, weight, par)
            bare = replace(task, variables={})
            choice = SampleChoice.of(
                estimate_pairs(every, placing.places, placing.weight, bare).sums,
                expected,
                bursts.veto_survival,
            )
        return Measured.of(
            duty, finer, choice, bursts.take(bursts.usable).mixing_bias if par.mix_bursts else None
        )

    def _check(self, selection: Selection) -> None:
        levels = {cut.name: cut.level for cut in selection.cuts}
        for name in (*self.replaced, self.charge, *self.timing):
            if name not in levels or (name not in self.timing and levels[name] != "pair"):
                raise ConfigError(
                    f"the combinatorial background replaces '{name}', which is no pair cut of its selection: "
                    f"there are {', '.join(name for name, level in levels.items() if level == 'pair')}"
                )

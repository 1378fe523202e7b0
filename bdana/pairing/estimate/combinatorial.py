"""Declaration of a combinatorial background in backgrounds/NAME.py, and its estimate."""

from __future__ import annotations

import warnings
from dataclasses import InitVar, dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from bdana.display import short_repr
from bdana.errors import ConfigError, InputError
from bdana.on_demand import late_module
from bdana.pairing.estimate.groups import WeightedBursts
from bdana.pairing.estimate.inputs import Input
from bdana.pairing.estimate.region_parts import RegionSums
from bdana.pairing.estimate.single_bursts import SingleBursts
from bdana.statistics import Systematic
from bdana.user_code import UnsuitableError, call_user, check_declared, named_numbers, number, numbers

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from bdana.pairing.estimate import pair_cuts, pair_estimate, paired_bunch, sliced_pairs
    from bdana.pairing.estimate import systematics as systematics_of
    from bdana.pairing.estimate.groups import Grouped
    from bdana.pairing.estimate.pair_cuts import PairOptions, PairSelection
    from bdana.pairing.estimate.pair_estimate import PairEstimate, PairSample
    from bdana.pairing.estimate.pairing_parameters import PairingParameters
    from bdana.pairing.estimate.pooled_weights import PooledWeights
    from bdana.pairing.estimate.singles import Probes, SingleSample
    from bdana.pairing.estimate.systematics import Measured, SampleChoice
    from bdana.pairing.estimate.u_statistic import PairSums
    from bdana.pairing.geometry import pair_finder
    from bdana.pairing.geometry.pair_finder import PairBounds
    from bdana.selection import Parameters, Selection
else:
    pair_cuts = late_module("bdana.pairing.estimate.pair_cuts")
    pair_estimate = late_module("bdana.pairing.estimate.pair_estimate")
    paired_bunch = late_module("bdana.pairing.estimate.paired_bunch")
    sliced_pairs = late_module("bdana.pairing.estimate.sliced_pairs")
    systematics_of = late_module("bdana.pairing.estimate.systematics")
    pair_finder = late_module("bdana.pairing.geometry.pair_finder")

__all__ = ["Combinatorial"]

POISSON_90 = 2.302585092994046
"""90% CL upper limit on a Poisson mean when nothing is seen: -ln(0.1)."""
FINE, COARSE = 0.002, 0.3
"""Relative errors of the duty factor that is always good enough, and of one that tells nothing; assumed."""
SELECTED = 0.005
"""Share of pairs of tracks that is selected, to foresee the statistical error; assumed."""


def _no_bounds(_cuts: Parameters) -> PairBounds:
    raise ConfigError("a bdana.Combinatorial needs bounds=...: which pairs are built")


def _no_inputs(*_: Any) -> dict[str, tuple[float, float, str]]:
    return {}


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
        The pair cut that requires opposite charges; not applied to like-sign pairs. Pairs of clusters have none.
    timing : tuple of str
        Cuts that are not applied to pairs out of time.
    window : callable
        f(cuts, par) -> full width in ns of the window of time differences.
    bounds : callable
        f(cuts) -> PairBounds; not of clusters, all pairs of which are built.
    weight : callable
        f(bursts, cuts, par) -> weight of a pair in each burst, shape (bursts,).
    corrections : tuple of callable
        Each f(bursts, cuts, par) -> factor on the weight, shape (bursts,) or a number.
    systematics : callable
        f(bursts, cuts, par) -> mapping of name to (relative effect on every region, source), beside those that are
        measured with the single tracks (`Measured.systematics`).
    inputs : callable, optional
        f(bursts, cuts, par) -> mapping of name to (value, error, source) of what the weights assume; beside it stands
        what is measured.
    parameters : type
        Model of the background's own numbers, with `PairingParameters` as base.
    name : str
        Name of its module, for messages.
    """

    single_track: str
    selection: str
    replaced: tuple[str, ...]
    timing: tuple[str, ...]
    charge: str = ""
    window: Callable[..., float]
    bounds: Callable[..., PairBounds] = _no_bounds
    weight: Callable[..., NDArray[np.float64]]
    corrections: tuple[Callable[..., Any], ...]
    systematics: Callable[..., Mapping[str, tuple[float, str]]]
    parameters: type[PairingParameters]
    inputs: Callable[..., Mapping[str, tuple[float, float, str]]] = _no_inputs
    name: str = field(default="", compare=False)
    search: InitVar[Callable[..., PairBounds] | None] = None  # the name of `bounds` in the last release

    __repr__ = short_repr

    def __post_init__(self, search: Callable[..., PairBounds] | None) -> None:
        if search is not None:
            warnings.warn(
                "bdana.Combinatorial(search=...) is now called bounds=...", DeprecationWarning, stacklevel=3
            )
            object.__setattr__(self, "bounds", search)
        if not isinstance(self.corrections, (tuple, list)):
            raise ConfigError("`corrections` must be a tuple of functions: (third_track,) with a comma")
        hooks = ("window", "bounds", "weight", "systematics", "inputs")
        corrections = {f"corrections[{i}]": function for i, function in enumerate(self.corrections)}
        check_declared(
            {name: getattr(self, name) for name in hooks} | corrections,
            {
                name: getattr(self, name)
                for name in ("single_track", "selection", *(["charge"] if self.charge else []))
            },
            {name: getattr(self, name) for name in ("replaced", "timing")},
        )

    def needs(self, par: PairingParameters) -> dict[str, str]:
        """Return the columns that the estimate needs beside those of the single-track selection, and what for.

        Parameters
        ----------
        par : PairingParameters
        """
        return {"timestamp": "background slice_ms"} if par.slice_ms is not None else {}

    @property
    def charges(self) -> tuple[str, ...]:
        """The cut on opposite charges, where there is one."""
        return (self.charge,) if self.charge else ()

    def full_window(self, cuts: Parameters, par: PairingParameters) -> float:
        """Return the full width in ns of the window of time differences that the pair selection leaves.

        Parameters
        ----------
        cuts : Parameters
            Of the pair selection.
        par : PairingParameters

        Raises
        ------
        UserCodeError
            When `window` fails, or does not return a number above 0.
        """
        return call_user(
            self.window,
            cuts,
            par,
            what=self._what("window"),
            called="f(cuts, par)",
            read=lambda answer: number(answer, above=0.0),
        )

    def pair_bounds(self, cuts: Parameters) -> PairBounds:
        """Return the bounds on the pairs that are built.

        Parameters
        ----------
        cuts : Parameters
            Of the pair selection.

        Raises
        ------
        UserCodeError
            When `bounds` fails, or does not return a `PairBounds` with ends in order.
        """
        return call_user(self.bounds, cuts, what=self._what("bounds"), called="f(cuts)", read=_bounds)

    def _what(self, hook: str) -> str:
        return f"`{hook}` of background {self.name}".rstrip()

    def _of_bursts(
        self, function: Callable[..., Any], what: str, read: Callable[[Any], Any], *args: Any
    ) -> Any:
        return call_user(function, *args, what=self._what(what), called="f(bursts, cuts, par)", read=read)

    optional = ("timestamp",)
    """Columns that are read where a file has them: for the duty factor."""

    def require_cuts_of(self, selection: Selection) -> None:
        """Raise an error unless a selection has the cuts that this background names.

        Parameters
        ----------
        selection : Selection

        Raises
        ------
        ConfigError
            When `replaced`, `charge` or `timing` names a cut that it does not have, or tracks are paired without a cut on charge.
        """
        why = f"background {self.name}".rstrip()
        if bool(self.charge) != (selection.good_cluster is None):
            raise ConfigError(
                f"{why}: selection {selection.name} pairs "
                + (
                    "tracks: `charge` must name its cut on opposite charges"
                    if not self.charge
                    else "clusters, which have no charge: leave out `charge`"
                )
            )
        selection.require_cuts((*self.replaced, *self.charges), "pair", why)
        selection.require_cuts(self.timing, why=why)

    def estimate(
        self,
        sample: SingleSample,
        pairs: PairSelection,
        par: PairingParameters,
        systematics: Sequence[Systematic] = (),
        options: PairOptions | None = None,
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
        options : PairOptions, optional

        Raises
        ------
        ConfigError
            When `replaced`, `charge` or `timing` names a cut that the selection does not have.
        InputError
            When a burst with tracks lacks live time or downscale, or no burst has them.
        """
        selection, cuts = pairs.selection, pairs.cuts
        options = options or pair_cuts.PairOptions()
        self.require_cuts_of(selection)
        if options.like_sign and not self.charge:
            raise ConfigError(
                f"background {self.name}: clusters have no charge, so there are no like-sign pairs"
            )
        par, probed, why = _with_probes(sample.probes, par)
        bursts = SingleBursts.of_counts(sample.counts, sample.bursts, par.downscale)
        weight = self._weights(bursts, cuts, par)
        left_out = (*self.replaced, *(self.charges if options.like_sign else ()))
        task = pair_cuts.PairTask(
            cuts=[c for c in selection.active(cuts) if c.level == "pair" and c.name not in left_out],
            pairs=pairs,
            bounds=self.pair_bounds(cuts) if selection.good_cluster is None else None,
            window=self.full_window(cuts, par),
            options=options,
        )
        grouped = WeightedBursts(bursts, weight, par).grouped()
        in_spill = systematics_of.measured_in_spill(sample, bursts, par, _precision(bursts))
        used = bursts.take(bursts.usable)
        probed += _live_times(used, par)
        every = sliced_pairs.pooled_weights(sample, grouped, every=True) if sample.vetoed else None
        sliced = sliced_pairs.Sliced.of(sample, grouped, task, in_spill, every)
        pooled = sliced.pooled.scaled(1.0, used.survival.relative_variance)
        clock = None
        if not isinstance(in_spill, str):
            clock = in_spill.clock
            pooled = pooled.scaled(1.0 / in_spill.duty.value, in_spill.duty.error**2)
        # Pairs of all tracks are added up together with those of whole bursts.
        work = paired_bunch.PairedBunch(pooled, grouped, task, clock, None if sliced.whole else every)
        found = paired_bunch.estimate_pairs(sample, work)
        regions = pairs.setup.regions.names
        whole, total = sliced.whole or (found, pooled.total)
        measured = systematics_of.Measured.of(
            in_spill, _choice(sample, (whole.sums, total), (whole.every, every)), whole.shapes
        )
        given = used, cuts, par
        stated = self._of_bursts(
            self.systematics, "systematics", lambda a: named_numbers(a, "effect"), *given
        )
        assumed = self._of_bursts(self.inputs, "inputs", lambda a: named_numbers(a, "value", "error"), *given)
        declared = {**stated, **measured.systematics(par)}
        # What is measured is not called assumed.
        declared |= {row.name: (declared[row.name][0], row.source) for row in probed if row.name in declared}
        sources = tuple(
            Systematic(
                name,
                dict.fromkeys(regions, float(effect)),
                correlated=True,
                source=source,
                one_sided=name in measured.one_sided,
            )
            for name, (effect, source) in declared.items()
        )
        sources += sliced.systematics(regions)
        made = _estimate(
            sample,
            bursts,
            grouped,
            pooled,
            found,
            measured,
            regions,
            (*sources, *systematics),
            (
                *measured.inputs(used),
                *probed,
                *(
                    Input(name, value, error, "assumed", "; ".join(filter(None, (source, why.get(name)))))
                    for name, (value, error, source) in assumed.items()
                    if name not in {row.name for row in probed}
                ),
            ),
        )
        return made.restricted_to(pairs.part)

    def _weights(self, bursts: SingleBursts, cuts: Parameters, par: PairingParameters) -> NDArray[np.float64]:
        """Return the weight of a pair in each burst, corrections included; 0 in a burst that cannot be used."""
        # Those have no track, or `of_counts` would have refused them.
        usable = bursts.usable
        used = bursts.take(usable)
        if not len(used):
            raise InputError("the single-track sample has no burst with live time and downscale")
        weight = np.zeros(len(bursts))

        def read(answer: Any) -> NDArray[np.float64]:
            return numbers(answer, len(used), "bursts")

        weight[usable] = self._of_bursts(self.weight, "weight", read, used, cuts, par)
        for correction in self.corrections:
            what = getattr(correction, "__name__", "corrections")
            weight[usable] *= self._of_bursts(correction, what, read, used, cuts, par)
        return weight


def _bounds(answer: Any) -> PairBounds:
    if not isinstance(answer, pair_finder.PairBounds):
        raise UnsuitableError(f"returns {type(answer).__name__}, not a bdana.PairBounds")
    if not (answer.max_cda > 0 and answer.z_min < answer.z_max):
        raise UnsuitableError(f"returns {answer}: max_cda must be above 0 and z_min below z_max")
    return answer


def _with_probes(
    probes: Probes, par: PairingParameters
) -> tuple[PairingParameters, tuple[Input, ...], dict[str, str]]:
    """Return the parameters with the measured efficiencies of triggers, where they are the better known ones.

    Beside them stand the inputs that were measured, and by name why others were not.
    """
    found: dict[str, float] = {}
    rows: list[Input] = []
    why = {}
    nothing = 'not measured: no two-track event of both triggers was read (trigger = "any" of the sample reads them)'
    if not probes.tried:
        why["h2_efficiency"] = nothing
    elif probes.error >= par.h2_efficiency_error:
        why["h2_efficiency"] = (
            f"tag and probe gives {probes.efficiency:.3f} +- {probes.error:.3f}, not better"
        )
    else:
        said = f"tag and probe: {probes.taken} of {probes.tried} two-track events of Q1 were taken by H2"
        found |= {"h2_efficiency": probes.efficiency, "h2_efficiency_error": probes.error}
        rows.append(Input("h2_efficiency", probes.efficiency, probes.error, "measured", said))
    if probes.single is None:
        why["q1_efficiency"] = nothing
    else:
        value, error = probes.single
        said = f"H2 against Q1: {probes.matched} two-track events of H2 were taken by Q1, {probes.expected:.1f} expected"
        if error >= par.q1_efficiency_error:
            why["q1_efficiency"] = f"{said}: {value:.3f} +- {error:.3f}, not better"
        else:
            found |= {"q1_efficiency": value, "q1_efficiency_error": error}
            rows.append(Input("q1_efficiency", value, error, "measured", said))
    return par.model_copy(update=found), tuple(rows), why


def _live_times(bursts: SingleBursts, par: PairingParameters) -> tuple[Input, ...]:
    """Return the ratio of the triggers' live times, where the burst table has both."""
    known = np.isfinite(bursts.pair_live_time)
    if not known.any():
        return ()
    ratio = bursts.live_time_ratio(par.h2_live_time)
    mean = float(np.average(ratio, weights=bursts.events + 1.0))
    said = f"burst table, {known.sum()} of {len(known)} bursts"
    return (Input("h2_live_time", mean, par.h2_live_time_error, "measured", said),)


def _precision(bursts: SingleBursts) -> float:
    """Return the precision that a common factor should have: a third of the statistical error, roughly, or 0.5%."""
    pairs = float(bursts.pairs.astype(np.float64).sum())
    if not pairs:
        return COARSE
    of_tracks = sum(float(own @ others.astype(np.float64) ** 2) for own, others in bursts.partners) / pairs**2
    foreseen = float(np.sqrt(of_tracks + 1.0 / (SELECTED * pairs)))
    return float(np.clip(foreseen / 3.0, FINE, COARSE))


def _choice(
    sample: SingleSample, passing: tuple[PairSums, float], every: tuple[PairSums | None, PooledWeights | None]
) -> SampleChoice | None:
    """Compare the selected share of pairs of tracks that pass the vetoes with that of all tracks."""
    sums, pooled = every
    if sums is None or pooled is None:
        return None
    share = len(sample) / (len(sample) + sample.vetoed)
    return systematics_of.SampleChoice.of(passing, (sums, pooled.total), share)


def _estimate(
    sample: SingleSample,
    bursts: SingleBursts,
    grouped: Grouped,
    pooled: PooledWeights,
    found: PairSample,
    measured: Measured,
    names: tuple[str, ...],
    systematics: tuple[Systematic, ...],
    inputs: tuple[Input, ...],
) -> PairEstimate:
    n = len(names)
    sums = RegionSums.of(found.sums, n)
    by_burst = np.zeros((len(bursts), n))
    if pooled.total:
        by_burst[grouped.burst] = np.outer(pooled.stands_for, sums.total / pooled.total)
    unseen = POISSON_90 * pooled.largest[pooled.classes(n)]
    return pair_estimate.PairEstimate(
        regions=names,
        expected=sums.total,
        covariance=sums.widened,
        pairs=sums.pairs,
        sum_w2=sums.sum_w2,
        upper_limit=np.where(sums.pairs == 0, unseen, np.nan),
        unseen=unseen,
        hists=found.hists,
        bin_covariances=found.bin_covariances,
        systematics=systematics,
        inputs=inputs,
        bursts=bursts,
        by_burst=by_burst,
        built=found.built,
        duty_factor=measured.duty,
        slices=pooled.slices(n),
        notes=measured.notes,
        warnings=(*grouped.warnings, *measured.warnings),
        bootstrap_error=found.bootstrap_error(n) if len(found.replicas) else None,
        undefined=float(found.sums.total[n]),
        single_cutflow=sample.cutflow,
        parts=found.parts,
        plane=found.plane,
    )

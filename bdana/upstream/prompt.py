"""Prompt background: its declaration by an analysis, and the estimate of its pairs in every region."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from hepunits import GeV

from bdana.display import short_repr
from bdana.errors import ConfigError, InputError
from bdana.upstream.directions import DirectionClosure, close_directions, unfold_directions
from bdana.upstream.production import produce_pairs
from bdana.upstream.propagation import Block, MuonStates, backward
from bdana.upstream.share import PromptShare, fit_prompt_share
from bdana.upstream.spectrum import ProductionSpectrum, production_spectrum, seen_above, spectrum_edges
from bdana.user_code import UnsuitableError, call_user, check_declared, number

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from bdana.events.open_part import OpenPart
    from bdana.reconstruction import Tracks
    from bdana.regions import Regions
    from bdana.selection import Candidates, Parameters, Selection, Setup
    from bdana.upstream.directions import Directions
    from bdana.upstream.prompt_parameters import PromptParameters

__all__ = ["Prompt", "PromptEstimate", "PromptParts"]


@dataclass(frozen=True)
class PromptParts:
    """Simulated prompt pairs of R regions, apart for each of E envelopes and, last, outside them: R (E + 1) parts.

    Attributes
    ----------
    expected, sum_w2 : ndarray
        Expected pairs, and the sum of their squared weights.
    pairs : ndarray of int
    covariance : ndarray
        Of the parts, from the spectrum.
    largest : float
        The largest weight of a pair.
    relative_error : float
        Of the assumed yield.
    """

    expected: NDArray[np.float64]
    sum_w2: NDArray[np.float64]
    pairs: NDArray[np.int64]
    covariance: NDArray[np.float64]
    largest: float
    relative_error: float

    __repr__ = short_repr

    def counted(self, which: NDArray[np.bool_]) -> dict[str, Any]:
        """Return the numbers of a `PromptEstimate` for some parts of each region.

        Parameters
        ----------
        which : ndarray of bool, shape (R, E + 1)
        """
        table = _table(which)
        expected, w2, pairs = (
            table @ self.expected,
            table @ self.sum_w2,
            (table @ self.pairs).astype(np.int64),
        )
        covariance = table @ self.covariance @ table.T
        unfolding_error = np.sqrt(covariance.diagonal())
        return {
            "expected": expected,
            "error": np.hypot(self.relative_error * expected, unfolding_error),
            "unfolding_error": unfolding_error,
            "pairs": pairs,
            "simulation_error": np.sqrt(w2),
            "upper_limit": np.where(pairs > 0, np.nan, -np.log(0.1) * self.largest),
            "covariance": covariance + np.diag(w2),
        }

    def with_open(
        self, which: NDArray[np.bool_]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """Return of each region's part outside all envelopes the pairs, the covariance with `which`, and its own.

        Parameters
        ----------
        which : ndarray of bool, shape (R, E + 1)
        """
        last = np.zeros_like(which)
        last[:, -1] = True
        table, outer = _table(which), _table(last)
        total = self.covariance + np.diag(self.sum_w2)
        return outer @ self.expected, table @ total @ outer.T, outer @ total @ outer.T


def _table(which: NDArray[np.bool_]) -> NDArray[np.float64]:
    regions, parts = which.shape
    chosen = np.zeros((regions, regions, parts))
    chosen[np.arange(regions), np.arange(regions)] = which
    return chosen.reshape(regions, regions * parts)


@dataclass(frozen=True)
class PromptEstimate:
    """Expected prompt pairs of every region, with their errors and the steps of the estimate.

    Attributes
    ----------
    regions : tuple of str
        Names of the R regions, innermost first.
    expected, error : ndarray, shape (R,)
        Expected pairs, and the error of the assumed yield and of the unfolded spectrum together: the first is common
        to all regions.
    unfolding_error : ndarray, shape (R,)
        From the covariance of the spectrum: numbers of tracks and of simulated muons.
    pairs : ndarray of int, shape (R,)
        Simulated pairs they are made of.
    simulation_error : ndarray, shape (R,)
        From the number of those.
    upper_limit : ndarray, shape (R,)
        90% CL upper limit of a region without a simulated pair: 2.303 pairs of the largest weight; NaN elsewhere.
    edges : ndarray, shape (C + 1,)
        Energies in MeV between which the spectrum at production was unfolded.
    spectrum : ProductionSpectrum
        Muons at production, with the closure of its unfolding.
    carried_back : ndarray, shape (C,)
        The muons of the selected tracks before the unfolding.
    directions : DirectionClosure
        Widths of places and slopes after the way back and down.
    unresolved : float
        Share of the muons that scatter more than is measured: see `Directions`.
    covariance : ndarray, shape (R, R)
        Of the expected pairs, from the spectrum and the number of simulated pairs: all but the assumed yield.
    parts : PromptParts or None
        The pairs by region and closed envelope; None where nobody asked for them.
    """

    regions: tuple[str, ...]
    expected: NDArray[np.float64]
    error: NDArray[np.float64]
    unfolding_error: NDArray[np.float64]
    pairs: NDArray[np.int64]
    simulation_error: NDArray[np.float64]
    upper_limit: NDArray[np.float64]
    edges: NDArray[np.float64]
    spectrum: ProductionSpectrum
    carried_back: NDArray[np.float64]
    directions: DirectionClosure
    unresolved: float
    covariance: NDArray[np.float64]
    parts: PromptParts | None = None

    __repr__ = short_repr

    def restricted_to(self, part: OpenPart | None) -> PromptEstimate:
        """Return the estimate of what is counted of each region.

        Parameters
        ----------
        part : OpenPart or None
            None: of all of every region.
        """
        if self.parts is None or part is None:
            return self
        return replace(self, **self.parts.counted(part.counted(self.regions)))


@dataclass(frozen=True)
class Prompt:
    """Declaration of a prompt background: the matter upstream, the pairs muons make there, and the window in time.

    The functions get the background's parameters.

    Attributes
    ----------
    selection : str
        Name of the pair selection.
    left_out : tuple of str
        Cuts of the pair selection that the fit of the time differences leaves out.
    window : callable
        f(cuts, par) -> half width in ns of the window of time differences that the pair selection leaves.
    blocks : callable
        f(par) -> the matter upstream, sorted in z.
    pair : callable
        f(muons, par, rng) -> the two muons (MuonStates) of the pair that each muon makes where it is: the one with its
        charge first. Together they have at most its energy.
    parameters : type
        Model of the numbers, a subclass of `PromptParameters`.
    name : str
        Name of its module, for messages.
    """

    selection: str
    left_out: tuple[str, ...]
    window: Callable[..., float]
    blocks: Callable[..., Sequence[Block]]
    pair: Callable[..., tuple[MuonStates, MuonStates]]
    parameters: type[PromptParameters]
    name: str = field(default="", compare=False)

    __repr__ = short_repr

    def __post_init__(self) -> None:
        functions = {name: getattr(self, name) for name in ("window", "blocks", "pair")}
        check_declared(functions, {"selection": self.selection}, {"left_out": self.left_out})

    def half_window(self, cuts: Parameters, par: Any) -> float:
        """Return the half width in ns of the window of time differences that the pair selection leaves.

        Parameters
        ----------
        cuts : Parameters
            Of the pair selection.
        par : PromptParameters

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

    def make_pair(
        self, muons: MuonStates, par: Any, rng: np.random.Generator
    ) -> tuple[MuonStates, MuonStates]:
        """Return the two muons of the pair that each muon makes.

        Parameters
        ----------
        muons : MuonStates
        par : PromptParameters
        rng : numpy.random.Generator

        Raises
        ------
        UserCodeError
            When `pair` fails, or does not return two states for each muon.
        """
        n = len(muons.x)
        return call_user(
            self.pair,
            muons,
            par,
            rng,
            what=self._what("pair"),
            called="f(muons, par, rng)",
            read=lambda a: _two(a, n),
        )

    def _what(self, hook: str) -> str:
        return f"`{hook}` of background {self.name}".rstrip()

    def share(
        self,
        candidates: Candidates,
        cuts: Parameters,
        par: Any,
        regions: Regions,
        open_regions: Sequence[str],
    ) -> PromptShare:
        """Fit the share of in-time pairs among candidates without the cuts of `left_out`, in the regions that are open.

        Parameters
        ----------
        candidates : Candidates
        cuts : Parameters
            Of the pair selection.
        par : PromptParameters
        regions : Regions
        open_regions : sequence of str

        Raises
        ------
        ConfigError
            When `open_regions` names a region that does not exist.
        """
        for name in open_regions:
            if name not in regions.names:
                raise ConfigError(f"'{name}' is no region: there are {', '.join(regions.names)}")
        dt = candidates.dt[np.isin(candidates.region, open_regions)]
        within = self.half_window(cuts, par)
        return fit_prompt_share(dt, par.window_ns, par.dt_width_ns, within, par.dt_width_error_ns)

    def matter(self, par: Any) -> Sequence[Block]:
        """Return the blocks of matter, after a check of their order.

        Parameters
        ----------
        par : PromptParameters

        Raises
        ------
        ConfigError
            When one has no length, or begins before the one before it ends.
        """
        blocks = call_user(self.blocks, par, what=self._what("blocks"), called="f(par)", read=_blocks)
        if not blocks:
            raise ConfigError("`blocks` of the prompt background gives no matter")
        end = -np.inf
        for place, block in enumerate(blocks, 1):
            if not end <= block.z_min < block.z_max < np.inf:
                raise ConfigError(
                    f"block {place} of the prompt background ({block.material.name}, {block.z_min:g} to "
                    f"{block.z_max:g} mm) must have a length and begin where the one before it ends ({end:g} mm) or later"
                )
            end = block.z_max
        return blocks

    def expect(
        self,
        tracks: Tracks,
        weights: NDArray[np.float64],
        selection: Selection,
        cuts: Parameters,
        par: Any,
        setup: Setup,
        rng: np.random.Generator,
        part: OpenPart | None = None,
    ) -> PromptEstimate:
        """Estimate the prompt pairs from selected single muons.

        Each muon is carried back to production, where its place and slope lose what scattering added, and weighted so
        that the spectrum is the unfolded one. It comes down again and makes a pair at a random depth; both muons go
        through the rest of the matter and the vertex and pair cuts that need no more than the upstream track.

        Parameters
        ----------
        tracks : Tracks
            Single muons.
        weights : ndarray, shape (N,)
            How many muons each stands for: the downscale of its trigger.
        selection, cuts : Selection, Parameters
            The pair selection and its parameters.
        par : PromptParameters
            The background's parameters.
        setup : Setup
        rng : numpy.random.Generator
        part : OpenPart, optional
            Its envelopes tell the `parts` of the regions apart.

        Raises
        ------
        InputError
            When there are no tracks, or a weight is not a positive number.
        ConfigError
            When the blocks are not in order, or a pair has more energy than the muon that makes it.
        """
        if not len(tracks) or not np.all(weights > 0):
            raise InputError("the prompt estimate needs single muons, each with a positive downscale")
        blocks = self.matter(par)
        threshold, beam = float(tracks.p.min()), setup.detector.beam_momentum
        straight = backward(_states(tracks).at(blocks[-1].z_max), blocks, rng, beam)
        lowest = max(par.min_energy_gev * GeV, seen_above(threshold, blocks, rng, beam))
        edges = spectrum_edges(straight.energy, weights, lowest, par.spectrum_bins, beam)
        spectrum = production_spectrum(
            straight.energy, weights, edges, blocks, rng, threshold, par.iterations
        )
        observed = np.histogram(straight.energy, edges, weights=weights)[0]
        ratio = np.divide(spectrum.counts, observed, out=np.zeros_like(observed), where=observed > 0)
        place = np.digitize(straight.energy, edges) - 1
        inside = (place >= 0) & (place < len(ratio))
        place = np.clip(place, 0, len(ratio) - 1)
        weight = np.where(inside, weights * ratio[place], 0.0)
        made = unfold_directions(straight, weight, blocks, threshold, rng)
        widths = close_directions(straight, made, weights, weight, blocks, threshold, rng)
        parts = [
            self._selected(made, tracks, blocks, selection, cuts, par, setup, rng, part)
            for _ in range(par.pairs_drawn)
        ]
        region, kept, seen, where = (np.concatenate(column) for column in zip(*parts, strict=True))
        each_pair = par.pairs_per_muon / par.pairs_drawn
        each = each_pair * weight[kept] * seen
        names, per_region = setup.regions.names, 1 + (len(part.envelopes) if part else 0)
        index = np.argmax(region == np.array(names)[:, np.newaxis], axis=0) * per_region + where
        size, bins = len(names) * per_region, len(ratio)
        # Pairs of each bin for one muon at production, shape (parts, C).
        by_bin = np.bincount(index * bins + place[kept], each, size * bins).reshape(size, bins)
        by_muon = np.divide(by_bin, spectrum.counts, out=np.zeros_like(by_bin), where=spectrum.counts > 0)
        sums = PromptParts(
            expected=np.bincount(index, each, size).astype(np.float64),
            sum_w2=np.bincount(index, each**2, size).astype(np.float64),
            pairs=np.bincount(index, minlength=size),
            covariance=by_muon @ (spectrum.covariance + spectrum.response_covariance) @ by_muon.T,
            largest=each_pair * float(np.max(weight * made.largest)),
            relative_error=par.relative_error,
        )
        return PromptEstimate(
            regions=names,
            **sums.counted(np.ones((len(names), per_region), dtype=bool)),
            edges=edges,
            spectrum=spectrum,
            carried_back=observed,
            directions=widths,
            unresolved=float(weight[made.unresolved].sum() / weight.sum()),
            parts=sums if part else None,
        )

    def _selected(
        self,
        made: Directions,
        tracks: Tracks,
        blocks: Sequence[Block],
        selection: Selection,
        cuts: Parameters,
        par: Any,
        setup: Setup,
        rng: np.random.Generator,
        part: OpenPart | None,
    ) -> tuple[NDArray[np.str_], NDArray[np.int64], NDArray[np.float64], NDArray[np.int64]]:
        """Return region, muon, weight and place of the pairs that pass the cuts, when every muon makes one."""
        pairs, kept, seen = produce_pairs(made, tracks, blocks, self.make_pair, par, setup, rng)
        for cut in selection.active(cuts):
            if cut.level == "pair" and not cut.needs:
                mask = cut.passes(pairs, cuts)
                pairs, kept, seen = pairs.take(mask), kept[mask], seen[mask]
        where = part.place(pairs) if part else np.zeros(len(kept), dtype=np.int64)
        return setup.regions.classify(pairs.z_tax, pairs.cda_tax), kept, seen, where


def _states(tracks: Tracks) -> MuonStates:
    """Return the states of the tracks' muons on their straight lines at z = 0."""
    x, y = tracks.before.at(0.0)
    direction = tracks.before.direction
    return MuonStates(
        x, y, direction[:, 0] / direction[:, 2], direction[:, 1] / direction[:, 2], tracks.p.copy(), 0.0
    )


def _blocks(answer: Any) -> Sequence[Block]:
    if not isinstance(answer, (list, tuple)) or not all(isinstance(block, Block) for block in answer):
        raise UnsuitableError(f"returns {type(answer).__name__}, not a list of bdana.Block")
    return answer


def _two(answer: Any, n: int) -> tuple[MuonStates, MuonStates]:
    if not isinstance(answer, (list, tuple)) or [type(muons) for muons in answer] != [MuonStates, MuonStates]:
        raise UnsuitableError(f"returns {type(answer).__name__}, not two bdana.MuonStates")
    for muons in answer:
        for name in ("x", "y", "tx", "ty", "energy"):
            values = np.asarray(getattr(muons, name))
            if values.shape != (n,) or values.dtype.kind not in "iuf" or not np.isfinite(values).all():
                raise UnsuitableError(
                    f"returns muons whose `{name}` is not one finite number for each of the muons it got"
                )
    return answer[0], answer[1]

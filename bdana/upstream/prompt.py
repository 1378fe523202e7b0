"""What backgrounds/prompt.py declares, and how the prompt background is estimated and bounded with it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import awkward as ak
import numpy as np

from bdana.errors import ConfigError, InputError
from bdana.reconstruction import Pairs, Tracks
from bdana.selection import LEPTON_MASS
from bdana.upstream.propagation import BEAM_ENERGY, Block, MuonStates, backward, forward
from bdana.upstream.share import PromptShare, fit_prompt_share
from bdana.upstream.unfolding import Unfolded, UnfoldingClosure, response_matrix, unfold

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray
    from pydantic import BaseModel

    from bdana.regions import Regions
    from bdana.selection import Candidates, Parameters, Selection, Setup

__all__ = ["Prompt", "PromptEstimate", "close_unfolding", "production_spectrum"]


@dataclass(frozen=True)
class PromptEstimate:
    """Expected prompt pairs.

    Attributes
    ----------
    regions : tuple of str
        Names of the R regions, innermost first.
    expected, error : ndarray, shape (R,)
        Expected pairs and the error of the assumed yield, common to all regions.
    pairs : ndarray of int, shape (R,)
        Simulated pairs they are made of.
    simulation_error : ndarray, shape (R,)
        From the number of those.
    upper_limit : ndarray, shape (R,)
        90% CL upper limit of a region without a simulated pair: 2.303 pairs of the largest weight; NaN elsewhere.
    edges : ndarray, shape (C + 1,)
        Energies in MeV between which the spectrum at production was unfolded.
    spectrum : Unfolded
        Muons at production whose tracks were selected.
    carried_back : ndarray, shape (C,)
        The same muons before the unfolding.
    closure : UnfoldingClosure
        The unfolding tried on simulated muons of that spectrum.
    """

    regions: tuple[str, ...]
    expected: NDArray[np.float64]
    error: NDArray[np.float64]
    pairs: NDArray[np.int64]
    simulation_error: NDArray[np.float64]
    upper_limit: NDArray[np.float64]
    edges: NDArray[np.float64]
    spectrum: Unfolded
    carried_back: NDArray[np.float64]
    closure: UnfoldingClosure


@dataclass(frozen=True)
class Prompt:
    """A prompt background: which matter muons crossed, what they make there, and where pairs are compared in time.

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
    partners : callable
        f(muons, par, rng) -> the second muon (MuonStates) that each muon makes where it is.
    parameters : type
        Model of the numbers: window_ns, dt_width_ns, pairs_per_muon, relative_error, iterations, min_energy_gev,
        spectrum_bins, and what the functions read.
    """

    selection: str
    left_out: tuple[str, ...]
    window: Callable[..., float]
    blocks: Callable[..., Sequence[Block]]
    partners: Callable[..., MuonStates]
    parameters: type[BaseModel]

    def share(
        self,
        candidates: Candidates,
        cuts: Parameters,
        par: Any,
        regions: Regions,
        open_regions: Sequence[str],
    ) -> PromptShare:
        """Fit the share of in-time pairs among candidates without the cuts of `left_out`, in the regions that are open.

        Raises
        ------
        ConfigError
            When `open_regions` names what is no region.
        """
        for name in open_regions:
            if name not in regions.names:
                raise ConfigError(f"'{name}' is no region: there are {', '.join(regions.names)}")
        dt = candidates.dt[np.isin(candidates.region, open_regions)]
        return fit_prompt_share(dt, par.window_ns, par.dt_width_ns, self.window(cuts, par))

    def expect(
        self,
        tracks: Tracks,
        weights: NDArray[np.float64],
        selection: Selection,
        cuts: Parameters,
        par: Any,
        setup: Setup,
        rng: np.random.Generator,
    ) -> PromptEstimate:
        """Estimate the prompt pairs from selected single muons.

        Each muon is carried back to production and weighted there so that the spectrum is the unfolded one. It comes
        down again and makes a pair at a random depth of a random block (in proportion to its length); both muons go
        through the rest of the matter and the vertex and pair cuts that need no more than the upstream track.

        Parameters
        ----------
        tracks : Tracks
            Single muons.
        weights : ndarray, shape (N,)
            How many muons each stands for: the downscale of its trigger.
        selection, cuts : Selection, Parameters
            The pair selection and its parameters.
        par : BaseModel
            The background's parameters.
        setup : Setup
        rng : numpy.random.Generator

        Raises
        ------
        InputError
            When there are no tracks, or a weight is not a positive number.
        """
        if not len(tracks) or not np.all(weights > 0):
            raise InputError("the prompt estimate needs single muons, each with a positive downscale")
        blocks = self.blocks(par)
        seen = _states(tracks)
        made = backward(seen, blocks, rng)
        edges = np.geomspace(par.min_energy_gev * 1e3, BEAM_ENERGY, par.spectrum_bins + 1)
        spectrum = production_spectrum(made.energy, weights, edges, blocks, par.iterations, rng)
        closure = close_unfolding(spectrum.counts, edges, blocks, par.iterations, rng)
        observed = np.histogram(made.energy, edges, weights=weights)[0]
        ratio = np.divide(spectrum.counts, observed, out=np.zeros_like(observed), where=observed > 0)
        place = np.digitize(made.energy, edges) - 1
        inside = (place >= 0) & (place < len(ratio))
        weight = np.where(inside, weights * ratio[np.clip(place, 0, len(ratio) - 1)], 0.0)
        pairs, kept = self._produce(made, tracks, blocks, par, setup, LEPTON_MASS[cuts.lepton], rng)
        for cut in selection.active(cuts):
            if cut.level == "pair" and not cut.needs:
                mask = cut(pairs, cuts)
                pairs, kept = pairs.take(mask), kept[mask]
        region = setup.regions.classify(pairs.z_tax, pairs.cda_tax)
        inside_region = region == np.array(setup.regions.names)[:, np.newaxis]
        each = par.pairs_per_muon * weight
        expected, w2 = inside_region @ each[kept], inside_region @ each[kept] ** 2
        made_of = inside_region.sum(axis=1)
        return PromptEstimate(
            regions=setup.regions.names,
            expected=expected,
            error=par.relative_error * expected,
            pairs=made_of,
            simulation_error=np.sqrt(w2),
            upper_limit=np.where(made_of > 0, np.nan, -np.log(0.1) * each.max()),
            edges=edges,
            spectrum=spectrum,
            carried_back=observed,
            closure=closure,
        )

    def _produce(
        self,
        made: MuonStates,
        tracks: Tracks,
        blocks: Sequence[Block],
        par: Any,
        setup: Setup,
        lepton_mass: float,
        rng: np.random.Generator,
    ) -> tuple[Pairs, NDArray[np.int64]]:
        """Let every muon make a pair and carry both to the spectrometer; return those that arrive, and whose."""
        parts, whose = [], []
        lengths = np.array([block.z_max - block.z_min for block in blocks])
        chosen = rng.choice(len(blocks), len(made.x), p=lengths / lengths.sum())
        for number, block in enumerate(blocks):
            at = np.flatnonzero(chosen == number)
            depth = (
                block.z_min + rng.random() * lengths[number]
            )  # one plane a block keeps the states of equal z
            first = forward(
                _take(made, at), [*blocks[:number], Block(block.material, block.z_min, depth)], rng
            )
            second = self.partners(first, par, rng)
            rest = [Block(block.material, depth, block.z_max), *blocks[number + 1 :]]
            both = [forward(muons, rest, rng) for muons in (first, second)]
            arrive = (both[0].energy > 0) & (both[1].energy > 0)
            parts.append([_take(muons, np.flatnonzero(arrive)) for muons in both])
            whose.append(at[arrive])
        kept = np.concatenate(whose)
        charge = tracks.charge[kept]
        records = ak.concatenate(
            [_record([p[i] for p in parts], sign * charge) for i, sign in enumerate((1, -1))]
        )
        event = np.tile(np.arange(len(kept)), 2)
        joined = Tracks(records, tracks.event[kept], event, setup.detector)
        index = np.arange(len(kept))
        return Pairs.by_charge(joined, index, index + len(kept), lepton_mass, setup.beam_line), kept


def production_spectrum(
    energy: NDArray[np.float64],
    weights: NDArray[np.float64],
    edges: NDArray[np.float64],
    blocks: Sequence[Block],
    iterations: int,
    rng: np.random.Generator,
    generated: int = 100_000,
) -> Unfolded:
    """Unfold the energies of muons that were carried back to production.

    The response is that of muons drawn from the given energies themselves, which are nearly the spectrum to be found
    also inside each bin, carried forward and back; a muon that stops is lost to the efficiency.

    Parameters
    ----------
    energy, weights : ndarray, shape (N,)
        Energies in MeV and what each counts for.
    edges : ndarray, shape (C + 1,)
    blocks : sequence of Block
    iterations : int
    rng : numpy.random.Generator
    generated : int
        Simulated muons.

    Raises
    ------
    InputError
        When no muon has an energy between the edges.
    """
    inside = (energy >= edges[0]) & (energy < edges[-1])
    if not inside.any():
        raise InputError(f"no muon has an energy between {edges[0]:g} and {edges[-1]:g} MeV at production")
    true = rng.choice(energy[inside], generated, p=weights[inside] / weights[inside].sum())
    return unfold(
        np.histogram(energy, edges, weights=weights)[0],
        _response(true, _there_and_back(true, blocks, rng), edges),
        iterations,
        variance=np.histogram(energy, edges, weights=weights**2)[0],
    )


def close_unfolding(
    spectrum: NDArray[np.float64],
    edges: NDArray[np.float64],
    blocks: Sequence[Block],
    iterations: int,
    rng: np.random.Generator,
    muons: int = 20_000,
    generated: int = 100_000,
) -> UnfoldingClosure:
    """Fold a spectrum with simulated muons, and unfold it with the response of other simulated muons.

    The response comes from muons with the spectrum that was carried back, as it does for data, not from the truth.

    Parameters
    ----------
    spectrum : ndarray, shape (C,)
        The truth, of any normalisation.
    edges : ndarray, shape (C + 1,)
        In MeV; inside a bin muons are uniform in ln E.
    blocks : sequence of Block
    iterations : int
    rng : numpy.random.Generator
    muons : int
        Muons that are folded: the errors are those of so many.
    generated : int
        Muons of the response.
    """
    share = spectrum / spectrum.sum()
    again = _there_and_back(_draw(share, edges, muons, rng), blocks, rng)
    observed = np.histogram(again, edges)[0].astype(np.float64)
    drawn = _draw(observed / observed.sum(), edges, generated, rng)
    response = _response(drawn, _there_and_back(drawn, blocks, rng), edges)
    found = unfold(observed, response, iterations)
    return UnfoldingClosure(share * muons, observed, found.counts, np.sqrt(np.diag(found.covariance)))


def _draw(
    share: NDArray[np.float64], edges: NDArray[np.float64], n: int, rng: np.random.Generator
) -> NDArray[np.float64]:
    place = rng.choice(len(share), n, p=share)
    low, high = np.log(edges[place]), np.log(edges[place + 1])
    energy: NDArray[np.float64] = np.exp(rng.uniform(low, high))
    return energy


def _there_and_back(
    true: NDArray[np.float64], blocks: Sequence[Block], rng: np.random.Generator
) -> NDArray[np.float64]:
    """Carry muons forward and back; NaN for those that stop."""
    axis = np.zeros(len(true))
    there = forward(MuonStates(axis, axis, axis, axis, true, blocks[0].z_min), blocks, rng)
    arrived = np.flatnonzero(there.energy > 0)
    again = np.full(len(true), np.nan)
    again[arrived] = backward(_take(there, arrived), blocks, rng).energy
    return again


def _response(
    true: NDArray[np.float64], again: NDArray[np.float64], edges: NDArray[np.float64]
) -> NDArray[np.float64]:
    arrived = np.isfinite(again)
    response = response_matrix(true[arrived], again[arrived], edges, edges)
    return response * np.histogram(true[arrived], edges)[0] / np.maximum(np.histogram(true, edges)[0], 1)


def _states(tracks: Tracks) -> MuonStates:
    """Return the muons' states at z = 0; lines cross every other plane from there."""
    x, y = tracks.before.at(0.0)
    direction = tracks.before.direction
    return MuonStates(
        x, y, direction[:, 0] / direction[:, 2], direction[:, 1] / direction[:, 2], tracks.p.copy(), 0.0
    )


def _take(muons: MuonStates, where: NDArray[np.int64]) -> MuonStates:
    return MuonStates(
        muons.x[where], muons.y[where], muons.tx[where], muons.ty[where], muons.energy[where], muons.z
    )


def _record(parts: Sequence[MuonStates], charge: NDArray[np.int64]) -> ak.Array:
    """Return track records of muons of one sort, all at the end of the last block."""
    columns = {
        f"{name}_before": np.concatenate([getattr(part, name) for part in parts])
        for name in ("x", "y", "tx", "ty")
    }
    columns["z_before"] = np.full(len(charge), parts[0].z)
    columns["p"] = np.concatenate([part.energy for part in parts])
    return ak.zip({**columns, "charge": charge, "time": np.zeros(len(charge))})

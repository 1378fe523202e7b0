"""Production of muon pairs by muons on their way through the matter."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import awkward as ak
import numpy as np

from bdana.errors import ConfigError
from bdana.masses import MASS
from bdana.reconstruction import Pairs, Tracks
from bdana.upstream.propagation import MuonStates, forward

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from bdana.selection import Setup
    from bdana.upstream.directions import Directions
    from bdana.upstream.propagation import Block

__all__ = ["produce_pairs"]


def produce_pairs(
    made: Directions,
    tracks: Tracks,
    blocks: Sequence[Block],
    pair: Callable[..., tuple[MuonStates, MuonStates]],
    par: Any,
    setup: Setup,
    rng: np.random.Generator,
) -> tuple[Pairs, NDArray[np.int64], NDArray[np.float64]]:
    """Let every muon make a pair at a random depth and carry both muons to the end of the matter.

    The depth is uniform in the length of all blocks together.

    Parameters
    ----------
    made : Directions
        N muons at production.
    tracks : Tracks
        The N tracks they were made of.
    blocks : sequence of Block
    pair : callable
        f(muons, par, rng) -> the two muons of each pair: see `Prompt`.
    par : PromptParameters
    setup : Setup
    rng : numpy.random.Generator

    Returns
    -------
    pairs : Pairs
        Those whose muons both arrive, the first with the charge of the track.
    kept : ndarray of int
        Indices of the muons that made them.
    seen : ndarray
        Weights from `Directions.seen` of the first muons.

    Raises
    ------
    ConfigError
        When two muons have more energy than the one that made them.
    """
    parent = forward(made.muons, blocks, rng, until=_depths(blocks, len(tracks), rng))
    first, second = pair(parent, par, rng)
    if np.any(first.energy + second.energy > parent.energy * (1.0 + 1e-9)):
        raise ConfigError("`pair` gives two muons more energy than the muon has that makes them")
    first, second = (forward(muons, blocks, rng) for muons in (first, second))
    kept = np.flatnonzero((first.energy > 0) & (second.energy > 0))
    first, second = first.take(kept), second.take(kept)
    charge = tracks.charge[kept]
    records = ak.concatenate([_record(first, charge), _record(second, -charge)])
    index = np.arange(len(kept))
    joined = Tracks(records, tracks.event[kept], np.tile(index, 2), setup.detector)
    pairs = Pairs.by_charge(joined, index, index + len(kept), MASS[13], setup.beam_line)
    return pairs, kept, made.seen(first, kept)


def _depths(blocks: Sequence[Block], n: int, rng: np.random.Generator) -> NDArray[np.float64]:
    lengths = np.array([block.z_max - block.z_min for block in blocks])
    begins = np.array([block.z_min for block in blocks])
    chosen = rng.choice(len(blocks), n, p=lengths / lengths.sum())
    depths: NDArray[np.float64] = begins[chosen] + rng.random(n) * lengths[chosen]
    return depths


def _record(muons: MuonStates, charge: NDArray[np.int64]) -> ak.Array:
    """Return track records of muons at the end of the matter."""
    columns = {f"{name}_before": getattr(muons, name) for name in ("x", "y", "tx", "ty")}
    columns["z_before"] = np.full(len(charge), muons.z)
    return ak.zip({**columns, "p": muons.energy, "charge": charge, "time": np.zeros(len(charge))})

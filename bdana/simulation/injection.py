"""Pseudo-data in which a few decays of a new particle are hidden, with nothing to tell them but their physics."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import awkward as ak
import numpy as np

from bdana.errors import ConfigError
from bdana.events import load_schema
from bdana.simulation.sample import simulate_blocks

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bdana.events import Gate
    from bdana.simulation.sample_config import Signal, SimulationConfig

__all__ = ["Injected"]


@dataclass
class Injected:
    """Halo muons and their accidental pairs, with chosen decays in places of their own among them.

    Bursts, columns and their types, trigger and weight are those of the other events, and all events of a burst are numbered in
    a new order, so that no gap and no number tells of a decay.

    Attributes
    ----------
    config : SimulationConfig
        Of the pseudo-data, without signal and truth.
    signal : Signal
        Decays among which is chosen: those that the two-track trigger takes, and the gate closes.
    gate : Gate
    seed : int
    events : dict of str to list of (int, int, int)
        Run, burst and event number of what was hidden so far, by stage.
    """

    config: SimulationConfig
    signal: Signal
    gate: Gate
    seed: int
    events: dict[str, list[tuple[int, int, int]]] = field(default_factory=dict)

    def candidates(self) -> ak.Array:
        """Simulate the decays that can be hidden.

        Raises
        ------
        ConfigError
            When the trigger takes none that the gate closes.
        """
        made = ak.concatenate(list(simulate_blocks(replace(self.config, signal=self.signal), self.seed)))
        taken = (made["trigger"] & (1 << load_schema("bdana").triggers["H2"])) != 0
        closed = self.gate.secrecy(made) < len(self.gate.names)
        found = made[ak.to_numpy(taken) & closed]
        if not len(found):
            raise ConfigError(
                f"no decay of {self.signal.mass_mev:g} MeV to {self.signal.mode} is taken by the trigger inside an envelope"
            )
        return ak.with_field(found, np.ones(len(found)), "weight")

    def blocks(self, chosen: ak.Array) -> Iterator[ak.Array]:
        """Simulate the pseudo-data block by block, with some decays among them; what became of these is added to `events`.

        Parameters
        ----------
        chosen : ak.Array
            Of `candidates`.
        """
        rng = np.random.default_rng(np.random.SeedSequence(self.seed, spawn_key=(9,)))
        chosen = chosen[np.argsort(ak.to_numpy(chosen.burst), kind="stable")]
        held: ak.Array | None = None
        for block in simulate_blocks(self.config, self.seed):
            if held is not None:
                here = (
                    ak.to_numpy(chosen.burst) < int(block.burst[0])
                    if len(block)
                    else np.zeros(len(chosen), bool)
                )
                yield self._mixed(held, chosen[here], rng)
                chosen = chosen[~here]
            held = block
        if held is not None:
            yield self._mixed(held, chosen, rng)

    def _mixed(self, block: ak.Array, chosen: ak.Array, rng: np.random.Generator) -> ak.Array:
        """Return a block with the decays of its bursts, all in a new order, and note what became of the decays."""
        mine = chosen[ak.fields(block)]
        joined = ak.concatenate([block, mine])
        burst = ak.to_numpy(joined.burst)
        order = np.lexsort((rng.random(len(joined)), burst))
        burst = burst[order]
        number = (np.arange(len(burst)) - np.searchsorted(burst, burst)).astype(np.int32)
        mixed = ak.with_field(joined[order], number, "event")[ak.fields(block)]
        hidden = mixed[order >= len(block)]
        secrecy = self.gate.secrecy(hidden)
        for stage, event in zip(secrecy, hidden, strict=True):
            name = self.gate.names[stage]
            self.events.setdefault(name, []).append((int(event.run), int(event.burst), int(event.event)))
        return mixed

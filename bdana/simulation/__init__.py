"""Fast simulation: bursts, halo muons and their accidental pairs, decays of new particles, the detector's response.

>>> from pathlib import Path
>>> from bdana.events import write_events
>>> from bdana.simulation import Signal, SimulationConfig, simulate, write_sample
>>> config = SimulationConfig(pot=7e13, bursts=2)
>>> events, bursts = simulate(config, seed=1)  # awkward records of the event model, and the BurstTable
>>> signal, bursts = simulate(SimulationConfig(signal=Signal(mass_mev=411.0, decays=1000)), seed=1)

`write_events(path, [events], bursts)` writes them; `write_sample(path, config, seed, progress)` simulates any
size of sample straight into a file, one block in memory at a time. `simulate_coincidences` draws the accidental
pairs of a sample many times over, for the expectation behind its data. `write_generated` simulates the events of
a generator from its HepMC file. Without truth (`truth=False`) it is pseudo-data.
"""

from bdana.simulation.generated import GeneratorCounts, write_generated
from bdana.simulation.sample import (
    simulate,
    simulate_blocks,
    simulate_bursts,
    simulate_coincidences,
    write_sample,
)
from bdana.simulation.sample_config import (
    Activity,
    Beam,
    Generated,
    Halo,
    Response,
    Signal,
    SimulationConfig,
    TankField,
    override,
)

__all__ = [
    "Activity",
    "Beam",
    "Generated",
    "GeneratorCounts",
    "Halo",
    "Response",
    "Signal",
    "SimulationConfig",
    "TankField",
    "override",
    "simulate",
    "simulate_blocks",
    "simulate_bursts",
    "simulate_coincidences",
    "write_generated",
    "write_sample",
]

"""Make the tables of meson spectra in bdana/signal/spectra with PYTHIA 8.

    python generators/meson_spectra.py                                   # all tables, about half an hour on one core
    python generators/meson_spectra.py --setting SoftQCD:all --events 100000 --beam-momentum 120

Needs the extra `generators` (`pip install --only-binary :all: bdana[generators]`). A table counts every pi0, eta, eta',
rho, omega and phi of an event once, whether from the collision or from the decay of another hadron (PYTHIA's default
decays: K0S and hyperons decay, charged pions, charged kaons and K0L do not), in bins of momentum and transverse
momentum in the laboratory; that of b quarks counts B+-, B0 and anti-B0. The same program, setting, seed and number of events give the same bytes.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import awkward as ak
import numpy as np
import pythia8mc
from rich.progress import Progress

from bdana.atomic import write_atomically
from bdana.signal.meson_spectra import BEAUTY, PDG_NUMBERS, SETTINGS, mesons_of, spectra_file

if TYPE_CHECKING:
    from numpy.typing import NDArray

EVENTS = dict.fromkeys((*SETTINGS, BEAUTY), 1_000_000) | {"SoftQCD:inelastic": 4_000_000}
BATCH = 1000
PT_EDGES = np.concatenate([np.arange(21) / 20, [1.1, 1.2, 1.35, 1.5, 1.75, 2.0, 2.5, 5.0]])
"""In GeV; the last bin takes what lies above."""
HEAVY_PT_EDGES = np.concatenate([np.arange(25) / 4, [6.5, 7.0, 8.0, 10.0]])
"""Of B mesons."""
SOFT_EDGES = np.array([0.02, 0.2, 0.5, 1.0])
"""In GeV; the first bin takes what lies below. From 2 GeV to the beam momentum follow 80 bins even in log p."""
SCALES = (100.0, 1000.0)
"""Of the sums of exp(-scale / p) in the header, in GeV, and for angles below `ANGLE`."""
ANGLE = 0.010


def options(setting: str, beam_momentum: float) -> list[str]:
    """Return the PYTHIA settings of a table, beam momentum in GeV; the mass of the proton in eA is neglected."""
    beam = ["Beams:frameType = 2", "Beams:idA = 2212", f"Beams:eA = {beam_momentum:g}"]
    if setting == "Angantyr:pCu":
        # Angantyr's events have weights from the impact parameter; those of this table shall be 1.
        nucleus = ["Beams:idB = 1000290630", "Beams:eB = 0.9383", "HeavyIon:mode = 1"]
        return [*beam, *nucleus, "HeavyIon:forceUnitWeight = on"]
    proton = [*beam, "Beams:idB = 2212", "Beams:eB = 0"]
    if setting == BEAUTY:
        # B mesons that do not decay are in the event once, whether they oscillate or not. Multiparton interactions
        # are left out, which is assumed; with them 5 to 8% fewer particles fly towards the detector.
        once = ["511:mayDecay = off", "521:mayDecay = off"]
        return [*proton, f"{setting} = on", "PartonLevel:MPI = off", *once]
    return [*proton, "PDF:pHardSet = 2", f"{setting} = on"]


@dataclass
class Table:
    """Counts of mesons in bins of p and pT, and sums over single mesons to check the table with."""

    mesons: tuple[str, ...]
    p_edges: NDArray[np.float64]
    pt_edges: NDArray[np.float64]
    events: int = 0
    inelastic_events: int = 0
    counts: NDArray[np.int64] = field(init=False)
    sums: NDArray[np.float64] = field(init=False)

    def __post_init__(self) -> None:
        shape = (len(self.mesons), len(self.p_edges) - 1, len(self.pt_edges) - 1)
        self.counts = np.zeros(shape, dtype=np.int64)
        self.sums = np.zeros((len(SCALES), len(self.mesons)))

    def add(self, events: Any) -> None:
        """Count a batch of events."""
        number = abs(events.prt.id)
        # Elastic events, and those that only break up the nucleus, hold nothing but nucleons and nuclei at the end.
        made = (events.prt.status > 0) & (number != 2212) & (number != 2112) & (number < 10**9)
        self.events += len(events)
        self.inelastic_events += int(ak.sum(ak.any(made, axis=1)))
        flat = ak.to_numpy(ak.flatten(number))
        kept = np.isin(flat, [PDG_NUMBERS[name] for name in self.mesons])
        momentum = ak.flatten(events.prt.p)[kept]
        px, py, pz = (ak.to_numpy(momentum[axis]) for axis in ("px", "py", "pz"))
        for i, name in enumerate(self.mesons):
            this = flat[kept] == PDG_NUMBERS[name]
            self._count(i, np.hypot(px[this], py[this]), pz[this])

    def _count(self, meson: int, pt: NDArray[np.float64], pz: NDArray[np.float64]) -> None:
        p = np.hypot(pt, pz)
        forward = p[(pt < np.sin(ANGLE) * p) & (pz > 0.0)]
        self.sums[:, meson] += [np.exp(-scale / forward).sum() for scale in SCALES]
        shape = self.counts[meson].shape
        row = np.clip(np.searchsorted(self.p_edges, p, side="right") - 1, 0, shape[0] - 1)
        column = np.clip(np.searchsorted(self.pt_edges, pt, side="right") - 1, 0, shape[1] - 1)
        self.counts[meson] += np.bincount(row * shape[1] + column, minlength=shape[0] * shape[1]).reshape(
            shape
        )


def generate(setting: str, beam_momentum: float, events: int, seed: int) -> tuple[Table, list[str]]:
    """Return the counts of a setting, and the lines of the header that say how they were made."""
    pythia = pythia8mc.Pythia("", False)
    lines = [*options(setting, beam_momentum), "Random:setSeed = on", f"Random:seed = {seed}"]
    for line in ["Print:quiet = on", *lines]:
        pythia.readString(line)
    if not pythia.init():
        raise SystemExit(f"PYTHIA does not start with {'; '.join(lines)}")
    high = np.geomspace(2.0, beam_momentum, 81)
    pt_edges = HEAVY_PT_EDGES if setting == BEAUTY else PT_EDGES
    table = Table(mesons_of(setting), np.concatenate([SOFT_EDGES, high.round(6)]), pt_edges)
    with Progress() as progress:
        step = progress.add_task(setting, total=events)
        while table.events < events:
            table.add(pythia.nextBatch(min(BATCH, events - table.events)))
            progress.update(step, completed=table.events)
    version = pythia.settings.parm("Pythia:versionNumber")
    return table, [
        f'setting = "{setting}"',
        f'program = "PYTHIA {version:.3f}"',
        f"options = {json.dumps(lines)}",
        f"cross_section_mb = {pythia.infoPython().sigmaGen():.6g}",
    ]


def write(table: Table, made: list[str], setting: str, beam_momentum: float, path: Path) -> None:
    """Write a table: a header in TOML behind #, then one row of counts per bin of p, meson after meson."""
    # Interactions are what the setting names, elastic ones too; p-Cu takes those that make particles.
    interactions = table.inelastic_events if setting == "Angantyr:pCu" else table.events
    header = [
        *made,
        f"beam_momentum_gev = {float(beam_momentum)!r}",
        f"events = {table.events}",
        f"inelastic_events = {table.inelastic_events}",
        f"interactions = {interactions}",
        f"mesons = {json.dumps(table.mesons)}",
        f"p_edges_gev = {table.p_edges.tolist()}",
        f"pt_edges_gev = {table.pt_edges.tolist()}",
        "# Sum over single mesons within 10 mrad of exp(-scale / p), per interaction, meson by meson.",
        *(
            f"sum_exp_{scale:.0f}_gev = [{', '.join(f'{value / interactions:.6e}' for value in row)}]"
            for scale, row in zip(SCALES, table.sums, strict=True)
        ),
    ]
    with write_atomically(path) as file:
        file.writelines(f"# {line}\n" for line in header)
        for row in table.counts.reshape(-1, table.counts.shape[2]):
            file.write(" ".join(str(count) for count in row) + "\n")


def main() -> None:
    """Read the command line and make the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--setting", choices=(*SETTINGS, BEAUTY), help="one table instead of all")
    parser.add_argument(
        "--events", type=int, help="events per table; default 4 million for SoftQCD:inelastic, else 1 million"
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--beam-momentum", type=float, default=400.0, help="momentum of the protons in GeV")
    parser.add_argument("--output", type=Path, help="folder of the tables; default is where bdana reads them")
    given = parser.parse_args()
    if given.events is not None and given.events < 1:
        parser.error(f"--events {given.events}: at least 1")
    for setting in [given.setting] if given.setting else (*SETTINGS, BEAUTY):
        table, made = generate(setting, given.beam_momentum, given.events or EVENTS[setting], given.seed)
        path = spectra_file(setting, 1e3 * given.beam_momentum)
        write(table, made, setting, given.beam_momentum, given.output / path.name if given.output else path)


if __name__ == "__main__":
    main()

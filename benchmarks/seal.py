"""Sealing: time against a copy of the same file through uproot, rate of the sealed payload, and peak memory.

    python benchmarks/seal.py --events 400000 --closed 0.01 --json

The copy reads every branch in the same chunks and writes it with the compression of bdana's files. Each step runs in a
process of its own, so that its peak memory is its own.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
import tomllib
from pathlib import Path

import awkward as ak
import numpy as np
import pyrage
import uproot

import bdana
from bdana.analysis import template_folder
from bdana.blinding import Policy
from bdana.events import BurstTable, Dataset, write_events
from bdana.sealing.seal_file import Sealing, seal
from bdana.sealing.sealed_file import encrypt_events, payload
from bdana.simulation import SimulationConfig, simulate

REPEATS = 5
BLOCK = 100_000


def write_raw(path: Path, events: int, closed: float) -> None:
    """Write simulated halo, repeated, of which a fraction (in place of any by chance) holds a closed pair."""
    drawn, _ = simulate(SimulationConfig(pot=1e16, bursts=20, run=11001, truth=False), 1)
    gate = bdana.load(template_folder()).gate
    if gate is None:
        raise SystemExit("the packaged analysis has no policy")
    is_closed = gate.secrecy(drawn) < len(gate.names)
    fields = [name for name in ak.fields(drawn) if name != "weight"]
    hidden, seen = drawn[is_closed][fields], drawn[~is_closed][fields]
    rng = np.random.default_rng(1)

    def blocks() -> list[ak.Array]:
        made = []
        for start in range(0, events, BLOCK):
            n = min(BLOCK, events - start)
            n_closed = round(n * closed)
            parts = [
                seen[rng.integers(len(seen), size=n - n_closed)],
                hidden[rng.integers(len(hidden), size=n_closed)],
            ]
            block = ak.to_packed(ak.concatenate(parts)[rng.permutation(n)])
            made.append(ak.with_field(block, np.arange(start, start + n), "event"))  # each event once
        return made

    bursts = BurstTable(
        run=np.full(20, 11001),
        burst=np.arange(1, 21),
        pot=np.full(20, 1e12),
        live_time_s=np.full(20, 3.0),
        good=np.full(20, fill_value=True),
        downscale=np.full(20, 225.0),
    )
    write_events(path, blocks(), bursts)


def copy(path: Path, out: Path) -> None:
    """Copy the tree of events through uproot."""
    with uproot.open(path) as file, uproot.recreate(out, compression=uproot.ZSTD(1)) as copied:
        tree, made = file["events"], None
        groups = [name for name in ("tracks", "lkr", "muv3", "lav", "irc", "sac") if f"{name}_time" in tree]
        for start in range(0, tree.num_entries, BLOCK):
            read = tree.arrays(entry_start=start, entry_stop=start + BLOCK, how=dict)
            columns = {
                k: v for k, v in read.items() if not k.startswith((*groups, *(f"n{g}" for g in groups)))
            }
            for group in groups:
                members = {
                    k.removeprefix(f"{group}_"): v for k, v in read.items() if k.startswith(f"{group}_")
                }
                columns[group] = ak.zip(members)
            if made is None:
                made = copied.mktree("events", {k: v.type for k, v in columns.items()})
            made.extend(columns)


def sealing(folder: Path) -> Sealing:
    """Return throw-away people and keys."""
    key = folder / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)  # noqa: S603, S607
    analysis = bdana.load(template_folder())

    policy = tomllib.loads((template_folder() / "blinding" / "policy.toml").read_text())
    policy |= {"periods": {"2021": {"data_runs": [[11000, 12000]]}}}
    person = {"role": "analyst", "production": True, "ssh_key": key.with_suffix(".pub").read_text()}
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / "rob")], check=True)  # noqa: S603, S607
    rob = {"role": "reviewer", "ssh_key": (folder / "rob.pub").read_text()}
    loaded = Policy.model_validate(policy | {"people": {"bob": person, "rob": rob}})
    public = str(pyrage.x25519.Identity.generate().to_public())
    recipients = dict.fromkeys(loaded.stages, public)
    return Sealing(loaded, loaded.gate(analysis.detector), recipients, "2021", "bob", key)


def peak_memory() -> float:
    """Return the peak of this process in MiB (Linux; the peak of `resource` includes that of the parent)."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) / 1024


def step(name: str, raw: Path) -> dict[str, float]:
    """Run one step in this process, and return seconds and peak memory in MiB."""
    with tempfile.TemporaryDirectory() as name_of_folder:
        folder = Path(name_of_folder)
        made = sealing(folder)
        warm = peak_memory()
        if name == "payload":
            dataset = Dataset.open([raw], kind="data", gate=made.gate)
            source = dataset.sources[0]
            events = source.read(source.columns() - {"weight"}, 0, min(source.entries, 2 * BLOCK))
            start = time.perf_counter()
            encrypt_events([events], next(iter(made.recipients.values())), 4096 * 1024)
            seconds = time.perf_counter() - start
            rate = {"mb": payload([events]).tell() / 1e6}
        else:
            start = time.perf_counter()
            if name == "seal":
                seal(raw, folder, made)
            else:
                copy(raw, folder / "copy.root")
            seconds, rate = time.perf_counter() - start, {}
    peak = peak_memory()
    return {"seconds": seconds, "peak_mib": peak, "growth_mib": peak - warm} | rate


def measured(raw: Path) -> dict[str, dict[str, float]]:
    """Run the steps in turn, each in processes of its own, and return the medians, and those of the ratios of each turn."""
    runs: dict[str, list[dict[str, float]]] = {"seal": [], "copy": [], "payload": []}
    for _ in range(REPEATS):
        for name, found in runs.items():
            command = [sys.executable, __file__, "--step", name, "--raw", str(raw)]
            found.append(
                json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)  # noqa: S603
            )
    medians = {
        name: {key: statistics.median(run[key] for run in found) for key in found[0]}
        for name, found in runs.items()
    }
    turns = zip(runs["seal"], runs["copy"], strict=True)
    medians["ratio"] = {
        "seal_over_copy": statistics.median(seal["seconds"] / copy["seconds"] for seal, copy in turns),
        "payload_mb_per_s": statistics.median(run["mb"] / run["seconds"] for run in runs["payload"]),
    }
    return medians


def main() -> None:
    """Read the arguments, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--events", type=int, default=400_000)
    parser.add_argument("--closed", type=float, default=0.01)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--step", choices=("seal", "copy", "payload"), help=argparse.SUPPRESS)
    parser.add_argument("--raw", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.step:
        sys.stdout.write(json.dumps(step(asked.step, asked.raw)))
        return
    with tempfile.TemporaryDirectory() as folder:
        raw = Path(folder) / "run.root"
        write_raw(raw, asked.events, asked.closed)
        found = measured(raw)
        found["file"] = {"events": asked.events, "closed": asked.closed, "mb": raw.stat().st_size / 1e6}
    for name, numbers in found.items():
        if not asked.json:
            sys.stdout.write(f"{name}: {', '.join(f'{k} {v:.4g}' for k, v in numbers.items())}\n")
    if asked.json:
        sys.stdout.write(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    main()

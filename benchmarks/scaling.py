"""Time and memory of `bdana select` against the number of files, events and workers, and of the sum of many chunks."""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import awkward as ak
import numpy as np

from bdana.engine.ordered_sum import OrderedSum
from bdana.events import SeenEvents
from bdana.events.writing import write_events
from bdana.selection import CSV_COLUMNS, Candidates, Cutflow, Loose, Selected
from bdana.simulation import SimulationConfig, simulate


def write_files(folder: Path, files: int, events: int) -> None:
    """Write files of about so many events in all, each with a run of its own."""
    each = max(events // files, 1)
    made, bursts = simulate(SimulationConfig(pot=9.7e10 * min(each, 100_000), bursts=2), seed=1)
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(files):
        blocks = -(-each // max(len(made), 1))
        runs = [90_000 + number * blocks + block for block in range(blocks)]
        table = [replace(bursts, run=np.full(len(bursts.run), run)) for run in runs]
        joined = type(bursts).union([("", part) for part in table])
        write_events(
            folder / f"{number}.root",
            (ak.with_field(made, np.full(len(made), run), "run") for run in runs),
            joined,
        )


def select(folder: Path, workers: int) -> dict[str, float]:
    """Run the command, and return its time, that on a processor without its workers, and its peak memory."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    command = [sys.executable, "-m", "bdana", "select", f"{folder}/*.root", "--kind", "mc", "--json"]
    done = subprocess.run([*command, "--workers", str(workers)], capture_output=True, text=True, check=True)
    clock, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    return {
        "events": json.loads(done.stdout)["cutflow"][0]["events"],
        "seconds": clock,
        "processor_seconds": after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime,
        "peak_mib_of_largest": after.ru_maxrss / 1024,
    }


def merge(chunks: int) -> list[dict[str, float]]:
    """Add synthetic results of many chunks, as a client does, and return its memory on the way."""
    one = Candidates.of_rows([dict.fromkeys(CSV_COLUMNS, 1) | {"region": "outside"}])
    none = one.take(np.zeros(0, dtype=np.int64))
    cutflow = Cutflow(()).then("all", np.ones(3)).then("pairs", np.ones(2))
    total, seen, rows = OrderedSum[Selected](), SeenEvents(), []
    start, rng = time.perf_counter(), np.random.default_rng(1)
    with seen:
        for number in range(1, chunks + 1):
            found = one if number % 100 == 0 else none
            total.add(
                Selected(cutflow, found, Loose(found, {}, np.zeros(len(found), dtype=np.bool_)), cutflow)
            )
            seen.add(np.sort(rng.integers(0, 2**63, size=100).astype(np.uint64)))
            if number % (chunks // 10) == 0:
                pages = int(Path("/proc/self/statm").read_text().split()[1])
                memory = pages * os.sysconf("SC_PAGE_SIZE") / 2**20
                rows.append({"chunks": number, "mib": memory, "seconds": time.perf_counter() - start})
    assert total.result().cutflow.rows[0].events == 3 * chunks
    return rows


def main() -> None:
    """Measure what the options ask for, and print JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--files", type=int, default=1)
    parser.add_argument("--workers", type=int, nargs="*", default=[1, 2])
    parser.add_argument(
        "--chunks", type=int, default=0, help="add results of so many chunks and nothing else"
    )
    options = parser.parse_args()
    if options.chunks:
        print(json.dumps(merge(options.chunks), indent=1))  # noqa: T201
        return
    with tempfile.TemporaryDirectory() as folder:
        write_files(Path(folder), options.files, options.events)
        rows = [{"files": options.files, "workers": n} | select(Path(folder), n) for n in options.workers]
    print(json.dumps(rows, indent=1))  # noqa: T201


if __name__ == "__main__":
    main()

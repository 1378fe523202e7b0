"""Time and memory of `bdana select` against the number of files, events and workers, and of the sum of many chunks."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import awkward as ak
import numpy as np

from bdana.engine.ordered_sum import OrderedSum
from bdana.events import SeenEvents
from bdana.events.writing import write_events
from bdana.plotting.figures import figure
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
    """Run the command, and return its time, that on processors and the peak memory, its workers included."""
    command = [sys.executable, "-m", "bdana", "select", f"{folder}/*.root", "--kind", "mc", "--json"]
    start, seen = time.perf_counter(), dict[int, tuple[float, float]]()
    with tempfile.TemporaryFile("w+") as output:
        done = subprocess.Popen(
            [*command, "--workers", str(workers)],
            stdout=output,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        while done.poll() is None:
            seen |= processes(done.pid)
            time.sleep(0.02)
        clock = time.perf_counter() - start
        output.seek(0)
        events = json.load(output)["cutflow"][0]["events"]
    return {
        "events": events,
        "seconds": round(clock, 2),
        "processor_seconds": round(sum(seconds for seconds, _ in seen.values()), 2),
        "of_client": round(seen[done.pid][0], 2),
        "peak_mib_of_largest": round(max(memory for _, memory in seen.values())),
    }


def processes(session: int) -> dict[int, tuple[float, float]]:
    """Return the processor time so far and the peak memory in MiB of each process of a session."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError, ValueError, StopIteration):  # it has ended
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
            if int(fields[3]) == session:
                lines = (folder / "status").read_text().splitlines()
                peak = next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))
                ticks = int(fields[11]) + int(fields[12])
                found[int(folder.name)] = (ticks / os.sysconf("SC_CLK_TCK"), peak / 1024)
    return found


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
            if number % max(chunks // 40, 1) == 0:
                pages = int(Path("/proc/self/statm").read_text().split()[1])
                memory = pages * os.sysconf("SC_PAGE_SIZE") / 2**20
                rows.append({"chunks": number, "mib": memory, "seconds": time.perf_counter() - start})
    assert total.result().cutflow.rows[0].events == 3 * chunks
    return rows


def draw(path: Path, rows: list[dict[str, float]]) -> None:
    """Draw the memory of a client against the number of chunks that it has added."""
    with figure(path, (8, 4.5)) as made:
        axes = made.subplots()
        axes.plot([row["chunks"] for row in rows], [row["mib"] for row in rows], "o-")
        axes.set(xlabel="chunks added", ylabel="memory [MiB]", ylim=(0, None))


def main() -> None:
    """Measure what the options ask for, and print JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=float, nargs="*", default=[1e6])
    parser.add_argument("--files", type=int, nargs="*", default=[1])
    parser.add_argument("--workers", type=int, nargs="*", default=[1, 2])
    parser.add_argument(
        "--chunks", type=int, default=0, help="add results of so many chunks and nothing else"
    )
    parser.add_argument("--plot", type=Path, help="with --chunks: draw the memory on the way")
    options = parser.parse_args()
    if options.chunks:
        rows = merge(options.chunks)
        if options.plot:
            draw(options.plot, rows)
        print(json.dumps(rows, indent=1))  # noqa: T201
        return
    for events in options.events:
        for files in options.files:
            with tempfile.TemporaryDirectory() as folder:
                write_files(Path(folder), files, int(events))
                for workers in options.workers:
                    row = {"files": files, "workers": workers} | select(Path(folder), workers)
                    print(json.dumps(row), flush=True)  # noqa: T201


if __name__ == "__main__":
    main()

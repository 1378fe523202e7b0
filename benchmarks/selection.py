"""Speed of `bdana select` against other programs that make the same dimuon selection, with cutflow and n-1.

    BDANA_ROOT_PYTHON=/path/to/root/bin/python python benchmarks/selection.py --events 2000000 --json

Simulated halo, 40 branches of which 27 are read, as TTree and as RNTuple; every program is a process of its own on one
processor, reads the same warm file, and must find the same numbers. The programs are in benchmarks/dimuon/: a C++ loop (g++), a
numba kernel and plain awkward over columns that uproot reads; RDataFrame with RVecs and with a compiled function, where
BDANA_ROOT_PYTHON names an interpreter with `pip install root==0.1a12`; and what reads and decompresses, and nothing else.

Times are processor time (user and system) of the whole process, medians of some turns; the cost of an event is the difference
between the file and one of a quarter of its events.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np

from bdana.events import write_events
from bdana.simulation import SimulationConfig, simulate

HERE = Path(__file__).parent / "dimuon"
BLOCK = 100_000
OURS = "import sys; from bdana.cli import main; main()"
ENVIRONMENT = {f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS", "NUMBA")} | {
    "PYTHONDONTWRITEBYTECODE": ""
}
ROOT_LIBRARIES = ("Core", "RIO", "Tree", "TreePlayer", "ROOTDataFrame", "ROOTNTuple", "ROOTVecOps")


def write_halo(path: Path, events: int, container: Any) -> None:
    """Write simulated halo, each event with a number of its own, in blocks of one burst after the other as data are."""
    drawn, bursts = simulate(SimulationConfig(pot=1e16, bursts=20), 1)
    rng = np.random.default_rng(1)

    def blocks() -> Any:
        for start in range(0, events, BLOCK):
            n = min(BLOCK, events - start)
            chosen = drawn[rng.integers(len(drawn), size=n)]
            block = ak.to_packed(chosen[np.argsort(chosen.burst, kind="stable")])
            yield ak.with_field(block, np.arange(start, start + n), "event")

    write_events(path, blocks(), bursts, container=container)


def compiled(folder: Path, name: str, *options: str) -> str:
    """Compile a C++ source into a library."""
    made = folder / f"{name}.so"
    flags = ["-O3", "-march=native", "-std=c++17", "-shared", "-fPIC"]
    subprocess.run(["g++", *flags, "-o", made, HERE / f"{name}.cpp", *options], check=True)  # noqa: S603, S607
    return str(made)


def programs(folder: Path, root: str | None) -> dict[str, list[str]]:
    """Return the command of each program, to which the file is added in place of FILE."""
    found = {
        "ours": [sys.executable, "-c", OURS, "select", "FILE", "--kind", "mc", "--json"],
        "cpp": [sys.executable, str(HERE / "loop.py"), "FILE", compiled(folder, "loop")],
        "numba": [sys.executable, str(HERE / "kernel.py"), "FILE"],
        "awkward": [sys.executable, str(HERE / "awkwards.py"), "FILE"],
        "decompress": [sys.executable, str(HERE / "decompress.py"), "FILE"],
    }
    if root:
        asked = "import os, ROOT; print(os.path.dirname(ROOT.__file__))"
        place = subprocess.run(  # noqa: S603
            [root, "-W", "ignore", "-c", asked], check=True, capture_output=True, text=True
        ).stdout.split()[-1]
        options = [f"-I{place}/include", f"-L{place}/lib", f"-Wl,-rpath,{place}/lib", "-Wl,--no-as-needed"]
        library = compiled(folder, "frame", *options, *(f"-l{name}" for name in ROOT_LIBRARIES))
        frame = [root, str(HERE / "rdataframe.py"), "FILE"]
        found |= {"rdataframe": [*frame, "rvec"], "rdataframe_compiled": [*frame, "compiled", library]}
    return found


def run(command: list[str], path: Path, folder: Path) -> tuple[float, str]:
    """Run a program on a file; return its processor time in s, and what it printed."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(  # noqa: S603
        [str(path) if part == "FILE" else part for part in command],
        check=True, capture_output=True, text=True, cwd=folder, env=os.environ | ENVIRONMENT | {"PYTHONPYCACHEPREFIX": str(folder)},
    )  # fmt: skip
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, done.stdout


def numbers(program: str, printed: str) -> list[int]:
    """Return the numbers of events with two good tracks and after each cut."""
    if program == "decompress":
        return []
    found = json.loads(printed.splitlines()[-1] if program != "ours" else printed)
    if program == "ours":
        return [row["events"] for row in found["cutflow"][1:]]
    if "counts" in found:
        cuts = (len(found["counts"]) - 1) // 2
        return [int(n) for n in found["counts"][: 1 + cuts]]
    return [found["two"], *found["left"].values()]


def measured(events: int, container: str, turns: int, root: str | None) -> dict[str, dict[str, float]]:
    """Return for each program the time of the whole process, and of one event in µs."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        sizes = {events: folder / "all.root", events // 4: folder / "quarter.root"}
        for size, path in sizes.items():
            write_halo(path, size, container)
        found: dict[str, dict[int, list[float]]] = {}
        known: dict[int, list[int]] = {}
        commands = programs(folder, root)
        for turn in range(turns + 1):
            for program, command in commands.items():
                for size, path in sizes.items():
                    seconds, printed = run(command, path, folder)
                    found_here = numbers(program, printed)
                    if found_here and known.setdefault(size, found_here) != found_here:
                        raise SystemExit(f"{program} selects {found_here}, not {known[size]}")
                    if turn:  # the first one warms files and caches
                        found.setdefault(program, {}).setdefault(size, []).append(seconds)
    result = {}
    for program, by_size in found.items():
        whole, quarter = (statistics.median(by_size[size]) for size in sizes)
        result[program] = {"seconds": whole, "us_per_event": 1e6 * (whole - quarter) / (events - events // 4)}
    return result


def main() -> None:
    """Measure, and print what was measured."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--events", type=int, default=2_000_000)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    root = os.environ.get("BDANA_ROOT_PYTHON")
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    result: dict[str, Any] = {"events": args.events}
    for container in ("ttree", "rntuple"):
        times = measured(args.events, container, args.turns, root)
        result[container] = times
        for program, key in (("rdataframe", "ratio"), ("rdataframe_compiled", "compiled_ratio")):
            theirs = times.get(program, {}).get("seconds")
            result[f"{container}_{key}"] = theirs / times["ours"]["seconds"] if theirs else None
    cost = {program: row["us_per_event"] for program, row in result["ttree"].items()}
    for key, program in (
        ("marginal_vs_cpp", "cpp"),
        ("marginal_vs_numba", "numba"),
        ("vs_decompress", "decompress"),
    ):
        result[key] = cost["ours"] / cost[program]
    if args.json:
        print(json.dumps(result))  # noqa: T201
        return
    rows = [
        f"{container:8} {program:20} {row['seconds']:7.2f} s {row['us_per_event']:7.3f} µs an event"
        for container in ("ttree", "rntuple")
        for program, row in result[container].items()
    ]
    for key, value in result.items():
        if not isinstance(value, dict):
            rows.append(f"{key:24} {'no ROOT' if value is None else f'{value:.3g}'}")
    print("\n".join(rows))  # noqa: T201


if __name__ == "__main__":
    main()

"""An event counts once: the share of `bdana select` that the search for repeated events takes, and its memory.

    python benchmarks/repeats.py --events 1000000 --json
    python benchmarks/repeats.py --hashes 100000000 --json

The first selects simulated halo, repeated with numbers of its own, and adds up the processor time inside the search. The
second searches that many numbers alone, in chunks of 100 000, and measures the peak memory.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import awkward as ak
import numpy as np

import bdana
from bdana.analysis import template_folder
from bdana.engine import runs
from bdana.events import SeenEvents, event_hashes, refuse_repeats, write_events
from bdana.events.event_identity import identity_hashes
from bdana.simulation import SimulationConfig, simulate

if TYPE_CHECKING:
    from collections.abc import Callable

REPEATS = 5
BLOCK = 100_000


def write_halo(path: Path, events: int) -> None:
    """Write simulated halo, each event with a number of its own."""
    drawn, bursts = simulate(SimulationConfig(pot=1e16, bursts=20), 1)
    rng = np.random.default_rng(1)
    blocks = []
    for start in range(0, events, BLOCK):
        n = min(BLOCK, events - start)
        block = ak.to_packed(drawn[rng.integers(len(drawn), size=n)])
        blocks.append(ak.with_field(block, np.arange(start, start + n), "event"))
    write_events(path, blocks, bursts)


class Clock:
    """Adds up the processor time inside functions."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def timed(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return the function with the clock running inside."""

        def run(*args: Any, **options: Any) -> Any:
            begin = time.process_time()
            try:
                return function(*args, **options)
            finally:
                self.seconds += time.process_time() - begin

        return run


def share_of_select(events: int) -> dict[str, float]:
    """Select, and return the processor time in all and of the search for repeated events: medians."""
    analysis = bdana.load(template_folder())
    whole, inside = [], []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "halo.root"
        write_halo(path, events)
        for _ in range(REPEATS):
            clock = Clock()

            class Timed(SeenEvents):
                add = clock.timed(SeenEvents.add)  # type: ignore[assignment]

            runs.event_hashes = clock.timed(event_hashes)  # type: ignore[assignment]
            runs.refuse_repeats = clock.timed(refuse_repeats)  # type: ignore[assignment]
            runs.SeenEvents = Timed  # type: ignore[misc]
            begin = time.process_time()
            analysis.select([path], kind="mc")
            whole.append(time.process_time() - begin)
            inside.append(clock.seconds)
    seconds, search = statistics.median(whole), statistics.median(inside)
    ratio = statistics.median(i / (w - i) for i, w in zip(inside, whole, strict=True))
    return {"events": events, "select_s": seconds, "search_s": search, "ratio": ratio}


def search_alone(number: int) -> dict[str, float]:
    """Search numbers that are all different, and return time and peak memory above the start."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    begin = time.process_time()
    with SeenEvents() as seen:
        for start in range(0, number, BLOCK):
            n = min(BLOCK, number - start)
            ones = np.ones(n, dtype=np.int64)
            seen.add(identity_hashes({"run": ones, "burst": ones, "event": np.arange(start, start + n)}))
        repeated = sum(1 for _ in seen.repeated())
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    seconds = time.process_time() - begin
    return {
        "hashes": number,
        "seconds": seconds,
        "ns_each": 1e9 * seconds / number,
        "mib": (after - before) / 1024,
        "repeated": repeated,
    }


def main() -> None:
    """Measure, and print what was measured."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--hashes", type=int, default=0)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    found = search_alone(args.hashes) if args.hashes else share_of_select(args.events)
    if args.json:
        print(json.dumps(found))  # noqa: T201
    else:
        for name, value in found.items():
            print(f"{name:10} {value:.4g}")  # noqa: T201


if __name__ == "__main__":
    main()

"""Time and memory of a whole search: `bdana demo`, and `bdana background` and `bdana run` on samples of several sizes.

python benchmarks/search.py [--bursts 100 400] [--demo] [--jobs 1] [--json]
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bdana.analysis import scaffold
from bdana.simulation import Beam, SimulationConfig, write_sample

POT_OF_A_BURST = 7e13
"""As many protons a burst as the demo has, whose bursts have about 1000 events."""
SAMPLES = """
[samples.pseudo]
kind = "pseudo"
files = ["halo.root"]
trigger = "H2"

[samples.singles]
kind = "pseudo"
files = ["halo.root"]
trigger = "Q1"

"""


def measured(words: list[str], folder: Path) -> dict[str, float]:
    """Run a command in a process of its own: seconds on the clock, of processors, and its largest memory."""
    start = time.perf_counter()
    process = subprocess.Popen(  # noqa: S603 - no shell
        [sys.executable, "-m", "bdana", *words],
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    _, status, used = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"bdana {' '.join(words)} ended with {os.waitstatus_to_exitcode(status)}")
    return {
        "seconds": time.perf_counter() - start,
        "cpu_seconds": used.ru_utime + used.ru_stime,
        "peak_mib": used.ru_maxrss / 1024,
    }


def search_of(folder: Path, bursts: int) -> int:
    """Make an analysis with a sample of halo of so many bursts; return its number of events."""
    scaffold(folder)
    path = folder / "analysis.toml"
    before, search, after = path.read_text().partition("[search]\n")
    head, _, rest = after.partition("[signal]\n")  # the scan of couplings does not depend on the sample
    tail = "[variables.mass]" + rest.partition("[variables.mass]")[2]
    path.write_text(f'{before}{SAMPLES}{search}data = "pseudo"\nsingle_tracks = "singles"\n{head}{tail}')
    config = SimulationConfig(
        pot=POT_OF_A_BURST * bursts, bursts=bursts, truth=False, beam=Beam(downscale=225.0)
    )
    return write_sample(folder / "halo.root", config, 1)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bursts", type=int, nargs="*", default=[100, 400])
    parser.add_argument("--demo", action="store_true")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    jobs = ["--jobs", str(options.jobs)]
    result: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory() as name:
        if options.demo:
            result["demo"] = measured(["demo", *jobs], Path(name))
        for bursts in options.bursts:
            folder = Path(name) / str(bursts)
            events = search_of(folder, bursts)
            for command in (["background", "halo.root", "--kind", "pseudo"], ["run"]):
                result[f"{command[0]}, {events} events in {bursts} bursts"] = measured(
                    [*command, *jobs], folder
                )
    if options.json:
        sys.stdout.write(json.dumps(result, indent=2) + "\n")
    else:
        for label, row in result.items():
            sys.stdout.write(f"{label}: {', '.join(f'{value:.4g} {what}' for what, value in row.items())}\n")


if __name__ == "__main__":
    main()

"""Time of the default mumu contour, 100 masses with 100 couplings on the command line, without and with kept yields.

    python benchmarks/sensitivity.py [--jobs 2] [--repeat 3] [--json]

Processes of their own, so that the start of Python and the imports count. Beside the time on the clock stands that of all
processors together, which tells what a busy machine hides.
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

COMMAND = (
    "import sys; sys.argv[0] = 'bdana'; from bdana.cli import main; main()", "sensitivity", "--channel", "mumu",
    "--observed", "1", "--background", "0.016", "--background-error", "0.002",
)  # fmt: skip


def run(cache: Path, jobs: int) -> dict[str, float]:
    """Run the command once, and return its seconds on the clock and of all processors."""
    before, start = os.times(), time.perf_counter()
    subprocess.run(  # noqa: S603
        [sys.executable, "-c", *COMMAND, "--jobs", str(jobs), "--grid", str(cache / "contour.csv")],
        env=os.environ | {"XDG_CACHE_HOME": str(cache)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=True,
    )
    after = os.times()
    processors = after.children_user + after.children_system - before.children_user - before.children_system
    return {"clock": time.perf_counter() - start, "processors": processors}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--repeat", type=int, default=3, help="runs with kept yields")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        fresh = run(Path(folder), asked.jobs)
        kept = min(
            (run(Path(folder), asked.jobs) for _ in range(asked.repeat)), key=lambda one: one["processors"]
        )
    result = {"without kept yields": fresh, "with kept yields": kept}
    if asked.json:
        sys.stdout.write(json.dumps(result) + "\n")
        return
    for name, one in result.items():
        sys.stdout.write(f"{name}: {one['clock']:.1f} s, {one['processors']:.1f} s of processors\n")


if __name__ == "__main__":
    main()

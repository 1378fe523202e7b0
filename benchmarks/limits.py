"""Times of limits: single ones by method, and grids against one limit after the other.

python benchmarks/limits.py [--json]
"""

from __future__ import annotations

import json
import sys
import time
from typing import TYPE_CHECKING

import numpy as np

from bdana.statistics.grid import upper_limits
from bdana.statistics.limits import cls
from bdana.statistics.methods import METHODS
from bdana.statistics.poisson import Background

if TYPE_CHECKING:
    from collections.abc import Callable

SINGLE = ((1, 0.016, 0.002, 0.0), (1, 0.016, 0.002, 0.2), (2, 5.0, 0.5, 0.2), (50, 26.0, 3.4, 0.0))


def seconds(run: Callable[[], object]) -> float:
    """Median of five runs after a first one."""
    run()
    found = []
    for _ in range(5):
        start = time.perf_counter()
        run()
        found.append(time.perf_counter() - start)
    return float(np.median(found))


def main() -> None:
    """Measure and print."""
    result: dict[str, float] = {}
    for n, b, error, efficiency in SINGLE:
        for name, method in METHODS.items():
            label = f"{name}, n = {n}, b = {b:g} ± {error:g}, efficiency error {efficiency:g}"
            given = Background(b, error)
            result[label] = seconds(lambda m=method, n=n, g=given, e=efficiency: m(n, g, 0.9, e))
    counts = np.arange(10_000).reshape(100, 100) % 2
    backgrounds = np.linspace(0.0, 100.0, 10_000).reshape(100, 100)
    one = seconds(lambda: cls(1, Background(0.016, 0.002), 0.9, 0.2))
    known = seconds(lambda: cls(1, Background(0.016)))
    for label, run, single in (
        ("2 distinct cases with errors", lambda: upper_limits(counts, 0.016, 0.002, 0.2), one),
        ("10 000 known backgrounds", lambda: upper_limits(counts % 51, backgrounds), known),
    ):
        result[f"grid of 100 x 100, {label}"] = took = seconds(run)
        result[f"grid of 100 x 100, {label}: one after the other, over this"] = 10_000 * single / took
    if "--json" in sys.argv[1:]:
        sys.stdout.write(json.dumps(result, indent=2) + "\n")
    else:
        sys.stdout.writelines(f"{value:12.4g}  {label}\n" for label, value in result.items())


if __name__ == "__main__":
    main()

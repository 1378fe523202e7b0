"""Time to reweight a sample of decays to many couplings, against numpy's exp and expm1 of every decay at every coupling.

python benchmarks/reweighting.py [--decays N] [--couplings M] [--smallest S2] [--seed S] [--json]
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from typing import TYPE_CHECKING

import numpy as np

from bdana.signal.reweighting import DecaySum

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Array = NDArray[np.float64]

REPEATS = 3


def through(weight: Array, near: Array, inside: Array, s: Array, at_once: int) -> Array:
    """Sum of weight exp(-near s) (1 - exp(-inside s)), some couplings at once."""
    found = []
    for few in np.split(s, range(at_once, len(s), at_once)):
        term, decayed = np.multiply.outer(few, -near), np.multiply.outer(few, -inside)
        np.exp(term, out=term)
        np.expm1(decayed, out=decayed)
        term *= decayed
        found.append(-(term @ weight))
    return np.concatenate(found)


def at_points(weight: Array, rate: Array, exponent: Array, s: Array, at_once: int) -> Array:
    """Sum of s weight rate exp(-exponent s), some couplings at once."""
    found = []
    for few in np.split(s, range(at_once, len(s), at_once)):
        term = np.multiply.outer(few, -exponent)
        np.exp(term, out=term)
        found.append(few * (term @ (weight * rate)))
    return np.concatenate(found)


def timed(run: Callable[[], Array]) -> tuple[float, Array]:
    """Median processor time in seconds of three runs after a first one, and the result."""
    result = run()
    took = []
    for _ in range(REPEATS):
        start = time.process_time()
        run()
        took.append(time.process_time() - start)
    return float(np.median(took)), result


def compare(
    direct: Callable[[int], Array], build: Callable[[], DecaySum], coupling2: Array
) -> dict[str, float]:
    """Compare a sum that is built and evaluated with numpy in the fastest of three ways."""
    ways = {"one coupling at a time": 1, "four at once": 4, "all at once": len(coupling2)}
    references = {name: timed(lambda n=at_once: direct(n)) for name, at_once in ways.items()}
    fastest, true = min(references.values(), key=lambda reference: reference[0])
    took, found = timed(lambda: build()(coupling2))
    ready = build()
    evaluation, _ = timed(lambda: ready(coupling2))
    known = true > 1e-30 * true.max()
    return {
        **{f"numpy, {name}: ms": 1e3 * seconds for name, (seconds, _) in references.items()},
        "bdana, build and evaluate: ms": 1e3 * took,
        "bdana, evaluate: ms": 1e3 * evaluation,
        "ratio to the fastest numpy": fastest / took,
        "nodes": len(ready.nodes),
        "largest relative error": float(np.abs(found[known] / true[known] - 1.0).max()),
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--decays", type=int, default=100_000)
    parser.add_argument("--couplings", type=int, default=100)
    parser.add_argument(
        "--smallest", type=float, default=1e-16, help="first coupling squared, of eight decades"
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    rng = np.random.default_rng(given.seed)
    # Exponents over four decades, paths inside from 1e-6 to 100 times those before; by default squared
    # couplings from one at which next to nothing decays to one at which next to nothing is left.
    near = 1e10 * 10.0 ** rng.uniform(0.0, 4.0, given.decays)
    inside = near * 10.0 ** rng.uniform(-6.0, 2.0, given.decays)
    weight = rng.exponential(size=given.decays)
    far = near + inside
    s = np.geomspace(given.smallest, 1e8 * given.smallest, given.couplings)
    result = {
        "acceptance independent of the decay point": compare(
            lambda at_once: through(weight, near, inside, s, at_once),
            lambda: DecaySum.through(weight, near, far),
            s,
        ),
        "acceptance by decay point": compare(
            lambda at_once: at_points(weight, inside, near, s, at_once),
            lambda: DecaySum.at_points(weight, inside, near),
            s,
        ),
    }
    if given.json:
        sys.stdout.write(json.dumps(result, indent=2) + "\n")
    else:
        for case, values in result.items():
            sys.stdout.write(f"{case}\n")
            sys.stdout.writelines(f"{value:12.4g}  {label}\n" for label, value in values.items())


if __name__ == "__main__":
    main()

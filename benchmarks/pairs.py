"""Pairs of single tracks: the search of bdana.pairing against two C++ kernels, in one run.

    python benchmarks/pairs.py --tracks 100000 --threads 1 --seed 1 --json

Half of the tracks are positive. Every kernel reconstructs the pairs with CDA < 20 mm and 105 < z < 180 m, counts them by
region and track, and histograms their mass. `naive` and `early` run one thread and, above 100 000 tracks, on 100 000 of
them, their time scaled with the number of pairs. Build needs g++ (or CXX).
"""

from __future__ import annotations

import argparse
import ctypes
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numba
import numpy as np

import bdana
from bdana.pairing import PairSearch, count_pairs
from bdana.reconstruction import Line

Z_PLANE = 183_000.0
CUTS = (20.0, 105_000.0, 180_000.0)
MUON_MASS = 105.6583755
LARGEST_REFERENCE = 100_000
REPEATS = 3
"""Of everything but naive, up to 100 000 tracks; the median counts."""


class Tracks(ctypes.Structure):
    """`Tracks` of kernels.hpp."""

    _fields_ = [*((name, ctypes.c_void_p) for name in ("x", "y", "tx", "ty", "pz")), ("n", ctypes.c_int64)]


class Task(ctypes.Structure):
    """`Task` of kernels.hpp."""

    _fields_ = [
        *((name, ctypes.c_double) for name in ("z_plane", "max_cda", "z_min", "z_max", "lepton_mass")),
        *((name, ctypes.c_double) for name in ("beam_x", "beam_y", "beam_z")),
        ("boxes", ctypes.c_void_p),
        ("n_boxes", ctypes.c_int64),
    ]


def halo(n: int, rng: np.random.Generator) -> np.ndarray:
    """Return x, y, tx, ty, pz of halo-like tracks: 0.7 m wide at 183 m, pointing back to a spot 0.3 m wide at the TAX."""
    x, y = 700.0 * rng.standard_normal((2, n))
    x0, y0 = 300.0 * rng.standard_normal((2, n))
    length = Z_PLANE - 23_070.0
    p = np.clip(30e3 * np.exp(0.7 * rng.standard_normal(n)), 10e3, 200e3)
    return np.stack([x, y, (x - x0) / length, (y + 22.0 - y0) / length, p])


def build(folder: Path) -> dict[str, ctypes.CDLL]:
    """Compile the kernels."""
    here = Path(__file__).parent
    libraries = {}
    for name in ("naive", "early"):
        library = folder / f"{name}.so"
        flags = ["-O3", "-march=native", "-std=c++17", "-shared", "-fPIC"]
        command = [os.environ.get("CXX", "g++"), *flags, str(here / f"{name}.cpp"), "-o", str(library)]
        subprocess.run(command, check=True)  # noqa: S603 - the project's own sources
        libraries[name] = ctypes.CDLL(str(library))
    libraries["early"].pairs_early.restype = ctypes.c_int64
    return libraries


def run_reference(
    library: ctypes.CDLL, name: str, plus: np.ndarray, minus: np.ndarray, boxes: np.ndarray, full: bool
):
    """Run one C++ kernel; return seconds, counts by region and the mass histogram."""
    regions = len(boxes) + 1
    sets = [Tracks(*(row.ctypes.data for row in tracks), tracks.shape[1]) for tracks in (plus, minus)]
    task = Task(Z_PLANE, *CUTS, MUON_MASS, 0.0, -22.0, 23_070.0, boxes.ctypes.data, len(boxes))
    by_first, by_second = (np.zeros((t.shape[1], regions), dtype=np.int32) for t in (plus, minus))
    mass = np.zeros((regions, 60), dtype=np.int64)
    out = [ctypes.c_void_p(array.ctypes.data) for array in (by_first, by_second, mass)]
    arguments = [ctypes.byref(s) for s in (*sets, task)] + out
    begin = time.perf_counter()
    if name == "naive":
        library.pairs_naive(*arguments)
    else:
        library.pairs_early(*arguments, ctypes.c_bool(full))
    return time.perf_counter() - begin, by_first.sum(axis=0), mass


def lines(tracks: np.ndarray) -> Line:
    """Return the tracks as lines."""
    x, y, tx, ty, _ = tracks
    return Line.from_slopes(x, y, np.full(len(x), Z_PLANE), tx, ty)


def run_bdana(plus: np.ndarray, minus: np.ndarray, analysis: bdana.Analysis):
    """Run bdana's kernel; return seconds of the whole and of the search alone, and the counts."""
    momenta = [t[4] * np.sqrt(1.0 + t[2] ** 2 + t[3] ** 2) for t in (plus, minus)]
    begin = time.perf_counter()
    found = count_pairs(
        (lines(plus), momenta[0]),
        (lines(minus), momenta[1]),
        MUON_MASS,
        CUTS,
        analysis.setup.beam_line,
        analysis.regions,
    )
    whole = time.perf_counter() - begin
    begin = time.perf_counter()
    search = PairSearch.prepare(lines(plus), lines(minus), *CUTS)
    search.count()
    return whole, time.perf_counter() - begin, found, search.tested()


def measure(tracks: int, threads: int, seed: int) -> dict[str, object]:
    """Run everything once, bdana's kernel warm."""
    numba.set_num_threads(threads)
    rng = np.random.default_rng(seed)
    analysis = bdana.load()
    boxes = np.array([(b.z_min, b.z_max, b.cda_max) for b in analysis.regions.boxes])
    half = tracks // 2
    plus, minus = halo(half, rng), halo(tracks - half, rng)
    run_bdana(plus[:, :1000], minus[:, :1000], analysis)
    repeats = REPEATS if tracks <= LARGEST_REFERENCE else 1
    runs = [run_bdana(plus, minus, analysis) for _ in range(repeats)]
    seconds, search = (float(np.median([run[k] for run in runs])) for k in range(2))
    found, tested = runs[0][2:]
    pairs = half * (tracks - half)

    def part(limit: int) -> tuple[np.ndarray, np.ndarray, float]:
        n = min(limit // 2, half)
        a, b = (np.ascontiguousarray(t[:, :n]) for t in (plus, minus))
        return a, b, pairs / (a.shape[1] * b.shape[1])

    with tempfile.TemporaryDirectory() as folder:
        kernels = build(Path(folder))
        a, b, scale = part(LARGEST_REFERENCE)
        full = [run_reference(kernels["early"], "early", a, b, boxes, True) for _ in range(REPEATS)]
        _, counts_early, mass_early = full[0]
        early = float(np.median([run[0] for run in full]))
        rejection = float(
            np.median(
                [run_reference(kernels["early"], "early", a, b, boxes, False)[0] for _ in range(REPEATS)]
            )
        )
        naive, counts_naive, mass_naive = run_reference(kernels["naive"], "naive", a, b, boxes, True)
    same_sample = found if scale == 1.0 else run_bdana(a, b, analysis)[2]
    identical = all(
        np.array_equal(counts, same_sample.counts) and np.array_equal(mass, same_sample.mass)
        for counts, mass in ((counts_early, mass_early), (counts_naive, mass_naive))
    )
    quarter = PairSearch.prepare(lines(plus[:, : half // 4]), lines(minus[:, : half // 4]), *CUTS).tested()
    return {
        "tracks": tracks,
        "threads": threads,
        "seed": seed,
        "seconds": seconds,
        "pairs": pairs,
        "passing": int(found.counts.sum()),
        "tested": tested,
        "seconds_search": search,
        "seconds_naive": naive * scale,
        "seconds_early": early * scale,
        "speedup_naive": naive * scale / seconds,
        "speedup_early": early * scale / seconds,
        "rejection_vs_early": rejection * scale / search,
        "identical_counts": identical,
        "exponent_tested": float(np.log(tested / quarter) / np.log(4.0)),
    }


def main() -> None:
    """Read the arguments, measure, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--tracks", type=int, default=100_000)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    result = measure(arguments.tracks, arguments.threads, arguments.seed)
    if arguments.json:
        sys.stdout.write(json.dumps(result, indent=2) + "\n")
    else:
        sys.stdout.write("".join(f"{name:20} {value}\n" for name, value in result.items()))


if __name__ == "__main__":
    main()

"""Pairs of single tracks: the search of bdana.pairing against two C++ kernels, in one run.

    python benchmarks/pairs.py --tracks 100000 --threads 1 --seed 1 --json

Half of the tracks are positive. Every kernel reconstructs the pairs with CDA < 20 mm and 105 < z < 180 m, counts them by
region and track, and histograms their mass. `naive` and `early` run one thread and, above 100 000 tracks, on 100 000 of
them, their time scaled with the number of pairs; so is `estimate`, the whole combinatorial estimate of an analysis with
the tracks in one burst: cuts of the selection, histograms, covariances. The kernels take turns, so that a machine that slows down does so for
all. The build needs g++, or the compiler that CXX names.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import astuple, dataclass
from pathlib import Path

import awkward as ak
import numba
import numpy as np

import bdana
from bdana.events import BurstTable
from bdana.pairing import PairBounds, PairFinder, PairSelection, SingleSample, count_pairs
from bdana.reconstruction import Line, Tracks
from bdana.selection import Cutflow, SelectedSingles
from bdana.selection.single_track import SingleEvents

Z_PLANE = 183_000.0
CUTS = PairBounds(20.0, 105_000.0, 180_000.0)
MUON_MASS = 105.6583755
LARGEST_REFERENCE = 100_000
REPEATS = 3
"""Of everything but naive, and of bdana up to 100 000 tracks; the median counts."""
FEWEST = 1000
"""Tracks that make a time worth comparing."""


class TrackColumns(ctypes.Structure):
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
        try:
            subprocess.run(command, check=True)  # noqa: S603 - the project's own sources
        except FileNotFoundError:
            sys.exit(f"no compiler '{command[0]}': install g++, or name a C++ compiler with CXX")
        except subprocess.CalledProcessError as error:
            sys.exit(f"'{command[0]}' cannot compile {name}.cpp: exit status {error.returncode}")
        libraries[name] = ctypes.CDLL(str(library))
    libraries["early"].pairs_early.restype = ctypes.c_int64
    return libraries


@dataclass(frozen=True)
class Run:
    """Seconds of one run, and what it counted by region: by first track, by second track, by bin of mass."""

    seconds: float
    by_first: np.ndarray
    by_second: np.ndarray
    mass: np.ndarray

    def same_as(self, other: Run) -> bool:
        """Tell whether every count of every track is the same."""
        return all(
            np.array_equal(getattr(self, name), getattr(other, name))
            for name in ("by_first", "by_second", "mass")
        )


def run_reference(
    library: ctypes.CDLL,
    name: str,
    sample: tuple[np.ndarray, np.ndarray],
    boxes: np.ndarray,
    full: bool = True,
) -> Run:
    """Run one C++ kernel; without `full`, early only counts the pairs that it does not reject."""
    regions = len(boxes) + 1
    sets = [TrackColumns(*(row.ctypes.data for row in tracks), tracks.shape[1]) for tracks in sample]
    task = Task(Z_PLANE, *astuple(CUTS), MUON_MASS, 0.0, -22.0, 23_070.0, boxes.ctypes.data, len(boxes))
    by_first, by_second = (np.zeros((t.shape[1], regions), dtype=np.int32) for t in sample)
    mass = np.zeros((regions, 60), dtype=np.int64)
    out = [ctypes.c_void_p(array.ctypes.data) for array in (by_first, by_second, mass)]
    arguments = [ctypes.byref(s) for s in (*sets, task)] + out
    begin = time.perf_counter()
    if name == "naive":
        library.pairs_naive(*arguments)
    else:
        library.pairs_early(*arguments, ctypes.c_bool(full))
    return Run(time.perf_counter() - begin, by_first, by_second, mass)


def lines(tracks: np.ndarray) -> Line:
    """Return the tracks as lines."""
    x, y, tx, ty, _ = tracks
    return Line.from_slopes(x, y, np.full(len(x), Z_PLANE), tx, ty)


def run_bdana(sample: tuple[np.ndarray, np.ndarray], analysis: bdana.Analysis) -> Run:
    """Run bdana's kernel, the sorting of the tracks included."""
    momenta = [t[4] * np.sqrt(1.0 + t[2] ** 2 + t[3] ** 2) for t in sample]
    begin = time.perf_counter()
    plus, minus = ((lines(t), p) for t, p in zip(sample, momenta, strict=True))
    found = count_pairs(plus, minus, MUON_MASS, CUTS, analysis.setup.beam_line, analysis.regions)
    return Run(time.perf_counter() - begin, found.by_first, found.by_second, found.mass)


def search(sample: tuple[np.ndarray, np.ndarray]) -> float:
    """Return the seconds of bdana's rejection alone, the sorting of the tracks included."""
    begin = time.perf_counter()
    PairFinder.prepare(*(lines(t) for t in sample), CUTS).count()
    return time.perf_counter() - begin


def single_tracks(sample: tuple[np.ndarray, np.ndarray], analysis: bdana.Analysis) -> SelectedSingles:
    """Return the tracks as a single-track sample of burst 0 of run 1."""
    x, y, tx, ty, pz = np.concatenate(sample, axis=1)
    n = len(x)
    one, zero = np.ones(n, dtype=np.int64), np.zeros(n, dtype=np.int64)
    record = ak.zip(
        {
            "x_before": x,
            "y_before": y,
            "z_before": np.full(n, Z_PLANE),
            "tx_before": tx,
            "ty_before": ty,
            "p": pz * np.sqrt(1.0 + tx**2 + ty**2),
            "time": np.zeros(n),
            "charge": np.repeat([1, -1], [s.shape[1] for s in sample]),
        }
    )
    events = ak.zip({"run": one, "burst": zero, "event": np.arange(n), "weight": np.ones(n)})
    tracks = Tracks(record, events, np.arange(n), analysis.setup.detector)
    none = Tracks(record[:0], events[:0], np.arange(0), tracks.detector)
    return SelectedSingles(Cutflow(()), tracks, SingleEvents(one, zero, one > 0, np.ones(n)), none)


def estimate(sample: tuple[np.ndarray, np.ndarray], analysis: bdana.Analysis) -> float:
    """Return the seconds of the estimate of an analysis, with its own selection and variables."""
    singles = single_tracks(sample, analysis)
    one = np.ones(1)
    table = BurstTable(
        run=np.ones(1, dtype=np.int64),
        burst=np.zeros(1, dtype=np.int64),
        pot=1e12 * one,
        live_time_s=one,
        good=one > 0,
        downscale=one,
    )
    background, par = analysis.combinatorial("combinatorial")
    selection, cuts = analysis.selection("dimuon")
    par = par.model_copy(update={"readout_ns": 0.0})  # or so many tracks in one burst would leave none alone
    begin = time.perf_counter()
    pairs = PairSelection(selection, cuts, analysis.setup, analysis.variables)
    background.estimate(SingleSample(singles, table), pairs, par)
    return time.perf_counter() - begin


def tested(sample: tuple[np.ndarray, np.ndarray]) -> tuple[int, int]:
    """Return the number of pairs whose tracks are compared, and how often boxes are."""
    prepared = PairFinder.prepare(*(lines(t) for t in sample), CUTS)
    return prepared.tested(), prepared.tested_boxes()


def first_of(sample: tuple[np.ndarray, np.ndarray], share: float) -> tuple[np.ndarray, np.ndarray]:
    """Return a part of the tracks."""
    plus, minus = (np.ascontiguousarray(t[:, : int(share * t.shape[1])]) for t in sample)
    return plus, minus


def measure(tracks: int, threads: int, seed: int) -> dict[str, object]:
    """Run everything, bdana's kernel warm."""
    numba.set_num_threads(threads)
    rng = np.random.default_rng(seed)
    analysis = bdana.load()
    boxes = np.array([(b.z_min, b.z_max, b.cda_max) for b in analysis.regions.boxes])
    sample = halo(tracks // 2, rng), halo(tracks - tracks // 2, rng)
    small = first_of(sample, min(1.0, LARGEST_REFERENCE / tracks))
    pairs, small_pairs = (a.shape[1] * b.shape[1] for a, b in (sample, small))
    scale = pairs / small_pairs
    warm = first_of(sample, min(1.0, 2000 / tracks))
    run_bdana(warm, analysis)
    search(warm)
    estimate(warm, analysis)
    ours, rejections, early, early_rejections = [], [], [], []
    with tempfile.TemporaryDirectory() as folder:
        kernels = build(Path(folder))
        for repeat in range(REPEATS):
            if repeat == 0 or scale == 1.0:
                ours.append(run_bdana(sample, analysis))
                rejections.append(search(sample))
            early.append(run_reference(kernels["early"], "early", small, boxes))
            early_rejections.append(
                run_reference(kernels["early"], "early", small, boxes, full=False).seconds
            )
        naive = run_reference(kernels["naive"], "naive", small, boxes)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    same_sample = ours[0] if scale == 1.0 else run_bdana(small, analysis)
    seconds = float(np.median([run.seconds for run in ours]))
    seconds_search = float(np.median(rejections))
    seconds_early = float(np.median([run.seconds for run in early])) * scale
    count, boxes_tested = tested(sample)
    return {
        "tracks": tracks,
        "threads": threads,
        "seed": seed,
        "seconds": seconds,
        "pairs": pairs,
        "passing": int(ours[0].by_first.sum()),
        "tested": count,
        "tested_boxes": boxes_tested,
        "seconds_search": seconds_search,
        "seconds_naive": naive.seconds * scale,
        "seconds_early": seconds_early,
        "speedup_naive": naive.seconds * scale / seconds,
        "speedup_early": seconds_early / seconds,
        "rejection_vs_early": float(np.median(early_rejections)) * scale / seconds_search,
        "identical_counts": same_sample.same_as(naive) and same_sample.same_as(early[0]),
        "exponent_tested": float(np.log(count / tested(first_of(sample, 0.25))[0]) / np.log(4.0)),
        "estimate": estimate(small, analysis) * scale,
        "memory_mib": memory / (1024.0 if sys.platform == "linux" else 1024.0**2),
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
    if arguments.tracks < FEWEST:
        parser.error(f"--tracks must be at least {FEWEST}")
    if arguments.seed < 0:
        parser.error("--seed must not be negative")
    if not 1 <= arguments.threads <= numba.config.NUMBA_NUM_THREADS:
        parser.error(f"--threads must be between 1 and {numba.config.NUMBA_NUM_THREADS} here")
    result = measure(arguments.tracks, arguments.threads, arguments.seed)
    if arguments.json:
        sys.stdout.write(json.dumps(result, indent=2) + "\n")
    else:
        sys.stdout.write("".join(f"{name:20} {value}\n" for name, value in result.items()))


if __name__ == "__main__":
    main()

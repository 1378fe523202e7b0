"""Signal yields of many masses: computed in parallel, and kept in a cache by what they were computed from."""

from __future__ import annotations

import hashlib
import io
import json
import os
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from bdana.atomic import temporary_beside
from bdana.engine import SerialExecutor
from bdana.errors import InputError
from bdana.sensitivity.yields import (
    Counted,
    MassYields,
    ProductionYields,
    mass_yields,
    searched_particle,
)
from bdana.signal import is_open
from bdana.signal.reweighting import DecaySum

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bdana.analysis import AnalysisFolder
    from bdana.engine import Executor, Progress

__all__ = ["Scan", "cache_folder"]

_DIGEST = hashlib.sha256().digest_size


def cache_folder() -> Path:
    """Return the folder in which yields are kept: `bdana/signal` in the user's cache folder (XDG_CACHE_HOME)."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "bdana" / "signal"


@dataclass(frozen=True)
class Scan:
    """Signal yields of one decay mode, of any mass; each is computed once.

    Attributes
    ----------
    analysis : AnalysisFolder
    mode : str
        One of [signal] channels.
    folder : Path or None
        Where yields are kept between runs; None: nowhere.
    """

    analysis: AnalysisFolder
    mode: str
    folder: Path | None = field(default_factory=cache_folder)
    _known: dict[float, MassYields] = field(default_factory=dict, compare=False)

    def __post_init__(self) -> None:
        self.analysis.signal.selection(self.mode)  # says what is wrong before any work

    def __call__(self, mass: float) -> MassYields:
        """Return the yields of one mass in MeV/c2."""
        if mass not in self._known:
            self._known[mass] = _compute(_Task(self.analysis, self.mode, self.folder), mass)
        return self._known[mass]

    def is_open(self, mass: float) -> bool:
        """Tell whether the particle of a mass decays to the mode.

        Parameters
        ----------
        mass : float
            In MeV/c2.
        """
        if mass in self._known:
            return self._known[mass].ratio > 0.0
        return is_open(self.analysis.signal.particle(mass), self.mode)

    def compute(
        self, masses: Sequence[float], executor: Executor | None = None, progress: Progress | None = None
    ) -> None:
        """Compute the yields of many masses at once.

        Parameters
        ----------
        masses : sequence of float
            In MeV/c2.
        executor : Executor, optional
            Where they are computed; in this process by default.
        progress : callable, optional
            Called with (masses done, masses in all).
        """
        task = _Task(self.analysis, self.mode, self.folder)
        missing = []
        for mass in masses:
            if mass in self._known:
                continue
            kept = None if self.folder is None else _read(_path(task, self.folder, mass))
            if kept:
                self._known[mass] = kept
            else:
                missing.append(mass)
        if not missing:
            return  # without starting workers
        found = (executor or SerialExecutor()).map(task, missing)
        for done, (mass, yields) in enumerate(zip(missing, found, strict=True), start=1):
            self._known[mass] = yields
            if progress:
                progress(done, len(missing))


@dataclass(frozen=True)
class _Task:
    analysis: AnalysisFolder
    mode: str
    folder: Path | None

    def __call__(self, mass: float) -> MassYields:
        return _compute(self, mass)


def _compute(task: _Task, mass: float) -> MassYields:
    if task.folder is None:
        return mass_yields(task.analysis, task.mode, mass)
    path = _path(task, task.folder, mass)
    kept = _read(path)
    if kept is None:
        kept = mass_yields(task.analysis, task.mode, mass)
        _write(path, kept)
    return kept


def _path(task: _Task, folder: Path, mass: float) -> Path:
    """Return the file of the yields of a mass: named by a hash of all that they depend on, bdana's code included."""
    analysis = task.analysis
    _, par = analysis.selection(analysis.signal.selection(task.mode))
    signal = analysis.signal.model_dump(mode="json")
    for name in ("point", "pot", "pot_error", "masses_mev", "mass_points"):  # change no yield of a mass
        del signal[name]
    modes = searched_particle(analysis, task.mode, mass).modes  # the model may have read them from a file
    content = {
        "mass": mass,
        "mode": task.mode,
        "signal": signal,
        "widths": {name: (part.width, part.error) for name, part in modes.items()},
        "beam_line": analysis.config.beam_line.model_dump(mode="json"),
        "regions": [
            {name: box.model_dump(mode="json") for name, box in boxes.items()}
            for boxes in (analysis.config.regions, analysis.config.cluster_regions)
        ],
        "detector": analysis.detector.model_dump(mode="json"),
        "parameters": par.model_dump(mode="json"),
        "modules": analysis.modules.hashes,
        "code": _code(),
    }
    return folder / f"{hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()}.yields"


@cache
def _code() -> str:
    found = hashlib.sha256()
    root = Path(__file__).parents[1]
    for path in sorted([*root.rglob("*.py"), *root.rglob("signal/spectra/*")]):
        found.update(f"{path.relative_to(root)}\0".encode() + path.read_bytes())
    return found.hexdigest()


def _write(path: Path, yields: MassYields) -> None:
    """Write yields behind a hash: their structure as JSON in which a sum is its number, and all sums in one row each."""
    sums: list[DecaySum] = []

    def number(decays: DecaySum) -> int:
        sums.append(decays)
        return len(sums) - 1

    def counted(part: Counted) -> list[int]:
        return [number(part.mean), number(part.square)]

    production = {
        name: {
            "per_proton": part.per_proton,
            "in_volume": number(part.in_volume),
            "accepted": counted(part.accepted),
            "selected": {region: counted(value) for region, value in part.selected.items()},
            "variations": {key: [number(end) for end in ends] for key, ends in part.variations.items()},
        }
        for name, part in yields.production.items()
    }
    content = {
        "mass": yields.mass,
        "mode": yields.mode,
        "width": yields.width,
        "width_error": yields.width_error,
        "ratio": yields.ratio,
        "production": production,
    }
    arrays = io.BytesIO()
    np.savez(
        arrays,
        content=np.frombuffer(json.dumps(content).encode(), dtype=np.uint8),
        lengths=np.array([len(part.nodes) for part in sums], dtype=np.int64),
        nodes=np.concatenate([np.empty(0), *(part.nodes for part in sums)]),
        coefficients=np.concatenate([np.empty(0), *(part.coefficients for part in sums)]),
    )
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as err:
        raise InputError(
            f"{path.parent}: yields cannot be kept there ({err.strerror}); set XDG_CACHE_HOME, or keep none (--no-cache)"
        ) from None
    stored = arrays.getvalue()
    with temporary_beside(path) as temporary:
        temporary.write_bytes(hashlib.sha256(stored).digest() + stored)


def _read(path: Path) -> MassYields | None:
    """Read yields; None where there are none, or the file is damaged."""
    try:
        file = path.read_bytes()
    except OSError:
        return None
    if hashlib.sha256(file[_DIGEST:]).digest() != file[:_DIGEST]:
        return None
    with np.load(io.BytesIO(file[_DIGEST:])) as arrays:
        stored = {name: arrays[name] for name in ("content", "lengths", "nodes", "coefficients")}
    content = json.loads(stored["content"].tobytes())
    ends = np.cumsum(stored["lengths"])[:-1]
    parts = zip(np.split(stored["nodes"], ends), np.split(stored["coefficients"], ends), strict=True)
    sums = [DecaySum(nodes, coefficients) for nodes, coefficients in parts]

    def counted(numbers: list[int]) -> Counted:
        return Counted(*(sums[number] for number in numbers))

    production = {
        name: ProductionYields(
            part["per_proton"],
            sums[part["in_volume"]],
            counted(part["accepted"]),
            {region: counted(value) for region, value in part["selected"].items()},
            {key: (sums[low], sums[high]) for key, (low, high) in part["variations"].items()},
        )
        for name, part in content["production"].items()
    }
    return MassYields(**(content | {"production": production}))

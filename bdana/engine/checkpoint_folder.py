"""Folder of checkpoints: arrays of numbers on disk, each under a hash of everything that it depends on.

What was made of data lies in a folder of its own for every state of what is closed; when another state is met, the
checkpoints of the former one are deleted.
"""

from __future__ import annotations

import logging
import os
import re
import zipfile
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np

from bdana.engine.fingerprint import fingerprint
from bdana.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from bdana.events import Gate

__all__ = ["CheckpointFolder", "clear_checkpoints", "what_is_closed"]

_log = logging.getLogger(__name__)

SIMULATION = "simulation"
_DATA = re.compile(r"data-[0-9a-f]{16}")
_FILE = re.compile(r"[0-9a-f]{64}\.npz(\.\d+\.part)?")


class CheckpointFolder:
    """Folder of checkpoints behind one gate.

    Parameters
    ----------
    folder : Path
        Where they are kept; it is made when it is not there.
    gate : Gate or None
        What is closed of the data that they are made of.

    Raises
    ------
    ConfigError
        When the folder cannot be made or written.
    """

    def __init__(self, folder: Path, gate: Gate | None) -> None:
        self._folder = folder / (
            f"data-{what_is_closed(gate)[:16]}" if gate else SIMULATION
        )  # guard: folder-of-the-gate
        self._writes = True
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            if gate is not None:
                for other in _folders(folder):
                    if other not in {self._folder, folder / SIMULATION}:  # guard: other-gate-is-deleted
                        _empty(other)
        except OSError as err:
            raise ConfigError(
                f"{folder}: finished chunks cannot be kept there ({err.strerror}); name another folder with --resume"
            ) from None

    def path(self, key: str) -> Path:
        """Return the file of a checkpoint.

        Parameters
        ----------
        key : str
            64 hexadecimal digits.
        """
        return self._folder / f"{key}.npz"

    def read(self, key: str) -> dict[str, NDArray[Any]] | None:
        """Return the arrays of a checkpoint; None when there is none, or its file is damaged.

        Parameters
        ----------
        key : str
        """
        path = self.path(key)
        if not path.is_file():
            return None
        try:
            with path.open("rb") as file, np.load(file, allow_pickle=False) as kept:
                return {name: kept[name] for name in kept.files}
        except (OSError, ValueError, KeyError, EOFError, TypeError, zipfile.BadZipFile):
            return None

    def write(self, key: str, arrays: Callable[[], Mapping[str, NDArray[Any]]]) -> None:
        """Keep arrays in place of what was there before; where that is not possible, say so once and go on without.

        Parameters
        ----------
        key : str
        arrays : callable
            f() -> the arrays, of numbers; it is called where they can be written.
        """
        if not self._writes:
            return
        path = self.path(key)
        part = path.with_name(f"{path.name}.{os.getpid()}.part")
        try:
            with part.open("wb") as file:
                np.savez(file, allow_pickle=False, **arrays())
            part.replace(path)
        except OSError as err:
            self._writes = False
            part.unlink(missing_ok=True)
            _log.warning(
                "%s: checkpoints cannot be written (%s): going on without, so what comes now is lost if the run is interrupted",
                self._folder.parent,
                err.strerror,
            )


def clear_checkpoints(folder: Path) -> None:
    """Delete all checkpoints in a folder, and nothing else.

    Parameters
    ----------
    folder : Path
    """
    for found in [*_folders(folder)]:
        _empty(found)
    if folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()


def _folders(folder: Path) -> Iterator[Path]:
    if folder.is_dir():
        yield from (
            path for path in folder.iterdir() if path.name == SIMULATION or _DATA.fullmatch(path.name)
        )


def _empty(folder: Path) -> None:
    for path in folder.iterdir():
        if _FILE.fullmatch(path.name):
            path.unlink(missing_ok=True)
    if not any(folder.iterdir()):
        folder.rmdir()


def what_is_closed(gate: Gate) -> str:
    """Return a hash of what a gate keeps closed.

    Parameters
    ----------
    gate : Gate
    """
    return fingerprint(
        [asdict(box) for box in gate.envelopes.boxes],
        [gate.max_dt, gate.max_chi2, gate.min_p, gate.sealed],
        vars(gate.beam_line),
        gate.detector,
        gate.clusters and gate.clusters.document,
    )

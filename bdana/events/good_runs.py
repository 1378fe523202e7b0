"""Good-run lists: which bursts are used, and their protons on target and live time where files lack them."""

from __future__ import annotations

import csv
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from bdana.errors import InputError
from bdana.events.exposure import BurstTable, burst_key

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["GoodRuns"]

_TYPES: dict[str, Callable[[str], float]] = {"run": int, "burst": int, "pot": float, "live_time_s": float}


@dataclass(frozen=True)
class GoodRuns:
    """A good-run list: bursts that are good for physics.

    A CSV file with the columns `run` and `burst`, one burst a line; `pot` and `live_time_s`, for layouts without a burst
    table. Without `burst`, whole runs are good.

    Attributes
    ----------
    path : Path
    run : ndarray of int, shape (N,)
    burst, pot, live_time_s : ndarray, shape (N,), or None
        None where the list has no such column.
    """

    path: Path
    run: NDArray[np.int64]
    burst: NDArray[np.int64] | None
    pot: NDArray[np.float64] | None
    live_time_s: NDArray[np.float64] | None

    @classmethod
    def read(cls, path: Path) -> GoodRuns:
        """Read a good-run list.

        Parameters
        ----------
        path : Path

        Raises
        ------
        InputError
            When it cannot be read, has an unknown column, no `run`, or a line that is no number.
        """
        try:
            with path.open(encoding="utf-8", newline="") as file:
                rows = csv.DictReader(file, skipinitialspace=True)
                names = rows.fieldnames or []
                lines = list(rows)
            unknown = set(names) - set(_TYPES)
            if unknown or "run" not in names:
                raise InputError(
                    f"{path}: a good-run list has the columns run, burst, pot, live_time_s, not {', '.join(names)}"
                )
            columns = {name: np.array([_TYPES[name](line[name]) for line in lines]) for name in names}
        except (OSError, UnicodeDecodeError, ValueError, TypeError) as err:
            raise InputError(f"{path}: the good-run list cannot be read ({err})") from None
        return cls(path, columns["run"], *(columns.get(name) for name in ("burst", "pot", "live_time_s")))

    def table(self) -> BurstTable:
        """Return the bursts of the list, for files without a burst table.

        Raises
        ------
        InputError
            When the list does not say what they contain, or names a burst twice.
        """
        if self.burst is None or self.pot is None or self.live_time_s is None:
            raise InputError(
                f"{self.path}: the files have no burst table, so the list must have the columns burst, pot and live_time_s"
            )
        columns = {"run": self.run, "burst": self.burst, "pot": self.pot, "live_time_s": self.live_time_s}
        return BurstTable.of_file(self.path, columns | {"good": np.ones(len(self.run), dtype=np.bool_)})

    def among(self, bursts: BurstTable) -> BurstTable:
        """Return a burst table in which bursts that are not in the list are bad.

        Parameters
        ----------
        bursts : BurstTable
        """
        if self.burst is None:
            listed = np.isin(bursts.run, self.run)
        else:
            listed = np.isin(burst_key(bursts.run, bursts.burst), burst_key(self.run, self.burst))
        return replace(bursts, good=bursts.good & listed)

"""Good-run lists: which bursts are used, and their protons on target and live time where files lack them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from bdana.csv_rows import read_csv
from bdana.errors import InputError
from bdana.events.exposure import BurstTable, burst_key, why_impossible

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["GoodRuns"]

_COLUMNS = ("run", "burst", "pot", "live_time_s")
_BELOW = {"run": 2**31, "burst": 2**32}


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
    def read(cls, path: Path, unusual: Collection[str] = ()) -> GoodRuns:
        """Read a good-run list.

        Parameters
        ----------
        path : Path
        unusual : collection of str
            Columns whose values are meant, as for `BurstTable.total`.

        Raises
        ------
        InputError
            When it cannot be read, has an unknown column, no `run` or no line; naming the line, when one has more or fewer
            fields than the header, no number, or protons or a live time that no burst has.
        """
        names, rows = read_csv(path, ["run"])
        unknown = [name for name in names if name not in _COLUMNS]
        if unknown:
            raise InputError(
                f"{path}: column '{unknown[0]}': a good-run list has the columns {', '.join(_COLUMNS)}"
            )
        if not rows:
            raise InputError(f"{path}: the good-run list names no burst: add a line below the header")
        columns: dict[str, NDArray[Any]] = {
            name: np.array([row.whole(name, _BELOW[name]) for row in rows])
            for name in ("run", "burst")
            if name in names
        }
        for name in filter(names.__contains__, ("pot", "live_time_s")):
            columns[name] = np.array([row.number(name) for row in rows])
            for row, value in zip(rows, columns[name], strict=True):
                wrong = why_impossible(name, value, unusual)
                if wrong:
                    raise InputError(f"{row.where}: {wrong}")
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

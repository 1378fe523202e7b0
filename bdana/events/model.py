"""The event model: canonical column names with type and unit, and the awkward records made of them.

A column is named `field` (one value an event) or `collection.field` (a list an event). docs/events.md explains
them; schemas map the branches of a ROOT layout onto them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["BURST_COLUMNS", "CANONICAL", "COLLECTIONS", "EVENT_COLUMNS", "Column"]

CANONICAL: Mapping[str, type[np.int64 | np.float64 | np.bool_]] = {
    "int": np.int64,
    "float": np.float64,
    "bool": np.bool_,
}
"""Types in memory, whatever type a file has, so that cuts do not depend on the file."""


@dataclass(frozen=True)
class Column:
    """A canonical column.

    Attributes
    ----------
    name : str
        `field` or `collection.field`.
    kind : {"int", "float", "bool"}
        Type in memory: int64, float64 or bool.
    unit : str
        Unit in memory, a name of `hepunits`; empty for pure numbers.
    meaning : str
        Description in one line.
    """

    name: str
    kind: Literal["int", "float", "bool"]
    unit: str
    meaning: str

    @property
    def collection(self) -> str | None:
        """The collection the column belongs to, None for event columns."""
        return self.name.partition(".")[0] if "." in self.name else None

    @property
    def field(self) -> str:
        """The name within the record."""
        return self.name.rpartition(".")[2]


def _table(*columns: tuple[str, Literal["int", "float", "bool"], str, str]) -> dict[str, Column]:
    return {name: Column(name, kind, unit, meaning) for name, kind, unit, meaning in columns}


EVENT_COLUMNS = _table(
    ("run", "int", "", "run number"),
    ("burst", "int", "", "burst (spill) number within the run"),
    ("event", "int", "", "event number within the burst"),
    ("trigger_time", "float", "ns", "trigger time on the scale of the candidate times"),
    ("timestamp", "float", "ns", "time since the start of the burst"),
    ("trigger", "int", "", "trigger bits as the schema's [triggers] names them"),
    ("quality", "int", "", "event quality mask, 0 = good"),
    ("weight", "float", "", "event weight, 1 for data"),
    ("tracks.charge", "int", "", "charge in units of e"),
    ("tracks.p", "float", "MeV", "momentum"),
    ("tracks.time", "float", "ns", "time"),
    ("tracks.chi2", "float", "", "chi2 of the track fit, NaN where it failed"),
    ("tracks.n_chambers", "int", "", "chambers with hits"),
    ("tracks.x_before", "float", "mm", "x before the magnet, at z_before"),
    ("tracks.y_before", "float", "mm", "y before the magnet, at z_before"),
    ("tracks.z_before", "float", "mm", "z of the state before the magnet"),
    ("tracks.tx_before", "float", "rad", "slope dx/dz before the magnet"),
    ("tracks.ty_before", "float", "rad", "slope dy/dz before the magnet"),
    ("tracks.x_after", "float", "mm", "x after the magnet, at z_after"),
    ("tracks.y_after", "float", "mm", "y after the magnet, at z_after"),
    ("tracks.z_after", "float", "mm", "z of the state after the magnet"),
    ("tracks.tx_after", "float", "rad", "slope dx/dz after the magnet"),
    ("tracks.ty_after", "float", "rad", "slope dy/dz after the magnet"),
    ("lkr.energy", "float", "MeV", "energy of the calorimeter cluster"),
    ("lkr.x", "float", "mm", "x of the cluster"),
    ("lkr.y", "float", "mm", "y of the cluster"),
    ("lkr.time", "float", "ns", "time of the cluster"),
    ("muv3.x", "float", "mm", "x of the muon-veto tile"),
    ("muv3.y", "float", "mm", "y of the muon-veto tile"),
    ("muv3.time", "float", "ns", "time of the muon-veto hit"),
    ("lav.time", "float", "ns", "time of the large-angle-veto hit"),
    ("irc.time", "float", "ns", "time of the inner-ring-calorimeter hit"),
    ("sac.time", "float", "ns", "time of the small-angle-calorimeter hit"),
    ("truth.process", "int", "", "simulated process: 0 halo muons, 1 signal, 2 prompt pair"),
    ("truth.mass", "float", "MeV", "mass of the simulated A'"),
    ("truth.p", "float", "MeV", "momentum of the simulated A'"),
    ("truth.z_decay", "float", "mm", "z of the simulated decay"),
)
"""Every canonical event column by name."""

BURST_COLUMNS = _table(
    ("run", "int", "", "run number"),
    ("burst", "int", "", "burst number within the run"),
    ("pot", "float", "", "protons on target"),
    ("live_time_s", "float", "s", "live time of the trigger"),
    ("good", "bool", "", "usable for physics"),
    ("downscale", "float", "", "downscale D of the single-track trigger"),
    (
        "pair_live_time_s",
        "float",
        "s",
        "live time of the two-track trigger, where the burst table has it apart",
    ),
)
"""Every canonical burst column by name."""

COLLECTIONS = ("tracks", "lkr", "muv3", "lav", "irc", "sac")
"""Names of the jagged collections; `truth` is one record an event."""

"""Columns of a file that the dimuon selection needs, read with uproot in chunks of whole clusters: what the loops share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import uproot

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

STATE = [f"tracks_{name}_{side}" for side in ("before", "after") for name in ("x", "y", "z", "tx", "ty")]
INTS = ["tracks_charge", "tracks_n_chambers"]
FLOATS = [
    *("tracks_p", "tracks_time", "tracks_chi2"), *STATE, "lkr_x", "lkr_y", "lkr_energy", "muv3_x", "muv3_y", "muv3_time",
    "lav_time",
]  # fmt: skip
EVENTS = ["run", "burst", "event", "trigger_time", "weight"]
NEEDED = [*EVENTS, *INTS, *FLOATS]
CUTS = [
    "opposite_charge", "track_time_difference", "trigger_time", "e_over_p", "muv3", "cda", "vertex_z", "lav_veto",
    "straw1_separation", "acceptance",
]  # fmt: skip


def chunks(path: Path, step: int = 100_000) -> Iterator[Any]:
    """Yield the needed columns as awkward arrays by name."""
    with uproot.open(path) as file:
        events = file["events"]
        for start in range(0, events.num_entries, step):
            stop = min(start + step, events.num_entries)
            if hasattr(events, "cluster_summaries"):
                yield events.arrays(filter_name=sorted(NEEDED), entry_start=start, entry_stop=stop)
            else:
                yield events.arrays(NEEDED, entry_start=start, entry_stop=stop, how=dict)


def flat(column: Any) -> tuple[Any, Any]:
    """Return offsets and values of a column of lists."""
    layout = column.layout
    offsets = np.asarray(layout.offsets, dtype=np.int64)
    return offsets - offsets[0], np.asarray(layout.content.data)[offsets[0] : offsets[-1]]


def document(two: int, left: Any, but_one: Any) -> dict[str, Any]:
    """Return numbers of events: with two good tracks, after each cut, and with all cuts but one."""
    return {
        "two": int(two), "left": dict(zip(CUTS, map(int, left), strict=True)),
        "but_one": dict(zip(CUTS, map(int, but_one), strict=True)),
    }  # fmt: skip

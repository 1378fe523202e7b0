"""Writing the selected pairs of the combinatorial estimate into a ROOT file, batch by batch."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import awkward as ak
import numpy as np
import uproot

from bdana.atomic import temporary_beside
from bdana.events.writing import make_container
from bdana.reconstruction import Clusters, Tracks

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from bdana.pairing.estimate.pair_cuts import PairSink
    from bdana.selection import Candidates

__all__ = ["pair_file"]


@contextmanager
def pair_file(path: Path) -> Iterator[PairSink]:
    """Yield a sink that writes the TTree `pairs`; the file appears when the block ends without error.

    A row is a pair: the quantities of a candidate table but `dt_ns`, and `weight`, and of each track (or cluster) where it was
    found (`run_1`, `burst_1`, `event_1`, ...) and, of a track, its charge. The memory does not grow with the number of pairs.

    Parameters
    ----------
    path : Path
    """
    with temporary_beside(path) as temporary, uproot.recreate(temporary, compression=uproot.ZSTD(1)) as file:
        tree = None

        def write(
            candidates: Candidates,
            tracks: Tracks | Clusters,
            first: NDArray[np.int64],
            second: NDArray[np.int64],
        ) -> None:
            nonlocal tree
            table = _table(candidates, tracks, first, second)
            if tree is None:
                tree = make_container(file, "pairs", table, "ttree")
            tree.extend(table)

        yield write


def _table(
    candidates: Candidates, tracks: Tracks | Clusters, first: NDArray[np.int64], second: NDArray[np.int64]
) -> dict[str, ak.Array]:
    found = candidates.columns()
    columns = {header: found[header] for header in found if header not in {"run", "burst", "event", "dt_ns"}}
    of_track = {name: np.asarray(tracks.events[name])[tracks.index] for name in ("run", "burst", "event")}
    if isinstance(tracks, Tracks):
        of_track |= {"charge": tracks.charge}
    for number, places in (("1", first), ("2", second)):
        columns |= {f"{name}_{number}": values[places] for name, values in of_track.items()}
    return {name: ak.Array(column) for name, column in (columns | {"weight": candidates.weight}).items()}

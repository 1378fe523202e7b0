"""Which of the open events pass each cut of a selection."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import awkward as ak
import numpy as np

from bdana.errors import ConfigError
from bdana.mistakes import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from bdana.selection import Candidates, Loose

__all__ = ["CutMasks"]


class CutMasks(Mapping[str, "NDArray[np.bool_]"]):
    """Masks of the N open events with exactly two good tracks: which of them pass each cut, in the order of the cutflow.

    Closed events are not read, so they have no row.

    Parameters
    ----------
    loose : Loose
        Candidates of a selection with all its cuts left out.

    Attributes
    ----------
    pairs : Candidates
        The N pairs, whatever they pass: run, burst and event numbers, and the quantities of a candidate.
    """

    def __init__(self, loose: Loose) -> None:
        self.pairs: Candidates = loose.candidates
        self._masks = dict(loose.passes)

    def __getitem__(self, cut: str) -> NDArray[np.bool_]:
        """Return which of the pairs pass a cut, shape (N,)."""
        if cut not in self._masks:
            raise ConfigError(f"no cut '{cut}' that is switched on: {did_you_mean(cut, self._masks)}")
        return self._masks[cut]

    def __contains__(self, cut: object) -> bool:
        return cut in self._masks

    def __iter__(self) -> Iterator[str]:
        return iter(self._masks)

    def __len__(self) -> int:
        return len(self._masks)

    def __repr__(self) -> str:
        return f"CutMasks({len(self.pairs)} pairs, {len(self)} cuts)"

    def all_but(self, *cuts: str) -> NDArray[np.bool_]:
        """Return which of the pairs pass every cut but those named, shape (N,); without names, which are candidates.

        Parameters
        ----------
        *cuts : str
        """
        for cut in cuts:
            self[cut]
        masks = [mask for name, mask in self.items() if name not in cuts]
        return np.logical_and.reduce([np.ones(len(self.pairs), dtype=np.bool_), *masks])

    def to_awkward(self) -> ak.Array:
        """Return run, burst and event of each pair, and a field with True or False for each cut."""
        numbers = {name: getattr(self.pairs, name) for name in ("run", "burst", "event")}
        return ak.zip({**numbers, **self._masks}, depth_limit=1)

"""What was selected of a batch, as arrays of numbers and back, for checkpoints."""

from __future__ import annotations

import json
from dataclasses import asdict, fields
from typing import TYPE_CHECKING, Any

import numpy as np

from bdana.selection import Candidates, Cutflow, Filled, Loose, Selected
from bdana.selection.cutflow import CutflowRow

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

__all__ = ["packed", "packed_cutflow", "unpacked", "unpacked_cutflow"]


def packed(result: tuple[Selected, NDArray[np.uint64]]) -> dict[str, NDArray[Any]]:
    """Return what was selected, and the hashes of all events, as arrays of numbers.

    Parameters
    ----------
    result : (Selected, ndarray)
    """
    selected, hashes = result
    loose = selected.loose
    arrays = {"hashes": hashes, "like_sign": loose.like_sign}
    arrays |= {name: packed_cutflow(getattr(selected, name)) for name in ("cutflow", "reading")}
    for what, candidates in (("candidates", selected.candidates), ("loose", loose.candidates)):
        arrays |= {f"{what}.{f.name}": getattr(candidates, f.name) for f in fields(Candidates)}
    arrays |= {f"filled.{name}": np.stack([one.sum_w, one.sum_w2]) for name, one in selected.filled.items()}
    return arrays | {f"passes.{name}": mask for name, mask in loose.passes.items()}


def unpacked(kept: Mapping[str, NDArray[Any]]) -> tuple[Selected, NDArray[np.uint64]]:
    """Return what was packed.

    Parameters
    ----------
    kept : mapping of str to ndarray
    """

    def of(what: str) -> dict[str, NDArray[Any]]:
        return {
            name.partition(".")[2]: column for name, column in kept.items() if name.startswith(f"{what}.")
        }

    cutflow, reading = (unpacked_cutflow(kept[name]) for name in ("cutflow", "reading"))
    loose = Loose(Candidates(**of("loose")), of("passes"), kept["like_sign"])
    filled = {name: Filled(*sums) for name, sums in of("filled").items()}
    return Selected(cutflow, Candidates(**of("candidates")), loose, reading, filled), kept["hashes"]


def packed_cutflow(cutflow: Cutflow) -> NDArray[Any]:
    """Return a cutflow as an array of text.

    Parameters
    ----------
    cutflow : Cutflow
    """
    return np.array(json.dumps([asdict(row) for row in cutflow.rows]))


def unpacked_cutflow(kept: NDArray[Any]) -> Cutflow:
    """Return a cutflow that was packed.

    Parameters
    ----------
    kept : ndarray
    """
    return Cutflow(tuple(CutflowRow(**row) for row in json.loads(str(kept))))

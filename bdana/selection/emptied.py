"""Why a selection left nothing: which cut took the last event, and what may be wrong when all fail one."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from bdana.events.model import EVENT_COLUMNS

if TYPE_CHECKING:
    from bdana.selection.cutflow import Cutflow
    from bdana.selection.cuts import Cut
    from bdana.selection.two_track import Selection

__all__ = ["why_empty"]

MANY = 10
"""Events that all fail one cut by accident are fewer [assumed]."""


def why_empty(cutflow: Cutflow, selection: Selection) -> str:
    """Say which cut took the last event, and hint at units where all events fail it; empty where some are left.

    Parameters
    ----------
    cutflow : Cutflow
    selection : Selection
        Whose cutflow it is.

    Examples
    --------
    >>> import bdana
    >>> import numpy as np
    >>> from bdana.selection import Cutflow, why_empty
    >>> selection, _ = bdana.load().selection("vertex_only")
    >>> cutflow = Cutflow(()).then("all", np.ones(9)).then("two_tracks", np.ones(3))
    >>> print(why_empty(cutflow.then("opposite_charge", np.ones(0)), selection))
    no candidate: cut opposite_charge took the last 3 of 9 events. All that came to it fail it: is a unit in the schema wrong, \
or a number of the selection? It works with lengths in mm, times in ns, momenta and energies in MeV
    """
    rows = cutflow.rows
    if rows[-1].events or not rows[0].events:
        return ""
    before, killer = next((a, b) for a, b in pairwise(rows) if not b.events)
    cuts = {cut.name: cut for cut in selection.cuts} | {rows[1].cut: selection.good}
    said = f"no candidate: cut {killer.cut} took the last {before.events} of {rows[0].events} events"
    first = before in rows[:2]
    if not (first or before.events >= MANY):
        return said
    reads = _columns(cuts[killer.cut]) if killer.cut in cuts else ""
    return (
        f"{said}. All that came to it fail it: is a unit in the schema wrong, or a number of the selection? It works with "
        f"lengths in mm, times in ns, momenta and energies in MeV{reads}"
    )


def _columns(cut: Cut) -> str:
    units = [
        f"{name} [{EVENT_COLUMNS[name].unit}]"
        for name in cut.needs
        if name in EVENT_COLUMNS and EVENT_COLUMNS[name].unit
    ]
    return f", and reads {', '.join(units)}" if units else ""

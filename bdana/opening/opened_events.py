"""The selection of opened events by the frozen analysis, and the verdict: a test of their number."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import awkward as ak
import numpy as np

from bdana.blinding.verdict import verdict_of
from bdana.engine import run_selection
from bdana.errors import BlindingError, UserCodeError
from bdana.events import EventArrays
from bdana.events.plain_events import plain_events
from bdana.sealing.reprocessing import EventId, event_ids
from bdana.selection.histograms import plain_contents

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bdana.analysis import AnalysisFolder
    from bdana.engine import SelectionRun
    from bdana.selection import Candidates

__all__ = ["outputs_of"]

DISPLAYED = 20
"""Candidates of an opening whose events are written down."""


def outputs_of(
    analysis: AnalysisFolder, frozen: Mapping[str, Any], stage: str, chunks: Sequence[ak.Array]
) -> dict[str, Any]:
    """Select the events of an opened stage and return the declared outputs, with the verdict.

    Parameters
    ----------
    analysis : AnalysisFolder
        The frozen one.
    frozen : mapping
        The freeze.
    stage : str
    chunks : sequence of ak.Array
        Its events.

    Raises
    ------
    BlindingError
        When something fails, by its kind alone: a message could carry a closed value.
    """
    names = list(analysis.regions.names)
    shown = names[names.index(stage) :]
    # The mark of production is no column of an event: no selection sees it.
    seen = {e for c in chunks if "seen_before" in ak.fields(c) for e in event_ids(c[c.seen_before])}
    events = [chunk[[name for name in ak.fields(chunk) if name != "seen_before"]] for chunk in chunks]
    ids = [event for chunk in chunks for event in event_ids(chunk)]
    if len(set(ids)) < len(ids):
        raise BlindingError(
            f"refused: an event of {stage} is in the sealed data twice and would count double; seal the raw data again, each "
            "event once"
        )
    try:
        run = _select(analysis, events) if events else None
        found = run.candidates if run else None
    except Exception as err:  # noqa: BLE001 - whatever it is, its message may hold a closed value
        kind = err.__cause__ if isinstance(err, UserCodeError) and err.__cause__ else err
        raise BlindingError(
            f"refused: the frozen selection fails on the events: {type(kind).__name__}"
        ) from None
    counts = {name: int(np.count_nonzero(found.region == name)) if found else 0 for name in shown}
    if found is not None and not np.isin(found.region, shown).all():
        raise BlindingError(f"refused: a candidate of {stage} lies in a region that is not open")
    outputs = {
        "observed": counts,
        "seen_before": _seen_before(found, seen),
        "candidates": found.rows() if found is not None else [],
        "events": _displayed(found, events),
        "filled": _filled(run, shown),
        "verdict": verdict_of(frozen, stage, counts[stage]),
    }
    return {name: outputs[name] for name in frozen["outputs"]}


def _select(analysis: AnalysisFolder, chunks: Sequence[ak.Array]) -> SelectionRun:
    search = analysis.config.search
    (dataset,) = analysis.sample(str(search.data))
    events = EventArrays(ak.concatenate(list(chunks)), name="opened events")
    opened = replace(dataset, sources=(events,), gate=None)
    return run_selection(analysis.selection_task(opened, search.selection))  # guard: own-channel


def _filled(run: SelectionRun | None, regions: Sequence[str]) -> dict[str, dict[str, list[list[float]]]]:
    """Return what was histogrammed while events were selected, of regions that are open now."""
    shown = run.tasks[0].distributions if run else None
    if run is None or shown is None:
        return {}
    return {name: plain_contents(run.hists[name], regions) for name in shown.axes}


def _displayed(found: Candidates | None, chunks: Sequence[ak.Array]) -> list[dict[str, Any]]:
    """Return the events of the first candidates as plain values, for their displays."""
    if found is None:
        return []
    ids = list(zip(found.run.tolist(), found.burst.tolist(), found.event.tolist(), strict=True))[:DISPLAYED]
    places = [(chunk, {event: at for at, event in enumerate(event_ids(chunk))}) for chunk in chunks]
    return [
        plain_events(chunk[at[event] : at[event] + 1])[0]
        for event in ids
        for chunk, at in places
        if event in at
    ]


def _seen_before(found: Candidates | None, seen: set[EventId]) -> dict[str, int]:
    """Count by region the candidates of events that were open before a reprocessing."""
    if found is None:
        return {}
    ids = zip(found.run.tolist(), found.burst.tolist(), found.event.tolist(), strict=True)
    return dict(
        Counter(region for event, region in zip(ids, found.region.tolist(), strict=True) if event in seen)
    )

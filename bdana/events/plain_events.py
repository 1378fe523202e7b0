"""Single events as plain values for JSON, and back: what an opening writes down of the events of its candidates."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import awkward as ak
import numpy as np

from bdana.events.model import EVENT_COLUMNS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["events_of_plain", "plain_events"]


def plain_events(events: ak.Array) -> list[dict[str, Any]]:
    """Return events as dictionaries of their canonical columns: a number, or a list of one for each track or hit.

    Parameters
    ----------
    events : ak.Array
        Records of the event model; None stands for what is not finite.

    Examples
    --------
    >>> import awkward as ak
    >>> from bdana.events.plain_events import plain_events
    >>> plain_events(ak.Array([{"run": 9000, "tracks": [{"p": 45_000.0}, {"p": float("nan")}]}]))
    [{'run': 9000, 'tracks.p': [45000.0, None]}]
    """
    columns = {}
    for name in EVENT_COLUMNS:
        first, _, field = name.partition(".")
        if first in ak.fields(events) and (not field or field in ak.fields(events[first])):
            values = events[first, field] if field else events[first]
            columns[name] = ak.to_list(values)
    return [{name: _finite(values[i]) for name, values in columns.items()} for i in range(len(events))]


def events_of_plain(plain: Sequence[Mapping[str, Any]]) -> ak.Array:
    """Return the events that `plain_events` gave, as records of the event model.

    Parameters
    ----------
    plain : sequence of mapping
        One or more, all of the same columns.
    """
    columns: dict[str, Any] = {}
    for name in plain[0]:
        collection, _, field = name.partition(".")
        if not isinstance(plain[0][name], list):
            made = ak.Array(np.array([_number(one[name]) for one in plain]))
        else:
            flat = np.array([_number(value) for one in plain for value in one[name]])
            made = ak.unflatten(flat, np.array([len(one[name]) for one in plain], dtype=np.int64))
        if field:
            columns.setdefault(collection, {})[field] = made
        else:
            columns[name] = made
    return ak.zip(
        {name: ak.zip(value) if isinstance(value, dict) else value for name, value in columns.items()},
        depth_limit=1,
    )


def _finite(value: Any) -> Any:
    if isinstance(value, list):
        return [_finite(one) for one in value]
    return None if isinstance(value, float) and not np.isfinite(value) else value


def _number(value: float | None) -> float:
    return np.nan if value is None else value

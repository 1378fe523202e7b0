"""The event model, schemas (ROOT branches to the event model), reading, writing, bursts and exposure."""

from typing import TYPE_CHECKING

from bdana.on_demand import on_demand

if TYPE_CHECKING:
    from bdana.events.arrays import EventArrays
    from bdana.events.dataset import Dataset
    from bdana.events.event_identity import SeenEvents
    from bdana.events.exposure import BurstTable, Exposure
    from bdana.events.file_names import Files
    from bdana.events.files import EventFile, guess_schema, open_events
    from bdana.events.gate import GATE_COLUMNS, Gate
    from bdana.events.good_runs import GoodRuns
    from bdana.events.model import BURST_COLUMNS, COLLECTIONS, EVENT_COLUMNS
    from bdana.events.repeats import event_hashes, refuse_repeats
    from bdana.events.schema import Schema, load_schema, shipped_schemas
    from bdana.events.writing import write_events

__all__ = [
    "BURST_COLUMNS",
    "COLLECTIONS",
    "EVENT_COLUMNS",
    "GATE_COLUMNS",
    "BurstTable",
    "Dataset",
    "EventArrays",
    "EventFile",
    "Exposure",
    "Files",
    "Gate",
    "GoodRuns",
    "Schema",
    "SeenEvents",
    "event_hashes",
    "guess_schema",
    "load_schema",
    "open_events",
    "refuse_repeats",
    "shipped_schemas",
    "write_events",
]

__getattr__ = on_demand(
    __name__,
    {
        "arrays": ("EventArrays",),
        "dataset": ("Dataset",),
        "event_identity": ("SeenEvents",),
        "exposure": (
            "BurstTable",
            "Exposure",
        ),
        "file_names": ("Files",),
        "files": (
            "EventFile",
            "guess_schema",
            "open_events",
        ),
        "gate": (
            "GATE_COLUMNS",
            "Gate",
        ),
        "good_runs": ("GoodRuns",),
        "model": (
            "BURST_COLUMNS",
            "COLLECTIONS",
            "EVENT_COLUMNS",
        ),
        "repeats": (
            "event_hashes",
            "refuse_repeats",
        ),
        "schema": (
            "Schema",
            "load_schema",
            "shipped_schemas",
        ),
        "writing": ("write_events",),
    },
)

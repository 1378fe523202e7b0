"""Selections: named cuts on tracks, pairs and events, the cutflow and the candidates."""

from bdana.selection.candidates import CSV_COLUMNS, Candidates
from bdana.selection.cutflow import Cutflow, CutflowRow
from bdana.selection.cuts import Cut, Parameters, event_cut, pair_cut, track_cut
from bdana.selection.selection import TRACK_AFTER, Selected, Selection, Setup

__all__ = [
    "CSV_COLUMNS",
    "TRACK_AFTER",
    "Candidates",
    "Cut",
    "Cutflow",
    "CutflowRow",
    "Parameters",
    "Selected",
    "Selection",
    "Setup",
    "event_cut",
    "pair_cut",
    "track_cut",
]

"""Selections: named cuts on tracks, clusters, pairs and events, the cutflow and the candidates."""

from bdana.selection.candidates import CSV_COLUMNS, Candidates
from bdana.selection.cutflow import Cutflow, CutflowRow
from bdana.selection.cuts import LEPTON_MASS, Cut, Parameters, cluster_cut, event_cut, pair_cut, track_cut
from bdana.selection.emptied import why_empty
from bdana.selection.histograms import (
    Histogram,
    Variable,
    fill_histograms,
    plane_histogram,
    sum_regions,
)
from bdana.selection.quantities import (
    Distributions,
    Filled,
    Quantity,
    WithoutCut,
    border,
    pair_quantity,
    track_quantity,
)
from bdana.selection.single_track import SelectedSingles, SingleTrackSelection
from bdana.selection.two_track import TRACK_AFTER, Loose, Selected, Selection, Setup

__all__ = [
    "CSV_COLUMNS",
    "LEPTON_MASS",
    "TRACK_AFTER",
    "Candidates",
    "Cut",
    "Cutflow",
    "CutflowRow",
    "Distributions",
    "Filled",
    "Histogram",
    "Loose",
    "Parameters",
    "Quantity",
    "Selected",
    "SelectedSingles",
    "Selection",
    "Setup",
    "SingleTrackSelection",
    "Variable",
    "WithoutCut",
    "border",
    "cluster_cut",
    "event_cut",
    "fill_histograms",
    "pair_cut",
    "pair_quantity",
    "plane_histogram",
    "sum_regions",
    "track_cut",
    "track_quantity",
    "why_empty",
]

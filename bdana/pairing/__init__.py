"""Combinatorial background: the search of pairs of lines (`geometry`), and the estimate that is made of them (`estimate`)."""

from bdana.pairing.estimate import (
    Combinatorial,
    DutyFactor,
    PairEstimate,
    PairingParameters,
    PairOptions,
    PairSelection,
    PairSink,
    PairSums,
    SingleBursts,
    SingleSample,
    SinglesTask,
    pair_file,
    require_orthogonal,
    select_singles,
)
from bdana.pairing.geometry import PairBounds, PairCounts, PairFinder, close_pairs, count_pairs

__all__ = [
    "Combinatorial",
    "DutyFactor",
    "PairBounds",
    "PairCounts",
    "PairEstimate",
    "PairFinder",
    "PairOptions",
    "PairSelection",
    "PairSink",
    "PairSums",
    "PairingParameters",
    "SingleBursts",
    "SingleSample",
    "SinglesTask",
    "close_pairs",
    "count_pairs",
    "pair_file",
    "require_orthogonal",
    "select_singles",
]

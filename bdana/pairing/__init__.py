"""Combinatorial background: single tracks paired within a burst, weights, corrections, U-statistic errors."""

from bdana.pairing.bursts import SingleBursts
from bdana.pairing.combinatorial import Combinatorial, Search
from bdana.pairing.counting import PairCounts, count_pairs
from bdana.pairing.estimate import PairEstimate
from bdana.pairing.pair_file import pair_file
from bdana.pairing.parameters import PairingParameters
from bdana.pairing.search import PairSearch, close_pairs
from bdana.pairing.singles import SinglesTask, require_orthogonal, select_singles
from bdana.pairing.slices import DutyFactor
from bdana.pairing.sums import PairSums

__all__ = [
    "Combinatorial",
    "DutyFactor",
    "PairCounts",
    "PairEstimate",
    "PairSearch",
    "PairSums",
    "PairingParameters",
    "Search",
    "SingleBursts",
    "SinglesTask",
    "close_pairs",
    "count_pairs",
    "pair_file",
    "require_orthogonal",
    "select_singles",
]

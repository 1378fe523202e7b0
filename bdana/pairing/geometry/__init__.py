"""The search of pairs of lines: sorted into leaves, rejected by boxes, reconstructed; knows no cut and no weight."""

from bdana.pairing.geometry.building import Block, built_pairs
from bdana.pairing.geometry.counting import PairCounts, count_pairs
from bdana.pairing.geometry.pair_finder import PairBounds, PairFinder, close_pairs

__all__ = ["Block", "PairBounds", "PairCounts", "PairFinder", "built_pairs", "close_pairs", "count_pairs"]

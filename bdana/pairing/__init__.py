"""Combinatorial background: finding pairs of tracks (`geometry`), and the estimate made of them (`estimate`)."""

from typing import TYPE_CHECKING

from bdana.on_demand import on_demand

if TYPE_CHECKING:
    from bdana.pairing.estimate.combinatorial import Combinatorial
    from bdana.pairing.estimate.in_spill import DutyFactor
    from bdana.pairing.estimate.inputs import Input
    from bdana.pairing.estimate.pair_cuts import PairOptions, PairSelection, PairSink
    from bdana.pairing.estimate.pair_estimate import PairEstimate
    from bdana.pairing.estimate.pair_file import pair_file
    from bdana.pairing.estimate.pairing_parameters import PairingParameters
    from bdana.pairing.estimate.single_bursts import SingleBursts
    from bdana.pairing.estimate.singles import SingleSample, SinglesTask, require_orthogonal, select_singles
    from bdana.pairing.estimate.u_statistic import PairSums
    from bdana.pairing.geometry.counting import PairCounts, count_pairs
    from bdana.pairing.geometry.pair_finder import PairBounds, PairFinder, close_pairs

__all__ = [
    "Combinatorial",
    "DutyFactor",
    "Input",
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

__getattr__ = on_demand(
    __name__,
    {
        "estimate.combinatorial": ("Combinatorial",),
        "estimate.in_spill": ("DutyFactor",),
        "estimate.inputs": ("Input",),
        "estimate.pair_cuts": (
            "PairOptions",
            "PairSelection",
            "PairSink",
        ),
        "estimate.pair_estimate": ("PairEstimate",),
        "estimate.pair_file": ("pair_file",),
        "estimate.pairing_parameters": ("PairingParameters",),
        "estimate.single_bursts": ("SingleBursts",),
        "estimate.singles": (
            "SingleSample",
            "SinglesTask",
            "require_orthogonal",
            "select_singles",
        ),
        "estimate.u_statistic": ("PairSums",),
        "geometry.counting": (
            "PairCounts",
            "count_pairs",
        ),
        "geometry.pair_finder": (
            "PairBounds",
            "PairFinder",
            "close_pairs",
        ),
    },
)

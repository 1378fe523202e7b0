"""The combinatorial estimate: single tracks in groups, weights, cuts on built pairs, errors of the U-statistic."""

from bdana.pairing.estimate.combinatorial import Combinatorial
from bdana.pairing.estimate.groups import DutyFactor
from bdana.pairing.estimate.pair_cuts import PairOptions, PairSelection, PairSink
from bdana.pairing.estimate.pair_estimate import PairEstimate
from bdana.pairing.estimate.pair_file import pair_file
from bdana.pairing.estimate.pairing_parameters import PairingParameters
from bdana.pairing.estimate.single_bursts import SingleBursts
from bdana.pairing.estimate.singles import SingleSample, SinglesTask, require_orthogonal, select_singles
from bdana.pairing.estimate.u_statistic import PairSums

__all__ = [
    "Combinatorial",
    "DutyFactor",
    "PairEstimate",
    "PairOptions",
    "PairSelection",
    "PairSink",
    "PairSums",
    "PairingParameters",
    "SingleBursts",
    "SingleSample",
    "SinglesTask",
    "pair_file",
    "require_orthogonal",
    "select_singles",
]

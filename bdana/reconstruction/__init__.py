"""Lines, vertices, back-extrapolation to the dump and invariant mass: pure functions of arrays (mm, ns, MeV)."""

from bdana.reconstruction.clusters import ClusterPairs, Clusters, two_photon_mass
from bdana.reconstruction.lines import PARALLEL_SINE, ClosestApproach, Line, closest_approach
from bdana.reconstruction.matching import any_near, nearest, none_near
from bdana.reconstruction.pairs import Pairs, Tracks

__all__ = [
    "PARALLEL_SINE",
    "ClosestApproach",
    "ClusterPairs",
    "Clusters",
    "Line",
    "Pairs",
    "Tracks",
    "any_near",
    "closest_approach",
    "nearest",
    "none_near",
    "two_photon_mass",
]

"""Combinatorial background of selections/diphoton.py: pairs of its single clusters, weighted as those of muons are.

A cluster has no charge: each two of a burst are a pair, once. Its numbers are those of backgrounds/combinatorial.py;
[background.combinatorial_gg] can replace them.
"""

from dataclasses import replace

from . import combinatorial

background = replace(
    combinatorial.background,
    single_track="single_cluster",
    selection="diphoton",
    replaced=("cluster_time_difference",),  # by the weight; trigger_time ties each cluster to its trigger
    charge="",
    timing=("cluster_time_difference", "trigger_time"),
)

"""Parts of regions add up to their regions, with the covariance of pairs that share a track."""

from dataclasses import astuple

import numpy as np

from bdana.pairing.estimate.region_parts import RegionParts, RegionSums
from bdana.pairing.estimate.u_statistic import PairSums

REGION = np.array([0, 0, 1, 1, 0, 1])
PART = np.array([0, 1, 1, 1, 0, 0])
FIRST, SECOND = np.array([0, 0, 1, 1, 2, 2]), np.array([3, 4, 3, 4, 4, 3])
WEIGHT = np.array([1.0, 2.0, 4.0, 8.0, 16.0, 32.0])


def filled(bins, number, chosen):
    """Sum up some of the pairs in bins, each pair as seen from both of its tracks."""
    sums = PairSums(number)
    for one, counted in ((FIRST, True), (SECOND, False)):
        order = [k for k in np.argsort(one, kind="stable") if chosen[k]]
        sums.fill(one[order], bins[order], WEIGHT[order], np.full(len(order), counted))
    return sums


def test_a_part_of_each_region_is_what_its_pairs_alone_would_give():
    every = np.ones(len(REGION), dtype=bool)
    whole = RegionSums.of(filled(REGION, 2, every), 2)
    parts = RegionParts(whole, RegionSums.of(filled(2 * REGION + PART, 4, every), 4))
    for which in ([[1, 0], [1, 1]], [[0, 1], [0, 1]], [[0, 0], [1, 0]], [[1, 1], [1, 1]]):
        mask = np.array(which, dtype=bool)
        alone = RegionSums.of(filled(REGION, 2, mask[REGION, PART]), 2)
        for found, expected in zip(astuple(parts.counted(mask)), astuple(alone), strict=True):
            np.testing.assert_allclose(found, expected)
    assert parts.counted(np.ones((2, 2), dtype=bool)).covariance.tolist() == whole.covariance.tolist()

"""Parts of regions add up to their regions, with the covariance of pairs that share a track."""

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
        alone, counted = RegionSums.of(filled(REGION, 2, mask[REGION, PART]), 2), parts.counted(mask)
        for name in ("total", "covariance", "pairs", "sum_w2"):
            np.testing.assert_allclose(getattr(counted, name), getattr(alone, name))
        # Of a region of which one part is counted, and of one with all of its pairs.
        np.testing.assert_allclose(counted.widening, alone.widening)
        assert counted.widened.tolist() == (counted.covariance + np.diag(counted.widening)).tolist()
    assert parts.counted(np.ones((2, 2), dtype=bool)).widened.tolist() == whole.widened.tolist()


def test_variances_of_some_parts_of_a_region_are_raised_by_the_sum_of_theirs():
    three = np.arange(len(REGION)) % 3
    parts = RegionSums.of(filled(three, 3, np.ones(len(REGION), dtype=bool)), 3)
    whole = RegionSums.of(filled(np.zeros_like(three), 1, np.ones(len(REGION), dtype=bool)), 1)
    counted = RegionParts(whole, parts).counted(np.array([[True, False, True]]))
    np.testing.assert_allclose(counted.widening, parts.widening[[0, 2]].sum())

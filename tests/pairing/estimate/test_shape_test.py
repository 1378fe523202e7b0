"""Common shape of bursts of different weights: fluctuations of the tracks pass, another shape does not."""

import numpy as np
import pytest

from bdana.pairing.estimate.pooled_weights import PooledWeights, weight_classes
from bdana.pairing.estimate.shape_test import ClassSums


def compared(rng, tilt):
    """Six bursts of weight 1 and six of weight 100 with half of the tracks, whose values are tilted."""
    weight, mean = np.repeat([1.0, 100.0], 6), np.repeat([200, 100], 6)
    places = np.repeat(np.arange(12), rng.poisson(mean))
    charge = rng.choice([1, -1], len(places), p=[0.6, 0.4])
    value = rng.random(len(places)) ** np.where(weight[places] > 1.0, 1.0 + tilt, 1.0)
    pooled = PooledWeights.of(places, np.ones(len(places)), weight)
    sums = ClassSums(pooled, places, 3)
    i, j = np.nonzero((places[:, None] == places) & (charge[:, None] > charge))
    chosen = (value[i] + value[j]) * 3.0 % 1.0 < 0.1
    i, j = i[chosen], j[chosen]
    region = np.minimum((value[i] + value[j]) * 1.5, 2.0).astype(np.int64)
    track = np.concatenate([i, j])
    order = np.argsort(track, kind="stable")
    track, region, first = track[order], np.tile(region, 2)[order], np.repeat([True, False], len(i))[order]
    sums.fill(track, places[track], region, np.ones(len(track)), first)
    return sums.test()


def test_p_values_of_one_shape_are_uniform_and_another_shape_is_seen():
    rng = np.random.default_rng(1)
    p = np.array([compared(rng, 0.0).p_value for _ in range(60)])
    assert p.mean() == pytest.approx(0.5, abs=0.15)
    assert np.mean(p < 0.1) < 0.25
    different = compared(rng, 0.5)
    assert different.p_value < 1e-3
    assert (different.classes, different.degrees) == (2, 3)
    assert "2 classes of weights" in str(different)


def test_classes_are_a_factor_of_two_wide():
    assert weight_classes(np.array([3.0, 0.0, 4.0, 6.1, 3000.0])).tolist() == [0, -1, 0, 1, 2]


def test_one_class_is_compared_with_nothing():
    places = np.array([0, 0, 0, 1, 1])
    pooled = PooledWeights.of(places, np.ones(5), np.array([1.0, 1.2]))
    assert ClassSums(pooled, places, 2).test() is None

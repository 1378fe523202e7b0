"""Pooled weights: normalisation of each burst by its own tracks, one shape, and their covariance."""

from itertools import product

import numpy as np
import pytest

from bdana.pairing import PairSums
from bdana.pairing.estimate.pooled_weights import PooledWeights, expected_triples
from bdana.pairing.estimate.time_weights import EVERY_PAIR, TimedTracks, TimeWeight

BINS = 3


def tracks(rng, numbers):
    """Group, charge, event weight and a place in [0, 1) of tracks; one in 20 has no charge."""
    places = np.repeat(np.arange(len(numbers)), numbers)
    n = len(places)
    return places, rng.choice([-1, 0, 1], n, p=[0.3, 0.05, 0.65]), rng.uniform(0.5, 2.0, n), rng.random(n)


def selected(value, i, j):
    """Bin of pairs, and whether they are selected."""
    sums = value[i] + value[j]
    return np.minimum((sums * BINS / 2).astype(np.int64), BINS - 1), (sums * 7.0) % 1.0 < 0.4


def paired(places, charge, like_sign):
    i, j = np.triu_indices(len(places), k=1)
    own = (places[i] == places[j]) & (charge[i] * charge[j] == (1 if like_sign else -1))
    return i[own], j[own]


def of_burst(places):
    i, j = np.triu_indices(len(places), k=1)
    own = places[i] == places[j]
    return i[own], j[own]


def summed(places, charge, single, value, weight, *, like_sign=False):
    """Return the pooled weights and the sums of all pairs."""
    pooled = PooledWeights.of(places, single, weight)
    sums = PairSums(BINS, pooled)
    i, j = paired(places, charge, like_sign)
    bins, passed = selected(value, i, j)
    i, j, bins = i[passed], j[passed], bins[passed]
    track, first = np.concatenate([i, j]), np.repeat([True, False], len(i))
    both = single[i] * single[j]
    order = np.argsort(track, kind="stable")
    double = np.tile(np.arange(len(i)), 2)[order]
    track, first = track[order], first[order]
    shared = pooled.shared(track, places[track], both[double])
    sums.fill(track, bins[double], pooled.weight * both[double], first, shared)
    return pooled, sums


@pytest.mark.parametrize("like_sign", [False, True])
def test_covariance_is_that_of_pairs_that_weigh_both_for_themselves_and_for_their_burst(like_sign):
    rng = np.random.default_rng(1)
    places, charge, single, value = tracks(rng, [30, 8, 25])
    weight = np.array([1.0, 40.0, 3.0])
    pooled, sums = summed(places, charge, single, value, weight, like_sign=like_sign)
    i, j = of_burst(places)
    both = single[i] * single[j]
    assert pooled.total == pytest.approx((weight[places[i]] * both).sum())
    assert pooled.weight == pytest.approx(pooled.total / both.sum())
    bins, passed = selected(value, i, j)
    passed &= charge[i] * charge[j] == (1 if like_sign else -1)
    share = np.array([both[passed & (bins == b)].sum() for b in range(BINS)]) / both.sum()
    assert sums.total == pytest.approx(share * pooled.total)
    kernel = both * (
        pooled.weight * (passed & (bins == np.arange(BINS)[:, None]))
        + (weight[places[i]] - pooled.weight) * share[:, None]
    )
    by_track = np.zeros((BINS, len(places)))
    for a in range(BINS):
        by_track[a] = np.bincount(i, kernel[a], minlength=len(places)) + np.bincount(
            j, kernel[a], minlength=len(places)
        )
    expected = by_track @ by_track.T - kernel @ kernel.T
    # The variance of the sum over all pairs is the expected one instead.
    rest = both * (weight[places[i]] - pooled.weight)
    seen = rest @ rest
    reach = np.bincount(i, rest, len(places)) + np.bincount(j, rest, len(places))
    expected += (pooled.variance[0, 0] - (reach @ reach - seen)) * np.outer(share, share)
    assert sums.covariance() == pytest.approx(expected)


def test_equal_weights_are_those_of_the_pairs():
    rng = np.random.default_rng(2)
    places, charge, single, value = tracks(rng, [30, 20])
    pooled, sums = summed(places, charge, single, value, np.full(2, 3.0))
    assert pooled.weight == pytest.approx(3.0)
    plain = PairSums(BINS)
    assert pooled.variance == pytest.approx(0.0, abs=1e-12)
    assert pooled.stands_for.sum() == pytest.approx(pooled.total)
    plain._squares, plain.sum_w2 = sums._squares, sums.sum_w2
    assert sums.covariance() == pytest.approx(plain.covariance())


@pytest.mark.parametrize("like_sign", [False, True])
def test_covariance_of_pairs_weighted_by_their_time_difference(like_sign):
    """The bins have three different weights; of their normalisation the pairs' own part alone is left out."""
    rng = np.random.default_rng(5)
    places, charge, single, value = tracks(rng, [40, 12, 30])
    weight, since = np.array([1.0, 40.0, 3.0]), rng.uniform(0.0, 1e9, len(places))
    waves = TimeWeight((1.0, 0.2, 3.0), (0.0, 0.0, 5e-9), (np.inf, 4e8, 4e8))
    trend = TimeWeight(trends=(0.9, 0.4), length=1e9)
    kinds = (EVERY_PAIR, [TimeWeight((2.5,), (0.0,), (3e8,)), trend][like_sign], waves)
    times = TimedTracks(since, kinds, np.arange(BINS))
    pooled = PooledWeights.of(places, single, weight, times=times)
    i, j = of_burst(places)
    both, k = single[i] * single[j], np.array([kind(since[i], since[j]) for kind in kinds])
    normal = (weight[places[i]] * both).sum() / (k * both).sum(axis=1)
    assert pooled.weight == pytest.approx(normal)
    bins, passed = selected(value, i, j)
    passed &= charge[i] * charge[j] == (1 if like_sign else -1)
    chosen = normal[:, None] * k * both * (passed & (bins == np.arange(BINS)[:, None]))
    share = chosen.sum(axis=1) / pooled.total
    rest = both * (weight[places[i]] - normal[:, None] * k) * share[:, None]

    def by_track(values):
        return np.array(
            [np.bincount(i, row, len(places)) + np.bincount(j, row, len(places)) for row in values]
        )

    expected = by_track(chosen + rest) @ by_track(chosen + rest).T - (chosen + rest) @ (chosen + rest).T
    left_out = rest @ rest.T
    left_out[0, 0] = 0.0
    # The variance of the sum over all pairs is the expected one instead.
    alone = both * (weight[places[i]] - normal[0])
    reach = by_track(alone[None])[0]
    expected += (pooled.variance[0, 0] - (reach @ reach - alone @ alone)) * np.outer(share, share)
    at = np.flatnonzero(passed & (k[bins, np.arange(len(i))] != 0.0))
    track = np.concatenate([i[at], j[at]])
    order = np.argsort(track, kind="stable")
    pair, track, first = np.tile(at, 2)[order], track[order], np.repeat([True, False], len(at))[order]
    sums = PairSums(BINS, pooled, np.arange(BINS))
    by_time = pooled.by_time(i[pair], j[pair])
    assert by_time == pytest.approx(k[:, pair].T)
    shared = pooled.shared(track, places[track], both[pair], by_time)
    sums.fill(track, bins[pair], chosen[bins[pair], pair], first, shared)
    assert sums.total == pytest.approx(chosen.sum(axis=1))
    assert sums.covariance() == pytest.approx(expected + left_out)


@pytest.mark.parametrize("like_sign", [False, True])
def test_weights_over_three_decades_are_without_bias_and_cover(like_sign):
    """15 groups of few tracks and weight 10^3 beside 5 of many: a rare bin has its pairs in the latter."""
    rng = np.random.default_rng(3)
    mean = np.repeat([120.0, 12.0], [5, 15])
    weight = np.repeat([1.0, 900.0], [5, 15])
    plus, minus = 0.65 * mean, 0.3 * mean
    pairs = 0.5 * (plus**2 + minus**2) if like_sign else plus * minus
    i, j = np.array(list(product(np.linspace(0.0, 1.0, 400, endpoint=False), repeat=2))).T
    bins, passed = selected(np.concatenate([i, j]), np.arange(len(i)), len(i) + np.arange(len(j)))
    share = np.array([np.mean(passed & (bins == b)) for b in range(BINS)])
    ratios, pulls = [], []
    for _ in range(300):
        places, charge, _, value = tracks(rng, rng.poisson(mean))
        _, sums = summed(places, charge, np.ones(len(places)), value, weight, like_sign=like_sign)
        true = share * (weight @ pairs)
        ratios.append(sums.total / true)
        pulls.append((sums.total - true) / np.sqrt(sums.variance()))
    assert np.mean(ratios, axis=0) == pytest.approx(1.0, abs=4 * np.std(ratios) / np.sqrt(300))
    assert np.std(pulls, axis=0) == pytest.approx(1.0, abs=0.15)


def test_expected_triples_have_the_mean_of_those_of_the_experiments():
    """Of groups that all have few tracks, and of groups that have many: those are their own."""
    rng = np.random.default_rng(6)
    weight = np.repeat([1.0, 1e2, 1e4], 8)
    mean = 200.0 / np.sqrt(weight) * rng.gamma(3.0, 1.0 / 3.0, (400, 24))
    n = rng.poisson(mean)
    found = np.array([expected_triples(weight, row) for row in n])
    true = mean**3 + 0.5 * mean**2
    seen = n * (n - 1.0) * (n - 2.0) + 0.5 * n * (n - 1.0)
    for low in (0, 8, 16):
        own = slice(low, low + 8)
        assert found[:, own].mean() == pytest.approx(true[:, own].mean(), rel=0.2)
    heavy = slice(16, 24)
    assert np.std(found[:, heavy] - true[:, heavy]) < 0.8 * np.std(seen[:, heavy] - true[:, heavy])
    many = n > 100
    assert found[many] == pytest.approx(seen[many], rel=0.3)


def test_a_class_of_weights_without_a_pair_is_no_certain_zero():
    places, weight = np.array([0, 0, 1]), np.array([1.0, 1000.0])
    pooled = PooledWeights.of(places, np.ones(3), weight)
    assert pooled.total == 1.0
    assert np.sqrt(pooled.variance) >= 1000.0
    assert pooled.largest * 1.0 > 1000.0
    seen = PooledWeights.of(places, np.ones(3), np.array([1.0, 1.1]))
    assert np.sqrt(seen.variance) < 2.0


def test_without_tracks_the_largest_weight_is_left():
    none = np.empty(0, dtype=np.int64)
    pooled = PooledWeights.of(none, np.empty(0), np.array([2.0, 0.0, 7.0]))
    assert (pooled.total, pooled.weight, pooled.largest) == (0.0, 7.0, 7.0)


def test_a_common_factor_scales_everything_and_adds_its_error():
    rng = np.random.default_rng(4)
    places, charge, single, value = tracks(rng, [30, 20])
    pooled, sums = summed(places, charge, single, value, np.array([1.0, 5.0]))
    before = sums.covariance()
    sums.pooled = pooled.scaled(1.0, 0.01)
    assert sums.covariance() == pytest.approx(before + 0.01 * np.outer(sums.total, sums.total))
    twice = pooled.scaled(2.0, 0.0)
    for name in ("weight", "largest", "total"):
        assert getattr(twice, name) == pytest.approx(2.0 * getattr(pooled, name))
    assert twice.variance == pytest.approx(4 * pooled.variance)

"""Sums over pairs and their covariance: against explicit double sums, and unbiased for Poisson numbers of tracks."""

import numpy as np
import pytest

from bdana.pairing import PairSums


def filled(h, bins, n_bins):
    """Fill the matrix of weights h (N, M) with its matrix of bins."""
    n = len(h)
    sums = PairSums(n_bins)
    # From the first tracks, in two calls, and then from the second ones.
    for tracks in (slice(0, n // 2), slice(n // 2, n)):
        i, j = np.nonzero(h[tracks])
        i += tracks.start
        sums.fill(i, bins[i, j], h[i, j], np.ones(len(i), dtype=bool))
    j, i = np.nonzero(h.T)
    sums.fill(n + j, bins[i, j], h[i, j], np.zeros(len(i), dtype=bool))
    return sums


def test_covariance_is_the_u_statistic():
    rng = np.random.default_rng(1)
    h = rng.random((30, 20)) * (rng.random((30, 20)) < 0.4)
    bins = rng.integers(0, 3, (30, 20))
    sums = filled(h, bins, 4)
    by_bin = [h * (bins == b) for b in range(4)]
    for a in range(4):
        assert sums.total[a] == pytest.approx(by_bin[a].sum())
        assert sums.pairs[a] == np.count_nonzero(by_bin[a])
        assert sums.sum_w2[a] == pytest.approx((by_bin[a] ** 2).sum())
        for b in range(4):
            rows = (by_bin[a].sum(axis=1) * by_bin[b].sum(axis=1)).sum()
            columns = (by_bin[a].sum(axis=0) * by_bin[b].sum(axis=0)).sum()
            expected = rows + columns - (by_bin[a] * by_bin[b]).sum()
            assert sums.covariance()[a, b] == pytest.approx(expected)
    assert sums.variance() == pytest.approx(np.diag(sums.covariance()))


def test_two_entries_of_a_pair_vary_together():
    """A number of each track, such as E/p, is in a histogram twice for each pair: often both times in one bin."""
    rng = np.random.default_rng(4)
    h = rng.random((12, 9)) * (rng.random((12, 9)) < 0.6)
    first, second = rng.integers(0, 3, 12), rng.integers(0, 3, 9)
    bins = np.stack(np.broadcast_arrays(first[:, None], second[None, :]), axis=2)
    sums = filled(h, bins, 3)
    by_bin = [h * (bins == b).sum(axis=2) for b in range(3)]
    expected = [
        [
            (a.sum(axis=1) * b.sum(axis=1)).sum() + (a.sum(axis=0) * b.sum(axis=0)).sum() - (a * b).sum()
            for b in by_bin
        ]
        for a in by_bin
    ]
    np.testing.assert_allclose(sums.total, [x.sum() for x in by_bin])
    np.testing.assert_allclose(sums.covariance(), expected)


def test_pairs_of_one_species():
    """The same formula with i < j: sum of squared sums by track, minus the sum of squares."""
    rng = np.random.default_rng(2)
    h = np.triu(rng.random((25, 25)), k=1)
    i, j = np.nonzero(h + h.T)
    sums = PairSums(1)
    sums.fill(i, np.zeros(len(i), dtype=np.int64), (h + h.T)[i, j], i < j)
    assert sums.total[0] == pytest.approx(h.sum())
    by_track = h.sum(axis=0) + h.sum(axis=1)
    assert sums.variance()[0] == pytest.approx((by_track**2).sum() - (h**2).sum())


@pytest.mark.parametrize(("mean", "passing"), [(60.0, 0.5), (25.0, 0.02)])
def test_unbiased_and_far_above_independent_pairs(mean, passing):
    """Poisson numbers of tracks drawn from a pool whose pairs are in one of two bins by a fixed rule."""
    rng = np.random.default_rng(3)
    pool = rng.random((2, 200))
    value = np.add.outer(pool[0], pool[1]) / 2.0
    limit = np.quantile(value, passing)
    totals, covariances, naive = [], [], []
    for _ in range(1500):
        n, m = rng.poisson(mean, 2)
        i, j = rng.integers(0, 200, n), rng.integers(0, 200, m)
        v = value[np.ix_(i, j)]
        sums = filled((v < limit).astype(float), (v > 0.6 * limit).astype(np.int64), 2)
        totals.append(sums.total)
        covariances.append(sums.covariance())
        naive.append(sums.sum_w2)
    observed, estimated = np.cov(np.array(totals).T), np.mean(covariances, axis=0)
    assert np.mean(totals, axis=0).sum() == pytest.approx(mean**2 * passing, rel=0.05)
    assert estimated == pytest.approx(observed, rel=0.12)
    ratio = np.diag(observed) / np.mean(naive, axis=0)
    assert (ratio > (10.0 if passing == 0.5 else 1.1)).all()


def test_widening_is_that_of_the_skewness_by_hand():
    rng = np.random.default_rng(5)
    h = rng.random((30, 20)) * (rng.random((30, 20)) < 0.4)
    bins = rng.integers(0, 3, (30, 20))
    sums = filled(h, bins, 4)
    together = filled(h[:, :10], bins[:, :10], 4) + filled(h[:, 10:], bins[:, 10:], 4)
    for b in range(3):
        own = h * (bins == b)
        third = (own.sum(axis=0) ** 3).sum() + (own.sum(axis=1) ** 3).sum() - (own**3).sum()
        assert sums.widening()[b] == pytest.approx(2.0 * third**2 / sums.variance()[b] ** 2)
    assert sums.widening()[3] == 0.0
    halves = [
        filled(part, which, 3) for part, which in ((h[:, :10], bins[:, :10]), (h[:, 10:], bins[:, 10:]))
    ]
    cubes = sum(one.variance() * np.sqrt(0.5 * one.widening()) for one in halves)
    assert together.widening()[:3] == pytest.approx(2.0 * (cubes / together.variance()[:3]) ** 2)


@pytest.mark.parametrize("pairs", [1, 7])
def test_independent_pairs_have_the_variance_of_two_more_and_one_track_three_times_its_own(pairs):
    """E[(n - mu)^2 / (n + 2)] is 1 to first order for Poisson n; a track in all pairs has the square of the number."""
    apart = filled(np.eye(pairs), np.zeros((pairs, pairs), dtype=np.int64), 1)
    assert apart.variance() + apart.widening() == pytest.approx(pairs + 2.0)
    of_one = filled(np.ones((1, pairs)), np.zeros((1, pairs), dtype=np.int64), 1)
    assert of_one.widening() == pytest.approx(2.0 * pairs**2)


def test_weights_of_both_signs_do_not_widen_without_end():
    """Of a variance that nearly cancels: r = (3, -2), c = 1, so V = 9 + 4 + 1 - 13 = 1 and third cumulant 1."""
    sums = filled(np.array([[3.0], [-2.0]]), np.zeros((2, 1), dtype=np.int64), 1)
    assert sums.variance() == pytest.approx(1.0)
    assert sums.widening() == pytest.approx(2.0)
    below = filled(np.array([[3.0], [-3.0]]), np.zeros((2, 1), dtype=np.int64), 1)
    assert below.widening() == pytest.approx(0.0)
    sums = filled(np.array([[3.0, 2.0], [-2.0, 0.0]]), np.zeros((2, 2), dtype=np.int64), 1)
    assert 0.0 < sums.widening()[0] <= 2.0 * sums.variance()[0]


def test_pulls_have_width_one_where_few_tracks_of_one_charge_carry_the_sum():
    """25 tracks that differ in how many of 200 others they meet; without the widening the pulls are wider."""
    rng = np.random.default_rng(6)
    meets = rng.permutation(np.linspace(0.05, 1.0, 300) ** 3)
    pool = rng.random((200, 300)) < meets
    plain, widened = [], []
    for _ in range(1500):
        i, j = rng.integers(0, 200, rng.poisson(200)), rng.integers(0, 300, rng.poisson(25))
        sums = filled(pool[np.ix_(i, j)].astype(float), np.zeros((len(i), len(j)), dtype=np.int64), 1)
        difference = sums.total[0] - 200 * 25 * pool.mean()
        plain.append(difference / np.sqrt(sums.variance()[0]))
        widened.append(difference / np.sqrt(sums.variance()[0] + sums.widening()[0]))
    assert np.std(widened) == pytest.approx(1.0, abs=0.06)
    assert np.std(plain) > 1.12


def test_without_pairs_everything_is_zero():
    empty = np.empty(0, dtype=np.int64)
    sums = PairSums(2)
    sums.fill(empty, empty, np.empty(0), np.empty(0, dtype=bool))
    assert not sums.total.any()
    assert not sums.covariance().any()
    assert not sums.widening().any()


def test_nothing_that_was_added_up_is_lost_when_two_sums_are_added():
    sums = PairSums(2)
    added_up = [name for name, a in vars(sums).items() if isinstance(a, np.ndarray) and name != "classes"]
    for name in added_up:
        getattr(sums, name)[...] = 3
    assert all((getattr(sums + sums, name) == 6).all() for name in added_up)
    assert sorted(sums.arrays) == sorted(added_up)

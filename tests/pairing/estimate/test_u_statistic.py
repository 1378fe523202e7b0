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


def test_without_pairs_everything_is_zero():
    empty = np.empty(0, dtype=np.int64)
    sums = PairSums(2)
    sums.fill(empty, empty, np.empty(0), np.empty(0, dtype=bool))
    assert not sums.total.any()
    assert not sums.covariance().any()

"""Counting in compiled code: the same pairs and regions as `Pairs`, for any number of threads."""

import numba
import numpy as np
import pytest

import bdana
from bdana.detector import load_detector
from bdana.pairing import PairBounds, PairSums, count_pairs
from bdana.reconstruction import Pairs, Tracks
from tests.pairing.halo import halo_lines, halo_record

CUTS = PairBounds(20.0, 105_000.0, 180_000.0)
MUON = 105.6583755


@pytest.fixture(scope="module")
def analysis():
    return bdana.load()


def test_what_is_counted_is_what_the_reconstruction_has(analysis):
    rng = np.random.default_rng(1)
    n, m = 400, 500
    record = halo_record(n + m, rng, np.repeat([1, -1], [n, m]))
    tracks = Tracks(record, record, np.arange(n + m), load_detector("na62"))
    i, j = (k.ravel() for k in np.meshgrid(np.arange(n), n + np.arange(m), indexing="ij"))
    pairs = Pairs.by_charge(tracks, i, j, MUON, analysis.setup.beam_line)
    left = (pairs.cda < CUTS.max_cda) & (pairs.z_vertex > CUTS.z_min) & (pairs.z_vertex < CUTS.z_max)
    names = list(analysis.regions.names)
    region = np.array([names.index(r) for r in analysis.regions.classify(pairs.z_tax, pairs.cda_tax)[left]])
    sums = PairSums(len(names))
    ones = np.ones(left.sum())
    sums.fill(i[left], region, ones, ones > 0)  # i is sorted
    order = np.argsort(j[left], kind="stable")
    sums.fill(j[left][order], region[order], ones, ones < 0)

    first, second = tracks.take(np.arange(n)), tracks.take(n + np.arange(m))
    counted = count_pairs(
        (first.before, first.p),
        (second.before, second.p),
        MUON,
        CUTS,
        analysis.setup.beam_line,
        analysis.regions,
    )
    assert counted.counts.tolist() == sums.pairs.tolist()
    assert counted.counts.sum() > 500
    assert counted.by_first.sum(axis=1).tolist() == np.bincount(i[left], minlength=n).tolist()
    assert counted.by_second.sum(axis=1).tolist() == np.bincount(j[left] - n, minlength=m).tolist()
    assert counted.covariance == pytest.approx(sums.covariance())
    mass = pairs.mass[left]
    for r in range(len(names)):
        expected, _ = np.histogram(mass[region == r], bins=60, range=(200.0, 1400.0))
        assert counted.mass[r].tolist() == expected.tolist()


@pytest.mark.parametrize("like_sign", [False, True])
def test_same_for_any_number_of_threads(analysis, like_sign):
    rng = np.random.default_rng(2)
    lines, p = (halo_lines(700, rng), halo_lines(700, rng)), rng.uniform(1e4, 1e5, (2, 700))
    second = None if like_sign else (lines[1], p[1])
    before, found = numba.get_num_threads(), []
    try:
        for threads in range(1, numba.config.NUMBA_NUM_THREADS + 1):
            numba.set_num_threads(threads)
            found.append(
                count_pairs((lines[0], p[0]), second, MUON, CUTS, analysis.setup.beam_line, analysis.regions)
            )
    finally:
        numba.set_num_threads(before)
    assert found[0].counts.sum() > 100
    for other in found[1:]:
        assert np.array_equal(other.by_first, found[0].by_first)
        assert np.array_equal(other.by_second, found[0].by_second)
        assert np.array_equal(other.mass, found[0].mass)


def test_pairs_of_one_set_are_counted_once(analysis):
    """Like-sign pairs: each two tracks once, by region, by track and with the variance of a one-sample U-statistic."""
    rng = np.random.default_rng(4)
    n = 500
    record = halo_record(n, rng, 1)
    tracks = Tracks(record, record, np.arange(n), load_detector("na62"))
    i, j = np.triu_indices(n, k=1)
    pairs = Pairs.by_charge(tracks, i, j, MUON, analysis.setup.beam_line)
    left = (pairs.cda < CUTS.max_cda) & (pairs.z_vertex > CUTS.z_min) & (pairs.z_vertex < CUTS.z_max)
    region = analysis.regions.classify(pairs.z_tax, pairs.cda_tax)
    counted = count_pairs(
        (tracks.before, tracks.p), None, MUON, CUTS, analysis.setup.beam_line, analysis.regions
    )
    assert counted.counts.sum() > 300
    assert counted.by_second.shape == (0, len(counted.regions))
    for r, name in enumerate(counted.regions):
        own = left & (region == name)
        assert counted.counts[r] == own.sum()
        by_track = np.bincount(np.concatenate([i[own], j[own]]), minlength=n)
        assert counted.by_first[:, r].tolist() == by_track.tolist()
        assert counted.covariance[r, r] == (by_track**2).sum() - own.sum()


def test_without_tracks_nothing_is_counted(analysis):
    rng = np.random.default_rng(3)
    none, some = halo_lines(0, rng), halo_lines(3, rng)
    counted = count_pairs(
        (none, np.empty(0)), (some, np.ones(3)), MUON, CUTS, analysis.setup.beam_line, analysis.regions
    )
    assert counted.counts.sum() == 0
    assert counted.by_second.shape == (3, 6)

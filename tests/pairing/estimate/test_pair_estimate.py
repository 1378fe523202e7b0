"""Sums of the estimate against explicit sums over all pairs: covariance of bins, weights of tracks, threads."""

from dataclasses import replace

import awkward as ak
import numpy as np
import pytest

import bdana
from bdana.errors import ConfigError
from bdana.pairing.estimate import pair_cuts
from bdana.reconstruction import Pairs
from bdana.selection import LEPTON_MASS, Candidates
from tests.pairing.halo import burst_table, estimate_of, halo_record, singles_of

ANALYSIS = bdana.load(overrides=["background.combinatorial.readout_ns=0.0"])
PAIR = 10.0**2 * 10.0 / 1e9


def estimate(singles, table, **options):
    return estimate_of(ANALYSIS, singles, table, variables=ANALYSIS.variables, **options)


def sample(n=500, bursts=2, weight=None):
    rng = np.random.default_rng(7)
    singles = singles_of(halo_record(n, rng, rng.choice([-1, 1], n)), rng.integers(0, bursts, n))
    if weight is not None:
        events = ak.with_field(singles.tracks.events, weight, "weight")
        singles = replace(singles, tracks=replace(singles.tracks, events=events))
    return singles


def every_pair(singles, like_sign):
    """Return places of both tracks and candidates of every selected pair, from the cuts themselves."""
    tracks = singles.tracks
    i, j = np.triu_indices(len(tracks), k=1)
    burst = np.asarray(tracks.events.burst)
    own = (burst[i] == burst[j]) & ((tracks.charge[i] == tracks.charge[j]) == like_sign)
    background, _ = ANALYSIS.combinatorial("combinatorial")
    selection, cuts = ANALYSIS.selection("dimuon")
    left_out = {*background.replaced, *([background.charge] if like_sign else [])}
    chosen = [c for c in selection.active(cuts) if c.level == "pair" and c.name not in left_out]
    pairs = Pairs.by_charge(tracks, i[own], j[own], LEPTON_MASS["muon"], ANALYSIS.setup.beam_line)
    passed = np.all([cut(pairs, cuts) for cut in chosen], axis=0)
    candidates = Candidates.of_pairs(pairs.take(passed), ANALYSIS.regions)
    return i[own][passed], j[own][passed], candidates


def weighted(like_sign):
    """Return the estimate of weighted tracks, and their pairs one by one: both tracks, candidates, weights."""
    weight = np.random.default_rng(8).uniform(0.5, 2.0, 500)
    singles = sample(weight=weight)
    i, j, candidates = every_pair(singles, like_sign)
    found = estimate(singles, burst_table(2), like_sign=like_sign)
    return found, i, j, candidates, PAIR * weight[i] * weight[j]


@pytest.mark.parametrize("like_sign", [False, True])
def test_covariance_of_bins_is_that_of_all_pairs(like_sign):
    found, i, j, candidates, h = weighted(like_sign)
    assert len(h) == found.pairs.sum() > 100
    for name in ("mass", "z_vertex", "z_tax"):
        variable = ANALYSIS.variables[name]
        value = getattr(candidates, name) / variable.scale
        bins = np.floor((value - variable.low) / (variable.high - variable.low) * variable.bins).astype(int)
        bins[(value < variable.low) | (value >= variable.high)] = -1
        number, cells = variable.bins, len(found.regions) * variable.bins
        region = np.array([found.regions.index(r) for r in candidates.region])
        cell = np.where(bins >= 0, region * number + bins, cells)
        by_track = np.zeros((1 + max(i.max(), j.max()), cells + 1))
        np.add.at(by_track, (i, cell), h)
        np.add.at(by_track, (j, cell), h)
        expected = by_track.T @ by_track - np.diag(np.bincount(cell, h**2, minlength=cells + 1))
        shape = (len(found.regions), number) * 2
        expected = expected[:-1, :-1].reshape(shape)
        assert found.bin_covariances[name] == pytest.approx(expected, rel=1e-9, abs=1e-25)
        assert found.bin_covariance(name) == pytest.approx(expected.sum(axis=(0, 2)), rel=1e-9, abs=1e-25)
        two = [found.regions[k] for k in (4, 2)]
        part = expected[np.ix_([2, 4], range(number), [2, 4], range(number))].sum(axis=(0, 2))
        assert found.bin_covariance(name, two) == pytest.approx(part, rel=1e-9, abs=1e-25)
        content = np.bincount(cell, h, minlength=cells + 1)[:-1].reshape(shape[:2])
        assert found.hists[name].values() == pytest.approx(content, rel=1e-9)
        variance = np.einsum("raRA->rRaA", expected)
        for k in range(shape[0]):
            assert found.hists[name].variances()[k] == pytest.approx(
                np.diag(variance[k, k]), rel=1e-9, abs=1e-25
            )


def test_covariance_of_bins_of_the_time_difference():
    found = estimate(sample(), burst_table(2))
    covariance = found.bin_covariance("dt")
    regions = np.einsum("rasb->rs", found.bin_covariances["dt"])
    apart = ~np.eye(len(regions), dtype=bool)
    assert regions[apart] == pytest.approx(found.covariance[apart], rel=1e-9, abs=1e-25)
    # Bins have variances without bias, which those of regions are raised above.
    assert (np.diag(regions) < np.diag(found.covariance))[found.pairs > 0].all()
    assert np.diag(found.bin_covariances["dt"][5, :, 5]) == pytest.approx(
        found.hists["dt"].variances()[5], rel=1e-9, abs=1e-25
    )
    asked = found.to_dict(bins=True)["bin_covariance"]
    assert asked["dt"] == covariance.tolist()
    kept = {name for name, one in ANALYSIS.variables.items() if not one.function}
    assert set(asked) == set(found.hists) == kept
    assert "bin_covariance" not in found.to_dict()
    with pytest.raises(ConfigError, match="no variable 'speed'"):
        found.bin_covariance("speed")
    with pytest.raises(ConfigError, match="no region 'CR9'"):
        found.bin_covariance("mass", ["CR9"])


@pytest.mark.parametrize("like_sign", [False, True])
def test_a_pair_weighs_what_its_tracks_do(like_sign):
    found, i, j, candidates, h = weighted(like_sign)
    for r, name in enumerate(found.regions):
        own = candidates.region == name
        assert found.expected[r] == pytest.approx(h[own].sum(), rel=1e-9)
        assert found.sum_w2[r] == pytest.approx((h[own] ** 2).sum(), rel=1e-9, abs=0.0)
        by_track = np.bincount(np.concatenate([i[own], j[own]]), np.concatenate([h[own], h[own]]))
        variance = (by_track**2).sum() - (h[own] ** 2).sum()
        widening = 2.0 * ((by_track**3).sum() - (h[own] ** 3).sum()) ** 2 / variance**2
        assert found.covariance[r, r] == pytest.approx(variance + widening, rel=1e-9, abs=0.0)
    plain = estimate(sample(), burst_table(2), like_sign=like_sign)
    assert found.pairs.tolist() == plain.pairs.tolist()


def test_upper_limit_of_weighted_tracks():
    few = sample(6, 1, weight=np.array([1.0, 3.0, 1.0, 1.0, 0.5, 1.0]))
    found = estimate(few, burst_table(1))
    empty = found.pairs == 0
    assert empty.any()
    assert found.upper_limit[empty] == pytest.approx(2.302585 * PAIR * 9.0)


@pytest.mark.parametrize("like_sign", [False, True])
def test_same_for_any_number_of_threads_and_size_of_batches(thread_numbers, monkeypatch, like_sign):
    singles, table = sample(900, 3), burst_table(3)
    together = estimate(singles, table, like_sign=like_sign)  # all bursts at once
    monkeypatch.setattr(
        pair_cuts, "MOST_PAIRS", 0
    )  # as bursts of many tracks: each alone, from both tracks of a pair
    alone = estimate(singles, table, like_sign=like_sign)
    for _ in thread_numbers():
        found = estimate(singles, table, like_sign=like_sign)
        assert np.array_equal(found.expected, alone.expected)
        assert np.array_equal(found.covariance, alone.covariance)
        for name, covariance in alone.bin_covariances.items():
            assert np.array_equal(found.bin_covariances[name], covariance)
            assert np.array_equal(found.hists[name].values(), alone.hists[name].values())
    monkeypatch.setattr(pair_cuts, "BATCH", 100)
    in_batches = [estimate(singles, table, like_sign=like_sign)]
    monkeypatch.setattr(pair_cuts, "MOST_PAIRS", 40_000)
    in_batches.append(estimate(singles, table, like_sign=like_sign))
    for found in (together, *in_batches):
        assert found.pairs.tolist() == alone.pairs.tolist()
        assert found.built == alone.built
        assert found.expected == pytest.approx(alone.expected, rel=1e-12)
        assert found.covariance == pytest.approx(alone.covariance, rel=1e-12, abs=1e-25)


@pytest.mark.parametrize("replicas", [1, -3])
def test_one_replica_has_no_spread(replicas):
    with pytest.raises(ConfigError, match="at least 2 bootstrap replicas"):
        estimate(sample(20), burst_table(2), bootstrap=replicas)


def test_total_covariance_has_the_errors_and_no_negative_direction():
    """Four tracks whose pairs 00 and 11 are in one bin and 01 and 10 in another: covariance [[0, 2], [2, 0]] and more."""
    found = estimate(sample(300), burst_table(2))
    crossed = np.zeros_like(found.covariance)
    crossed[-2:, -2:] = np.array([[2.0, 4.0], [4.0, 2.0]]) * found.covariance[-1, -1]
    for statistical in (found.covariance, crossed):
        whole = replace(found, covariance=statistical)
        total = whole.total_covariance
        assert np.sqrt(np.diag(total)) == pytest.approx(whole.total_error)
        assert np.linalg.eigvalsh(total).min() > -1e-9 * total.max()
    usual = found.covariance + found.systematic_covariance
    assert found.total_covariance == pytest.approx(usual, rel=0.05, abs=0.02 * usual.max())
    assert np.linalg.eigvalsh(crossed).min() < 0

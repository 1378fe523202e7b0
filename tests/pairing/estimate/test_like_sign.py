"""Like-sign pairs: each two tracks of one charge once, with the variance of a one-sample U-statistic."""

from itertools import combinations

import numpy as np
import pytest

import bdana
from tests.pairing.halo import burst_table, estimate_of, halo_record, singles_of

ANALYSIS = bdana.load(overrides=["background.combinatorial.readout_ns=0.0"])


def estimate(singles, table, like_sign):
    return estimate_of(
        ANALYSIS, singles, table, like_sign=like_sign, variables={"dt": ANALYSIS.variables["dt"]}
    )


@pytest.fixture(scope="module")
def sample():
    rng = np.random.default_rng(5)
    charge = rng.choice([-1, 1], 240)
    return halo_record(240, rng, charge), charge, rng.integers(0, 2, 240)


def test_every_two_tracks_of_one_charge_are_one_pair(sample):
    record, charge, burst = sample
    found = estimate(singles_of(record, burst), burst_table(2), like_sign=True)
    first, second = np.array(list(combinations(range(240), 2))).T
    own = (burst[first] == burst[second]) & (charge[first] == charge[second])
    first, second = first[own], second[own]
    assert found.built == len(first)
    passed = pass_cuts(record, first, second)
    assert passed.sum() > 5
    weight = 10.0**2 * 10.0 / 1e9
    assert found.expected.sum() == pytest.approx(passed.sum() * weight, rel=1e-9)
    by_track = np.bincount(np.concatenate([first[passed], second[passed]])) * weight
    variance = (by_track**2).sum() - passed.sum() * weight**2
    assert found.bin_covariance("dt").sum() == pytest.approx(variance, rel=1e-9, abs=0.0)


def pass_cuts(record, first, second):
    """Which pairs pass the pair cuts, from the cuts themselves."""
    background, _ = ANALYSIS.combinatorial("combinatorial")
    selection, cuts = ANALYSIS.selection("dimuon")
    tracks = singles_of(record, np.zeros(len(record), dtype=int)).tracks
    left_out = {*background.replaced, background.charge}
    chosen = [c for c in selection.active(cuts) if c.level == "pair" and c.name not in left_out]
    pairs = bdana.Pairs.by_charge(tracks, first, second, 105.658, ANALYSIS.setup.beam_line)
    return np.all([cut(pairs, cuts) for cut in chosen], axis=0)


def test_twice_as_many_of_one_charge_make_fewer_opposite_pairs():
    """2 n+ n- / (n+^2 + n-^2) = 0.80 for n+ = 2 n-."""
    charge = np.repeat([1, -1], [2000, 1000])
    singles = singles_of(halo_record(3000, np.random.default_rng(1), charge), np.zeros(3000, dtype=int))
    opposite, like = (estimate(singles, burst_table(1), like) for like in (False, True))
    assert opposite.built / like.built == pytest.approx(0.80, rel=1e-3)
    assert opposite.expected.sum() / like.expected.sum() == pytest.approx(0.80, rel=0.1)


@pytest.mark.parametrize("like_sign", [False, True])
def test_bursts_add_up(sample, like_sign):
    record, _, burst = sample
    found = estimate(singles_of(record, burst), burst_table(3), like_sign)
    assert found.by_burst.sum(axis=0) == pytest.approx(found.expected)
    assert found.by_burst.shape == (3, 6)
    assert found.by_burst[:2].any(axis=1).all()
    assert not found.by_burst[2].any()

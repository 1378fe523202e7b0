"""Slices and waves: pairs close in time where the tracks change with the rate inside the spill."""

from types import SimpleNamespace

import numpy as np
import pytest

from bdana.pairing import PairSums
from bdana.pairing.estimate.in_spill import SpillTimes, duty_factor
from bdana.pairing.estimate.pooled_weights import PooledWeights
from bdana.pairing.estimate.slices import choose_slices
from bdana.pairing.estimate.time_weights import EVERY_PAIR, TimedTracks, TimeWeight

SPILL_NS = 4.8e9
BURSTS = 10
GRID = 20_000


def level(structure, time):
    if structure == "ramp":
        return 1.0 + 0.8 * (2.0 * time / SPILL_NS - 1.0)
    amplitude, frequency = structure
    return 1.0 + amplitude * np.sin(2.0 * np.pi * frequency * 1e-9 * time)


def pairs_of(own, charge, number):
    plus, minus = np.flatnonzero(own & (charge > 0)), np.flatnonzero(own & (charge < 0))
    i, j = np.nonzero((number[plus, None] + number[minus]) % 1.0 < 0.05)
    return np.stack([plus[i], minus[j]])


def experiment(rng, structure, tracks, change):
    """Return expectation, its covariance and the truth of an experiment, and the slices.

    Tracks have the value 1 with a probability that changes with the intensity, 0.3 on average; one pair in 20 is selected.
    """
    time = (np.arange(GRID) + 0.5) * SPILL_NS / GRID
    rate = level(structure, time)
    ones = 0.3 * (1.0 + change * (rate - 1.0))
    mean = np.array([2.0, 1.0])[:, None] * tracks * rng.lognormal(-0.08, 0.4, BURSTS)
    truth = (mean[0] * mean[1]).sum() * np.array(
        [np.mean(rate**2 * share) for share in (2.0 * ones * (1.0 - ones), ones**2, (1.0 - ones) ** 2)]
    )
    numbers = rng.poisson(mean)
    places = np.concatenate([np.repeat(np.arange(BURSTS), n) for n in numbers])
    charge = np.repeat([1, -1], numbers.sum(axis=1))
    cumulative = np.cumsum(rate) / rate.sum()
    at = np.searchsorted(cumulative, rng.random(len(places)))
    since = (at + rng.random(len(places))) * SPILL_NS / GRID
    value = rng.random(len(places)) < ones[at]
    # Which pairs are selected has nothing to do with the rest: a number of each track, the sum of which says it.
    number = rng.random(len(places))
    i, j = np.concatenate([pairs_of(places == k, charge, number) for k in range(BURSTS)], axis=1)
    bins = np.where(value[i] & value[j], 1, np.where(~value[i] & ~value[j], 2, 0))
    duty, found = duty_factor(SpillTimes.of(since, np.full(BURSTS, SPILL_NS), places), 0.02)

    def summed(times):
        pooled = PooledWeights.of(places, np.ones(len(places)), np.ones(BURSTS), times=times)
        sums = PairSums(3, pooled, pooled.classes(3))
        track = np.concatenate([i, j])
        order = np.argsort(track, kind="stable")
        first, second, region = (np.tile(x, 2)[order] for x in (i, j, bins))
        by_time = pooled.by_time(first, second)
        own = pooled.classes(3)[region]
        weight = pooled.weight[own] * by_time[np.arange(len(own)), own]
        shared = pooled.shared(track[order], places[first], np.ones(len(own)), by_time)
        counted = np.repeat([True, False], len(i))[order]
        sums.fill(track[order], region, weight, counted, shared)
        return sums

    whole = summed(None)
    weights, of_region, _ = choose_slices(found.slices(), whole)
    sums = summed(TimedTracks(since, weights, of_region)) if len(weights) > 1 else whole
    sums.pooled = sums.pooled.scaled(1.0, duty.error**2)
    return (
        sums.total / duty.value,
        sums.covariance() / duty.value**2,
        0.05 * truth,
        [weights[k] for k in of_region],
        whole.total / duty.value,
    )


def assert_closes(structure, change, n, seed):
    """Mean and pulls of all three bins; return how far whole bursts would be off in bin 1."""
    rng = np.random.default_rng(seed)
    made = [experiment(rng, structure, 80.0, change) for _ in range(n)]
    expected, covariance, truth, _, whole = (np.array(part, dtype=object) for part in zip(*made, strict=True))
    expected, covariance, truth, whole = (
        np.array(part.tolist(), dtype=float) for part in (expected, covariance, truth, whole)
    )
    ratio = expected.mean(axis=0) / truth.mean(axis=0)
    pulls = (expected - truth) / np.sqrt(np.einsum("naa->na", covariance))
    known = (expected - truth).std(axis=0) / np.sqrt(n) / truth.mean(axis=0)
    assert np.all(np.abs(ratio - 1.0) < np.maximum(0.015, 3.5 * known))
    assert np.all(np.abs(pulls.std(axis=0) - 1.0) < max(0.1, 3.5 / np.sqrt(2 * n)))
    return (whole.mean(axis=0) / truth.mean(axis=0))[1]


STRUCTURES = {"ripple": (0.9, 50.0), "fast ripple": (0.8, 300.0), "ramp": "ramp"}


@pytest.mark.parametrize("name", STRUCTURES)
def test_tracks_that_change_with_the_rate_leave_no_bias(name):
    """With whole bursts and one factor bin 1 would be 10% to 20% low."""
    assert assert_closes(STRUCTURES[name], 0.5, 30, seed=7) < 0.92


@pytest.mark.exhaustive
@pytest.mark.parametrize("change", [0.0, 0.5])
@pytest.mark.parametrize("name", STRUCTURES)
def test_tracks_that_change_with_the_rate_leave_no_bias_in_many_experiments(name, change):
    assert_closes(STRUCTURES[name], change, 400, seed=2)


def structure_of(amplitude, tracks=3000):
    rng = np.random.default_rng(3)
    times = rng.uniform(0.0, SPILL_NS, 2 * tracks * BURSTS)
    kept = rng.random(len(times)) * (1.0 + amplitude) < level((amplitude, 50.0), times)
    times = times[kept][: tracks * BURSTS]
    places = np.arange(len(times)) % BURSTS
    return duty_factor(SpillTimes.of(times, np.full(BURSTS, SPILL_NS), places), 0.01)[1].slices()


def sums_of(pairs):
    """Sums over independent pairs of weight 1."""
    total = np.array(pairs, dtype=float)
    return SimpleNamespace(
        total=total, sum_w2=total, pairs=np.array(pairs), variance=lambda: total + 1e-4 * total**2
    )


def test_regions_with_many_pairs_take_waves_and_those_with_few_do_not():
    weights, of_region, missed = choose_slices(structure_of(0.9), sums_of([0, 5, 12, 20_000]))
    chosen = [weights[k] for k in of_region]
    assert chosen[:3] == [EVERY_PAIR] * 3
    assert chosen[3].frequency[2] * 1e9 == pytest.approx(50.0, abs=0.1)
    assert missed[0] == pytest.approx(0.405, abs=0.04)
    assert missed[3] < 0.03
    assert "waves of 50" in str(chosen[3])


def test_a_constant_rate_needs_no_slices():
    weights, of_region, missed = choose_slices(structure_of(0.0), sums_of([100, 20_000]))
    assert weights == (EVERY_PAIR,)
    assert not of_region.any()
    assert missed.max() < 0.01


def test_sums_over_partners_are_those_of_all_pairs():
    rng = np.random.default_rng(4)
    n = 200
    places, single = rng.integers(0, 4, n), rng.uniform(0.5, 2.0, n)
    since = rng.uniform(0.0, SPILL_NS, n)
    weight = TimeWeight(
        (2.0, -0.1, 3.0, 1.0, 4.0),
        (0.0, 0.0, 50e-9, 1.3e-6, 0.0),
        (np.inf, 1e9, 1e9, 2e8, 7e8),
        (False, False, False, False, True),
        trends=(0.7, -0.2),
        length=SPILL_NS,
    )
    timed = TimedTracks(since, (EVERY_PAIR, weight), np.zeros(1, dtype=np.int64))
    partner = (places[:, None] == places) & ~np.eye(n, dtype=bool)
    expected = np.where(partner, weight(since[:, None], since) * single, 0.0).sum(axis=1)
    assert timed.sums(weight, places, single) == pytest.approx(expected)

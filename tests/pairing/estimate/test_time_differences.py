"""Pairs of tracks by time difference: their value at time difference 0, and what tracks in common do to it."""

from itertools import combinations

import numpy as np
import pytest
from hepunits import ms

from bdana.pairing.estimate.in_spill import SpillTimes, duty_factor
from bdana.pairing.estimate.time_differences import Lags, flat_pairs, variance_of_tracks

LENGTH = 4800.0 * ms


def counted(reach, pairs, rng=None):
    """Pairs of random levels that last `reach` ms, of <R^2>/<R>^2 = 1.5; their expectation without `rng`."""
    width, bins = 0.1 * ms, 10_000
    flat = flat_pairs(width * np.arange(bins + 1), np.array([pairs]), np.array([LENGTH]))
    lag = 0.1 * (np.arange(bins) + 0.5)
    seen = flat * (1.0 + 0.5 * np.maximum(1.0 - lag / reach, 0.0))
    if rng is not None:
        seen = rng.poisson(seen).astype(float)
    lags = Lags(seen, seen, flat, width, np.ones(bins))
    lags.find_terms(5.0)
    return lags


@pytest.mark.parametrize("reach", [2.0, 3.0, 10.0, 30.0])
def test_the_value_at_zero_does_not_depend_on_the_reaches_that_are_tried(reach):
    lags = counted(reach, 2e7 / reach)
    weights, error = lags.at_zero(300, 0.01, 1.0)
    assert [line for line, _ in lags.found] == [0.0]
    assert weights @ lags.seen == pytest.approx(1.5, rel=0.004)
    assert 0.001 < error < 0.1


def test_values_at_zero_of_many_experiments_are_right_on_average_and_vary_by_their_error():
    """In a window of three times the reach; what fluctuates are pairs alone."""
    rng = np.random.default_rng(1)
    found = []
    for _ in range(40):
        lags = counted(3.0, 2e6, rng)
        weights, spread = lags.at_zero(100, 0.01, 1.0)
        found.append((weights @ lags.seen, np.hypot(np.sqrt(weights**2 @ lags.seen), spread)))
    value, error = np.array(found).T
    assert value.mean() == pytest.approx(1.5, abs=0.025)
    assert ((value - 1.5) / error).std() == pytest.approx(1.0, abs=0.25)


def test_tracks_in_common_are_those_of_all_pairs():
    rng = np.random.default_rng(2)
    places = np.repeat([0, 1], [30, 20])
    since, passed = rng.uniform(0.0, 100.0, 50), rng.random(50) < 0.6
    weights, mean = rng.normal(size=40), 0.3
    sums, squares = np.zeros(50), 0.0
    for i, j in combinations(range(50), 2):
        if places[i] == places[j]:
            near = int(abs(since[i] - since[j]) / 1.5)
            value = 0.5 * (int(passed[i]) + int(passed[j])) * ((weights[near] if near < 40 else 0.0) - mean)
            sums[[i, j]] += value
            squares += value**2
    expected = (sums**2).sum() - 2.0 * squares
    assert expected > 0
    assert variance_of_tracks([(since, places, passed)], 1.5, weights, mean) == pytest.approx(expected)


def random_levels(rng, reach, shape):
    """Times of the tracks of 20 bursts with levels of a gamma distribution that last `reach` ms, and the truth."""
    since, both, alone = [], 0.0, 0.0
    for intensity in np.exp(0.6 * rng.standard_normal(20) - 0.18):
        level = rng.gamma(shape, 1.0, int(4800 / reach))
        tracks = rng.poisson(300.0 * intensity)
        step = rng.choice(len(level), tracks, p=level / level.sum())
        since.append((step + rng.random(tracks)) * reach * ms)
        both += tracks * (tracks - 1.0) * (level**2).mean() / level.mean() ** 2
        alone += tracks * (tracks - 1.0)
    return since, both / alone


@pytest.mark.parametrize(
    ("reach", "shape", "experiments"),
    [
        (30.0, 2.0, 20),
        *(pytest.param(*each, 200, marks=pytest.mark.exhaustive) for each in (
            (3.0, 2.0), (10.0, 1.0), (30.0, 2.0),
        )),
    ],
)  # fmt: skip
def test_rates_that_jump_are_found_without_bias_and_with_their_error(reach, shape, experiments):
    rng = np.random.default_rng(5)
    ratio, error = [], []
    for _ in range(experiments):
        since, truth = random_levels(rng, reach, shape)
        places = np.repeat(np.arange(20), [len(each) for each in since])
        found, _ = duty_factor(SpillTimes.of(np.concatenate(since), np.full(20, LENGTH), places), 0.015)
        ratio.append(1.0 / found.value / truth)
        error.append(found.error)
    few = 1.0 / np.sqrt(experiments)
    assert np.mean(ratio) == pytest.approx(1.0, abs=0.003 + 2.5 * few * np.mean(error))
    assert np.std(ratio) / np.mean(error) == pytest.approx(1.0, abs=0.05 + 2.0 * few)

"""Trends of the rate over the spill: found where they are, and pairs weighted by them find every square in full."""

import numpy as np
import pytest

from bdana.pairing.estimate.in_spill import SpillTimes, duty_factor
from bdana.pairing.estimate.time_weights import trend_shapes
from bdana.pairing.estimate.trends import find_trends

SPILL_NS = 4.8e9
BURSTS = 10


def ramped(slope, tracks=800, seed=1):
    """Times of a rate 1 + slope x, with x from -1 to 1 over the spill."""
    rng = np.random.default_rng(seed)
    x = rng.uniform(-1.0, 1.0, 2 * tracks * BURSTS)
    x = x[rng.random(len(x)) * (1.0 + abs(slope)) < 1.0 + slope * x][: tracks * BURSTS]
    places = np.arange(len(x)) % BURSTS
    return SpillTimes.of(0.5 * SPILL_NS * (1.0 + x), np.full(BURSTS, SPILL_NS), places)


def found_in(times):
    return find_trends(times.bunches(), times.length, (times.passed, times.every))


def test_shapes_are_orthonormal():
    t = (np.arange(20_000) + 0.5) * SPILL_NS / 20_000
    shapes = trend_shapes(t, SPILL_NS, 8)
    assert shapes @ shapes.T / len(t) == pytest.approx(np.eye(9), abs=1e-5)


@pytest.mark.parametrize("slope", [0.8, -0.5])
def test_a_ramp_is_a_trend_of_degree_1(slope):
    trends = found_in(ramped(slope))
    assert trends.degree == 1
    assert trends.found[:2] == pytest.approx([1.0, slope**2 / 3.0], abs=0.02)
    assert trends.at_zero == pytest.approx(1.0 + slope**2 / 3.0, abs=0.03)


def test_a_constant_rate_has_no_trend():
    assert sum(found_in(ramped(0.0, 200, seed)) is not None for seed in range(100)) <= 3


def test_bursts_of_different_length_are_no_trend():
    rng = np.random.default_rng(2)
    length = rng.uniform(0.6, 1.0, BURSTS) * SPILL_NS
    places = np.arange(3000) % BURSTS
    assert found_in(SpillTimes.of(rng.random(3000) * length[places], length, places)) is None


def test_noise_of_the_beam_is_no_trend():
    """Steps of random height have power in all degrees."""
    rng = np.random.default_rng(4)
    found = 0
    for _ in range(40):
        heights = rng.gamma(2.0, 0.5, (BURSTS, 160))
        since = [(rng.choice(160, 1000, p=h / h.sum()) + rng.random(1000)) * SPILL_NS / 160 for h in heights]
        places = np.repeat(np.arange(BURSTS), 1000)
        found += found_in(SpillTimes.of(np.concatenate(since), np.full(BURSTS, SPILL_NS), places)) is not None
    assert found <= 2


def test_pairs_by_time_difference_are_those_of_the_rate():
    trends, rate = found_in(ramped(0.8, 20_000)), 1.0 + 0.8 * np.linspace(-1.0, 1.0, 4801)
    for lag in (0, 700, 1900):
        mean = np.mean(rate[: len(rate) - lag] * rate[lag:])
        assert trends.shape(1e6, 2000)[lag] == pytest.approx(mean, abs=0.01)


@pytest.mark.parametrize("rates", [(0.4, 0.0), (1.2, 0.32), (-0.3, 0.8)])
def test_the_weight_of_a_ramp_finds_every_rate_of_degree_2_in_full(rates):
    """Weights of the time difference alone miss tracks at both ends of the spill."""
    t = (np.arange(1000) + 0.5) * SPILL_NS / 1000
    x = 2.0 * t / SPILL_NS - 1.0
    rate = 1.0 + rates[0] * x + rates[1] * x**2
    _, structure = duty_factor(ramped(0.8), 0.02)
    best = structure.slices()[-1].weight
    assert rate @ best(t[:, None], t) @ rate / len(t) ** 2 == pytest.approx(np.mean(rate**2), rel=1e-5)


def test_what_a_weight_costs_is_the_scatter_of_sums_over_few_pairs():
    """Measured as the mean square of the weight over the square of its mean, over random pairs of a burst."""
    times = ramped(0.8)
    _, structure = duty_factor(times, 0.02)
    found = next(iter(times.bunches()))
    best = structure.slices()[-1]
    first, second = (found.since[found.places == 0][part] for part in (slice(0, 400), slice(400, 800)))
    k = best.weight(first[:, None], second)
    assert best.cost == pytest.approx(np.mean(k**2) / np.mean(k) ** 2, rel=0.15)

"""Survival of accidental vetoes: without bias whatever its spread, its error, and classes of intensity."""

import numpy as np
import pytest

from bdana.pairing.estimate.veto_survival import VetoSurvival


def drawn(rng, intensity, events, veto):
    """Draw tried events with two displaced windows each, and n+ n- of vetoed tracks; return also the pairs of data."""
    survival = np.exp(-veto * intensity)
    tried = rng.poisson(events * intensity)
    both = rng.binomial(tried, survival**2)
    one = rng.binomial(tried - both, 2.0 * survival / (1.0 + survival))
    plus, minus = (rng.poisson(share * events * intensity * survival) for share in (0.6, 0.3))
    counts = (tried.astype(float), both + 0.5 * one, both + 0.25 * one, np.ones(len(tried)))
    return counts, plus * minus, 0.18 * np.sum((events * intensity) ** 2 * survival)


def spread(rng, bursts):
    """Intensities of mean 1 and rms 0.53."""
    return np.exp(0.5 * rng.standard_normal(bursts) - 0.125)


@pytest.mark.parametrize(("bursts", "events"), [(2000, 5.0), (40, 100.0), (40, 2000.0)])
@pytest.mark.parametrize("known", [False, True])
def test_pairs_over_survival_are_without_bias(bursts, events, known):
    """Survival of 0.24 at mean intensity; the mean over events would be 10% off."""
    rng = np.random.default_rng(1)
    ratios, wrong, classes = [], [], set()
    for _ in range(200):
        intensity = spread(rng, bursts)
        counts, pairs, true = drawn(rng, intensity, events, 1.43)
        found = VetoSurvival.of(*counts, intensity if known else np.full(bursts, np.nan), pairs)
        ratios.append((pairs / found.by_burst).sum() / true)
        wrong.append(pairs.sum() / (counts[1].sum() / counts[0].sum()) / true)
        classes.add(found.classes)
    assert np.mean(ratios) == pytest.approx(1.0, abs=3.5 * np.std(ratios) / np.sqrt(200) + 0.003)
    assert abs(np.mean(wrong) - 1.0) > 0.1
    assert (max(classes) > 3) == (known and events > 1000)


@pytest.mark.parametrize("known", [False, True])
@pytest.mark.parametrize("veto", [0.05, 1.43])
def test_the_error_is_the_spread(known, veto):
    """With the same pairs and intensities in all experiments, what is left is the number of tried events."""
    rng = np.random.default_rng(2)
    intensity = spread(rng, 40)
    _, pairs, _ = drawn(rng, intensity, 1e6, veto)
    made, errors = [], []
    for _ in range(300):
        counts, _, _ = drawn(rng, intensity, 1000.0, veto)
        found = VetoSurvival.of(*counts, intensity if known else np.full(40, np.nan), pairs)
        made.append((pairs / found.by_burst).sum())
        errors.append(found.relative_error)
    assert np.std(made) / np.mean(made) == pytest.approx(np.mean(errors), rel=0.2)


@pytest.mark.parametrize("known", [False, True])
def test_what_tracks_have_in_common_with_their_survival_is_counted_once(known):
    """Bursts of large weight have few tracks, which are tried themselves and make the pairs."""
    rng = np.random.default_rng(4)
    intensity, weight = spread(rng, 20), np.repeat([1.0, 625.0], [5, 15])
    survival = np.exp(-1.43 * intensity)
    made, variances, alone = [], [], []
    for _ in range(1000):
        tried = rng.poisson(np.repeat([1500.0, 60.0], [5, 15]) * intensity)
        plus = rng.binomial(tried, 0.6 * survival)
        minus = rng.binomial(tried - plus, 0.3 * survival / (1.0 - 0.6 * survival))
        both = rng.binomial(tried, survival**2)
        half = rng.binomial(tried - both, 2.0 * survival / (1.0 + survival))
        counts = tried.astype(float), both + 0.5 * half, both + 0.25 * half, weight
        pairs = (plus * minus).astype(float)
        found = VetoSurvival.of(*counts, intensity if known else np.full(20, np.nan), pairs)
        own = weight**2 @ (pairs * (plus + minus - 1.0)) / (weight @ pairs) ** 2
        made.append(weight @ (pairs / found.by_burst))
        variances.append(own + found.relative_variance)
        alone.append(own + found.relative_error**2)
    spread_of = np.var(made) / np.mean(made) ** 2
    assert np.mean(variances) == pytest.approx(spread_of, rel=0.06)
    assert np.mean(alone) > 1.08 * spread_of


def test_classes_follow_the_intensity():
    rng = np.random.default_rng(3)
    intensity = rng.permutation(np.repeat([0.5, 1.0, 2.0], 20))
    counts, pairs, _ = drawn(rng, intensity, 4000.0, 0.7)
    found = VetoSurvival.of(*counts, intensity, pairs)
    for level in (0.5, 2.0):
        assert found.by_burst[intensity == level].mean() == pytest.approx(np.exp(-0.7 * level), rel=0.08)
    assert np.exp(-1.4) < found.mean < np.exp(-0.35)


def test_by_hand():
    """Two bursts of two events with survivals 1, 1 and 1, 0.5: over pairs (2 w1 + w2) / (2 w1 + 1.5 w2)."""
    counts = (np.array([2.0, 2.0]), np.array([2.0, 1.5]), np.array([2.0, 1.25]), np.array([1.0, 3.0]))
    found = VetoSurvival.of(*counts, np.full(2, np.nan), np.ones(2))
    assert found.mean == pytest.approx((2.0 + 3.0) / (2.0 + 4.5))
    assert found.by_burst == pytest.approx(found.mean)


@pytest.mark.parametrize(("tried", "survived", "mean"), [(0.0, 0.0, 1.0), (1.0, 0.5, 0.5), (2.0, 0.0, 1.0)])
def test_nearly_no_events(tried, survived, mean):
    counts = (np.array([tried]), np.array([survived]), np.array([survived**2]), np.ones(1))
    found = VetoSurvival.of(*counts, np.ones(1), np.zeros(1))
    assert found.mean == mean
    assert np.isfinite(found.relative_error)

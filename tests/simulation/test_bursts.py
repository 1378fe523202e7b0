"""Burst intensities and the rates that follow from them."""

from dataclasses import replace

import numpy as np
import pytest

from bdana.simulation import Beam, SimulationConfig, simulate_bursts
from bdana.simulation.bursts import intensity, mean_coincidences, mean_singles, timestamps

CONFIG = SimulationConfig(bursts=5000)


def test_mean_intensity_is_one():
    bursts = simulate_bursts(CONFIG, seed=1)
    assert intensity(CONFIG, bursts).mean() == pytest.approx(1.0, rel=1e-12)


def test_intensity_is_log_normal_of_the_given_rms():
    rms = np.sqrt(np.expm1(0.6**2))
    config = replace(CONFIG, beam=Beam(intensity_rms=rms))
    logarithm = np.log(simulate_bursts(config, seed=1).pot)
    assert logarithm.std() == pytest.approx(0.6, abs=0.02)
    centred = (logarithm - logarithm.mean()) / logarithm.std()
    assert (centred**3).mean() == pytest.approx(0.0, abs=0.15)


def test_singles_follow_the_intensity_and_pairs_its_square():
    bursts = simulate_bursts(CONFIG, seed=1)
    level = intensity(CONFIG, bursts)
    assert mean_singles(CONFIG, bursts) / level == pytest.approx(
        mean_singles(CONFIG, bursts)[0] / level[0], rel=1e-3
    )
    pairs = mean_coincidences(CONFIG, bursts)
    assert pairs / level**2 == pytest.approx(pairs[0] / level[0] ** 2, rel=1e-12)


def test_coincidences_of_a_poisson_process():
    """R^2 T tau pairs are closer than tau: 5 kHz for 100 s and 10 ns make 25."""
    config = SimulationConfig(pot=6.6e12 * 100 / 4.8, bursts=1, beam=Beam(coincidence_ns=10.0))
    config = replace(config, halo=replace(config.halo, rate_hz=5000.0))
    assert mean_coincidences(config, simulate_bursts(config, 1)) == pytest.approx([25.0], rel=1e-12)


def test_expected_pairs_do_not_depend_on_the_number_of_bursts():
    total = [
        mean_coincidences(config, simulate_bursts(config, 1)).sum()
        for config in (replace(CONFIG, beam=Beam(intensity_rms=0.0), bursts=n) for n in (1, 2000))
    ]
    assert total[0] == pytest.approx(total[1], rel=1e-9)


def test_a_ripple_makes_more_pairs_of_the_same_tracks():
    """<R^2>/<R>^2 is 1 + a^2/2: estimates that average over the spill keep 0.71 of the pairs at a = 0.9."""
    bursts = simulate_bursts(CONFIG, seed=1)
    rippled = replace(CONFIG, beam=Beam(ripple=0.9))
    ratio = mean_coincidences(CONFIG, bursts) / mean_coincidences(rippled, bursts)
    assert ratio == pytest.approx(0.71, abs=0.005)
    assert mean_singles(CONFIG, bursts) == pytest.approx(mean_singles(rippled, bursts))


def test_timestamps_follow_the_ripple_and_fill_the_burst():
    config = replace(CONFIG, beam=Beam(ripple=0.9, ripple_period_s=0.5))
    rng = np.random.default_rng(1)
    phase = rng.uniform(0.0, 2.0 * np.pi, 1000)
    time = timestamps(config, np.full(1000, 4.0), phase, rng) * 1e-9
    assert 2.0 * np.pi * (time / 0.5 % 1.0) == pytest.approx(phase)
    assert np.all(np.bincount((time / 0.5).astype(int), minlength=8) > 80)

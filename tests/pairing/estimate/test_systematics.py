"""Systematic sources of the estimate that are measured or stated in backgrounds/combinatorial.py."""

from types import SimpleNamespace

import numpy as np
import pytest

import bdana
from bdana.selection import SelectedSingles
from tests.pairing.halo import burst_table, estimate_of, halo_record, singles_of


def estimate(singles, *overrides):
    analysis = bdana.load(overrides=["background.combinatorial.readout_ns=0.0", *overrides])
    return estimate_of(analysis, singles, burst_table(2))


def effect(found, name):
    return next((source.effect["SR"] for source in found.systematics if source.name == name), None)


def sample(veto):
    """2400 tracks in two bursts, of which those are vetoed for which veto(x in mm, random number) holds."""
    rng = np.random.default_rng(4)
    n = 2400
    record = halo_record(n, rng, np.resize([1, -1], n))
    burst = np.arange(n) % 4 // 2
    gone = veto(np.asarray(record.x_before), rng.random(n))
    every = singles_of(record, burst)
    kept, vetoed = (singles_of(record[where], burst[where]).tracks for where in (~gone, gone))
    return SelectedSingles(every.cutflow, kept, every.events, vetoed)


def test_a_veto_that_knows_nothing_of_the_track():
    found = estimate(sample(lambda x, chance: chance < 0.1))
    assert effect(found, "veto_choice") < 0.05
    assert not any("vetoed tracks" in note for note in found.notes)


def test_a_veto_that_depends_on_where_the_track_is():
    """A veto of central tracks, whose pairs are selected more often than those of others."""
    found = estimate(sample(lambda x, chance: (np.abs(x) < 300.0) & (chance < 0.7)))
    assert effect(found, "veto_choice") > 0.06


def test_veto_choice_is_the_ratio_of_two_estimates():
    singles = sample(lambda x, chance: chance < 0.1)
    every = sample(lambda x, chance: chance < 0.0)
    survival = len(singles.tracks) / 2400
    ratio = estimate(singles).expected.sum() / (estimate(every).expected.sum() * survival**2)
    assert effect(estimate(singles), "veto_choice") == pytest.approx(abs(ratio - 1.0), abs=2e-3)


def test_without_vetoed_tracks_there_is_no_choice_and_a_note():
    found = estimate(sample(lambda x, chance: chance < 0.0))
    assert effect(found, "veto_choice") is None
    assert any("choice of vetoed tracks not measured" in note for note in found.notes)
    assert found.to_dict()["notes"] == list(found.notes)


def test_the_window_has_the_error_of_its_parameter():
    found = estimate(sample(lambda x, chance: chance < 0.1), "background.combinatorial.window_error_ns=0.3")
    assert effect(found, "time_window") == pytest.approx(0.03)


def test_the_total_is_the_quadratic_sum():
    found = estimate(sample(lambda x, chance: chance < 0.1))
    effects = [source.effect["outside"] for source in found.systematics]
    assert {source.name for source in found.systematics} == {
        "time_window", "q1_efficiency", "h2_efficiency", "h2_live_time", "third_track", "veto_choice", "duty_factor",
    }  # fmt: skip
    expected = np.hypot(found.error[-1], found.expected[-1] * np.sqrt(np.sum(np.square(effects))))
    assert found.total_error[-1] == pytest.approx(expected)
    assert all(source.source for source in found.systematics)


@pytest.mark.parametrize("third", [0.0, 0.01, 0.18, 0.7, 1.0])
def test_a_third_track_is_corrected_for_with_the_rate_that_makes_what_is_seen(third):
    """Of a rate R, R exp(-R tau) times the efficiency of Q1 is seen; the weight grows by exp(R tau)."""
    module = bdana.load().modules.load("backgrounds", "combinatorial")
    seen = SimpleNamespace(rate=0.9 * np.array([third * np.exp(-third)]) / 100.0)
    par = module.Parameters(readout_ns=100.0, q1_efficiency=0.9)
    assert module.third_track(seen, None, par) == pytest.approx(np.exp(third), rel=1e-5)


def test_more_than_can_be_seen_is_the_most():
    module = bdana.load().modules.load("backgrounds", "combinatorial")
    par = module.Parameters(readout_ns=100.0)
    assert module.third_track(SimpleNamespace(rate=np.array([1.0])), None, par) == pytest.approx(
        np.e, rel=1e-6
    )

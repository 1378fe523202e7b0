"""Time slices: where tracks go, what pairs weigh, and what cannot be sliced."""

import numpy as np
import pytest

import bdana
from bdana.errors import InputError
from bdana.pairing.estimate.groups import duty_factor
from tests.pairing.halo import burst_table, estimate_of, halo_record, singles_of


def estimate(timestamp, charge, live_time_s=1.0, bursts=1, **par):
    settings = {"slice_ms": 250.0} | par
    analysis = bdana.load(
        overrides=[
            f"background.combinatorial.{key}={value}" for key, value in settings.items() if value is not None
        ]
    )
    n = len(charge)
    singles = singles_of(halo_record(n, np.random.default_rng(1), charge), np.zeros(n, dtype=int), timestamp)
    table = burst_table(bursts, live_time_s=live_time_s)
    return estimate_of(analysis, singles, table)


def test_only_tracks_of_one_slice_are_paired():
    found = estimate([0.1e9, 0.2e9, 0.3e9, 0.9e9, 0.95e9], [1, -1, -1, 1, -1])
    assert found.built == 2
    assert found.duty_factor.slice_ms == 250.0
    assert "duty_factor" not in effects(found)
    assert "slices of half the length not measured" in found.notes[0]


def test_the_end_of_the_burst_is_in_its_last_slice():
    assert estimate([1e9, 0.76e9], [1, -1]).built == 1


@pytest.mark.parametrize("timestamp", [-1.0, 1.5e9])
def test_a_track_outside_its_burst_is_refused(timestamp):
    with pytest.raises(InputError, match=r"run 1 burst 0: timestamp .*spill_s"):
        estimate([0.1e9, timestamp], [1, -1], spill_s=1.0)


def test_a_burst_lasts_to_its_last_track():
    found = estimate([1.5e9, 1.45e9], [1, -1])
    assert found.built == 1
    whole = estimate([0.5e9, 0.45e9], [1, -1])
    assert found.upper_limit == pytest.approx(6 / 4 * whole.upper_limit)


@pytest.mark.parametrize(("timestamp", "said"), [(np.nan, "no timestamp"), (0.0, "all 2 single tracks have")])
def test_a_file_without_times_cannot_be_sliced(timestamp, said):
    with pytest.raises(InputError, match=rf"{said}.*remove .*slice_ms"):
        estimate([timestamp, timestamp], [1, -1])
    whole = estimate([timestamp, timestamp], [1, -1], slice_ms=None)
    assert whole.built == 1
    assert whole.duty_factor is None
    assert "duty_factor" not in effects(whole)
    assert any("not measured, and no part of the error" in note and said in note for note in whole.notes)


def test_the_duty_factor_is_that_of_pairs_in_slices():
    """Tracks in the first half of the burst only: <R>^2/<R^2> = 0.5, and finer slices find the same."""
    timestamp = np.random.default_rng(3).uniform(0.0, 0.5e9, 3000)
    charge = np.resize([1, -1], 3000)
    whole = estimate(timestamp, charge, slice_ms=None, duty_slices_ms=[10.0])
    assert whole.duty_factor.value == pytest.approx(0.5, rel=0.03)
    assert effects(whole)["duty_factor"] == pytest.approx(1.0, abs=0.05)
    sliced = estimate(timestamp, charge, slice_ms=10.0)
    assert sliced.expected.sum() / whole.expected.sum() == pytest.approx(2.0, rel=0.1)
    assert effects(sliced)["duty_factor"] < 0.02
    assert estimate(None, charge, slice_ms=None).duty_factor is None


def test_the_duty_factor_is_that_of_the_finest_slices_that_tell_enough():
    """400 tracks of a flat burst: errors of 2.5% at 20 ms, 1.6% at 50 ms, 1.1% at 100 ms."""
    rng = np.random.default_rng(5)
    charge = np.resize([1, -1], 400)
    timestamp = rng.uniform(0.0, 1e9, 400)
    found = estimate(timestamp, charge, slice_ms=None)
    assert found.duty_factor.slice_ms == 50.0
    assert found.duty_factor.error == pytest.approx(np.sqrt(2.0 / (400 * 20.0)), rel=0.1)
    assert found.duty_factor.value == pytest.approx(1.0, abs=4 * found.duty_factor.error)
    assert not any("duty" in note for note in found.notes)
    coarse = estimate(timestamp, charge, slice_ms=None, duty_slices_ms=[500.0, 200.0])
    assert coarse.duty_factor.slice_ms == 200.0
    # None is good enough: the best one, with its error as the uncertainty.
    poor = estimate(timestamp, charge, slice_ms=None, duty_slices_ms=[1.0, 5.0])
    assert poor.duty_factor.slice_ms == 5.0
    assert poor.duty_factor.error > 0.05
    assert effects(poor)["duty_factor"] >= poor.duty_factor.error
    assert "in slices of 5 ms" in str(poor.duty_factor)
    assert poor.to_dict()["duty_factor"] == {
        "value": poor.duty_factor.value, "error": poor.duty_factor.error, "slice_ms": 5.0,
    }  # fmt: skip


def test_timestamps_that_begin_before_the_beam():
    """A flat beam from 1.0 to 5.8 s, live for 4.8 s: slices from 0 on would make 5.8/4.8 times the pairs."""
    rng = np.random.default_rng(6)
    charge = np.resize([1, -1], 3000)
    timestamp = rng.uniform(1.0e9, 5.8e9, 3000)
    options = {"live_time_s": 4.8, "slice_ms": 40.0}
    with pytest.raises(InputError, match=r"no single track before 1\.00\d* s.*spill_start_s"):
        estimate(timestamp, charge, **options)
    right = estimate(timestamp, charge, **options, spill_start_s=1.0)
    shifted = estimate(timestamp - 1e9, charge, **options)
    assert right.expected == pytest.approx(shifted.expected)
    assert right.duty_factor.value == pytest.approx(1.0, abs=0.06)
    wrong = estimate(timestamp, charge, **options, spill_start_s=0.0)
    assert wrong.expected.sum() / right.expected.sum() == pytest.approx(5.8 / 4.8, rel=0.05)
    whole = estimate(timestamp, charge, live_time_s=4.8, slice_ms=None)
    assert whole.duty_factor is None
    assert "no single track before" in whole.notes[0]
    with pytest.raises(InputError, match="is not within the burst"):
        estimate(timestamp, charge, **options, spill_start_s=1.5)


def test_few_tracks_may_begin_late():
    assert estimate([0.8e9, 0.81e9], [1, -1]).built == 1


def effects(found):
    return {source.name: source.effect["SR"] for source in found.systematics}


def test_few_tracks_tell_nothing_of_the_duty_factor():
    duty = duty_factor(np.array([0, 0, 9]), np.array([10]), np.zeros(3, dtype=int), np.ones(1), 1.0)
    assert duty.value == pytest.approx(3 * 2 / (10 * 2))
    assert duty.error == pytest.approx(1.0)
    assert duty_factor(np.array([0, 1]), np.array([10]), np.zeros(2, dtype=int), np.ones(1), 1.0) is None


@pytest.mark.parametrize("live_time_s", [np.nan, np.inf, 0.0])
def test_an_empty_burst_without_live_time_has_no_slices(live_time_s):
    found = estimate([0.1e9, 0.2e9], [1, -1], live_time_s=[1.0, live_time_s], bursts=2)
    assert found.built == 1
    assert np.isfinite(found.upper_limit).any()


def test_dead_time_makes_a_burst_longer_than_its_live_time():
    assert estimate([1.9e9, 1.8e9], [1, -1], spill_s=2.0).built == 1


def test_without_tracks_the_limit_is_that_of_one_pair_in_a_slice():
    found = estimate([], np.empty(0, dtype=int))
    whole = estimate([], np.empty(0, dtype=int), slice_ms=1000.0)
    assert not found.expected.any()
    assert found.upper_limit == pytest.approx(4.0 * whole.upper_limit)
    assert found.to_dict()["duty_factor"] is None

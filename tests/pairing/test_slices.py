"""Time slices: where tracks go, what pairs weigh, and what cannot be sliced."""

import numpy as np
import pytest

import bdana
from bdana.errors import InputError
from bdana.pairing.slices import duty_factor

from .halo import burst_table, halo_record, singles_of


def estimate(timestamp, charge, live_time_s=1.0, bursts=1, **par):
    settings = {"slice_ms": 250.0} | par
    analysis = bdana.load(
        overrides=[
            f"background.combinatorial.{key}={value}" for key, value in settings.items() if value is not None
        ]
    )
    background, parameters = analysis.combinatorial("combinatorial")
    selection, cuts = analysis.selection("dimuon")
    n = len(charge)
    singles = singles_of(halo_record(n, np.random.default_rng(1), charge), np.zeros(n, dtype=int), timestamp)
    table = burst_table(bursts, live_time_s=live_time_s)
    return background.estimate(singles, table, selection, cuts, parameters, analysis.setup, {})


def test_only_tracks_of_one_slice_are_paired():
    found = estimate([0.1e9, 0.2e9, 0.3e9, 0.9e9, 0.95e9], [1, -1, -1, 1, -1])
    assert found.built == 2
    assert found.duty_factor is None
    assert "its statistical error would be" in found.notes[0]


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
    whole = estimate(timestamp, charge, slice_ms=None, duty_slice_ms=10.0)
    assert whole.duty_factor == pytest.approx(0.5, rel=0.03)
    assert effects(whole)["duty_factor"] == pytest.approx(1.0, abs=0.05)
    sliced = estimate(timestamp, charge, slice_ms=10.0)
    assert sliced.expected.sum() / whole.expected.sum() == pytest.approx(2.0, rel=0.1)
    assert effects(sliced)["duty_factor"] < 0.02
    assert estimate(None, charge, slice_ms=None).duty_factor is None


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

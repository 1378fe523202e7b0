"""Time slices: where tracks go, what pairs weigh, and what cannot be sliced."""

import numpy as np
import pytest

import bdana
from bdana.errors import InputError

from .halo import burst_table, halo_record, singles_of


def estimate(timestamp, charge, live_time_s=1.0, **par):
    settings = {"slice_ms": 250.0} | par
    analysis = bdana.load(
        overrides=[f"background.combinatorial.{key}={value}" for key, value in settings.items()]
    )
    background, parameters = analysis.combinatorial("combinatorial")
    selection, cuts = analysis.selection("dimuon")
    n = len(charge)
    singles = singles_of(halo_record(n, np.random.default_rng(1), charge), np.zeros(n, dtype=int), timestamp)
    table = burst_table(1, live_time_s=live_time_s)
    return background.estimate(singles, table, selection, cuts, parameters, analysis.setup, {})


def test_only_tracks_of_one_slice_are_paired():
    found = estimate([0.1e9, 0.2e9, 0.3e9, 0.9e9, 0.95e9], [1, -1, -1, 1, -1])
    assert found.built == 2
    assert found.duty_factor is None
    assert "no part of the error: its statistical error" in found.notes[0]


def test_the_end_of_the_burst_is_in_its_last_slice():
    assert estimate([1e9, 0.76e9], [1, -1]).built == 1


@pytest.mark.parametrize("timestamp", [-1.0, 1.5e9])
def test_a_track_outside_its_burst_is_refused(timestamp):
    with pytest.raises(InputError, match=r"run 1 burst 0: timestamp .*spill_s"):
        estimate([0.1e9, timestamp], [1, -1])


@pytest.mark.parametrize(("timestamp", "said"), [(np.nan, "no timestamp"), (0.0, "all 2 single tracks have")])
def test_a_file_without_times_cannot_be_sliced(timestamp, said):
    with pytest.raises(InputError, match=rf"{said}.*remove .*slice_ms"):
        estimate([timestamp, timestamp], [1, -1])


def test_dead_time_makes_a_burst_longer_than_its_live_time():
    assert estimate([1.9e9, 1.8e9], [1, -1], spill_s=2.0).built == 1


def test_without_tracks_the_limit_is_that_of_one_pair_in_a_slice():
    found = estimate([], np.empty(0, dtype=int))
    whole = estimate([], np.empty(0, dtype=int), slice_ms=1000.0)
    assert not found.expected.any()
    assert found.upper_limit == pytest.approx(4.0 * whole.upper_limit)
    assert found.to_dict()["duty_factor"] is None

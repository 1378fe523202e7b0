"""Structure inside the spill: what is found in the times of single tracks, how well, and which times cannot be used."""

from dataclasses import replace

import numpy as np
import pytest

import bdana
from bdana.errors import InputError
from bdana.pairing.estimate.in_spill import SpillTimes, duty_factor
from bdana.report.tables import estimated, sources
from bdana.statistics import Systematic
from tests.pairing.halo import burst_table, estimate_of, halo_record, singles_of

SECOND = 1e9


def estimate(timestamp, charge, live_time_s=1.0, bursts=1, **par):
    analysis = bdana.load(
        overrides=[
            f"background.combinatorial.{key}={value}" for key, value in par.items() if value is not None
        ]
    )
    n = len(charge)
    singles = singles_of(halo_record(n, np.random.default_rng(1), charge), np.zeros(n, dtype=int), timestamp)
    return estimate_of(analysis, singles, burst_table(bursts, live_time_s=live_time_s))


def effects(found):
    return {source.name: source.effect["SR"] for source in found.systematics}


def rippled(rng, n, amplitude, period, length=4.8 * SECOND):
    """Times with the intensity 1 + a sin(2 pi t / period)."""
    time, left = np.empty(n), np.arange(n)
    while len(left):
        time[left] = rng.uniform(0.0, length, len(left))
        level = 1.0 + amplitude * np.sin(2.0 * np.pi * time[left] / period)
        left = left[rng.random(len(left)) * (1.0 + amplitude) > level]
    return time


def measured(times, precision=0.01, length=4.8 * SECOND, **options):
    """Duty factor of bursts, each given by its times."""
    places = np.repeat(np.arange(len(times)), [len(part) for part in times])
    found = duty_factor(
        SpillTimes.of(np.concatenate(times), np.full(len(times), length), places), precision, **options
    )
    return found and found[0]


@pytest.mark.parametrize("amplitude", [0.3, 0.9])
@pytest.mark.parametrize("period_ms", [1.5, 7.3, 20.0, 100.0, 1200.0, 4800.0])
def test_a_ripple_of_any_period_is_found(amplitude, period_ms):
    rng = np.random.default_rng(1)
    found = measured([rippled(rng, 1500, amplitude, period_ms * 1e6) for _ in range(20)])
    true = 1.0 / (1.0 + 0.5 * amplitude**2)
    assert found.error < 0.02
    assert found.value == pytest.approx(true, rel=4.0 * found.error)
    if period_ms < 500.0:
        assert found.lines_hz[0] == pytest.approx(1e3 / period_ms, abs=0.1)
        assert "lines at" in str(found)


@pytest.mark.parametrize(
    ("bursts", "tracks", "amplitude"),
    [
        (20, 200, 0.9),
        *(pytest.param(*each, marks=pytest.mark.exhaustive) for each in (
            (1, 3000, 0.0), (20, 200, 0.0), (200, 40, 0.0), (1, 3000, 0.9), (200, 40, 0.9),
        )),
    ],
)  # fmt: skip
def test_the_error_is_the_spread(bursts, tracks, amplitude):
    rng = np.random.default_rng(2)
    found = [
        measured([rippled(rng, rng.poisson(tracks), amplitude, 20e6) for _ in range(bursts)], 0.03)
        for _ in range(60)
    ]
    pulls = [(1.0 / one.value - 1.0 - 0.5 * amplitude**2) * one.value / one.error for one in found]
    assert abs(np.mean(pulls)) < 0.45
    assert 0.7 < np.std(pulls) < 1.3


def test_a_constant_rate_has_no_lines():
    rng = np.random.default_rng(3)
    found = [measured([rng.uniform(0, 4.8 * SECOND, 3000) for _ in range(k)]) for k in [1] * 20 + [10] * 20]
    assert sum(bool(one.lines_hz) for one in found) <= 3


def test_short_structure_without_a_period_is_found_where_the_times_tell_it():
    """A beam that is off half of the time, in random pieces of 2 ms: <R>^2/<R^2> = 0.5."""
    rng = np.random.default_rng(4)
    times = []
    for _ in range(10):
        piece = rng.permutation(2400)[:1200]
        times.append((rng.choice(piece, 4000) + rng.random(4000)) * 2e6)
    found = measured(times, precision=0.005)
    assert found.slice_ms <= 2.0
    assert found.value == pytest.approx(0.5, rel=0.05)


def test_a_few_close_pairs_where_two_are_expected_are_chance():
    """Five standard deviations of a normal number, but a probability of 10⁻⁴ for each of many time differences."""
    rng = np.random.default_rng(1)
    times = [rng.uniform(0.0, 4.8 * SECOND, 12) for _ in range(300)]
    for burst in range(7):
        times[burst][1] = times[burst][0] + 150e3
    found, _ = duty_factor(
        SpillTimes.of(np.concatenate(times), np.full(300, 4.8 * SECOND), np.repeat(np.arange(300), 12)), 0.04
    )
    assert found.value == pytest.approx(1.0, abs=0.15)


def test_tracks_in_half_of_the_burst():
    """Pairs of whole bursts are doubled; pairs close in time, of which regions with many are made, agree."""
    timestamp = np.random.default_rng(3).uniform(0.0, 0.5 * SECOND, 3000)
    charge = np.resize([1, -1], 3000)
    found = estimate(timestamp, charge)
    assert found.duty_factor.value == pytest.approx(0.5, rel=0.03)
    without = estimate(None, charge)
    ratio = found.expected * found.duty_factor.value / without.expected
    assert ratio == pytest.approx(1.0, abs=0.15)
    assert effects(found)["duty_factor"] < 0.02
    assert found.error.sum() / found.expected.sum() < 1.5 * without.error.sum() / without.expected.sum()
    assert not set(found.slices) & set(without.slices)


def test_pairs_of_all_regions_may_be_taken_within_a_given_time():
    timestamp = np.random.default_rng(9).uniform(0.0, SECOND, 3000)
    charge = np.resize([1, -1], 3000)
    whole, found = (estimate(timestamp, charge, slice_ms=ms) for ms in (None, 100.0))
    assert set(found.slices) == {"pairs within 100 ms"}
    assert set(found.to_dict()["slices"]) == set(found.regions)
    assert found.pairs.sum() / whole.pairs.sum() == pytest.approx(0.19, abs=0.01)
    assert found.expected[-1] == pytest.approx(whole.expected[-1], rel=0.1)


def test_the_length_may_be_given():
    rng = np.random.default_rng(5)
    times = [rippled(rng, 2000, 0.9, 20e6) for _ in range(5)]
    assert measured(times, slice_ms=2.0).slice_ms == pytest.approx(2.0, rel=0.06)
    assert measured(times, slice_ms=2.0).error > measured(times).error


def test_a_clock_of_coarse_steps_is_no_structure():
    rng = np.random.default_rng(6)
    times = [np.floor(rng.uniform(0.0, 4.8e3, 2000)) * 1e6 for _ in range(10)]
    found = measured(times)
    assert not found.lines_hz
    assert found.value == pytest.approx(1.0, abs=4.0 * found.error)


def test_too_few_tracks_tell_nothing():
    assert measured([np.array([0.1, 0.2])], precision=0.3) is None
    assert measured([np.array([0.1]), np.array([0.2])]) is None
    found = estimate([0.1e9, 0.2e9], [1, -1])
    assert found.duty_factor is None
    assert found.to_dict()["duty_factor"] is None
    assert "too few single tracks" in found.warnings[0]


@pytest.mark.parametrize("timestamp", [-1.0, 1.5e9])
def test_a_track_outside_its_burst_is_refused(timestamp):
    with pytest.raises(InputError, match=r"run 1 burst 0: timestamp .*spill_s"):
        estimate([0.1e9, timestamp], [1, -1], spill_s=1.0, slice_ms=10.0)
    assert "is not within the burst" in estimate([0.1e9, timestamp], [1, -1], spill_s=1.0).warnings[0]


@pytest.mark.parametrize(("timestamp", "said"), [(np.nan, "no timestamp"), (0.0, "all 2 single tracks have")])
def test_a_file_without_times_has_a_one_sided_source(timestamp, said):
    with pytest.raises(InputError, match=rf"{said}.*remove .*slice_ms"):
        estimate([timestamp, timestamp], [1, -1], slice_ms=10.0)
    found = estimate([timestamp, timestamp], [1, -1], unmeasured_duty_factor=0.8)
    assert found.duty_factor is None
    assert effects(found)["duty_factor"] == pytest.approx(0.25)
    assert said in found.warnings[0]
    (source,) = [one for one in found.to_dict()["systematics"] if one["one_sided"]]
    assert source["name"] == "duty_factor"
    assert "the truth can only be higher" in source["source"]


def test_a_one_sided_source_raises_the_upper_error_alone():
    found = estimate(np.zeros(40), np.resize([1, -1], 40), unmeasured_duty_factor=0.8)
    number = max(found.predicted.values(), key=lambda one: one.value)
    assert number.error**2 - number.error_down**2 == pytest.approx((0.25 * number.value) ** 2)
    document = found.to_dict()
    at = next(i for i, row in enumerate(document["regions"]) if row["expected"] == number.value)
    assert document["regions"][at]["error_down"] == number.error_down
    assert estimated(document)[1][at][4].startswith("+")
    effect = dict.fromkeys(found.regions, -0.5)
    lower = Systematic("lower", effect, correlated=True, source="made up", one_sided=True)
    below = max(replace(found, systematics=(lower,)).predicted.values(), key=lambda one: one.value)
    assert below.error_down**2 - below.error**2 == pytest.approx((0.5 * number.value) ** 2)
    assert sources(replace(found, systematics=(lower,)).to_dict())[1][0][1] == "only down, 50%"


def test_timestamps_that_begin_before_the_beam():
    """A flat beam from 1.0 to 5.8 s, live for 4.8 s: with times from 0 on there would be 5.8/4.8 times the pairs."""
    rng = np.random.default_rng(6)
    charge = np.resize([1, -1], 3000)
    timestamp = rng.uniform(1.0e9, 5.8e9, 3000)
    late = estimate(timestamp, charge, live_time_s=4.8)
    assert late.duty_factor is None
    assert "no single track before" in late.warnings[0]
    assert "spill_start_s" in late.warnings[0]
    right = estimate(timestamp, charge, live_time_s=4.8, spill_start_s=1.0)
    assert right.duty_factor.value == pytest.approx(1.0, abs=4 * right.duty_factor.error)
    wrong = estimate(timestamp, charge, live_time_s=4.8, spill_start_s=0.0)
    assert wrong.expected.sum() / right.expected.sum() == pytest.approx(5.8 / 4.8, rel=0.05)
    assert (
        "is not within the burst"
        in estimate(timestamp, charge, live_time_s=4.8, spill_start_s=1.5).warnings[0]
    )


def test_few_tracks_may_begin_late():
    assert "too few single tracks" in estimate([0.8e9, 0.81e9], [1, -1]).warnings[0]


@pytest.mark.parametrize("live_time_s", [np.nan, np.inf, 0.0])
def test_an_empty_burst_without_live_time_changes_nothing(live_time_s):
    rng = np.random.default_rng(7)
    timestamp, charge = rng.uniform(0.0, SECOND, 2000), np.resize([1, -1], 2000)
    alone = estimate(timestamp, charge)
    found = estimate(timestamp, charge, live_time_s=[1.0, live_time_s], bursts=2)
    assert found.expected == pytest.approx(alone.expected)


def test_dead_time_makes_a_burst_longer_than_its_live_time():
    """Tracks up to 2 s of a flat burst with 1 s of live time."""
    timestamp = np.random.default_rng(8).uniform(0.0, 2.0 * SECOND, 3000)
    charge = np.resize([1, -1], 3000)
    for options in ({}, {"spill_s": 2.0}):
        found = estimate(timestamp, charge, **options)
        assert found.duty_factor.value == pytest.approx(1.0, abs=4 * found.duty_factor.error)

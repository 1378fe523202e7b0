"""Association with detector candidates against a loop over them."""

import awkward as ak
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from bdana.reconstruction import any_near, nearest, none_near

near_zero = st.floats(-100, 100)
candidate = st.fixed_dictionaries({"x": near_zero, "y": near_zero, "time": near_zero})
NONE = ak.Array([[{"x": 0.0, "y": 0.0, "time": 0.0}]])[:, :0]


def jagged(*events):
    return ak.concatenate([ak.Array([event]) if event else NONE for event in events])


@given(st.lists(candidate, max_size=6), near_zero, near_zero)
def test_nearest_is_the_smallest_distance_below_the_limit(candidates, x, y):
    distances = [np.hypot(c["x"] - x, c["y"] - y) for c in candidates]
    found = nearest(jagged(candidates), np.array([x]), np.array([y]), within=50.0)[0]
    if not candidates or min(distances) >= 50.0:
        assert found is None or found.x is None
    else:
        assert np.hypot(found.x - x, found.y - y) == min(distances)


@given(st.lists(candidate, max_size=6), near_zero, near_zero, near_zero)
def test_any_near_asks_for_one_candidate_near_in_space_and_time(candidates, x, y, time):
    expected = any(np.hypot(c["x"] - x, c["y"] - y) < 50 and abs(c["time"] - time) < 5 for c in candidates)
    found = any_near(
        jagged(candidates), np.array([x]), np.array([y]), 50.0, time=np.array([time]), time_window=5.0
    )
    assert found.tolist() == [expected]


@given(st.lists(candidate, max_size=6), near_zero, near_zero, near_zero)
def test_none_near_is_the_opposite_where_all_is_known(candidates, x, y, time):
    place = np.array([x]), np.array([y]), 50.0
    near = any_near(jagged(candidates), *place, time=np.array([time]), time_window=5.0)
    assert (none_near(jagged(candidates), *place, time=np.array([time]), time_window=5.0) == ~near).all()


def test_a_veto_that_cannot_be_decided_does_not_pass():
    def veto(hit, x=0.0, time=0.0):
        return none_near(
            jagged([hit] if hit else []), np.array([x]), np.zeros(1), 50.0, np.array([time]), 5.0
        )[0]

    hit = {"x": 0.0, "y": 0.0, "time": 0.0}
    assert not veto(hit | {"x": np.nan})
    assert not veto(hit | {"time": np.nan})
    assert veto(hit | {"x": np.nan, "time": 90.0})
    assert not veto(None, x=np.nan)
    assert not veto(None, time=np.nan)
    assert veto(None)


def test_space_and_time_must_agree_on_one_candidate():
    event = [{"x": 0.0, "y": 0.0, "time": 90.0}, {"x": 90.0, "y": 0.0, "time": 0.0}]
    assert not any_near(jagged(event), np.zeros(1), np.zeros(1), 50.0, time=np.zeros(1), time_window=5.0)[0]


def test_limits_are_exclusive():
    event = [{"x": 30.0, "y": 40.0, "time": 5.0}]
    assert not any_near(jagged(event), np.zeros(1), np.zeros(1), 50.0)[0]
    assert not any_near(jagged(event), np.zeros(1), np.zeros(1), 51.0, time=np.zeros(1), time_window=5.0)[0]
    assert nearest(jagged(event), np.zeros(1), np.zeros(1), within=50.0).x[0] is None


def test_undefined_positions_are_never_near_and_make_the_nearest_undefined():
    event = [{"x": np.nan, "y": 0.0, "time": 0.0}, {"x": 1.0, "y": 0.0, "time": 0.0}]
    assert not any_near(jagged(event[:1]), np.zeros(1), np.zeros(1), 50.0)[0]
    assert np.isnan(nearest(jagged(event), np.zeros(1), np.zeros(1), within=50.0).time[0])
    assert not any_near(jagged(event[1:]), np.array([np.nan]), np.zeros(1), 50.0)[0]


def test_events_that_are_chosen_in_any_order_have_their_own_candidates():
    rng = np.random.default_rng(3)
    events = ak.Array(
        [[{"x": x, "y": 0.0, "time": x} for x in rng.uniform(-90, 90, n)] for n in rng.integers(0, 4, 50)]
    )
    order = rng.integers(0, 50, 80)
    x = rng.uniform(-90, 90, 80)
    found = nearest(events[order], x, np.zeros(80), within=40.0)
    every = [
        nearest(events[k : k + 1], x[i : i + 1], np.zeros(1), within=40.0).to_list()[0]
        for i, k in enumerate(order)
    ]
    assert found.to_list() == every
    assert None in every
    near = any_near(events[order], x, np.zeros(80), 40.0)
    assert near.tolist() == [one is not None for one in every]


def test_what_is_nearest_is_undefined_where_a_distance_is():
    events = jagged([{"x": 0.0, "y": 0.0, "time": 1.0}, {"x": np.nan, "y": 0.0, "time": 2.0}], [])
    found = nearest(events, np.zeros(2), np.zeros(2), within=50.0)
    assert np.isnan(found.time[0])
    assert found.time[1] is None

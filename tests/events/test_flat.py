"""Flat events are the same events as their records, however they are cut, split and joined."""

import awkward as ak
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bdana.events.flat import FlatEvents
from bdana.events.lists import fit


@st.composite
def flat_events(draw):
    counts = {
        name: np.array(draw(st.lists(st.integers(0, 3), min_size=4, max_size=4)), dtype=np.int64)
        for name in ("tracks", "lkr")
    }
    rng = np.random.default_rng(draw(st.integers(0, 100)))
    members = {name: {"x": rng.normal(size=n.sum()), "n": np.arange(n.sum())} for name, n in counts.items()}
    truth = {"truth": {"mass": rng.normal(size=4)}}
    return FlatEvents(4, {"run": np.arange(4)}, counts, members | truth)


@given(flat_events(), st.lists(st.booleans(), min_size=4, max_size=4), st.integers(0, 4))
def test_split_and_cut_and_joined_events_are_those_records(events, where, place):
    whole, mask = events.records(), np.array(where)
    again = FlatEvents.of_records(whole[::-1])
    assert again.records().to_list() == whole.to_list()[::-1]
    assert {name: counts.tolist() for name, counts in again.counts.items()} == {
        name: counts[::-1].tolist() for name, counts in events.counts.items()
    }
    inside, outside = events.split(mask)
    assert inside.records().to_list() == whole[mask].to_list()
    assert outside.records().to_list() == whole[~mask].to_list()
    parts = [events.cut(0, place), events.cut(place, 4)]
    assert [part.records().to_list() for part in parts] == [whole[:place].to_list(), whole[place:].to_list()]
    assert FlatEvents.concatenate(parts).records().to_list() == whole.to_list()
    assert list(map(len, parts)) == [place, 4 - place]


def lists(offsets):
    return ak.Array(
        ak.contents.ListOffsetArray(
            ak.index.Index64(np.array(offsets)), ak.contents.NumpyArray(np.arange(3.0))
        )
    )


@pytest.mark.parametrize("offsets", [[0, 2, 1], [0, 2, 4], [-1, 2, 3], [0, 1, 2, 3]])
def test_lists_that_do_not_fit_are_found(offsets):
    assert fit(lists([0, 1, 3]), 2)
    assert not fit(lists(offsets), 2)

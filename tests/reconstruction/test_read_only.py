"""Events that cuts see: fields cannot be set, and plain numbers are NumPy arrays."""

import awkward as ak
import numpy as np
import pytest

from bdana.reconstruction.read_only import ReadOnlyEvents, joined_lists, read_only_events, read_only_records

EVENTS = ak.Array(
    [
        {"run": 9000, "weight": 1.0, "lav": [{"time": 1.0}, {"time": 2.0}]},
        {"run": 9001, "weight": 0.5, "lav": []},
        {"run": 9002, "weight": 2.0, "lav": [{"time": 3.0}]},
    ]
)


@pytest.mark.parametrize("places", [[0, 1, 2], [2, 0, 0], [True, False, True]])
def test_a_plain_column_is_a_numpy_array_of_the_events_that_were_taken(places):
    taken = read_only_records(read_only_events(EVENTS)[places], ReadOnlyEvents)
    for name in ("run", "weight"):
        for column in (getattr(taken, name), taken[name]):
            assert type(column) is np.ndarray
            assert column.tolist() == EVENTS[places][name].to_list()
            with pytest.raises(ValueError, match="read-only"):
                column[0] = 7
    assert taken.lav.time.to_list() == EVENTS[places].lav.time.to_list()


def test_what_a_cut_computes_of_lists_and_plain_columns_is_as_with_awkward():
    seen = read_only_events(EVENTS)
    assert (seen.lav.time - seen.weight).to_list() == (EVENTS.lav.time - EVENTS.weight).to_list()
    assert ak.all(seen.lav.time > seen.run - 8999, axis=1).to_list() == [False, True, False]


def test_no_number_of_any_depth_can_be_written_into():
    seen = read_only_events(EVENTS)
    with pytest.raises(TypeError, match="read-only"):
        seen["run"] = 1
    with pytest.raises(ValueError, match="read-only"):
        np.asarray(ak.flatten(seen.lav.time))[0] = 7.0


@pytest.mark.parametrize("chosen", [slice(None), slice(1, 3), [2, 0]])
def test_lists_are_joined_in_their_order(chosen):
    lists = EVENTS[chosen].lav
    records, index = joined_lists(lists)
    assert records.time.to_list() == ak.flatten(lists.time).to_list()
    assert index.tolist() == [place for place, one in enumerate(lists) for _ in one]

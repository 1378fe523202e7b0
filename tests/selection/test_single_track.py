"""The single-track selection on events made by hand."""

from copy import deepcopy

import numpy as np
import pytest

import bdana
from tests.synthetic import dimuon_event, records


@pytest.fixture(scope="module")
def analysis():
    return bdana.load()


def single_event(number=0, place=0):
    """The first or second muon of a candidate, alone."""
    event = dimuon_event(number)
    for name in ("tracks", "lkr", "muv3"):
        event[name] = event[name][place : place + 1]
    return event


def select(analysis, *events):
    selection, par = analysis.single_track("single_track")
    return selection.apply(records(events), par, analysis.setup)


def rows(selected):
    return {row.cut: row.events for row in selected.cutflow.rows}


def test_exactly_one_good_track(analysis):
    soft = deepcopy(single_event(2))
    soft["tracks"].append(soft["tracks"][0] | {"p": 5_000.0})
    none = deepcopy(single_event(3))
    none["tracks"] = []
    selected = select(analysis, single_event(0), dimuon_event(1), soft, none, single_event(4, place=1))
    assert rows(selected)["all"] == 5
    assert rows(selected)["one_good_track"] == 3
    assert selected.tracks.charge.tolist() == [1, 1, -1]
    assert np.asarray(selected.tracks.events.event).tolist() == [0, 2, 4]
    assert selected.events.tried.all()


@pytest.mark.parametrize(
    ("cut", "change"),
    [
        ("trigger_time", {"trigger_time": 30.0}),
        ("e_over_p", {"lkr": "energy"}),
        ("muv3", {"muv3": []}),
        ("lav_veto", {"lav": [{"time": 12.0}]}),
    ],
)
def test_each_cut_takes_what_fails_it(analysis, cut, change):
    event = single_event()
    if change == {"lkr": "energy"}:
        event["lkr"][0]["energy"] = 30_000.0
    else:
        event |= change
    selected = select(analysis, single_event(), event)
    before, after = list(rows(selected)), rows(selected)
    assert after[before[before.index(cut) - 1]] == 2
    assert after[cut] == 1
    assert selected.events.tried.tolist() == [True, cut == "lav_veto"]
    assert len(selected.vetoed) == (cut == "lav_veto")


def test_vetoed_tracks_are_kept_apart(analysis):
    one, other = (single_event(k, place=1) | {"lav": [{"time": 12.0}]} for k in (1, 2))
    selected = select(analysis, one, single_event(0), other)
    assert np.asarray(selected.tracks.event.event).tolist() == [0]
    assert np.asarray(selected.vetoed.event.event).tolist() == [1, 2]


def test_two_good_tracks_in_time_probe_the_pair_trigger(analysis):
    """Half of a window of 10 ns; a third good track, a soft one and one out of time are no probe."""
    late, soft, three = (dimuon_event(k) for k in (1, 2, 3))
    late["tracks"][1]["time"] = late["tracks"][0]["time"] + 6.0
    soft["tracks"][1]["p"] = 5_000.0
    three["tracks"].append(dict(three["tracks"][0]))
    none = single_event(4)
    none["tracks"] = []
    events = records([dimuon_event(0), late, soft, three, none, single_event(5)])
    selection, par = analysis.single_track("single_track")
    assert selection.in_time(events, par, analysis.setup, 10.0).tolist() == [True] + 5 * [False]
    assert selection.in_time(events, par, analysis.setup, 13.0).tolist() == [True, True] + 4 * [False]


def test_accidental_survival_is_tried_beside_the_track(analysis):
    """The track is at 10.2 ns; the windows are 30 ns before and after it, 10 ns to each side."""
    hits = ([], [-19.0], [39.0], [-19.0, 41.0], [10.0])
    events = [single_event(k) | {"lav": [{"time": t} for t in times]} for k, times in enumerate(hits)]
    events[0]["lav"] = [{"time": 500.0}]
    assert select(analysis, *events).events.survival.tolist() == [1.0, 0.5, 0.5, 0.0, 1.0]

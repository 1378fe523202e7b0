"""Single electrons: what the dielectron selection asks of a track and of its event, in the single-track sample."""

import pytest

import bdana
from tests.synthetic import dimuon_event, records


@pytest.fixture(scope="module")
def analysis():
    return bdana.load()


def single(number=0, e_over_p=1.0, *, muon=False):
    """The positive track of a candidate alone, with a shower of some energy, and a muon behind it or none."""
    event = dimuon_event(number)
    track = event["tracks"][0]
    hit = event["lkr"][0] | {"energy": e_over_p * track["p"]}
    return event | {"tracks": [track], "lkr": [hit], "muv3": event["muv3"][:1] if muon else []}


def selected(analysis, name, *events):
    selection, par = analysis.single_track(name)
    return selection.apply(records(events), par, analysis.setup).tracks.events.event.tolist()


def test_electrons_and_muons_are_in_one_sample_each(analysis):
    events = single(1), single(2, 0.02, muon=True), single(3, 0.5), single(4, muon=True), single(5, 0.02)
    assert selected(analysis, "single_electron", *events) == [1]
    assert selected(analysis, "single_track", *events) == [2]


@pytest.mark.parametrize(
    "change", [{"trigger_time": 30.0}, {"lav": [{"time": 12.0}]}, {"lkr": []}, {"tracks": []}]
)
def test_what_is_no_electron_of_a_quiet_event_is_left_out(analysis, change):
    assert selected(analysis, "single_electron", single(1) | change, single(2, muon=True), single(3)) == [3]


def test_numbers_come_from_the_dielectron_selection():
    loose = bdana.load(
        overrides=["selection.dielectron.min_e_over_p=0.4", "selection.dimuon.max_e_over_p=0.6"]
    )
    events = single(1, 0.5), single(2, muon=True)  # some event has a muon, or there is no collection
    assert selected(loose, "single_electron", *events) == [1]
    assert loose.like("single_electron") == "dielectron"
    own = bdana.load(overrides=["selection.single_electron.min_e_over_p=0.4"])
    assert selected(own, "single_electron", *events) == [1]
    assert own.selection("dielectron")[1].min_e_over_p == 0.95

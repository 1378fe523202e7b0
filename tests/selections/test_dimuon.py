"""Every cut of the dimuon selection: what fails it, that NaN fails it, and that it declares what it reads."""

import awkward as ak
import numpy as np
import pytest

import bdana
from bdana.selection.two_track import CANDIDATE_COLUMNS
from tests.synthetic import after_magnet, dimuon_event, records

ANALYSIS = bdana.load(bdana.analysis.template_folder(), overrides=["selection.dimuon.small_angle_veto=true"])
SELECTION, PAR = ANALYSIS.selection("dimuon")
CUTS = {cut.name: cut for cut in SELECTION.active(PAR)}


def passed(event):
    """Names of the cuts that a single event passes, None when it has no pair."""
    tracks = bdana.Tracks.of_events(records([event]), ANALYSIS.detector)
    good = np.flatnonzero(SELECTION.good_track(tracks, PAR))
    if len(good) != 2:
        return None
    pairs = bdana.Pairs.by_charge(tracks, good[:1], good[1:], 105.66, ANALYSIS.setup.beam_line)
    return {name for name, cut in CUTS.items() if cut.passes(pairs, PAR)[0]}


def failed(event):
    names = passed(event)
    assert names is not None
    return set(CUTS) - names


def with_track(index, **changes):
    event = dimuon_event()
    event["tracks"][index] |= changes
    return event


def with_hit(collection, **changes):
    event = dimuon_event()
    event[collection][0] |= changes
    return event


def test_the_made_up_candidate_passes_everything():
    assert passed(dimuon_event()) == set(CUTS)


@pytest.mark.parametrize(
    ("cut", "event"),
    [
        ("opposite_charge", with_track(0, charge=-1)),
        ("track_time_difference", with_track(0, time=4.79)),
        ("trigger_time", with_track(0, time=5.49)),
        ("trigger_time", dimuon_event() | {"trigger_time": 15.3}),
        ("e_over_p", with_hit("lkr", energy=0.21 * 35_001)),
        ("muv3", with_hit("muv3", time=15.3)),
        ("muv3", with_hit("muv3", x=5000.0)),
        ("lav_veto", with_hit("lav", time=19.9)),
        ("lav_veto", with_hit("lav", time=0.1)),
        ("small_angle_veto", with_hit("irc", time=19.9)),
        ("small_angle_veto", with_hit("sac", time=0.1)),
        ("cda", with_track(0, y_before=dimuon_event()["tracks"][0]["y_before"] + 21.0)),
        ("vertex_z", dimuon_event(vertex=(60.0, 40.0, 104_900.0))),
        ("vertex_z", dimuon_event(vertex=(60.0, 40.0, 180_100.0))),
    ],
)
def test_each_cut_rejects_what_it_is_for(cut, event):
    assert cut in failed(event)


def test_values_at_the_limit_fail_strict_cuts():
    assert "track_time_difference" in failed(
        dimuon_event()
        | {"tracks": [t | {"time": 10.0 + 2.5 * t["charge"]} for t in dimuon_event()["tracks"]]}
    )
    assert "lav_veto" not in failed(with_hit("lav", time=20.0))


def test_tracks_close_at_straw1_and_outside_the_detector_are_rejected():
    assert "straw1_separation" in failed(dimuon_event(vertex=(300.0, 300.0, 182_000.0)))
    event = dimuon_event()
    event["tracks"] = [after_magnet(t | {"x_before": t["x_before"] + 1500.0}) for t in event["tracks"]]
    assert "acceptance" in failed(event)


@pytest.mark.parametrize(
    "changes", [{"chi2": 20.0}, {"chi2": np.nan}, {"n_chambers": 2}, {"p": 10_000.0}, {"p": np.nan}]
)
def test_bad_tracks_do_not_count(changes):
    assert passed(with_track(0, **changes)) is None


def test_a_third_good_track_takes_the_event_away_a_bad_one_does_not():
    event = dimuon_event()
    third = event["tracks"][0] | {"p": 20_000.0}
    assert passed(event | {"tracks": [*event["tracks"], third]}) is None
    assert passed(event | {"tracks": [third | {"chi2": 21.0}, *event["tracks"]]}) == set(CUTS)


def test_a_track_without_calorimeter_cluster_has_no_energy():
    event = dimuon_event()
    event["lkr"] = event["lkr"][:1]
    assert "e_over_p" not in failed(event)


def spoiled(column):
    """The candidate with one column NaN, in one track or hit or in the event."""
    collection, _, field = column.rpartition(".")
    if not collection:
        return dimuon_event() | {field: np.nan}
    return with_hit(collection, **{field: np.nan})


FLOATS = {name: [c for c in cut.needs if c != "tracks.n_chambers"] for name, cut in CUTS.items()}
BASE = {
    "cda": ("x", "y", "z", "tx", "ty"),
    "vertex_z": ("x", "y", "z", "tx", "ty"),
    "straw1_separation": ("x", "tx"),
}


@pytest.mark.parametrize(
    ("cut", "column"),
    [(name, column) for name, columns in FLOATS.items() for column in columns]
    + [(name, f"tracks.{c}_before") for name, cs in BASE.items() for c in cs],
)
def test_nan_fails_every_cut_that_reads_it(cut, column):
    assert cut in failed(spoiled(column))


@pytest.mark.parametrize("name", list(CUTS))
def test_a_cut_reads_no_more_than_it_declares(name):
    cut = CUTS[name]
    declared = {*CANDIDATE_COLUMNS, *SELECTION.good_track.needs, *cut.needs}
    events = records([dimuon_event(i) for i in range(3)])
    for field in events.fields:
        if ak.fields(events[field]):
            kept = [f for f in ak.fields(events[field]) if f"{field}.{f}" in declared]
            events = (
                ak.with_field(events, events[field][kept], field) if kept else ak.without_field(events, field)
            )
        elif field not in declared:
            events = ak.without_field(events, field)
    tracks = bdana.Tracks.of_events(events, ANALYSIS.detector)
    pairs = bdana.Pairs.by_charge(
        tracks, np.arange(0, 6, 2), np.arange(1, 6, 2), 105.66, ANALYSIS.setup.beam_line
    )
    assert cut.passes(pairs, PAR).all()


def test_the_order_of_the_cuts_is_the_documented_one():
    assert [cut.name for cut in SELECTION.cuts] == [
        "opposite_charge", "track_time_difference", "trigger_time", "e_over_p", "muv3", "cda", "vertex_z", "lav_veto",
        "straw1_separation", "small_angle_veto", "acceptance",
    ]  # fmt: skip


def test_a_switch_takes_the_cut_and_its_columns_away():
    analysis = bdana.load(bdana.analysis.template_folder())
    selection, par = analysis.selection("dimuon")
    assert "small_angle_veto" not in [cut.name for cut in selection.active(par)]
    assert "irc.time" not in selection.needs(par)
    assert "irc.time" in SELECTION.needs(PAR)

"""The gate at reading: which events are closed, and that nobody counts them."""

import itertools
from dataclasses import replace

import awkward as ak
import numpy as np
import pytest

import bdana
from bdana.analysis import template_folder
from bdana.errors import BlindingError
from bdana.events import Dataset, EventArrays, open_events, write_events
from bdana.regions import Box, Envelopes
from tests.synthetic import dimuon_event, good_bursts, records

ANALYSIS = bdana.load(template_folder())
GATE = ANALYSIS.gate
SR, OPEN = 0, len(GATE.names)


def edited(**tracks):
    """Return a signal-like event with one field of the first track replaced."""
    event = dimuon_event()
    event["tracks"][0] |= tracks
    return event


@pytest.fixture
def written(tmp_path):
    def write(name, events):
        path = tmp_path / f"{name}.root"
        write_events(path, [records(events)], good_bursts())
        return path

    return write


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, SR),
        ({"charge": -1}, OPEN),  # like-sign
        ({"charge": 0}, SR),  # not known to be like-sign
        ({"chi2": float("nan")}, SR),
        ({"chi2": 49.9}, SR),
        ({"chi2": np.nextafter(50, 0)}, SR),
        ({"chi2": 50.0}, OPEN),
        ({"p": 5000.0}, OPEN),
        ({"time": 9.8 + 9.99}, SR),
        ({"time": 9.8 + 10.1}, OPEN),
        ({"time": float("nan")}, SR),
        ({"time": float("inf")}, SR),  # no time: nobody knows whether it is below 10 ns
        ({"chi2": float("inf")}, SR),
        ({"p": -float("inf")}, SR),
        ({"charge": 7}, SR),
        ({"n_chambers": 0}, SR),
        ({"tx_before": float("nan")}, SR),
        ({"x_before": float("inf")}, SR),
    ],
)
def test_what_is_a_closed_pair(fields, expected):
    assert GATE.secrecy(records([edited(**fields)]))[0] == expected


def test_the_momentum_border_is_open():
    slow = min(track["p"] for track in dimuon_event()["tracks"])
    event = records([dimuon_event()])
    assert replace(GATE, min_p=np.nextafter(slow, 0)).secrecy(event)[0] == SR
    assert replace(GATE, min_p=slow).secrecy(event)[0] == OPEN


def test_an_event_goes_with_its_most_secret_pair():
    event = dimuon_event()
    far = event["tracks"][0] | {"x_before": event["tracks"][0]["x_before"] + 5e3}
    three = event | {"tracks": [far, *event["tracks"]]}
    none = event | {"tracks": []}
    one = event | {"tracks": [far]}
    assert GATE.secrecy(records([none, three, one, event])).tolist() == [OPEN, SR, OPEN, SR]


def test_pairs_of_different_events_do_not_mix():
    event = dimuon_event()
    halves = [event | {"tracks": [track]} for track in event["tracks"]]
    assert GATE.secrecy(records(halves)).tolist() == [OPEN, OPEN]


def test_no_events_have_no_secrecy():
    assert GATE.secrecy(records([dimuon_event()])[:0]).tolist() == []


def test_borders_are_closed_and_the_next_number_is_not():
    envelopes = Envelopes((Box("SR", 4e3, 42e3, 30.0), Box("CR", -6e3, 52e3, 160.0)))
    z = [4e3, np.nextafter(4e3, 0), 42e3, np.nextafter(42e3, 1e9), -6e3, np.nextafter(-6e3, -1e9), 52e3, -0.0]
    assert envelopes.secrecy(z, np.zeros(8)).tolist() == [0, 1, 0, 1, 1, 2, 1, 1]
    cda = [30.0, np.nextafter(30, 99), 160.0, np.nextafter(160, 999), -0.0]
    assert envelopes.secrecy(np.full(5, 5e3), cda).tolist() == [0, 1, 1, 2, 0]
    bad = [np.nan, np.inf, -np.inf]
    assert envelopes.secrecy(bad, np.zeros(3)).tolist() == [0, 0, 0]
    assert envelopes.secrecy(np.zeros(3), bad).tolist() == [0, 0, 0]


@pytest.mark.parametrize("kind", ["data", "pseudo"])
def test_closed_events_are_not_counted_anywhere(written, kind):
    seen = [edited(charge=-1), dimuon_event(2) | {"tracks": []}]
    hidden = [*itertools.chain.from_iterable([e, dimuon_event(5)] for e in seen), edited(chi2=float("nan"))]
    runs = [ANALYSIS.select([written(f"f{i}", events)], kind=kind) for i, events in enumerate((seen, hidden))]
    assert runs[0].cutflow.rows[0].events == 2
    assert runs[0].cutflow.to_list() == runs[1].cutflow.to_list()
    assert [step.events for step in runs[0].accounting[:4]] == [2, 2, 2, 2]
    assert runs[0].accounting == runs[1].accounting
    assert "closed events are counted in no row" in runs[1].accounting_note
    assert [region.name for region in runs[1].regions] == ["outside"]
    assert list(runs[1].hists["mass"].axes["region"]) == ["outside"]


def test_simulation_is_not_gated_and_says_so_once(written, caplog):
    run = ANALYSIS.select([written("mc", [dimuon_event()])], kind="mc")
    assert run.cutflow.rows[0].events == 1
    assert [record.getMessage().partition(": ")[2] for record in caplog.records] == [
        "has no truth columns; it is read as mc because it was named so"
    ]


def test_simulation_with_truth_says_nothing(written, caplog):
    truth = {"truth": {"process": 1, "mass": 500.0, "p": 80e3, "z_decay": 140e3}}
    ANALYSIS.select([written("mc", [dimuon_event() | truth])], kind="mc")
    assert not caplog.records


def test_data_without_gate_are_refused(written):
    with pytest.raises(BlindingError, match=r"no blinding/policy.toml .* say so with --kind mc"):
        Dataset.open([written("d", [dimuon_event()])], kind="data", schema=None, all_bursts=False, gate=None)


def test_data_of_another_geometry_are_refused(shared):
    with pytest.raises(BlindingError, match="lacks tracks"):
        ANALYSIS.select([shared / "data" / "open" / "spinquest_like.root"], selection="vertex_only")


def test_another_beam_line_meets_the_second_wall(written):
    """A pair outside all envelopes of the policy's beam line, but not of the line that the analysis is set to."""
    away = dimuon_event(vertex=(60.0, 40.0, 140_000.0))
    for track in away["tracks"]:
        for side in ("before", "after"):
            track[f"x_{side}"] += 1000.0
    # With everything shifted by 1 m the closest approach to the shifted line is where it was to the policy's.
    moved = bdana.load(
        template_folder(),
        ["beam_line.point_mm=[1000.0, -22.0, 23070.0]", "selection.dimuon.acceptance=false",
         "selection.dimuon.max_e_over_p=9.0", "selection.dimuon.muv3_distance_mm=5000.0"],
    )  # fmt: skip
    path = written("shifted", [away])
    assert moved.select([path], kind="mc").regions[0].observed == 1
    with pytest.raises(BlindingError, match="there are closed pairs in open data") as refusal:
        moved.select([path], kind="data")
    with pytest.raises(BlindingError, match="there are closed pairs in open data"):
        moved.prompt_share([path], kind="data")
    assert not any(character.isdigit() for character in str(refusal.value))


def test_the_gate_travels_to_workers(written):
    path = written("d", [dimuon_event(), edited(charge=-1)])
    parallel = ANALYSIS.select([path], executor=bdana.ProcessExecutor(2))
    assert parallel.cutflow.to_list() == ANALYSIS.select([path]).cutflow.to_list()


def test_records_are_not_changed_by_the_gate():
    events = records([dimuon_event()])
    before = ak.to_list(events)
    GATE.secrecy(events)
    assert ak.to_list(events) == before


@pytest.mark.parametrize("kind", ["data", "pseudo"])
@pytest.mark.parametrize("in_memory", [False, True])
def test_no_public_attribute_of_a_dataset_reads_a_closed_event(written, kind, in_memory):
    """Every method that gives events gives the open ones; the file opened by itself keeps its own state."""
    events = [dimuon_event(1), edited(charge=-1) | {"event": 2}]
    file = EventArrays(records(events), good_bursts()) if in_memory else written("run", events)
    dataset = ANALYSIS.dataset([file], kind=kind)
    source = dataset.sources[0]
    assert source.read(["event"], 0, 2).event.to_list() == [2]
    for name in (name for name in dir(source) if not name.startswith("_") and name not in ("read", "behind")):
        found = getattr(source, name)
        if callable(found) and name not in (
            "bursts",
            "clusters",
            "columns",
            "require",
            "sha256",
            "stored_types",
            "why_missing",
        ):
            pytest.fail(f"a new public method {name}: does it read closed events?")
        assert not isinstance(found, ak.Array)
    columns = ["run", "burst", "event"]
    assert dataset.read(dataset.chunks(columns)[0], columns).event.to_list() == [2]
    if not in_memory:
        assert len(open_events(file, "bdana").read(["event"], 0, 2)) == 2

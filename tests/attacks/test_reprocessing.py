"""Events that a reprocessing moves into an envelope or out of it: what was closed stays closed, what was seen is said."""

import json

import pytest
import uproot

from bdana.errors import BdanaError
from bdana.sealing.manifest import file_sha256
from bdana.sealing.reprocessing import EarlierSealings
from bdana.sealing.seal_file import seal
from tests.attacks.raw import like_sign, of_stage, raw_file
from tests.sealed import decrypt_events
from tests.searches import STAGES
from tests.synthetic import dimuon_event


def inside(number, stage="SR"):
    return of_stage(number, stage)


def outside(number):
    """The same event where an earlier calibration put it: its pair misses the TAX by far."""
    return dimuon_event(number, run=11001, vertex=(300.0, 40.0, 140e3), origin=(800.0, -22.0, 23_070.0))


def unlike(number, **changes):
    event = inside(number)
    event["tracks"][0] |= changes
    return event


@pytest.fixture
def sealings(tmp_path, sealing, secrets, analysis):
    """Seal versions of the same events, oldest first; return open event numbers, closed ones by stage, and the seen."""

    def make(*versions, previous=True):
        raws = []
        for number, events in enumerate(versions):
            folder = tmp_path / f"v{number}"
            folder.mkdir()
            raws.append(raw_file(folder / "run.root", events))
        seal(raws[-1], folder, sealing, previous=raws[:-1] if previous else ())
        found = {
            s: decrypt_events((folder / f"run.{s}.age").read_bytes(), str(secrets[s]), s) for s in STAGES
        }
        closed = {s: part.event.tolist() for s, part in found.items() if part is not None}
        seen = {
            event for part in found.values() if part is not None and "seen_before" in part.fields
            for event in part.event[part.seen_before].tolist()
        }  # fmt: skip
        raws[-1].unlink()
        opened = open_events(folder / "run.open.root")
        return opened, closed, seen, folder

    return make


def open_events(path):

    with uproot.open(path) as file:
        return file["events"]["event"].array().tolist()


@pytest.mark.parametrize("stage", STAGES)
def test_an_event_that_moves_out_stays_closed(sealings, stage):
    opened, closed, seen, _ = sealings([like_sign(1), inside(2, stage)], [like_sign(1), outside(2)])
    assert (opened, closed, seen) == ([1], {stage: [2]}, set())


@pytest.mark.parametrize("stage", STAGES)
def test_an_event_that_moves_in_is_closed_and_was_seen(sealings, stage):
    opened, closed, seen, _ = sealings([like_sign(1), outside(2)], [like_sign(1), inside(2, stage)])
    assert (opened, closed, seen) == ([1], {stage: [2]}, {2})


@pytest.mark.parametrize(("before", "after"), [("CR", "SR"), ("SR", "CR"), ("CR3", "CR1"), ("CR1", "CR3")])
def test_an_event_that_moves_between_stages_is_of_the_more_secret_one(sealings, before, after):
    _, closed, seen, _ = sealings([like_sign(1), inside(2, before)], [like_sign(1), inside(2, after)])
    assert (closed, seen) == ({max(before, after, key=STAGES.index): [2]}, set())


def test_an_event_that_was_not_there_before_was_not_seen(sealings):
    opened, closed, seen, _ = sealings([like_sign(1)], [like_sign(1), inside(2)])
    assert (opened, closed, seen) == ([1], {"SR": [2]}, set())


def test_an_event_closed_long_ago_stays_closed_through_two_reprocessings(sealings):
    opened, closed, seen, _ = sealings(
        [inside(2), like_sign(1)], [outside(2), like_sign(1)], [outside(2), like_sign(1)]
    )
    assert (opened, closed, seen) == ([1], {"SR": [2]}, set())


def test_an_event_seen_long_ago_stays_marked(sealings):
    opened, closed, seen, _ = sealings(
        [outside(2), like_sign(1)], [inside(2), like_sign(1)], [outside(2), like_sign(1)]
    )
    assert (opened, closed, seen) == ([1], {"SR": [2]}, {2})


@pytest.mark.parametrize(
    "change",
    [{"charge": -1}, {"chi2": 90.0}, {"p": 4000.0}, {"time": 40.0}],
    ids=["charge", "chi2", "p", "time"],
)
def test_an_event_that_is_no_closed_pair_any_more_stays_closed(sealings, change):
    opened, closed, seen, _ = sealings([inside(2), like_sign(1)], [unlike(2, **change), like_sign(1)])
    assert (opened, closed, seen) == ([1], {"SR": [2]}, set())


def test_a_lost_event_leaves_no_trace(sealings):
    opened, closed, _, _ = sealings([inside(2), like_sign(1)], [like_sign(1)])
    assert (opened, closed) == ([1], {})


def test_without_previous_the_event_would_be_open(sealings):
    opened, closed, _, _ = sealings([like_sign(1), inside(2)], [like_sign(1), outside(2)], previous=False)
    assert (opened, closed) == ([1, 2], {})


def test_the_guard_is_the_union(sealings, sealing, monkeypatch):
    monkeypatch.setattr(EarlierSealings, "secrecy", lambda self, events: sealing.gate.secrecy(events))
    opened, _, _, _ = sealings([like_sign(1), inside(2)], [like_sign(1), outside(2)])
    assert opened == [1, 2]


def test_the_manifest_names_the_raw_data_before(sealings, tmp_path):
    *_, folder = sealings([inside(2)], [outside(2)])
    document = json.loads((folder / "run.manifest.json").read_text())
    assert document["previous"] == [file_sha256(tmp_path / "v0" / "run.root")]


def test_the_open_file_of_an_earlier_sealing_lacks_what_it_closed(tmp_path, sealing):
    seal(raw_file(tmp_path / "old.root", [inside(1), like_sign(2)]), tmp_path, sealing)
    raw = raw_file(tmp_path / "run.root", [outside(1), like_sign(2)])
    with pytest.raises(BdanaError, match=r"old.open.root is sealed already"):
        seal(raw, tmp_path, sealing, previous=[tmp_path / "old.open.root"])
    assert not (tmp_path / "run.open.root").exists()


def test_earlier_data_that_are_not_there_are_named(tmp_path, sealing):
    raw = raw_file(tmp_path / "run.root", [inside(1)])
    with pytest.raises(BdanaError, match=r"nothing.root: no such file"):
        seal(raw, tmp_path, sealing, previous=[tmp_path / "nothing.root"])
    assert not list(tmp_path.glob("*.open.root"))

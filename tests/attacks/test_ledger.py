"""Attacks on the ledger: every change of what is written is seen."""

import json
import threading

import pytest

from bdana.blinding.canonical import canonical, sha256
from bdana.blinding.ledger import Ledger
from bdana.errors import BlindingError
from tests.blinding.people import unsigned


@pytest.fixture
def ledger(tmp_path, keys):
    ledger = Ledger(tmp_path / "ledger")
    ledger.append("freeze", "ann", keys["ann"], {"text": "first"})
    request = ledger.append("request", "ann", keys["ann"], {"stages": ["CR3"]})
    ledger.append("approve", "rob", keys["rob"], {}, request)
    ledger.append("seen", "bob", keys["bob"], {"reason": "last"})
    return ledger


def row_files(ledger):
    return sorted(ledger.folder.glob("*.json"))


def refused(ledger, publics):
    """Tell whether reading or the signatures reveal that something is wrong."""
    try:
        return bool(unsigned(ledger, publics))
    except BlindingError:
        return True


def test_an_untouched_ledger_is_accepted(ledger, publics):
    assert [row.kind for row in ledger.rows()] == ["freeze", "request", "approve", "seen"]
    assert unsigned(ledger, publics) == []


@pytest.mark.parametrize(
    "change",
    [
        {"number": "5"}, {"number": None}, {"number": 5.5}, {"number": True}, {"person": ["ann"]}, {"follows": 1}, {"time": None},
        {"body": []}, {"kind": "zzz"},
    ],
    ids=str,
)  # fmt: skip
def test_a_row_with_something_of_another_type_is_none(ledger, change):
    row = {"number": 5, "kind": "seen", "person": "ann", "follows": ledger.head, "time": "x", "body": {}}
    (ledger.folder / "000005-seen-ann-0.json").write_bytes(canonical(row | change))
    with pytest.raises(BlindingError, match=r"000005-seen-ann-0.json: is no row of a ledger"):
        ledger.rows()


def test_a_folder_where_a_row_belongs_is_named(ledger):
    (ledger.folder / "000005-seen.json").mkdir(parents=True)
    with pytest.raises(BlindingError, match=r"000005-seen\.json: is no row of a ledger"):
        ledger.rows()


def test_every_flipped_bit_of_a_row_is_seen(ledger):
    for path in row_files(ledger):
        text = path.read_bytes()
        for bit in range(8 * len(text)):
            flipped = bytearray(text)
            flipped[bit // 8] ^= 1 << bit % 8
            path.write_bytes(flipped)
            with pytest.raises(BlindingError, match=r"no row of a ledger|was changed or renamed"):
                ledger.rows()
        path.write_bytes(text)


@pytest.mark.parametrize("i", [0, 2])
def test_a_dropped_row_is_seen(ledger, publics, i):
    """The newest main row, or an approval, shows only to somebody who kept a newer head or receipt."""
    row_files(ledger)[i].unlink()
    assert refused(ledger, publics)


def test_a_fork_of_the_main_line_is_seen(ledger, tmp_path, keys):
    other = Ledger(tmp_path / "other")
    other.folder.mkdir()
    for path in ledger.folder.iterdir():
        if "seen" not in path.name:
            (other.folder / path.name).write_bytes(path.read_bytes())
    fork = other.append("seen", "rea", keys["rea"], {"reason": "another"})
    (ledger.folder / fork.name).write_bytes((other.folder / fork.name).read_bytes())
    with pytest.raises(BlindingError, match="the main line forks at"):
        ledger.rows()


def test_a_row_made_again_with_the_right_hash_has_no_signature(ledger, publics):
    path = next(ledger.folder.glob("*seen*.json"))
    document = json.loads(path.read_text())
    document["body"]["reason"] = "never"
    text = canonical(document)
    path.rename(path.with_name(f"000003-seen-bob-{sha256(text)[:16]}.json")).write_bytes(text)
    assert [row.kind for row in unsigned(ledger, publics)] == ["seen"]


def test_a_row_signed_by_another_is_seen(ledger, publics, keys):
    ledger.append("seen", "ann", keys["rob"], {})
    assert [row.person for row in unsigned(ledger, publics)] == ["ann"]


def test_nobody_writes_a_row_for_another(ledger, publics, keys):
    rows = ledger.rows()
    with pytest.raises(BlindingError, match="is not the SSH key of con"):
        ledger.append("seen", "con", keys["ann"], {}, public=publics["con"])
    assert ledger.rows() == rows


def test_approvals_at_the_same_time_do_not_touch_the_main_line(ledger, publics, keys):
    head = ledger.head
    request = ledger.of_kind("request")[0]
    for name in ("rea", "con"):
        ledger.append("approve", name, keys[name], {}, request)
    assert ledger.head == head
    assert unsigned(ledger, publics) == []


def test_reading_writes_nothing_and_brings_no_row_back(ledger, keys):
    """An older program claimed its number in .claims first, and reading completed the row, signed or not."""
    row = ledger.append("seen", "ann", keys["ann"], {})
    (ledger.folder / ".claims").mkdir()
    (ledger.folder / row.name).rename(ledger.folder / ".claims" / f"{row.number:06d}")
    there = sorted(ledger.folder.rglob("*"))
    assert row not in ledger.rows()
    assert sorted(ledger.folder.rglob("*")) == there


def test_writers_at_the_same_time_make_one_chain(tmp_path, keys, publics):
    ledger = Ledger(tmp_path / "ledger")

    def write(name):
        for i in range(5):
            ledger.append("seen", name, keys[name], {"i": i})

    writers = [threading.Thread(target=write, args=(name,)) for name in keys]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert [row.number for row in ledger.rows()] == list(range(1, 26))
    assert unsigned(ledger, publics) == []


def test_numbers_that_json_does_not_hold_exactly_are_refused(ledger, keys):
    for value in (2**53, float("nan"), float("inf")):
        with pytest.raises(BlindingError, match="canonical JSON"):
            ledger.append("seen", "ann", keys["ann"], {"seed": value})

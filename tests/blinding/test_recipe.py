"""The referee's recipe of docs/blinding.md finds what `verify` finds in the rows: hashes, names, places, signatures."""

import json

import pytest

from bdana.blinding.canonical import canonical, sha256
from bdana.blinding.ledger import Ledger, Row
from bdana.blinding.signing import sign
from bdana.errors import BlindingError
from tests.blinding.people import unsigned
from tests.blinding.referee import run_recipe, write_signers

TROUBLE = ("changed or renamed", "not signed", "without its request", "does not follow", "unknown kind")


@pytest.fixture
def ledger(tmp_path, keys, publics):
    made = Ledger(tmp_path / "ledger")
    made.append("freeze", "ann", keys["ann"], {"text": "first"})
    request = made.append("request", "ann", keys["ann"], {"stage": "CR3"})
    made.append("approve", "rob", keys["rob"], {}, request)
    made.append("seen", "bob", keys["bob"], {"reason": "last"})
    write_signers(tmp_path / "signers", publics)
    return made


def said(ledger):
    found = run_recipe(ledger.folder, "../signers")
    return {word for word in TROUBLE if word in found}


def refused(ledger, publics):
    try:
        return bool(unsigned(ledger, publics))
    except BlindingError:
        return True


def move(ledger, row, name):
    for end in ("", ".sig"):
        (ledger.folder / f"{row.name}{end}").rename(ledger.folder / f"{name}{end}")


def write(ledger, row, key, **changes):
    """Write a changed row, with its right name and signed by the holder of the key."""
    document = json.loads((ledger.folder / row.name).read_bytes()) | changes
    text = canonical(document)
    made = Row(**document, hash=sha256(text))
    for end in ("", ".sig"):
        (ledger.folder / f"{row.name}{end}").unlink()
    (ledger.folder / made.name).write_bytes(text)
    (ledger.folder / f"{made.name}.sig").write_bytes(sign(text, key))


ATTACKS = {
    "another person in the name": lambda ledger, rows, keys: move(ledger, rows[0], rows[0].name.replace("ann", "bob")),
    "another kind in the name": lambda ledger, rows, keys: move(ledger, rows[3], rows[3].name.replace("seen", "approve")),
    "a row less": lambda ledger, rows, keys: (ledger.folder / rows[0].name).unlink(),
    "an approval without its request": lambda ledger, rows, keys: write(ledger, rows[2], keys["rob"], follows="0" * 64),
    "an approval of another number": lambda ledger, rows, keys: write(ledger, rows[2], keys["rob"], number=1),
    "a number left out": lambda ledger, rows, keys: write(ledger, rows[3], keys["bob"], number=9),
    "an unknown kind": lambda ledger, rows, keys: write(ledger, rows[3], keys["bob"], kind="seem"),
    "another row before": lambda ledger, rows, keys: write(ledger, rows[3], keys["bob"], follows=rows[0].hash),
    "signed by another": lambda ledger, rows, keys: write(ledger, rows[3], keys["rob"]),
    "no signature": lambda ledger, rows, keys: (ledger.folder / f"{rows[3].name}.sig").unlink(),
}  # fmt: skip


def test_the_recipe_finds_nothing_where_nothing_is(ledger, publics):
    assert said(ledger) == set()
    assert not refused(ledger, publics)


@pytest.mark.parametrize("attack", ATTACKS)
def test_the_recipe_agrees(ledger, publics, keys, attack):
    ATTACKS[attack](ledger, ledger.rows(), keys)
    assert said(ledger)
    assert refused(ledger, publics)

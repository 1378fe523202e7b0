"""A ledger that was written in format 1 is read on, says what its rows do not say, and is written on in format 2."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

import bdana
from bdana.analysis import template_folder
from bdana.blinding import load_policy
from bdana.blinding.ledger import Ledger, Row
from bdana.blinding.rules import refusal, remarks, require_sound
from bdana.opening.steps import stage_states

OLD = json.loads((Path(__file__).parent / "ledger_of_format_1.json").read_text())
"""Files of a whole search, made by bdana before format 2: a failed test, withdrawals, a change of the policy, a handover."""
REGIONS = bdana.load(template_folder()).regions


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "blinding" / "ledger").mkdir(parents=True)
    for name, text in OLD.items():
        (tmp_path / "blinding" / name).write_bytes(text.encode())
    return tmp_path


@pytest.fixture
def old(folder):
    return load_policy(folder, REGIONS), Ledger(folder / "blinding" / "ledger")


def test_a_ledger_of_format_1_is_sound(old):
    policy, ledger = old
    assert {row.format for row in ledger.rows()} == {1}
    require_sound(ledger, policy)
    assert set(stage_states(policy, ledger).values()) == {"open"}
    (said,) = remarks(ledger.rows())
    assert "49 rows, up to" in said
    assert "are of format 1" in said


def test_a_ledger_of_format_1_is_written_on_in_format_2_and_not_in_format_1(old):
    policy, ledger = old
    rows = ledger.rows()
    row = Row.after(rows, "seen", "con", {"regions": ["CR"], "reason": "a plot"})
    assert (row.format, row.number) == (2, len([r for r in rows if not r.beside]) + 1)
    assert refusal(rows, row, policy) == ""
    older = replace(Row.after([*rows, row], "seen", "con", row.body), format=1, hash="0" * 64)
    assert "rule format-goes-on" in refusal([*rows, row], older, policy)
    assert refusal(rows, replace(older, number=row.number, follows=row.follows), policy) == ""

"""A ledger of a former format is read on, says what its rows do not say, and is written on in the format of today."""

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

OLD = {n: json.loads((Path(__file__).parent / f"ledger_of_format_{n}.json").read_text()) for n in (1, 2)}
"""Files of searches, made by bdana before the next format: with format 1 a whole one with a failed test, withdrawals, a change
of the policy and a handover; with format 2 the openings of CR3, after a withdrawn approval, and of CR2."""
REGIONS = bdana.load(template_folder()).regions


@pytest.fixture(params=OLD)
def old(request, tmp_path):
    (tmp_path / "blinding" / "ledger").mkdir(parents=True)
    for name, text in OLD[request.param].items():
        (tmp_path / "blinding" / name).write_bytes(text.encode())
    return load_policy(tmp_path, REGIONS), Ledger(tmp_path / "blinding" / "ledger")


@pytest.mark.parametrize("old", [1], indirect=True)
def test_a_ledger_of_format_1_is_sound(old):
    policy, ledger = old
    assert {row.format for row in ledger.rows()} == {1}
    require_sound(ledger, policy)
    assert set(stage_states(policy, ledger).values()) == {"open"}
    (said,) = remarks(ledger.rows())
    assert "49 rows, up to" in said
    assert "are of format 1" in said


@pytest.mark.parametrize("old", [2], indirect=True)
def test_a_ledger_of_format_2_is_sound(old):
    policy, ledger = old
    assert {row.format for row in ledger.rows()} == {2}
    require_sound(ledger, policy)
    assert [name for name, state in stage_states(policy, ledger).items() if state == "open"] == ["CR3", "CR2"]
    (said,) = remarks(ledger.rows())
    assert "18 rows, up to" in said
    assert "are of format 2: their rows `seal` and `end` name no hashes of sealed files" in said


@pytest.mark.parametrize("old", [2], indirect=True)
def test_what_was_recorded_in_format_2_is_recorded_again_before_it_is_frozen(old):
    policy, ledger = old
    rows = ledger.rows()
    body = ledger.of_kind("freeze")[-1].body
    row = Row.after(rows, "freeze", "ann", body)
    assert "`bdana blinding record` writes them down (rule freezes-recorded-data)" in refusal(
        rows, row, policy
    )
    sealed = {
        stage: digest
        for stage, files in body["frozen"]["sealed"]["2021"].items()
        for digest in files.values()
    }
    named = ledger.of_kind("seal")[-1].body["manifests"]["run.json"] | {"sealed": sealed}
    rows.append(Row.after(rows, "seal", "bob", {"manifests": {"run.json": named}}))
    assert refusal(rows, rows[-1], policy) == ""
    assert refusal(rows, Row.after(rows, "freeze", "ann", body), policy) == ""


def test_a_ledger_of_a_former_format_is_written_on_in_that_of_today(old):
    policy, ledger = old
    rows = ledger.rows()
    row = Row.after(rows, "seen", "con", {"regions": ["CR"], "reason": "a plot"})
    assert (row.format, row.number) == (3, len([r for r in rows if not r.beside]) + 1)
    assert refusal(rows, row, policy) == ""
    former = rows[-1].format
    older = replace(Row.after([*rows, row], "seen", "con", row.body), format=former, hash="0" * 64)
    assert "rule format-goes-on" in refusal([*rows, row], older, policy)
    assert refusal(rows, replace(older, number=row.number, follows=row.follows), policy) == ""

"""The freeze: signed and rehearsed, channels do not mix, and data that change after an opening are another period's."""

from dataclasses import replace

import pytest

from bdana.blinding.canonical import sha256
from bdana.cli.opening import describe
from bdana.errors import BlindingError
from bdana.opening.freeze import FORMAT, freeze


def test_a_freeze_edited_and_renamed_is_not_signed(search):
    frozen = search.freeze()
    body = {"frozen": {**frozen.body["frozen"], "seed": "2"}}
    row = replace(frozen, body=body)
    text = row.text
    row = replace(row, hash=sha256(text))
    folder = search.ledger.folder
    (folder / row.name).write_bytes(text)
    (folder / f"{row.name}.sig").write_bytes((folder / f"{frozen.name}.sig").read_bytes())
    (folder / frozen.name).unlink()
    with pytest.raises(BlindingError, match=r"does not follow|is not signed by ann"):
        search.opening.newest_freeze()


def test_a_request_of_another_channel_than_frozen_is_refused(search):
    search.freeze(channel="mumu")
    with pytest.raises(BlindingError, match="the freeze is of the channel mumu, not ee"):
        search.request("CR3", channel="ee")


def test_a_freeze_that_was_not_rehearsed_is_not_opened(search):
    frozen = search.opening.newest_freeze().body["frozen"]
    freeze(search.ledger, search.policy, "ann", search.keys["ann"], frozen | {"seed": "2"})
    with pytest.raises(BlindingError, match="this freeze was not rehearsed"):
        search.request("CR3")


def test_data_added_before_an_opening_need_a_new_freeze_and_after_it_a_new_period(search):
    search.freeze()
    named = {"period": "2021", "sha256": "1" * 64, "sealed": dict.fromkeys(search.files, "2" * 64)}
    search.ledger.append("seal", "bob", search.keys["bob"], {"manifests": {"more.manifest.json": named}})

    def freeze_with(more):
        sealed, manifests = {stage: search.read(stage) for stage in search.files}, search.recorded()
        if more:
            sealed = {stage: files | {f"more.{stage}.age": "2" * 64} for stage, files in sealed.items()}
            manifests |= {"1" * 64: "more.manifest.json"}
        search.freeze(sealed={"2021": sealed}, manifests={"2021": manifests})

    request = search.request("CR3")
    freeze_with(more=True)  # what was asked for before is void
    with pytest.raises(BlindingError, match="frozen again after this request"):
        search.open(request)
    freeze_with(more=False)
    search.open(search.request("CR3"))
    freeze_with(more=True)
    with pytest.raises(BlindingError, match="period"):
        search.request("CR2")


def test_a_failed_test_costs_a_reason_that_everybody_reads(search):
    fails = {"observed": {"CR3": 50}, "verdict": {"agrees": False}}
    search.open(search.request("CR3"), shown=lambda chunks: fails)
    with pytest.raises(BlindingError, match=r"CR3 did not agree .*--explain.*rule failure-is-explained"):
        search.freeze()
    with pytest.raises(BlindingError, match="rule failure-is-explained"):
        search.opening.may_freeze("ann", "")
    search.freeze(explains="the clock of one burst was wrong; the burst is left out")
    search.freeze()  # what comes after it needs no other
    asked = search.request("CR2")
    said = [line for line in describe(search.opening, asked, "rea") if isinstance(line, str)]
    assert (
        "freeze 2 of ann, after a failed agreement test: the clock of one burst was wrong; the burst is left out"
        in said
    )
    assert any("freeze 3 of this ledger" in line for line in said)


def test_what_was_frozen_once_may_be_frozen_again(search):
    """The command asks so before it runs the search: when it does not know yet what it will freeze."""
    search.opening.may_freeze("ann", "")
    search.freeze(format=FORMAT, sealed={}, manifests={})
    search.opening.may_freeze("ann", "")
    search.freeze(format=FORMAT, sealed={}, manifests={})

"""Attacks on the protocol of an opening: each is refused with a message that names the rule."""

import pyrage
import pytest

from bdana.blinding.canonical import sha256
from bdana.blinding.key_shares import KeyShares
from bdana.blinding.record import shares
from bdana.blinding.rules import append
from bdana.blinding.stage_keys import stage_recipients
from bdana.errors import BlindingError
from bdana.opening import steps
from bdana.opening.steps import Decrypted, Opening
from bdana.sealing.sealed_file import encrypt_events
from tests.attacks.search import Search, open_here, show
from tests.blinding.people import IDENTITIES, unsigned, wrong_share
from tests.searches import STAGES


def test_a_whole_search(search, publics):
    for i, stage in enumerate(STAGES[:-1]):
        assert search.open(search.request(stage)).body["outputs"] == {"observed": i + 1}
    request = search.request("SR")
    search.approve(request)
    assert search.open(request).body["outputs"] == {"observed": 5}
    assert search.opening.opened() == list(STAGES)
    assert unsigned(search.ledger, publics) == []


@pytest.mark.parametrize("stage", STAGES[1:])
def test_no_stage_before_its_turn(search, stage):
    with pytest.raises(BlindingError, match=f"{stage} is opened after"):
        search.request(stage)


def test_no_stage_before_its_turn_even_with_every_check_patched(search):
    """Ann writes requests by hand, with her shares, and rob puts them together with a program of his own."""
    parts = KeyShares(search.ledger, search.policy, "2021")
    honest = search.request("CR3")
    for stage in STAGES[1:-1]:
        shares = parts.release("ann", IDENTITIES["ann"], stage, "rob")
        body = honest.body | {"stage": stage, "shares": shares}
        request = search.ledger.append("request", "ann", search.keys["ann"], body)
        with pytest.raises(BlindingError, match=f"the key of {stage} is not complete: these shares do not"):
            parts.secret("rob", IDENTITIES["rob"], request)
    assert parts.secret("rob", IDENTITIES["rob"], honest).startswith(b"AGE-SECRET-KEY-1")


def test_the_signal_region_needs_the_convenor(search):
    search.open_up_to("CR")
    request = search.request("SR")
    with pytest.raises(BlindingError, match="SR needs 1 convenor, and 0 agreed"):
        search.open(request)
    search.approve(request, "bob")
    with pytest.raises(BlindingError, match="SR needs 1 convenor, and 0 agreed"):
        search.open(request)


@pytest.mark.parametrize(
    ("person", "opener", "message"),
    [
        ("rob", "rea", "an analyst requests an opening, and rob is reviewer"),
        ("ann", "bob", "bob is analyst; the opener is a reviewer or convenor"),
        ("ann", "ann", "ann is analyst; the opener is a reviewer or convenor"),
        ("ann", "con", "con is convenor; the opener is a reviewer or convenor with a share of CR3"),
        ("ann", "eve", "has no eve"),
    ],
)
def test_who_requests_and_who_opens(search, person, opener, message):
    with pytest.raises(BlindingError, match=message):
        search.request("CR3", person, opener)


def test_a_stage_that_is_not_there(search):
    with pytest.raises(BlindingError, match="there is no stage CRX; there are: CR3, CR2, CR1, CR, SR"):
        search.request("CRX")


def test_a_request_of_another_period(search):
    request = search.request("CR3")
    other = Opening(search.ledger, search.policy, "2022")
    with pytest.raises(BlindingError, match="the request is for period 2021, not 2022"):
        open_here(other, "rob", search.keys["rob"], IDENTITIES["rob"], request, [search.files["CR3"]], show)
    assert search.opening.opened() == []


def test_nobody_goes_on_after_a_stage_that_does_not_agree(search):
    verdict = {"observed": 9, "verdict": {"agrees": False}}
    search.open(search.request("CR3"), shown=lambda chunks: verdict)
    with pytest.raises(BlindingError, match="CR3 did not agree with its prediction"):
        search.request("CR2")


def test_nobody_without_a_part_approves(search):
    with pytest.raises(BlindingError, match="con holds no share of the key of CR3"):
        search.approve(search.request("CR3"), "con")


def test_a_wrong_part_names_its_owner(search):
    search.open_up_to("CR")
    request = search.request("SR")
    mine = next(s for s in shares(search.ledger.of_kind("keys")[0], "SR") if s.person == "con")
    part = {"sha256": mine.sha256, "sealed": wrong_share(IDENTITIES["rob"])}
    search.ledger.append("approve", "con", search.keys["con"], {"shares": [part]}, request)
    with pytest.raises(BlindingError, match="the share of con is wrong; ask for it again"):
        search.open(request)


def test_the_author_does_not_open(search):
    search.freeze("rob")
    with pytest.raises(BlindingError, match="rob is the author of the freeze and cannot open it"):
        search.request("CR3")


def test_only_the_named_opener_opens(search):
    with pytest.raises(BlindingError, match="the opener of this request is rob, not rea"):
        search.open(search.request("CR3"), "rea")


def test_nobody_approves_twice_over(search):
    request = search.request("CR3")
    for person in ("ann", "rob"):
        with pytest.raises(BlindingError, match=f"{person} requested this opening or is its opener"):
            search.approve(request, person)


def test_a_request_of_an_older_freeze_is_refused(search):
    request = search.request("CR3")
    search.freeze()
    for use in (search.open, lambda r: search.approve(r, "rea")):
        with pytest.raises(BlindingError, match="was frozen again after this request"):
            use(request)


def test_nothing_is_requested_without_a_freeze(tmp_path, keys):
    with pytest.raises(BlindingError, match="nothing is frozen"):
        Search(tmp_path, keys).request("CR3")


def test_a_withdrawn_request_does_not_open(search):
    request = search.request("CR3")
    search.opening.withdraw("ann", search.keys["ann"], request, "a mistake")
    with pytest.raises(BlindingError, match="ann withdrew the request"):
        search.open(request)


def test_a_withdrawn_approval_does_not_count(search):
    search.open_up_to("CR")
    request = search.request("SR")
    search.approve(request)
    search.opening.withdraw("con", search.keys["con"], request, "second thoughts")
    with pytest.raises(BlindingError, match="SR needs 1 convenor"):
        search.open(request)


def test_a_withdrawn_approval_is_given_again(search):
    search.open_up_to("CR")
    request = search.request("SR")
    search.approve(request)
    search.opening.withdraw("con", search.keys["con"], request, "second thoughts")
    assert search.opening.requests("SR") == [request]
    search.approve(request)
    search.open(request)
    assert "SR" in search.opening.opened()


@pytest.mark.parametrize("person", ["bob", "rob", "rea", "con"])
def test_nobody_takes_back_what_is_not_theirs(search, person):
    request = search.request("CR3")
    with pytest.raises(BlindingError, match=f"{person} has neither requested nor approved"):
        search.opening.withdraw(person, search.keys[person], request, "not mine")


def test_a_withdrawal_of_somebody_elses_consent_takes_nothing_back(search):
    request = search.request("CR3")
    body = {"reason": "not mine", "takes_back": [request.hash]}
    search.ledger.append("withdraw", "bob", search.keys["bob"], body, request)
    assert search.opening.record.consents(request) == [request]
    with pytest.raises(BlindingError, match="rule takes-back-own"):
        search.open(request)


def test_nobody_approves_a_request_twice(search):
    search.open_up_to("CR")
    request = search.request("SR")
    search.approve(request)
    with pytest.raises(BlindingError, match="con has approved this request already"):
        search.approve(request)


def test_an_opening_that_began_is_not_withdrawn(search):
    request = search.request("CR3")
    search.open(request)
    with pytest.raises(BlindingError, match="began already"):
        search.opening.withdraw("ann", search.keys["ann"], request, "too late")


def test_an_opener_who_reads_another_file_ends_nothing(search, monkeypatch):
    """The program compares nothing, and says which file it read."""
    request, frozen = (
        search.request("CR3"),
        search.ledger.of_kind("freeze")[-1].body["frozen"]["sealed"]["2021"],
    )
    public = stage_recipients(search.ledger, search.policy, "2021")["CR3"]
    search.files["CR3"].write_bytes(encrypt_events([], public, 8192))
    monkeypatch.setattr(steps, "sha256", lambda content: frozen["CR3"]["run.CR3.age"])
    with monkeypatch.context() as patch:
        patch.setattr(Opening, "_end", lambda self, *said: said[3])
        decrypted = search.open(request)
    told = Decrypted(decrypted.link, {"run.CR3.age": sha256(search.files["CR3"].read_bytes())}, {})
    with pytest.raises(BlindingError, match="rule ends-with-the-frozen-files"):
        search.opening.run("rob", search.keys["rob"], request, lambda: told, lambda _: {})
    assert not search.ledger.of_kind("end")


def test_a_sealed_file_made_with_the_public_key_is_refused(search):
    request = search.request("CR3")
    public = stage_recipients(search.ledger, search.policy, "2021")["CR3"]
    search.files["CR3"].write_bytes(encrypt_events([], public, 8192))
    with pytest.raises(BlindingError, match="the sealed files of CR3 are not those that were frozen"):
        search.open(request)
    assert search.opening.opened() == []


def test_another_identity_is_refused(search):
    stranger = pyrage.x25519.Identity.generate()
    with pytest.raises(BlindingError, match="is not the one that ann joined with"):
        search.opening.request("ann", search.keys["ann"], stranger, "CR3", "mumu", "rob")


def test_a_row_signed_by_somebody_else_stops_everything(search):
    search.ledger.append("seen", "con", search.keys["ann"], {"reason": "forged"})
    with pytest.raises(BlindingError, match="is not signed by con"):
        search.request("CR3")


def test_an_opening_that_died_counts_and_runs_again(search):
    request = search.request("CR3")

    def die(chunks):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        search.open(request, shown=die)
    assert search.opening.opened() == ["CR3"]
    search.open(request)
    with pytest.raises(BlindingError, match="was opened with this request already"):
        search.open(request)
    assert len(search.ledger.of_kind("begin")) == len(search.ledger.of_kind("end")) == 1


def test_an_opening_that_died_before_its_verdict_gives_the_same(search, monkeypatch):
    request = search.request("CR3")

    def judged(chunks):
        return show(chunks) | {"verdict": {"observed": 1, "p_n": 0.5, "p_l": 0.5, "agrees": True}}

    def die(*given):
        if given[2] == "verdict":
            raise KeyboardInterrupt
        return append(*given)

    with monkeypatch.context() as patch:
        patch.setattr("bdana.opening.steps.append", die)
        with pytest.raises(KeyboardInterrupt):
            search.open(request, shown=judged)
    with pytest.raises(BlindingError, match="gave other outputs"):
        search.open(request, shown=lambda chunks: {"observed": 99})
    search.open(request, shown=judged)
    assert [len(search.ledger.of_kind(kind)) for kind in ("begin", "end", "verdict")] == [1, 1, 1]


def test_a_fix_after_a_stage_keeps_the_next_ones_closed_to_it(search):
    search.open_up_to("CR3")
    search.freeze()
    search.open(search.request("CR2"))
    assert search.opening.opened() == ["CR3", "CR2"]

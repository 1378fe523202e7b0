"""Rows that their person signed, but that the protocol does not allow: `verify` and whatever reads the ledger refuse them."""

import copy

import pytest

from bdana.blinding import key_shares as shares_module
from bdana.blinding.canonical import canonical
from bdana.blinding.rules import require_sound
from bdana.errors import BlindingError
from tests.blinding.people import IDENTITIES, wrong_share
from tests.searches import STAGES

REFUSED = {"observed": {"SR": 99}}


def forge(search, kind, person, **body):
    """Write a row by hand, signed by its person."""
    return search.ledger.append(kind, person, search.keys[person], body)


def asked(search, **changes):
    """Return what a request for CR3 says, with changes."""
    row = search.request("CR3")
    search.opening.withdraw("ann", search.keys["ann"], row, "asked for by hand")
    return dict(row.body) | {"head": row.hash} | changes


def ended(search):
    return search.open(search.request("CR3"))


def begin_after(search, request):
    search.freeze()
    forge(search, "begin", "rob", **beginning(request))


def begun(search):
    request = search.request("CR3")
    forge(search, "begin", "rob", **beginning(request))
    return request


def beginning(request, **changes):
    """Return what the begin of an opening with the consent of its analyst and opener says."""
    return {"request": request.hash, "stage": request.body["stage"], "approvals": [request.hash]} | changes


def end_by(search, person, stage):
    request = begun(search)
    forge(search, "end", person, request=request.hash, stage=stage, outputs=REFUSED, link="", read={})


def failed(chunks):
    return {"observed": {"CR3": 50}, "verdict": {"agrees": False}}


def other_verdict(search):
    request = search.request("CR3")
    append = search.ledger.append
    try:  # the opener's process dies before the verdict, which the opener then writes by hand
        object.__setattr__(search.opening, "ledger", Dying(search.ledger, "verdict"))
        with pytest.raises(KeyboardInterrupt):
            search.open(request, shown=failed)
    finally:
        object.__setattr__(search.opening, "ledger", search.ledger)
    (end,) = search.ledger.of_kind("end")
    append("verdict", "rob", search.keys["rob"], {"end": end.hash, "stage": "CR3", "agrees": True})


class Dying:
    """A ledger whose process dies before it writes a row of some kind."""

    def __init__(self, ledger, kind):
        self.ledger, self.kind = ledger, kind

    def __getattr__(self, name):
        return getattr(self.ledger, name)

    def append(self, kind, *args, **kwargs):
        if kind == self.kind:
            raise KeyboardInterrupt
        return self.ledger.append(kind, *args, **kwargs)


def beside(search, kind, body):
    request = search.request("CR3")
    return search.ledger.append(kind, "rea", search.keys["rea"], body, request)


def shares_of(search, person, stage="CR3"):
    held = search.opening.record.shares("2021", stage)
    return [{"sha256": share.sha256, "sealed": ""} for share in held if share.person == person]


def keys(search, **changes):
    (row,) = search.ledger.of_kind("keys")
    forge(search, "keys", "bob", **dict(row.body) | changes)


def held_by_ann(search):
    (row,) = search.ledger.of_kind("keys")
    stages = copy.deepcopy(row.body["stages"])
    for share in stages["CR3"]["shares"]:
        share |= {"person": "ann", "group": ["ann"]}
    return stages


def hand_over(search, to, keys=None):
    named = keys or search.ledger.of_kind("keys")[-1].hash
    forge(search, "handover", "ann", keys=named, to=to, shares={}, links={})


SAYS_NOTHING = "does not say what such a row says"
FORGED = {
    "sealed files by an analyst": (
        lambda s: forge(s, "seal", "ann", policy=s.policy.sha256, manifests={}), "rule production-signs"),
    "a rehearsal of nothing": (lambda s: forge(s, "rehearse", "ann", freeze="0" * 64), "rule rehearses-a-freeze"),
    "a request by a reviewer": (
        lambda s: forge(s, "request", "rea", **asked(s)), "rule analysts-request"),
    "a request of no freeze": (lambda s: forge(s, "request", "ann", **asked(s, freeze="0" * 64)), "rule freeze-is-the-newest"),
    "a request with an old head": (
        lambda s: forge(s, "request", "ann", **asked(s, head="0" * 64)), "rule names-the-row-before"),
    "a request of no stage": (lambda s: forge(s, "request", "ann", **asked(s, stage="CR9")), "rule stage-of-the-policy"),
    "a request of no period": (lambda s: forge(s, "request", "ann", **asked(s, period="1999")), "rule period-as-frozen"),
    "an analyst as opener": (lambda s: forge(s, "request", "ann", **asked(s, opener="bob")), "rule role-may-open"),
    "the signal region first": (
        lambda s: forge(s, "request", "ann", **asked(s, stage="SR")), "rule stage-in-its-turn"),
    "a begin of nothing": (lambda s: forge(s, "begin", "rob", request="0" * 64, stage="CR3", approvals=[]), "rule opening-is-asked-for"),
    "a begin by an analyst": (
        lambda s: forge(s, "begin", "bob", **beginning(s.request("CR3"))), "rule named-opener-opens"),
    "a begin of another stage": (
        lambda s: forge(s, "begin", "rob", **beginning(s.request("CR3"), stage="SR")), "rule is-of-the-stage-asked-for"),
    "a begin before the stage before": (
        lambda s: (s.request("CR3"), forge(s, "begin", "rob", **beginning(s.request("CR2")))), "rule stage-in-its-turn"),
    "a begin with an older freeze": (
        lambda s: begin_after(s, s.request("CR3")), "rule freeze-is-the-newest"),
    "a begin without the convenor": (
        lambda s: (s.open_up_to("CR"), forge(s, "begin", "rob", **beginning(s.request("SR")))),
        "rule quorum-agreed"),
    "a begin that rests on nothing": (
        lambda s: forge(s, "begin", "rob", **beginning(s.request("CR3"), approvals=[])), "rule request-stands"),
    "the signal region with the control regions asked for": (
        lambda s: (
            [s.request(stage) for stage in STAGES[:-1]],
            forge(s, "request", "ann", **dict(s.ledger.of_kind("request")[-1].body) | {
                "stage": "SR", "head": s.ledger.head, "shares": shares_of(s, "ann", "SR")})),
        "rule stage-in-its-turn"),
    "an end of nothing": (
        lambda s: forge(s, "end", "ann", request="0" * 64, stage="SR", outputs=REFUSED, link="", read={}), "rule ends-what-began"),
    "an end without begin": (
        lambda s: forge(s, "end", "rob", request=s.request("CR3").hash, stage="CR3", outputs=REFUSED, link="", read={}),
        "rule ends-what-began"),
    "a second end": (
        lambda s: forge(s, "end", "rob", **dict(ended(s).body) | {"outputs": REFUSED}), "rule ends-once"),
    "an end by another": (lambda s: end_by(s, "rea", "CR3"), "rule named-opener-opens"),
    "an end of another stage": (lambda s: end_by(s, "rob", "SR"), "rule is-of-the-stage-asked-for"),
    "a verdict by another": (
        lambda s: forge(s, "verdict", "rea", end=ended(s).hash, stage="CR3"), "rule verdict-of-an-end"),
    "a verdict of nothing": (lambda s: forge(s, "verdict", "rob", end="0" * 64, stage="CR3"), "rule verdict-of-an-end"),
    "a verdict that was not reached": (
        lambda s: forge(s, "verdict", "rob", end=ended(s).hash, stage="CR3", agrees=True), "rule verdict-as-the-end-says"),
    "another verdict than reached": (
        other_verdict, "rule verdict-as-the-end-says"),
    "a request that says nothing": (lambda s: forge(s, "request", "ann"), SAYS_NOTHING),
    "a join that says nothing": (lambda s: forge(s, "join", "ann"), SAYS_NOTHING),
    "keys that say nothing": (lambda s: forge(s, "keys", "ann"), SAYS_NOTHING),
    "sealed files that say nothing": (lambda s: forge(s, "seal", "bob"), SAYS_NOTHING),
    "a handover that says nothing": (lambda s: forge(s, "handover", "ann"), SAYS_NOTHING),
    "a freeze that says nothing": (lambda s: forge(s, "freeze", "ann"), SAYS_NOTHING),
    "seen without a reason": (lambda s: forge(s, "seen", "ann"), SAYS_NOTHING),
    "an approval that says nothing": (lambda s: beside(s, "approve", {}), f"approve-rea-.* {SAYS_NOTHING}"),
    "an approval of no parts": (lambda s: beside(s, "approve", {"shares": [{}]}), f"approve-rea-.* {SAYS_NOTHING}"),
    "a withdrawal that says nothing": (lambda s: beside(s, "withdraw", {}), f"withdraw-rea-.* {SAYS_NOTHING}"),
    "a reason that is none": (lambda s: forge(s, "seen", "ann", reason=1), SAYS_NOTHING),
    "parts without links": (
        lambda s: forge(s, "handover", "ann", keys=s.ledger.of_kind("keys")[-1].hash, to="bob", shares={}), SAYS_NOTHING),
    "an end without a link": (
        lambda s: (begun(s), forge(s, "end", "rob", request=s.ledger.of_kind("request")[-1].hash, stage="CR3", outputs=REFUSED)),
        SAYS_NOTHING),
    "a part that is none": (lambda s: beside(s, "approve", {"shares": [share | {"sealed": 1} for share in shares_of(s, "rea")]}), SAYS_NOTHING),
    "a manifest without a hash": (lambda s: forge(s, "seal", "bob", manifests={"run": {"sha256": 1}}), SAYS_NOTHING),
    "keys of a period that has keys": (keys, "rule keys-once"),
    "keys after an opening began": (
        lambda s: (ended(s), keys(s, replaces=s.ledger.of_kind("keys")[-1].hash)), "rule keys-stay-after-an-opening"),
    "keys of another policy": (lambda s: keys(s, policy="0" * 64), "rule keys-of-the-policy"),
    "keys of no period": (lambda s: keys(s, period="1999"), "rule keys-of-a-period"),
    "keys that one person holds": (
        lambda s: keys(s, replaces=s.ledger.of_kind("keys")[-1].hash, stages=held_by_ann(s)), "rule keys-for-the-quorum"),
    "parts to another role": (lambda s: hand_over(s, "con"), "rule shares-stay-with-their-role"),
    "parts to nobody": (lambda s: hand_over(s, "nobody"), "rule shares-stay-with-their-role"),
    "parts of no keys": (lambda s: hand_over(s, "bob", keys="0" * 64), "rule hands-over-keys"),
    "parts to a holder": (lambda s: hand_over(s, "bob"), "rule one-share-each"),
}  # fmt: skip


@pytest.mark.parametrize("name", FORGED)
def test_a_signed_row_that_the_protocol_does_not_allow(search, name):
    write, message = FORGED[name]
    require_sound(search.ledger, search.policy)
    write(search)
    with pytest.raises(BlindingError, match=message):
        require_sound(search.ledger, search.policy)
    with pytest.raises(BlindingError, match=message):
        search.request("CR3")


def test_a_whole_search_is_sound(search):
    search.open_up_to("CR")
    request = search.request("SR")
    search.approve(request)
    search.open(request)
    require_sound(search.ledger, search.policy)


def test_no_key_without_a_row_that_says_so(search, monkeypatch):
    """The row `begin` is written before the parts are put together."""
    begun = []

    def combined(parts):
        begun.append(search.opening.opened())
        return together(parts)

    together = shares_module.combine
    monkeypatch.setattr(shares_module, "combine", combined)
    search.open(search.request("CR3"))
    assert begun == [["CR3"]]


@pytest.mark.parametrize("died", ["end", "verdict"])
def test_a_failed_test_counts_even_if_its_verdict_was_not_written(search, died):
    request = search.request("CR3")
    object.__setattr__(search.opening, "ledger", Dying(search.ledger, died))
    with pytest.raises(KeyboardInterrupt):
        search.open(request, shown=failed)
    object.__setattr__(search.opening, "ledger", search.ledger)
    message = "CR3 did not agree with its prediction" if died == "verdict" else "CR2 is opened after CR3"
    after = search.request("CR2") if died == "end" else None
    with pytest.raises(BlindingError, match=message):
        search.open(after) if after else search.request("CR2")
    search.open(request, shown=failed)
    (verdict,) = search.ledger.of_kind("verdict")
    assert canonical(verdict.body["agrees"]) == b"false"
    with pytest.raises(BlindingError, match="CR3 did not agree with its prediction"):
        search.open(after) if after else search.request("CR2")


def test_parts_are_looked_at_before_the_opening_begins(search):
    honest = asked(search)
    wrong = [share | {"sealed": wrong_share(IDENTITIES["rob"])} for share in honest["shares"]]
    request = forge(search, "request", "ann", **honest | {"shares": wrong})
    with pytest.raises(BlindingError, match="the share of ann is wrong"):
        search.open(request)
    assert search.opening.opened() == []

"""Rule by rule: a program without one check writes a row, properly signed, and `verify` refuses it by that rule's name."""

import base64
import inspect
import shutil
from typing import get_args

import pyrage
import pytest

from bdana.blinding import rule_table
from bdana.blinding import rules as rules_module
from bdana.blinding.hidden import answer_of, sealed_answer
from bdana.blinding.ledger import Kind, Ledger, Row
from bdana.blinding.record import shares
from bdana.blinding.rule_table import OF_EVERY_ROW, ROW_FIELDS, RULES, broken, name_of
from bdana.blinding.rules import append, require_sound
from bdana.blinding.stage_keys import join, make_key, make_keys, make_period, stage_recipients
from bdana.blinding.verdict import verdict_of
from bdana.errors import BlindingError
from bdana.opening.freeze import freeze
from bdana.opening.steps import Opening
from bdana.sealing.sealed_file import encrypt_events
from tests.attacks.search import Search
from tests.attacks.test_approvals import with_table
from tests.attacks.test_protocol import beginning, failed, held_by_ann, shares_of
from tests.blinding.people import IDENTITIES, ROLES, recipient
from tests.searches import FROZEN, STAGES

NOBODY = "0" * 64
MANIFESTS = {"2021": {"1" * 64: "run.json"}}
HIDDEN = {"mass_mev": 411.0, "mode": "mumu", "events": {"SR": [[11001, 1, 5], [11001, 2, 7], [11001, 2, 9]]}}


def write(search, kind, person, of=None, /, **body):
    return append(search.ledger, search.policy, kind, person, search.keys[person], body, of)


def other(policy, capacity):
    """Return the policy with another capacity of SR."""
    made = policy.stages["SR"].model_copy(update={"capacity_kib": capacity})
    return policy.model_copy(update={"stages": policy.stages | {"SR": made}})


def change(search, before, after, person="ann"):
    bodies = [policy.model_dump(mode="json") for policy in (before, after)]
    return write(search, "policy", person, before=bodies[0], after=bodies[1])


def without_con(search):
    """Give the search a ledger in which con has not joined, and nothing else was done."""
    search.ledger = Ledger(search.ledger.folder.with_name("without con"))
    search.opening = Opening(search.ledger, search.policy, "2021")
    for name in ROLES.keys() - {"con"}:
        join(search.policy, search.ledger, name, search.keys[name], recipient(name))
    return search


def keys_again(search, **changes):
    (row,) = search.ledger.of_kind("keys")
    return write(search, "keys", "bob", **dict(row.body) | {"replaces": row.hash} | changes)


def asking(search, **changes):
    """Return what a request of ann for CR3 says, with changes."""
    shares = shares_of(search, "ann")
    body = search.opening._asking(search.opening.record, "CR3", "mumu", "rob", shares)
    return body | changes


def hand_over(search, giver, to, **changes):
    keys = search.ledger.of_kind("keys")[0].hash
    return write(search, "handover", giver, **{"keys": keys, "to": to, "shares": {}, "links": {}} | changes)


def with_zoe_as_reviewer(search):
    search.add_zoe()
    return search


def unlike(search, file):
    """Freeze with the manifests that are recorded, and other hashes of the sealed files of CR2."""
    manifests, sealed = search.recorded(), {stage: search.read(stage) for stage in STAGES}
    search.freeze(manifests={"2021": manifests}, sealed={"2021": sealed | {"CR2": file}})


def sealed_again(search, **changes):
    """Record a manifest with the hashes of the sealed files, with changes, and freeze them with it."""
    named = {"period": "2021", "sha256": NOBODY, "sealed": dict.fromkeys(STAGES, "1" * 64)} | changes
    write(search, "seal", "bob", manifests={"run2.json": named})
    search.freeze(
        manifests={"2021": {NOBODY: "run2.json"}},
        sealed={"2021": {name: {f"run2.{name}.age": "1" * 64} for name in STAGES}},
    )


def opened(search, **how):
    return search.open(search.request("CR3"), **how)


def judged(number, **changes):
    """Return the outputs of an opening of CR3 that counts some candidates, with changes of its verdict."""
    verdict = verdict_of(FROZEN, "CR3", number) | changes
    return {"observed": {"CR3": number}, "verdict": {k: v for k, v in verdict.items() if v is not None}}


def begun(search, **changes):
    request = search.request("CR3")
    write(search, "begin", "rob", **beginning(request, **changes))
    return request


def ending(search, request, **changes):
    said = {"request": request.hash, "stage": "CR3", "outputs": {}, "link": ""}
    return said | {"read": search.read("CR3")} | changes


def abandon(search, request, person="rob", stage="CR3"):
    return write(search, "abandon", person, request=request.hash, stage=stage, reason="the selection fails")


def another_file(search):
    """Exchange the sealed file of CR2 after CR3 was opened, and freeze again."""
    opened(search)
    public = stage_recipients(search.ledger, search.policy, "2021")["CR2"]
    search.files["CR2"].write_bytes(encrypt_events([], public, 8192))
    search.freeze()
    search.open(search.request("CR2"), shown=lambda chunks: {})


def rea_has_a_new_key(search):
    search.change(ROLES, rea=search.keys["zac"])
    search.freeze()
    write(search, "request", "ann", **asking(search, opener="rea"))


def not_rehearsed(search):
    freeze(
        search.ledger, search.policy, "ann", search.keys["ann"], search.opening.newest_freeze().body["frozen"]
    )
    search.request("CR3")


def frozen_before_the_change(search):
    search.freeze()
    request = search.request("CR3")
    search.add_zoe()
    search.open(request)


def withdrawn_approval(search):
    request = search.request("CR3")
    approval = search.approve(request, "rea")
    search.opening.withdraw("rea", search.keys["rea"], request, "second thoughts")
    write(search, "begin", "rob", **beginning(request, approvals=[request.hash, approval.hash]))


def without_its_quorum(search):
    search.freeze()
    begun(search)


def hide(search, person="bob", **changes):
    """Hide three decays in SR, in data that are recorded."""
    data = {"run": {"period": "2021", "sha256": "1" * 64, "sealed": {}}}
    write(search, "seal", "bob", manifests=data)
    return hide_row(search, person, data, **changes)


def hide_row(search, person, data, holder=None, **changes):
    recipients = {name: recipient(name) for name in ROLES}
    key, _ = make_key(search.policy, search.policy.stages["SR"], recipients, None)
    if holder:
        key["shares"] = [share | {"person": holder, "group": [holder]} for share in key["shares"]]
    body = {"stages": {"SR": key}, "answer": sealed_answer(HIDDEN, key["public"]), "manifests": data}
    return write(search, "hide", person, **body | changes)


def open_cr3(search):
    search.freeze()
    return opened(search)


def claim(search, hidden, person="ann"):
    return write(search, "claim", person, hidden=hidden.hash, events={"CR3": 1})


def in_clear(hidden, person):
    """Return the shares that somebody has of the key of what is hidden."""
    return [
        {"sha256": share.sha256, "sealed": base64.b64encode(
            pyrage.decrypt(base64.b64decode(share.sealed), [IDENTITIES[person]])).decode()}
        for share in shares(hidden, "SR") if share.person == person
    ]  # fmt: skip


def reveal(search, hidden, person, shares_from=None, answer=None):
    """Agree to reveal what is hidden; the last of the quorum says what it was."""
    body = {"hidden": hidden.hash, "shares": in_clear(hidden, shares_from or person), "answer": {}}
    rows = search.ledger.rows()
    row = Row.after(rows, "reveal", person, body)
    found = answer_of(hidden, search.policy, [*(r for r in rows if r.kind == "reveal"), row])
    return write(search, "reveal", person, **body | {"answer": found if answer is None else answer})


def twice(step):
    return lambda search: (step(search), step(search))


ALONE = {
    "says-what-it-must": lambda s: write(s, "withdraw", "ann", r := s.request("CR3"), takes_back=[r.hash]),
    "names-the-head-it-saw": lambda s: write(
        s, "approve", "rea", s.request("CR3"), shares=shares_of(s, "rea"), head=NOBODY),
    "joins-with-age": lambda s: write(s, "join", "ann", policy=s.policy.sha256, recipient="age1nonsense"),
    "joins-once": lambda s: join(s.policy, s.ledger, "ann", s.keys["ann"], recipient("ann")),
    "changes-the-policy-in-force": lambda s: change(s, other(s.policy, 1), other(s.policy, 2)),
    "changes-something": lambda s: change(s, s.policy, s.policy),
    "everybody-has-joined: a change": lambda s: change(without_con(s), s.policy, other(s.policy, 1)),
    "people-stay-who-they-are": lambda s: change(s, s.policy, s.policy.model_copy(update={
        "people": s.policy.people | {"bob": s.policy.people["bob"].model_copy(update={"role": "reviewer"})}})),
    "signs-a-change-once": twice(lambda s: change(s, s.policy, other(s.policy, 1))),
    "keys-of-the-policy": lambda s: keys_again(s, policy=NOBODY),
    "keys-of-a-period": lambda s: write(s, "keys", "bob", **dict(s.ledger.of_kind("keys")[0].body) | {"period": "1999"}),
    "everybody-has-joined: keys": lambda s: write(without_con(s), "keys", "bob", policy=s.policy.sha256, period="2021",
        stages=make_keys(s.policy, {name: recipient(name) for name in ROLES})),
    "keys-once": lambda s: write(s, "keys", "bob", **dict(s.ledger.of_kind("keys")[0].body)),
    "keys-stay-after-an-opening": lambda s: (
        opened(s), make_period(s.policy, s.ledger, "2021", "bob", s.keys["bob"], again=True)),
    "keys-for-the-quorum": lambda s: keys_again(s, stages=held_by_ann(s)),
    "one-share-each": lambda s: hand_over(s, "rob", "rea"),
    "production-signs": lambda s: write(s, "seal", "ann", manifests={}),
    "manifests-are-named": lambda s: write(s, "seal", "bob", manifests={"run": {"sha256": 1, "sealed": {}}}),
    "seen-names-regions": lambda s: write(s, "seen", "ann", regions=["CR9"], reason="a plot"),
    "says-why": lambda s: write(s, "seen", "ann", regions=["CR3"], reason=" "),
    "freeze-is-the-newest": lambda s: (r := s.request("CR3"), s.freeze(), s.open(r)),
    "rehearses-a-freeze": lambda s: write(s, "rehearse", "ann", freeze=NOBODY),
    "freeze-was-rehearsed": not_rehearsed,
    "analysts-request": lambda s: s.request("CR3", "rob", "rea"),
    "names-the-row-before": lambda s: write(s, "request", "ann", **asking(s, head=NOBODY)),
    "freeze-after-the-keys": lambda s: (
        make_period(s.policy, s.ledger, "2021", "bob", s.keys["bob"], again=True), s.request("CR3")),
    "opened-data-stay": another_file,
    "channel-as-frozen": lambda s: s.open(s.request("CR3", channel="ee")),
    "role-may-open": lambda s: s.request("CR3", opener="bob"),
    "opener-is-not-the-author": lambda s: (s.freeze("rob"), s.open(s.request("CR3"))),
    "stage-in-its-turn": lambda s: s.request("CR2"),
    "failure-stops": lambda s: (opened(s, shown=failed), s.open(s.request("CR2"))),
    "failure-is-explained": lambda s: (opened(s, shown=failed), s.freeze(explains=" ")),
    "nothing-was-abandoned": lambda s: (abandon(s, begun(s)), s.request("CR3", opener="rea")),
    "openings-are-done": lambda s: (begun(s), s.freeze()),
    "abandoned-is-explained": lambda s: (abandon(s, begun(s)), s.freeze(explains=" ")),
    "asks-once": twice(lambda s: s.request("CR3")),
    "approves-what-is-closed": lambda s: (r := s.request("CR3"), s.open(r), s.approve(r, "rea")),
    "nobody-agrees-twice": lambda s: s.approve(s.request("CR3"), "rob"),
    "approves-once": lambda s: (r := s.request("CR3"), s.approve(r, "rea"), s.approve(r, "rea")),
    "releases-own-shares": lambda s: write(s, "approve", "rea", s.request("CR3"), shares=shares_of(s, "bob")),
    "shares-are-shares": lambda s: write(
        s, "request", "ann", **asking(s, shares=[share | {"sealed": 1} for share in shares_of(s, "ann")])),
    "withdraws-before-the-opening": lambda s: s.opening.withdraw("ann", s.keys["ann"], begun(s), "too late"),
    "takes-back-own": lambda s: s.opening.withdraw("bob", s.keys["bob"], s.request("CR3"), "not mine"),
    "named-opener-opens": lambda s: write(s, "begin", "rea", **beginning(s.request("CR3"))),
    "is-of-the-stage-asked-for: a begin": lambda s: begun(s, stage="SR"),
    "begins-once": lambda s: write(s, "begin", "rob", **beginning(begun(s))),
    "request-stands": lambda s: (
        r := s.request("CR3"), s.opening.withdraw("ann", s.keys["ann"], r, "a mistake"),
        write(s, "begin", "rob", **beginning(r))),
    "approvals-stand": withdrawn_approval,
    "ends-what-began": lambda s: write(s, "end", "rob", **ending(s, s.request("CR3"))),
    "ends-once": lambda s: (r := begun(s), write(s, "end", "rob", **ending(s, r)), write(s, "end", "rob", **ending(s, r))),
    "named-opener-opens: an end": lambda s: write(s, "end", "rea", **ending(s, begun(s))),
    "ends-what-stands": lambda s: (r := begun(s), abandon(s, r), write(s, "end", "rob", **ending(s, r))),
    "abandons-what-began": lambda s: (r := s.request("CR3"), s.open(r), abandon(s, r)),
    "opener-or-convenor-abandons": lambda s: abandon(s, begun(s), "rea"),
    "is-of-the-stage-asked-for: given up": lambda s: abandon(s, begun(s), stage="CR2"),
    "verdict-of-an-end": lambda s: write(s, "verdict", "rea", stage="CR3", end=write(
        s, "end", "rob", **ending(s, begun(s), outputs={"verdict": {}})).hash),
    "verdict-once": lambda s: write(
        s, "verdict", "rob", end=opened(s, shown=lambda _: {"verdict": {}}).hash, stage="CR3"),
    "verdict-as-the-end-says": lambda s: write(s, "verdict", "rob", end=opened(s).hash, stage="CR3", agrees=True),
    "verdict-is-on-the-prediction": lambda s: (
        s.freeze(**FROZEN), opened(s, shown=lambda _: judged(2, expected=1.6))),
    "ends-with-what-is-declared": lambda s: (
        s.freeze(outputs=["observed"]), opened(s, shown=lambda _: {"observed": {"CR3": 2}, "tracks": [1.5]})),
    "ends-with-the-verdict-of-its-count": lambda s: (
        s.freeze(**FROZEN), opened(s, shown=lambda _: judged(2) | {"observed": {"CR3": 40}})),
    "ends-with-the-frozen-files": lambda s: (
        write(s, "end", "rob", **ending(s, begun(s), read={"run.CR3.age": NOBODY}))),
    "freezes-recorded-data": lambda s: s.freeze(manifests=MANIFESTS),
    "freezes-recorded-files": lambda s: unlike(s, {"run.CR2.age": NOBODY}),
}  # fmt: skip
"""By rule: how a program that lacks this check alone writes a row that breaks it."""
OF_CHANGES = {
    "hands-over-keys": lambda s: (
        with_zoe_as_reviewer(s), make_period(s.policy, s.ledger, "2021", "bob", s.keys["bob"], again=True),
        hand_over(s, "rob", "zoe")),
    "shares-stay-with-their-role": lambda s: (with_zoe_as_reviewer(s), s.hand_over("ann")),
    "newcomers-have-joined": lambda s: (s.change(ROLES | {"zoe": "reviewer"}), s.hand_over("rob")),
    "hands-over-own-shares": lambda s: (with_zoe_as_reviewer(s), hand_over(
        s, "rob", "zoe", shares={share["sha256"]: "" for share in shares_of(s, "ann")})),
    "releases-a-share": lambda s: (
        with_zoe_as_reviewer(s), s.freeze(), write(s, "approve", "zoe", s.request("CR3"), shares=[])),
    "freeze-is-of-the-policy": frozen_before_the_change,
    "opener-has-joined": rea_has_a_new_key,
    "opener-has-a-share": lambda s: (with_zoe_as_reviewer(s), s.freeze(), s.request("CR3", opener="zoe")),
}  # fmt: skip
"""The same, in a search whose policy changes."""
OF_HIDDEN = {
    "hides-once": twice(hide),
    "hides-before-anything-is-frozen": lambda s: (s.freeze(), hide(s)),
    "hides-in-sealed-data": lambda s: hide(s, manifests={"run": {"sha256": NOBODY}}),
    "hides-for-the-quorum": lambda s: hide(s, holder="ann"),
    "something-is-hidden": lambda s: (hide(s), open_cr3(s), write(s, "claim", "ann", hidden=NOBODY, events={"CR3": 1})),
    "analysts-claim": lambda s: (h := hide(s), open_cr3(s), claim(s, h, "bob")),
    "claims-once": lambda s: (h := hide(s), open_cr3(s), claim(s, h), claim(s, h)),
    "claims-before-the-reveal": lambda s: (
        h := hide(s), open_cr3(s), claim(s, h), reveal(s, h, "con"), claim(s, h)),
    "claims-what-was-opened": lambda s: claim(s, hide(s)),
    "reveals-after-a-claim": lambda s: reveal(s, hide(s), "con"),
    "reveals-once": lambda s: (h := hide(s), open_cr3(s), claim(s, h), reveal(s, h, "con"), reveal(s, h, "con")),
    "reveals-own-shares": lambda s: (h := hide(s), open_cr3(s), claim(s, h), reveal(s, h, "con", shares_from="rob")),
    "reveals-what-was-hidden": lambda s: (
        h := hide(s), open_cr3(s), claim(s, h), reveal(s, h, "con"), reveal(s, h, "rob"),
        reveal(s, h, "ann", answer={"events": {}})),
}  # fmt: skip
"""The same, in a search in which nothing is frozen, with a sealed injection."""
FOR_THREE = {"quorum-agreed": without_its_quorum}
"""The same, in a search whose CR3 needs a convenor too."""
ALL_GONE = {
    "freeze-is-there": lambda s: (
        shutil.rmtree(s.ledger.folder), without_con(s), write(s, "request", "ann", **asking(s, freeze=""))),
    "opening-is-asked-for": lambda s: write(s, "begin", "rob", request=NOBODY, stage="CR3", approvals=[]),
    "stage-of-the-policy": lambda s: write(s, "request", "ann", **asking(s, stage="CR9")),
    "period-as-frozen": lambda s: write(s, "request", "ann", **asking(s, period="1999")),
    "opening-has-keys": lambda s: (
        without_con(s), s.freeze(), write(s, "request", "ann", **asking(s, shares=[]))),
}  # fmt: skip
"""Where other rules stand behind: a program without any check writes the row, and this rule is the first that it breaks."""
BEHIND = {"claims-before-the-reveal", "nothing-was-abandoned"}
"""The same, for rules with a way to be broken above."""
BY_SIGNATURE = {"person-of-the-policy"}
"""Whoever is not in the policy cannot sign: the signature is refused before any rule is asked."""
WRITTEN = ALONE | OF_CHANGES | OF_HIDDEN | FOR_THREE | ALL_GONE


def rule_of(name):
    """Return the rule that is broken; behind a colon stands in which of several kinds of rows."""
    return name.partition(":")[0]


def test_every_rule_is_tried():
    named = {name_of(rule) for rules in (OF_EVERY_ROW, *RULES.values()) for rule in rules}
    assert named == {rule_of(name) for name in WRITTEN} | BY_SIGNATURE


def test_every_rule_is_in_the_table_and_says_something():
    functions = [
        f
        for _, f in inspect.getmembers(rule_table, inspect.isfunction)
        if f.__module__ == rule_table.__name__
    ]
    rules = {rule for listed in (OF_EVERY_ROW, *RULES.values()) for rule in listed}
    takes_a_case = {
        f
        for f in functions
        if [*inspect.signature(f).parameters] == ["case"] and (f.__doc__ or "A")[0].islower()
    }
    assert takes_a_case <= rules
    assert all(rule.__doc__ for rule in rules)


def test_every_kind_of_row_has_a_rule():
    assert ROW_FIELDS.keys() == RULES.keys() == set(get_args(Kind))


def without(names):
    """Return what gives the rules that a row breaks, but for some, or all."""
    return lambda case: iter(()) if names is None else (rule for rule in broken(case) if rule[0] not in names)


@pytest.mark.parametrize("name", WRITTEN)
def test_a_row_that_breaks_a_rule_is_refused_by_its_name(request, tmp_path, keys, monkeypatch, name):
    if name in OF_CHANGES:
        search = request.getfixturevalue("changing")
    elif name in OF_HIDDEN:
        search = request.getfixturevalue("unfrozen")
    elif name in FOR_THREE:
        search = Search(tmp_path, keys, with_table("analyst, reviewer and convenor"))
    else:
        search = request.getfixturevalue("search")
    require_sound(search.ledger, search.policy)
    with monkeypatch.context() as patch:
        patch.setattr(
            rules_module, "broken", without(None if name in {*ALL_GONE, *BEHIND} else {rule_of(name)})
        )
        WRITTEN[name](search)
    with pytest.raises(BlindingError, match=rf"\(rule {rule_of(name)}\); see who wrote it"):
        require_sound(search.ledger, search.policy)


@pytest.mark.parametrize("name", [*ALONE, *OF_CHANGES, *OF_HIDDEN])
def test_the_honest_program_refuses_the_same_row_by_the_same_name(request, name):
    needed = "changing" if name in OF_CHANGES else "unfrozen" if name in OF_HIDDEN else "search"
    search = request.getfixturevalue(needed)
    with pytest.raises(BlindingError, match=rf"^refused: [^:]*.*\(rule {rule_of(name)}\)$"):
        WRITTEN[name](search)
    require_sound(search.ledger, search.policy)


def test_stages_are_opened_in_the_order_of_the_envelopes_under_a_former_policy(changing):
    """Canonical JSON sorts names, and a policy that is read from a row must not."""
    changing.freeze()
    changing.open_up_to("CR2")
    changing.add_zoe()
    assert list(changing.policy.former[0].policy.stages) == list(STAGES)
    require_sound(changing.ledger, changing.policy)


@pytest.mark.parametrize("manifests", [{}, {"2021": {}}, {"2021": {"2" * 64: "run2.json"}}])
def test_a_freeze_of_sealed_files_names_a_recorded_manifest_for_each(search, manifests):
    with pytest.raises(BlindingError, match="rule freezes-recorded-data"):
        search.freeze(manifests=manifests)
    two = {"2021": search.recorded() | {"1" * 64: "run2.json"}}
    with pytest.raises(BlindingError, match="rule freezes-recorded-data"):
        search.freeze(manifests=two)


def test_manifests_recorded_before_new_keys_are_not_frozen(search):
    manifests = {"2021": search.recorded()}
    make_period(search.policy, search.ledger, "2021", "bob", search.keys["bob"], again=True)
    with pytest.raises(BlindingError, match="rule freezes-recorded-data"):
        search.freeze(manifests=manifests)


@pytest.mark.parametrize("file", [{"run.CR2.age": NOBODY}, {"run.CR2.age": None}])
def test_sealed_files_are_frozen_as_their_manifests_were_recorded(search, file):
    with pytest.raises(BlindingError, match=r"rule (freezes-recorded-|says-what-it-must)"):
        unlike(search, file)


def test_files_of_another_period_are_not_frozen(search):
    with pytest.raises(BlindingError, match="rule freezes-recorded-data"):
        sealed_again(search, period="2022")
    sealed_again(search)


@pytest.mark.parametrize("read", [{}, {"run.CR3.age": None}, {"run.CR2.age": NOBODY}])
def test_an_opening_says_which_files_it_read(search, read):
    request = begun(search)
    with pytest.raises(BlindingError, match=r"rule (ends-with-the-frozen-files|says-what-it-must)"):
        write(search, "end", "rob", **ending(search, request, read=read))
    write(search, "end", "rob", **ending(search, request))


@pytest.mark.parametrize("changes", [{"expected": None}, {"error": None}, {"error": 0.02}])
def test_a_verdict_is_judged_on_what_was_frozen_for_its_step(search, changes):
    search.freeze(**FROZEN)
    with pytest.raises(BlindingError, match="rule verdict-is-on-the-prediction"):
        opened(search, shown=lambda _: judged(2, **changes))


@pytest.mark.parametrize(
    "changes",
    [{"p_l": 1.0}, {"p_n": None}, {"agrees": False}, {"agrees": 1.5}, {"observed": 1}, {"observed": "2"}],
)
def test_a_verdict_is_that_of_the_number_that_was_counted(search, changes):
    search.freeze(**FROZEN)
    with pytest.raises(BlindingError, match="rule ends-with-the-verdict-of-its-count"):
        opened(search, shown=lambda _: judged(2, **changes))
    assert not search.ledger.of_kind("end")


@pytest.mark.parametrize("number", [0, 2, 40])
def test_the_verdict_on_the_frozen_prediction_is_written(search, number):
    search.freeze(**FROZEN)
    opened(search, shown=lambda _: judged(number))
    require_sound(search.ledger, search.policy)


def test_an_opening_does_not_end_without_its_verdict(search):
    search.freeze(**FROZEN)
    with pytest.raises(BlindingError, match="rule ends-with-the-verdict-of-its-count"):
        opened(search, shown=lambda _: {"observed": {"CR3": 40}})

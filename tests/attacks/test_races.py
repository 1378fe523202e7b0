"""Two processes that do the same at once: one does it, the other is refused, and the ledger stays sound."""

import time
from contextlib import contextmanager
from multiprocessing import get_context

import pytest

from bdana.blinding.rules import append, require_sound
from bdana.blinding.stage_keys import join, make_period
from bdana.errors import BlindingError
from tests.attacks.search import open_here
from tests.blinding.people import recipient

FORK = get_context("fork")


def attempt(step, said, ready):
    ready.wait(60)
    try:
        step()
    except BlindingError as err:
        said.put(str(err))
    else:
        said.put("")


def at_once(*steps):
    """Take steps in processes that start together; return what each was refused with, empty for those that were not."""
    said, ready = FORK.Queue(), FORK.Barrier(len(steps))
    running = [FORK.Process(target=attempt, args=(step, said, ready)) for step in steps]
    for process in running:
        process.start()
    found = sorted(said.get(timeout=120) for _ in running)
    for process in running:
        process.join()
    return found


def shown(chunks):
    time.sleep(1.0)
    verdict = {"observed": sum(map(len, chunks)), "p_n": 0.5, "p_l": 0.5, "agrees": True}
    return {"observed": verdict["observed"], "verdict": verdict}


def wait_for_begin(search):
    while not search.ledger.of_kind("begin"):
        time.sleep(0.01)


def opened_once(search):
    require_sound(search.ledger, search.policy)
    kinds = [row.kind for row in search.ledger.rows()]
    return {kind: kinds.count(kind) for kind in ("begin", "end", "verdict")} == dict.fromkeys(
        ("begin", "end", "verdict"), 1
    )


@pytest.mark.parametrize("once_more", range(3))
def test_two_openings_at_once(search, once_more):
    request = search.request("CR3")
    found = at_once(*[lambda: search.open(request, shown=shown)] * 2)
    assert found[0] == ""
    assert "another opening is running on this copy of the ledger; wait" in found[1]
    assert opened_once(search)


def test_two_openings_that_do_not_see_each_others_lock(search, monkeypatch):
    """On two machines, or with the lock taken out: the rules are asked where the row is written."""
    request, honest = search.request("CR3"), type(search.ledger).locked

    @contextmanager
    def blind(self, what, busy=""):
        if what == "opening":
            yield
        else:
            with honest(self, what, busy):
                yield

    monkeypatch.setattr(type(search.ledger), "locked", blind)
    found = at_once(*[lambda: search.open(request, shown=shown)] * 2)
    assert found[0] == ""
    assert any(f"rule {name}" in found[1] for name in ("begins-once", "ends-once", "verdict-once"))
    assert opened_once(search)


def test_a_rerun_beside_an_opening_that_is_still_working(search):
    request = search.request("CR3")
    process = FORK.Process(target=search.open, args=(request,), kwargs={"shown": shown})
    process.start()
    wait_for_begin(search)
    with pytest.raises(BlindingError, match="another opening is running"):
        search.open(request)
    process.join()
    assert process.exitcode == 0
    assert opened_once(search)


def test_an_opening_that_was_killed_holds_no_lock(search):
    request = search.request("CR3")
    process = FORK.Process(target=search.open, args=(request,), kwargs={"shown": lambda _: time.sleep(60)})
    process.start()
    wait_for_begin(search)
    process.kill()
    process.join()
    search.open(request, shown=shown)
    assert opened_once(search)


def test_what_was_opened_is_not_opened_again_by_somebody_who_waited(search):
    request = search.request("CR3")
    search.open(request, shown=shown)
    files = [search.files["CR3"]]
    with pytest.raises(BlindingError, match="CR3 was opened with this request already"):
        open_here(search.opening, "rob", search.keys["rob"], None, request, files, shown)


def withdraw(search):
    request = search.opening.requests("CR3")[0]
    return search.opening.withdraw("ann", search.keys["ann"], request, "a mistake")


STEPS = {
    "join": (lambda s: join(s.policy, s.ledger, "ann", s.keys["ann"], recipient("rob")), "rule joins-once"),
    "keys": (
        lambda s: make_period(s.policy, s.ledger, "2021", "bob", s.keys["bob"], again=True), None),
    "request": (lambda s: s.request("CR3"), "rule asks-once"),
    "approve": (lambda s: s.approve(s.opening.requests("CR3")[0], "rea"), "rule approves-once"),
    "withdraw": (withdraw, "rule takes-back-own"),
    "seen": (
        lambda s: append(s.ledger, s.policy, "seen", "ann", s.keys["ann"], {"regions": ["CR3"], "reason": "a plot"}), None),
    "freeze": (lambda s: s.freeze(), None),
}  # fmt: skip
"""Steps with what the second of two at once is refused with; None where both may be taken, one after the other."""


@pytest.mark.parametrize("name", STEPS)
def test_two_of_a_command_at_once(search, name):
    step, refused = STEPS[name]
    if name in {"approve", "withdraw"}:
        request = search.request("CR3")
        search.opening.__dict__["requests"] = lambda stage: [request]
    before = len(search.ledger.rows())
    found = at_once(*[lambda: step(search)] * 2)
    require_sound(search.ledger, search.policy)
    if refused:
        same = "this row is there already"  # in the same second two rows beside the main line are the same
        assert (found[0], refused in found[1] or same in found[1]) == ("", True), found
        assert len(search.ledger.rows()) == before + 1
    else:
        assert found == ["", ""]


def test_two_people_approve_at_once(search):
    request = search.request("CR3")
    assert at_once(*[lambda name=name: search.approve(request, name) for name in ("rea", "bob")]) == ["", ""]
    require_sound(search.ledger, search.policy)
    approvals = search.opening.record.consents(request)
    assert {row.person for row in approvals} == {"ann", "rea", "bob"}
    search.open(request)


def test_an_approval_and_the_withdrawal_of_its_request_at_once(search):
    """Both may be written, and nothing opens."""
    request = search.request("CR3")
    steps = [
        lambda: search.approve(request, "rea"),
        lambda: search.opening.withdraw("ann", search.keys["ann"], request, "no"),
    ]
    assert at_once(*steps) == ["", ""]
    require_sound(search.ledger, search.policy)
    with pytest.raises(BlindingError, match=r"ann withdrew the request \(rule request-stands\)"):
        search.open(request)


@pytest.mark.parametrize("givers", [("rob", "rob"), ("rob", "rea")])
def test_two_handovers_to_one_newcomer_at_once(changing, givers):
    changing.add_zoe()
    found = at_once(*[lambda giver=giver: changing.hand_over(giver) for giver in givers])
    require_sound(changing.ledger, changing.policy)
    assert found[0] == ""
    assert "zoe holds a share already" in found[1]
    (row,) = changing.ledger.of_kind("handover")
    assert row.person in givers


def test_an_opening_and_a_withdrawal_at_once(search):
    """Whichever row is first, the other is refused."""
    for _ in range(3):
        request = search.request("CR3")
        steps = [
            lambda request=request: search.open(request, shown=shown),
            lambda request=request: search.opening.withdraw("ann", search.keys["ann"], request, "no"),
        ]
        found = at_once(*steps)
        assert found[0] == ""
        assert any(
            said in found[1]
            for said in (
                "ann withdrew the request",
                "CR3 needs 1 analyst, and 0",
                "the opening began already",
            )
        ), found
        require_sound(search.ledger, search.policy)
        if search.ledger.of_kind("begin"):
            break


def test_a_stage_is_opened_by_one_opener_with_a_freeze(search):
    """Two analysts asked two openers: the second opening of the same stage would be a second count of it."""
    requests = [search.request("CR3"), search.request("CR3", "bob", "rea")]
    search.open(requests[0])
    refused = r"the opening of CR3 with this freeze began already \(rule begins-once\)"
    with pytest.raises(BlindingError, match=refused):
        search.open(requests[1], "rea")
    with pytest.raises(BlindingError, match=refused):
        search.request("CR3")

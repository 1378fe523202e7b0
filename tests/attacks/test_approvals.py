"""Every subset of people asks, approves and opens, and a count of their roles says whether the stage may open."""

import shutil
from copy import copy
from itertools import chain, combinations, product

import pytest

from bdana.blinding.policy import Policy
from bdana.errors import BlindingError
from tests.attacks.changing import NEW, Changing
from tests.attacks.search import Search, open_here, show
from tests.blinding.people import IDENTITIES, ROLES

TABLES = {
    "analyst and reviewer": "analyst = 1\nreviewer = 1",
    "analyst, reviewer and convenor": "analyst = 1\nreviewer = 1\nconvenor = 1",
    "two analysts": "analyst = 2\nreviewer = 1",
    "two reviewers": "analyst = 1\nreviewer = 2",
    "analyst and convenor": "analyst = 1\nconvenor = 1",
}


def with_table(table):
    """Return the edit of a policy that opens CR3 with another table."""
    return lambda text: f"{text}\n[stages.CR3.approval]\n{TABLES[table]}\n"


def subsets(people):
    return chain.from_iterable(combinations(people, number) for number in range(len(people) + 1))


def approvals(search, request, people):
    """Let everybody who can approve a request; return the name of the row by person."""
    found = {}
    for person in people:
        identity = (IDENTITIES | NEW)[person]
        try:
            row = search.opening.approve(person, search.keys[person], identity, request)
        except BlindingError as err:
            assert f"{person} holds no share of the key of CR3" in str(err)  # noqa: PT017 - not for everybody
        else:
            found[person] = row.name
    return found


def opens(search, request, opener):
    """Tell whether a stage opens; what refuses it says of which role people are missing."""
    try:
        end = open_here(
            search.opening,
            opener,
            search.keys[opener],
            IDENTITIES[opener],
            request,
            [search.files["CR3"]],
            show,
        )
    except BlindingError as err:
        assert "refused: CR3 needs " in str(err)  # noqa: PT017 - not for every subset
        assert "CR3" not in search.opening.opened()
        return False
    assert end.body["outputs"] == {"observed": 1}
    return True


def compare(search, roles, enough, folder, openers):
    """Compare for every analyst and opener and every subset of the others; return how many opened, of how many."""
    approval = search.policy.stages["CR3"].approval
    analysts = [name for name, role in roles.items() if role == "analyst"]
    opened = tried = 0
    for analyst, opener in product(analysts, openers):
        asked = search.with_ledger(shutil.copytree(search.ledger.folder, folder / f"{analyst}-{opener}"))
        identity = (IDENTITIES | NEW)[analyst]
        request = asked.opening.request(analyst, search.keys[analyst], identity, "CR3", "mumu", opener)
        others = [name for name in roles if name not in {analyst, opener}]
        approved = approvals(asked, request, others)
        assert set(approved) == {name for name in others if roles[name] in approval}
        for agreed in subsets(others):
            tried += 1
            copied = shutil.copytree(asked.ledger.folder, folder / f"{analyst}-{opener}-{tried}")
            for person in approved.keys() - set(agreed):
                (copied / approved[person]).unlink()
            people = {analyst, opener, *agreed}
            may = all(enough(people, role) >= number for role, number in approval.items())
            assert opens(search.with_ledger(copied), request, opener) == may, (people, approval)
            opened += may
    return opened, tried


@pytest.mark.parametrize(
    ("table", "opened", "tried"),
    [
        ("analyst and reviewer", 32, 32),
        ("analyst, reviewer and convenor", 28, 48),
        ("two analysts", 16, 32),
        ("two reviewers", 16, 32),
        ("analyst and convenor", 16, 16),
    ],
)
def test_every_subset_of_people(tmp_path, keys, table, opened, tried):
    search = Search(tmp_path, keys, with_table(table))
    search.freeze()

    def enough(people, role):
        return sum(ROLES[name] == role for name in people)

    approval = search.policy.stages["CR3"].approval
    openers = [name for name, role in ROLES.items() if role != "analyst" and role in approval]
    assert compare(search, ROLES, enough, tmp_path, openers) == (opened, tried)


def test_every_subset_of_people_after_a_hand_over(tmp_path, keys, more_keys):
    """zoe, a third analyst, was handed ann's parts: both stand in one place of the pair of analysts."""
    changing = Changing(tmp_path, keys, more_keys, with_table("two analysts"))
    changing.add_zoe("analyst")
    changing.hand_over("ann")
    changing.freeze()
    roles = ROLES | {"zoe": "analyst"}

    def enough(people, role):
        return len({"ann" if name == "zoe" else name for name in people if roles[name] == role})

    assert compare(changing, roles, enough, tmp_path, ["rob"]) == (8 + 8 + 12, 3 * 16)


@pytest.mark.parametrize("missing", ["reviewer", "convenor"])
def test_a_policy_that_asks_for_fewer_does_not_make_the_key_whole(tmp_path, keys, monkeypatch, missing):
    """The count of roles is in the code as well: with a policy that passes for the signed one, the key is left."""
    search = Search(tmp_path, keys, with_table("analyst, reviewer and convenor"))
    search.freeze()
    opener, other = ("con", "rob") if missing == "reviewer" else ("rob", "con")
    request = search.request("CR3", opener=opener)
    signed, stage = search.policy, search.policy.stages["CR3"]
    fewer = stage.model_copy(update={"approval": {r: 1 for r in stage.approval if r != missing}})
    monkeypatch.setattr(Policy, "sha256", property(lambda policy, signed=signed.sha256: signed))
    weaker = copy(search)
    weaker.policy = signed.model_copy(update={"stages": signed.stages | {"CR3": fewer}})
    with pytest.raises(BlindingError, match="gives the key of CR3 to other people than the policy asks for"):
        weaker.with_ledger(search.ledger.folder).open(request, opener)
    monkeypatch.setattr("bdana.blinding.rules.broken", lambda case: iter(()))
    alone = weaker.with_ledger(shutil.copytree(search.ledger.folder, tmp_path / "alone"))
    with pytest.raises(BlindingError, match="the key of CR3 is not complete"):
        alone.open(request, opener)
    search.approve(request, other)
    with pytest.raises(BlindingError, match="the key of CR3 is not complete"):
        weaker.with_ledger(search.ledger.folder).open(request, opener)
    monkeypatch.undo()
    assert search.open(request, opener).body["outputs"] == {"observed": 1}

"""What a rehearsal hides comes out with the shares of its whole quorum, after a claim, and is told in sentences."""

import itertools

import pytest

from bdana.blinding.hidden import answer_of
from bdana.blinding.ledger import Row
from bdana.blinding.rules import require_sound
from bdana.errors import BlindingError
from bdana.opening.exercise import reveal
from bdana.search.reported import exercise_lines
from tests.attacks.search import Search
from tests.attacks.test_rules import HIDDEN, claim, hide, in_clear, open_cr3
from tests.blinding.people import IDENTITIES, ROLES


@pytest.fixture
def claimed(tmp_path, keys):
    search = Search(tmp_path, keys)
    hidden = hide(search)
    candidates = [{"run": 11001, "burst": 2, "event": number, "region": "CR3"} for number in (7, 8)]
    search.freeze()
    search.open(search.request("CR3"), shown=lambda _: {"observed": 1, "candidates": candidates})
    claim(search, hidden)
    return search, hidden


def agree(search, person, identity=None):
    given = identity or IDENTITIES[person]
    return reveal(search.ledger, search.policy, person, search.keys[person], given)


def test_the_last_of_the_quorum_reveals_what_was_hidden(claimed):
    search, hidden = claimed
    assert [agree(search, person).body["answer"] for person in ("con", "rob")] == [{}, {}]
    assert agree(search, "bob").body["answer"] == HIDDEN
    require_sound(search.ledger, search.policy)
    with pytest.raises(BlindingError, match="rea has agreed to this already, or it is revealed"):
        agree(search, "rea")
    said = exercise_lines(search.ledger.rows())
    assert said[0] == (
        f"This is a rehearsal: the data are simulated, and bob hid decays of a new particle in them, or none, on {hidden.time}"
    )
    assert said[1].endswith(": CR3 1")
    assert [line.partition(" on ")[0] for line in said[2:4]] == ["con agreed", "rob agreed"]
    assert said[4].endswith(": hidden were decays of 411 MeV to mumu")
    assert (
        said[5]
        == "ann: in CR3 1 claimed and 0 hidden; in SR nothing claimed and 3 hidden, 1 of them selected"
    )


def shares_in_clear(search, hidden, person):
    body = {"hidden": hidden.hash, "shares": in_clear(hidden, person), "answer": {}}
    return Row.after(search.ledger.rows(), "reveal", person, body)


@pytest.mark.parametrize("number", range(4))
def test_no_fewer_people_than_the_quorum_read_it(claimed, number):
    search, hidden = claimed
    given = {person: shares_in_clear(search, hidden, person) for person in ROLES}
    for people in itertools.combinations(ROLES, number):
        roles = {ROLES[person] for person in people}
        found = answer_of(hidden, search.policy, [given[person] for person in people])
        assert (found == HIDDEN) == (roles == {"analyst", "reviewer", "convenor"}), people
        assert found in (HIDDEN, {})


def test_another_identity_gives_no_share(claimed):
    search, _ = claimed
    with pytest.raises(BlindingError, match="is not the one that con joined with"):
        agree(search, "con", IDENTITIES["rob"])


def test_nobody_reveals_before_a_claim(tmp_path, keys):
    search = Search(tmp_path, keys)
    hide(search)
    open_cr3(search)
    with pytest.raises(BlindingError, match="nobody has said what was found"):
        agree(search, "con")


def test_where_nothing_is_hidden_nothing_is_revealed(tmp_path, keys):
    search = Search(tmp_path, keys)
    with pytest.raises(BlindingError, match="nothing is hidden here"):
        agree(search, "con")
    assert exercise_lines(search.ledger.rows()) == []

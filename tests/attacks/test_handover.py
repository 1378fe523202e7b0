"""KeyShares of keys that are handed to newcomers: to whom, and that nobody becomes two people of a quorum."""

import pytest

from bdana.blinding.rules import require_signed
from bdana.blinding.stage_keys import join
from bdana.errors import BlindingError
from tests.attacks.changing import NEW, Changing
from tests.attacks.search import open_here
from tests.blinding.people import IDENTITIES, ROLES, wrong_share


def test_a_newcomer_without_a_part_opens(changing):
    changing.add_zoe()
    changing.freeze()
    with pytest.raises(BlindingError, match="zoe holds no share of the key of CR3"):
        changing.request("CR3", opener="zoe")


def test_parts_to_another_role(changing):
    changing.add_zoe()
    with pytest.raises(BlindingError, match="ann is analyst and zoe reviewer; shares stay with their role"):
        changing.hand_over("ann")


def test_parts_to_somebody_who_holds_one(changing):
    changing.add_zoe()
    with pytest.raises(BlindingError, match="rea holds a share already"):
        changing.hand_over("rob", "rea")
    changing.hand_over("rob")
    with pytest.raises(BlindingError, match="zoe holds a share already"):
        changing.hand_over("rea")


def test_parts_to_somebody_who_has_not_joined(changing):
    changing.change(ROLES | {"zoe": "reviewer"})
    with pytest.raises(BlindingError, match="zoe has not joined"):
        changing.hand_over("rob")


def test_parts_of_nothing(changing):
    changing.change(ROLES | {"zoe": "reviewer", "zac": "reviewer"})
    for name, identity in NEW.items():
        join(changing.policy, changing.ledger, name, changing.keys[name], str(identity.to_public()))
    with pytest.raises(BlindingError, match="zac holds no share of a key of period 2021"):
        changing.hand_over("zac")


def test_a_wrong_part_is_handed_over(changing):
    changing.add_zoe()
    good = changing.hand_over("rob")
    body = good.body | {"shares": dict.fromkeys(good.body["shares"], wrong_share(NEW["zoe"]))}
    (changing.ledger.folder / good.name).unlink()
    (changing.ledger.folder / f"{good.name}.sig").unlink()
    changing.ledger.append("handover", "rob", changing.keys["rob"], body)
    changing.freeze()
    asked = changing.request("CR3", opener="zoe")
    with pytest.raises(BlindingError, match="the share of zoe is wrong"):
        open_here(
            changing.opening, "zoe", changing.keys["zoe"], NEW["zoe"], asked, [changing.files["CR3"]], len
        )


def test_a_newcomer_goes_on_where_a_reviewer_stopped(changing):
    """The control: rob opens CR3, hands over and leaves; zoe opens CR2 with his part and the link he got."""
    changing.freeze()
    changing.open(changing.request("CR3"))
    changing.add_zoe()
    changing.hand_over("rob")
    changing.change({name: role for name, role in (ROLES | {"zoe": "reviewer"}).items() if name != "rob"})
    changing.freeze()
    asked = changing.request("CR2", opener="zoe")
    end = open_here(
        changing.opening,
        "zoe",
        changing.keys["zoe"],
        NEW["zoe"],
        asked,
        [changing.files["CR2"]],
        lambda chunks: {"observed": 2},
    )
    assert end.body["outputs"] == {"observed": 2}
    require_signed(changing.ledger, changing.policy)


@pytest.fixture
def pairs(tmp_path, keys, more_keys):
    """A search whose CR3 needs two analysts; zoe, a third, was handed ann's parts."""
    two = "\n[stages.CR3.approval]\nanalyst = 2\nreviewer = 1\n"
    changing = Changing(tmp_path, keys, more_keys, lambda text: text + two)
    changing.add_zoe("analyst")
    changing.hand_over("ann")
    changing.freeze()
    return changing


def approve(changing, request, person):
    identity = (IDENTITIES | NEW)[person]
    return changing.opening.approve(person, changing.keys[person], identity, request)


def test_a_holder_and_the_newcomer_are_not_two_people(pairs):
    asked = pairs.request("CR3", "ann")
    approve(pairs, asked, "zoe")
    with pytest.raises(BlindingError, match="CR3 needs 2 analyst, and 2 agreed"):
        pairs.open(asked)


def test_the_newcomer_and_another_holder_are_two_people(pairs):
    asked = pairs.request("CR3", "bob")
    approve(pairs, asked, "zoe")
    assert pairs.open(asked).body["outputs"] == {"observed": 1}


def test_one_person_is_handed_both_parts_past_the_check(pairs):
    """bob hands his parts to zoe too, who then holds both shares of the pair."""
    body = dict(pairs.ledger.of_kind("handover")[0].body)
    keys = pairs.ledger.of_kind("keys")[0].body["stages"]["CR3"]["shares"]
    sealed = {share["sha256"]: share["sealed"] for share in keys if share["person"] == "bob"}
    row = pairs.ledger.append("handover", "bob", pairs.keys["bob"], body | {"shares": sealed})
    with pytest.raises(BlindingError, match=rf"{row.name}: zoe holds a share already, .*rule one-share-each"):
        pairs.request("CR3", "ann")

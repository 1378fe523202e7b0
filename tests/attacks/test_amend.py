"""Changes of the policy and hand-over of key parts: who may make them, and what they may not bring about."""

import base64
from itertools import chain, combinations

import pyrage
import pytest

from bdana.blinding.amend import amend, former_policies, load_policy
from bdana.blinding.canonical import canonical
from bdana.blinding.keys import join, make_period, require_signed, stage_recipients
from bdana.blinding.manifest import read_manifest
from bdana.blinding.opening import Opening
from bdana.blinding.parts import Parts
from bdana.blinding.policy import Policy, read_policy
from bdana.blinding.signing import sign
from bdana.errors import BlindingError
from tests.attacks.search import IDENTITIES, REGIONS, Search
from tests.blinding.people import ROLES, policy_text, ssh_key

NEW = {name: pyrage.x25519.Identity.generate() for name in ("zoe", "zac")}


@pytest.fixture(scope="module")
def more_keys(tmp_path_factory, keys):
    folder = tmp_path_factory.mktemp("more")
    return {**keys, **{name: ssh_key(folder, name) for name in NEW}}


def text_of(keys, roles):
    return policy_text({name: keys[name] for name in roles}, roles)


class Changing(Search):
    """A search whose policy changes."""

    def __init__(self, folder, keys, more_keys, edit=str):
        super().__init__(folder, keys, edit)
        self.keys, self.folder, self.edit = more_keys, folder, edit

    def propose(self, roles, **other):
        path = self.folder / "proposed.toml"
        path.write_text(self.edit(text_of(self.keys | other, roles)))
        return read_policy(path, REGIONS)

    def sign(self, proposed, *people):
        return [amend(self.ledger, self.policy, proposed, name, self.keys[name]) for name in people]

    def put_in_force(self, proposed):
        self.policy = proposed.after(former_policies(self.ledger, proposed))
        self.opening = Opening(self.ledger, self.policy, "2021")

    def change(self, roles, **other):
        proposed = self.propose(roles, **other)
        self.sign(proposed, "ann", "rob", "con")
        self.put_in_force(proposed)

    def add_zoe(self, role="reviewer"):
        self.change(ROLES | {"zoe": role})
        join(self.policy, self.ledger, "zoe", self.keys["zoe"], str(NEW["zoe"].to_public()))

    def hand_over(self, giver, to="zoe"):
        parts = Parts(self.ledger, self.policy, "2021")
        return parts.hand_over(giver, self.keys[giver], (IDENTITIES | NEW)[giver], to)


@pytest.fixture
def search(tmp_path, keys, more_keys):
    return Changing(tmp_path, keys, more_keys)


def with_zoe(search, role="reviewer"):
    return search.propose(ROLES | {"zoe": role})


SUBSETS = list(chain.from_iterable(combinations(ROLES, n) for n in range(len(ROLES) + 1)))


@pytest.mark.parametrize("people", SUBSETS, ids="-".join)
def test_one_person_of_each_role_and_no_fewer(search, people):
    proposed = with_zoe(search)
    done = search.sign(proposed, *people)
    complete = {ROLES[name] for name in people} == {"analyst", "reviewer", "convenor"}
    if done:
        assert (not done[-1].missing) == complete
    if not people:
        assert former_policies(search.ledger, search.policy) == ()
    elif complete:
        (former,) = former_policies(search.ledger, proposed)
        assert former.policy == search.policy
        with pytest.raises(BlindingError, match=r"is not the policy in force"):
            former_policies(search.ledger, search.policy)
    else:
        assert former_policies(search.ledger, search.policy) == ()
        with pytest.raises(BlindingError, match=r"is not the policy in force"):
            former_policies(search.ledger, proposed)


def test_somebody_who_is_not_in_the_policy_in_force(search):
    with pytest.raises(BlindingError, match=r"the policy in force has no zoe"):
        search.sign(with_zoe(search), "zoe")


def test_signing_twice(search):
    proposed = with_zoe(search)
    search.sign(proposed, "ann")
    with pytest.raises(BlindingError, match="ann has signed this change already"):
        search.sign(proposed, "ann")


def test_a_change_of_nothing(search):
    with pytest.raises(BlindingError, match="nothing is changed"):
        search.sign(search.propose(ROLES), "ann")


def test_a_change_before_everybody_has_joined(search):
    for row in search.ledger.of_kind("join"):
        if row.person == "con":
            search.ledger.append("join", "con", search.keys["con"], row.body | {"policy": "0" * 64})
    proposed = with_zoe(search)
    search.policy = proposed  # nobody joined this one
    with pytest.raises(BlindingError, match="ann has not joined this policy"):
        search.sign(search.propose(ROLES), "ann")


def test_the_same_person_three_times_past_the_check(search):
    proposed = with_zoe(search)
    body = {"before": search.policy.model_dump(mode="json"), "after": proposed.model_dump(mode="json")}
    for _ in range(3):
        search.ledger.append("policy", "ann", search.keys["ann"], body)
    with pytest.raises(BlindingError, match=r"is not the policy in force"):
        former_policies(search.ledger, proposed)


def test_rows_in_the_names_of_others(search):
    proposed = with_zoe(search)
    body = {"before": search.policy.model_dump(mode="json"), "after": proposed.model_dump(mode="json")}
    for name in ("ann", "rob", "con"):
        search.ledger.append("policy", name, search.keys["ann"], body)  # ann's key signs all three
    with pytest.raises(BlindingError, match=r"is not the policy in force"):
        former_policies(search.ledger, proposed)


def test_a_made_up_policy_before(search):
    """One analyst invents a former policy in which all roles are hers, and changes that."""
    mine = Policy.model_validate(
        search.policy.model_dump()
        | {
            "people": {
                name: {"role": role, "ssh_key": search.keys[name].with_suffix(".pub").read_text()}
                for name, role in {"ann": "analyst", "zoe": "reviewer", "zac": "convenor"}.items()
            }
        }
    )
    proposed = with_zoe(search)
    body = {"before": mine.model_dump(mode="json"), "after": proposed.model_dump(mode="json")}
    for name in ("ann", "zoe", "zac"):
        search.ledger.append("policy", name, search.keys[name], body)
    with pytest.raises(BlindingError, match=r"changes a policy that not everybody had joined"):
        former_policies(search.ledger, proposed)


def test_a_row_without_a_policy(search):
    search.ledger.append("policy", "ann", search.keys["ann"], {"before": {}, "after": {}})
    with pytest.raises(BlindingError, match="holds no policy"):
        former_policies(search.ledger, search.policy)


def test_policy_toml_edited_by_hand_after_a_change(search, tmp_path):
    (tmp_path / "ledger").rename(tmp_path / "blinding" / "ledger")
    search.ledger = type(search.ledger)(tmp_path / "blinding" / "ledger")
    search.change(ROLES | {"zoe": "reviewer"})
    path = tmp_path / "blinding" / "policy.toml"
    with pytest.raises(BlindingError, match=r"policy\.toml is not the policy in force"):
        load_policy(tmp_path, REGIONS)  # the old file
    path.write_text(text_of(search.keys, ROLES | {"zoe": "convenor"}))
    with pytest.raises(BlindingError, match=r"policy\.toml is not the policy in force"):
        load_policy(tmp_path, REGIONS)
    path.write_text(text_of(search.keys, ROLES | {"zoe": "reviewer"}))
    assert load_policy(tmp_path, REGIONS).former == search.policy.former


def test_policy_toml_edited_by_hand_instead_of_a_change(search):
    edited = with_zoe(search)
    with pytest.raises(BlindingError, match="period 2021 has no keys for this policy"):
        stage_recipients(search.ledger, edited, "2021")


def test_an_analyst_becomes_a_reviewer(search):
    with pytest.raises(BlindingError, match="bob was analyst and may hold parts of keys as such"):
        search.sign(search.propose(ROLES | {"bob": "reviewer", "zoe": "analyst"}), "ann")


def test_an_analyst_leaves_and_comes_back_as_a_reviewer(search):
    search.change({name: role for name, role in ROLES.items() if name != "bob"})
    with pytest.raises(BlindingError, match="bob was analyst"):
        search.sign(search.propose(ROLES | {"bob": "reviewer"}), "ann")


def test_a_role_change_past_the_check(search):
    proposed = search.propose(ROLES | {"bob": "reviewer", "zoe": "analyst"})
    body = {"before": search.policy.model_dump(mode="json"), "after": proposed.model_dump(mode="json")}
    for name in ("ann", "rob", "con"):
        search.ledger.append("policy", name, search.keys[name], body)
    with pytest.raises(BlindingError, match="bob was analyst"):
        former_policies(search.ledger, proposed)


def test_a_key_comes_back_under_another_name(search):
    search.change({name: role for name, role in ROLES.items() if name != "bob"})
    roles = {"zoe" if name == "bob" else name: role for name, role in ROLES.items()}
    with pytest.raises(BlindingError, match="the SSH key of zoe was that of bob"):
        search.sign(search.propose(roles, zoe=search.keys["bob"]), "ann")


def test_a_change_of_a_policy_that_is_not_in_force_any_more(search):
    first = search.policy
    search.add_zoe()
    stale = search.propose(ROLES | {"zac": "analyst"})
    body = {"before": first.model_dump(mode="json"), "after": stale.model_dump(mode="json")}
    for name in ("ann", "rob", "con"):
        search.ledger.append("policy", name, search.keys[name], body)
    with pytest.raises(BlindingError, match=r"is not the policy in force"):
        former_policies(search.ledger, stale)
    assert len(former_policies(search.ledger, search.policy)) == 1


def test_somebody_who_left_writes_on(search):
    search.change({name: role for name, role in ROLES.items() if name != "bob"})
    require_signed(search.ledger, search.policy)  # what bob wrote before stays good
    search.ledger.append("seen", "bob", search.keys["bob"], {"reason": "none"})
    with pytest.raises(BlindingError, match="is not signed by bob"):
        require_signed(search.ledger, search.policy)


def test_somebody_writes_before_coming(search):
    search.ledger.append("seen", "zoe", search.keys["zoe"], {"reason": "none"})
    search.change(ROLES | {"zoe": "reviewer"})
    with pytest.raises(BlindingError, match="is not signed by zoe"):
        require_signed(search.ledger, search.policy)


def test_a_new_ssh_key_needs_a_new_join(search, more_keys):
    search.change(ROLES, rea=more_keys["zac"])
    search.freeze()
    with pytest.raises(BlindingError, match="rea has not joined"):
        search.request("CR3", opener="rea")
    with pytest.raises(BlindingError, match="rea has not joined this policy"):
        make_period(search.policy, search.ledger, "2021", "bob", more_keys["bob"])


def test_a_freeze_from_before_the_change(search):
    search.freeze()
    asked = search.request("CR3")
    search.add_zoe()
    for attempt in (lambda: search.request("CR3"), lambda: search.approve(asked), lambda: search.open(asked)):
        with pytest.raises(BlindingError, match="the policy changed after this freeze"):
            attempt()


def test_a_newcomer_without_a_part_opens(search):
    search.add_zoe()
    search.freeze()
    with pytest.raises(BlindingError, match="zoe holds no part of the key of CR3"):
        search.request("CR3", opener="zoe")


def test_parts_to_another_role(search):
    search.add_zoe()
    with pytest.raises(BlindingError, match="ann is analyst and zoe reviewer; parts stay with their role"):
        search.hand_over("ann")


def test_parts_to_somebody_who_holds_one(search):
    search.add_zoe()
    with pytest.raises(BlindingError, match="rea holds a part already"):
        search.hand_over("rob", "rea")
    search.hand_over("rob")
    with pytest.raises(BlindingError, match="zoe holds a part already"):
        search.hand_over("rea")


def test_parts_to_somebody_who_has_not_joined(search):
    search.change(ROLES | {"zoe": "reviewer"})
    with pytest.raises(BlindingError, match="zoe has not joined"):
        search.hand_over("rob")


def test_parts_of_nothing(search):
    search.change(ROLES | {"zoe": "reviewer", "zac": "reviewer"})
    for name, identity in NEW.items():
        join(search.policy, search.ledger, name, search.keys[name], str(identity.to_public()))
    with pytest.raises(BlindingError, match="zac holds no part of a key of period 2021"):
        search.hand_over("zac")


def test_a_wrong_part_is_handed_over(search):
    search.add_zoe()
    good = search.hand_over("rob")
    forged = base64.b64encode(pyrage.encrypt(b"x" * 74, [NEW["zoe"].to_public()])).decode()
    body = good.body | {"shares": dict.fromkeys(good.body["shares"], forged)}
    (search.ledger.folder / good.name).unlink()
    (search.ledger.folder / f"{good.name}.sig").unlink()
    (search.ledger.folder / ".claims" / f"{good.number:06d}").unlink()
    search.ledger.append("handover", "rob", search.keys["rob"], body)
    search.freeze()
    asked = search.request("CR3", opener="zoe")
    with pytest.raises(BlindingError, match="the part of CR3 that zoe was handed is wrong"):
        search.opening.open("zoe", search.keys["zoe"], NEW["zoe"], asked, [search.files["CR3"]], len)


def test_a_newcomer_goes_on_where_a_reviewer_stopped(search):
    """The control: rob opens CR3, hands over and leaves; zoe opens CR2 with his part and the link he got."""
    search.freeze()
    search.open(search.request("CR3"))
    search.add_zoe()
    search.hand_over("rob")
    search.change({name: role for name, role in (ROLES | {"zoe": "reviewer"}).items() if name != "rob"})
    search.freeze()
    asked = search.request("CR2", opener="zoe")
    end = search.opening.open(
        "zoe", search.keys["zoe"], NEW["zoe"], asked, [search.files["CR2"]], lambda chunks: {"observed": 2}
    )
    assert end.body["outputs"] == {"observed": 2}
    require_signed(search.ledger, search.policy)


@pytest.fixture
def pairs(tmp_path, keys, more_keys):
    """A search whose CR3 needs two analysts; zoe, a third, was handed ann's parts."""
    two = "\n[stages.CR3.approval]\nanalyst = 2\nreviewer = 1\n"
    search = Changing(tmp_path, keys, more_keys, lambda text: text + two)
    search.add_zoe("analyst")
    search.hand_over("ann")
    search.freeze()
    return search


def approve(search, request, person):
    identity = (IDENTITIES | NEW)[person]
    return search.opening.approve(person, search.keys[person], identity, request)


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
    with pytest.raises(BlindingError, match=f"{row.name} hands parts of CR3 to zoe, who holds one already"):
        pairs.request("CR3", "ann")


def signed_manifest(search, folder, person="bob"):
    path = folder / "run.manifest.json"
    path.write_bytes(canonical({"policy": search.policy.sha256, "person": person}))
    path.with_name(f"{path.name}.sig").write_bytes(sign(path.read_bytes(), search.keys[person]))
    return path


def test_data_that_were_sealed_before_a_change_of_people_stay_good(search, tmp_path):
    """The control: production left, and a new period came."""
    manifest = signed_manifest(search, tmp_path)
    search.edit = lambda text: (
        text.replace('role = "analyst"\n', 'role = "analyst"\nproduction = true\n', 1)
        + ("[periods.2022]\ndata_runs = [[12001, 13000]]\n")
    )
    search.change({name: role for name, role in ROLES.items() if name != "bob"})
    assert read_manifest(manifest, search.policy)["person"] == "bob"
    assert stage_recipients(search.ledger, search.policy, "2021")


def test_data_that_were_sealed_with_other_envelopes(search, tmp_path):
    manifest = signed_manifest(search, tmp_path)
    search.edit = lambda text: text.replace("max_dt_ns = 10.0", "max_dt_ns = 9.0")
    search.change(ROLES)
    with pytest.raises(
        BlindingError, match=r"was made with another blinding/policy\.toml; seal the raw data again"
    ):
        read_manifest(manifest, search.policy)
    with pytest.raises(BlindingError, match="period 2021 has no keys for this policy"):
        stage_recipients(search.ledger, search.policy, "2021")


def test_data_that_somebody_seals_after_leaving(search, tmp_path):
    before = search.policy
    search.edit = lambda text: text.replace('role = "analyst"\n', 'role = "analyst"\nproduction = true\n', 1)
    search.change({name: role for name, role in ROLES.items() if name != "bob"})
    now, search.policy = search.policy, before
    path = signed_manifest(search, tmp_path)
    document = {"policy": now.sha256, "person": "bob"}
    path.write_bytes(canonical(document))
    path.with_name(f"{path.name}.sig").write_bytes(sign(path.read_bytes(), search.keys["bob"]))
    with pytest.raises(BlindingError, match="is not signed by anybody with the mark `production`"):
        read_manifest(path, now)

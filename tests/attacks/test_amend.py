"""Changes of the policy: who may make them, and what they may not bring about."""

from itertools import chain, combinations

import pytest

from bdana.blinding.canonical import canonical
from bdana.blinding.ledger import Ledger
from bdana.blinding.policy import Policy
from bdana.blinding.policy_in_force import former_policies, load_policy, missing_roles, signers
from bdana.blinding.rules import require_signed, require_sound
from bdana.blinding.signing import sign
from bdana.blinding.stage_keys import make_period, stage_recipients
from bdana.errors import BlindingError
from bdana.opening.steps import stage_states
from bdana.sealing.manifest import read_manifest
from tests.attacks.changing import text_of
from tests.attacks.search import REGIONS
from tests.blinding.people import ROLES

SUBSETS = list(chain.from_iterable(combinations(ROLES, n) for n in range(len(ROLES) + 1)))


@pytest.mark.parametrize("people", SUBSETS, ids="-".join)
def test_one_person_of_each_role_and_no_fewer(changing, people):
    proposed = changing.with_zoe()
    changing.sign(proposed, *people)
    complete = {ROLES[name] for name in people} == {"analyst", "reviewer", "convenor"}
    signed = signers(changing.ledger.rows(), changing.policy, proposed)
    assert (not missing_roles(signed, changing.policy)) == complete
    if not people:
        assert former_policies(changing.ledger, changing.policy) == ()
    elif complete:
        (former,) = former_policies(changing.ledger, proposed)
        assert former.policy == changing.policy
        with pytest.raises(BlindingError, match=r"is not the policy in force"):
            former_policies(changing.ledger, changing.policy)
    else:
        assert former_policies(changing.ledger, changing.policy) == ()
        with pytest.raises(BlindingError, match=r"is not the policy in force"):
            former_policies(changing.ledger, proposed)


def test_somebody_who_is_not_in_the_policy_in_force(changing):
    with pytest.raises(BlindingError, match=r"the policy in force has no zoe"):
        changing.sign(changing.with_zoe(), "zoe")


def test_signing_twice(changing):
    proposed = changing.with_zoe()
    changing.sign(proposed, "ann")
    with pytest.raises(BlindingError, match="ann has signed this change already"):
        changing.sign(proposed, "ann")


def test_a_change_of_nothing(changing):
    with pytest.raises(BlindingError, match="nothing is changed"):
        changing.sign(changing.propose(ROLES), "ann")


def test_a_change_before_everybody_has_joined(changing):
    joins = changing.ledger.of_kind("join")
    changing.ledger = Ledger(changing.folder / "without con")
    for row in joins:
        body = row.body if row.person != "con" else row.body | {"policy": "0" * 64}
        changing.ledger.append("join", row.person, changing.keys[row.person], body)
    with pytest.raises(
        BlindingError, match=r"con has not joined this policy: .*as long as it binds nobody, edit"
    ):
        changing.sign(changing.with_zoe(), "ann")


def test_the_same_person_three_times_past_the_check(changing):
    proposed = changing.with_zoe()
    body = {"before": changing.policy.document, "after": proposed.document}
    for _ in range(3):
        changing.ledger.append("policy", "ann", changing.keys["ann"], body)
    with pytest.raises(BlindingError, match=r"is not the policy in force"):
        former_policies(changing.ledger, proposed)


def test_rows_in_the_names_of_others(changing):
    proposed = changing.with_zoe()
    body = {"before": changing.policy.document, "after": proposed.document}
    for name in ("ann", "rob", "con"):
        changing.ledger.append("policy", name, changing.keys["ann"], body)  # ann's key signs all three
    with pytest.raises(BlindingError, match=r"is not the policy in force"):
        former_policies(changing.ledger, proposed)


def test_a_made_up_policy_before(changing):
    """One analyst invents a former policy in which all roles are hers, and changes that."""
    mine = Policy.model_validate(
        changing.policy.model_dump()
        | {
            "people": {
                name: {"role": role, "ssh_key": changing.keys[name].with_suffix(".pub").read_text()}
                for name, role in {"ann": "analyst", "zoe": "reviewer", "zac": "convenor"}.items()
            }
        }
    )
    proposed = changing.with_zoe()
    body = {"before": mine.model_dump(mode="json"), "after": proposed.model_dump(mode="json")}
    for name in ("ann", "zoe", "zac"):
        changing.ledger.append("policy", name, changing.keys[name], body)
    with pytest.raises(BlindingError, match=r"changes a policy that not everybody had joined"):
        former_policies(changing.ledger, proposed)


def test_a_row_without_a_policy(changing):
    changing.ledger.append("policy", "ann", changing.keys["ann"], {"before": {}, "after": {}})
    with pytest.raises(BlindingError, match="holds no policy"):
        former_policies(changing.ledger, changing.policy)


def test_policy_toml_edited_by_hand_after_a_change(changing, tmp_path):
    (tmp_path / "ledger").rename(tmp_path / "blinding" / "ledger")
    changing.ledger = type(changing.ledger)(tmp_path / "blinding" / "ledger")
    changing.change(ROLES | {"zoe": "reviewer"})
    path = tmp_path / "blinding" / "policy.toml"
    with pytest.raises(BlindingError, match=r"policy\.toml is not the policy in force"):
        load_policy(tmp_path, REGIONS)  # the old file
    path.write_text(text_of(changing.keys, ROLES | {"zoe": "convenor"}))
    with pytest.raises(BlindingError, match=r"policy\.toml is not the policy in force"):
        load_policy(tmp_path, REGIONS)
    path.write_text(text_of(changing.keys, ROLES | {"zoe": "reviewer"}))
    assert load_policy(tmp_path, REGIONS).former == changing.policy.former


def test_policy_toml_edited_by_hand_instead_of_a_change(changing):
    edited = changing.with_zoe()
    with pytest.raises(BlindingError, match="makes keys for another policy"):
        stage_recipients(changing.ledger, edited, "2021")


def test_an_analyst_becomes_a_reviewer(changing):
    with pytest.raises(BlindingError, match="bob was analyst and may hold shares of keys as such"):
        changing.sign(changing.propose(ROLES | {"bob": "reviewer", "zoe": "analyst"}), "ann")


def test_an_analyst_leaves_and_comes_back_as_a_reviewer(changing):
    changing.change({name: role for name, role in ROLES.items() if name != "bob"})
    with pytest.raises(BlindingError, match="bob was analyst"):
        changing.sign(changing.propose(ROLES | {"bob": "reviewer"}), "ann")


def test_a_role_change_past_the_check(changing):
    proposed = changing.propose(ROLES | {"bob": "reviewer", "zoe": "analyst"})
    body = {"before": changing.policy.document, "after": proposed.document}
    for name in ("ann", "rob", "con"):
        changing.ledger.append("policy", name, changing.keys[name], body)
    with pytest.raises(BlindingError, match="bob was analyst"):
        former_policies(changing.ledger, proposed)


def test_a_key_comes_back_under_another_name(changing):
    changing.change({name: role for name, role in ROLES.items() if name != "bob"})
    roles = {"zoe" if name == "bob" else name: role for name, role in ROLES.items()}
    with pytest.raises(BlindingError, match="the SSH key of zoe was that of bob"):
        changing.sign(changing.propose(roles, zoe=changing.keys["bob"]), "ann")


def test_a_change_of_a_policy_that_is_not_in_force_any_more(changing):
    first = changing.policy
    changing.add_zoe()
    stale = changing.propose(ROLES | {"zac": "analyst"})
    body = {"before": first.model_dump(mode="json"), "after": stale.model_dump(mode="json")}
    for name in ("ann", "rob", "con"):
        changing.ledger.append("policy", name, changing.keys[name], body)
    with pytest.raises(BlindingError, match=r"is not the policy in force"):
        former_policies(changing.ledger, stale)
    assert len(former_policies(changing.ledger, changing.policy)) == 1


def test_somebody_who_left_writes_on(changing):
    changing.change({name: role for name, role in ROLES.items() if name != "bob"})
    require_signed(changing.ledger, changing.policy)  # what bob wrote before stays good
    changing.ledger.append("seen", "bob", changing.keys["bob"], {"reason": "none"})
    with pytest.raises(BlindingError, match="is not signed by bob"):
        require_signed(changing.ledger, changing.policy)


def test_somebody_writes_before_coming(changing):
    changing.ledger.append("seen", "zoe", changing.keys["zoe"], {"reason": "none"})
    proposed = changing.with_zoe()
    body = {"before": changing.policy.document, "after": proposed.document}
    for name in ("ann", "rob", "con"):
        changing.ledger.append("policy", name, changing.keys[name], body)
    changing.put_in_force(proposed)
    with pytest.raises(BlindingError, match="is not signed by zoe"):
        require_signed(changing.ledger, changing.policy)


def test_a_new_ssh_key_needs_a_new_join(changing, more_keys):
    changing.change(ROLES, rea=more_keys["zac"])
    changing.freeze()
    with pytest.raises(BlindingError, match="rea has not joined"):
        changing.request("CR3", opener="rea")
    with pytest.raises(BlindingError, match="rea has not joined this policy"):
        make_period(changing.policy, changing.ledger, "2021", "bob", more_keys["bob"])


def test_a_consent_is_taken_back_with_the_key_that_its_person_has_by_then(changing, more_keys):
    """The request is of the policy before, and the withdrawal of the one in force: each has the key of its time."""
    changing.freeze()
    request = changing.request("CR3")
    changing.change(ROLES, ann=more_keys["zac"])
    with pytest.raises(BlindingError, match=r"is not the SSH key of ann in \[people\]"):
        changing.opening.withdraw("ann", more_keys["ann"], request, "with the old key")
    changing.opening.withdraw("ann", more_keys["zac"], request, "the policy changed")
    require_sound(changing.ledger, changing.policy)


def test_the_status_goes_on_after_a_change(changing):
    """What is asked for is said, though nothing is opened with a freeze from before."""
    changing.freeze()
    changing.request("CR3")
    changing.add_zoe()
    assert stage_states(changing.policy, changing.ledger)["CR3"] == "requested"
    assert stage_states(changing.policy, changing.ledger)["CR2"] == "closed"


def test_a_freeze_from_before_the_change(changing):
    changing.freeze()
    asked = changing.request("CR3")
    changing.add_zoe()
    for attempt in (
        lambda: changing.request("CR3"),
        lambda: changing.approve(asked),
        lambda: changing.open(asked),
    ):
        with pytest.raises(BlindingError, match="the policy changed after this freeze"):
            attempt()


def signed_manifest(changing, folder, person="bob"):
    path = folder / "run.manifest.json"
    path.write_bytes(canonical({"policy": changing.policy.sha256, "person": person}))
    path.with_name(f"{path.name}.sig").write_bytes(sign(path.read_bytes(), changing.keys[person]))
    return path


def test_data_that_were_sealed_before_a_change_of_people_stay_good(changing, tmp_path):
    """The control: production left, and a new period came."""
    manifest = signed_manifest(changing, tmp_path)
    changing.edit = lambda text: (
        text.replace('role = "analyst"\n', 'role = "analyst"\nproduction = true\n', 1)
        + ("[periods.2022]\ndata_runs = [[12001, 13000]]\n")
    )
    changing.change({name: role for name, role in ROLES.items() if name != "bob"})
    assert read_manifest(manifest, changing.policy)["person"] == "bob"
    assert stage_recipients(changing.ledger, changing.policy, "2021")


def test_data_that_were_sealed_with_other_envelopes(changing, tmp_path):
    manifest = signed_manifest(changing, tmp_path)
    changing.edit = lambda text: text.replace("max_dt_ns = 10.0", "max_dt_ns = 9.0")
    changing.change(ROLES)
    with pytest.raises(
        BlindingError, match=r"was made with another blinding/policy\.toml; seal the raw data again"
    ):
        read_manifest(manifest, changing.policy)
    with pytest.raises(BlindingError, match="period 2021 has no keys for this policy"):
        stage_recipients(changing.ledger, changing.policy, "2021")


def test_data_that_somebody_seals_after_leaving(changing, tmp_path):
    before = changing.policy
    changing.edit = lambda text: text.replace(
        'role = "analyst"\n', 'role = "analyst"\nproduction = true\n', 1
    )
    changing.change({name: role for name, role in ROLES.items() if name != "bob"})
    now, changing.policy = changing.policy, before
    path = signed_manifest(changing, tmp_path)
    document = {"policy": now.sha256, "person": "bob"}
    path.write_bytes(canonical(document))
    path.with_name(f"{path.name}.sig").write_bytes(sign(path.read_bytes(), changing.keys["bob"]))
    with pytest.raises(BlindingError, match="is not signed by anybody with the mark `production`"):
        read_manifest(path, now)

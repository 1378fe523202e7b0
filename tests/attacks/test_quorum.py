"""Every subset of people against a brute-force oracle: only a full quorum in the right order makes a stage's key."""

import base64
from itertools import chain, combinations, permutations

import pyrage
import pytest

from bdana.blinding import load_policy
from bdana.blinding.canonical import sha256
from bdana.blinding.keys import combine, join, link, make_period, shares, stage_recipients
from bdana.blinding.ledger import Ledger
from bdana.blinding.signing import sign
from bdana.errors import BlindingError
from tests.attacks.search import IDENTITIES, REGIONS
from tests.blinding.people import ROLES, policy_text


@pytest.fixture
def policy(tmp_path, keys):
    (tmp_path / "blinding").mkdir()
    text = (
        policy_text(keys)
        .replace("convenor = 1", "convenor = 1")
        .replace("[stages.SR.approval]\nanalyst = 1", "[stages.SR.approval]\nanalyst = 2")
    )
    (tmp_path / "blinding" / "policy.toml").write_text(text)
    return load_policy(tmp_path, REGIONS)


@pytest.fixture
def ledger(tmp_path, policy, keys):
    ledger = Ledger(tmp_path / "ledger")
    for name in policy.people:
        join(policy, ledger, name, keys[name], str(IDENTITIES[name].to_public()))
    return ledger


@pytest.fixture
def row(policy, ledger, keys):
    return make_period(policy, ledger, "2021", "bob", keys["bob"])


def opened(row, stage, people, before):
    """Return the stage's secret if these people's shares give it, trying what they can."""
    mine = [
        (share, pyrage.decrypt(base64.b64decode(share.sealed), [IDENTITIES[share.person]]))
        for share in shares(row, stage)
        if share.person in people
    ]
    parts = {}
    for share, piece in mine:
        assert sha256(piece) == share.sha256
        parts.setdefault((share.role, share.group), []).append(piece)
    roles = {role for role, _ in parts}
    chosen = [
        next((combine(p) for (r, group), p in parts.items() if r == role and len(p) == len(group)), bytes(74))
        for role in roles
    ]
    secret = combine([bytes(74), *chosen, *([link(before)] if before else [])])
    try:
        identity = pyrage.x25519.Identity.from_str(secret.decode())
    except (UnicodeDecodeError, pyrage.IdentityError):
        return None
    return secret if str(identity.to_public()) == row.body["stages"][stage]["public"] else None


def everybody(row, stages):
    before = None
    for stage in stages:
        before = opened(row, stage, set(ROLES), before)
    return before


def test_every_subset_of_people(policy, row):
    for stage in policy.stages:
        previous = list(policy.stages)[: list(policy.stages).index(stage)]
        before = everybody(row, previous)
        for people in chain.from_iterable(combinations(ROLES, n) for n in range(6)):
            enough = all(
                sum(ROLES[p] == role for p in people) >= n
                for role, n in policy.stages[stage].approval.items()
            )
            assert bool(opened(row, stage, set(people), before)) == enough, (stage, people)


def test_only_one_of_the_120_orders(policy, row):
    whole = 0
    for order in permutations(policy.stages):
        before, done = None, True
        for stage in order:
            before = opened(row, stage, set(ROLES), before)
            done = done and before is not None
            if not done:
                break
        whole += done
    assert whole == 1


def test_seal_keys_are_those_of_the_row(policy, ledger, row):
    assert stage_recipients(ledger, policy, "2021") == {s: m["public"] for s, m in row.body["stages"].items()}
    with pytest.raises(BlindingError, match="period 2022 has no keys"):
        stage_recipients(ledger, policy, "2022")


def test_nothing_is_sealed_to_keys_that_are_not_signed(policy, ledger, row, keys):
    """Keys that somebody made, and whose secrets somebody has, in the name of production."""
    (ledger.folder / f"{row.name}.sig").write_bytes(
        sign((ledger.folder / row.name).read_bytes(), keys["ann"])
    )
    with pytest.raises(BlindingError, match="is not signed by bob; see who wrote it"):
        stage_recipients(ledger, policy, "2021")


def test_no_keys_until_everybody_has_joined(tmp_path, policy, keys):
    ledger = Ledger(tmp_path / "empty")
    for name in list(policy.people)[:-1]:
        join(policy, ledger, name, keys[name], str(IDENTITIES[name].to_public()))
    with pytest.raises(BlindingError, match="con has not joined"):
        make_period(policy, ledger, "2021", "bob", keys["bob"])


def test_nobody_joins_for_another(tmp_path, policy, ledger, keys):
    join(policy, ledger, "con", keys["ann"], str(IDENTITIES["ann"].to_public()))
    with pytest.raises(BlindingError, match=r"join-con-.* is not signed by con"):
        make_period(policy, ledger, "2021", "bob", keys["bob"])


def test_keys_of_a_period_are_made_once(policy, ledger, row, keys):
    with pytest.raises(BlindingError, match="period 2021 has keys already"):
        make_period(policy, ledger, "2021", "ann", keys["ann"])


def test_strangers_and_unknown_periods_are_refused(policy, ledger, keys):
    with pytest.raises(BlindingError, match="has no eve"):
        join(policy, ledger, "eve", keys["ann"], str(IDENTITIES["ann"].to_public()))
    with pytest.raises(BlindingError, match="no age recipient"):
        join(policy, ledger, "ann", keys["ann"], "age1nonsense")
    with pytest.raises(BlindingError, match=r"no \[periods.1999\]"):
        make_period(policy, ledger, "1999", "bob", keys["bob"])

"""Keys of stages: only the right order opens, with every check patched away too; and who makes the keys, and when."""

import shutil
from itertools import islice

import pytest

from bdana.blinding import key_shares as shares_module
from bdana.blinding import load_policy
from bdana.blinding import rules as rules_module
from bdana.blinding.ledger import Ledger
from bdana.blinding.signing import sign
from bdana.blinding.stage_keys import join, make_period, stage_recipients
from bdana.errors import BlindingError
from tests.attacks.search import REGIONS
from tests.blinding.people import ROLES, everybody_joins, policy_text, recipient
from tests.searches import STAGES


@pytest.fixture
def policy(tmp_path, keys):
    (tmp_path / "blinding").mkdir()
    (tmp_path / "blinding" / "policy.toml").write_text(policy_text(keys))
    return load_policy(tmp_path, REGIONS)


@pytest.fixture
def ledger(tmp_path, policy, keys):
    ledger = Ledger(tmp_path / "ledger")
    everybody_joins(policy, ledger, keys)
    return ledger


@pytest.fixture
def row(policy, ledger, keys):
    return make_period(policy, ledger, "2021", "bob", keys["bob"])


@pytest.fixture
def unguarded(monkeypatch):
    """Every check of policy, order and signatures accepts: what is left is the key."""
    monkeypatch.setattr(rules_module, "broken", lambda case: iter(()))
    monkeypatch.setattr(rules_module, "require_signed", lambda *args, **kwargs: True)
    monkeypatch.setattr(shares_module.KeyShares, "require", lambda *args, **kwargs: None)
    monkeypatch.setattr(shares_module, "_makes", lambda *args, **kwargs: True)


def orders(search, folder, said, done=()):
    """Yield the orders in which everybody together opens all stages.

    Orders that begin alike are tried once, on a copy of the ledger as the stages before left it.
    """
    if len(done) == len(STAGES):
        yield done
    for stage in (stage for stage in STAGES if stage not in done):
        after = shutil.copytree(folder, folder.with_name(f"{folder.name}-{stage}"))
        made = search.with_ledger(after)
        try:
            request = made.request(stage)
            for person in ("bob", "rea", "con"):
                if ROLES[person] in search.policy.stages[stage].approval:
                    made.approve(request, person)
            made.open(request)
        except BlindingError as err:
            said.append(str(err))
        else:
            yield from orders(search, after, said, (*done, stage))


def test_only_one_of_the_120_orders(search):
    said = []
    # Two are asked for: with more than one the tree grows long.
    assert list(islice(orders(search, search.ledger.folder, said), 2)) == [STAGES]
    assert len(said) == 4 + 3 + 2 + 1
    assert {"is opened after" in message for message in said} == {True}


@pytest.mark.usefixtures("unguarded")
def test_only_one_of_the_120_orders_with_every_check_patched(search):
    said = []
    assert list(islice(orders(search, search.ledger.folder, said), 2)) == [STAGES]
    assert len(said) == 4 + 3 + 2 + 1
    assert {"does not open: the key is not complete" in message for message in said} == {True}


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
        join(policy, ledger, name, keys[name], recipient(name))
    with pytest.raises(BlindingError, match="con has not joined"):
        make_period(policy, ledger, "2021", "bob", keys["bob"])


def test_nobody_joins_for_another(tmp_path, policy, ledger, keys):
    with pytest.raises(BlindingError, match=r"is not the SSH key of con"):
        join(policy, ledger, "con", keys["ann"], recipient("ann"))
    ledger.append("join", "con", keys["ann"], {"policy": policy.sha256, "recipient": recipient("ann")})
    with pytest.raises(BlindingError, match=r"join-con-.* is not signed by con"):
        make_period(policy, ledger, "2021", "bob", keys["bob"])


def test_keys_of_a_period_are_made_once(policy, ledger, row, keys):
    with pytest.raises(BlindingError, match="period 2021 has keys already"):
        make_period(policy, ledger, "2021", "ann", keys["ann"])


def test_strangers_and_unknown_periods_are_refused(policy, ledger, keys):
    with pytest.raises(BlindingError, match="has no eve"):
        join(policy, ledger, "eve", keys["ann"], recipient("ann"))
    with pytest.raises(BlindingError, match="no age recipient"):
        join(policy, ledger, "ann", keys["ann"], "age1nonsense")
    with pytest.raises(BlindingError, match=r"no \[periods.1999\]"):
        make_period(policy, ledger, "1999", "bob", keys["bob"])

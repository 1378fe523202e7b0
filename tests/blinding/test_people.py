"""The people of a policy."""

import pytest

import bdana
from bdana.analysis import template_folder
from bdana.blinding import load_policy
from bdana.errors import ConfigError
from tests.blinding.people import policy_text

REGIONS = bdana.load(template_folder()).regions


def load(tmp_path, text):
    (tmp_path / "blinding").mkdir()
    (tmp_path / "blinding" / "policy.toml").write_text(text)
    return load_policy(tmp_path, REGIONS)


def test_a_policy_knows_its_people_stages_and_runs(tmp_path, keys):
    policy = load(tmp_path, policy_text(keys))
    assert policy.holders("reviewer") == ["rob", "rea"]
    assert (policy.previous("CR3"), policy.previous("SR")) == (None, "CR")
    assert policy.periods["2021"].data_runs == [(11000, 12000)]


def test_one_key_under_two_names_is_refused_whatever_its_comment(tmp_path, keys, publics):
    text = policy_text(keys).replace(publics["bob"], publics["ann"].rpartition(" ")[0] + " bob@elsewhere")
    with pytest.raises(ConfigError, match="bob and ann have the same SSH key"):
        load(tmp_path, text)


def test_one_person_twice_is_refused(tmp_path, keys):
    with pytest.raises(ConfigError, match=r"ANN stands in .people. twice"):
        load(tmp_path, policy_text(keys).replace("[people.bob]", "[people.ANN]"))


def test_a_clause_that_its_role_cannot_fill_is_refused(tmp_path, keys):
    with pytest.raises(ConfigError, match=r"\[stages.SR\] asks for 2 convenor, but \[people\] has 1"):
        load(tmp_path, policy_text(keys).replace("convenor = 1", "convenor = 2"))


@pytest.mark.parametrize("kind", ["sk-ssh-ed25519@openssh.com", "ecdsa-sha2-nistp256", "ssh-dss"])
def test_other_keys_are_refused(tmp_path, keys, publics, kind):
    text = policy_text(keys).replace(publics["rob"], publics["rob"].replace("ssh-ed25519", kind))
    with pytest.raises(ConfigError, match="cannot be used: give an ssh-ed25519 or ssh-rsa"):
        load(tmp_path, text)


def test_a_key_that_lies_about_its_kind_is_refused(tmp_path, keys, publics):
    text = policy_text(keys).replace(publics["rob"], publics["rob"].replace("ssh-ed25519", "ssh-rsa"))
    with pytest.raises(ConfigError, match="is not the ssh-rsa key it says it is"):
        load(tmp_path, text)

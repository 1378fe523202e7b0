"""`bdana blinding` and `bdana seal` as people type them; the referee's recipe agrees."""

import json
import re
import shutil
import subprocess

import pyrage
import pytest

from bdana.analysis import scaffold, template_folder
from bdana.blinding import load_policy
from bdana.blinding.ledger import Ledger
from bdana.blinding.stage_keys import join, make_period
from tests import commands
from tests.attacks.search import IDENTITIES, REGIONS
from tests.blinding.people import ROLES, policy_text, ssh_key
from tests.sealing.test_seal_file import closed, like_sign, raw_file


def bdana(*arguments, cwd):
    return commands.bdana(*arguments, cwd=cwd, typed="sesame\n")


@pytest.fixture
def folder(tmp_path, keys, monkeypatch):
    folder = tmp_path / "analysis"
    monkeypatch.setenv("XDG_CONFIG_HOME", str(folder / "config"))
    for part in ("selections", "backgrounds", "blinding"):
        shutil.copytree(template_folder() / part, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(template_folder() / "analysis.toml", folder)
    (folder / "blinding" / "policy.toml").write_text(policy_text(keys))
    policy, ledger = load_policy(folder, REGIONS), Ledger(folder / "blinding" / "ledger")
    for name in policy.people:
        join(policy, ledger, name, keys[name], str(IDENTITIES[name].to_public()))
    make_period(policy, ledger, "2021", "bob", keys["bob"])
    raw_file(folder / "run.root", [like_sign(1), closed(2)])
    options = ["--period", "2021", "--person", "bob", "--key", keys["bob"]]
    done = bdana("seal", "run.root", *options, cwd=folder)
    assert done.returncode == 0, done.stderr
    assert "run.root: its manifest says that the reconstruction is unknown; --reconstruction" in done.stderr
    return folder


def test_sealed_data_are_read_and_raw_data_are_not(folder):
    read = bdana("select", "run.open.root", "--json", cwd=folder)
    assert json.loads(read.stdout)["cutflow"][0]["events"] == 1
    refused = bdana("select", "run.root", cwd=folder)
    assert refused.returncode == 3
    assert "run.root is not sealed" in refused.stderr
    skim = bdana("select", "run.open.root", "--skim", "skim.root", cwd=folder)
    assert (skim.returncode, skim.stdout) == (2, "")
    assert "a skim of sealed data is read with its manifest, so call it skim.open.root" in skim.stderr


def test_status_and_verify(folder, publics):
    state = json.loads(bdana("blinding", "status", "--json", cwd=folder).stdout)
    assert [row["kind"] for row in state["rows"]] == ["join"] * 5 + ["keys", "seal"]
    verified = bdana("blinding", "verify", cwd=folder)
    assert verified.returncode == 0, verified.stderr
    assert f"7 rows, all signed and allowed where they stand; head: {state['head']}" in verified.stdout
    assert verified.stdout.count("SHA256:") == 5


def recipe(page):
    return re.search(r"```sh\n(.*?)```", page, re.DOTALL)[1].replace("cd blinding/ledger\n", "")


def test_the_referee_recipe_agrees(folder, publics):
    page = (template_folder() / "docs" / "blinding.md").read_text()
    ledger = folder / "blinding" / "ledger"
    (ledger / "signers").write_text("".join(f'{n} namespaces="bdana" {k}\n' for n, k in publics.items()))
    run = subprocess.run(["bash", "-c", recipe(page)], cwd=ledger, capture_output=True, text=True, check=True)
    assert run.stdout.count("Good") == 7
    assert not re.search("changed|not signed|does not follow", run.stdout)
    first = min(ledger.glob("*.json"))
    text = first.read_text()
    first.write_text(text.replace("join", "joim"))
    run = subprocess.run(["bash", "-c", recipe(page)], cwd=ledger, capture_output=True, text=True, check=True)
    assert all(word in run.stdout for word in ("changed", "not signed", "does not follow"))
    refused = bdana("blinding", "verify", cwd=folder)
    assert refused.returncode == 3


def test_a_reviewer_comes_and_takes_over(folder, keys, publics):
    zoe = ssh_key(folder, "zoe")
    new = folder / "new.toml"
    new.write_text(policy_text(keys | {"zoe": zoe}, ROLES | {"zoe": "reviewer"}))
    for name, said in {"ann": "reviewer, convenor", "rob": ": convenor", "con": "is in force"}.items():
        done = bdana("blinding", "amend", new, "--person", name, "--key", keys[name], cwd=folder)
        assert done.returncode == 0, done.stderr
        assert "changes: people.zoe added" in done.stdout
        assert said in done.stderr
    assert (folder / "blinding" / "policy.toml").read_text() == new.read_text()
    for name, key in {"rob": keys["rob"], "zoe": zoe}.items():  # rob has an identity of his own here
        assert bdana("blinding", "join", "--person", name, "--key", key, cwd=folder).returncode == 0
    refused = bdana("blinding", "handover", "zoe", "--person", "rob", "--key", keys["rob"], cwd=folder)
    assert refused.returncode == 3
    assert "is not the one that rob joined with" in refused.stderr
    (folder / "config" / "bdana" / "rob.age").write_bytes(
        pyrage.passphrase.encrypt(str(IDENTITIES["rob"]).encode(), "sesame")
    )
    done = bdana("blinding", "handover", "zoe", "--person", "rob", "--key", keys["rob"], cwd=folder)
    assert done.returncode == 0, done.stderr
    assert "zoe holds what rob holds of period 2021" in done.stderr
    verified = bdana("blinding", "verify", cwd=folder)
    assert verified.returncode == 0, verified.stderr
    assert verified.stdout.count("SHA256:") == 6
    # The recipe of docs/blinding.md takes the people from the rows `policy` too.
    page = (template_folder() / "docs" / "blinding.md").read_text()
    (signers,) = re.findall(r"`(jq -r .*? > signers)`", page)
    ledger = folder / "blinding" / "ledger"
    subprocess.run(["bash", "-c", signers], cwd=ledger, check=True)
    assert len((ledger / "signers").read_text().splitlines()) == 6
    run = subprocess.run(["bash", "-c", recipe(page)], cwd=ledger, capture_output=True, text=True, check=True)
    assert not re.search("changed|not signed|does not follow", run.stdout)


def test_without_people_there_is_nothing_to_show(tmp_path):
    done = bdana("blinding", "status", cwd=tmp_path)
    assert (done.returncode, "no analysis.toml here or above" in done.stderr) == (2, True)
    scaffold(tmp_path / "a")
    done = bdana("blinding", "status", cwd=tmp_path / "a")
    assert (done.returncode, "policy.toml names no [people]" in done.stderr) == (3, True)
    (tmp_path / "a" / "blinding" / "policy.toml").unlink()
    done = bdana("blinding", "status", cwd=tmp_path / "a")
    assert (done.returncode, "policy.toml is not there" in done.stderr) == (3, True)

"""`bdana blinding` and `bdana seal` as people type them; the referee's recipe agrees."""

import json
import re
import subprocess

import pyrage
import pytest

from bdana.analysis import scaffold
from bdana.blinding import load_policy
from bdana.blinding.ledger import Ledger
from tests import commands
from tests.attacks.raw import closed, like_sign, raw_file
from tests.attacks.search import REGIONS
from tests.blinding.people import IDENTITIES, ROLES, everybody_joins_with_keys, policy_text, ssh_key
from tests.blinding.referee import PAGE, run_recipe, write_signers
from tests.searches import analysis_folder


def bdana(*arguments, cwd):
    return commands.bdana(*arguments, cwd=cwd, typed="sesame\n")


@pytest.fixture
def folder(tmp_path, keys, config_home):
    folder = analysis_folder(tmp_path / "analysis", keys=keys)
    policy, ledger = load_policy(folder, REGIONS), Ledger(folder / "blinding" / "ledger")
    everybody_joins_with_keys(policy, ledger, keys)
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


def test_status_and_verify_show_every_row(folder, publics):
    state = json.loads(bdana("blinding", "status", "--json", cwd=folder).stdout)
    assert [row["kind"] for row in state["rows"]] == ["join"] * 5 + ["keys", "seal"]
    verified = bdana("blinding", "verify", cwd=folder)
    assert verified.returncode == 0, verified.stderr
    assert f"7 rows, all signed and allowed where they stand; head: {state['head']}" in verified.stdout
    assert verified.stdout.count("SHA256:") == 5


def test_the_referee_recipe_agrees(folder, publics):
    ledger = folder / "blinding" / "ledger"
    write_signers(ledger / "signers", publics)
    said = run_recipe(ledger)
    assert said.count("Good") == 7
    assert not re.search("changed|not signed|does not follow", said)
    first = next(ledger.glob("000001*.json"))  # of the main line
    text = first.read_text()
    first.write_text(text.replace("keys", "keyz"))
    said = run_recipe(ledger)
    assert all(word in said for word in ("changed", "not signed", "does not follow"))
    refused = bdana("blinding", "verify", cwd=folder)
    assert refused.returncode == 3


def test_a_reviewer_comes_and_takes_over(folder, config_home, keys, publics):
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
    (config_home / "bdana" / "rob.age").write_bytes(
        pyrage.passphrase.encrypt(str(IDENTITIES["rob"]).encode(), "sesame")
    )
    done = bdana("blinding", "handover", "zoe", "--person", "rob", "--key", keys["rob"], cwd=folder)
    assert done.returncode == 0, done.stderr
    assert "zoe holds what rob holds of period 2021" in done.stderr
    verified = bdana("blinding", "verify", cwd=folder)
    assert verified.returncode == 0, verified.stderr
    assert verified.stdout.count("SHA256:") == 6
    # The recipe of docs/blinding.md takes the people from the rows `policy` too.
    (signers,) = re.findall(r"`(jq -r .*? > signers)`", PAGE.read_text())
    ledger = folder / "blinding" / "ledger"
    subprocess.run(["bash", "-c", signers], cwd=ledger, check=True)
    assert len((ledger / "signers").read_text().splitlines()) == 6
    assert not re.search("changed|not signed|does not follow", run_recipe(ledger))


def test_without_people_there_is_nothing_to_show(tmp_path):
    done = bdana("blinding", "status", cwd=tmp_path)
    assert (done.returncode, "no analysis.toml here or above" in done.stderr) == (2, True)
    scaffold(tmp_path / "a")
    done = bdana("blinding", "status", cwd=tmp_path / "a")
    assert (done.returncode, "policy.toml names no [people]" in done.stderr) == (3, True)
    (tmp_path / "a" / "blinding" / "policy.toml").unlink()
    done = bdana("blinding", "status", cwd=tmp_path / "a")
    assert (done.returncode, "policy.toml is not there" in done.stderr) == (3, True)

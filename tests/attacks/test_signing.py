"""Attacks with SSH keys: locked, in an agent, of another person, for another purpose."""

import os
import re
import subprocess

import pytest

from bdana.blinding.ledger import Ledger
from bdana.blinding.signing import sign, verify
from bdana.errors import InputError
from tests.blinding.people import ssh_key, unsigned

TEXT = b'{"seed":"1"}'


def locked_key(folder, passphrase="open sesame"):
    path = folder / "locked"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", passphrase, "-f", path], check=True)
    return path


@pytest.fixture
def ask(tmp_path, monkeypatch):
    """Let ssh-keygen get its passphrase from a program, as a desktop does."""
    program = tmp_path / "askpass"
    monkeypatch.setenv("SSH_ASKPASS", str(program))
    monkeypatch.setenv("SSH_ASKPASS_REQUIRE", "force")

    def answers(answer):
        program.write_text(f"#!/bin/sh\necho '{answer}'\n")
        program.chmod(0o700)

    return answers


@pytest.fixture
def agent(tmp_path, monkeypatch):
    started = subprocess.run(
        ["ssh-agent", "-s", "-a", tmp_path / "agent"], capture_output=True, text=True, check=True
    )
    monkeypatch.setenv("SSH_AUTH_SOCK", str(tmp_path / "agent"))
    yield
    os.kill(int(re.search(r"SSH_AGENT_PID=(\d+)", started.stdout)[1]), 15)


def test_a_locked_key_signs_with_its_passphrase(tmp_path, ask):
    key = locked_key(tmp_path)
    ask("open sesame")
    assert verify(TEXT, sign(TEXT, key), key.with_suffix(".pub").read_text())


def test_a_locked_key_does_not_sign_with_another_passphrase(tmp_path, ask):
    key = locked_key(tmp_path)
    ask("guess")
    with pytest.raises(InputError, match=r"locked: ssh-keygen does not sign: .*incorrect passphrase"):
        sign(TEXT, key)


def test_a_key_that_only_the_agent_holds_signs(tmp_path, agent):
    key = tmp_path / "k"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
    subprocess.run(["ssh-add", "-q", key], check=True)
    key.unlink()
    public = key.with_suffix(".pub")
    assert verify(TEXT, sign(TEXT, public), public.read_text())


def test_a_key_that_the_agent_does_not_hold_is_refused(tmp_path, agent, publics):
    public = tmp_path / "rob.pub"
    public.write_text(publics["rob"])
    with pytest.raises(InputError, match=r"rob.pub: ssh-keygen does not sign: "):
        sign(TEXT, public)


def test_a_key_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"nothing: ssh-keygen does not sign: .*No such file"):
        sign(TEXT, tmp_path / "nothing")


def test_no_ssh_keygen_is_said(tmp_path, keys, monkeypatch):
    monkeypatch.setenv("PATH", "")
    with pytest.raises(InputError, match="needs the program ssh-keygen"):
        sign(TEXT, keys["ann"])


def test_a_signature_for_another_purpose_is_refused(keys, publics):
    command = ["ssh-keygen", "-Y", "sign", "-q", "-f", str(keys["ann"]), "-n", "git"]
    for_git = subprocess.run(command, input=TEXT, capture_output=True, check=True).stdout
    assert not verify(TEXT, for_git, publics["ann"])
    assert verify(TEXT, sign(TEXT, keys["ann"]), publics["ann"])


@pytest.mark.parametrize("attack", ["another text", "another person", "no signature", "two texts"])
def test_a_signature_of_something_else_is_refused(keys, publics, attack):
    signature, public, text = sign(TEXT, keys["ann"]), publics["ann"], TEXT
    if attack == "another text":
        text = TEXT + b" "
    elif attack == "another person":
        public = publics["bob"]
    elif attack == "no signature":
        signature = b""
    else:
        text, signature = TEXT + TEXT, signature + signature
    assert not verify(text, signature, public)


def flips(text):
    for bit in range(8 * len(text)):
        flipped = bytearray(text)
        flipped[bit // 8] ^= 1 << bit % 8
        yield bytes(flipped)


@pytest.mark.parametrize("kind", ["ed25519", pytest.param("rsa", marks=pytest.mark.exhaustive)])
def test_every_bit_of_a_signature(tmp_path, kind):
    key = ssh_key(tmp_path, "k", kind)
    public, signature = key.with_suffix(".pub").read_text(), sign(TEXT, key)
    assert verify(TEXT, signature, public)
    assert [flipped for flipped in flips(signature) if verify(TEXT, flipped, public)] == []


@pytest.mark.parametrize(
    "spelled",
    [
        lambda text: text + b"\n",
        lambda text: text.removesuffix(b"\n"),
        lambda text: text[:60] + b" " + text[60:],
        lambda text: text.replace(b"SIGNATURE-----\n", b"SIGNATURE-----\n\n", 1),
    ],
    ids=["line after", "no line end", "a space", "empty line"],
)
def test_a_signature_spelled_otherwise(keys, publics, spelled):
    signature = sign(TEXT, keys["ann"])
    assert spelled(signature) != signature
    assert not verify(TEXT, spelled(signature), publics["ann"])


def test_both_programs_must_accept(keys, publics, monkeypatch):
    """Each of the two alone would let a wrong signature pass when it is patched away; together they do not."""
    wrong = sign(b"another text", keys["ann"])
    monkeypatch.setattr("sshsig.verify", lambda *args, **kwargs: None)
    assert not verify(TEXT, wrong, publics["ann"])
    monkeypatch.setenv("PATH", "")
    verify.cache_clear()
    assert verify(TEXT, wrong, publics["ann"])  # with both gone the attack works: they are the guard
    verify.cache_clear()


def test_a_changed_key_no_longer_signs_for_its_person(tmp_path, keys, publics):
    ledger = Ledger(tmp_path / "ledger")
    ledger.append("seen", "ann", keys["ann"], {})
    assert unsigned(ledger, publics) == []
    assert [row.person for row in unsigned(ledger, publics | {"ann": publics["rea"]})] == ["ann"]
    assert [row.person for row in unsigned(ledger, {"bob": publics["bob"]})] == ["ann"]

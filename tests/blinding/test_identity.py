"""Age identities in a person's config folder."""

import re

import pyrage
import pytest

from bdana.blinding.identity import identity_path, make_identity, unlock_identity
from bdana.errors import InputError

LOCK = pyrage.passphrase.encrypt
"""As it is before tests take one that works less."""


def test_an_identity_is_locked_and_made_once(config_home):
    with pytest.raises(InputError, match="no age identity there"):
        unlock_identity("ann", "secret")
    with pytest.raises(InputError, match="needs a passphrase"):
        make_identity("ann", "")
    recipient = make_identity("ann", "secret")
    assert make_identity("ann", "secret") == recipient == str(unlock_identity("ann", "secret").to_public())
    assert b"AGE-SECRET-KEY" not in identity_path("ann").read_bytes()
    assert identity_path("ann").stat().st_mode & 0o777 == 0o600
    with pytest.raises(InputError, match="the passphrase does not open it"):
        make_identity("ann", "guess")


def test_guessing_a_passphrase_takes_work(config_home, monkeypatch):
    monkeypatch.setattr("pyrage.passphrase.encrypt", LOCK)
    make_identity("ann", "secret")
    (work,) = re.findall(rb"\n-> scrypt \S+ (\d+)\n", identity_path("ann").read_bytes())
    assert int(work) >= 14


def test_a_busy_machine_is_no_wrong_passphrase(config_home, monkeypatch):
    """What age takes for excessive depends on the speed of the moment."""
    recipient = make_identity("ann", "secret")
    decrypt, answers = pyrage.passphrase.decrypt, iter([True, True, False])

    def slow(locked, passphrase):
        if next(answers, False):
            raise pyrage.DecryptError("Excessive work parameter for passphrase.")
        return decrypt(locked, passphrase)

    monkeypatch.setattr(pyrage.passphrase, "decrypt", slow)
    assert str(unlock_identity("ann", "secret").to_public()) == recipient
    answers = iter([True] * 10)
    with pytest.raises(InputError, match="too busy"):
        unlock_identity("ann", "secret")

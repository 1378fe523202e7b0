"""A person's age identity, to which shares of keys are encrypted: locked with a passphrase, in the config folder."""

from __future__ import annotations

import base64
import os
from pathlib import Path

import pyrage

from bdana.errors import InputError

__all__ = ["encrypted", "identity_path", "make_identity", "unlock_identity"]

_TRIES = 5
_BUSY = "Excessive work"
"""Begins the error of age for a key that would take long to make from a passphrase."""


def identity_path(person: str) -> Path:
    """Return the path of a person's locked identity, which the program `age` reads too.

    Parameters
    ----------
    person : str
    """
    config = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    return config / "bdana" / f"{person}.age"


def make_identity(person: str, passphrase: str) -> str:
    """Make a person's age identity unless there is one, and return its public half, the age recipient.

    Parameters
    ----------
    person, passphrase : str

    Raises
    ------
    InputError
        When there is one already that the passphrase does not open, the passphrase is empty, or it cannot be written.
    """
    path = identity_path(person)
    if path.exists():
        return str(unlock_identity(person, passphrase).to_public())
    if not passphrase:
        raise InputError("refused: an age identity needs a passphrase")
    identity = pyrage.x25519.Identity.generate()
    locked = pyrage.passphrase.encrypt(str(identity).encode(), passphrase)
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(locked)
    except OSError as err:
        raise InputError(f"{path}: cannot be written ({err.strerror})") from None
    return str(identity.to_public())


def _unlocked(locked: bytes, passphrase: str) -> bytes:
    """Decrypt a locked identity; age refuses one whose key would take long, and measures that: on a busy machine too long."""
    for _ in range(_TRIES - 1):
        try:
            return bytes(pyrage.passphrase.decrypt(locked, passphrase))
        except pyrage.DecryptError as err:
            if not str(err).startswith(_BUSY):
                raise
    return bytes(pyrage.passphrase.decrypt(locked, passphrase))


def unlock_identity(person: str, passphrase: str) -> pyrage.x25519.Identity:
    """Read a person's age identity with the passphrase that locks it.

    Parameters
    ----------
    person, passphrase : str

    Raises
    ------
    InputError
        When there is none, or the passphrase is wrong.
    """
    path = identity_path(person)
    try:
        return pyrage.x25519.Identity.from_str(_unlocked(path.read_bytes(), passphrase).decode())
    except FileNotFoundError:
        raise InputError(f"{path}: no age identity there; `bdana blinding join` makes it") from None
    except OSError as err:
        raise InputError(f"{path}: cannot be read ({err.strerror})") from None
    except (pyrage.DecryptError, pyrage.IdentityError, UnicodeDecodeError) as err:
        if str(err).startswith(_BUSY):
            raise InputError(
                f"{path}: the machine is too busy to open it in a reasonable time; try again when it is not"
            ) from None
        raise InputError(
            f"{path}: the passphrase does not open it, or it is no age identity that `bdana blinding join` made"
        ) from None


def encrypted(content: bytes, *recipients: str) -> str:
    """Encrypt something to people by their age recipients, and return it in base64, as rows hold it.

    Parameters
    ----------
    content : bytes
    *recipients : str
    """
    keys = [pyrage.x25519.Recipient.from_str(recipient) for recipient in recipients]
    return base64.b64encode(pyrage.encrypt(content, keys)).decode()

"""Signatures with people's SSH keys: made by `ssh-keygen`, and checked by it and by the package sshsig."""

from __future__ import annotations

import base64
import hashlib
import shutil
import subprocess
import tempfile
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from bdana.errors import InputError
from bdana.on_demand import late_module

if TYPE_CHECKING:
    import sshsig
    from cryptography import exceptions
    from cryptography.hazmat.primitives import serialization
else:
    sshsig = late_module("sshsig")
    exceptions = late_module("cryptography.exceptions")
    serialization = late_module("cryptography.hazmat.primitives.serialization")

__all__ = ["fingerprint", "make_key", "raw_key", "sign", "verify"]

NAMESPACE = "bdana"
_BEGIN, _END = b"-----BEGIN SSH SIGNATURE-----\n", b"-----END SSH SIGNATURE-----\n"
_LINE = 70
"""Characters of base64 in a line of a signature, as ssh-keygen writes it."""
_TYPES = ("ssh-ed25519", "ssh-rsa")


def raw_key(public: str) -> bytes:
    """Return the bytes of the key in an OpenSSH public key line: equal bytes are the same key, whatever the comment.

    Parameters
    ----------
    public : str

    Raises
    ------
    ValueError
        When it is not an ed25519 or rsa key.
    """
    kind, *rest = public.split(maxsplit=2)[:2] or [""]
    if kind.startswith("sk-"):  # guard: no-fido-key
        raise ValueError(
            f"key type '{kind}' lives in a FIDO token and cannot be used: give an {' or '.join(_TYPES)} public key"
        )
    if kind not in _TYPES:  # guard: key-of-known-type
        raise ValueError(f"key type '{kind}' cannot be used: give an {' or '.join(_TYPES)} public key")
    raw = base64.b64decode("".join(rest), validate=True)  # guard: key-is-base64
    # As another program writes it again, or one key could be written as two.
    if _written_again(f"{kind} {base64.b64encode(raw).decode()}") != raw:  # guard: key-in-one-form
        raise ValueError(f"the key is not the {kind} key it says it is")
    return raw


def _written_again(line: str) -> bytes | None:
    try:
        key = serialization.load_ssh_public_key(line.encode())
    except (ValueError, exceptions.UnsupportedAlgorithm):
        return None
    formats = serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH
    return base64.b64decode(key.public_bytes(*formats).split()[1])


def fingerprint(public: str) -> str:
    """Return the fingerprint of a public key as `ssh-keygen -l` prints it.

    Parameters
    ----------
    public : str
    """
    digest = base64.b64encode(hashlib.sha256(raw_key(public)).digest()).decode()
    return f"SHA256:{digest.rstrip('=')}"


def make_key(path: Path, name: str) -> str:
    """Make an ed25519 key pair without passphrase, for a rehearsal or demo, and return its public line.

    Parameters
    ----------
    path : Path
        Of the private key; the public one lies beside it.
    name : str
        The comment of the key.

    Raises
    ------
    InputError
        When there is no ssh-keygen or it makes no key.
    """
    command = [_required_program(), "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", str(path)]
    done = subprocess.run(command, capture_output=True, check=False)  # noqa: S603 - no shell
    if done.returncode:
        raise InputError(f"{path}: ssh-keygen makes no key: {done.stderr.decode(errors='replace').strip()}")
    return path.with_name(f"{path.name}.pub").read_text(encoding="utf-8").strip()


def sign(message: bytes, key: Path) -> bytes:
    """Sign with `ssh-keygen -Y sign`, which asks for a passphrase or the agent itself.

    Parameters
    ----------
    message : bytes
    key : Path
        The private key, or the public half of one that the agent holds. bdana never reads it.

    Returns
    -------
    bytes
        The armoured signature.

    Raises
    ------
    InputError
        When there is no ssh-keygen or it does not sign.
    """
    command = [_required_program(), "-Y", "sign", "-q", "-f", str(key), "-n", NAMESPACE]
    done = subprocess.run(command, input=message, capture_output=True, check=False)  # noqa: S603 - no shell
    if done.returncode:  # guard: signing-fails-aloud
        raise InputError(f"{key}: ssh-keygen does not sign: {done.stderr.decode(errors='replace').strip()}")
    return done.stdout


@lru_cache(maxsize=4096)
def verify(message: bytes, signature: bytes, public: str) -> bool:
    """Tell whether sshsig and, where installed, ssh-keygen accept a signature, written as ssh-keygen writes it.

    Parameters
    ----------
    message, signature : bytes
    public : str
        The public key line.
    """
    if not _as_written(signature):  # guard: one-spelling
        return False
    try:
        sshsig.verify(message, signature, [sshsig.PublicKey.from_openssh_str(public)], namespace=NAMESPACE)
    except Exception:  # noqa: BLE001 - sshsig raises many kinds for damaged bytes, AssertionError among them
        return False  # guard: sshsig-accepts
    program = _program()
    if program is None:
        return True
    with tempfile.TemporaryDirectory() as folder:
        signers, signed = Path(folder) / "signers", Path(folder) / "signature"
        signers.write_text(f'* namespaces="{NAMESPACE}" {public.strip()}\n', encoding="utf-8")
        signed.write_bytes(signature)
        command = [program, "-Y", "verify", "-f", str(signers), "-I", "*", "-n", NAMESPACE, "-s", str(signed)]
        done = subprocess.run(command, input=message, capture_output=True, check=False)  # noqa: S603 - no shell
    return done.returncode == 0  # guard: ssh-keygen-accepts


def _as_written(signature: bytes) -> bool:
    """Tell whether the text is the one that ssh-keygen writes: both programs read others, with other white space, too."""
    try:
        blob = base64.b64decode(
            signature.removeprefix(_BEGIN).removesuffix(_END).replace(b"\n", b""), validate=True
        )
    except ValueError:
        return False
    text = base64.b64encode(blob)
    lines = (text[i : i + _LINE] + b"\n" for i in range(0, len(text), _LINE))
    return signature == b"".join((_BEGIN, *lines, _END))


def _program() -> str | None:
    return shutil.which("ssh-keygen")


def _required_program() -> str:
    program = _program()
    if program is None:  # guard: ssh-keygen-is-there
        raise InputError("signing needs the program ssh-keygen (OpenSSH 8.2 or newer)")
    return program

"""Signatures with people's SSH keys: `ssh-keygen` signs, and two programs must accept a signature."""

from __future__ import annotations

import base64
import hashlib
import shutil
import subprocess
import tempfile
from pathlib import Path

import sshsig

from bdana.errors import BlindingError

__all__ = ["fingerprint", "raw_key", "sign", "verify"]

NAMESPACE = "bdana"
_TYPES = ("ssh-ed25519", "ssh-rsa")


def raw_key(public: str) -> bytes:
    """Return the bytes of an OpenSSH public key line, which are what makes a key: not its name or comment.

    Raises
    ------
    ValueError
        When it is not an ed25519 or rsa key.
    """
    kind, _, rest = public.strip().partition(" ")
    if kind not in _TYPES:
        raise ValueError(f"key type '{kind}' cannot be used: give an {' or '.join(_TYPES)} public key")
    raw = base64.b64decode(rest.split(" ")[0], validate=True)
    if raw[4 : 4 + len(kind)] != kind.encode() or int.from_bytes(raw[:4], "big") != len(kind):
        raise ValueError(f"the key is not the {kind} key it says it is")
    return raw


def fingerprint(public: str) -> str:
    """Return the fingerprint of a public key as `ssh-keygen -l` prints it."""
    digest = base64.b64encode(hashlib.sha256(raw_key(public)).digest()).decode()
    return f"SHA256:{digest.rstrip('=')}"


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
    BlindingError
        When there is no ssh-keygen or it does not sign.
    """
    program = _program()
    if program is None:
        raise BlindingError("signing needs the program ssh-keygen (OpenSSH 8.2 or newer)")
    command = [program, "-Y", "sign", "-q", "-f", str(key), "-n", NAMESPACE]
    done = subprocess.run(command, input=message, capture_output=True, check=False)  # noqa: S603 - no shell
    if done.returncode:
        raise BlindingError(
            f"{key}: ssh-keygen does not sign: {done.stderr.decode(errors='replace').strip()}"
        )
    return done.stdout


def verify(message: bytes, signature: bytes, public: str) -> bool:
    """Tell whether sshsig and, where present, ssh-keygen both accept a signature of this key."""
    try:
        sshsig.verify(message, signature, [sshsig.PublicKey.from_openssh_str(public)], namespace=NAMESPACE)
    except Exception:  # noqa: BLE001 - sshsig raises many kinds for damaged bytes, AssertionError among them
        return False
    program = _program()
    if program is None:
        return True
    with tempfile.TemporaryDirectory() as folder:
        signers, signed = Path(folder) / "signers", Path(folder) / "signature"
        signers.write_text(f'* namespaces="{NAMESPACE}" {public.strip()}\n', encoding="utf-8")
        signed.write_bytes(signature)
        command = [program, "-Y", "verify", "-f", str(signers), "-I", "*", "-n", NAMESPACE, "-s", str(signed)]
        done = subprocess.run(command, input=message, capture_output=True, check=False)  # noqa: S603 - no shell
    return done.returncode == 0


def _program() -> str | None:
    return shutil.which("ssh-keygen")

"""Sealed files: closed events of one stage, padded to a fixed size and encrypted with age."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING

import awkward as ak
import numpy as np
import pyrage

from bdana.errors import BlindingError

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["decrypt_events", "encrypt_events", "payload"]

_LENGTH = 8
_HEADER = 4096
"""Room for age's header, which has a random length; age adds 16 bytes to every 64 KiB."""


def payload(chunks: Sequence[ak.Array]) -> bytes:
    """Return the events of some chunks as bytes, in memory only: a closed event is never on disk in the clear."""
    buffer = io.BytesIO()
    if chunks:
        form, length, parts = ak.to_buffers(ak.to_packed(ak.concatenate(list(chunks))))
        description = json.dumps({"form": form.to_dict(), "length": int(length)}).encode()
        np.savez(buffer, description=np.frombuffer(description, dtype=np.uint8), **parts)
    return buffer.getvalue()


def encrypt_events(chunks: Sequence[ak.Array], recipient: str, capacity: int) -> bytes:
    """Encrypt events to the key of their stage.

    Parameters
    ----------
    chunks : sequence of ak.Array
        Event records.
    recipient : str
        The stage's public age key.
    capacity : int
        Bytes to fill up to; doubled until the events fit.

    Returns
    -------
    bytes
        The age file, zeros, and in the last 8 bytes the length of the age file. The size of it all depends on the
        number of doublings only.
    """
    content = payload(chunks)
    size = capacity
    while size < len(content) + _LENGTH:
        size *= 2
    padded = b"".join((len(content).to_bytes(_LENGTH, "big"), content, bytes(size - _LENGTH - len(content))))
    sealed: bytes = pyrage.encrypt(padded, [pyrage.x25519.Recipient.from_str(recipient)])
    total = size + 16 * (size // 65536 + 1) + _HEADER
    return sealed + bytes(total - len(sealed) - _LENGTH) + len(sealed).to_bytes(_LENGTH, "big")


def decrypt_events(sealed: bytes, secret: str, name: str) -> ak.Array | None:
    """Decrypt a sealed file; None when it holds no event.

    Raises
    ------
    BlindingError
        When the key is not the one it was sealed for, or the file is damaged.
    """
    try:
        encrypted = sealed[: int.from_bytes(sealed[-_LENGTH:], "big")]
        padded = pyrage.decrypt(encrypted, [pyrage.x25519.Identity.from_str(secret)])
    except (pyrage.DecryptError, pyrage.IdentityError):
        raise BlindingError(
            f"refused: {name} does not open: the key is not complete, or the file is not the one that was sealed"
        ) from None
    length = int.from_bytes(padded[:_LENGTH], "big")
    if not length:
        return None
    with np.load(io.BytesIO(padded[_LENGTH : _LENGTH + length]), allow_pickle=False) as parts:
        description = json.loads(parts["description"].tobytes())
        buffers = {name: parts[name] for name in parts.files if name != "description"}
    return ak.from_buffers(ak.forms.from_dict(description["form"]), description["length"], buffers)

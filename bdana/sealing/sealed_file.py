"""Sealed files: closed events of one stage, padded to a fixed size and encrypted with age."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING

import numpy as np
import pyrage

from bdana.errors import BlindingError
from bdana.on_demand import late_module

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import awkward as ak
else:
    ak = late_module("awkward")

__all__ = ["decrypt_file", "encrypt_events", "events_of", "payload"]

_LENGTH = 8
_HEADER = 4096
"""Room for age's header, which has a random length; age adds 16 bytes to every 64 KiB."""


def payload(chunks: Sequence[ak.Array]) -> io.BytesIO:
    """Write events into a buffer in memory: a closed event is never on disk without encryption.

    Parameters
    ----------
    chunks : sequence of ak.Array
    """
    buffer = io.BytesIO()
    if chunks:
        form, length, parts = ak.to_buffers(ak.to_packed(ak.concatenate(list(chunks))))
        description = json.dumps({"form": form.to_dict(), "length": int(length)}).encode()
        np.savez(buffer, description=np.frombuffer(description, dtype=np.uint8), **parts)
    return buffer


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
    content, sealed = payload(chunks), io.BytesIO()
    size = capacity  # guard: padded
    while size < content.tell() + _LENGTH:
        size *= 2
    _pad(content, size)
    pyrage.encrypt_io(content, sealed, [pyrage.x25519.Recipient.from_str(recipient)])  # guard: encrypted
    _pad(sealed, size + 16 * (size // 65536 + 1) + _HEADER)  # guard: header-is-padded
    return sealed.getvalue()


def _pad(buffer: io.BytesIO, size: int) -> None:
    """Fill a buffer with zeros up to a size and write its length before into the last bytes; go back to the start."""
    length = buffer.tell()
    buffer.seek(size - _LENGTH)
    buffer.write(length.to_bytes(_LENGTH, "big"))
    buffer.seek(0)


def _unpadded(padded: bytes) -> bytes:
    return padded[: int.from_bytes(padded[-_LENGTH:], "big")]


def decrypt_file(sealed: bytes, secret: str, name: str) -> bytes:
    """Decrypt a sealed file and return its content, which `events_of` reads; empty when it holds no event.

    Parameters
    ----------
    sealed : bytes
    secret : str
        The key of the stage.
    name : str
        The file's name, for messages.

    Raises
    ------
    BlindingError
        When the key is not the one it was sealed for, or the file is damaged.
    """
    try:
        padded = pyrage.decrypt(_unpadded(sealed), [pyrage.x25519.Identity.from_str(secret)])  # guard: secret
    except (pyrage.DecryptError, pyrage.IdentityError):
        raise BlindingError(
            f"refused: {name} does not open: the key is not complete, or the file is not the one that was sealed"
        ) from None
    return _unpadded(padded)


def events_of(contents: Mapping[str, bytes]) -> list[ak.Array]:
    """Return the events of decrypted files, without the files that hold none.

    Parameters
    ----------
    contents : mapping of str to bytes
        The decrypted content of each file.

    Raises
    ------
    BlindingError
        When a file was not made by `bdana seal`.
    """
    return [_events(content, name) for name, content in contents.items() if content]


def _events(content: bytes, name: str) -> ak.Array:
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as parts:
            description = json.loads(parts["description"].tobytes())
            buffers = {name: parts[name] for name in parts.files if name != "description"}
        return ak.from_buffers(ak.forms.from_dict(description["form"]), description["length"], buffers)
    except Exception:  # noqa: BLE001 - of many kinds, for bytes that are no events # guard: sealed-is-events
        raise BlindingError(f"refused: {name} holds no events: it was not made by `bdana seal`") from None

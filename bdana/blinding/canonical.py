"""Canonical JSON (RFC 8785): one byte string for one content, which is what is hashed and signed."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import rfc8785

from bdana.errors import BlindingError

__all__ = ["canonical", "differences", "parse", "sha256"]


def canonical(document: Any) -> bytes:
    """Return the canonical JSON of a document.

    Raises
    ------
    BlindingError
        For what JSON cannot hold exactly: integers beyond 2^53 (write seeds as text), NaN, other types.
    """
    try:
        return rfc8785.dumps(document)
    except rfc8785.CanonicalizationError as err:
        raise BlindingError(
            f"cannot be written as canonical JSON: {err}; write large integers as text"
        ) from None


def parse(text: bytes) -> Any:
    """Read a document that must be in canonical form.

    Raises
    ------
    ValueError
        When it is not JSON, or not byte for byte the canonical form.
    """
    try:
        document = json.loads(text, parse_int=_number)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if canonical(document) != text:
        raise ValueError("not in canonical form")
    return document


def _number(digits: str) -> float:
    """Read a number without fraction or exponent: beyond 2^53 only a float is written so."""
    number = int(digits)
    return number if abs(number) < 2**53 else float(number)


def sha256(content: bytes) -> str:
    """Return the SHA-256 of bytes as 64 hexadecimal digits."""
    return hashlib.sha256(content).hexdigest()


def differences(old: Any, new: Any, path: str = "") -> list[str]:
    """List what differs between two documents, leaf by leaf, as paths joined with dots."""
    if isinstance(old, dict) and isinstance(new, dict):
        keys = sorted(old.keys() | new.keys())
        return [
            line
            for key in keys
            for line in (
                differences(old[key], new[key], f"{path}.{key}".lstrip("."))
                if key in old and key in new
                else [f"{path}.{key}".lstrip(".") + (" removed" if key in old else " added")]
            )
        ]
    if isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        return [
            line
            for i, (a, b) in enumerate(zip(old, new, strict=True))
            for line in differences(a, b, f"{path}.{i}".lstrip("."))
        ]
    return [] if canonical(old) == canonical(new) else [f"{path} changed"]

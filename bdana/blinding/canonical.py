"""Canonical JSON (RFC 8785): one byte string for one content, which is what is hashed and signed."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import rfc8785

from bdana.errors import BlindingError

__all__ = ["canonical", "differences", "parse", "sha256"]


def canonical(document: Any) -> bytes:
    """Return the canonical JSON of a document: the one byte string that is hashed and signed.

    Parameters
    ----------
    document : dict, list, str, number, bool or None

    Raises
    ------
    BlindingError
        For what JSON cannot hold exactly: integers beyond 2^53 (write seeds as text), NaN, other types.

    Examples
    --------
    >>> canonical({"b": 1.0, "a": [True, None]})
    b'{"a":[true,null],"b":1}'
    """
    try:
        return rfc8785.dumps(document)  # guard: exact-numbers
    except rfc8785.CanonicalizationError as err:
        raise BlindingError(
            f"cannot be written as canonical JSON: {err}; write large integers as text"
        ) from None


def parse(text: bytes) -> Any:
    """Read a document from its canonical JSON, and refuse any other spelling of it.

    Parameters
    ----------
    text : bytes

    Raises
    ------
    ValueError
        When it is not JSON, or not byte for byte the canonical form.

    Examples
    --------
    >>> parse(b'{"a":[1,2]}')
    {'a': [1, 2]}
    >>> parse(b'{"a": [1, 2]}')
    Traceback (most recent call last):
    ValueError: not in canonical form
    """
    try:
        document = json.loads(text, parse_int=_number)
    except RecursionError:  # guard: not-too-deep
        raise ValueError("nested too deeply") from None
    if canonical(document) != text:  # guard: canonical-form
        raise ValueError("not in canonical form")
    return document


def _number(digits: str) -> float:
    """Read a number without fraction or exponent: beyond 2^53 only a float is written so."""
    number = int(digits)
    return number if abs(number) < 2**53 else float(number)


def sha256(content: bytes) -> str:
    """Return the SHA-256 of bytes as 64 hexadecimal digits.

    Parameters
    ----------
    content : bytes

    Examples
    --------
    >>> sha256(canonical({"stage": "SR"}))[:16]
    '1f4c81f7fb40770b'
    """
    return hashlib.sha256(content).hexdigest()


def differences(old: Any, new: Any, path: str = "") -> list[str]:
    """List what differs between two documents, leaf by leaf, as paths joined with dots.

    Parameters
    ----------
    old, new : dict, list, str, number, bool or None
    path : str
        Where the two are in a larger document: the beginning of each path.

    Examples
    --------
    >>> differences({"cuts": {"p": 5, "cda": 50}}, {"cuts": {"p": 7}})
    ['cuts.cda removed', 'cuts.p changed']
    """
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

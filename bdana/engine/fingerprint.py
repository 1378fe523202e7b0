"""Hash of the content of values: equal content gives an equal hash in every process."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import fields, is_dataclass
from pathlib import PurePath
from typing import Any

import numpy as np
from pydantic import BaseModel

__all__ = ["fingerprint"]


def fingerprint(*values: Any) -> str:
    """Return a SHA-256 of the content of values, as 64 hexadecimal digits.

    Parameters
    ----------
    *values : object
        Plain values, arrays of numbers, dataclasses, pydantic models, and mappings, sequences and sets of them.

    Raises
    ------
    TypeError
        For anything else, whose content is not known.

    Examples
    --------
    >>> import numpy as np
    >>> from bdana.engine.fingerprint import fingerprint
    >>> fingerprint({"a": np.arange(3), "b": 1.0}) == fingerprint({"b": 1.0, "a": np.arange(3)})
    True
    >>> fingerprint(1, 23) == fingerprint(12, 3)
    False
    """
    digest = hashlib.sha256()
    for piece in _pieces(values):
        digest.update(b"%d:" % len(piece))  # so that no two values run together
        digest.update(piece)
    return digest.hexdigest()


def _pieces(value: Any) -> Iterator[bytes | memoryview]:
    """Give the content of a value in pieces, the first of which says what it is and of how many parts."""
    if value is None or isinstance(value, str | int | float | np.generic | PurePath):
        yield f"{type(value).__name__} {value!r}".encode()
    elif isinstance(value, np.ndarray):
        if value.dtype.hasobject:
            raise TypeError("an array of objects has no content that is known")
        yield f"array {value.dtype.str} {value.shape}".encode()
        yield np.ascontiguousarray(value).tobytes()
    elif is_dataclass(value) and not isinstance(value, type):
        yield from _of_named(value, {field.name: getattr(value, field.name) for field in fields(value)})
    elif isinstance(value, BaseModel):
        yield from _of_named(value, value.model_dump(mode="json"))
    elif isinstance(value, Mapping):
        yield from _of_named(None, {str(key): one for key, one in value.items()})
    elif isinstance(value, AbstractSet):
        yield from _pieces(sorted(fingerprint(one) for one in value))
    elif isinstance(value, Sequence):
        yield f"{len(value)} values".encode()
        for one in value:
            yield from _pieces(one)
    else:
        raise TypeError(f"no content is known of {type(value).__name__}")


def _of_named(of: object, values: Mapping[str, Any]) -> Iterator[bytes | memoryview]:
    yield f"{type(of).__name__} {len(values)}".encode()
    for name in sorted(values):
        yield name.encode()
        yield from _pieces(values[name])

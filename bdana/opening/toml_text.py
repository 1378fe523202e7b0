"""Tables written as TOML, for policies and configurations of rehearsals."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["toml_text"]


def toml_text(document: Mapping[str, object]) -> str:
    """Write nested mappings of texts, numbers, lists and tables as TOML.

    Parameters
    ----------
    document : mapping

    Examples
    --------
    >>> print(toml_text({"a": {"x": 1.5, "b c": {"y": ["text", True]}}}), end="")
    [a]
    x = 1.5
    [a."b c"]
    y = ["text", true]
    """
    lines: list[str] = []

    def write(path: str, table: Mapping[str, object]) -> None:
        lines.extend([f"[{path}]"] * bool(path))
        lines.extend(f"{_key(k)} = {_value(v)}" for k, v in table.items() if not isinstance(v, dict))
        for key, value in table.items():
            if isinstance(value, dict):
                write(f"{path}.{_key(key)}" if path else _key(key), value)

    write("", document)
    return "\n".join(lines) + "\n"


def _key(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else json.dumps(name)


def _value(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return f"[{', '.join(_value(v) for v in value)}]"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{_key(k)} = {_value(v)}' for k, v in value.items())}}}"
    return json.dumps(value) if isinstance(value, str) else repr(value)

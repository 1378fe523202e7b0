"""Where a file of events is: a path, or the address of a remote file."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TypeAlias

__all__ = ["EXTRAS", "Location", "is_remote"]

Location: TypeAlias = Path | str
"""A path; as text the address of a remote file, such as `root://host//path`, of which every character counts."""

EXTRAS = {
    "root": "xrootd",
    "roots": "xrootd",
    "xroot": "xrootd",
    "xroots": "xrootd",
    "http": "http",
    "https": "http",
}
"""The extra of bdana that reads the addresses of a protocol."""

_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.:-]*://")


def is_remote(name: str) -> bool:
    """Tell whether a name is an address, such as `root://host//path` or `https://host/path`.

    Parameters
    ----------
    name : str
    """
    return _ADDRESS.match(name) is not None

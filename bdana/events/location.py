"""Where a file of events is: a path, or the address of a remote file."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TypeAlias

__all__ = ["EXTRAS", "Location", "file_name", "is_pattern", "is_remote", "protocols"]

Location: TypeAlias = Path | str
"""A path; as text the address of a remote file, such as `root://host//path`, of which every character counts."""

EXTRAS = {
    "root": "xrootd",
    "xroot": "xrootd",
    "http": "http",
    "https": "http",
    "s3": "s3",
    "s3a": "s3",
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


def file_name(location: Location) -> str:
    """Return the name of a file without its folder or server, and without what follows `?` in an address.

    Parameters
    ----------
    location : Path or str

    Examples
    --------
    >>> from bdana.events.location import file_name
    >>> file_name("https://host/data/run9001.root?token=1")
    'run9001.root'
    """
    return location.partition("?")[0].rpartition("/")[2] if isinstance(location, str) else location.name


def protocols(address: str) -> list[str]:
    """Return the protocols of an address, those of caches first.

    Parameters
    ----------
    address : str

    Examples
    --------
    >>> from bdana.events.location import protocols
    >>> protocols("simplecache::https://host/run9001.root")
    ['simplecache', 'https']
    """
    return [part.partition("://")[0].lower() for part in address.split("::")]


def is_pattern(address: str) -> bool:
    """Tell whether an address is a pattern with `*`, of which a server is to list what matches; http has no lists.

    Parameters
    ----------
    address : str
    """
    return "*" in address.partition("?")[0] and not {"http", "https"} & set(protocols(address))

"""What tells one state of the code from another: bdana's own files and the libraries under it."""

from __future__ import annotations

import hashlib
import sys
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path

from bdana._version import __version__

__all__ = ["READING", "SEARCHING", "code_version"]

READING = ("awkward", "numpy", "uproot", "vector")
"""Libraries that the selection of events depends on."""
SEARCHING = (*READING, "boost-histogram", "hist", "jinja2", "matplotlib", "mplhep", "numba", "scipy")
"""Libraries that tables, figures and the report of a search depend on."""
_FILES = {".css", ".j2", ".js", ".py", ".toml", ".txt"}


@lru_cache(maxsize=2)
def code_version(libraries: tuple[str, ...] = READING) -> str:
    """Return a hash of the files of bdana, and of the versions of Python and of libraries.

    Parameters
    ----------
    libraries : tuple of str
        `READING` or `SEARCHING`.

    Examples
    --------
    >>> from bdana.engine.code_version import SEARCHING, code_version
    >>> code_version() == code_version(SEARCHING)
    False
    """
    package, digest = Path(__file__).parents[1], hashlib.sha256(f"{__version__} {sys.version}".encode())
    for path in sorted(package.rglob("*")):
        if path.suffix in _FILES:
            digest.update(path.read_bytes())
    for name in libraries:
        digest.update(f"{name} {version(name)}".encode())
    return digest.hexdigest()

"""Names of files as people give them: globs, lists and addresses, and files that are given twice."""

from __future__ import annotations

import filecmp
import glob
from collections.abc import Iterable
from itertools import combinations
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias
from urllib.parse import urlsplit
from urllib.request import url2pathname

from bdana.errors import ConfigError, InputError
from bdana.events.arrays import EventArrays
from bdana.events.location import is_pattern, is_remote
from bdana.on_demand import late_module
from bdana.text_files import open_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bdana.events import remote as remote_files
    from bdana.events.location import Location
    from bdana.events.remote_config import RemoteConfig
    from bdana.events.source import EventSource
else:
    remote_files = late_module("bdana.events.remote")

__all__ = ["Files", "expand", "local_or_remote", "refuse_files_twice"]

Files: TypeAlias = "str | Path | EventArrays | Sequence[str | Path | EventArrays]"
"""One file or several, as people give them: names, globs, `@list.txt` and events in memory."""
_APPLE_DOUBLE = "._"
"""Begins the names of the files in which macOS keeps attributes of others (AppleDouble)."""


def expand(
    files: Files, folder: Path | None = None, remote: RemoteConfig | None = None
) -> list[Location | EventArrays]:
    """Resolve globs and `@list.txt` files (one name a line, relative to the list) into the files they stand for.

    A glob matches what it matches in a shell, with `**` for any folders below: no hidden files or folders unless a dot is
    written. Names of existing files are no globs. Addresses such as `root://host//path` stay as they are, except patterns
    with `*` that a server can list.

    Parameters
    ----------
    files : str, Path or EventArrays, or a sequence of them
    folder : Path, optional
        What relative names are relative to, of which no sign means anything; by default the current folder.
    remote : RemoteConfig, optional
        How long servers are waited for that list what matches; by default none is asked, and their patterns stay.

    Raises
    ------
    InputError
        When a list cannot be read or names itself, a glob matches nothing, or a server does not answer.
    ConfigError
        When nothing is given, or something that names no file.

    Examples
    --------
    >>> from bdana.events.file_names import expand
    >>> [path.name for path in expand(["run9001.root", "run9002.root"])]
    ['run9001.root', 'run9002.root']
    >>> [path.name for path in expand("run9001.root")]
    ['run9001.root']
    """
    kinds = (str, PathLike, EventArrays)
    one = isinstance(files, kinds) or not isinstance(files, Iterable)
    given: list[Any] = [files] if one else list(files)  # type: ignore[arg-type]
    for file in given:
        if not isinstance(file, kinds):
            raise ConfigError(f"files are named by text, paths or EventArrays, not by {type(file).__name__}")
    found = [path for file in given for path in _expand(file, folder or Path(), (), remote)]
    if not found:
        raise ConfigError("no input file: name at least one ROOT file")
    return found


def local_or_remote(name: str) -> Location:
    """Return the path of a local file, or the address of a remote one as it is.

    Parameters
    ----------
    name : str
        `file://` in front of a path is left out: a file is the same under either name.

    Examples
    --------
    >>> from bdana.events.file_names import local_or_remote
    >>> local_or_remote("root://host//eos/run9001.root"), str(local_or_remote("file:///data/run9001.root"))
    ('root://host//eos/run9001.root', '/data/run9001.root')
    """
    parts = urlsplit(name) if is_remote(name) else None
    if parts is None:
        return Path(name)
    if parts.scheme.lower() == "file" and parts.netloc in {"", "localhost"}:
        return Path(url2pathname(parts.path))
    return name


def _expand(
    file: str | Path | EventArrays, folder: Path, lists: tuple[Path, ...], remote: RemoteConfig | None
) -> Sequence[Location | EventArrays]:
    """Resolve one name, which stands in the innermost of some lists."""
    if isinstance(file, EventArrays):
        return [file]
    name = str(file)
    if remote is not None and is_remote(name) and is_pattern(name):
        return remote_files.matching(name, remote)
    if is_remote(name):
        return [local_or_remote(name)]
    if name.startswith("@") and not (folder / name).exists():
        return _of_list(folder / name[1:], lists, remote)
    if glob.has_magic(name) and not (folder / name).exists():
        return _of_glob(name, folder)
    return [folder / name]


def _of_list(
    path: Path, lists: tuple[Path, ...], remote: RemoteConfig | None
) -> list[Location | EventArrays]:
    own = path.resolve()
    if own in lists:
        raise InputError(
            f"{path}: the list of files names itself, directly or through another; take that line out"
        )
    try:
        with open_text(path) as stream:
            lines = [line.strip() for line in stream.read().splitlines()]
    except (OSError, UnicodeDecodeError) as err:
        raise InputError(f"{path}: the list of files cannot be read ({err})") from None
    names = [line for line in lines if line and not line.startswith("#")]
    if not names:
        raise InputError(f"{path}: the list names no file")
    return [found for name in names for found in _expand(name, path.parent, (*lists, own), remote)]


def _of_glob(pattern: str, folder: Path) -> list[Location | EventArrays]:
    matches = glob.glob(pattern, root_dir=folder, recursive=True)  # noqa: PTH207 - Path.glob matches hidden files
    paths = (folder / match for match in sorted(matches))
    found: list[Location | EventArrays] = [
        path for path in paths if not path.name.startswith(_APPLE_DOUBLE) and not path.is_dir()
    ]
    if not found:
        raise InputError(
            f"{folder / pattern}: no file matches (hidden files only match a pattern that begins with a dot)"
        )
    return found


def refuse_files_twice(sources: Sequence[EventSource], kind: str) -> None:
    """Raise an error when a file is given twice, and where event numbers repeat, also when one is a copy of another.

    Parameters
    ----------
    sources : sequence of EventSource
    kind : {"data", "mc", "pseudo"}

    Raises
    ------
    InputError
        Naming the files.
    """
    known: set[Location] = set()
    for source in sources:
        path = source.file.resolve() if source.file else source.path
        if path in known and not isinstance(source, EventArrays):
            raise InputError(f"{path}: given twice; its events would count double")
        known.add(path)
    if kind != "mc":
        return
    repeating = [s.file for s in sources if s.file and s.schema.event_numbers_repeat is not None]
    for one, other in combinations(repeating, 2):
        if one.stat().st_size == other.stat().st_size and filecmp.cmp(one, other, shallow=False):
            raise InputError(f"{other}: is a copy of {one}; its events would count double")

"""Atomic writing: a file appears under its name only when it is complete and on disk."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from bdana.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["check_output", "temporary_beside", "whole_folder", "write_atomically", "write_bytes"]

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def check_output(path: Path) -> None:
    """Raise, before long work, what would keep a file from being written at its end.

    Parameters
    ----------
    path : Path

    Raises
    ------
    InputError
        When the folder does not exist or cannot be written, or `path` is no file.
    """
    _require_file(path)
    _scratch_beside(path).rmdir()


@contextmanager
def temporary_beside(path: Path) -> Iterator[Path]:
    """Give a temporary file in the folder of `path`, and rename it to `path` if the block raises nothing.

    Parameters
    ----------
    path : Path

    Raises
    ------
    InputError
        When the folder does not exist or cannot be written, `path` is no file, or the disk is full.
    """
    _require_file(path)
    folder = _scratch_beside(path)
    # A folder of its own keeps the name: ROOT files hold theirs, and are to be the same bytes each time.
    temporary = folder / path.name
    try:
        temporary.touch()
        yield temporary
        with temporary.open("rb") as written:
            os.fsync(written.fileno())
        temporary.replace(path)
    except OSError as err:
        if err.errno not in _FULL:  # guard: full-disk-is-said
            raise
        raise InputError(f"{path}: cannot be written ({err.strerror})") from None
    finally:
        temporary.unlink(missing_ok=True)
        folder.rmdir()


@contextmanager
def whole_folder(path: Path) -> Iterator[Path]:
    """Give a temporary folder, which takes the place of `path` if the block raises nothing.

    Parameters
    ----------
    path : Path

    Raises
    ------
    InputError
        When it cannot be written.
    """
    path = path.resolve()
    scratch = _scratch_beside(path)
    new, old = scratch / path.name, scratch / "old"
    try:
        new.mkdir()
        yield new
        if path.exists():
            path.rename(old)
        new.rename(path)
    except OSError as err:
        if old.exists():
            old.rename(path)
        raise InputError(f"{path}: cannot be written ({err.strerror})") from None
    finally:
        shutil.rmtree(scratch)


def _require_file(path: Path) -> None:
    if path.is_dir():
        raise InputError(f"{path}: is a folder; give the name of a file")
    if path.absolute().is_relative_to("/dev") or (path.exists() and not path.is_file()):
        raise InputError(f"{path}: is a pipe or a device, which would be replaced; give the name of a file")


def _scratch_beside(path: Path) -> Path:
    """Make a folder with a name of its own beside a path."""
    try:
        return Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}."))
    except OSError as err:
        raise InputError(f"{path}: cannot write there ({err.strerror})") from None


@contextmanager
def write_atomically(path: Path) -> Iterator[IO[Any]]:
    """Open a text file that appears under its name only when it is complete and on disk.

    Parameters
    ----------
    path : Path
    """
    with temporary_beside(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        yield file


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file that appears under its name only when it is complete and on disk.

    Parameters
    ----------
    path : Path
    content : bytes
    """
    with temporary_beside(path) as temporary:
        temporary.write_bytes(content)

"""Text files as people give them: UTF-8 with or without a byte order mark, and pipes that nobody writes to."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["open_text"]


def open_text(path: Path) -> TextIO:
    r"""Open a text file in UTF-8 for reading, with its line ends as they are.

    What a pipe such as `<(command)` of a shell brings is read to its end; a named pipe that nobody writes to is empty,
    where opening it would wait for ever.

    Parameters
    ----------
    path : Path

    Raises
    ------
    OSError
        When it cannot be read.

    Examples
    --------
    >>> from pathlib import Path
    >>> from bdana.text_files import open_text
    >>> _ = Path("marked.csv").write_bytes(b"\xef\xbb\xbfrun,burst\n")
    >>> with open_text(Path("marked.csv")) as stream:
    ...     stream.read()
    'run,burst\n'
    """
    return open(path, newline="", encoding="utf-8-sig", opener=_open_now)


def _open_now(path: str, flags: int) -> int:
    descriptor = os.open(path, flags | os.O_NONBLOCK | os.O_CLOEXEC)
    os.set_blocking(descriptor, True)  # a writer that is there is waited for
    return descriptor

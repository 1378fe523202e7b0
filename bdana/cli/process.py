"""The process among others: signals end it in order, and it says when its output cannot be written."""

from __future__ import annotations

import errno
import io
import os
import select
import signal
import sys
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import typer

from bdana.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

__all__ = ["Stopped", "explained", "finish_output", "prepare_streams", "say", "signals_stop"]

_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)


class Stopped(BaseException):
    """A signal asked the process to end; raised where the program is, so that files and workers are cleared away."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.exit_code = 128 + number
        """What a shell reports of a process that the signal ended."""
        self.reason = "" if number == signal.SIGPIPE else f"stopped by {signal.Signals(number).name}"
        """For people; empty where nobody reads."""


@contextmanager
def signals_stop() -> Iterator[None]:
    """Let Ctrl-C, SIGTERM, SIGHUP and a reader of the output that goes away raise `Stopped` in the block.

    A second signal ends the process at once.
    """
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread may handle signals
        return
    before = {number: signal.getsignal(number) for number in (*_ENDING, signal.SIGPIPE)}
    ours = [number for number in _ENDING if before[number] is not signal.SIG_IGN]  # nohup stays in force

    def stop(number: int, _: FrameType | None) -> None:
        for other in ours:
            signal.signal(other, signal.SIG_DFL)
        raise Stopped(number)

    def reader_went(number: int, _: FrameType | None) -> None:
        if _nobody_reads():  # and not a worker or a server that went away: that is an error of its own
            raise Stopped(number)

    for number in ours:
        signal.signal(number, stop)
    signal.signal(signal.SIGPIPE, reader_went)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _nobody_reads() -> bool:
    poll = select.poll()
    for stream in (sys.stdout, sys.stderr):
        with suppress(
            AttributeError, OSError, ValueError
        ):  # there may be no stream, or none with a descriptor
            poll.register(stream.fileno(), 0)  # errors are always reported
    return any(event & (select.POLLERR | select.POLLHUP) for _, event in poll.poll(0))


def prepare_streams() -> None:
    """Let stdout print substitutes for what its encoding does not have."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")


def finish_output() -> None:
    """Write what waits for stdout.

    Raises
    ------
    InputError
        When it cannot be written.
    """
    if sys.stdout is None:  # closed by the shell: >&-
        return
    try:
        sys.stdout.flush()
    except OSError as err:
        _drop_output()
        raise InputError(f"standard output: cannot be written ({err.strerror})") from None


def _drop_output() -> None:
    """Send what still waits for stdout nowhere: Python would try once more as it ends."""
    with suppress(OSError, ValueError), open(os.devnull, "wb") as nowhere:  # noqa: PTH123
        os.dup2(nowhere.fileno(), sys.stdout.fileno())


def explained(err: Exception) -> str | None:
    """Say what is wrong around the process, where an error comes from there and not from a fault of bdana.

    Parameters
    ----------
    err : Exception

    Returns
    -------
    str or None
        None when it is a fault.
    """
    try:
        os.getcwd()  # noqa: PTH109
    except OSError:
        return "the folder you are in is no longer there: change into another one"
    loop = "Symlink loop from "  # Path.resolve before Python 3.13
    if isinstance(err, RuntimeError) and str(err).startswith(loop):
        return f"{str(err).removeprefix(loop)}: too many levels of symbolic links"
    return _explained(err) if isinstance(err, OSError) else None


def _explained(err: OSError) -> str | None:
    if err.filename is not None and err.strerror:
        return f"{err.filename}: {err.strerror}"
    if err.errno not in _FULL:
        return None
    try:
        typer.echo()  # what failed is no longer waiting, but a full disk stays full
        finish_output()
    except (OSError, InputError):
        _drop_output()
        return f"standard output: cannot be written ({err.strerror})"
    return f"a file cannot be written ({err.strerror})"


def say(text: str) -> None:
    """Print a last line on stderr, if that is possible."""
    with suppress(OSError):
        typer.echo(f"bdana: {text}", err=True)

"""A function run in a process of its own, which inherits nothing but what it is given."""

from __future__ import annotations

import ctypes
import json
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from threading import Thread
from typing import IO, TYPE_CHECKING, Any

from bdana.errors import BdanaError, BlindingError, InputError, UserCodeError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Message", "hide_memory", "run_isolated"]

Message = tuple[Mapping[str, Any], Mapping[str, bytes]]
"""What JSON can write, and named bytes."""

PROGRAM = (
    "import sys; sys.path.insert(0, sys.argv[1]); import bdana; del sys.path[0]; "
    "from bdana.opening.isolated import main; main(*sys.argv[2:])"
)
"""What the process runs: this bdana, whatever its folder, and all other packages from where Python has them."""
GET_DUMPABLE, SET_DUMPABLE = 3, 4
"""Options of prctl(2): a process that is not dumpable leaves no core, and root alone may read its memory."""
ADOPT_ORPHANS = 36
"""Option of prctl(2): what a descendant leaves running becomes a child of this process."""
END_WITH_PARENT = 1
"""Option of prctl(2): the signal that this process gets when its parent ends."""
LOOK_S = 0.2
"""How often it is looked whether the process has ended or was stopped, while something else holds its answer."""
PLAIN = ("HOME", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "PATH", "TMPDIR", "TZ", "XDG_CACHE_HOME")
LIBRARIES = ("KMP_", "MKL_", "NPY_", "NUMBA_", "NVPL_", "OMP_", "OPENBLAS_", "KRB5", "X509_", "XRD_")
"""Variables of the environment, and beginnings of their names, that numbers or the reading of data depend on."""


def hide_memory() -> Callable[[], None]:
    """Keep the memory of this process out of core files and, on Linux, from other programs of the same user.

    Returns
    -------
    callable
        f(), which undoes it.
    """
    limits, before = resource.getrlimit(resource.RLIMIT_CORE), _process_control(GET_DUMPABLE)
    resource.setrlimit(resource.RLIMIT_CORE, (0, limits[1]))
    _process_control(SET_DUMPABLE, 0)

    def undo() -> None:
        resource.setrlimit(resource.RLIMIT_CORE, limits)
        _process_control(SET_DUMPABLE, before)

    return undo


def _process_control(option: int, value: int = 0) -> int:
    """Call prctl(2); nothing where there is none."""
    return int(ctypes.CDLL(None).prctl(option, value, 0, 0, 0)) if sys.platform == "linux" else 0


def run_isolated(
    function: Callable[[Mapping[str, Any], Mapping[str, bytes]], Message],
    head: Mapping[str, Any],
    contents: Mapping[str, bytes] | None = None,
    *,
    plain: bool,
) -> Message:
    """Run a function in a process of its own, so that what it has in memory is gone when it ends.

    When it has ended, whatever a plain function left running ends too: threads and processes, on Linux even those that left
    its session.

    Parameters
    ----------
    function : callable
        Function of a module of bdana; gets `head` and `contents`, and returns two such mappings.
    head : mapping
        What JSON can write.
    contents : mapping of str to bytes, optional
    plain : bool
        Without the terminal, and without variables of the environment, such as the address of an SSH agent.

    Raises
    ------
    InputError, BlindingError
        With the message of the function.
    RuntimeError
        When the process failed with something else, was stopped, or was killed.
    """
    # -P and -E: no module is imported from the analysis folder, from here, or from PYTHONPATH.
    command = [sys.executable, "-P", "-E", "-c", PROGRAM, str(Path(__file__).parents[2])]  # guard: isolated
    command += [f"{function.__module__}:{function.__name__}", "plain" if plain else "hidden"]
    kept = {k: v for k, v in os.environ.items() if k in PLAIN or k.startswith(LIBRARIES)}
    before = _children()
    _process_control(ADOPT_ORPHANS, plain)
    with subprocess.Popen(  # noqa: S603 - no shell
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=kept if plain else None,  # guard: no-agent-for-the-selection
        start_new_session=plain,  # guard: no-terminal-for-the-selection
    ) as process:
        try:
            told = _answer(process, _packed(head, contents or {}))
        finally:
            process.kill()
            if plain:  # guard: nothing-is-left-running
                _end_what_is_left(process, before)
    if process.returncode:  # guard: opening-fails-aloud
        known = {error.exit_code: error for error in (InputError, BlindingError)}
        raise known.get(process.returncode, RuntimeError)(
            told.decode(errors="replace").strip()
            or "the opening stopped; the same request may be opened again"
        )
    return _unpacked(told)


def _answer(process: subprocess.Popen[bytes], message: bytes) -> bytes:
    """Return what a process answers until it ends or is stopped, whoever else may hold the other end of its answer."""
    # `communicate` with a timeout sends what the pipe takes, and after the timeout nothing more (Python 3.11).
    sender = Thread(target=_send, args=(process.stdin, message), daemon=True)
    process.stdin = None
    sender.start()
    while True:
        try:
            return process.communicate(timeout=LOOK_S)[0]
        except subprocess.TimeoutExpired as late:
            if process.poll() is not None or _is_stopped(process):  # guard: ends-with-its-process
                return (late.output or b"") + _left_in(process.stdout)


def _left_in(stream: IO[bytes] | None) -> bytes:
    """Return what a process wrote before its end and nobody has read yet, without waiting for more."""
    if stream is None:
        return b""
    os.set_blocking(stream.fileno(), False)
    parts = []
    with suppress(BlockingIOError):  # something else holds the other end
        while part := os.read(stream.fileno(), 1 << 16):
            parts.append(part)
    return b"".join(parts)


def _send(stream: IO[bytes], message: bytes) -> None:
    with suppress(BrokenPipeError), stream:  # a process that has ended takes no more
        stream.write(message)


def _is_stopped(process: subprocess.Popen[bytes]) -> bool:
    """Tell whether a process was stopped without being ended; known on Linux alone."""
    if sys.platform != "linux":
        return False
    return os.waitid(os.P_PID, process.pid, os.WSTOPPED | os.WNOHANG | os.WNOWAIT) is not None


def _children() -> set[int]:
    """Return the children of this process; none where they are not listed, which is elsewhere than on Linux."""
    found: set[int] = set()
    for path in sorted(Path("/proc/self/task").glob("*/children")):
        with suppress(OSError):  # of a thread that has ended meanwhile
            found.update(map(int, path.read_text(encoding="ascii").split()))
    return found


def _end_what_is_left(process: subprocess.Popen[bytes], before: set[int]) -> None:
    """End the session of a process, and all that was left to this one since."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    while left := _children() - before:
        for pid in left:
            os.kill(pid, signal.SIGKILL)
            with suppress(ChildProcessError):
                os.waitpid(pid, 0)
    _process_control(ADOPT_ORPHANS)


def main(name: str, memory: str) -> None:
    """Run the function of that name on standard input and end; an error of bdana's, which carries no value, is told.

    Parameters
    ----------
    name : str
        ``module:function``
    memory : {"plain", "hidden"}
        Whether other programs of the same user may read the memory of this process.
    """
    _process_control(END_WITH_PARENT, signal.SIGKILL)  # guard: ends-with-the-command
    answer, hidden = os.fdopen(os.dup(1), "wb"), os.open(os.devnull, os.O_WRONLY)
    os.dup2(hidden, 1)  # what a selection prints may be a closed value
    os.dup2(hidden, 2)
    status, told = 0, b""
    module, function = name.split(":")
    try:
        if memory == "hidden":  # guard: memory-is-hidden
            hide_memory()
        head, contents = _unpacked(sys.stdin.buffer.read())
        told = _packed(*getattr(import_module(module), function)(head, contents))
    except UserCodeError as err:  # the text of a user's exception could be a closed value
        kind = type(err.__cause__ or err).__name__
        status = err.exit_code
        told = f"the code of the analysis fails with {kind}; `bdana run` on the open data says where".encode()
    except BdanaError as err:
        status, told = err.exit_code, str(err).encode()
    except Exception as err:  # noqa: BLE001 - a traceback could show a closed value
        kind = type(err).__name__
        status, told = 1, f"the opening failed with {kind}; the same request may be opened again".encode()
    with answer:
        answer.write(told)
    # Threads that code of the analysis left are not waited for.
    os._exit(status)  # guard: threads-end


def _packed(head: Mapping[str, Any], contents: Mapping[str, bytes]) -> bytes:
    sizes = {name: len(content) for name, content in contents.items()}
    text = json.dumps([head, sizes]).encode()
    return b"".join([len(text).to_bytes(8, "big"), text, *contents.values()])


def _unpacked(message: bytes) -> Message:
    at = 8 + int.from_bytes(message[:8], "big")
    head, sizes = json.loads(message[8:at])
    contents = {}
    for name, size in sizes.items():
        contents[name] = message[at : at + size]
        at += size
    return head, contents

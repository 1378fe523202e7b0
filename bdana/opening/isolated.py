"""A function run in a process of its own, which inherits nothing but what it is given."""

from __future__ import annotations

import ctypes
import json
import os
import resource
import subprocess
import sys
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bdana.errors import BdanaError, BlindingError, InputError, UserCodeError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Message", "hide_memory", "run_isolated"]

Message = tuple[Mapping[str, Any], Mapping[str, bytes]]
"""What JSON can write, and named bytes."""

PROGRAM = (
    "import sys; sys.path.insert(0, sys.argv[1]); import bdana; del sys.path[0]; "
    "from bdana.opening.isolated import main; sys.exit(main(*sys.argv[2:]))"
)
"""What the process runs: this bdana, whatever its folder, and all other packages from where Python has them."""
GET_DUMPABLE, SET_DUMPABLE = 3, 4
"""Options of prctl(2): a process that is not dumpable leaves no core, and root alone may read its memory."""
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
        When the process stopped at something else, or was killed.
    """
    # -P and -E: no module is imported from the analysis folder, from here, or from PYTHONPATH.
    command = [sys.executable, "-P", "-E", "-c", PROGRAM, str(Path(__file__).parents[2])]  # guard: isolated
    command += [f"{function.__module__}:{function.__name__}", "plain" if plain else "hidden"]
    kept = {k: v for k, v in os.environ.items() if k in PLAIN or k.startswith(LIBRARIES)}
    done = subprocess.run(  # noqa: S603 - no shell
        command,
        input=_packed(head, contents or {}),
        stdout=subprocess.PIPE,
        env=kept if plain else None,  # guard: no-agent-for-the-selection
        start_new_session=plain,  # guard: no-terminal-for-the-selection
        check=False,
    )
    if done.returncode:  # guard: opening-fails-aloud
        known = {error.exit_code: error for error in (InputError, BlindingError)}
        raise known.get(done.returncode, RuntimeError)(
            done.stdout.decode(errors="replace").strip()
            or "the opening stopped; the same request may be opened again"
        )
    return _unpacked(done.stdout)


def main(name: str, memory: str) -> int:
    """Run the function of that name on standard input; an error of bdana's, which carries no value, is told.

    Parameters
    ----------
    name : str
        ``module:function``
    memory : {"plain", "hidden"}
        Whether other programs of the same user may read the memory of this process.
    """
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
    return status


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

"""Commands in processes of their own with other surroundings: copies of one that has imported bdana, so they start at once.

Each line of standard input is a request in JSON, each line of standard output an answer.
"""

import contextlib
import fcntl
import functools
import gc
import importlib
import io
import json
import os
import pkgutil
import pty
import signal
import struct
import sys
import tempfile
import termios
import time
import traceback

import typer.main

import bdana
from bdana.cli import main as command
from bdana.cli.app import app

TIME_LIMIT_S = 300
ROWS, COLUMNS = 50, 40
LATE = (
    "fsspec",
    "hist",
    "particle",
    "scipy.optimize",
    "scipy.stats",
    "sshsig",
    "typer.rich_utils",
    "uproot",
    "vector",
)


def main():
    import_all()
    gc.freeze()
    for line in sys.stdin:
        request = json.loads(line)
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            shown, written = stdout_of(request["stdout"], out)
            child = os.fork()
            if not child:
                become(request, written, err)
                end(command)
            os.close(written)
            terminal = read_terminal(shown, child) if shown else b""
            status = wait(child)
            out.seek(0)
            err.seek(0)
            answer = {
                "status": status,
                "stdout": (out.read() + terminal).decode(),
                "stderr": err.read().decode(),
            }
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


def import_all():
    """Import what commands import late."""
    names = [module.name for module in pkgutil.walk_packages(bdana.__path__, "bdana.")]
    for name in (*names, *LATE):
        if not name.endswith("__main__"):
            importlib.import_module(name)
    typer.main.get_command = functools.cache(typer.main.get_command)
    typer.main.get_command(app)


def stdout_of(kind, file):
    if kind == "closed pipe":
        read, write = os.pipe()
        os.close(read)
        return None, write
    if kind == "full disk":
        return None, os.open("/dev/full", os.O_WRONLY)
    if kind == "terminal":
        shown, written = pty.openpty()
        fcntl.ioctl(written, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
        return shown, written
    return None, os.dup(file.fileno())


def become(request, out, err):
    """Turn this copy into what a shell would start."""
    os.dup2(out, 1)
    os.dup2(err.fileno(), 2)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.environ.update(request["env"])
    sys.stdout = io.TextIOWrapper(
        os.fdopen(1, "wb"), encoding=request["encoding"], line_buffering=os.isatty(1)
    )
    sys.stdin = os.fdopen(0)
    os.chdir(request["cwd"])
    if request["cwd_gone"]:
        with tempfile.TemporaryDirectory() as folder:
            os.chdir(folder)
    sys.argv = ["bdana", *request["arguments"]]


def end(command):
    """Run a command to its end, as Python ends but without clearing away what was imported, which takes a second."""
    status = 1
    try:
        command()
    except SystemExit as stop:
        status = stop.code
    except BaseException:  # noqa: BLE001 - shown as Python shows it
        traceback.print_exc()
    try:
        sys.stdout.flush()
    except OSError as err:
        sys.stderr.write(f"Exception ignored in: stdout: {err}\n")
        status = 120
    os._exit(status)


def read_terminal(shown, child):
    parts = []
    with contextlib.suppress(OSError):  # how the last writer's end shows
        while part := os.read(shown, 1 << 16):
            parts.append(part)
    os.close(shown)
    return b"".join(parts)


def wait(child):
    end = time.monotonic() + TIME_LIMIT_S
    while True:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        if time.monotonic() > end:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            return "hangs"
        time.sleep(0.005)


if __name__ == "__main__":
    main()

"""Commands in all surroundings: pipes that close, full disks, narrow and old terminals, folders that went, signals."""

import importlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
import typer

import bdana.__main__
from bdana.cli.app import app
from bdana.cli.process import signals_stop
from bdana.simulation import SimulationConfig, write_sample
from tests.searches import search_folder


def leaves(command, words=()):
    found = getattr(command, "commands", None)
    if found is None:
        return [words]
    return [leaf for name, below in found.items() for leaf in leaves(below, (*words, name))]


COMMANDS = leaves(typer.main.get_command(app))
WORK = {
    "config": ("config",),
    "count": ("count", "--observed", "3", "--background", "1.25", "--background-error", "0.5"),
    "regions": ("count", "--regions", "regions.csv"),
    "init": ("init", "{new}"),
    "limit": ("limit", "--observed", "3", "--background", "1.25"),
    "schema list": ("schema", "list"),
    "schema show": ("schema", "show", "na62-reco"),
    "schema check": ("schema", "check", "singles.root"),
    "select": ("select", "--sample", "singles"),
    "simulate": ("simulate", "{new}.root", "--pot", "1e12", "--bursts", "3"),
    "status": ("blinding", "status"),
}
"""What commands print, of every kind that is quick."""
SLOW = {
    "background": ("background", "singles.root", "--kind", "mc"),
    "demo": ("demo", "{new}"),
    "export": (
        "export",
        "reinterpretation",
        "{new}",
        "--channel",
        "mumu",
        "--mass",
        "300",
        "--decays",
        "100",
    ),
    "run": ("run",),
    "plot": ("plot",),
    "report": ("report",),
    "sensitivity": ("sensitivity", "--channel", "mumu", "--mass", "300", "--epsilon", "1e-6"),
}
ALL = [*WORK, *(pytest.param(name, marks=pytest.mark.exhaustive) for name in SLOW)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory, keys):
    folder = tmp_path_factory.mktemp("surroundings")
    search_folder(folder, "singles.root", kind="mc", keys=keys)
    write_sample(folder / "singles.root", SimulationConfig(pot=1e14, bursts=20), seed=3)
    (folder / "regions.csv").write_text(
        "name,observed,expected,error\nSR αβγ,1,0.02,0.01\nCR1,1234,1230.25,12.5\n", encoding="utf-8"
    )
    return folder


@pytest.fixture(scope="module")
def run_in(folder, tmp_path_factory):
    """Run a command in other surroundings; gives exit status and streams."""
    script = Path(__file__).with_name("forked.py")
    config = tmp_path_factory.mktemp("config")
    env = os.environ | {"XDG_CONFIG_HOME": str(config)}
    for name in ("COLUMNS", "LINES", "FORCE_COLOR", "NO_COLOR", "TTY_COMPATIBLE"):
        env.pop(name, None)
    env["TERM"] = "xterm"
    with subprocess.Popen(
        [sys.executable, script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=env
    ) as server:

        def run(arguments, stdout="file", *, encoding="utf-8", cwd_gone=False, **env):
            if arguments[0] in {"plot", "report"} and not (folder / "output" / "run.json").exists():
                assert run(["run"]).status == 0
            new = tmp_path_factory.mktemp("new") / "made"
            words = [word.format(new=new) for word in arguments]
            request = {"arguments": words, "stdout": stdout, "encoding": encoding, "cwd_gone": cwd_gone}
            server.stdin.write(json.dumps(request | {"cwd": str(folder), "env": env}) + "\n")
            server.stdin.flush()
            return SimpleNamespace(**json.loads(server.stdout.readline()), new=new)

        yield run
        server.stdin.close()


def in_order(done):
    for word in ("Traceback", "Exception ignored", "fault", "Warning"):
        assert word not in done.stderr, done.stderr


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_help_of_every_command_where_nobody_reads_or_nothing_fits(run_in, command):
    closed, full = (run_in([*command, "--help"], where) for where in ("closed pipe", "full disk"))
    assert (closed.status, closed.stderr) == (141, "")
    assert (full.status, full.stderr) == (
        2,
        "bdana: standard output: cannot be written (No space left on device)\n",
    )


@pytest.mark.parametrize("name", ALL)
def test_a_reader_that_went_away_is_no_error(run_in, name):
    done = run_in((WORK | SLOW)[name], "closed pipe")
    assert done.status == 141, done.stderr
    in_order(done)


@pytest.mark.parametrize("name", ALL)
def test_output_that_cannot_be_written_is_said(run_in, name):
    done = run_in((WORK | SLOW)[name], "full disk")
    assert done.status == 2, done.stderr
    assert (
        done.stderr.splitlines()[-1] == "bdana: standard output: cannot be written (No space left on device)"
    )
    in_order(done)


@pytest.mark.parametrize("name", ALL)
def test_an_old_terminal_gets_substitutes(run_in, name):
    done = run_in((WORK | SLOW)[name], encoding="ascii", TERM="dumb", NO_COLOR="1")
    assert done.status == 0, done.stderr
    assert "\x1b" not in done.stdout
    in_order(done)
    same = run_in((WORK | SLOW)[name])
    if name not in {"init", "simulate", "demo", "export"}:  # they name a new folder each time
        numbers = r"\d+\.?\d*"
        assert re.findall(numbers, done.stdout) == re.findall(numbers, same.stdout)


@pytest.mark.parametrize("name", ALL)
def test_no_number_is_broken_on_a_narrow_terminal(run_in, name):
    wide = run_in((WORK | SLOW)[name])
    narrow = run_in((WORK | SLOW)[name], "terminal", COLUMNS="40", NO_COLOR="1")
    assert narrow.status == wide.status == 0, narrow.stderr
    lines = narrow.stdout.replace("\r\n", "\n").splitlines()
    table_lines = [line for line in lines if line.startswith("  ")]
    assert max(map(len, table_lines), default=0) <= 40 or name not in {"count", "limit", "regions", "select"}
    if name not in {"init", "simulate", "demo", "export"}:
        pattern = r"(?<![\w./])[\d.]+(?:e[+-]\d+)?(?![\w./])"  # numbers, not names with digits
        assert set(re.findall(pattern, wide.stdout)) <= set(re.findall(pattern, narrow.stdout))


@pytest.mark.parametrize("name", ALL)
def test_a_folder_that_was_deleted_is_said_where_it_matters(run_in, name):
    done = run_in((WORK | SLOW)[name], cwd_gone=True)
    in_order(done)
    if done.status:
        assert done.status == 2
        named = WORK[name][-1] if name == "regions" else "the folder you are in is no longer there"
        assert named in done.stderr.splitlines()[-1]


STOPPED = """
import sys, time
from bdana.cli import main
from bdana.cli.app import app
from bdana.engine import ProcessExecutor

def wait(item):
    print("working", flush=True)
    time.sleep(60)

@app.command()
def sleep() -> None:
    list(ProcessExecutor(2).map(wait, range(4)))

if __name__ == "__main__":
    sys.argv = ["bdana", "sleep"]
    main()
"""


def heard():
    """Let a process hear signals that this one ignores, as `nohup` and shells in the background do."""
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


def processes(session):
    """Command lines of what still runs in a session."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            fields = (path / "stat").read_text().rpartition(")")[2].split()
            if int(fields[3]) == session and fields[0] != "Z":
                found.append((path / "cmdline").read_text().replace("\0", " "))
        except OSError:  # it has just ended
            continue
    return found


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks for processes in /proc")
@pytest.mark.parametrize(
    ("number", "everybody", "status", "said"),
    [
        (signal.SIGINT, True, 130, "bdana: stopped by SIGINT\n"),
        (signal.SIGTERM, False, 143, "bdana: stopped by SIGTERM\n"),
        (signal.SIGHUP, True, 129, "bdana: stopped by SIGHUP\n"),
        (signal.SIGKILL, False, -9, None),
    ],
)
def test_a_signal_ends_command_and_workers(tmp_path, number, everybody, status, said):
    script = tmp_path / "stopped.py"
    script.write_text(STOPPED)
    with subprocess.Popen(
        [sys.executable, script],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=heard,  # noqa: PLW1509 - it sets two signals, and nothing else
    ) as command:
        assert [command.stdout.readline() for _ in range(2)] == ["working\n"] * 2
        (os.killpg if everybody else os.kill)(command.pid, number)
        _, error = command.communicate(timeout=30)
        end = time.monotonic() + 2.0
        while (left := processes(command.pid)) and time.monotonic() < end:
            time.sleep(0.02)
    assert left == []
    assert command.returncode == status
    assert said is None or error == said


def test_ctrl_c_while_the_command_is_imported_is_no_traceback(monkeypatch):
    class Interrupted(ModuleType):
        def __getattr__(self, name):
            raise KeyboardInterrupt

    monkeypatch.setitem(sys.modules, "bdana.cli", Interrupted("bdana.cli"))
    with pytest.raises(SystemExit) as ended:
        importlib.reload(bdana.__main__)
    assert ended.value.code == 130


def test_ctrl_c_is_not_for_workers_that_start():
    # The tracker of multiprocessing lets signals through when it is started.
    code = (
        "import signal\n"
        "from multiprocessing import resource_tracker\n"
        "from bdana.engine.processes import signals_wait\n"
        "with signals_wait():\n"
        "    resource_tracker.ensure_running()\n"
        "    assert signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, [])\n"
        "assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, [])\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_settings_of_signals_are_given_back():
    named = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGPIPE)
    # What is ignored, as by `nohup`, stays ignored; Python ignores SIGPIPE by itself.
    numbers = [n for n in named if n == signal.SIGPIPE or signal.getsignal(n) != signal.SIG_IGN]
    before = [signal.getsignal(number) for number in numbers]
    with signals_stop():
        assert not np.any([signal.getsignal(n) == b for n, b in zip(numbers, before, strict=True)])
    assert [signal.getsignal(number) for number in numbers] == before


def test_a_real_process_with_a_back_end_that_does_not_exist(folder):
    """Draws all the same, and its end is quiet where nobody reads."""
    command = [sys.executable, "-m", "bdana", "select", "--sample", "singles", "--plot", "p.png"]
    read, write = os.pipe()
    os.close(read)
    env = os.environ | {"MPLBACKEND": "nonsense"}
    done = subprocess.run(
        command, cwd=folder, env=env, stdout=write, stderr=subprocess.PIPE, text=True, check=False
    )
    os.close(write)
    assert done.returncode == 141
    assert done.stderr == "picture in p.png\n"
    assert (folder / "p.png").read_bytes().startswith(b"\x89PNG")

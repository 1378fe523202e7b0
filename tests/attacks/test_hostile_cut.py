"""A frozen selection that looks for the opener's secrets in all the memory of its process, and around it."""

import ctypes
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner

from bdana.api import load
from bdana.blinding import load_policy
from bdana.blinding.identity import make_identity
from bdana.blinding.ledger import Ledger
from bdana.blinding.rules import append
from bdana.blinding.stage_keys import stage_recipients
from bdana.cli.app import app
from bdana.errors import BlindingError
from bdana.opening.freeze import freeze, freeze_document
from bdana.opening.isolated import run_isolated
from bdana.opening.key_process import Job
from bdana.opening.open_stages import open_stages
from bdana.opening.steps import Opening
from bdana.sealing.manifest import record_manifests
from bdana.sealing.seal_file import seal
from bdana.simulation import SimulationConfig, write_sample
from tests.blinding.people import IDENTITIES, everybody_joins_with_keys, recipient
from tests.searches import sealing_of, search_folder

PASSPHRASE = "four plain words of rob"
NEEDLES = (PASSPHRASE, "AGE-SECRET-KEY-1")
HUNT = '''
_HUNTS = []


def _hunt():
    """Look for texts that are never in this memory themselves: both sides are changed in one bit."""
    import os
    from pathlib import Path

    here = Path({here!r})
    if not (here / "armed").exists() or _HUNTS:
        return
    _HUNTS.append("once a process: what is changed back stays in the memory")
    table = bytes(i ^ 1 for i in range(256))
    seen = [Path("/proc/self/environ").read_bytes(), Path("/proc/self/cmdline").read_bytes()]
    parent = os.getppid()
    seen += [Path(f"/proc/{{parent}}/{{name}}").read_bytes() for name in ("environ", "cmdline")]
    found = [needle for needle in {needles!r} if any(needle in text.translate(table) for text in seen)]
    with open("/proc/self/mem", "rb", 0) as memory:
        for line in Path("/proc/self/maps").read_text().splitlines():
            span, rights, *_ = line.split()
            if rights.startswith("rw"):
                start, end = (int(x, 16) for x in span.split("-"))
                for at in range(start, end, 1 << 22):
                    try:
                        memory.seek(at)
                        text = memory.read(min(1 << 22, end - at) + 64 * (at + (1 << 22) < end)).translate(table)
                    except OSError:
                        continue
                    found += [needle for needle in {needles!r} if needle in text]
    try:
        os.close(os.open("/dev/tty", os.O_RDWR))
        found.append(b"terminal".translate(table))
    except OSError:
        pass
    found += [name.encode().translate(table) for name in ("SSH_AUTH_SOCK", "BDANA_TEST_SECRET") if name in os.environ]
    with (here / "found").open("ab") as out:
        out.write(b"hunted " + b",".join(sorted(set(found))).translate(table) + b"\\n")
'''


@pytest.fixture(scope="module")
def opened(tmp_path_factory, keys):
    """A search whose selection hunts, ready for rob to open; a function that opens a stage and tells what was found."""
    base = tmp_path_factory.mktemp("hostile")
    folder = search_folder(base / "analysis", "run.open.root", keys=keys, pdf=True)
    changed = tuple(bytes(c ^ 1 for c in needle.encode()) for needle in NEEDLES)
    module = folder / "selections" / "dimuon.py"
    hunt = HUNT.format(here=str(base), needles=changed)
    head, cut, rest = module.read_text().partition("@bdana.track_cut(")
    text = f"{head}{hunt}\n\n{cut}{rest}"
    module.write_text(text.replace('two of them."""\n', 'two of them."""\n    _hunt()\n'))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CONFIG_HOME", str(base / "config"))
        patch.setenv("SSH_AUTH_SOCK", str(base / "agent"))
        patch.setenv("BDANA_TEST_SECRET", "1")
        analysis = load(folder)
        policy, ledger = load_policy(folder, analysis.regions), Ledger(folder / "blinding" / "ledger")
        everybody_joins_with_keys(
            policy,
            ledger,
            keys,
            lambda name: make_identity(name, PASSPHRASE) if name == "rob" else recipient(name),
        )
        write_sample(base / "run.root", SimulationConfig(pot=1e14, bursts=2, run=11001, truth=False), 1)
        sealing = sealing_of(analysis, keys, publics=stage_recipients(ledger, policy, "2021"))
        record_manifests(ledger, policy, "bob", keys["bob"], [seal(base / "run.root", folder, sealing)])
        row = freeze(ledger, policy, "ann", keys["ann"], freeze_document(analysis, policy))
        append(ledger, policy, "rehearse", "ann", keys["ann"], {"freeze": row.hash})
        opening = Opening(ledger, policy, "2021")
        requests = {
            stage: opening.request("ann", keys["ann"], IDENTITIES["ann"], stage, "dimuon", "rob")
            for stage in ("CR3", "CR2")
        }

        def opened(stage, **how):
            job = Job(
                folder=str(folder),
                records=str(folder),
                person="rob",
                key=str(keys["rob"]),
                period="2021",
                requests=(requests[stage].hash,),
                sealed={stage: [str(folder / f"run.{stage}.age")]},
            )
            (base / "armed").touch()
            (base / "found").write_bytes(b"")
            try:
                open_stages(job, lambda: "four plain words " + "of rob", **how)
            finally:
                (base / "armed").unlink()
            return [line.partition("hunted ")[2] for line in (base / "found").read_text().splitlines()]

        yield opened


@pytest.mark.skipif(
    not Path("/proc/self/mem").exists(), reason="no /proc: what a process can see is not looked for"
)
def test_a_selection_finds_no_secret_of_the_opener(opened):
    """Once for the open table that comes out again, once for the events; in one process with the key it finds them."""
    assert opened("CR3") == ["", ""]
    assert os.environ["BDANA_TEST_SECRET"]
    found = opened("CR2", isolated=False)
    assert found
    for line in found:
        assert PASSPHRASE in line
        assert "AGE-SECRET-KEY-1" in line
        assert "BDANA_TEST_SECRET" in line


ASK = """
from types import SimpleNamespace
from bdana.opening.isolated import run_isolated
evaluated = SimpleNamespace(__module__="builtins", __name__="eval")
try:
    head, _ = run_isolated(evaluated, "({'asks': __import__('os').open('/dev/tty', 2) > 0}, {})", plain={plain})
    print(head)
except RuntimeError as err:
    print(err)
"""


@pytest.mark.parametrize(("plain", "said"), [(True, "failed with OSError"), (False, "{'asks': True}")])
def test_a_selection_does_not_ask_the_opener(plain, said):
    """There is no terminal on which it could ask for a passphrase; the process with the key has one."""
    spawn = [sys.executable, "-c", "import pty, sys; pty.spawn([sys.executable, '-c', sys.argv[1]])"]
    done = subprocess.run(
        [*spawn, ASK.replace("{plain}", str(plain))], capture_output=True, text=True, check=False
    )
    assert said in done.stdout


@pytest.mark.skipif(sys.platform != "linux", reason="prctl is of Linux")
def test_root_alone_reads_the_memory_of_a_process_that_has_a_key(monkeypatch):
    """Of the process that decrypts, and of commands that ask for a passphrase; what runs the selection is as any other."""
    evaluated = SimpleNamespace(__module__="builtins", __name__="eval")
    asked = "({'dumpable': __import__('ctypes').CDLL(None).prctl(3)}, {})"
    for plain in (False, True):
        assert run_isolated(evaluated, asked, plain=plain)[0] == {"dumpable": int(plain)}
    told = []

    def look():
        told.append(ctypes.CDLL(None).prctl(3))
        raise BlindingError("seen")

    monkeypatch.setattr("bdana.cli.blinding.ledger_state", look)
    CliRunner().invoke(app, ["blinding", "status"])
    assert [*told, ctypes.CDLL(None).prctl(3)] == [0, 1]


LEFT = """
import os, signal, threading, time
from pathlib import Path
from bdana.errors import BlindingError

def leave(name, *steps):
    if os.fork():
        return
    for step in steps:
        step()
    Path({folder!r}, name).write_text(str(os.getpid()))
    time.sleep(30)
    os._exit(0)

leave("child")
leave("stopped", lambda: Path({folder!r}, "stopped").write_text(str(os.getpid())), lambda: os.kill(os.getpid(), signal.SIGSTOP))
leave("daemon", os.setsid, lambda: os.fork() and os._exit(0))
threading.Thread(target=time.sleep, args=(30,)).start()
while len(list(Path({folder!r}).iterdir())) < 3:
    time.sleep(0.01)
"""
"""Leaves a child, a stopped one, a daemon in a session of its own, all holding the answer, and a thread."""


def alive(path):
    """Tell whether the process runs whose number is in a file."""
    try:
        os.kill(int(path.read_text()), 0)
    except ProcessLookupError:
        return False
    return True


WORK = """
from types import SimpleNamespace
from bdana.opening.isolated import run_isolated
code = "import os, time, pathlib; pathlib.Path({path!r}).write_text(str(os.getpid())); time.sleep(60)"
run_isolated(SimpleNamespace(__module__="builtins", __name__="exec"), code, plain={plain})
"""


@pytest.mark.skipif(sys.platform != "linux", reason="prctl is of Linux")
@pytest.mark.parametrize("plain", [False, True])
def test_what_works_for_an_opening_ends_when_its_command_is_killed(tmp_path, plain):
    """So that nothing of it is beside the opening that runs again."""
    os.mkfifo(tmp_path / "pid")
    work = WORK.format(path=str(tmp_path / "pid"), plain=plain)
    with subprocess.Popen([sys.executable, "-c", work]) as command:
        pid = (tmp_path / "pid").read_text()
        command.kill()
    (tmp_path / "number").write_text(pid)
    until = time.monotonic() + 5.0
    while alive(tmp_path / "number") and time.monotonic() < until:
        time.sleep(0.01)
    assert not alive(tmp_path / "number")


def late(*_):
    raise TimeoutError("what was left is waited for")


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a daemon is not found again")
@pytest.mark.parametrize(
    ("at_the_end", "error", "says"),
    [
        ("raise BlindingError('refused: its answer')", BlindingError, "^refused: its answer$"),
        ("os.kill(os.getpid(), signal.SIGSTOP)", RuntimeError, "^the opening stopped; the same request"),
    ],
)
def test_whatever_code_leaves_running_ends_with_it(tmp_path, at_the_end, error, says):
    executed = SimpleNamespace(__module__="builtins", __name__="exec")
    signal.signal(signal.SIGALRM, late)
    signal.alarm(25)
    with pytest.raises(error, match=says):
        run_isolated(executed, LEFT.format(folder=str(tmp_path)) + at_the_end, plain=True)
    signal.alarm(0)
    assert len(list(tmp_path.iterdir())) == 3
    assert [path.name for path in tmp_path.iterdir() if alive(path)] == []

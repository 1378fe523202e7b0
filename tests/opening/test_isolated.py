"""What a process of its own says when something fails in it."""

import signal
import subprocess
from types import SimpleNamespace

import pytest

from bdana.errors import BlindingError, InputError
from bdana.opening import isolated
from bdana.opening.isolated import run_isolated

EXECUTED = SimpleNamespace(__module__="builtins", __name__="exec")
PRINTS = "import os; print(77); os.write(1, b'77'); os.write(2, b'77')\nfrom bdana.errors import *\n"


@pytest.mark.parametrize(
    ("raised", "error", "says"),
    [
        ("raise UserCodeError('cut cda: event 77') from ValueError('event 77')", InputError, "fails with ValueError;"),
        ("raise UserCodeError('cut cda returns 77')", InputError, "fails with UserCodeError;"),
        ("raise ValueError('event 77')", RuntimeError, "the opening failed with ValueError;"),
        ("raise InputError('no such file')", InputError, "^no such file$"),
        ("raise BlindingError('refused: a reason')", BlindingError, "^refused: a reason$"),
        ("import os; os.kill(os.getpid(), 9)", RuntimeError, "^the opening stopped; the same request may be opened again$"),
    ],
)  # fmt: skip
def test_a_failure_tells_no_value(capfd, raised, error, says):
    """Nor does what the code prints, to Python's streams or below them."""
    with pytest.raises(error, match=says) as told:
        run_isolated(EXECUTED, PRINTS + raised, plain=True)
    assert "77" not in str(told.value)
    assert "77" not in "".join(capfd.readouterr())


def late(*_):
    raise TimeoutError("the process waits for the rest of its message")


def test_a_long_message_reaches_a_process_that_is_slow_to_read(monkeypatch):
    """Such as the events of a stage, on a machine that is busy."""
    monkeypatch.setattr(isolated, "LOOK_S", 0.001)
    measured = SimpleNamespace(__module__="builtins", __name__="eval")
    signal.signal(signal.SIGALRM, late)
    signal.alarm(60)
    head, back = run_isolated(measured, "({'size': len(x)}, {'x': x})", {"x": bytes(1 << 20)}, plain=True)
    signal.alarm(0)
    assert (head, back) == ({"size": 1 << 20}, {"x": bytes(1 << 20)})


def test_processes_of_the_caller_go_on():
    with subprocess.Popen(["sleep", "60"]) as mine:
        with pytest.raises(BlindingError):
            run_isolated(EXECUTED, "from bdana.errors import *\nraise BlindingError('no')", plain=True)
        assert mine.poll() is None
        mine.kill()


def test_a_process_that_starts_late_gets_all_that_it_is_sent(monkeypatch):
    """What the pipe does not hold yet is sent when the process reads, however often it was looked after meanwhile."""

    def stuck(*_):
        raise AssertionError("the process waits for what is never sent")

    code = "from bdana.errors import *\nraise InputError(str(len(events)))"
    monkeypatch.setattr(isolated, "LOOK_S", 1e-3)
    before = signal.signal(signal.SIGALRM, stuck)
    signal.alarm(120)
    try:
        with pytest.raises(InputError, match=r"^5000000$"):
            run_isolated(EXECUTED, code, {"events": bytes(5_000_000)}, plain=True)
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)

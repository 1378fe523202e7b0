"""Openings killed with signal 9 before a durable step: what is there holds, and they run again to the same bytes."""

import os
import signal
from multiprocessing import get_context
from types import SimpleNamespace

import pytest

from bdana.blinding import ledger
from bdana.blinding.rules import require_sound
from bdana.errors import BlindingError

STEPS = 34
"""Durable steps of an opening: 11 for each of its rows begin, end and verdict, and its own lock."""


def shown(chunks):
    verdict = {"observed": sum(map(len, chunks)), "p_n": 0.5, "p_l": 0.5, "agrees": True}
    return {"observed": verdict["observed"], "verdict": verdict}


def dies_before(step, search, request):
    """Open in a process of its own that kills itself before its durable step number `step`."""

    def opening():
        steps = iter(range(1, STEPS + 1))

        def dying(real):
            def call(*args, **kwargs):
                if next(steps) == step:
                    os.kill(os.getpid(), signal.SIGKILL)
                return real(*args, **kwargs)

            return call

        durable = {name: dying(getattr(os, name)) for name in ("fsync", "link", "unlink", "close")}
        ledger.os = SimpleNamespace(**vars(os) | durable)  # not those of ssh-keygen's process
        search.open(request, shown=shown)

    process = get_context("fork").Process(target=opening)
    process.start()
    process.join()
    return process.exitcode


def runs_again(search, step):
    request = search.request("CR3")
    before = search.ledger.rows()
    assert dies_before(step, search, request) == -signal.SIGKILL
    require_sound(search.ledger, search.policy)
    left = search.ledger.rows()
    assert left[: len(before)] == before
    assert [row.kind for row in left[len(before) :]] == ["begin", "end", "verdict"][: len(left) - len(before)]
    assert search.opening.opened() == (["CR3"] if len(left) > len(before) else [])
    if [row.kind for row in left[-3:]] == ["begin", "end", "verdict"]:
        with pytest.raises(BlindingError, match="CR3 was opened with this request already"):
            search.open(request, shown=shown)
    else:
        search.open(request, shown=shown)
    (end,) = search.ledger.of_kind("end")
    require_sound(search.ledger, search.policy)
    after = search.ledger.rows()
    assert after[: len(left)] == left
    assert [row.kind for row in after[len(before) :]] == ["begin", "end", "verdict"]
    assert end.body["outputs"] == shown([[0]])


@pytest.mark.parametrize("step", [6, 12, 18, 23, 33])
def test_kill_9_at_a_durable_step(search, step):
    runs_again(search, step)


@pytest.mark.exhaustive
@pytest.mark.parametrize("step", range(1, STEPS + 1))
def test_kill_9_at_every_durable_step(search, step):
    runs_again(search, step)

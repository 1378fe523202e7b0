"""A `bdana blinding rebase` killed with signal 9 at any step has lost nothing, and goes on when it is typed again.

Two clones of an analysis, by commands: pull, fork, rebase, push, pull.
"""

import os
import shutil
import signal
from multiprocessing import get_context
from pathlib import Path

import pytest

from bdana.blinding.rebase import unfinished
from bdana.blinding.receipts import keep_receipts, read_receipts, receipts_path
from bdana.blinding.rules import require_sound
from tests import commands
from tests.attacks.test_forks import Clones, git, look
from tests.searches import analysis_folder


class WholeClones(Clones):
    """Two clones of a whole analysis folder, with the ledger in its place."""

    def __init__(self, search, folder, keys):
        self.folder = folder
        git(folder, "init", "-q", "--bare", "-b", "main", "origin")
        git(folder, "clone", "-q", folder / "origin", "one")
        analysis_folder(folder / "one", keys=keys)
        shutil.copy(folder / "blinding" / "policy.toml", folder / "one" / "blinding" / "policy.toml")
        shutil.copytree(search.ledger.folder, folder / "one" / "blinding" / "ledger")
        self.commit("one")
        git(folder / "one", "push", "-q", "-u", "origin", "HEAD:main")
        git(folder, "clone", "-q", folder / "origin", "two")
        self.one, self.two = (
            search.with_ledger(folder / name / "blinding" / "ledger") for name in ("one", "two")
        )


@pytest.fixture
def forked(search, tmp_path, keys, config_home):
    """ann pushed a look; bob, in the other clone, wrote three rows, of which one names another, and pulled."""
    clones = WholeClones(search, tmp_path, keys)
    look(clones.one, "ann", "a plot")
    clones.push("one")
    clones.two.freeze("bob")
    look(clones.two, "bob", "another")
    keep_receipts("bob", clones.two.ledger, clones.two.ledger.rows()[-3:])
    clones.pull("two")
    return clones


def typed(clones, name, *words, person=None, status=0):
    signing = ["--person", person, "--key", clones.one.keys[person]] if person else []
    done = commands.bdana("blinding", *words, *signing, cwd=clones.folder / name)
    assert done.returncode == status, done.stderr
    return done.stdout + done.stderr


def finished(clones):
    """Check that bob's rows are there once, after ann's, with receipts, and that the other clone gets them."""
    search = clones.two
    require_sound(search.ledger, search.policy)
    rows = [row for row in search.ledger.rows() if not row.beside][-4:]
    assert [(row.kind, row.person) for row in rows] == [
        ("seen", "ann"), ("freeze", "bob"), ("rehearse", "bob"), ("seen", "bob")]  # fmt: skip
    assert rows[2].body["freeze"] == rows[1].hash
    receipts = read_receipts(receipts_path("bob", search.ledger)).keys()
    assert receipts == {row.hash for row in rows[1:]}
    assert not unfinished(search.ledger)
    clones.push("two")
    git(clones.folder / "one", "pull", "-q", "origin", "main")
    require_sound(clones.one.ledger, clones.one.policy)


def test_two_clones_by_commands(forked):
    assert "the main line forks at" in typed(forked, "two", "verify", status=3)
    assert "none of the rows that do not fit are rows of rob" in typed(
        forked, "two", "rebase", person="rob", status=3
    )
    assert typed(forked, "two", "rebase", person="bob").count("written again as") == 3
    assert "all signed and allowed" in typed(forked, "two", "verify")
    assert "nothing forks" in typed(forked, "two", "rebase", person="bob")
    finished(forked)


def dies_before(step, forked):
    """Rebase in a process of its own that kills itself before its step number `step`; return how it ended."""

    def rebasing():
        steps = iter(range(1, 1000))

        def dying(real):
            def call(*args, **kwargs):
                if next(steps) == step:
                    os.kill(os.getpid(), signal.SIGKILL)
                return real(*args, **kwargs)

            return call

        for name in ("replace", "unlink", "mkdir"):
            setattr(Path, name, dying(getattr(Path, name)))
        for name in ("link", "unlink", "rename"):
            setattr(os, name, dying(getattr(os, name)))
        typed(forked, "two", "rebase", person="bob")

    process = get_context("fork").Process(target=rebasing)
    process.start()
    process.join()
    return process.exitcode


def goes_on(forked, step):
    """Kill a rebase before a step, and type it again; return whether it was killed."""
    if dies_before(step, forked) == 0:
        return False
    begun = unfinished(forked.two.ledger)
    status = commands.bdana("blinding", "status", cwd=forked.folder / "two")
    assert ("`bdana blinding rebase`" in status.stderr) == (begun or status.returncode != 0)
    done = commands.bdana(
        *("blinding", "rebase", "--person", "bob", "--key", forked.one.keys["bob"]), cwd=forked.folder / "two")  # fmt: skip
    assert done.returncode == 0, done.stderr
    finished(forked)
    return True


@pytest.mark.parametrize("step", [12, 42, 53])
def test_a_killed_rebase_goes_on(forked, step):
    assert goes_on(forked, step)


@pytest.mark.exhaustive
@pytest.mark.parametrize("step", range(1, 72))
def test_a_rebase_killed_at_every_step_goes_on(forked, step):
    if not goes_on(forked, step):
        finished(forked)


def test_somebody_else_does_not_go_on_with_it(forked):
    assert dies_before(42, forked) == -signal.SIGKILL
    said = typed(forked, "two", "rebase", person="ann", status=3)
    assert "a `bdana blinding rebase` of bob was not finished here; bob types it again" in said

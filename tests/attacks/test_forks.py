"""Two clones of a ledger that were both written: what never forks, what does, and how one's own rows follow again."""

import shutil
import subprocess
from datetime import datetime
from types import SimpleNamespace

import pytest

from bdana.analysis import scaffold
from bdana.blinding.key_shares import KeyShares
from bdana.blinding.ledger import Ledger, Row
from bdana.blinding.rebase import Rebased, pushed_rows, rebase
from bdana.blinding.receipts import (
    keep_receipts,
    read_receipts,
    receipts_path,
    require_rows,
)
from bdana.blinding.rules import append, require_sound
from bdana.blinding.stage_keys import join
from bdana.errors import BlindingError
from bdana.opening.steps import Opening
from bdana.search.reported import remarks
from tests.attacks.changing import NEW
from tests.attacks.test_ledger_rows import rewritten
from tests.blinding.people import IDENTITIES, ROLES


def git(folder, *arguments):
    settings = ["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false"]
    done = subprocess.run(
        ["git", *settings, *arguments], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


class Clones:
    """Two clones of the ledger of a search, and the repository that both push to."""

    def __init__(self, search, folder):
        self.folder = folder
        git(folder, "init", "-q", "--bare", "-b", "main", "origin")
        for name in ("one", "two"):
            git(folder, "clone", "-q", folder / "origin", name)
            if name == "one":
                scaffold(folder / "one")
                shutil.copytree(search.ledger.folder, folder / "one" / "ledger")
                self.commit("one")
                git(folder / "one", "push", "-q", "-u", "origin", "HEAD:main")
        self.one, self.two = (self.search(search, name) for name in ("one", "two"))

    def search(self, search, name):
        made = search.with_ledger(self.folder / name / "ledger")
        made.opening = Opening(made.ledger, search.policy, "2021")
        return made

    def commit(self, name):
        git(self.folder / name, "add", "-A")
        git(self.folder / name, "commit", "-qm", "rows")

    def push(self, name):
        self.commit(name)
        git(self.folder / name, "push", "-q", "origin", "HEAD:main")

    def pull(self, name):
        self.commit(name)
        git(self.folder / name, "pull", "-q", "--no-rebase", "--no-edit", "origin", "main")

    def rebase(self, search, person):
        ledger = search.ledger
        return rebase(
            ledger, search.policy.after(()), person, search.keys[person], pushed_rows(ledger.folder)
        )


@pytest.fixture
def clones(search, tmp_path):
    return Clones(search, tmp_path)


def look(search, person, reason):
    body = {"regions": ["CR3"], "reason": reason}
    return append(search.ledger, search.policy, "seen", person, search.keys[person], body)


def content(search):
    return {path.name: path.read_bytes() for path in search.ledger.folder.glob("[!.]*") if path.is_file()}


def test_a_fork_is_said_and_my_rows_follow_theirs(clones, config_home):
    theirs = look(clones.one, "ann", "a plot")
    clones.push("one")
    mine = [look(clones.two, "bob", "another"), look(clones.two, "bob", "a third")]
    keep_receipts("bob", clones.two.ledger, mine)
    clones.pull("two")
    with pytest.raises(BlindingError, match=r"the main line forks at .*`bdana blinding rebase`"):
        clones.two.ledger.rows()
    done = clones.rebase(clones.two, "bob")
    require_sound(clones.two.ledger, clones.two.policy)
    main = clones.two.ledger.of_kind("seen")
    assert main == [theirs, *(new for _, new in done.written)]
    assert [row.body for row in main[1:]] == [row.body for row in mine]
    assert not (clones.two.ledger.folder / ".rebase").exists()
    keep_receipts("bob", clones.two.ledger, main[1:], {row.hash for row in mine})
    receipts = read_receipts(receipts_path("bob", clones.two.ledger))
    assert receipts.keys() == {row.hash for row in main[1:]}
    require_rows(clones.two.ledger, receipts)
    clones.push("two")
    clones.pull_clean = git(clones.folder / "one", "pull", "-q", "origin", "main")
    require_sound(clones.one.ledger, clones.one.policy)


def test_rows_that_name_each_other_still_do(clones):
    """A freeze, its rehearsal and a request, written while somebody else wrote: the stage then opens."""
    look(clones.one, "bob", "a plot")
    clones.push("one")
    clones.two.freeze()
    clones.two.request("CR3")
    clones.pull("two")
    assert len(clones.rebase(clones.two, "ann").written) == 3
    (request,) = clones.two.opening.requests("CR3")
    assert clones.two.open(request).body["outputs"] == {"observed": 1}


def test_nobody_writes_the_rows_of_others_again(clones):
    look(clones.one, "ann", "a plot")
    clones.push("one")
    look(clones.two, "bob", "another")
    clones.pull("two")
    before = content(clones.two)
    for person in ("ann", "rob"):  # ann's row was pushed
        with pytest.raises(BlindingError, match=f"none of the rows that do not fit are rows of {person}"):
            clones.rebase(clones.two, person)
    assert content(clones.two) == before


def test_rows_that_somebody_else_went_on_from_stay(clones):
    look(clones.one, "ann", "a plot")
    clones.push("one")
    look(clones.two, "bob", "another")
    look(clones.two, "con", "from the same folder")
    clones.pull("two")
    before = content(clones.two)
    for person in ("bob", "con"):
        with pytest.raises(BlindingError, match="nothing was changed"):
            clones.rebase(clones.two, person)
    assert content(clones.two) == before


def test_a_fork_that_was_pushed_is_repaired_by_who_wrote_the_later_branch(clones):
    look(clones.one, "ann", "a plot")
    clones.push("one")
    look(clones.two, "bob", "another")
    clones.pull("two")
    git(clones.folder / "two", "push", "-q", "origin", "HEAD:main")
    later = max(clones.two.ledger.files()[-2:], key=lambda row: (row.time, row.name)).person
    clones.rebase(clones.two, later)
    require_sound(clones.two.ledger, clones.two.policy)


def test_of_a_fork_that_was_pushed_the_branch_that_others_approved_stays(clones, monkeypatch):
    """bob wrote first, and pushed his row after ann's request, which rea had approved by then: his row gives way."""
    early = SimpleNamespace(now=lambda zone: datetime(2020, 1, 1, tzinfo=zone))
    with monkeypatch.context() as patch:
        patch.setattr("bdana.blinding.ledger.datetime", early)
        look(clones.two, "bob", "a plot")
    clones.one.approve(clones.one.request("CR3"), "rea")
    clones.push("one")
    clones.pull("two")
    git(clones.folder / "two", "push", "-q", "origin", "HEAD:main")
    with pytest.raises(BlindingError, match="none of the rows that do not fit are rows of ann"):
        clones.rebase(clones.two, "ann")
    assert [row.kind for row, _ in clones.rebase(clones.two, "bob").written] == ["seen"]
    require_sound(clones.two.ledger, clones.two.policy)


def test_with_the_key_of_somebody_else_nothing_is_written_again(clones):
    look(clones.one, "ann", "a plot")
    clones.push("one")
    look(clones.two, "bob", "another")
    clones.pull("two")
    before, clones.two.keys = content(clones.two), clones.two.keys | {"bob": clones.two.keys["con"]}
    with pytest.raises(BlindingError, match=r"is not the SSH key of bob .*nothing was changed"):
        clones.rebase(clones.two, "bob")
    assert content(clones.two) == before


def test_without_git_whose_rows_they_are_decides(clones):
    look(clones.one, "ann", "a plot")
    clones.push("one")
    look(clones.two, "bob", "another")
    clones.pull("two")
    shutil.rmtree(clones.folder / "two" / ".git")
    clones.rebase(clones.two, "bob")
    require_sound(clones.two.ledger, clones.two.policy)


def test_nothing_is_written_again_where_nothing_is_wrong(clones):
    before = content(clones.one)
    assert clones.rebase(clones.one, "ann") == Rebased()
    assert content(clones.one) == before


def test_approvals_joins_and_handovers_never_fork(changing, tmp_path):
    changing.change(ROLES | {"zoe": "reviewer", "zac": "analyst"})
    changing.freeze()
    changing.request("CR3")
    clones = Clones(changing, tmp_path)
    policy = changing.policy
    for search, name, giver in ((clones.one, "zoe", "rob"), (clones.two, "zac", "bob")):
        join(policy, search.ledger, name, changing.keys[name], str(NEW[name].to_public()))
        shares = KeyShares(search.ledger, policy, "2021")
        shares.hand_over(giver, changing.keys[giver], IDENTITIES[giver], name)
    for search, name in ((clones.one, "rea"), (clones.two, "bob")):
        search.approve(search.opening.requests("CR3")[0], name)
    clones.push("one")
    clones.pull("two")
    require_sound(clones.two.ledger, policy)
    assert len(clones.two.ledger.of_kind("join", "handover", "approve")) == 5 + 2 + 2 + 2
    (request,) = clones.two.opening.requests("CR3")
    assert clones.two.open(request).body["outputs"] == {"observed": 1}


def test_an_opening_after_a_withdrawal_that_was_pushed_first(clones):
    """rob opened without having pulled: the ledger says so, his rows do not come back, and a look is written down."""
    request = clones.one.request("CR3")
    clones.push("one")
    git(clones.folder / "two", "pull", "-q", "origin", "main")
    clones.one.opening.withdraw("ann", clones.one.keys["ann"], request, "a mistake")
    clones.push("one")
    clones.two.open(request)
    clones.pull("two")
    with pytest.raises(BlindingError, match=r"-begin-rob-.*ann withdrew the request \(rule request-stands\)"):
        require_sound(clones.two.ledger, clones.two.policy)
    done = clones.rebase(clones.two, "rob")
    assert [row.kind for row, _ in done.refused] == ["begin", "end"]
    require_sound(clones.two.ledger, clones.two.policy)
    look(clones.two, "rob", "opened before the withdrawal was pulled")


@pytest.mark.parametrize(
    ("person", "gone"), [("rob", ["begin", "end"]), ("ann", ["withdraw"]), ("bob", None)]
)
def test_an_opening_and_a_withdrawal_that_were_both_pushed(clones, person, gone):
    """Git merges them without a conflict. Either of the two gives way, and nobody else decides it."""
    request = clones.one.request("CR3")
    clones.push("one")
    git(clones.folder / "two", "pull", "-q", "origin", "main")
    clones.one.opening.withdraw("ann", clones.one.keys["ann"], request, "a mistake")
    clones.push("one")
    clones.two.open(request)
    clones.pull("two")
    git(clones.folder / "two", "push", "-q", "origin", "HEAD:main")
    git(clones.folder / "one", "pull", "-q", "origin", "main")
    search = clones.two if person == "rob" else clones.one
    with pytest.raises(BlindingError, match="one of them types `bdana blinding rebase`"):
        require_sound(search.ledger, search.policy)
    if gone is None:
        with pytest.raises(BlindingError, match="none of the rows that do not fit are rows of bob"):
            clones.rebase(search, person)
        return
    done = clones.rebase(search, person)
    assert [row.kind for row, _ in done.refused] == gone
    require_sound(search.ledger, search.policy)


def test_a_row_dated_before_the_one_it_follows_is_remarked_upon(search):
    assert list(remarks(search.ledger.rows())) == []
    row = Row.after(search.ledger.rows(), "seen", "ann", {"regions": ["CR3"], "reason": "long ago"})
    document = {key: getattr(row, key) for key in ("number", "kind", "person", "follows", "body", "format")}
    row = rewritten(search.ledger, document | {"time": "2020-01-01T00:00:00Z"}, search.keys["ann"])
    require_sound(search.ledger, search.policy)
    (said,) = remarks(search.ledger.rows())
    assert said.startswith(f"{row.name} is dated 2020-01-01T00:00:00Z, before 00000")


def test_a_checkout_with_windows_line_ends(clones):
    """The file .gitattributes of every scaffold keeps git from changing them; without it the ledger says what happened."""
    origin, settings = clones.folder / "origin", ("-c", "core.autocrlf=true")
    git(clones.folder, *settings, "clone", "-q", origin, "windows")
    require_sound(Ledger(clones.folder / "windows" / "ledger"), clones.one.policy)
    (clones.folder / "one" / ".gitattributes").unlink()
    clones.push("one")
    git(clones.folder, *settings, "clone", "-q", origin, "changed")
    with pytest.raises(
        BlindingError, match=r"has Windows line ends, which git wrote: put the line `\* -text`"
    ):
        require_sound(Ledger(clones.folder / "changed" / "ledger"), clones.one.policy)

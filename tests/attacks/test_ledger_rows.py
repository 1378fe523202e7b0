"""Attacks on 20 rows of a ledger: changed, dropped, swapped, cut, forked, written by many and by the dying."""

import json
import os
import shutil
import signal
import subprocess
import sys
from multiprocessing import get_context

import pytest

from bdana.blinding.canonical import canonical, sha256
from bdana.blinding.ledger import FORMAT, Ledger, Row
from bdana.blinding.receipts import require_rows
from bdana.blinding.signing import sign
from bdana.errors import BlindingError
from tests.blinding.people import ROLES, unsigned

PEOPLE = list(ROLES)


def fill(ledger, keys):
    """Write 17 rows of the main line, three of them requests, the first with three approvals."""
    for i in range(17):
        kind = "request" if i in {3, 9, 15} else "seen"
        row = ledger.append(
            kind, PEOPLE[i % 5], keys[PEOPLE[i % 5]], {"text": f"row {i}", "seed": str(2**60 + i)}
        )
        if i == 3:
            first = row
    for name in PEOPLE[2:]:
        ledger.append("approve", name, keys[name], {"shares": []}, first)


@pytest.fixture(scope="session")
def twenty_rows(tmp_path_factory, keys):
    ledger = Ledger(tmp_path_factory.mktemp("twenty") / "ledger")
    fill(ledger, keys)
    return ledger.folder


@pytest.fixture
def ledger(tmp_path, twenty_rows):
    return Ledger(shutil.copytree(twenty_rows, tmp_path / "ledger"))


def files(ledger):
    return sorted(ledger.folder.glob("*.json"))


def flips(text, step):
    for bit in range(0, 8 * len(text), step):
        flipped = bytearray(text)
        flipped[bit // 8] ^= 1 << bit % 8
        yield bytes(flipped)


def test_twenty_rows_are_accepted(ledger, publics):
    assert len(ledger.rows()) == 20
    assert unsigned(ledger, publics) == []


@pytest.mark.parametrize("i", range(20))
def test_a_flipped_bit(ledger, i):
    path = files(ledger)[i]
    for text in flips(path.read_bytes(), 1):
        with pytest.raises(BlindingError, match=r"is no row of a ledger|was changed or renamed"):
            Row.of_bytes(text, str(path))
    path.write_bytes(text)
    with pytest.raises(BlindingError, match=path.name):
        ledger.rows()


def test_a_flipped_bit_passes_without_the_hash(ledger, monkeypatch, publics):
    """The guard is the hash in the name, then the signature: with the first gone the second still refuses."""
    path = next(ledger.folder.glob("000004-request-*.json"))
    changed = path.read_bytes().replace(b'"row 3"', b'"row 4"')
    assert changed != path.read_bytes()
    honest, name = Row.name, path.name
    path.write_bytes(changed)
    monkeypatch.setattr(
        Row, "name", property(lambda r: name if r.number == 4 and r.kind == "request" else honest.fget(r))
    )
    with pytest.raises(BlindingError, match=r"does not follow the row before it|is missing"):
        ledger.rows()
    monkeypatch.setattr(Ledger, "rows", lambda self: [Row.of_bytes(changed, name)])
    assert len(unsigned(ledger, publics)) == 1


@pytest.mark.parametrize("i", range(20))
def test_a_dropped_row(ledger, i, publics):
    receipts = {row.hash: row.name for row in ledger.rows()}
    files(ledger)[i].unlink()
    with pytest.raises(
        BlindingError,
        match=r"rows are missing before|the request of .* is missing|of which there is a receipt",
    ):
        require_rows(ledger, receipts)


@pytest.mark.parametrize("kept", [0, 1, 7, 16])
def test_a_ledger_cut_short_against_a_newer_receipt(ledger, kept):
    newest = [row for row in ledger.rows() if row.kind != "approve"][-1]
    for row in ledger.rows():
        if row.number > kept:
            (ledger.folder / row.name).unlink()
    assert (
        max((row.number for row in ledger.rows()), default=0) == kept
    )  # by itself the shorter ledger is whole
    with pytest.raises(BlindingError, match=f"the row {newest.name} is missing, of which there is a receipt"):
        require_rows(ledger, {newest.hash: newest.name})


@pytest.mark.parametrize("i", range(16))
def test_swapped_rows(ledger, i):
    one, other = [path for path in files(ledger) if "approve" not in path.name][i : i + 2]
    text = one.read_bytes()
    one.write_bytes(other.read_bytes())
    other.write_bytes(text)
    with pytest.raises(BlindingError, match="was changed or renamed: its content belongs to"):
        ledger.rows()


@pytest.mark.parametrize("i", range(16))
def test_swapped_and_renumbered_rows(ledger, i, publics):
    main = [path for path in files(ledger) if "approve" not in path.name]
    for path, number in ((main[i], i + 2), (main[i + 1], i + 1)):
        document = json.loads(path.read_text()) | {"number": number}
        path.unlink()
        rewritten(ledger, document)
    with pytest.raises(BlindingError, match=r"does not follow the row before it|is missing"):
        ledger.rows()


def rewritten(ledger, document, key=None):
    """Write a row anew under its right name, with a signature if there is a key."""
    text = canonical(document)
    row = Row(**document, hash=sha256(text))
    (ledger.folder / row.name).write_bytes(text)
    if key:
        (ledger.folder / f"{row.name}.sig").write_bytes(sign(text, key))
    return row


@pytest.mark.parametrize("signer", [None, "ann"], ids=["not signed", "signed by another"])
def test_a_whole_ledger_hashed_anew_from_one_row_on(ledger, keys, publics, signer):
    """Somebody rewrites row 7 and every row after it so that the chain is whole: the signatures are not theirs."""
    newest = next(row for row in ledger.rows() if row.hash == ledger.head)
    receipt = {newest.hash: newest.name}
    before = None
    for path in [path for path in files(ledger) if "approve" not in path.name]:
        document = json.loads(path.read_text())
        if document["number"] < 7:
            before = sha256(path.read_bytes())
            continue
        path.unlink()
        document |= {"follows": before, "body": document["body"] | {"text": "never"}}
        before = rewritten(ledger, document, keys[signer] if signer else None).hash
    assert {row.number for row in unsigned(ledger, publics)} >= {7, 8, 9, 10}
    with pytest.raises(BlindingError, match="of which there is a receipt"):
        require_rows(ledger, receipt)


@pytest.mark.parametrize("i", range(5))
def test_a_row_cut_short(ledger, i):
    path = files(ledger)[4 * i]
    text = path.read_bytes()
    for length in (0, 1, len(text) // 2, len(text) - 1):
        path.write_bytes(text[:length])
        with pytest.raises(BlindingError, match="is no row of a ledger"):
            ledger.rows()


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("000018-seen-ann-0000000000000000.json", b"{}", "is no row of a ledger"),
        ("zzz.json", b"\xff\xfe", "is no row of a ledger"),
        ("zzz.json", b'{"a": 1}', "not in canonical form"),
        ("zzz.json", b"[" * 100_000, "is no row of a ledger"),
    ],
    ids=["empty", "no-text", "not-canonical", "deep"],
)
def test_a_file_that_is_no_row(ledger, name, text, message):
    (ledger.folder / name).parent.mkdir(exist_ok=True)
    (ledger.folder / name).write_bytes(text)
    with pytest.raises(BlindingError, match=message):
        ledger.rows()


def test_a_format_that_is_not_known(ledger, keys):
    document = {"number": 18, "kind": "seen", "person": "ann", "follows": ledger.head, "time": "", "body": {}}
    for number in (FORMAT - 1, FORMAT + 1):
        rewritten(ledger, document | {"format": number}, keys["ann"])
        with pytest.raises(BlindingError, match=rf"it is of format {number}; this bdana reads {FORMAT}"):
            ledger.rows()
        next(ledger.folder.glob("000018*.json")).unlink()


def test_a_kind_that_does_not_exist(ledger, keys, publics):
    last = [row for row in ledger.rows() if row.kind != "approve"][-1]
    document = {"number": 18, "kind": "grant", "person": "ann", "follows": last.hash, "time": "", "body": {}}
    rewritten(ledger, document | {"format": FORMAT}, keys["ann"])
    with pytest.raises(BlindingError, match=r"is no row of a ledger: .* of an unknown kind 'grant'"):
        ledger.rows()


def test_an_approval_moved_to_another_request(ledger, keys, publics):
    path = next(path for path in files(ledger) if "approve" in path.name)
    other = next(row for row in ledger.rows() if row.kind == "request" and row.number > 5)
    document = json.loads(path.read_text()) | {"follows": other.hash, "number": other.number}
    moved = rewritten(ledger, document)
    shutil.copy(f"{path}.sig", ledger.folder / f"{moved.name}.sig")
    assert unsigned(ledger, publics) == [moved]


def kill_at(folder, key, step):
    """Append in a process of its own that kills itself with signal 9 before its durable step number `step`."""
    program = f"""
import os, signal
from pathlib import Path
from types import SimpleNamespace
from bdana.blinding import ledger
steps = 0
def dying(real):
    def call(*args, **kwargs):
        global steps
        steps += 1
        if steps == {step}:
            os.kill(os.getpid(), signal.SIGKILL)
        return real(*args, **kwargs)
    return call
durable = {{name: dying(getattr(os, name)) for name in ("fsync", "link", "unlink", "close")}}
ledger.os = SimpleNamespace(**vars(os) | durable)  # not those of ssh-keygen's process
ledger.Ledger(Path({str(folder)!r})).append("seen", "ann", Path({str(key)!r}), {{"step": {step}}})
"""
    return subprocess.run([sys.executable, "-c", program], check=False).returncode


def survives(folder, keys, publics, step):
    ledger = Ledger(folder)
    rows = ledger.rows()
    status = kill_at(folder, keys["ann"], step)
    assert status in {0, -signal.SIGKILL}
    after = ledger.rows()
    assert after[: len(rows)] == rows
    assert len(after) - len(rows) in {0, 1}
    assert unsigned(ledger, publics) == []
    assert ledger.append("seen", "bob", keys["bob"], {}).number == len(after) + 1
    return status


@pytest.mark.parametrize("step", [2, 5, 6, 8, 11])  # signature: 1 to 5, row: 6 to 10, lock: 11
def test_kill_9_at_a_durable_step(tmp_path, keys, publics, step):
    Ledger(tmp_path / "ledger").append("seen", "bob", keys["bob"], {})
    assert survives(tmp_path / "ledger", keys, publics, step) == -signal.SIGKILL


@pytest.mark.exhaustive
def test_kill_9_at_every_durable_step(tmp_path, keys, publics):
    for i in range(200):
        folder = tmp_path / f"ledger{i // 20}"
        assert survives(folder, keys, publics, 1 + i % 11) == -signal.SIGKILL


def write_rows(folder, name, key, number):
    ledger = Ledger(folder)
    for i in range(number):
        ledger.append("seen", name, key, {"i": i})


def writers(folder, keys, number, rows):
    context = get_context("fork")
    names = [PEOPLE[i % 5] for i in range(number)]
    running = [context.Process(target=write_rows, args=(folder, name, keys[name], rows)) for name in names]
    for process in running:
        process.start()
    for process in running:
        process.join()
    assert [process.exitcode for process in running] == [0] * number


def test_eight_processes_write_one_chain(tmp_path, keys, publics):
    writers(tmp_path / "ledger", keys, 8, 3)
    ledger = Ledger(tmp_path / "ledger")
    assert [row.number for row in ledger.rows()] == list(range(1, 25))
    assert unsigned(ledger, publics) == []


@pytest.mark.exhaustive
def test_eight_processes_write_2000_rows(tmp_path, keys):
    writers(tmp_path / "ledger", keys, 8, 250)
    assert [row.number for row in Ledger(tmp_path / "ledger").rows()] == list(range(1, 2001))


def git(folder, *arguments):
    settings = ["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false"]
    return subprocess.run(
        ["git", *settings, *arguments], cwd=folder, capture_output=True, text=True, check=False
    )


@pytest.fixture
def two_clones(tmp_path, ledger):
    origin = tmp_path / "origin"
    origin.mkdir()
    shutil.copytree(ledger.folder, origin / "ledger")
    git(origin, "init", "-q")
    git(origin, "add", "-A")
    git(origin, "commit", "-qm", "rows")
    clones = [tmp_path / "one", tmp_path / "two"]
    for clone in clones:
        git(tmp_path, "clone", "-q", origin, clone)
    return clones


def merged(clones):
    for clone in clones:
        git(clone, "add", "ledger")
        assert ".lock" not in git(clone, "ls-files").stdout  # locks are of one copy
        git(clone, "commit", "-qm", "more")
    git(clones[0], "fetch", "-q", clones[1])
    return git(clones[0], "merge", "-q", "FETCH_HEAD")


def test_git_merges_approvals_given_at_the_same_time(two_clones, keys, publics):
    for clone, name in zip(two_clones, ("rob", "con"), strict=True):
        ledger = Ledger(clone / "ledger")
        request = ledger.of_kind("request")[1]
        ledger.append("approve", name, keys[name], {"shares": []}, request)
    assert merged(two_clones).returncode == 0
    ledger = Ledger(two_clones[0] / "ledger")
    assert len(ledger.rows()) == 22
    assert unsigned(ledger, publics) == []


def test_git_merges_a_fork_of_the_main_line_and_it_is_refused(two_clones, keys):
    for clone, name in zip(two_clones, ("rob", "con"), strict=True):
        Ledger(clone / "ledger").append("seen", name, keys[name], {})
    assert merged(two_clones).returncode == 0
    with pytest.raises(BlindingError, match=r"the main line forks at 000018-seen-.*`bdana blinding rebase`"):
        Ledger(two_clones[0] / "ledger").rows()


def accepted_with_a_bit_flipped(ledger, publics, path):
    """Return the signatures of a row that count as its person's with one bit changed."""
    row = Row.of_bytes(path.read_bytes(), str(path))
    signature = path.with_name(f"{path.name}.sig")
    text, accepted = signature.read_bytes(), []
    assert ledger.signed(row, publics)
    for flipped in flips(text, 1):
        signature.write_bytes(flipped)
        accepted += [flipped] if ledger.signed(row, publics) else []
    signature.write_bytes(text)
    return accepted


def test_every_bit_of_the_signature_of_an_approval(ledger, publics):
    path = next(path for path in files(ledger) if "approve" in path.name)
    assert accepted_with_a_bit_flipped(ledger, publics, path) == []
    signature = path.with_name(f"{path.name}.sig")
    signature.write_bytes(next(flips(signature.read_bytes(), 1)))
    assert [row.name for row in unsigned(ledger, publics)] == [path.name]


@pytest.mark.exhaustive
@pytest.mark.parametrize("i", range(20))
def test_every_bit_of_every_signature(ledger, publics, i):
    assert accepted_with_a_bit_flipped(ledger, publics, files(ledger)[i]) == []


def test_nobody_writes_into_a_folder_that_is_not_theirs(ledger, keys):
    if os.geteuid() == 0:
        pytest.skip("root writes everywhere")
    ledger.folder.chmod(0o500)
    with pytest.raises(BlindingError, match=r"cannot be written \(Permission denied\)"):
        ledger.append("seen", "ann", keys["ann"], {})
    ledger.folder.chmod(0o700)

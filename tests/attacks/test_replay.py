"""What was signed for one freeze, stage, channel or analysis, offered for another; and code that wants to be run."""

import json
import os
import shutil
from dataclasses import asdict, replace

import pytest

from bdana.analysis import scaffold
from bdana.blinding.canonical import canonical, sha256
from bdana.blinding.ledger import Ledger, Row
from bdana.blinding.record import shares
from bdana.errors import BlindingError, InputError
from bdana.opening.isolated import run_isolated
from bdana.opening.key_process import Job, decrypted
from bdana.opening.open_stages import thawed
from tests.attacks.interference import run
from tests.attacks.search import Search, open_here
from tests.blinding.people import IDENTITIES


def copied(ledger, row, **changes):
    """Put a changed copy of a signed row into a ledger, with its old signature."""
    document = json.loads((ledger.folder / row.name).read_bytes())
    document |= {key: value for key, value in changes.items() if key != "body"}
    document["body"] |= changes.get("body", {})
    text = canonical(document)
    made = Row(**document, hash=sha256(text))
    (ledger.folder / made.name).write_bytes(text)
    shutil.copy(ledger.folder / f"{row.name}.sig", ledger.folder / f"{made.name}.sig")
    return made


def replace_request(search, request, **body):
    """Change the newest request in place, as somebody who can write into the folder could."""
    made = copied(search.ledger, request, body=body)
    for name in (request.name, f"{request.name}.sig"):
        (search.ledger.folder / name).unlink()
    return made


@pytest.mark.parametrize(
    ("leaf", "value"),
    [("stage", "CR2"), ("stage", "SR"), ("channel", "ee"), ("opener", "rea"), ("period", "2022"), ("freeze", "0" * 64), ("head", ""),
     ("shares", [])],
    ids=["stage", "SR", "channel", "opener", "period", "freeze", "head", "shares"],
)  # fmt: skip
def test_a_request_changed_after_it_was_signed(search, leaf, value):
    request = search.request("CR3")
    made = replace_request(search, request, **{leaf: value})
    with pytest.raises(BlindingError, match=rf"request-ann-{made.hash[:16]}.json is not signed by ann"):
        search.open(made)
    assert search.opening.opened() == []


def test_a_request_that_is_not_in_the_ledger(search, keys):
    request = search.request("CR3")
    stranger = replace(request, hash="0" * 64)
    with pytest.raises(BlindingError, match="the ledger has no such request"):
        search.open(stranger)


def approved(search):
    search.open_up_to("CR")
    first = search.request("SR")
    return first, search.approve(first)


def test_an_approval_of_freeze_a_offered_for_freeze_b(search):
    first, approval = approved(search)
    search.freeze()
    second = search.request("SR")
    copied(search.ledger, approval, follows=second.hash, number=second.number)
    with pytest.raises(BlindingError, match=r"approve-con-.* is not signed by con"):
        search.open(second)
    assert "SR" not in search.opening.opened()
    assert first.hash != second.hash


def test_parts_of_freeze_a_signed_by_another_for_freeze_b(search, keys):
    """The opener has the convenor's part of an older request and offers it under a name that may sign."""
    _, approval = approved(search)
    search.freeze()
    second = search.request("SR")
    for name in ("bob", "rea"):
        search.ledger.append("approve", name, keys[name], dict(approval.body), second)
    with pytest.raises(BlindingError, match="rule releases-own-shares"):
        search.open(second)


def test_an_approval_without_its_request(search):
    _, approval = approved(search)
    search.freeze()
    (search.ledger.folder / approval.name).rename(
        search.ledger.folder / "000099-approve-con-0000000000000000.json"
    )
    with pytest.raises(BlindingError, match="was changed or renamed"):
        search.request("SR")


def test_rows_of_another_analysis(search, tmp_path, keys):
    (tmp_path / "other").mkdir()
    other = Search(tmp_path / "other", keys)
    other.freeze()
    foreign = other.request("CR3")
    for suffix in ("", ".sig"):
        shutil.copy(other.ledger.folder / f"{foreign.name}{suffix}", search.ledger.folder)
    with pytest.raises(BlindingError, match="does not follow the row before it"):
        search.open(foreign)


def test_sealed_files_of_another_analysis(search, tmp_path, keys):
    (tmp_path / "other").mkdir()
    other = Search(tmp_path / "other", keys)
    request = search.request("CR3")
    shutil.copy(other.files["CR3"], search.files["CR3"])
    with pytest.raises(BlindingError, match="the sealed files of CR3 are not those that were frozen"):
        search.open(request)


@pytest.mark.parametrize("change", ["missing", "another stage", "one more"])
def test_other_sealed_files_than_frozen(search, change):
    request = search.request("CR3")
    files = {
        "missing": [],
        "another stage": [search.files["CR2"]],
        "one more": [search.files["CR3"], search.files["CR2"]],
    }
    with pytest.raises(BlindingError, match="the sealed files of CR3 are not those that were frozen"):
        open_here(
            search.opening,
            "rob",
            search.keys["rob"],
            IDENTITIES["rob"],
            request,
            files[change],
            lambda chunks: {},
        )


def test_shares_of_one_stage_are_not_those_of_another(search):
    keys = search.ledger.of_kind("keys")[0]
    hashes = [{share.sha256 for share in shares(keys, stage)} for stage in search.policy.stages]
    assert sum(map(len, hashes)) == len(set().union(*hashes))


@pytest.mark.parametrize(
    "command",
    [("blinding", "verify"), ("blinding", "status"), ("blinding", "status", "--json")],
    ids=" ".join,
)
def test_hostile_modules_are_not_imported_where_people_sign(search, tmp_path, keys, command):
    folder = tmp_path / "hostile"
    scaffold(folder)
    shutil.copy(tmp_path / "blinding" / "policy.toml", folder / "blinding" / "policy.toml")
    shutil.copytree(search.ledger.folder, folder / "blinding" / "ledger")
    for part in ("selections", "backgrounds"):
        (folder / part / "evil.py").write_text("from pathlib import Path\nPath('owned').write_text('yes')\n")
    status, out, err = run(folder, list(command))
    assert status == 0, err
    assert not list(folder.rglob("owned"))
    assert Ledger(folder / "blinding" / "ledger").head[:16] in out


@pytest.mark.parametrize(
    ("end", "error"),
    [
        ("exit 2", InputError),
        ("exit 3", BlindingError),
        ("exit 1", RuntimeError),
        ("kill -9 $$", RuntimeError),
    ],
)
def test_how_an_opening_ended_is_told(tmp_path, monkeypatch, end, error):
    child = tmp_path / "child"
    child.write_text(f"#!/bin/sh\n{end}\n")
    child.chmod(0o700)
    monkeypatch.setattr("sys.executable", str(child))
    with pytest.raises(error, match="the opening stopped; the same request may be opened again"):
        run_isolated(thawed, {}, plain=True)


def test_an_opening_imports_no_module_of_the_folder(tmp_path, monkeypatch):
    """Neither from the working folder nor from PYTHONPATH, where it is named in both ways."""
    for name in ("bdana", "sshsig", "pyrage", "awkward", "json"):
        (tmp_path / f"{name}.py").write_text(
            "from pathlib import Path\nPath(__file__).with_suffix('.owned').touch()\n"
        )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join((".", str(tmp_path))))
    job = asdict(Job(str(tmp_path), str(tmp_path), "rob", "key", "2021", ("a",), {})) | {
        "secret": "passphrase"
    }
    with pytest.raises(BlindingError, match=r"has no blinding/policy\.toml"):
        run_isolated(decrypted, job, plain=False)
    with pytest.raises(BlindingError, match=r"parts of the freeze are missing"):
        run_isolated(thawed, {"folder": str(tmp_path), "frozen": {}}, plain=True)
    assert not list(tmp_path.glob("*.owned"))

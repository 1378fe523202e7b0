"""Closed events and their number are nowhere on the open side: not in files, baskets or sizes, nor in memory."""

import json
import os
import subprocess
import sys
import uuid
from dataclasses import replace
from pathlib import Path

import awkward as ak
import numpy as np
import pyrage
import pytest
import uproot

import bdana
from bdana.errors import BdanaError, BlindingError, InputError
from bdana.events import write_events
from bdana.sealing import seal_file as seal_module
from bdana.sealing.seal_file import seal
from bdana.sealing.sealed_file import encrypt_events
from tests.attacks.interference import closed_events
from tests.attacks.raw import CANARY, EVENT, canary, like_sign, of_stage, raw_file
from tests.sealed import decrypt_events
from tests.searches import STAGES
from tests.synthetic import good_bursts, records

CONTAINERS = ("TTree", "ROOT::RNTuple")


@pytest.fixture(scope="session")
def sealed(analysis, sealing):
    """Data with 20 closed canaries among 40 open events, sealed; the raw file, which had more in it, is gone."""
    folder = analysis.folder / "data"
    folder.mkdir()
    raw = raw_file(
        folder / "run.root",
        [e for i in range(20) for e in (like_sign(i), canary(i), like_sign(100 + i))],
        True,
    )
    seal(raw, folder, sealing)
    raw.unlink()
    return folder


@pytest.fixture
def plotted(analysis, sealed):
    """output/ after `bdana run` in a process that waits to be looked at."""
    program = (
        "import sys; from bdana.cli import main; sys.argv = ['bdana', 'run']\n"
        "\ntry:\n    main()\nexcept SystemExit:\n    pass\nprint('done', flush=True)\nsys.stdin.read()"
    )
    running = subprocess.Popen(
        [sys.executable, "-c", program],
        cwd=analysis.folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        env=os.environ | {"PYTHONPATH": str(Path(bdana.__file__).parents[1])},
    )  # fmt: skip
    yield running
    running.communicate()


def forms(value):
    """Return how a canary could stand in a file or in memory."""
    number = np.float64(value)
    return [number.tobytes(), number.byteswap().tobytes(), repr(value).encode()]


def wanted():
    return forms(CANARY) + [
        form
        for i in range(20)
        for form in (
            str(EVENT + i).encode(),
            np.int64(EVENT + i).tobytes(),
            np.int64(EVENT + i).byteswap().tobytes(),
        )
    ]


def unpacked(path):
    """Yield the bytes of a file, and of everything compressed in it."""
    yield path.read_bytes()
    if path.suffix == ".root":
        with uproot.open(path) as file:
            for name, kind in file.classnames().items():
                if kind == "ROOT::RNTuple":
                    yield from (buffer.tobytes() for buffer in ak.to_buffers(file[name].arrays())[2].values())
                    continue
                if kind != "TTree":
                    yield str(file[name]).encode()
                    continue
                for branch in file[name].branches:
                    for i in range(branch.num_baskets):
                        yield branch.basket(i).data.tobytes()


def holding(folder):
    """Return the files of a folder in which a canary is found."""
    return sorted(
        {p.name for p in folder.rglob("*") if p.is_file() for b in unpacked(p) for c in wanted() if c in b}
    )


def test_no_canary_is_on_disk(analysis, sealed):
    assert holding(analysis.folder) == []


def test_the_search_finds_what_is_there(tmp_path):
    raw_file(tmp_path / "raw.root", [canary(1)])
    raw_file(tmp_path / "friend.root", [like_sign(1)], extra=True)
    assert holding(tmp_path) == ["friend.root", "raw.root"]
    assert {"fNEvents", "raw_size", "scalers", "friend", "log"} <= names_in(tmp_path / "friend.root")


def memory_holds(process, patterns):
    """Tell whether the readable memory of a process holds one of some byte strings."""
    found = False
    with (
        Path(f"/proc/{process.pid}/maps").open() as maps,
        Path(f"/proc/{process.pid}/mem").open("rb", 0) as memory,
    ):
        for line in maps:
            span, mode, *rest = line.split()
            if "r" not in mode[0] or (rest[-1].startswith("/") and "w" not in mode) or "[v" in line:
                continue
            start, stop = (int(part, 16) for part in span.split("-"))
            try:
                memory.seek(start)
                content = memory.read(stop - start)
            except (OSError, ValueError, OverflowError):
                continue
            found = found or any(pattern in content for pattern in patterns)
    return found


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks into /proc")
def test_no_canary_is_in_the_memory_of_the_plotting_process(plotted, analysis):
    assert any(line.startswith("done") for line in plotted.stdout)
    assert (analysis.folder / "output" / "report.html").is_file()
    assert memory_holds(plotted, [np.float64(600.0).tobytes()])  # an open event's energy: the search works
    assert not memory_holds(plotted, forms(CANARY))
    assert holding(analysis.folder) == []


def names_in(path):
    """Return the names of all objects in a file, and of the columns of its trees."""
    with uproot.open(path) as file:
        columns = [file[name].keys() for name, kind in file.classnames().items() if kind in CONTAINERS]
        return {*file.keys(cycle=False), *(name for names in columns for name in names)}


@pytest.mark.parametrize("name", ["fNEvents", "raw_size", "scalers", "friend", "log", "provenance"])
def test_what_counted_events_before_the_seal_is_not_in_the_open_file(sealed, name):
    assert name not in names_in(sealed / "run.open.root")


def test_a_friend_tree_is_not_in_the_open_file(sealed):
    with uproot.open(sealed / "run.open.root") as file:
        assert file["events"].all_members.get("fFriends") is None
        assert sorted(file.keys(cycle=False)) == ["bursts", "checksums", "events"]


def test_the_manifest_counts_nothing(sealed):
    document = json.loads((sealed / "run.manifest.json").read_text())
    assert sorted(document) == [
        "bdana",
        "format",
        "keys",
        "open",
        "period",
        "person",
        "policy",
        "previous",
        "raw_sha256",
        "reconstruction",
        "sealed",
    ]
    assert {tuple(sorted(entry)) for entry in document["sealed"].values()} == {("name", "sha256", "size")}


def test_stages_with_and_without_events_have_files_of_one_size(tmp_path, sealing):
    events = [like_sign(1), *(of_stage(2 + i, "CR1") for i in range(12)), of_stage(20, "SR")]
    seal(raw_file(tmp_path / "run.root", events), tmp_path, sealing)
    assert len({(tmp_path / f"run.{stage}.age").stat().st_size for stage in STAGES}) == 1


@pytest.mark.parametrize("events", [0, 1, 3, 40, 400, 4000])
def test_the_size_of_a_sealed_file_steps_by_doubling_only(secrets, events):
    chunks = [records([canary(i) for i in range(3)])] * (events // 3) + [records([canary(9)])] * (events % 3)
    public = str(secrets["SR"].to_public())
    sizes = {len(encrypt_events(chunks, public, 4096)) for _ in range(3)}
    assert len(sizes) == 1
    allowed = {size + 16 * (size // 65536 + 1) + 4096 for size in (4096 * 2**i for i in range(16))}
    assert sizes <= allowed
    whole = decrypt_events(encrypt_events(chunks, public, 4096), str(secrets["SR"]), "x")
    assert (0 if whole is None else len(whole)) == events


@pytest.mark.parametrize("where", ["first", "last", "between", "all at once"])
def test_baskets_do_not_tell_how_many_events_left(tmp_path, sealing, monkeypatch, where):
    """Baskets of 7 open events, whatever the chunks of the input were."""
    monkeypatch.setattr(seal_module, "BASKET_EVENTS", 7)
    seen, hidden = [like_sign(i) for i in range(25)], [canary(i) for i in range(20)]
    order = {
        "first": [*hidden, *seen], "last": [*seen, *hidden],
        "between": [e for i, event in enumerate(seen) for e in (event, canary(i))],
        "all at once": [*seen[:12], *hidden, *seen[12:]],
    }[where]  # fmt: skip
    path = seal(raw_file(tmp_path / "run.root", order), tmp_path, sealing).with_name("run.open.root")
    with uproot.open(path) as file:
        offsets = {tuple(branch.entry_offsets) for branch in file["events"].branches}
        assert offsets == {(0, 7, 14, 21, 25)}


def test_baskets_would_tell_without_the_guard(tmp_path, sealing):
    """With the open events of each chunk in a basket of their own, the layout shows where events are missing."""
    gate = sealing.gate
    chunks = [records([like_sign(i) for i in range(10)]), records([like_sign(10), *map(canary, range(9))])]
    left = [chunk[gate.secrecy(chunk) == len(gate.names)] for chunk in chunks]
    write_events(tmp_path / "telling.root", left, good_bursts(run=11001))
    write_events(tmp_path / "run.root", chunks, good_bursts(run=11001))
    seal(tmp_path / "run.root", tmp_path, sealing)
    for name, offsets in {"telling.root": [0, 10, 11], "run.open.root": [0, 11]}.items():
        with uproot.open(tmp_path / name) as file:
            assert list(file["events"]["run"].entry_offsets) == offsets


def test_the_identity_of_the_open_file_does_not_depend_on_closed_events(tmp_path, sealing):
    uuids = []
    for i, events in enumerate(([like_sign(1)], [like_sign(1), canary(1)])):
        folder = tmp_path / str(i)
        folder.mkdir()
        seal(raw_file(folder / "run.root", events), folder, sealing)
        with uproot.open(folder / "run.open.root") as file:
            uuids.append(file.file.uuid)
    assert uuids[0] == uuids[1]
    assert isinstance(uuids[0], uuid.UUID)


def test_only_closed_events(tmp_path, sealing, analysis, secrets):
    folder = tmp_path
    raw = raw_file(folder / "run.root", [canary(i) for i in range(5)])
    seal(raw, folder, sealing)
    raw.unlink()
    run = analysis.select([folder / "run.open.root"])
    assert run.cutflow.rows[0].events == 0
    assert run.exposure.pot == 1e12


def test_no_stage_has_an_event_of_another(tmp_path, sealing, secrets):
    events = [*closed_events(50, np.random.default_rng(1), sealing.gate), *(like_sign(i) for i in range(3))]
    seal(raw_file(tmp_path / "run.root", events), tmp_path, sealing)
    found = {s: decrypt_events((tmp_path / f"run.{s}.age").read_bytes(), str(secrets[s]), s) for s in STAGES}
    assert {stage: 0 if part is None else len(part) for stage, part in found.items()} == dict.fromkeys(
        STAGES, 10
    )
    ids = [event for part in found.values() for event in part.event.tolist()]
    assert sorted(ids) == sorted(event["event"] for event in events[:50])
    for stage, part in found.items():
        assert {sealing.gate.names[i] for i in sealing.gate.secrecy(part)} == {stage}
    with uproot.open(tmp_path / "run.open.root") as file:
        assert file["events"]["event"].array().tolist() == [0, 1, 2]


@pytest.mark.parametrize("stage", STAGES)
def test_a_key_opens_its_stage_only(sealed, secrets, stage):
    content = (sealed / f"run.{stage}.age").read_bytes()
    for other in STAGES:
        if other != stage:
            with pytest.raises(BlindingError, match=f"run.{stage}.age does not open"):
                decrypt_events(content, str(secrets[other]), f"run.{stage}.age")
    decrypt_events(content, str(secrets[stage]), stage)


@pytest.mark.parametrize("attack", ["cut", "flipped", "length", "empty", "swapped ends"])
def test_a_damaged_sealed_file_does_not_open(sealed, secrets, attack):
    content = (sealed / "run.SR.age").read_bytes()
    middle = len(content) // 2
    content = {
        "cut": content[:middle],
        "flipped": content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :],
        "length": content[:-8] + (2**63).to_bytes(8, "big"),
        "empty": b"",
        "swapped ends": content[middle:] + content[:middle],
    }[attack]
    with pytest.raises(BlindingError, match=r"run.SR.age does not open"):
        decrypt_events(content, str(secrets["SR"]), "run.SR.age")


def padded(content, size):
    """Fill with zeros up to a size of which the last 8 bytes are the length before, as sealed files are."""
    return content.ljust(size - 8, b"\0") + len(content).to_bytes(8, "big")


def test_a_sealed_file_of_something_else_holds_no_events(secrets):
    content = padded(b"nothing that bdana wrote", 4096)
    sealed = padded(pyrage.encrypt(content, [secrets["SR"].to_public()]), 16384)
    with pytest.raises(BlindingError, match=r"run.SR.age holds no events"):
        decrypt_events(sealed, str(secrets["SR"]), "run.SR.age")


def test_with_the_key_of_somebody_else_nothing_is_sealed(tmp_path, sealing, keys):
    raw = raw_file(tmp_path / "run.root", [like_sign(1), canary(2)])
    with pytest.raises(BlindingError, match=r"ann.* is not the SSH key of bob"):
        seal(raw, tmp_path, replace(sealing, key=keys["ann"]))
    assert list(tmp_path.iterdir()) == [raw]
    with pytest.raises(InputError, match=r"nobody: no such file; name the SSH key of bob"):
        seal(raw, tmp_path, replace(sealing, key=tmp_path / "nobody"))


def test_a_file_without_burst_table_is_not_sealed(tmp_path, sealing):
    raw = raw_file(tmp_path / "raw.root", [canary(1)])
    with uproot.open(raw) as file, uproot.recreate(tmp_path / "none.root") as bare:
        tree = file["events"]
        bare.mktree("events", {k: a.type for k, a in zip(tree.keys(), tree.arrays(how=tuple), strict=True)})
    schema = tmp_path / "none.toml"
    shipped = Path(bdana.__file__).parent / "events" / "schemas" / "bdana.toml"
    before, _, _ = shipped.read_text().partition("[bursts]")
    schema.write_text(before)
    for path, layout in ((tmp_path / "none.root", None), (raw, str(schema))):
        with pytest.raises(BdanaError, match=r"has no burst table with schema|there is no tree 'bursts'"):
            seal(path, tmp_path, sealing, layout)
    assert not list(tmp_path.glob("*.open.root"))


def test_an_open_file_is_not_sealed_again(sealed, sealing, tmp_path):
    with pytest.raises(BlindingError, match="is sealed already; seal the raw data"):
        seal(sealed / "run.open.root", tmp_path, sealing)


def test_a_sealing_is_not_written_over(sealed, sealing, tmp_path):
    raw = raw_file(tmp_path / "run.root", [like_sign(1)])
    before = {path.name: path.read_bytes() for path in sealed.iterdir()}
    with pytest.raises(InputError, match=r"run.manifest.json: is there already; nothing was changed"):
        seal(raw, sealed, sealing)
    assert {path.name: path.read_bytes() for path in sealed.iterdir()} == before


def test_a_stage_without_key_is_not_sealed(tmp_path, sealing):
    recipients = {stage: key for stage, key in sealing.recipients.items() if stage != "SR"}
    with pytest.raises(BlindingError, match="stage SR has no key; make them with `bdana blinding keys`"):
        seal(raw_file(tmp_path / "run.root", [canary(1)]), tmp_path, replace(sealing, recipients=recipients))
    assert not list(tmp_path.glob("*.age"))


def test_nobody_without_the_mark_seals(tmp_path, sealing, keys):
    raw = raw_file(tmp_path / "run.root", [canary(1)])
    with pytest.raises(BlindingError, match="ann has not the mark `production`"):
        seal(raw, tmp_path, replace(sealing, person="ann", key=keys["ann"]))
    assert not list(tmp_path.glob("*.age"))


def test_an_interrupted_sealing_leaves_nothing_that_is_read(tmp_path, sealing, analysis, monkeypatch):
    raw = raw_file(tmp_path / "run.root", [like_sign(1), canary(1)])
    monkeypatch.setattr(seal_module, "sign", lambda *args: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        seal(raw, tmp_path, sealing)
    with pytest.raises(BlindingError, match="or its signature is absent"):
        analysis.select([tmp_path / "run.open.root"])

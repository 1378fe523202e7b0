"""Skims of sealed data carry a manifest that hangs on the signed one, and open nothing that was closed."""

import json
import shutil
from pathlib import Path

import pytest

from bdana.blinding.canonical import canonical
from bdana.errors import BdanaError, BlindingError, InputError
from bdana.events.files import forget_files
from bdana.sealing.manifest import check_open_file, described, file_sha256, read_manifest
from bdana.sealing.seal_file import seal
from bdana.search.skims import write_skim
from tests.attacks.raw import canary, like_sign, raw_file
from tests.synthetic import dimuon_event


def beside(number):
    """Return a pair from beside the TAX, which is open and passes the selection."""
    return dimuon_event(number, run=11001, vertex=(300.0, 40.0, 140e3), origin=(800.0, -22.0, 23_070.0))


@pytest.fixture
def data(tmp_path, sealing):
    """Sealed data of which a skim has one event."""
    raw = raw_file(tmp_path / "run.root", [like_sign(1), beside(2), canary(3)])
    seal(raw, tmp_path, sealing)
    forget_files()
    return tmp_path


@pytest.fixture
def skim(data, analysis):
    """A skim in a folder of its own."""
    (data / "skims").mkdir()
    path = data / "skims" / "pairs.open.root"
    assert write_skim(analysis, analysis.select([data / "run.open.root"]), path) == 1
    return path


def test_a_skim_is_read_as_the_data_it_is(skim, analysis):
    run = analysis.select([skim])
    assert run.cutflow.rows[0].events == len(run.candidates) == 1
    assert run.exposure.pot == 1e12
    assert sorted(path.name for path in skim.parent.iterdir()) == [
        "pairs.manifest.json", "pairs.open.root", "run.manifest.json", "run.manifest.json.sig"
    ]  # fmt: skip


def test_the_manifest_of_a_skim_names_how_it_was_made(skim, data, analysis):
    document = json.loads((skim.parent / "pairs.manifest.json").read_text())
    assert document["parents"] == {"run.manifest.json": file_sha256(data / "run.manifest.json")}
    assert (document["selection"], document["analysis"]) == ("dimuon", analysis.hash)
    assert document["open"] == described(skim)


def test_a_skim_of_a_skim_hangs_on_the_signed_manifest(skim, analysis):
    (skim.parent / "again").mkdir()
    again = skim.parent / "again" / "pairs.open.root"
    write_skim(analysis, analysis.select([skim]), again)
    assert len(analysis.select([again]).candidates) == 1
    made = [json.loads((path.parent / "pairs.manifest.json").read_text()) for path in (skim, again)]
    assert made[0]["parents"] == made[1]["parents"]


def test_a_skim_does_not_depend_on_closed_events(tmp_path, sealing, analysis):
    uuids = set()
    for n in range(3):
        folder = tmp_path / f"{n}"
        folder.mkdir()
        raw = raw_file(folder / "run.root", [beside(2), *map(canary, range(n))])
        seal(raw, folder, sealing)
        forget_files()
        write_skim(analysis, analysis.select([folder / "run.open.root"]), folder / "skim.open.root")
        uuids.add(json.loads((folder / "skim.manifest.json").read_text())["open"]["uuid"])
    assert len(uuids) == 1


def forged(folder, data, events):
    """Write by hand what a skim would be, of any events."""
    path = raw_file(folder / "pairs.open.root", events)
    document = json.loads((folder / "pairs.manifest.json").read_text()) | {"open": described(path)}
    (folder / "pairs.manifest.json").write_bytes(canonical(document))


@pytest.mark.parametrize(
    ("attack", "message"),
    [
        ("no parent", r"run.manifest.json, which .*pairs.manifest.json was made from, is absent or another"),
        ("another parent", r"run.manifest.json, which .*pairs.manifest.json was made from, is absent"),
        ("no signature of the parent", r"run.manifest.json or its signature is absent or damaged"),
        ("a parent that nobody signed", r"run.manifest.json is not signed by anybody"),
        ("no parents", r"pairs.manifest.json or its signature is absent or damaged"),
        ("another file", r"pairs.open.root is not the file that its manifest names"),
        ("closed events by hand", r"there are closed pairs in open data"),
        ("a skim as parent", r"pairs.manifest.json is of a skim"),
    ],
)
def test_a_skim_that_does_not_fit(skim, data, analysis, attack, message):
    folder = skim.parent
    parent, own = folder / "run.manifest.json", folder / "pairs.manifest.json"
    document = json.loads(own.read_text())
    if attack == "no parent":
        parent.unlink()
    elif attack == "another parent":
        parent.write_bytes(parent.read_bytes() + b" ")
    elif attack == "no signature of the parent":
        parent.with_name("run.manifest.json.sig").unlink()
    elif attack == "a parent that nobody signed":
        parent.write_bytes(canonical(json.loads(parent.read_text()) | {"period": "2022"}))
        own.write_bytes(canonical(document | {"parents": {parent.name: file_sha256(parent)}}))
    elif attack == "no parents":
        own.write_bytes(canonical(document | {"parents": {}}))
    elif attack == "another file":
        raw_file(skim, [beside(5), beside(6)])
    elif attack == "closed events by hand":
        forged(folder, data, [beside(2), canary(3)])
    else:
        shutil.copy(own, folder / "other.manifest.json")
        own.write_bytes(
            canonical(
                document | {"parents": {"other.manifest.json": file_sha256(folder / "other.manifest.json")}}
            )
        )
        message = message.replace("pairs", "other")
    forget_files()
    with pytest.raises(BlindingError, match=message):
        analysis.select([skim])


@pytest.mark.parametrize("kind", ["mc", "pseudo"])
def test_a_skim_is_data_under_any_name(skim, analysis, kind):
    with pytest.raises(BlindingError, match=rf"pairs.open.root is data and not {kind}, since .* names it"):
        analysis.select([skim], kind=kind)


def test_a_skim_is_not_frozen(skim, sealing):
    """The events that its parents sealed are not of its selection."""
    check_open_file(skim, sealing.policy)
    with pytest.raises(BlindingError, match=r"pairs.manifest.json is of a skim; sealed events belong to the"):
        check_open_file(skim, sealing.policy, whole=True)
    with pytest.raises(BlindingError, match=r"pairs.manifest.json is of a skim; sealed events belong to the"):
        read_manifest(skim.with_name("pairs.manifest.json"), sealing.policy)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("pairs.root", r"read with its manifest, so call it pairs.open.root"),
        ("run.open.root", r"belongs to .*run.manifest.json, which production signed; choose another name"),
    ],
)
def test_a_skim_has_a_name_of_its_own(data, analysis, name, message):
    before = {path: path.read_bytes() for path in Path(data).iterdir()}
    with pytest.raises(InputError, match=message):
        write_skim(analysis, analysis.select([data / "run.open.root"]), data / name)
    assert {path: path.read_bytes() for path in Path(data).iterdir()} == before


def test_other_sealed_data_of_the_same_name_are_not_mixed(skim, data, analysis, sealing, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    seal(raw_file(other / "run.root", [beside(9)]), other, sealing)
    run = analysis.select([other / "run.open.root"])
    with pytest.raises(
        BdanaError, match=r"run.manifest.json: is another manifest than .*; write the skim to"
    ):
        write_skim(analysis, run, skim.with_name("more.open.root"))

"""Every leaf of the freeze of a real analysis edited: in its row, and signed again as a freeze of its own."""

import math
import shutil
from importlib.resources import files
from types import SimpleNamespace

import pytest

from bdana.analysis import AnalysisFolder
from bdana.api import load
from bdana.blinding import load_policy
from bdana.blinding.canonical import canonical, differences, sha256
from bdana.blinding.ledger import Ledger
from bdana.blinding.rules import append
from bdana.blinding.stage_keys import stage_recipients
from bdana.errors import BdanaError, BlindingError
from bdana.opening import thaw as thaw_module
from bdana.opening.freeze import freeze, freeze_document
from bdana.opening.key_process import Job
from bdana.opening.open_stages import open_stages
from bdana.opening.steps import Opening
from bdana.opening.thaw import reproduce, thaw
from bdana.sealing.manifest import record_manifests
from bdana.sealing.seal_file import seal
from bdana.sealing.sealed_file import encrypt_events
from bdana.simulation import SimulationConfig, write_sample
from tests.blinding.people import IDENTITIES, everybody_joins_with_keys
from tests.searches import sealing_of, search_folder

READ = (
    "agreement", "analysis_hash", "beside", "code", "config", "conventions", "cuts", "exposure", "format", "inputs", "manifests",
    "outputs", "policy", "prediction", "sealed", "seeds", "table",
)  # fmt: skip
SHOWN = ("bdana", "packages")
"""Recorded and shown, not fatal: the numbers must come out bit for bit with whatever versions there are."""


@pytest.fixture(scope="module")
def real(tmp_path_factory, keys):
    """An analysis of simulated data with a geometry of its own, sealed, and its freeze by ann."""
    base = tmp_path_factory.mktemp("leaves")
    folder = base / "analysis"
    search_folder(
        folder,
        "run.open.root",
        keys=keys,
        edit=lambda text: text.replace('detector = "na62"', 'detector = "geometry.toml"'),
    )
    shutil.copy(str(files("bdana.detector") / "na62.toml"), folder / "geometry.toml")
    analysis = load(folder)
    policy, ledger = load_policy(folder, analysis.regions), Ledger(folder / "blinding" / "ledger")
    everybody_joins_with_keys(policy, ledger, keys)
    write_sample(base / "run.root", SimulationConfig(pot=1e15, bursts=5, run=11001, truth=False), 1)
    sealing = sealing_of(analysis, keys, publics=stage_recipients(ledger, policy, "2021"))
    record_manifests(ledger, policy, "bob", keys["bob"], [seal(base / "run.root", folder, sealing)])
    frozen = freeze(ledger, policy, "ann", keys["ann"], freeze_document(analysis, policy))
    return SimpleNamespace(
        folder=folder, keys=keys, ledger=ledger, opening=Opening(ledger, policy, "2021"), frozen=frozen
    )


def leaves(document, path=()):
    """Return the paths of all leaves of a document, empty containers included."""
    if isinstance(document, dict) and document:
        return [leaf for key in document for leaf in leaves(document[key], (*path, key))]
    if isinstance(document, list) and document:
        return [leaf for i, item in enumerate(document) for leaf in leaves(item, (*path, i))]
    return [path]


def other(value):
    """Return another value of the same type where there is one, for a number the next."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, str):
        return f"{value}\n# edited\n" if "\n" in value else f"{value}!"
    return math.nextafter(value, math.inf) if isinstance(value, float) else (value or 0) + 1


def edited(document, path):
    """Return a document with another value in one leaf."""
    if not path:
        return other(document)
    made = document.copy()
    made[path[0]] = edited(document[path[0]], path[1:])
    return made


def test_every_leaf_edited_in_place(real):
    """It is in the hash, so in the name and in all that follows, and in what is listed as different."""
    path = real.ledger.folder / real.frozen.name
    text = path.read_bytes()
    document = {
        key: getattr(real.frozen, key) for key in ("number", "kind", "person", "follows", "time", "format")
    }
    document["body"] = dict(real.frozen.body)
    assert canonical(document) == text
    found = leaves(document)
    assert len(found) > 300
    try:
        for place, leaf in enumerate(found):
            changed = edited(document, leaf)
            assert sha256(canonical(changed)) != real.frozen.hash
            assert differences(document, changed) == [".".join(map(str, leaf)) + " changed"]
            if place % 8:
                continue  # the ledger knows no leaf, only the hash
            path.write_bytes(canonical(changed))
            with pytest.raises(BlindingError, match=r"was changed or renamed|is no row of a ledger"):
                real.opening.newest_freeze()
    finally:
        path.write_bytes(text)
    assert real.opening.newest_freeze() == real.frozen


@pytest.mark.parametrize("change", ["forged", "cut short", "absent"])
def test_a_sealed_file_that_production_did_not_make_is_not_frozen(real, change):
    """Anybody can encrypt to the key of a stage; a copy may stop half-way."""
    analysis = load(real.folder)
    policy, path = load_policy(real.folder, analysis.regions), real.folder / "run.CR3.age"
    content, public = path.read_bytes(), stage_recipients(real.ledger, policy, "2021")["CR3"]
    try:
        path.unlink()
        if change != "absent":
            path.write_bytes(encrypt_events([], public, 4096) if change == "forged" else content[:1000])
        with pytest.raises(
            BlindingError, match=r"CR3.age is absent, or not the file that its manifest names"
        ):
            freeze_document(analysis, policy)
        with pytest.raises(
            BlindingError, match=r"CR3.age is absent, or not the file that its manifest names"
        ):
            reproduce(analysis, real.frozen.body["frozen"])
    finally:
        path.write_bytes(content)


@pytest.mark.parametrize("manifest", ["as it was", "changed"])
def test_what_a_program_without_these_checks_freezes_is_not_in_the_ledger(real, manifest):
    """Its freeze has the hash of the file that lies there, beside the manifest or a changed one."""
    document, content = real.frozen.body["frozen"], (real.folder / "run.CR3.age").read_bytes()
    forged = encrypt_events([], stage_recipients(real.ledger, real.opening.policy, "2021")["CR3"], 4096)
    digest, text = sha256(forged), (real.folder / "run.manifest.json").read_bytes()
    changed = text.replace(sha256(content).encode(), digest.encode())
    assert changed != text
    sealed = {"2021": document["sealed"]["2021"] | {"CR3": {"run.CR3.age": digest}}}
    manifests, rule = {"2021": {sha256(changed): "run.manifest.json"}}, "freezes-recorded-data"
    if manifest == "as it was":
        manifests, rule = document["manifests"], "freezes-recorded-files"
    forgery = document | {"sealed": sealed, "manifests": manifests}
    with pytest.raises(BlindingError, match=f"rule {rule}"):
        freeze(real.ledger, real.opening.policy, "ann", real.keys["ann"], forgery)
    named = {"period": "2021", "sha256": sha256(changed), "sealed": {"CR3": digest}}
    with pytest.raises(BlindingError, match="rule production-signs"):
        append(
            real.ledger, real.opening.policy, "seal", "ann", real.keys["ann"], {"manifests": {"run": named}}
        )


def test_every_key_of_a_freeze_is_read_or_shown(real):
    assert sorted(real.frozen.body["frozen"]) == sorted((*READ, *SHOWN))


@pytest.fixture(scope="module")
def known():
    return {}


@pytest.fixture(autouse=True)
def read_once(known, monkeypatch):
    """What the same analysis reads and counts is kept, by its hash: no file changes here, and it takes seconds."""

    def once(name, function):
        def kept(analysis, *arguments):
            key = (name, analysis.hash, arguments)
            if key not in known:
                known[key] = function(analysis, *arguments)
            return known[key]

        return kept

    monkeypatch.setattr(thaw_module, "counted_parts", once("table", thaw_module.counted_parts))
    monkeypatch.setattr(AnalysisFolder, "sample", once("sample", AnalysisFolder.sample))


@pytest.fixture
def opens(real):
    """Tell whether CR3 opens with a document that ann signed as a new freeze; nothing stays in the ledger."""
    ann, keys = IDENTITIES["ann"], real.keys

    def opens(document):
        there = set(real.ledger.folder.rglob("*"))
        try:
            row = freeze(real.ledger, real.opening.policy, "ann", keys["ann"], document)
            real.ledger.append("rehearse", "ann", keys["ann"], {"freeze": row.hash})
            request = real.opening.request("ann", keys["ann"], ann, "CR3", "dimuon", "rob")
            open_stages(
                Job(
                    folder=str(real.folder),
                    records=str(real.folder),
                    person="rob",
                    key=str(keys["rob"]),
                    period="2021",
                    requests=(request.hash,),
                    sealed={"CR3": [str(real.folder / "run.CR3.age")]},
                ),
                lambda: str(IDENTITIES["rob"]),
                isolated=False,
            )
            assert real.opening.opened() == ["CR3"]
        except BdanaError:
            assert real.opening.opened() == []
            return False
        finally:
            for path in set(real.ledger.folder.rglob("*")) - there:
                path.unlink()
        return True

    return opens


def with_leaf_edited(real, key):
    document = real.frozen.body["frozen"]
    for leaf in leaves(document[key]):
        yield leaf, document | {key: edited(document[key], leaf)}


def comes_back(real, document):
    try:
        reproduce(thaw(real.folder, document), document)
    except BlindingError:
        return False
    return True


@pytest.mark.parametrize("key", READ)
def test_a_leaf_edited_does_not_come_back(real, key):
    """Of many leaves some, from all over the part."""
    made = list(with_leaf_edited(real, key))
    assert [leaf for leaf, document in made[:: len(made) // 12 + 1] if comes_back(real, document)] == []


@pytest.mark.exhaustive
@pytest.mark.parametrize("key", READ)
def test_none_of_the_leaves_edited_comes_back(real, key):
    assert [leaf for leaf, document in with_leaf_edited(real, key) if comes_back(real, document)] == []


@pytest.mark.parametrize("key", READ)
def test_the_last_leaf_edited_and_signed_again_opens_nothing(real, opens, key):
    *_, (leaf, document) = with_leaf_edited(real, key)
    assert not opens(document), leaf


@pytest.mark.exhaustive
@pytest.mark.parametrize("key", READ)
def test_a_leaf_edited_and_signed_again_opens_nothing(real, opens, key):
    assert [leaf for leaf, document in with_leaf_edited(real, key) if opens(document)] == []


@pytest.mark.parametrize("key", SHOWN)
def test_a_leaf_that_is_shown_and_not_fatal(real, opens, key):
    documents = [document for _, document in with_leaf_edited(real, key)]
    assert all(comes_back(real, document) for document in documents)
    assert opens(documents[-1])


def test_the_freeze_as_it_is_opens(real, opens):
    assert opens(real.frozen.body["frozen"])

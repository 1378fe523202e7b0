"""Sealing: closed events leave, the rest stays as it was, and nothing on disk tells how many left."""

import importlib.util
import json
import pickle
from dataclasses import replace

import numpy as np
import pytest
import uproot

from bdana.errors import BlindingError, InputError
from bdana.events import open_events, write_events
from bdana.sealing.manifest import file_sha256
from bdana.sealing.seal_file import seal
from bdana.search.skims import write_skim
from tests.attacks.raw import CANARY, closed, like_sign, raw_file
from tests.sealed import decrypt_events
from tests.servers import FileServer
from tests.synthetic import good_bursts, records


@pytest.fixture
def sealed(tmp_path, sealing):
    def make(events, name="sealed"):
        folder = tmp_path / name
        folder.mkdir()
        raw = raw_file(folder / "run.root", events)
        seal(raw, folder, sealing)
        raw.unlink()
        return folder

    return make


def test_closed_events_are_in_the_sealed_file_only(sealed, secrets, analysis):
    folder = sealed([like_sign(1), closed(2), like_sign(3), closed(4)])
    found = decrypt_events((folder / "run.SR.age").read_bytes(), str(secrets["SR"]), "run.SR.age")
    assert found.event.tolist() == [2, 4]
    assert found.lkr.energy[:, 0].tolist() == [CANARY, CANARY]
    assert decrypt_events((folder / "run.CR.age").read_bytes(), str(secrets["CR"]), "run.CR.age") is None
    run = analysis.select([folder / "run.open.root"])
    assert run.cutflow.rows[0].events == 2
    assert run.exposure.pot == 1e12


def test_no_canary_is_on_disk(sealed, tmp_path):
    sealed([closed(number) for number in range(20)])
    assert [
        p for p in tmp_path.rglob("*") if p.is_file() and np.float64(CANARY).tobytes() in p.read_bytes()
    ] == []
    assert np.float64(CANARY).tobytes() in pickle.dumps(np.full(3, CANARY))  # the search would find it


def test_the_open_side_does_not_depend_on_closed_events(sealed):
    seen = [like_sign(number) for number in range(50)]
    folders = [
        sealed(events, f"n{i}")
        for i, events in enumerate((seen, [closed(99), *seen], [*seen, *map(closed, range(100, 150))]))
    ]
    reference = {path.name: path.stat().st_size for path in folders[0].iterdir()}
    for folder in folders[1:]:
        assert {path.name: path.stat().st_size for path in folder.iterdir()} == reference
        with uproot.open(folder / "run.open.root") as one, uproot.open(folders[0] / "run.open.root") as other:
            assert one.file.uuid == other.file.uuid
            assert one.classnames() == other.classnames()
            for name in other["events"].keys():  # noqa: SIM118 - of a tree
                a, b = one["events"][name], other["events"][name]
                assert a.entry_offsets == b.entry_offsets
                assert a.array().tolist() == b.array().tolist()


def test_baskets_have_a_fixed_number_of_open_events(sealed):
    blocks = [
        (like_sign(start), *map(closed, range(start + 1, start + 31))) for start in range(0, 40 * 31, 31)
    ]
    folder = sealed([event for block in blocks for event in block])
    with uproot.open(folder / "run.open.root") as file:
        assert {tuple(file["events"][name].entry_offsets) for name in ("run", "event")} == {(0, 40)}
        assert sorted(file.keys(cycle=False)) == ["bursts", "checksums", "events"]


@pytest.mark.parametrize(
    ("provenance", "given", "expected"),
    [
        (None, None, "unknown"),
        (None, "NA62 v3.1.4", "NA62 v3.1.4"),
        ({"program": "bdana simulate", "bdana_version": "0.7"}, None, "bdana simulate 0.7"),
        ({"bdana_version": "0.7"}, None, "bdana 0.7"),
        ({"program": "other"}, None, "unknown"),
        ({"bdana_version": "0.7"}, "NA62 v3.1.4", "NA62 v3.1.4"),
    ],
)
def test_the_manifest_names_the_reconstruction(tmp_path, sealing, provenance, given, expected):
    raw = raw_file(tmp_path / "run.root", [like_sign(1)], provenance=provenance)
    manifest = seal(raw, tmp_path, sealing, reconstruction=given)
    assert json.loads(manifest.read_text())["reconstruction"] == expected


@pytest.mark.usefixtures("chunk_each_cluster")
def test_progress_counts_the_chunks_of_the_input(tmp_path, sealing):
    clusters = [records([event]) for event in (like_sign(1), closed(2), like_sign(3))]
    write_events(tmp_path / "run.root", clusters, good_bursts(run=11001))
    told = []
    seal(tmp_path / "run.root", tmp_path, sealing, progress=lambda done, total: told.append((done, total)))
    assert told == [(1, 3), (2, 3), (3, 3)]


@pytest.mark.skipif(
    importlib.util.find_spec("aiohttp") is None, reason="aiohttp is not installed: pip install 'bdana[http]'"
)
def test_raw_data_on_a_server_are_sealed_as_the_file(tmp_path, sealing):
    """With an earlier sealing there too; what was changed on the server meanwhile is refused."""
    raw = tmp_path / "raw"
    raw.mkdir()
    raw_file(raw / "run.root", [like_sign(1), closed(2), like_sign(3)])
    raw_file(raw / "before.root", [like_sign(1), closed(2)])
    made = {}
    server = FileServer(raw)
    try:
        for name, where in (("file", raw), ("server", server.url)):
            (tmp_path / name).mkdir()
            files = [
                f"{where}/{file}" if name == "server" else where / file
                for file in ("run.root", "before.root")
            ]
            manifest = seal(files[0], tmp_path / name, sealing, previous=files[1:])
            document = json.loads(manifest.read_bytes())
            document["open"].pop(
                "sha256"
            )  # the time of writing is in the file; its UUID is that of the content
            made[name] = document | {"sealed": len(document["sealed"])}  # age draws keys at random
        assert made["file"] == made["server"]
        assert made["server"]["raw_sha256"] == file_sha256(raw / "run.root")
        source = open_events(f"{server.url}/run.root", "bdana")
        raw_file(raw / "run.root", [like_sign(number) for number in range(1, 9)])
        with pytest.raises(InputError, match=r"run\.root: was changed"):
            source.sha256()
    finally:
        server.close()


def test_another_key_does_not_open(sealed, secrets):
    content = (sealed([closed(1)]) / "run.SR.age").read_bytes()
    for secret in (str(secrets["CR"]), "AGE-SECRET-KEY-1NONSENSE"):
        with pytest.raises(BlindingError, match=r"refused: run.SR.age does not open"):
            decrypt_events(content, secret, "run.SR.age")


def test_only_production_seals(tmp_path, sealing, keys):
    with pytest.raises(BlindingError, match="ann has not the mark `production`"):
        seal(
            raw_file(tmp_path / "r.root", [closed(1)]),
            tmp_path,
            replace(sealing, person="ann", key=keys["ann"]),
        )


def test_simulation_is_not_sealed(tmp_path, sealing):
    truth = {"truth": {"process": 1, "mass": 500.0, "p": 80e3, "z_decay": 140e3}}
    path = raw_file(tmp_path / "r.root", [closed(1) | truth])
    with pytest.raises(InputError, match="has truth columns, so it is simulation"):
        seal(path, tmp_path, sealing)
    assert not [*tmp_path.glob("*.age"), *tmp_path.glob("*.open.root")]


def test_runs_of_another_period_are_not_sealed(tmp_path, sealing):
    path = raw_file(tmp_path / "r.root", [closed(1)])
    period = sealing.policy.periods["2021"].model_copy(update={"data_runs": [(11002, 12000), (1, 2)]})
    other = sealing.policy.model_copy(update={"periods": {"2021": period}})
    with pytest.raises(InputError, match=r"run 11001 is not in data_runs of \[periods.2021\]"):
        seal(path, tmp_path, replace(sealing, policy=other))
    assert not [*tmp_path.glob("*.age"), *tmp_path.glob("*.open.root")]


def attack_raw(folder, analysis):
    return raw_file(folder / "raw.root", [closed(1)])


def attack_renamed(folder, analysis):
    return raw_file(folder / "other.open.root", [closed(1)])


def attack_replaced(folder, analysis):
    return raw_file(folder / "run.open.root", [closed(n) for n in range(9)])


def attack_no_signature(folder, analysis):
    (folder / "run.manifest.json.sig").unlink()
    return folder / "run.open.root"


def attack_edited_manifest(folder, analysis):
    path = folder / "run.manifest.json"
    path.write_text(path.read_text().replace('"period":"2021"', '"period":"2022"'))
    return folder / "run.open.root"


def attack_other_policy(folder, analysis):
    path = analysis.folder / "blinding" / "policy.toml"
    path.write_text(path.read_text().replace("max_chi2 = 50.0", "max_chi2 = 30.0"))
    return folder / "run.open.root"


@pytest.mark.parametrize(
    ("attack", "message"),
    [
        (attack_raw, "is not sealed"),
        (attack_renamed, "its signature is absent"),
        (attack_replaced, "is not the file that its manifest names"),
        (attack_no_signature, "its signature is absent"),
        (attack_edited_manifest, "is not signed by anybody"),
        (attack_other_policy, "was made with another blinding/policy.toml"),
    ],
)
def test_data_without_their_manifest_are_refused(sealed, analysis, attack, message):
    folder = sealed([like_sign(1), closed(2)])
    with pytest.raises(BlindingError, match=message):
        analysis.select([attack(folder, analysis)])


def test_data_are_not_read_as_simulation(analysis, tmp_path):
    with pytest.raises(BlindingError, match="has runs of the data and no truth columns"):
        analysis.select([raw_file(tmp_path / "raw.root", [closed(1)])], kind="mc")


def test_a_closed_event_in_sealed_data_stops_the_run(analysis, sealed, monkeypatch):
    folder = sealed([like_sign(1), closed(2)])
    raw_file(folder / "run.open.root", [like_sign(1), closed(2)])
    monkeypatch.setattr("bdana.sealing.manifest.check_open_file", lambda path, policy: None)
    with pytest.raises(BlindingError, match="there are closed pairs in open data"):
        analysis.select([folder / "run.open.root"])


@pytest.mark.parametrize(
    "events",
    [
        [like_sign(1), like_sign(2), like_sign(1)],
        [closed(1), like_sign(2), closed(1)],
        [closed(1), like_sign(2), like_sign(1)],
    ],
)
@pytest.mark.parametrize("clusters", [1, 3])
def test_an_event_twice_is_not_sealed_and_not_named(tmp_path, sealing, events, clusters, chunk_each_cluster):
    """Whether it is closed is not to be known, and what is sealed cannot be mended."""
    parts = [records(events)] if clusters == 1 else [records([event]) for event in events]
    write_events(tmp_path / "run.root", parts, good_bursts(run=11001))
    with pytest.raises(InputError, match=r"run\.root: an event .* is in it twice") as refused:
        seal(tmp_path / "run.root", tmp_path, sealing)
    assert not any(number in str(refused.value).replace(str(tmp_path), "") for number in "0123456789")
    assert [path.name for path in tmp_path.glob("run*")] == ["run.root"]


@pytest.mark.parametrize(("made", "label"), [({"program": "bdana simulate"}, "pseudo-data"), (None, "data")])
def test_sealed_pseudo_data_stay_pseudo_data(tmp_path, sealing, analysis, made, label):
    """A simulated file that is read as data says so, sealed and skimmed too."""
    raw = raw_file(tmp_path / "run.root", [like_sign(1), like_sign(2)], provenance=made)
    seal(raw, tmp_path, sealing)
    run = analysis.select([tmp_path / "run.open.root"])
    assert run.label == label
    assert run.to_dict()["label"] == label
    write_skim(analysis, run, tmp_path / "skim.open.root")
    assert analysis.select([tmp_path / "skim.open.root"]).label == label

"""Keys that are made again because parts of them were lost: before any opening only, and the data are sealed again."""

from dataclasses import replace

import pytest

from bdana.blinding.ledger import Ledger
from bdana.blinding.record import Record
from bdana.blinding.stage_keys import make_period, stage_recipients
from bdana.errors import BlindingError
from bdana.sealing.manifest import file_sha256, record_manifests, require_recorded
from bdana.sealing.seal_file import seal
from tests.attacks.raw import canary, raw_file
from tests.attacks.search import Search


def again(search):
    return make_period(search.policy, search.ledger, "2021", "bob", search.keys["bob"], again=True)


def test_keys_are_made_once(search):
    with pytest.raises(BlindingError, match=r"period 2021 has keys already; if shares of them are lost"):
        make_period(search.policy, search.ledger, "2021", "bob", search.keys["bob"])


def test_new_keys_take_the_place_of_lost_ones(search):
    before = Record(search.ledger.rows(), search.policy).keys("2021")
    row = again(search)
    assert row.body["replaces"] == before.hash
    assert Record(search.ledger.rows(), search.policy).keys("2021") == row
    publics = [[made["public"] for made in keys.body["stages"].values()] for keys in (before, row)]
    assert len({*publics[0], *publics[1]}) == 10


def test_a_whole_search_with_keys_made_again(search, tmp_path):
    again(search)
    search.seal(tmp_path)
    search.freeze()
    search.open_up_to("CR")
    request = search.request("SR")
    search.approve(request)
    assert search.open(request).body["outputs"] == {"observed": 5}


def test_no_keys_are_made_again_that_were_never_made(tmp_path, keys):
    made = Search(tmp_path, keys)
    empty = Ledger(tmp_path / "empty")
    for row in made.ledger.of_kind("join"):
        empty.append("join", row.person, keys[row.person], dict(row.body))
    with pytest.raises(BlindingError, match="period 2021 has no keys yet; leave out --again"):
        make_period(made.policy, empty, "2021", "bob", keys["bob"], again=True)


@pytest.mark.parametrize("ended", [True, False])
def test_no_keys_are_made_again_after_an_opening_began(search, ended):
    def fails(chunks):
        raise RuntimeError

    request = search.request("CR3")
    if ended:
        search.open(request)
    else:
        with pytest.raises(RuntimeError):
            search.open(request, shown=fails)
    with pytest.raises(BlindingError, match="an opening of period 2021 began, so its keys stay"):
        again(search)


@pytest.mark.parametrize("step", ["request", "open"])
def test_a_freeze_from_before_the_new_keys_opens_nothing(search, step):
    request = search.request("CR3") if step == "open" else None
    again(search)
    with pytest.raises(
        BlindingError, match=r"the keys of period 2021 were made after this freeze; seal the raw"
    ):
        search.open(request) if request else search.request("CR3")
    assert not search.ledger.of_kind("begin")


def test_manifests_recorded_without_their_files_are_recorded_again(search, tmp_path, sealing):
    with_keys = replace(sealing, recipients=stage_recipients(search.ledger, search.policy, "2021"))
    manifest = seal(raw_file(tmp_path / "run.root", [canary(1)]), tmp_path, with_keys)
    as_before = {manifest.name: {"period": "2021", "sha256": file_sha256(manifest)}}
    search.ledger.append("seal", "bob", search.keys["bob"], {"manifests": as_before})
    with pytest.raises(
        BlindingError, match=r"does not know .*run.manifest.json with its sealed files; `bdana"
    ):
        require_recorded(search.ledger, sealing.policy, manifest)


def test_files_sealed_for_the_lost_keys_are_not_frozen(search, tmp_path, sealing):
    with_keys = replace(sealing, recipients=stage_recipients(search.ledger, search.policy, "2021"))
    manifest = seal(raw_file(tmp_path / "run.root", [canary(1)]), tmp_path, with_keys)
    record_manifests(search.ledger, search.policy, "bob", search.keys["bob"], [manifest])
    require_recorded(search.ledger, sealing.policy, manifest)
    again(search)
    with pytest.raises(
        BlindingError, match=r"run.manifest.json is of files that were sealed with other keys"
    ):
        require_recorded(search.ledger, sealing.policy, manifest)

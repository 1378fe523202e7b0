"""An opening that began and cannot end is given up by a signed row: the region stays closed, and counts as seen."""

import shutil

import pytest

from bdana.blinding.rules import require_sound
from bdana.blinding.stage_keys import make_period, stage_recipients
from bdana.cli.opening import _way_out, describe
from bdana.errors import BlindingError
from bdana.opening.steps import stage_states
from bdana.sealing.sealed_file import encrypt_events
from bdana.search.reported import remarks
from tests.attacks.test_races import FORK, shown, wait_for_begin
from tests.commands import bdana
from tests.searches import analysis_folder

WHY = "the selection fails on a burst"


def fails(chunks):
    raise BlindingError("refused: the frozen selection fails on the events: ValueError")


@pytest.fixture
def begun(search):
    """CR3 is opened, and the opening of CR2 failed."""
    search.open_up_to("CR3")
    request = search.request("CR2")
    with pytest.raises(BlindingError, match="the frozen selection fails"):
        search.open(request, shown=fails)
    return request


def abandon(search, person="con", stage="CR2", reason=WHY):
    return search.opening.abandon(person, search.keys[person], stage, reason)


def state(search, stage="CR2"):
    return stage_states(search.policy, search.ledger)[stage]


@pytest.mark.parametrize("person", ["rob", "con"])
def test_an_abandoned_opening_is_dead_and_its_region_stays_closed(search, begun, person):
    assert state(search) == "begun"
    abandon(search, person)
    assert state(search) == "abandoned"
    for step in (
        lambda: search.open(begun),
        lambda: search.approve(begun, "rea"),
        lambda: search.request("CR2", opener="rea"),
        lambda: search.request("CR1"),
    ):
        with pytest.raises(BlindingError, match=f"{person} abandoned the opening of CR2; freeze again"):
            step()
    with pytest.raises(BlindingError, match="--explain"):
        search.opening.may_freeze("ann", "")
    require_sound(search.ledger, search.policy)


@pytest.mark.parametrize("person", ["ann", "bob", "rea"])
def test_neither_analysts_nor_other_reviewers_abandon(search, begun, person):
    with pytest.raises(BlindingError, match=f"{person} is neither rob, who opens CR2, nor a convenor"):
        abandon(search, person)


def test_after_a_freeze_that_explains_it_is_asked_for_again(search, begun):
    abandon(search)
    search.freeze(explains="the cut divides by zero; mended")
    request = search.request("CR2")
    said = [line for line in describe(search.opening, request, "rea") if isinstance(line, str)]
    assert "freeze 2 of ann, after an abandoned opening: the cut divides by zero; mended" in said
    assert any("was abandoned by con on " in line and line.endswith(WHY) for line in said)
    assert state(search) == "requested"
    assert search.open(request).body["outputs"] == {"observed": 2}
    assert state(search) == "open"
    require_sound(search.ledger, search.policy)


def test_keys_and_sealed_data_stay_after_an_abandoned_opening(search):
    request = search.request("CR3")
    with pytest.raises(BlindingError, match="the frozen selection fails"):
        search.open(request, shown=fails)
    abandon(search, stage="CR3")
    with pytest.raises(BlindingError, match="rule keys-stay-after-an-opening"):
        make_period(search.policy, search.ledger, "2021", "bob", search.keys["bob"], again=True)
    public = stage_recipients(search.ledger, search.policy, "2021")["CR2"]
    search.files["CR2"].write_bytes(encrypt_events([], public, 8192))
    search.freeze(explains="other data")
    with pytest.raises(BlindingError, match="rule opened-data-stay"):
        search.request("CR3")


def test_nothing_is_frozen_while_an_opening_hangs(search, begun):
    """Or a look that nobody explains would be followed by other cuts."""
    with pytest.raises(BlindingError, match=r"CR2 began and has not ended: rob opens it again.*abandon CR2"):
        search.freeze()
    search.open(begun)
    search.freeze()


@pytest.mark.parametrize("stage", ["CR3", "CR1"])
def test_what_is_open_or_never_began_is_not_abandoned(search, begun, stage):
    with pytest.raises(BlindingError, match=f"no opening of {stage} began and did not end"):
        abandon(search, stage=stage)


def test_an_opening_that_is_running_is_not_abandoned(search):
    request = search.request("CR3")
    process = FORK.Process(target=search.open, args=(request,), kwargs={"shown": shown})
    process.start()
    wait_for_begin(search)
    with pytest.raises(BlindingError, match="another opening is running"):
        abandon(search, stage="CR3")
    process.join()
    assert state(search, "CR3") == "open"


def test_verify_remarks_an_abandoned_opening(search, begun):
    abandon(search)
    (said,) = remarks(search.ledger.rows())
    assert said.startswith("CR2: the opening that rob began on ")
    assert said.endswith(f"and the region counts as seen from its beginning: {WHY}")


def test_what_open_says_names_the_way_out(search, begun):
    said = (
        r"refused: the key is not complete\nThe opening of CR2 began, .* `bdana blinding abandon CR2 --reason"
    )
    with pytest.raises(BlindingError, match=said), _way_out(search.opening, ["CR3", "CR2"]):
        raise BlindingError("refused: the key is not complete")
    with (
        pytest.raises(BlindingError, match=r"^refused: nobody asked for it$"),
        _way_out(search.opening, ["CR3"]),
    ):
        raise BlindingError("refused: nobody asked for it")


def test_by_commands(search, begun, tmp_path, keys, config_home):
    folder = analysis_folder(tmp_path / "analysis")
    shutil.copy(tmp_path / "blinding" / "policy.toml", folder / "blinding")
    shutil.copytree(search.ledger.folder, folder / "blinding" / "ledger")

    def typed(*words, person=None, status=0):
        signing = ["--person", person, "--key", keys[person]] if person else []
        done = bdana("blinding", *words, *signing, cwd=folder)
        assert done.returncode == status, done.stderr
        return " ".join((done.stdout + done.stderr).split())

    assert "say what was seen, or why it is abandoned" in typed(
        "abandon", "CR2", "--reason", "", person="con", status=3
    )
    said = typed("abandon", "CR2", "--reason", WHY, person="con")
    assert "CR2 stays closed, and counts as seen. Before it is asked for again the analyst freezes" in said
    assert '"CR2": "abandoned"' in typed("status", "--json")
    assert f"remark: CR2: the opening that rob began on {begun.time[:4]}" in typed("verify")
    assert "no opening of CR2 began" in typed("abandon", "CR2", "--reason", WHY, person="con", status=3)

"""Values that no schema allows: in a closed event nobody hears of them, and what they leave undecided is most secret."""

import numpy as np
import pytest

from bdana.analysis import scaffold
from bdana.errors import InputError
from bdana.events.files import forget_files
from bdana.sealing.seal_file import seal
from tests.attacks.interference import run
from tests.attacks.raw import like_sign, raw_file
from tests.sealed import decrypt_events
from tests.synthetic import dimuon_event

VALUES = {
    "p is NaN": ("tracks", "p", np.nan),
    "x is infinite": ("tracks", "x_before", np.inf),
    "charge is 7": ("tracks", "charge", 7),
    "chi2 is -5": ("tracks", "chi2", -5.0),
    "time is infinite": ("tracks", "time", np.inf),
    "energy is NaN": ("lkr", "energy", np.nan),
    "slope is the largest number": ("tracks", "tx_before", np.finfo(float).max),
    "time is the lowest number": ("tracks", "time", np.finfo(float).min),
}
OUTSIDE_CR = (0.0, -22.0 + 80.0, 23_070.0)
"""A point beside the impact of the beam, from which a pair is in the control region CR2."""


def broken(event, name):
    collection, field, value = VALUES[name]
    event[collection][0][field] = value
    return event


def closed(number, name):
    return broken(dimuon_event(number, run=11001, origin=OUTSIDE_CR), name)


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "search"
    scaffold(folder)
    return folder


def shown(folder, events, *arguments):
    """Return exit code and streams of `bdana select` on raw data,."""
    forget_files()
    raw_file(folder / "run.root", events)
    return run(folder, ["select", "run.root", *arguments])


@pytest.mark.parametrize("kind", ["data", "pseudo"])
@pytest.mark.parametrize("name", VALUES)
def test_of_a_closed_event_nobody_hears(folder, name, kind):
    seen = [like_sign(1), like_sign(2)]
    without = shown(folder, seen, "--kind", kind)
    assert without[0] == 0, without
    assert shown(folder, [seen[0], closed(7, name), seen[1]], "--kind", kind) == without


def test_a_run_out_of_range_in_a_closed_event_of_pseudo_data(folder):
    policy = folder / "blinding" / "policy.toml"
    policy.write_text(policy.read_text() + "\n[periods.2016]\ndata_runs = [[5000, 6000]]\n")
    without = shown(folder, [like_sign(1)], "--kind", "pseudo")
    assert without[0] == 0, without
    assert shown(folder, [like_sign(1), closed(7, "p is NaN") | {"run": -3}], "--kind", "pseudo") == without


@pytest.mark.parametrize("name", VALUES)
def test_an_open_event_is_refused_without_a_count(folder, name):
    bad = like_sign(1)
    if name == "charge is 7":  # which leaves the pair undecided, so the event has one track
        bad["tracks"] = bad["tracks"][:1]
    bad = broken(bad, name)
    without = shown(folder, [bad, like_sign(2)])
    assert (without[0], "there are values that are not" in without[2]) == (2, True)
    assert "of 2 values" not in without[2]
    assert shown(folder, [bad, closed(7, name), closed(8, name), like_sign(2)]) == without


def refused(tmp_path, sealing, events):
    """Return what sealing some events is refused with."""
    path = tmp_path / "run.root"
    path.unlink(missing_ok=True)
    with pytest.raises(InputError) as error:
        seal(raw_file(path, events), tmp_path, sealing)
    assert not list(tmp_path.glob("*.manifest.json"))
    return str(error.value)


@pytest.mark.parametrize("name", VALUES)
def test_a_closed_event_that_no_selection_reads_is_not_sealed(tmp_path, sealing, name):
    """It could never be opened; what is said is the same for an open event, so that nobody learns which it was."""
    one_track = like_sign(1)
    one_track["tracks"] = one_track["tracks"][:1]
    said = refused(tmp_path, sealing, [broken(one_track, name), like_sign(2)])
    assert "there are values that are not" in said
    assert refused(tmp_path, sealing, [like_sign(1), closed(7, name), closed(8, name)]) == said


@pytest.mark.parametrize(
    "made", [like_sign, lambda number: dimuon_event(number, run=11001)], ids=["open", "closed"]
)
def test_an_event_of_no_burst_is_not_sealed(tmp_path, sealing, made):
    said = refused(tmp_path, sealing, [like_sign(1), made(2) | {"burst": 999}])
    assert said.endswith(
        "run.root: there are events whose run and burst are not in the burst table, so that their exposure is unknown: complete "
        "the table, or leave them out"
    )


@pytest.mark.parametrize("name", ["p is NaN", "chi2 is -5"])
def test_an_earlier_sealing_is_judged_and_not_checked(tmp_path, sealing, secrets, name):
    """What leaves a pair undecided is in the most secret envelope."""
    before = raw_file(tmp_path / "before.root", [like_sign(1), closed(7, name)])
    raw = raw_file(tmp_path / "run.root", [like_sign(1), like_sign(7)])
    seal(raw, tmp_path, sealing, previous=[before])
    found = decrypt_events((tmp_path / "run.SR.age").read_bytes(), str(secrets["SR"]), "SR")
    assert found.event.tolist() == [7]

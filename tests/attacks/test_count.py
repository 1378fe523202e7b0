"""How well could anybody guess the number of events in the signal region from all there is to see?"""

import math

import numpy as np
import pytest
import uproot

from bdana.sealing.seal_file import seal
from tests.attacks.interference import Frozen
from tests.attacks.raw import canary, like_sign, raw_file
from tests.synthetic import dimuon_event

SIGNAL_REGION = 0.016
"""Expected background of the signal region in the published search (NA62, JHEP 09 (2023) 035)."""


def poisson(mean, last):
    n = np.arange(last + 1)
    return np.exp(n * math.log(mean) - mean - np.array([math.lgamma(k + 1) for k in n]))


def shared_information(sealed):
    """Return what the number of sealed events tells of the selected ones in the SR, over what there is to know, exactly.

    The selected events are a Poisson number, the other sealed ones another; only their sum is visible.
    """
    few, rest = (
        poisson(SIGNAL_REGION, 6),
        poisson(sealed - SIGNAL_REGION, int(sealed + 12 * math.sqrt(sealed)) + 10),
    )
    joint = np.zeros((len(few), len(few) + len(rest)))
    for n, p in enumerate(few):
        joint[n, n : n + len(rest)] = p * rest
    total = joint.sum(axis=0)
    there = joint > 0
    ratio = joint[there] / (joint.sum(axis=1, keepdims=True) * total)[there]
    return float((joint[there] * np.log(ratio)).sum()) / float(-(few * np.log(few)).sum())


def selected(number):
    return dimuon_event(number, run=11001)


def visible(folder, events, sealing):
    """Return everything on the open side of a sealing: bytes of the open file, names and sizes of the others."""
    folder.mkdir()
    raw = raw_file(folder / "run.root", events)
    seal(raw, folder, sealing)
    raw.unlink()
    sizes = {path.name: path.stat().st_size for path in folder.iterdir()}
    return (folder / "run.open.root").read_bytes(), sizes


@pytest.mark.usefixtures("stopped_clocks")
@pytest.mark.parametrize("sealed", [0, 12])
def test_what_is_visible_depends_on_the_number_of_sealed_events_only(tmp_path, sealing, sealed):
    """12 sealed events, 0 to 6 of them candidates of the SR and the others without muons: all looks the same."""
    views = []
    for n in range(7):
        hidden = [(selected if i < n else canary)(1000 + i) for i in range(sealed)]
        views.append(visible(tmp_path / str(n), [like_sign(1), *hidden, like_sign(2000)], sealing))
    assert all(view == views[0] for view in views)


@pytest.mark.usefixtures("stopped_clocks")
def test_the_gap_in_the_event_numbers_is_what_is_left(tmp_path, sealing):
    """The one visible trace: how many numbers are missing, which is the number of sealed events at most."""
    numbers = []
    for n in (3, 5):
        hidden = [canary(i) | {"event": 2 + i} for i in range(n)]
        visible(tmp_path / str(n), [like_sign(1), *hidden, like_sign(2 + n)], sealing)
        with uproot.open(tmp_path / str(n) / "run.open.root") as file:
            numbers.append(file["events"]["event"].array().tolist())
    assert [last - first - 1 for first, last in numbers] == [3, 5]
    assert Frozen.now().year == 2021


@pytest.mark.parametrize(("sealed", "bound"), [(20, 5e-3), (200, 5e-4), (5000, 2e-5)])
def test_the_number_of_sealed_events_says_almost_nothing(sealed, bound):
    assert 0 < shared_information(sealed) <= bound

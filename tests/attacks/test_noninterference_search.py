"""From the seal to an opened CR3: what is sealed for the other stages changes nothing that is visible on the way."""

import numpy as np
import pytest

from tests.attacks.interference import closed_events, differences, mixed, open_data
from tests.attacks.searching import REFUSED, STEPS, SearchWorld
from tests.blinding.people import IDENTITIES

CLOSED = (0, 1, 10, 1000, "nan")
MORE = [(seed, CLOSED, True) for seed in range(2, 21)]


@pytest.mark.usefixtures("stopped_clocks", "undrawn", "unlaid")  # `plot` draws figures
@pytest.mark.parametrize(
    ("seed", "numbers", "rehearsed"),
    [(1, (0, 100), False), *(pytest.param(*case, marks=pytest.mark.exhaustive) for case in MORE)],
)
def test_closed_stages_change_nothing_that_is_visible_of_a_search(
    tmp_path, keys, config_home, monkeypatch, capfd, seed, numbers, rehearsed
):
    monkeypatch.setattr("secrets.randbelow", lambda below: below // 2)  # of what a rehearsal injects
    # The opening runs in a process of its own, which asks for the passphrase; the others' takes age a second each.
    monkeypatch.setattr("bdana.blinding.identity.unlock_identity", lambda name, secret: IDENTITIES[name])
    world = SearchWorld(tmp_path / "analysis", keys, config_home)
    events, bursts = open_data(world.gate, seed)
    rng = np.random.default_rng(seed)
    opened = mixed(events, closed_events(40, rng, world.gate, ["CR3"]), rng)
    views = []
    for number in numbers:
        hidden = closed_events(number, rng, world.gate, ["CR2", "CR1", "CR", "SR"], first=950_000)
        world.put(mixed(opened, hidden, rng), bursts)
        views.append(world.search(capfd.readouterr, rehearsed))
    first = views[0]
    for words, _ in STEPS:
        if words in first:
            assert (first[words][0] != 0) == (words in REFUSED), first[words]
    assert first["seal"][0] == 0
    assert "frozen before this region was seen: yes" in first["run"][1]
    assert "output/figures/mass.png" in first
    assert "output/figures/plane_data_before_CR3.png" in first
    assert any(name.startswith("output/figures/event_") for name in first), "opened events are displayed"
    assert [row for row in first if "-verdict-" in row]
    for number, view in zip(numbers, views, strict=True):
        assert differences(first, view) == [], number

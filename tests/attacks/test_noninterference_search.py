"""From the seal to an opened CR3: what is sealed for the other stages changes nothing that is visible on the way."""

import numpy as np
import pytest

from tests.attacks.interference import closed_events, differences, mixed, open_data, stop_clocks
from tests.attacks.searching import REFUSED, STEPS, SearchWorld

CLOSED = (0, 1, 10, 1000, "nan")
MORE = [(seed, CLOSED, True) for seed in range(2, 21)]


@pytest.mark.parametrize(
    ("seed", "numbers", "rehearsed"),
    [(1, (0, 100), False), *(pytest.param(*case, marks=pytest.mark.exhaustive) for case in MORE)],
)
def test_closed_stages_change_nothing_that_is_visible_of_a_search(
    tmp_path, keys, monkeypatch, capfd, seed, numbers, rehearsed
):
    stop_clocks(monkeypatch)
    monkeypatch.setattr("secrets.randbelow", lambda below: below // 2)  # of what a rehearsal injects
    monkeypatch.setattr("bdana.report.search_report.save_figures", lambda analysis: [])  # `plot` draws them
    world = SearchWorld(tmp_path / "analysis", keys, monkeypatch)
    events, bursts = open_data(world.gate, seed)
    rng = np.random.default_rng(seed)
    opened = mixed(events, closed_events(40, rng, world.gate, ["CR3"]), rng)
    views = []
    for number in numbers:
        hidden = closed_events(number, rng, world.gate, ["CR2", "CR1", "CR", "SR"])
        world.put(mixed(opened, hidden, rng), bursts)
        views.append(world.search(capfd.readouterr, rehearsed))
    first = views[0]
    for words, _ in STEPS:
        if words in first:
            assert (first[words][0] != 0) == (words in REFUSED), first[words]
    assert first["seal"][0] == 0
    assert "frozen before this region was seen: yes" in first["run"][1]
    assert "output/figures/mass.png" in first
    assert [row for row in first if "-verdict-" in row]
    for number, view in zip(numbers, views, strict=True):
        assert differences(first, view) == [], number

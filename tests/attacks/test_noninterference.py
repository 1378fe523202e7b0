"""Data that differ only inside closed envelopes look the same: on disk, on the screen, in the figures."""

import numpy as np
import pytest

from bdana.report.checks import CHECK_FIGURES
from tests.attacks.interference import (
    CLOSED,
    World,
    closed_events,
    differences,
    mixed,
    open_data,
    stop_clocks,
)

SEEDS = [1, 2, 3, *(pytest.param(seed, marks=pytest.mark.exhaustive) for seed in range(4, 21))]


@pytest.fixture(scope="module")
def sealed(tmp_path_factory, keys):
    return World(tmp_path_factory.mktemp("sealed") / "analysis", keys, sealed=True)


@pytest.fixture(scope="module")
def gated(tmp_path_factory, keys):
    return World(tmp_path_factory.mktemp("gated") / "analysis", keys, sealed=False)


@pytest.mark.parametrize("seed", SEEDS)
def test_closed_events_of_sealed_data_change_nothing_that_is_visible(sealed, seed, monkeypatch):
    interfere(sealed, seed, monkeypatch)


@pytest.mark.parametrize("seed", [1, *(pytest.param(s, marks=pytest.mark.exhaustive) for s in range(2, 21))])
def test_closed_events_behind_the_gate_change_nothing_that_is_visible(gated, seed, monkeypatch):
    """Before the seal, all but the raw file itself, its size and what the DAQ wrote beside it."""
    interfere(gated, seed, monkeypatch)


def interfere(world, seed, monkeypatch):
    stop_clocks(monkeypatch)
    drawn = seed not in {2, 3}  # drawing takes the time: by default once a world
    if not drawn:
        monkeypatch.setattr("bdana.report.search.save_figures", lambda analysis: [])
    rng = np.random.default_rng(seed)
    events, bursts = open_data(world.gate, seed)
    views = []
    for number in CLOSED:
        world.put(mixed(events, closed_events(number, rng), rng), bursts)
        views.append(world.visible())
    codes = [
        view[0] for name, view in views[0].items() if isinstance(view, tuple) and isinstance(view[0], int)
    ]
    assert codes.count(0) >= 3
    for name in ("mass", *(CHECK_FIGURES - {"pulls", "unfolding"})):
        assert (f"output/figures/{name}.png" in views[0]) == drawn
    assert "output/checks.json" in views[0]
    assert views[0]["output/data/candidates.csv"].count(b"\n") > 5
    for number, view in zip(CLOSED, views, strict=True):
        assert differences(views[0], view) == [], number

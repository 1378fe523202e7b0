"""Data that differ only inside closed envelopes look the same: on disk, on the screen, in the figures."""

from functools import cache

import numpy as np
import pytest

from bdana.report.check_sections import CHECK_FIGURES
from tests.attacks.interference import (
    CLOSED,
    World,
    closed_events,
    differences,
    mixed,
    open_data,
)

pytestmark = pytest.mark.usefixtures("stopped_clocks")

FEW = (0, 1000)
EXHAUSTIVE = [pytest.param(seed, CLOSED, "drawn", marks=pytest.mark.exhaustive) for seed in range(1, 21)]
"""Drawing, and the prompt background, take most of the time: by default once, and between few numbers of events."""


@pytest.fixture(scope="module")
def worlds(tmp_path_factory, keys):
    """By what they are: sealed, gated; with the prompt background and figures, or not."""

    @cache
    def make(sealed, drawn):
        return World(
            tmp_path_factory.mktemp("world") / "analysis", keys, sealed=sealed, prompt=drawn, pdf=drawn
        )

    return make


@pytest.mark.parametrize(("seed", "numbers", "drawn"), [(1, FEW, "drawn"), (2, CLOSED, ""), *EXHAUSTIVE])
def test_closed_events_of_sealed_data_change_nothing_that_is_visible(worlds, seed, numbers, drawn, request):
    interfere(worlds(True, bool(drawn)), seed, numbers, drawn, request)


@pytest.mark.parametrize(("seed", "numbers", "drawn"), [(1, (0, 10, "nan"), ""), *EXHAUSTIVE])
def test_closed_events_behind_the_gate_change_nothing_that_is_visible(worlds, seed, numbers, drawn, request):
    """Before the seal, all but the raw file itself, its size and what the DAQ wrote beside it."""
    interfere(worlds(False, bool(drawn)), seed, numbers, drawn, request)


def interfere(world, seed, numbers, drawn, request):
    if not drawn:
        request.getfixturevalue("undrawn")
    rng = np.random.default_rng(seed)
    events, bursts = open_data(world.gate, seed)
    views = []
    for number in numbers:
        world.put(mixed(events, closed_events(number, rng, world.gate), rng), bursts)
        views.append(world.visible())
    codes = [
        view[0] for name, view in views[0].items() if isinstance(view, tuple) and isinstance(view[0], int)
    ]
    assert codes.count(0) >= 3
    for name in (
        "mass",
        *(CHECK_FIGURES - {"pulls", "unfolding", "rates_by_run"}),
        "n_minus_1_cda",
        "n_minus_1_lav_veto",
    ):
        assert (f"output/figures/{name}.png" in views[0]) == bool(drawn)
    assert "output/checks.json" in views[0]
    assert views[0]["output/data/candidates.csv"].count(b"\n") > 5
    for number, view in zip(numbers, views, strict=True):
        assert differences(views[0], view) == [], number

"""Observed and expected numbers by region: the error of the prediction has two sides."""

import json

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bdana.plotting import save_flatness, save_rates, save_regions
from bdana.plotting.figures import Look, look


def test_the_error_of_a_region_reaches_as_far_up_and_down_as_it_is(tmp_path, monkeypatch):
    bars, bar = [], Axes.bar
    monkeypatch.setattr(Axes, "bar", lambda *args, **kwargs: (bars.append(args[2:]), bar(*args, **kwargs))[1])
    expected, up, down = np.array([2.0, 0.5]), np.array([1.0, 3.0]), np.array([0.25, 0.75])
    with look(Look(numbers=True)):
        save_regions(["SR", "CR"], np.array([1.0, 2.0]), expected, up, tmp_path / "r.png", error_down=down)
        save_regions(["SR", "CR"], np.array([1.0, 2.0]), expected, up, tmp_path / "s.png")
    for height, _, bottom in (bars[1], bars[3]):
        assert bottom + height == pytest.approx(expected + up)
    assert bars[1][2] == pytest.approx([1.75, 0.0])
    assert bars[3][2] == pytest.approx([1.0, 0.0])
    assert json.loads((tmp_path / "r.json").read_text())["error_down"] == [0.25, 0.75]
    assert "error_down" not in json.loads((tmp_path / "s.json").read_text())


def test_the_points_of_zero_counts_are_whole(tmp_path, monkeypatch):
    """An axis that ends at zero cuts them in half."""
    drawn, finished = [], Figure.savefig
    monkeypatch.setattr(
        Figure, "savefig", lambda fig, *args, **more: (drawn.append(fig), finished(fig, *args, **more))
    )
    counts = np.array([0, 3, 1, 0])
    save_flatness(counts, 10.0, tmp_path / "f.svg")
    save_rates(list("abcd"), counts + 5, np.ones(4), counts, np.ones(4), tmp_path / "r.svg")
    assert [fig.axes[-1].get_ylim()[0] < 0.0 for fig in drawn] == [True, True]

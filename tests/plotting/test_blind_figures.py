"""Traps that others fell into: closed bins in panels, drawn as zero, or in scales; and what is written beside pictures."""

import json
from dataclasses import replace

import hist
import numpy as np
import pytest
from matplotlib.axes import Axes

from bdana.plotting import save_comparison, save_regions, save_without_cut
from bdana.plotting.comparison import merged
from bdana.plotting.figures import Look, look

LOOK = Look("Exp", "data, blinded: SR closed", "analysis 0123", beside=(".pdf",), numbers=True)


def made(values):
    filled = hist.Hist(hist.axis.Regular(4, 0, 4, name="x", label="x [m]"), storage=hist.storage.Weight())
    filled.view()["value"] = filled.view()["variance"] = np.array(values, dtype=float)
    return filled


def test_closed_bins_are_absent_and_not_zero(tmp_path):
    # columnflow 515 draws closed bins as points at zero, PocketCoffea 283 shows them in the ratio.
    with look(LOOK):
        save_comparison(made([3, 0, 0, 2]), made([2, 0, 1, 2]), tmp_path / "a.png", closed=made([0, 5, 0, 0]))
    numbers = json.loads((tmp_path / "a.json").read_text())
    assert numbers["observed"]["values"] == [3.0, None, 0.0, 2.0]
    assert numbers["closed_bins"] == [1]
    assert numbers["state"] == "data, blinded: SR closed"


def test_figures_have_the_same_bytes_every_time_in_every_format(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        with look(LOOK):
            save_regions(
                ["CR", "SR"], np.array([2.0, np.nan]), np.ones(2), np.ones(2), tmp_path / name / "r.png"
            )
    files = sorted(path.name for path in (tmp_path / "a").iterdir())
    assert files == ["r.json", "r.pdf", "r.png"]
    for file in files:
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()
    assert json.loads((tmp_path / "a" / "r.json").read_text())["observed"] == [2.0, None]


def test_bins_are_merged_by_the_prediction_and_divide_evenly():
    assert merged(np.full(24, 1.0), 2.0) == 2
    assert merged(np.full(24, 0.0), 2.0) == 3


@pytest.mark.parametrize("panel", ["pull", "ratio", "none"])
def test_no_panel_has_a_point_in_a_closed_bin(tmp_path, monkeypatch, panel):
    """PocketCoffea 283: the ratio panel shows what the main one hides; columnflow 515: points at zero."""
    drawn, plain = [], Axes.errorbar

    def kept(axes, x, y, *args, **more):
        drawn.append(np.atleast_1d(x))
        return plain(axes, x, y, *args, **more)

    monkeypatch.setattr(Axes, "errorbar", kept)
    with look(replace(LOOK, panel=panel, beside=())):
        save_comparison(made([3, 0, 1, 2]), made([2, 0, 1, 2]), tmp_path / "a.png", closed=made([0, 5, 0, 0]))
    assert len(drawn) == (1 if panel == "none" else 2)
    for places in drawn:
        assert not ((places > 1.0) & (places < 2.0)).any()
        assert len(places) == 3


def test_points_are_counts_whatever_other_bins_hold(tmp_path, monkeypatch):
    """mplhep 692: `blind=` with `density` divides by the sum of all bins, so that the height of open ones tells of closed ones."""
    heights, plain = [], Axes.errorbar

    def kept(axes, x, y, *args, **more):
        heights.append(np.atleast_1d(y).tolist())
        return plain(axes, x, y, *args, **more)

    monkeypatch.setattr(Axes, "errorbar", kept)
    for last in (2, 500):
        with look(replace(LOOK, panel="none", beside=())):
            save_comparison(
                made([3, 0, 1, last]), made([2, 0, 1, 2]), tmp_path / "a.png", closed=made([0, 5, 0, 0])
            )
    assert heights == [[3.0, 1.0, 2.0], [3.0, 1.0, 500.0]]


def test_simulation_is_scaled_to_what_is_open(tmp_path):
    """In a distribution without a cut, the largest bin of the sum over open regions is what other samples are scaled to."""
    with look(LOOK):
        save_without_cut(
            made([3, 0, 9, 2]),
            made([1, 0, 4, 0]),
            tmp_path / "n.png",
            "cda",
            [2.5],
            {"mc": made([1, 3, 0, 0])},
        )
    numbers = json.loads((tmp_path / "n.json").read_text())
    assert numbers["every"]["values"] == [3.0, 0.0, 9.0, 2.0]
    assert numbers["passed"]["values"] == [1.0, 0.0, 4.0, 0.0]
    assert numbers["borders"] == [2.5]
    assert numbers["others"]["mc"]["values"] == [1.0, 3.0, 0.0, 0.0]
    assert numbers["state"] == "data, blinded: SR closed"


@pytest.mark.parametrize("logarithmic", [(), ("x",)])
def test_a_logarithmic_axis_is_that_of_the_plot_table(tmp_path, monkeypatch, logarithmic):
    scales, plain = [], Axes.legend

    def kept(axes, *args, **more):
        scales.append((axes.get_yscale(), axes.get_ylim()))
        return plain(axes, *args, **more)

    monkeypatch.setattr(Axes, "legend", kept)
    with look(replace(LOOK, beside=(), logarithmic=logarithmic)):
        save_without_cut(made([3, 0, 9, 2]), made([1, 0, 4, 0]), tmp_path / "n.png", "cda")
    ((scale, (low, high)),) = scales
    assert scale == ("log" if logarithmic else "linear")
    assert low <= 1.0
    assert high > 9.0 + 3.0

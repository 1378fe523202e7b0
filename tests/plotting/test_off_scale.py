"""Every figure says what lies beyond its axes, its histogram, its frame or its colours."""

import importlib
import pkgutil
from types import SimpleNamespace

import hist
import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text

import bdana
from bdana import plotting
from bdana.plotting import (
    save_comparison,
    save_flatness,
    save_plane,
    save_pulls,
    save_regions,
    save_stability,
    save_unfolding,
    save_without_cut,
)
from bdana.plotting.excluded import save_exclusion, save_lifetime, save_sensitivity
from bdana.plotting.off_scale import beyond_colours, beyond_frame, flow_note, mark_off_scale
from bdana.sensitivity.contour import Island
from bdana.sensitivity.overlays import Overlay

REGIONS = bdana.load(bdana.analysis.template_folder()).regions
MASS = np.array([200.0, 300.0, 650.0])
ISLAND = Island(MASS, np.full(3, 1e-7), np.full(3, 3e-5), ())
FRAME = ((250.0, 400.0), (1e-6, 1e-5))


def histogram(values, weight=1.0):
    made = hist.Hist(hist.axis.Regular(4, 0, 4, name="mass", label="mass"), storage=hist.storage.Weight())
    return made.fill(values, weight=weight)


def plane(weights):
    made = hist.Hist(
        hist.axis.Regular(140, -100.0, 180.0, name="z_tax"),
        hist.axis.Regular(40, 0.3, 3000.0, name="cda_tax", transform=hist.axis.transform.log),
        storage=hist.storage.Weight(),
    )
    n = len(weights)
    return made.fill(
        np.linspace(0, 100, n).tolist() + [500.0] * 7, [10.0] * (n + 7), weight=[*weights, *[1.0] * 7]
    )


def comparison(path):
    # 70 are seen where 9 +- 3 are expected: pull 61 / hypot(70 - 61.68, 3).
    seen = histogram([0.5] * 70 + [-1.0] * 41 + [9.0] * 13)
    save_comparison(seen, histogram([0.5] * 9 + [9.0] * 2), path, signal=histogram([5.0] * 3, 0.25))


def unfolding(path):
    edges, true = np.array([10.0, 20.0, 40.0]), np.array([50.0, 20.0])
    folded, unfolded = np.array([25.0, 20.0]), np.array([62.66, 20.0])
    save_unfolding(edges, true, folded, unfolded, np.full(2, 2.0), path)


def lifetime(path):
    limit = np.array([[1.0, 2.0], [3.0, 7.25e9]])
    save_lifetime(path, MASS[:2], np.array([1.0, 10.0]), limit, "limit")


CASES = {
    "save_comparison": (comparison, ["6.88", "41 below", "13 above", "2 above", "0.75 ± 0.43 above"]),
    "save_flatness": (
        lambda path: save_flatness(np.ones(4, dtype=int), 10.0, path, outside=(17, 23)),
        ["17 below", "23 above"],
    ),
    "save_without_cut": (
        lambda path: save_without_cut(histogram([0.5] * 5 + [9.0] * 13), histogram([0.5]), path, "cda"),
        ["18 without the cut, 1 with it", "13 above"],
    ),
    "save_regions": (
        lambda path: save_regions(
            ["CR", "SR"], np.array([3, 0]), np.array([1e9, 2.5e-6]), np.array([1e8, 1e-6]), path
        ),
        ["2.5e-06", "0"],
    ),
    "save_pulls": (
        lambda path: save_pulls(["halo", "duty"], [6.33, -8.21], [0.5, 0.9], path), ["6.33", "-8.21"]
    ),
    "save_stability": (
        lambda path: save_stability(["a", "b"], np.array([3, 5]), np.array([0.0, 4.0]), path),
        ["3 observed, 0 expected"],
    ),
    "save_unfolding": (unfolding, ["-12.5", "6.33", "25 of 70"]),
    "save_plane": (
        lambda path: save_plane(plane([20.0, 1e-9, 3e-9, 2.0]), REGIONS, path, undefined=19),
        ["7 of 29", "2 cells below", "down to 1e-09", "19 more"],
    ),
    "save_exclusion": (
        lambda path: save_exclusion(
            path,
            {"observed": [ISLAND]},
            overlays=[Overlay("theirs", MASS, np.array([2e-6, 5e-6, 7.77e-4]), "source", 0.9)],
            frame=FRAME,
        ),
        ["observed: masses down to 200, masses up to 650", "couplings down to 1e-07", "up to 0.000777"],
    ),
    "save_sensitivity": (
        lambda path: save_sensitivity(path, {"pi0": [ISLAND]}, frame=FRAME),
        ["pi0: masses down to 200, masses up to 650, couplings down to 1e-07, couplings up to 3e-05"],
    ),
    "save_lifetime": (lifetime, ["1 cell above", "up to 7.25e+09"]),
}  # fmt: skip


AXES_FOLLOW = {
    "save_count_probabilities",
    "save_cutflow",
    "save_efficiency",
    "save_event",
    "save_likelihood",
    "save_mass_limits",
    "save_rates",
    "save_resolution",
}
"""Figures whose axes reach as far as the values, or as the levels that are read off them."""


def texts_of(monkeypatch, draw, path):
    """Draw a figure and return all that is written in it."""
    drawn, save = [], FigureCanvasAgg.print_png

    def kept(canvas, picture):
        drawn.append([text.get_text() for text in canvas.figure.findobj(Text) if text.get_visible()])
        save(canvas, picture)

    monkeypatch.setattr(FigureCanvasAgg, "print_png", kept)
    draw(path)
    return " | ".join(" ".join(text.split()) for text in drawn[0])


def test_every_figure_is_looked_at():
    modules = [
        importlib.import_module(f"bdana.plotting.{m.name}") for m in pkgutil.iter_modules(plotting.__path__)
    ]
    drawing = {name for module in modules for name in module.__all__ if name.startswith("save_")}
    assert drawing == CASES.keys() | AXES_FOLLOW


@pytest.mark.parametrize("name", CASES)
def test_what_is_off_scale_is_written(name, monkeypatch, tmp_path):
    draw, numbers = CASES[name]
    written = texts_of(monkeypatch, draw, tmp_path / "a.png")
    for number in numbers:
        assert number in written, written
    draw(tmp_path / "b.png")
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def axes_with(scale="linear", limits=(-5.0, 5.0)):
    axes = Figure().add_subplot()
    axes.set(xlim=(0.0, 3.0), yscale=scale, ylim=limits)
    return axes


def marks(axes):
    return [text.get_text() for text in axes.texts if text.get_text()]


def test_only_points_beyond_the_axis_have_a_number():
    axes = axes_with()
    mark_off_scale(axes, [0.0, 1.0, 2.0, 3.0], [4.9, 5.1, np.nan, -np.inf])
    assert marks(axes) == ["5.1", "-inf"]


def test_zero_lies_below_a_logarithmic_axis():
    axes = axes_with("log", (0.1, 10.0))
    mark_off_scale(axes, [0.0, 1.0], [0.0, 1.0])
    assert marks(axes) == ["0"]


def test_arrows_point_to_the_side_where_the_value_is():
    for limits in ((-5.0, 5.0), (5.0, -5.0)):
        axes = axes_with(limits=limits)
        mark_off_scale(axes, [1.0], [9.0])
        (number,) = [text for text in axes.texts if text.get_text()]
        assert number.xy[1] == (1.0 if limits[1] > 0 else 0.0)


def test_an_error_bar_that_leaves_the_frame_ends_in_an_arrow_without_number():
    axes = axes_with()
    mark_off_scale(axes, [0.0, 1.0, 2.0], [4.5, 0.0, -9.0], errors=[1.0, 1.0, 1.0])
    assert marks(axes) == ["-9"]
    assert len(axes.texts) == 3  # two arrows, one of them with its number


def test_counts_have_no_error_and_weights_have_one():
    assert flow_note({"data": histogram([9.0, 9.0]), "signal": histogram([-1.0], 0.5)}) == (
        "Outside the axis: data 0 below, 2 above; signal 0.50 ± 0.50 below, 0 above"
    )
    down = {"signal": np.array([0.25, *np.zeros(4), 0.0])}
    assert flow_note({"signal": histogram([-1.0], 0.5)}, down) == (
        "Outside the axis: signal 0.50 +0.50 -0.25 below, 0 above"
    )


def test_what_fits_is_not_mentioned():
    inside = SimpleNamespace(x=np.array([300.0]), y=np.array([2e-6, np.nan]))
    assert beyond_frame({"a": [(inside.x, inside.y)], "none": []}, FRAME) == ""
    assert beyond_colours(np.ma.masked_equal([1.0, 5.0, np.inf], 0.0), 1.0, 5.0) == ""

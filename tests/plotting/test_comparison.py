"""Pulls and pictures of data against prediction."""

import json
from typing import get_args

import hist
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.axes import Axes

from bdana.analysis.plot_config import PlotConfig
from bdana.errors import InputError
from bdana.plotting import comparison
from bdana.plotting.comparison import pulls, save_comparison
from bdana.plotting.figures import Look, look
from bdana.report import run_figures


def one(observed, expected, error):
    return float(pulls(np.array([observed]), np.array([expected]), np.array([error]))[0])


@pytest.mark.parametrize(
    ("observed", "expected", "error", "pull"),
    [
        # Garwood 68.27% intervals: 0 (0, 1.8410), 4 (2.0857, 7.1628), 9 (6.0565, 13.1102); PDG review, table of
        # Poisson limits, has the same construction.
        (0.0, 2.0, 0.0, -2.0 / 1.8410),
        (4.0, 2.0, 0.0, 2.0 / (4 - 2.0857)),
        (4.0, 6.0, 0.0, -2.0 / (7.1628 - 4)),
        (9.0, 6.0, 4.0, 3.0 / np.hypot(9 - 6.0565, 4.0)),
    ],
)
def test_the_facing_side_of_the_garwood_interval_counts(observed, expected, error, pull):
    assert one(observed, expected, error) == pytest.approx(pull, rel=1e-4)


@given(st.integers(0, 50), st.floats(0.01, 50), st.floats(0, 5))
def test_pull_has_the_sign_of_the_difference(observed, expected, error):
    assert np.sign(one(float(observed), expected, error)) == np.sign(observed - expected)


def test_the_error_of_the_prediction_that_faces_the_count_makes_the_pull():
    seen, expected = np.array([9.0, 4.0]), np.array([6.0, 6.0])
    found = pulls(seen, expected, np.array([4.0, 4.0]), np.array([0.5, 0.5]))
    assert found == pytest.approx([3 / np.hypot(9 - 6.0565, 4.0), -2 / np.hypot(7.1628 - 4, 0.5)], rel=1e-4)


def test_nothing_predicted_and_nothing_seen_has_no_pull():
    assert np.isnan(one(0.0, 0.0, 0.0))


@pytest.fixture
def prediction():
    made = hist.Hist(
        hist.axis.Regular(4, 0, 4, name="mass", label="mass [MeV]"), storage=hist.storage.Weight()
    )
    made.fill([0.5, 1.5, 1.6, 3.2], weight=0.5)
    return made


@pytest.mark.parametrize("ending", ["png", "pdf", "svg"])
def test_pictures_are_the_same_every_time(prediction, tmp_path, ending):
    for name in ("a", "b"):
        save_comparison(prediction * 2, prediction, tmp_path / f"{name}.{ending}")
    assert (tmp_path / f"a.{ending}").read_bytes() == (tmp_path / f"b.{ending}").read_bytes()


def test_an_empty_bin_of_hardly_any_prediction_has_no_pull(prediction, tmp_path, monkeypatch):
    drawn = []
    monkeypatch.setattr(
        Axes, "errorbar", lambda self, x, y, *args, **kwargs: drawn.append((list(x), list(y)))
    )
    save_comparison(prediction * 0, prediction * 0.15, tmp_path / "p.png")  # 0.075, 0.15, 0 and 0.075 events
    (points, pulls_below) = drawn
    assert points[0] == []
    assert pulls_below[0] == [1.5]


def test_a_picture_without_data_shows_the_prediction(prediction, tmp_path):
    save_comparison(None, prediction, tmp_path / "p.png")
    assert (tmp_path / "p.png").stat().st_size > 5000


def test_unknown_endings_are_refused(prediction, tmp_path):
    with pytest.raises(InputError, match="end the name of a picture"):
        save_comparison(None, prediction, tmp_path / "p.jpeg")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("panel", ["pull", "ratio"])
def test_the_band_has_the_errors_of_both_sides(prediction, tmp_path, monkeypatch, panel):
    """Upward 1 of every bin, downward a tenth of its content: the band, the panel and the numbers have both."""
    made, down = prediction * 4, 0.4 * prediction.values()
    made.view()["variance"] = 1.0
    bands = []
    monkeypatch.setattr(
        Axes, "fill_between", lambda self, x, low, high, **_: bands.append((low[:-1], high[:-1]))
    )
    with look(Look(panel=panel, numbers=True)):
        save_comparison(made * 1, made, tmp_path / "p.png", error_down=np.array([0.0, *down, 0.0]))
    values = made.values()
    assert bands[0][0] == pytest.approx(values - down)
    assert bands[0][1] == pytest.approx(values + 1.0)
    if panel == "ratio":
        some = values > 0
        assert bands[1][0][some] == pytest.approx(0.9)
        assert bands[1][1][some] == pytest.approx(1.0 + 1.0 / values[some])
    numbers = json.loads((tmp_path / "p.json").read_text())["predicted"]
    assert (numbers["errors"], numbers["errors_down"]) == ([1.0] * 4, pytest.approx(down.tolist()))


def test_the_note_below_has_the_names_of_the_legend(prediction, tmp_path, monkeypatch):
    notes = []
    monkeypatch.setattr(comparison, "write_note", lambda _, text: notes.append(text))
    chosen = {"combinatorial": "accidental pairs", "signal": "A' 400 MeV", "data": "NA62 data"}
    with look(Look(labels=chosen)):
        save_comparison(prediction, prediction, tmp_path / "a.png", label="combinatorial", signal=prediction)
    for name in chosen.values():
        assert f"{name} " in notes[0]
    assert "combinatorial" not in notes[0]


def test_every_panel_has_words_for_the_caption():
    assert set(run_figures.PANELS) == set(get_args(PlotConfig.model_fields["panel"].annotation))

"""Pulls and pictures of data against prediction."""

import hist
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.axes import Axes

from bdana.errors import InputError
from bdana.plotting.comparison import bin_pulls, save_comparison


def one(observed, expected, error):
    return float(bin_pulls(np.array([observed]), np.array([expected]), np.array([error]))[0])


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

"""Probabilities of counts and the likelihood of a signal, as numbers beside the figures."""

import json

import numpy as np
import pytest
from scipy import stats

from bdana.plotting import save_count_probabilities, save_likelihood
from bdana.plotting.figures import Look, look
from bdana.statistics.poisson import Background
from bdana.statistics.profile import profile_likelihood


def numbers_of(path, draw):
    with look(Look(numbers=True)):
        draw(path)
    return json.loads(path.with_suffix(".json").read_text())


def test_probabilities_are_those_of_poisson_and_a_closed_region_has_no_count(tmp_path):
    found = numbers_of(
        tmp_path / "a.png",
        lambda path: save_count_probabilities(
            ["CR", "SR"], [Background(30.0), Background(0.02, 0.01)], np.array([60.0, np.nan]), path
        ),
    )
    first, values = found["first_counts"]["CR"], np.array(found["probabilities"]["CR"])
    counts = first + np.arange(len(values))
    np.testing.assert_allclose(values, stats.poisson.pmf(counts, 30.0), rtol=1e-9)
    assert counts[-1] == 60  # what was observed is inside
    assert stats.poisson.cdf(first - 1, 30.0) < 1e-4
    assert found["observed"] == [60.0, None]


def test_a_closed_region_is_drawn_as_if_nothing_were_known_of_it(tmp_path):
    """What is shown of a closed region follows from the expectation alone."""
    same = [
        numbers_of(
            tmp_path / f"{name}.png",
            lambda path: save_count_probabilities(["SR"], [Background(3.0, 0.4)], np.array([np.nan]), path),
        )
        for name in "ab"
    ]
    assert same[0] | {"figure": ""} == same[1] | {"figure": ""}
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


@pytest.mark.parametrize("n", [0, 4])
def test_the_likelihood_crosses_its_levels_where_the_interval_ends(tmp_path, n):
    background = Background(1.5, 0.3)
    found = numbers_of(
        tmp_path / "l.png", lambda path: save_likelihood({"observed": float(n)}, background, path)
    )
    signal, curve = np.array(found["signal"]), np.array(found["curves"]["observed"])
    end = profile_likelihood(n, background, 0.9).high
    assert np.interp(end, signal, curve) == pytest.approx(2.706, abs=0.02)
    assert curve.min() >= -1e-9

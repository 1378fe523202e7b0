"""Densities of a shape fit: normalised, drawn as they are, and taken from histograms."""

import hist
import numpy as np
import pytest
from scipy import integrate

from bdana.statistics.densities import Exponential, Peak, Template, Uniform

DENSITIES = [
    Uniform(200.0, 1400.0),
    Exponential(200.0, 1400.0, 300.0),
    Exponential(200.0, 1400.0, -300.0),
    Peak(200.0, 1400.0, 210.0, 30.0),
    Template([1.0, 0.0, 3.0], [200.0, 400.0, 1000.0, 1400.0]),
]


@pytest.mark.parametrize("density", DENSITIES, ids=lambda d: type(d).__name__)
def test_densities_are_normalised_and_sampled_as_they_are(density):
    x = np.linspace(200, 1400, 200_001)
    values = density(x[:, None])
    assert integrate.trapezoid(values, x) == pytest.approx(1, rel=1e-4)
    drawn = density.sample(np.random.default_rng(1), 40_000)[:, 0]
    share = integrate.cumulative_trapezoid(values, x, initial=0)
    for place in (300, 500, 1200):
        assert (drawn <= place).mean() == pytest.approx(np.interp(place, x, share), abs=0.01)
    assert density(np.array([[199.0], [1401.0]])).tolist() == [0, 0]


def test_a_template_is_taken_from_a_histogram():
    histogram = hist.Hist.new.Reg(2, 0, 40).Reg(2, 0, 20).Double().fill([1, 1, 30, 99], [1, 2, 15, 1])
    assert Template.of_hist(histogram).shares.tolist() == [[2 / 3, 0], [0, 1 / 3]]

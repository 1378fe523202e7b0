"""Pulls of nuisance parameters: one region in closed form, what is constrained, and what is not."""

import numpy as np
import pytest

from bdana.errors import InputError
from bdana.statistics.nuisance_pulls import nuisance_pulls


def test_counts_as_predicted_pull_nothing():
    (one, two) = nuisance_pulls([10, 4], [10.0, 4.0], {"a": [1.0, 0.4], "b": [0.0, 1.0]})
    assert (one.value, two.value) == pytest.approx((0.0, 0.0), abs=1e-6)


@pytest.mark.parametrize(("n", "b", "e"), [(32, 26.2, 3.4), (0, 2.0, 0.5), (120, 100.0, 30.0)])
def test_one_region_and_source_in_closed_form(n, b, e):
    """theta = e (n / mu - 1) with mu = b + theta e: a quadratic equation."""
    roots = np.roots([e, b + e * e, e * (b - n)])
    (pull,) = nuisance_pulls([n], [b], {"scale": [e]})
    assert pull.value == pytest.approx(max(roots), abs=1e-5)
    mu = b + max(roots) * e
    assert pull.error == pytest.approx((1.0 + n * e * e / mu**2) ** -0.5, rel=1e-5)


def test_a_source_shares_the_pull_in_proportion_to_its_effect():
    large, small = nuisance_pulls([140], [100.0], {"large": [20.0], "small": [5.0]})
    assert large.value == pytest.approx(4 * small.value, rel=1e-4)
    assert large.error < small.error < 1.0


def test_pulls_of_experiments_have_mean_zero_and_the_expected_width():
    rng = np.random.default_rng(1)
    values = []
    for _ in range(400):
        theta = rng.standard_normal()
        n = rng.poisson(np.array([200.0, 50.0]) * (1 + 0.2 * theta))
        (pull,) = nuisance_pulls(n, [200.0, 50.0], {"scale": [40.0, 10.0]})
        values.append((pull.value - theta) / pull.error)
    assert np.mean(values) == pytest.approx(0.0, abs=0.15)
    assert np.std(values) == pytest.approx(1.0, abs=0.12)


def test_an_expectation_of_zero_is_refused():
    with pytest.raises(InputError):
        nuisance_pulls([1], [0.0], {"scale": [1.0]})

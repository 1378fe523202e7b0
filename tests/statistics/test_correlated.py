"""Points of normal distributions cut at zero: their moments, by quadrature and by draws."""

import numpy as np
import pytest
from scipy import stats

from bdana.statistics.correlated import blocks, draws, quadrature


def test_one_source_that_moves_two_regions_apart_is_cut_on_both_sides():
    # b1 = 1 + z, b2 = 2 - z: z from -1 to 2.
    covariance = np.array([[1.0, -1.0], [-1.0, 1.0]])
    expected = 1 + stats.truncnorm.mean(-1, 2)
    for values, weights in (
        quadrature(np.array([1.0, 2.0]), covariance),
        draws(np.array([1.0, 2.0]), covariance, 4096, 1),
    ):
        assert values.min() >= 0
        assert weights.sum() == pytest.approx(1)
        assert weights @ values == pytest.approx([expected, 3 - expected], abs=1e-3)


@pytest.mark.parametrize("number", [2, 3])
def test_draws_agree_with_the_quadrature_where_the_cut_matters(number):
    mean = np.array([0.5, 1.0, 0.8])[:number]
    covariance = 0.5 * (0.4 + 0.6 * np.eye(number))
    (x, w), (y, v) = quadrature(mean, covariance), draws(mean, covariance, 2**14, 3)
    assert v @ y == pytest.approx(w @ x, rel=2e-3)
    assert v @ np.exp(-y.sum(axis=1)) == pytest.approx(w @ np.exp(-x.sum(axis=1)), rel=2e-3)
    # Rejection, as it is meant.
    plain = np.random.default_rng(1).multivariate_normal(mean, covariance, 200_000)
    plain = plain[(plain >= 0).all(axis=1)]
    assert w @ x == pytest.approx(plain.mean(axis=0), rel=0.01)


def test_sources_are_counted():
    assert quadrature(np.ones(5), 0.01 * np.eye(5)) is None
    assert quadrature(np.ones(5), np.full((5, 5), 0.01)) is not None
    assert [list(group) for group in blocks(np.diag([1.0, 2.0]) + 0.0)] == [[0], [1]]
    assert [list(group) for group in blocks(np.array([[1.0, 0, 0.5], [0, 1, 0], [0.5, 0, 1]]))] == [
        [0, 2],
        [1],
    ]

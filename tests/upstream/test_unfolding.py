"""Iterative Bayes: exact cases and closure."""

import numpy as np
import pytest

from bdana.errors import InputError
from bdana.upstream import unfold


def test_a_diagonal_response_only_corrects_the_efficiency():
    result = unfold(np.array([10.0, 40.0]), np.diag([0.5, 0.8]), 1)
    assert result.counts == pytest.approx([20.0, 50.0])
    assert result.covariance == pytest.approx(np.diag([40.0, 62.5]))
    weighted = unfold(np.array([10.0, 40.0]), np.diag([0.5, 0.8]), 1, variance=np.array([20.0, 160.0]))
    assert weighted.covariance == pytest.approx(np.diag([80.0, 250.0]))


def test_the_covariance_is_that_of_small_changes():
    """J diag(n) J^T with the derivatives of four iterations taken numerically."""
    response = np.array([[0.7, 0.2, 0.0], [0.2, 0.6, 0.2], [0.0, 0.1, 0.6]])
    observed = np.array([1080.0, 1520.0, 470.0])
    step = 0.01 * np.eye(3)
    jacobian = np.stack(
        [
            (unfold(observed + d, response, 4).counts - unfold(observed - d, response, 4).counts) / 0.02
            for d in step
        ],
        axis=1,
    )
    expected = jacobian @ np.diag(observed) @ jacobian.T
    assert unfold(observed, response, 4).covariance == pytest.approx(expected, rel=1e-5)


def test_the_truth_is_a_fixed_point():
    response = np.array([[0.7, 0.3], [0.2, 0.6]])
    truth = np.array([300.0, 100.0])
    result = unfold(response @ truth, response, 1, prior=truth)
    assert result.counts == pytest.approx(truth)
    assert result.chi2_change == pytest.approx(0.0, abs=1e-12)


def test_wrong_shapes_are_refused():
    with pytest.raises(InputError, match="response of 3 rows"):
        unfold(np.ones(3), np.eye(2), 4)


def test_many_iterations_are_the_inverse_matrix():
    """Without regularisation the iterations end at the maximum of the likelihood: here the solved linear system."""
    response = np.array([[0.7, 0.2, 0.0], [0.2, 0.6, 0.2], [0.0, 0.1, 0.6]])
    observed = np.array([1080.0, 1520.0, 470.0])
    result = unfold(observed, response, 3000)
    inverse = np.linalg.inv(response)
    assert result.counts == pytest.approx(inverse @ observed, rel=1e-6)
    assert result.covariance == pytest.approx(inverse @ np.diag(observed) @ inverse.T, rel=1e-5)

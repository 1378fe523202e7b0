"""Iterative Bayes: exact cases and closure."""

import numpy as np
import pytest
from hepunits import GeV, m

from bdana.errors import InputError
from bdana.upstream import IRON, Block, MuonStates, backward, forward, unfold
from bdana.upstream.prompt import production_spectrum


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


def test_closure_of_the_spectrum_at_production():
    """Muons of a falling spectrum through 3 m of iron and back: unfolding finds the spectrum, its input does not."""
    rng = np.random.default_rng(2)
    edges = np.geomspace(10 * GeV, 400 * GeV, 9)
    blocks = [Block(IRON, 0.0, 3 * m)]
    true = 10 * GeV * (1.0 - rng.random(30_000)) ** (-1 / 1.5)
    true = true[true < 400 * GeV]
    zeros = np.zeros(len(true))
    seen = forward(MuonStates(zeros, zeros, zeros, zeros, true, 0.0), blocks, rng)
    back = backward(seen, blocks, rng).energy  # the few that stopped end below the first edge
    result = production_spectrum(back, np.ones(len(back)), edges, blocks, 4, rng, generated=40_000)
    counts = np.histogram(true, edges)[0]
    pulls = (result.counts - counts) / np.sqrt(np.diag(result.covariance))
    assert np.abs(pulls).max() < 3.0
    observed = np.histogram(back, edges)[0]
    before = (observed - counts) / np.sqrt(counts)
    assert np.abs(before).max() > 3.0

"""Intervals of counts against those of hist, and against the definition."""

import numpy as np
import pytest
from hist import intervals
from scipy import stats

from bdana.statistics.garwood import TAIL, poisson_interval


def test_of_counts_and_of_weights_as_hist_has_them():
    counts = np.array([0.0, 1.0, 2.0, 7.0, 300.0, 1e6])
    low, high = intervals.poisson_interval(counts)
    np.testing.assert_allclose(poisson_interval(counts), [np.nan_to_num(low), high], rtol=1e-9)
    weighted, variances = np.array([0.0, 2.5, 0.3, 40.0]), np.array([0.0, 3.0, 0.02, 90.0])
    low, high = intervals.poisson_interval(weighted, variances)
    np.testing.assert_allclose(poisson_interval(weighted, variances)[:, 1:], [low[1:], high[1:]], rtol=1e-9)


@pytest.mark.parametrize("n", [0, 1, 5, 40])
def test_the_ends_leave_one_tail_each(n):
    low, high = poisson_interval(np.array([n]))[:, 0]
    assert stats.poisson.cdf(n, high) == pytest.approx(TAIL)
    assert low == 0.0 if n == 0 else stats.poisson.sf(n - 1, low) == pytest.approx(TAIL)


def test_without_any_entry_the_end_is_that_of_one_event():
    np.testing.assert_allclose(
        poisson_interval(np.zeros(2), np.zeros(2))[1], poisson_interval(np.zeros(2))[1]
    )

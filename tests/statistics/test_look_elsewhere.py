"""Global p-values: closed forms, enumeration by hand, and scans whose answer is known."""

import re

import numpy as np
import pytest
from scipy import stats

from bdana.statistics.look_elsewhere import over_regions
from bdana.statistics.poisson import Background, p_values


def test_one_event_anywhere_in_channels_that_expect_next_to_none():
    found = over_regions([1, 0], [Background(0.016), Background(0.016)])
    assert found.p_global == pytest.approx(1 - np.exp(-0.032), rel=1e-9)
    assert found.p_local == pytest.approx(1 - np.exp(-0.016), rel=1e-9)
    assert (found.where, found.computed) == (0, "exact")


def test_channels_are_those_of_the_enumeration():
    mean, observed = [0.3, 2.0], [2, 3]
    local = [stats.poisson.sf(n - 1, m) for n, m in zip(observed, mean, strict=True)]
    total = 0.0
    for i in range(30):
        for j in range(30):
            p = min(stats.poisson.sf(i - 1, mean[0]), stats.poisson.sf(j - 1, mean[1]))
            if p <= min(local) * (1 + 1e-9):
                total += stats.poisson.pmf(i, mean[0]) * stats.poisson.pmf(j, mean[1])
    found = over_regions(observed, [Background(m) for m in mean])
    assert found.p_global == pytest.approx(total, rel=1e-9)
    assert found.where == 0


def test_errors_that_move_together_are_averaged_over():
    # With equal regions and one scale z the chance of none is the mean of exp(-k b(z)).
    given = [Background(0.5, 0.1)] * 3
    b = np.linspace(0, 1.3, 20001)
    weight = stats.norm.pdf(b, 0.5, 0.1)
    expected = 1 - (np.exp(-3 * b) * weight).sum() / weight.sum()
    assert over_regions([1, 0, 0], given).p_global == pytest.approx(expected, rel=1e-6)


def test_one_region_has_no_elsewhere_and_no_event_no_significance():
    given = Background(0.58, 0.07)
    assert over_regions([2], [given]).p_global == pytest.approx(p_values(2, given).p_n, rel=1e-6)
    assert over_regions([0, 0], [given, given]).p_global == 1


def test_many_sources_of_error_state_theirs():
    given = [Background(0.5, 0.1)] * 5
    covariance = 0.01 * (0.5 + 0.5 * np.eye(5))
    found = over_regions([2, 0, 0, 0, 0], given, covariance)
    error = float(re.fullmatch(r"toys, n=\d+, error=(.+)", found.computed)[1])
    between = [over_regions([2, 0, 0, 0, 0], given, c).p_global for c in (None, 0.01 * np.eye(5))]
    assert error < 1e-4
    assert min(between) < found.p_global < max(between)


def test_regions_without_a_pair_have_a_geometric_law():
    """One count in each of two regions of geometric law: one as rare anywhere is 1 - P(0)^2."""
    given = [Background.unseen(0.02 * np.log(10))] * 2
    assert over_regions([1, 0], given).p_global == pytest.approx(1 - 1 / 1.02**2, rel=1e-6)

"""Global p-values: closed forms, enumeration by hand, and scans whose answer is known."""

import re

import numpy as np
import pytest
from scipy import stats

from bdana.errors import InputError
from bdana.statistics.look_elsewhere import over_regions, over_scan
from bdana.statistics.poisson import Background, p_values


def test_one_event_anywhere_in_channels_that_expect_next_to_none():
    found = over_regions([1, 0], [Background(0.016), Background(0.016)])
    assert found.p_global == pytest.approx(1 - np.exp(-0.032), rel=1e-9)
    assert found.p_local == pytest.approx(1 - np.exp(-0.016), rel=1e-9)
    assert (found.where, found.computed) == (0, "exact")


def test_channels_by_enumeration():
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


def test_errors_that_move_together():
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


def sliding(bins, width):
    return np.array([[i <= j < i + width for j in range(bins)] for i in range(bins - width + 1)])


def test_a_scan_without_overlap_is_exact():
    found = over_scan([0, 1, 0, 0], [0.1, 0.2, 0.1, 0.3], np.eye(4))
    # One event is as rare in the first three bins; in the last it takes two.
    needed = 1 - np.exp(-0.1 - 0.1 - 0.2) * stats.poisson.cdf(1, 0.3)
    assert found.p_global == pytest.approx(needed, rel=1e-9)
    assert found.computed == "exact"


def test_an_overlapping_scan_against_enumeration():
    # Three bins, windows of two: the needed sums by hand over all counts.
    b, windows, observed = np.array([0.4, 0.2, 0.5]), sliding(3, 2), [1, 1, 0]
    p = stats.poisson.pmf(np.arange(14)[:, None], b[None, :])
    local = min(stats.poisson.sf(1, 0.6), stats.poisson.sf(0, 0.7))
    total = sum(
        p[i, 0] * p[j, 1] * p[k, 2]
        for i in range(14)
        for j in range(14)
        for k in range(14)
        if min(stats.poisson.sf(i + j - 1, 0.6), stats.poisson.sf(j + k - 1, 0.7)) <= local * (1 + 1e-9)
    )
    found = over_scan(observed, b, windows)
    count, error = re.fullmatch(r"toys, n=(\d+), error=(.+)", found.computed).groups()
    assert int(count) == 100_000
    assert abs(found.p_global - total) < 4 * float(error)
    assert float(error) == pytest.approx(np.sqrt(total * (1 - total) / 1e5), rel=0.1)
    assert found == over_scan(observed, b, windows)
    assert found.p_global != over_scan(observed, b, windows, seed=2).p_global


def test_a_finer_scan_looks_at_more_places():
    b = np.full(60, 0.02)
    observed = np.zeros(60, dtype=int)
    observed[[30, 31]] = 1
    wide, narrow = (over_scan(observed, b, sliding(60, w), 0.2, toys=20_000) for w in (20, 3))
    for found in (wide, narrow):
        assert found.p_local < found.p_global < 1
    assert narrow.p_local < wide.p_local
    assert narrow.p_global / narrow.p_local > wide.p_global / wide.p_local


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (([1, 0], [0.1], np.eye(2)), "each bin"),
        (([1, 0], [0.1, 0.1], [[1, 2], [0, 1]]), "0 or 1"),
        (([1.5, 0], [0.1, 0.1], np.eye(2)), "1.5"),
        (([1, 0], [0.1, -0.1], np.eye(2)), "-0.1"),
    ],
)
def test_refusals(arguments, reason):
    with pytest.raises(InputError, match=reason):
        over_scan(*arguments)


def test_regions_without_a_pair():
    """One count in each of two regions of geometric law: one as rare anywhere is 1 - P(0)^2."""
    given = [Background.unseen(0.02 * np.log(10))] * 2
    assert over_regions([1, 0], given).p_global == pytest.approx(1 - 1 / 1.02**2, rel=1e-6)

"""Expected limits at exact quantiles of the count; a collapsed band says so."""

import pytest
from scipy import stats

from bdana.statistics.expected import expected_limit
from bdana.statistics.limits import cls
from bdana.statistics.poisson import Background

SIGMA = stats.norm.cdf([-2, -1, 0, 1, 2])


@pytest.mark.parametrize("b", [0.6, 2.57, 26.3])
def test_counts_are_the_poisson_quantiles(b):
    found = expected_limit(Background(b))
    assert found.counts == tuple(stats.poisson.ppf(SIGMA, b))
    assert found.limits == pytest.approx([cls(n, Background(b)).high for n in found.counts])
    assert not found.collapsed
    assert "collapsed" not in found.convention


def test_the_error_of_the_background_widens_the_band():
    # A gamma-averaged Poisson is the negative binomial.
    found = expected_limit(Background(26.3, 8.0, "gamma"))
    shape = (26.3 / 8.0) ** 2
    assert found.counts == tuple(stats.nbinom.ppf(SIGMA, shape, shape / (shape + 26.3)))
    assert found.counts[0] < expected_limit(Background(26.3)).counts[0]


@pytest.mark.parametrize("method", ["cls", "feldman_cousins"])
def test_the_band_collapses_where_every_quantile_is_zero(method):
    found = expected_limit(Background(0.016, 0.002), method=method)
    assert found.counts == (0, 0, 0, 0, 0)
    assert len(set(found.limits)) == 1
    assert found.collapsed
    assert "the band is collapsed: every quantile is n = 0" in found.convention

"""p-values: the published counting table recalculated, conventions, refusals."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import special, stats

from bdana.errors import InputError
from bdana.observed import Predicted
from bdana.statistics.limits import bayes, cls, known_background
from bdana.statistics.poisson import PRIORS, Background, count_probabilities, p_values
from bdana.statistics.significance import one_sided, two_sided


@pytest.mark.parametrize(
    ("n", "b", "error", "p_n", "p_l", "digits"),
    # The regions of the NA62 dimuon search as shown in its talk, recalculated with errors marginalised.
    [
        (28, 26.3, 3.4, 0.4065, 0.7440, 4),
        (2, 1.70, 0.22, 0.5037, 0.6909, 4),
        (1, 0.58, 0.07, 0.4387, 0.4387, 4),
        (1, 0.29, 0.04, 0.2511, 0.2511, 4),
        (0, 0.17, 0.02, 1, 1, 4),
        (1, 0.016, 0.002, 0.01587, 0.01587, 5),
    ],
)
def test_the_published_counting_table_comes_out(n, b, error, p_n, p_l, digits):
    p = p_values(n, Background(b, error))
    assert (round(p.p_n, digits), round(p.p_l, digits)) == (p_n, p_l)


def test_significance_of_the_single_event():
    p = p_values(1, Background(0.016, 0.002)).p_n
    assert round(one_sided(p).z, 2) == 2.15
    assert round(two_sided(p).z, 2) == 2.41


@pytest.mark.parametrize("prior", PRIORS)
def test_probabilities_sum_to_one_with_the_right_mean(prior):
    p = count_probabilities(Background(5.0, 0.5, prior), 80)
    assert p.sum() == pytest.approx(1, abs=1e-9)
    assert p @ np.arange(81) == pytest.approx(5.0, rel=0.01)


@pytest.mark.parametrize(("b", "error"), [(0.016, 0.002), (2.0, 5.0), (26.0, 26.0), (100.0, 100.0)])
def test_wide_priors_are_resolved(b, error):
    n = int(b + 2 * error)
    shape, sigma = (b / error) ** 2, np.log1p(error / b)
    y = np.linspace(-10 * sigma, 10 * sigma, 40_001)
    weights = stats.norm.pdf(y, 0, sigma)
    x = np.linspace(max(0.0, b - 10 * error), b + 10 * error, 40_001)
    gaussian = stats.norm.pdf(x, b, error)
    gaussian[[0, -1]] /= 2
    expected = {
        "gamma": stats.nbinom.pmf(n, shape, shape / (shape + b)),
        "lognormal": weights @ stats.poisson.pmf(n, b * np.exp(y)) / weights.sum(),
        "truncated_gaussian": gaussian @ stats.poisson.pmf(n, x) / gaussian.sum(),
    }
    for prior, value in expected.items():
        found = count_probabilities(Background(b, error, prior), n + 300)[n]
        assert found == pytest.approx(value, rel=1e-7), prior


def test_a_prior_wider_than_it_can_be_integrated_is_refused():
    with pytest.raises(InputError, match="below 5 times the expectation"):
        Background(0.016, 0.5, "gamma")
    assert p_values(1, Background(0.016, 0.5)).p_n > 0.2


def test_gamma_prior_is_the_negative_binomial():
    p = count_probabilities(Background(2.0, 0.8, "gamma"), 20)
    shape = (2.0 / 0.8) ** 2
    expected = stats.nbinom.pmf(np.arange(21), shape, shape / (shape + 2.0))
    assert p == pytest.approx(expected, rel=1e-6)


@given(n=st.integers(0, 50), b=st.floats(0, 100), level=st.floats(0.01, 0.999))
def test_known_background_has_the_closed_form(n, b, level):
    expected = float(known_background(n, b, level))
    assert cls(n, Background(b), level).high == pytest.approx(expected, rel=1e-6, abs=1e-9)
    assert bayes(n, Background(b), level).high == pytest.approx(expected, rel=1e-6, abs=1e-9)


@pytest.mark.parametrize(
    "wrong", [lambda: Background(-1), lambda: Background(float("nan")), lambda: p_values(1.5, Background(1))]
)
def test_what_makes_no_sense_is_refused(wrong):
    with pytest.raises(InputError, match="not negative"):
        wrong()


@pytest.mark.parametrize("level", [0.0, 1.0, -0.1, float("nan")])
def test_refuses_a_level_outside_zero_and_one(level):
    with pytest.raises(InputError, match="between 0 and 1"):
        cls(0, Background(0.0), level)


@pytest.mark.parametrize("scale", [1e-6, 0.003, 0.4, 25.0])
@pytest.mark.parametrize("n", [0, 1, 2, 7])
def test_nothing_seen_to_estimate_from(scale, n):
    """Poisson averaged over exp(-b/w)/w is geometric: P(N >= n) = (w/(1+w))^n; the limit is the 90% quantile."""
    background = Background.unseen(-scale * np.log(0.1))
    p = p_values(n, background)
    assert p.p_n == pytest.approx((scale / (1 + scale)) ** n, rel=1e-12)
    assert p.p_l == p.p_n > 0
    assert "posterior" in p.convention
    x, w = background.nodes(n)
    assert (w @ special.gammainc(n, x) if n else w.sum()) == pytest.approx(p.p_n, rel=1e-9)
    assert w @ (x > -scale * np.log(0.1)) == pytest.approx(0.1, abs=0.02)
    assert count_probabilities(background, 5) == pytest.approx(
        [stats.geom.pmf(k + 1, 1 / (1 + scale)) for k in range(6)]
    )


def test_the_background_of_a_prediction():
    assert Background.of(Predicted(0.016, 0.002)) == Background(0.016, 0.002)
    assert Background.of(Predicted(0.0, 0.0, 0.023)) == Background.unseen(0.023)
    with pytest.raises(InputError, match="exponential"):
        Background(0.1, 0.2, "exponential")

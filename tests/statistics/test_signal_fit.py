"""Best fits of a signal: published branching ratios again, and properties of the likelihood."""

import numpy as np
import pytest
from scipy import stats

from bdana.errors import InputError
from bdana.statistics.poisson import Background
from bdana.statistics.signal_fit import Category, fit_signal

ONE_BIN = Category("all", 20, Background.asymmetric(7.03, 1.05, 0.82), 0.839, 0.053 / 0.839)
# K+ -> pi+ nu nu 2016, 2017, 2018 (arXiv:2103.15389): single-event sensitivity in 1e-11, background, observed.
YEARS = (
    Category("2016", 1, Background(0.152), 31.5),
    Category("2017", 2, Background(1.46), 3.89),
    Category("2018", 17, Background(5.42), 1.1073),
)


def rounded(fit):
    return tuple(round(x, 2) for x in (fit.value, fit.up, fit.down))


def test_published_branching_ratios():
    assert rounded(fit_signal([ONE_BIN])) == (10.88, 4.04, 3.48)
    assert rounded(fit_signal(YEARS)) == (10.88, 4.04, 3.48)
    later = fit_signal([Category("2016-22", 51, Background.asymmetric(18.0, 3.0, 2.0), 0.394)])
    assert tuple(round(x, 1) for x in (later.value, later.up, later.down)) == (13.0, 2.9, 2.7)


def test_the_unit_of_the_sensitivity_does_not_matter():
    small = Category("all", 20, ONE_BIN.background, 0.839e-11, ONE_BIN.sensitivity_error)
    fit, same = fit_signal([small]), fit_signal([ONE_BIN])
    for name in ("value", "up", "down", "total_up", "total_down"):
        assert getattr(fit, name) == pytest.approx(1e-11 * getattr(same, name), rel=1e-6)


def test_total_errors_hold_those_of_background_and_sensitivity():
    fit = fit_signal([ONE_BIN])
    # First order: a background that is larger lowers the signal, so its upward error is in the lower one.
    down = np.hypot(np.hypot(fit.down, 0.839 * 1.05), fit.value * 0.063)
    up = np.hypot(np.hypot(fit.up, 0.839 * 0.82), fit.value * 0.063)
    assert (fit.total_up, fit.total_down) == pytest.approx((up, down), rel=0.04)
    known = fit_signal([Category("all", 20, Background(7.03), 0.839)])
    assert (known.total_up, known.total_down) == pytest.approx((known.up, known.down))


def test_the_interval_ends_where_the_likelihood_says():
    n, b = 3, 0.4
    fit = fit_signal([Category("a", n, Background(b))], level=0.9)

    def fall(s):
        return stats.poisson.logpmf(n, n) - stats.poisson.logpmf(n, s + b)

    half = stats.chi2.ppf(0.9, 1) / 2
    assert fit.value == pytest.approx(n - b)
    assert fall(fit.value + fit.up) == pytest.approx(half)
    assert fall(fit.value - fit.down) == pytest.approx(half)
    assert fit.z == pytest.approx(np.sqrt(2 * fall(0.0)))


def test_a_deficit_fits_no_signal():
    fit = fit_signal([Category("a", 2, Background(7.0, 0.9))])
    assert (fit.value, fit.down, fit.total_down, fit.z) == (0.0, 0.0, 0.0, 0.0)
    assert fit.up > 0
    empty = fit_signal([Category("a", 0, Background(0.0))])
    assert empty.up == pytest.approx(0.5, abs=1e-6)


def test_events_without_background_are_infinitely_significant():
    assert fit_signal([Category("a", 3, Background(0.0))]).z == np.inf


@pytest.mark.parametrize("prior", ["gamma", "lognormal", "truncated_gaussian"])
def test_small_errors_of_any_form_are_the_same(prior):
    fit = fit_signal([Category("a", 20, Background(7.0, 0.2, prior))])
    same = fit_signal([Category("a", 20, Background(7.0, 0.2))])
    assert (fit.total_up, fit.total_down) == pytest.approx((same.total_up, same.total_down), rel=2e-3)


def test_toys_of_the_background_count_as_their_quantiles():
    toys = 7.0 + 0.9 * stats.norm.ppf((np.arange(2000) + 0.5) / 2000)
    fit = fit_signal([Category("a", 20, Background.of_toys(toys))])
    same = fit_signal([Category("a", 20, Background(7.0, 0.9))])
    assert fit.value == pytest.approx(same.value, abs=1e-3)
    assert (fit.total_up, fit.total_down) == pytest.approx((same.total_up, same.total_down), rel=0.01)


def test_errors_that_move_together_make_a_wider_interval():
    two = [Category(name, 9, Background(5.0, 2.0)) for name in "ab"]
    together, apart = fit_signal(two), fit_signal(two, independent=True)
    assert together.total_down > apart.total_down > together.down
    assert together.value == pytest.approx(apart.value)


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda: fit_signal([]), "one category or more"),
        (lambda: fit_signal([ONE_BIN, ONE_BIN]), "name of its own"),
        (lambda: Category("x", 1, Background(1.0), 0.0), "category x: the single-event sensitivity is 0"),
        (lambda: Category("x", 1, Background(1.0), 1.0, 20.0), "category x: the efficiency error is 20"),
        (lambda: Category("x", 1.5, Background(1.0)), "category x: the observed count is 1.5"),
    ],
)
def test_impossible_measurements_are_refused(make, reason):
    with pytest.raises(InputError, match=reason):
        make()

"""Coverage: never below nominal for the exact methods, known values, and toys where errors are on."""

import re

import numpy as np
import pytest
from scipy import stats

from bdana.errors import InputError
from bdana.statistics import methods
from bdana.statistics.coverage import coverage
from bdana.statistics.limits import Interval
from bdana.statistics.poisson import Background

EXACT = ("classical", "cls", "feldman_cousins")


@pytest.mark.parametrize("method", EXACT)
@pytest.mark.parametrize("b", [0.0, 0.016, 0.6, 2.6])
def test_exact_methods_never_cover_below_nominal(method, b):
    found = coverage(np.linspace(0, 10, 101), Background(b), 0.9, method)
    assert found.computed == "exact"
    assert found.values.min() > 0.9 - 1e-7
    assert found.values.max() <= 1 + 1e-12


@pytest.mark.exhaustive
@pytest.mark.parametrize("level", [0.683, 0.9, 0.95, 0.99])
@pytest.mark.parametrize("method", EXACT)
@pytest.mark.parametrize("b", [0.0, 0.016, 0.6, 2.6, 26.0])
def test_exact_methods_never_cover_below_nominal_anywhere(method, b, level):
    found = coverage(np.linspace(0, 10, 2001), Background(b), level, method)
    assert found.values.min() > level - 1e-7


def test_classical_coverage_is_known_in_closed_form():
    # The limit at n contains s when P(N <= n | s+b) >= 1 - level.
    b, s = 0.6, np.linspace(0.1, 10, 37)
    counts = np.arange(60)[:, None]
    contains = stats.poisson.cdf(counts, s + b) >= 0.05
    expected = (stats.poisson.pmf(counts, s + b) * contains).sum(axis=0)
    assert coverage(s, Background(b), 0.95, "classical").values == pytest.approx(expected, abs=1e-10)


def test_a_profile_likelihood_falls_short_at_a_few_events():
    s = np.linspace(0, 10, 201)
    assert coverage(s, Background(0.016), 0.9, "profile_likelihood").values.min() == pytest.approx(
        0.70, abs=0.01
    )


@pytest.fixture
def covered(monkeypatch):
    """Return the coverage of limits of one's own, whose upper end is f(observed, background)."""

    def of(high, *arguments, **options):
        own = {"own": lambda n, b, level, error: Interval(0.0, high(n, b), level, "")}
        monkeypatch.setattr(methods, "METHODS", own)
        return coverage(*arguments, method="own", **options).values

    return of


def test_a_method_that_covers_nothing_is_seen(covered):
    assert covered(lambda n, b: 1.0, [0.5, 1.5], Background(0.6)) == pytest.approx([1, 0], abs=1e-10)


@pytest.mark.parametrize(("method", "efficiency_error"), [("cls", 0.0), ("classical", 0.2)])
def test_coverage_with_errors_is_nominal_within_the_monte_carlo_error(method, efficiency_error):
    found = coverage([1.0, 6.0], Background(2.6, 0.33), 0.9, method, efficiency_error, toys=200)
    assert re.fullmatch(r"toys, n=200, error=0\.\d+", found.computed)
    assert np.all(found.values > 0.9 - 3 * found.errors)
    again = coverage([1.0, 6.0], Background(2.6, 0.33), 0.9, method, efficiency_error, toys=200)
    assert np.array_equal(found.values, again.values)


def test_estimates_fluctuate_as_their_errors_say(covered):
    # The limit contains s = 2 when the estimated efficiency is below 1.5, one standard deviation.
    found = covered(lambda n, b: 3.0, [2.0], Background(0.6), efficiency_error=0.5, toys=20_000)
    assert found[0] == pytest.approx(stats.norm.cdf(1 + 1 / 8), abs=0.01)  # of the next quarter
    found = covered(lambda n, b: b.expected, [5.5], Background(5.0, 0.5), toys=20_000)
    assert found[0] == pytest.approx(stats.norm.sf(1 - 1 / 8), abs=0.01)


def test_toys_of_a_small_error_agree_with_the_sum():
    s = [0.7, 2.9, 6.1]
    toys, exact = coverage(s, Background(2.6, 1e-6), toys=2000), coverage(s, Background(2.6))
    assert np.all(np.abs(toys.values - exact.values) < 4 * toys.errors + 1e-12)


def test_what_makes_no_sense_is_refused():
    for wrong in ([-1.0], [np.nan], [[1.0]]):
        with pytest.raises(InputError, match="true signals"):
            coverage(wrong, Background(1.0))
    with pytest.raises(InputError, match="between 0 and 1"):
        coverage([1.0], Background(1.0), 1.0)
    with pytest.raises(InputError, match="number of toys"):
        coverage([1.0], Background(1.0, 0.1), toys=0)

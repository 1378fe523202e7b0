"""Upper limits against averages over plain grids of the background and the efficiency."""

import numpy as np
import pytest
from scipy import optimize, special, stats

from bdana.errors import InputError
from bdana.statistics.limits import bayes, classical, cls, log_below
from bdana.statistics.methods import METHODS, limits
from bdana.statistics.poisson import Background, TooManyCountsError, log_pmf

CASES = [
    (0, 0.6, 0.5, 0.0, 0.9),
    (3, 2.57, 0.33, 0.2, 0.683),
    (1, 0.016, 0.002, 0.5, 0.95),
    (50, 40.0, 12.0, 0.1, 0.99),
    (7, 20.0, 3.0, 0.2, 0.999),
    (50, 100.0, 10.0, 0.0, 0.5),
]


def grids(b, error, efficiency_error):
    means = np.linspace(max(b - 8 * error, 0.0), b + 8 * error, 1001) if error else np.array([b])
    weights = np.exp(-0.5 * ((means - b) / error) ** 2) if error else np.ones(1)
    if error:
        weights[[0, -1]] /= 2
    z = np.linspace(-8, 8, 61) if efficiency_error else np.zeros(1)
    return (
        means,
        weights / weights.sum(),
        (1 + efficiency_error) ** z,
        stats.norm.pdf(z) / stats.norm.pdf(z).sum(),
    )


def solve(tail, level):
    return optimize.brentq(lambda s: tail(s) - (1 - level) * tail(0.0), 0, 1000, xtol=1e-10)


@pytest.mark.parametrize(("n", "b", "error", "efficiency_error", "level"), CASES)
def test_cls_and_bayes_with_errors(n, b, error, efficiency_error, level):
    means, wb, factors, we = grids(b, error, efficiency_error)
    given = (n, Background(b, error), level, efficiency_error)

    def below(s):
        return wb @ stats.poisson.cdf(n, means[:, None] + s * factors[None, :])

    assert cls(*given).high == pytest.approx(solve(lambda s: below(s) @ we, level), rel=1e-6)
    # The posterior beyond s: the likelihood integrates to the tail over each factor.
    assert bayes(*given).high == pytest.approx(solve(lambda s: below(s) @ (we / factors), level), rel=1e-6)


@pytest.mark.parametrize(("n", "b", "error", "efficiency_error", "level"), CASES)
def test_classical_limits_with_errors_are_those_of_a_grid(n, b, error, efficiency_error, level):
    means, wb, factors, we = grids(b, error, efficiency_error)

    def below(s):
        return wb @ stats.poisson.cdf(n, means[:, None] + s * factors[None, :]) @ we

    found = classical(n, Background(b, error), level, efficiency_error).high
    expected = optimize.brentq(lambda s: below(s) - 1 + level, 0, 1000) if below(0.0) > 1 - level else 0.0
    assert found == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("method", METHODS)
def test_limits_grow_with_the_level_and_the_count(method):
    background = Background(2.57, 0.33)
    levels = [METHODS[method](3, background, level, 0.2).high for level in (0.5, 0.683, 0.9, 0.99, 0.999)]
    counts = [METHODS[method](n, background, 0.9, 0.2).high for n in (0, 1, 3, 8, 20, 50)]
    assert np.all(np.diff(levels) > 0)
    assert np.all(np.diff(counts) > 0)


def test_unknown_methods_and_errors_are_refused():
    with pytest.raises(InputError, match="unknown method 'guess'"):
        limits(1, Background(1.0), names=("guess",))
    for wrong in (-0.1, float("nan"), float("inf")):
        with pytest.raises(InputError, match="efficiency error"):
            cls(1, Background(1.0), efficiency_error=wrong)


@pytest.mark.parametrize("n", [0, 1, 100, 10_000, 200_000])
def test_tails_below_double_precision_are_whole_sums(n):
    means = n + np.array([42.0, 60.0, 100.0]) * np.sqrt(n) + [700.0, 1000.0, 2000.0]
    assert np.all(special.gammaincc(n + 1, means) < 1e-280)
    sums = special.logsumexp(log_pmf(np.arange(n + 1), means[:, None]), axis=1)
    assert log_below(n, means) == pytest.approx(sums, rel=1e-14)


def test_what_takes_too_long_is_left_out_unless_it_is_asked_for():
    with pytest.warns(UserWarning, match="feldman_cousins left out: .* take too long"):
        found = limits(3990, Background(4000.0))
    assert set(found) == set(METHODS) - {"feldman_cousins"}
    with pytest.raises(TooManyCountsError, match="take too long"):
        limits(3990, Background(4000.0), names=("feldman_cousins",))

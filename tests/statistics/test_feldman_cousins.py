"""Feldman-Cousins against a scan written out, the closed form of its jumps, and its own invariants."""

import numpy as np
import pytest
from scipy import optimize, stats

from bdana.errors import InputError
from bdana.statistics.feldman_cousins import feldman_cousins
from bdana.statistics.poisson import Background


def accepted(n, s, b, level):
    """Whether each signal of `s` is accepted, by the definition, for a known background."""
    k = np.arange(int(n + b + s.max() + 12 * np.sqrt(b + s.max() + 1) + 30))
    p = stats.poisson.pmf(k[None, :], s[:, None] + b)
    ratio = p / stats.poisson.pmf(k, np.maximum(k, b))
    return (p * (ratio > ratio[:, [n]] * (1 + 1e-12))).sum(axis=1) < level


def outer_edges(n, b, level, top, step=0.005):
    s = np.arange(0, top, step)
    found = s[accepted(n, s, b, level)]
    return found[0], found[-1]


def jump(n, m, level):
    """Background and upper edge where the edge jumps up because of count m, or None: all in closed form.

    Above b = n the count m + 1 gets ahead at ln(s+b) = ((m+1) ln(m+1) - (m+1) - n ln(b) + b) / (m+1-n), and the
    counts n+1 ... m have the probability `level` at s + b = r, on the falling side.
    """

    def excess(mean):
        return stats.poisson.cdf(m, mean) - stats.poisson.cdf(n, mean) - level

    peak = optimize.minimize_scalar(lambda x: -excess(x), bounds=(n, m + 10), method="bounded").x
    if excess(peak) < 0:
        return None
    root = optimize.brentq(excess, peak, 4 * m + 60, xtol=1e-13)

    def turn(b):
        lnb = n * np.log(b) if n else 0.0
        return ((m + 1) * np.log(m + 1) - (m + 1) - lnb + b) / (m + 1 - n) - np.log(root)

    if root >= m + 1 or turn(max(n, 1e-9)) > 0:
        return None
    b = optimize.brentq(turn, max(n, 1e-9), m + 1, xtol=1e-13)
    return b, root - b


@pytest.mark.parametrize(
    ("n", "b", "level"),
    [(0, 0.0, 0.9), (1, 0.016, 0.5), (4, 0.6, 0.999), (7, 2.57, 0.683), (50, 26.0, 0.99), (12, 3.0, 0.95)],
)
def test_the_outer_edges_of_a_scan(n, b, level):
    found = feldman_cousins(n, Background(b), level)
    low, high = outer_edges(n, b, level, 2 * found.high + 5)
    assert low - 0.0051 < found.low < low + 1e-6
    assert high - 1e-6 < found.high < high + 0.0051  # above the background no jump raises the edge


@pytest.mark.parametrize("level", [0.683, 0.9, 0.99])
@pytest.mark.parametrize(("n", "b"), [(0, 2.0), (0, 26.0), (3, 10.0), (50, 100.0)])
def test_the_upper_edge_below_the_background_is_the_largest_jump_or_the_edge_itself(n, b, level):
    found = feldman_cousins(n, Background(b), level)
    _, raw = outer_edges(n, b, level, found.high + 3)
    jumps = filter(None, (jump(n, m, level) for m in range(n + 1, n + 160)))
    largest = max([raw, *(high for at, high in jumps if at >= b)])
    assert found.high == pytest.approx(largest, abs=0.0051)
    if largest > raw:
        assert found.high == pytest.approx(largest, abs=2e-5)
    assert found.low == 0


def test_the_upper_edge_never_rises_with_the_background():
    highs = [feldman_cousins(1, Background(b)).high for b in np.arange(0.0, 6.0, 0.37)]
    assert np.all(np.diff(highs) <= 1e-5)


def with_nuisances(n, b, error, efficiency_error, level, s):
    """Accepted signals with both nuisances averaged on plain grids."""
    means = np.linspace(max(b - 6 * error, 0), b + 6 * error, 241)
    weights = np.exp(-0.5 * ((means - b) / error) ** 2)
    weights[[0, -1]] /= 2
    z = np.linspace(-6, 6, 121)
    k = np.arange(60)

    def table(signals):
        total = np.zeros((signals.size, k.size))
        background = stats.poisson.pmf(k[:, None], means[None, :]) @ (weights / weights.sum())
        smear = np.array([[background[i - j] if i >= j else 0.0 for i in k] for j in k])
        for x, w in zip(z, stats.norm.pdf(z) / stats.norm.pdf(z).sum(), strict=True):
            total += w * stats.poisson.pmf(k[None, :], signals[:, None] * (1 + efficiency_error) ** x)
        return total @ smear

    best = table(np.arange(0, 60, 0.02)).max(axis=0)
    p = table(s)
    ratio = p / best
    return (p * (ratio > ratio[:, [n]] * (1 + 1e-9))).sum(axis=1) < level


@pytest.mark.parametrize(
    ("n", "b", "error", "efficiency_error", "level"), [(4, 1.7, 0.22, 0.2, 0.9), (2, 0.6, 0.4, 0.0, 0.95)]
)
def test_nuisances_are_averaged_before_the_ordering(n, b, error, efficiency_error, level):
    found = feldman_cousins(n, Background(b, error), level, efficiency_error)
    s = np.arange(0, 2 * found.high, 0.01)
    inside = s[with_nuisances(n, b, error, efficiency_error, level, s)]
    assert inside[0] - 0.0101 < found.low < inside[0] + 1e-3
    assert inside[-1] - 1e-3 < found.high < inside[-1] + 0.0101


@pytest.mark.parametrize("prior", ["gamma", "lognormal", "truncated_gaussian"])
@pytest.mark.parametrize(("n", "b"), [(1, 2.57), (5, 2.57), (4, 0.4279)])
def test_a_small_error_is_no_error(prior, n, b):
    known = feldman_cousins(n, Background(b))
    nearly = feldman_cousins(n, Background(b, 1e-5, prior), efficiency_error=1e-6)
    assert (nearly.low, nearly.high) == pytest.approx((known.low, known.high), rel=1e-5)


def test_counts_beyond_what_is_feasible_are_refused():
    with pytest.raises(InputError, match="take too long"):
        feldman_cousins(5000, Background(1.0))


@pytest.mark.parametrize(
    "small",
    [
        Background.unseen(2e-6),
        Background.of_toys([0.9e-6, 1e-6, 1.1e-6]),
        Background.asymmetric(1e-6, 2e-7, 1e-7),
    ],
)
@pytest.mark.parametrize("n", [0, 1])
def test_tiny_backgrounds_of_any_form_are_none(small, n):
    found, none = feldman_cousins(n, small), feldman_cousins(n, Background(0.0))
    assert (found.low, found.high) == pytest.approx((none.low, none.high), abs=2e-4)


def test_toys_of_one_value_are_a_known_background():
    found, known = feldman_cousins(4, Background.of_toys([3.0, 3.0])), feldman_cousins(4, Background(3.0))
    assert (found.low, found.high) == pytest.approx((known.low, known.high), rel=1e-3)

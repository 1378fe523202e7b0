"""Backgrounds with errors of any form: probabilities against sums of their own densities."""

from itertools import pairwise

import numpy as np
import pytest
from scipy import integrate, stats

from bdana.errors import InputError
from bdana.observed import Predicted
from bdana.statistics.background import Background
from bdana.statistics.joint import joint_p_values
from bdana.statistics.limits import bayes, cls
from bdana.statistics.poisson import count_probabilities, p_values


def test_published_p_values_of_the_kaon_mode():
    """K+ -> pi+ nu nu: 20 on 7.03, background known and with Gaussian errors; 51 on 18 +- 3 (recalculated)."""
    for error, p in [(0.0, 4.703e-5), (0.82, 1.150e-4), (0.935, 1.421e-4), (1.05, 1.768e-4)]:
        assert p_values(20, Background(7.03, error)).p_n == pytest.approx(p, rel=5e-4)
    assert p_values(51, Background(18.0, 3.0)).p_n == pytest.approx(2.17e-7, rel=5e-3)


@pytest.mark.parametrize(
    ("b", "up", "down", "n"), [(7.03, 1.05, 0.82, 20), (0.3, 0.4, 0.2, 2), (18, 3, 2, 51)]
)
def test_two_errors_are_two_halves_of_normal_densities(b, up, down, n):
    def density(x):
        return np.exp(-0.5 * ((x - b) / np.where(x > b, up, down)) ** 2)

    edges = [max(0.0, b - 9 * down), b, b + 14 * up]
    norm = sum(integrate.quad(density, x, y)[0] for x, y in pairwise(edges))
    p = sum(
        integrate.quad(lambda x: density(x) * stats.poisson.sf(n - 1, x), x, y, epsrel=1e-10)[0]
        for x, y in pairwise(edges)
    )
    assert p_values(n, Background.asymmetric(b, up, down)).p_n == pytest.approx(p / norm, rel=1e-7)
    assert Background.asymmetric(b, up, up) == Background(b, up)


def test_toys_are_averaged_over():
    values = np.random.default_rng(5).gamma(9.0, 0.8, 500)
    made = Background.of_toys(values)
    assert p_values(20, made).p_n == pytest.approx(stats.poisson.sf(19, values).mean(), rel=1e-12)
    many = np.random.default_rng(5).gamma(9.0, 0.8, 30_000)  # in bins of their value
    assert p_values(20, Background.of_toys(many)).p_n == pytest.approx(
        stats.poisson.sf(19, many).mean(), rel=1e-5
    )
    assert made.errors == pytest.approx(
        np.diff(np.quantile(values, stats.norm.cdf([0, 1, -1])))[[0, 0]], abs=9
    )
    assert cls(20, made).high == pytest.approx(bayes(20, made).high, rel=1e-6)


@pytest.mark.parametrize(
    "background",
    [
        Background(100.0, 10.0),
        Background(100.0, 10.0, "gamma"),
        Background(100.0, 10.0, "lognormal"),
        Background.asymmetric(100.0, 12.0, 9.0),
    ],
)
def test_p_values_far_below_the_expectation_hold_both_tails(background):
    """Summed over all counts with probabilities from a fine sum over the density, in steps of the expectation."""
    x = np.linspace(1e-4, 400.0, 8001)
    density = {
        "truncated_gaussian": lambda: stats.norm.pdf(x, 100, 10),
        "gamma": lambda: stats.gamma.pdf(x, 100.0, scale=1.0),
        "lognormal": lambda: stats.lognorm.pdf(x, np.log(1.1), scale=100.0),
        "split_normal": lambda: np.exp(-0.5 * ((x - 100) / np.where(x > 100, 12.0, 9.0)) ** 2),
    }[background.prior]()
    p = np.array([density @ stats.poisson.pmf(n, x) for n in range(500)]) / density.sum()
    assert p_values(0, background).p_l == pytest.approx(p[p <= p[0]].sum(), rel=2e-3, abs=0)
    if background.prior == "truncated_gaussian":
        assert p_values(0, background).p_l == pytest.approx(
            2.489934e-22, rel=1e-5, abs=0
        )  # mpmath, 40 digits
    if background.prior == "gamma":
        assert count_probabilities(background, 300)[0] == pytest.approx(0.5**100, rel=1e-9, abs=0)


def test_shifts_are_standard_deviations_of_the_likelihood():
    assert Background(7.0, 0.5).shifted(2.0) == pytest.approx(8.0)
    assert Background(1.0, 0.5).shifted(-3.0) == 0.0
    assert Background.asymmetric(7.0, 1.0, 0.5).shifted([-1, 0, 1]) == pytest.approx([6.5, 7.0, 8.0])
    assert Background(7.0, 0.7, "lognormal").shifted(1.0) == pytest.approx(7.7)
    gamma = Background(7.0, 0.7, "gamma")
    shape = 100.0
    for z in (-2.0, 1.5):
        ratio = gamma.shifted(z) / 7.0
        assert shape * (ratio - 1 - np.log(ratio)) == pytest.approx(z * z / 2)
    assert gamma.shifted([0.0]) == pytest.approx([7.0])
    assert Background.of_toys([1.0, 2.0, 3.0]).shifted(0.0) == 2.0
    assert Background.unseen(np.log(10.0)).shifted([-1.0, 2.0]) == pytest.approx([0.0, 2.0])


def test_a_prediction_with_two_errors_is_a_split_normal():
    assert Background.of(Predicted(5.0, 2.0, None, 1.0)) == Background.asymmetric(5.0, 2.0, 1.0)
    assert Background.of(Predicted(5.0, 2.0)) == Background(5.0, 2.0)
    only_up = Background.of(Predicted(5.0, 2.0, None, 0.0))
    assert p_values(9, only_up).p_n == pytest.approx(
        stats.poisson.sf(8, 5.0 + 2.0 * np.abs(np.random.default_rng(1).normal(size=200_000))).mean(),
        rel=0.01,
    )


def test_asymmetric_errors_move_together_or_apart_in_joint_p_values():
    two = [Background.asymmetric(5.0, 2.0, 1.0), Background.asymmetric(3.0, 1.0, 0.5)]
    joint = joint_p_values([9, 6], two)
    up = np.random.default_rng(1).random(400_000) < 2 / 3  # the upward halves are twice as wide
    z = np.abs(np.random.default_rng(2).normal(size=up.size))
    means = 8.0 + np.where(up, 3.0 * z, np.maximum(-1.5 * z, -8.0))
    assert joint.p_n == pytest.approx(stats.poisson.sf(14, means).mean(), rel=0.01)
    apart = joint_p_values([9, 6], two, np.diag([4.0, 1.0]))
    assert apart.p_n < joint.p_n
    between = joint_p_values([9, 6], two, [[4.0, 1.0], [1.0, 1.0]])
    assert apart.p_n < between.p_n < joint.p_n


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda: Background(1.0, 0.5, "split_normal"), "needs both"),
        (lambda: Background(1.0, 0.5, "gamma", 0.3), "split_normal"),
        (lambda: Background.asymmetric(1.0, 0.5, 0.0), "above zero"),
        (lambda: Background.asymmetric(1.0, 0.5, -1.0), "downward error is -1"),
        (lambda: Background.of_toys([1.0]), "two or more"),
        (lambda: Background.of_toys([1.0, -1.0]), "not negative"),
    ],
)
def test_impossible_backgrounds_are_refused(make, reason):
    with pytest.raises(InputError, match=reason):
        make()


@pytest.mark.parametrize(
    "background",
    [
        Background(1.0, 0.8),
        Background.asymmetric(2.0, 1.0, 1.7),
        Background(3.0, 1.0, "gamma"),
        Background(3.0, 1.0, "lognormal"),
        Background.unseen(4.0),
    ],
)
def test_quantiles_are_those_of_the_density(background):
    x, w = background.nodes()
    for z in (-1.5, 0.0, 2.0):
        assert w[x < background.quantile(np.array(z))].sum() == pytest.approx(stats.norm.cdf(z), abs=0.05)

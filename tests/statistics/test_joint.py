"""Joint p-values against sums written out on a fine grid of expectations, and toys against exact numbers."""

import re

import numpy as np
import pytest
from scipy import stats

from bdana.errors import InputError
from bdana.statistics import joint
from bdana.statistics.joint import joint_p_values
from bdana.statistics.poisson import Background, count_probabilities, p_values

CONTROL = ([1, 1, 2], [Background(0.29, 0.04), Background(0.58, 0.07), Background(1.70, 0.22)])


def on_a_grid(observed, mean, covariance, points=161):
    """p_n and p_l of two regions, with the normal density evaluated on a grid of positive expectations."""
    errors = np.sqrt(np.diag(covariance))
    axes = [np.linspace(max(m - 6 * e, 1e-12), m + 6 * e, points) for m, e in zip(mean, errors, strict=True)]
    grid = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)
    density = stats.multivariate_normal(mean, covariance).pdf(grid)
    for axis in range(2):  # the trapezoid rule
        edge = [slice(None)] * 2
        for end in (0, -1):
            edge[axis] = end
            density[tuple(edge)] /= 2
    density /= density.sum()
    p = [stats.poisson.pmf(np.arange(40)[:, None], axis[None, :]) for axis in axes]
    table = np.einsum("ia,jb,ab->ij", *p, density)
    p_l = table[table <= table[tuple(observed)] * (1 + 1e-9)].sum()
    total = np.add.outer(np.arange(40), np.arange(40))
    return table[total >= sum(observed)].sum(), p_l


def test_control_regions_of_the_dimuon_search():
    p = joint_p_values(*CONTROL)
    assert (round(p.p_n, 4), round(p.p_l, 4)) == (0.2595, 0.2396)
    assert p.computed == "exact"


@pytest.mark.parametrize("correlation", [-0.6, 0.0, 0.5, 0.9])
@pytest.mark.parametrize(("mean", "errors"), [((1.7, 0.58), (0.22, 0.07)), ((1.0, 2.0), (0.9, 1.1))])
def test_two_regions_with_a_covariance(correlation, mean, errors):
    covariance = np.outer(errors, errors) * np.array([[1, correlation], [correlation, 1]])
    given = [Background(m, e) for m, e in zip(mean, errors, strict=True)]
    p = joint_p_values([3, 1], given, covariance)
    assert (p.p_n, p.p_l) == pytest.approx(on_a_grid([3, 1], mean, covariance), rel=2e-3)
    assert p.computed == "exact"


def test_a_covariance_of_errors_that_move_together_changes_nothing():
    errors = np.array([x.error for x in CONTROL[1]])
    plain, given = joint_p_values(*CONTROL), joint_p_values(*CONTROL, np.outer(errors, errors))
    assert (given.p_n, given.p_l) == pytest.approx((plain.p_n, plain.p_l), rel=1e-9)


def test_one_region_is_the_region_itself():
    for n, b in [(0, Background(0.17, 0.02)), (4, Background(1.0, 0.8)), (28, Background(26.3, 3.4))]:
        alone, together = p_values(n, b), joint_p_values([n], [b])
        assert (together.p_n, together.p_l) == pytest.approx((alone.p_n, alone.p_l), rel=1e-6)


def test_independent_regions_without_error_are_a_plain_product():
    mean, observed = [0.3, 1.2, 2.0], [1, 0, 4]
    table = np.einsum("i,j,k->ijk", *(stats.poisson.pmf(np.arange(30), m) for m in mean))
    p = joint_p_values(observed, [Background(m) for m in mean])
    assert p.p_l == pytest.approx(table[table <= table[tuple(observed)] * (1 + 1e-9)].sum(), rel=1e-9)
    assert p.p_n == pytest.approx(stats.poisson.sf(4, 3.5), rel=1e-9)


def _error(computed):
    found = re.fullmatch(r"toys, n=(\d+), error=(.+)", computed)
    assert found, computed
    return float(found[2])


def test_toys_agree_with_the_enumeration_within_their_error(monkeypatch):
    exact = joint_p_values(*CONTROL)
    monkeypatch.setattr(joint, "MAX_TUPLES", 10)
    toys = joint_p_values(*CONTROL)
    error = _error(toys.computed)
    assert 1e-4 < error < 3e-3
    assert abs(toys.p_l - exact.p_l) < 4 * error
    assert toys.p_n == pytest.approx(exact.p_n, rel=1e-6)
    assert toys == joint_p_values(*CONTROL)  # seeded
    assert toys.p_l != joint_p_values(*CONTROL, seed=2).p_l


def test_more_sources_of_error_than_a_quadrature_can_take_go_to_toys():
    given = [Background(b, 0.2 * b) for b in (0.31, 0.6, 1.05, 1.7)]
    errors = np.array([x.error for x in given])
    correlated = np.outer(errors, errors) * (0.999999 + 0.000001 * np.eye(4))
    toys, exact = joint_p_values([1, 1, 1, 2], given, correlated), joint_p_values([1, 1, 1, 2], given)
    assert exact.computed == "exact"
    assert abs(toys.p_l - exact.p_l) < 4 * _error(toys.computed)


def test_independent_errors_of_many_regions_stay_exact():
    given = [Background(b, 0.2 * b) for b in (0.1, 0.2, 0.3, 0.4, 0.5)]
    p = joint_p_values([0, 1, 0, 0, 1], given, np.diag([x.error**2 for x in given]))
    assert p.computed == "exact"
    # The sum of independent normal expectations is normal.
    total = Background(1.5, float(np.sqrt(sum(x.error**2 for x in given))))
    assert p.p_n == pytest.approx(p_values(2, total).p_n, rel=1e-5)


@pytest.mark.parametrize(
    ("covariance", "reason"),
    [
        (np.eye(3), "2 x 2"),
        ([[0.01, 0.02], [0.0, 0.04]], "not symmetric"),
        ([[0.01, 0.03], [0.03, 0.04]], "negative variance"),
        ([[1.0, 0.0], [0.0, 1.0]], "diagonal"),
        ([[0.01, np.nan], [np.nan, 0.04]], "finite"),
    ],
)
def test_refuses_what_is_no_covariance(covariance, reason):
    with pytest.raises(InputError, match=reason):
        joint_p_values([1, 1], [Background(1.0, 0.1), Background(2.0, 0.2)], covariance)


def copula(backgrounds, correlation, number, seed):
    """Expectations that keep their own distributions, by draws."""
    z = np.random.default_rng(seed).multivariate_normal(np.zeros(len(backgrounds)), correlation, number)
    return np.stack([x.quantile(column) for x, column in zip(backgrounds, z.T, strict=True)], axis=1)


@pytest.mark.parametrize(
    "backgrounds",
    [
        [Background.asymmetric(5.0, 2.0, 1.0), Background.asymmetric(3.0, 1.0, 2.0)],
        [Background.asymmetric(5.0, 2.0, 0.01), Background(3.0, 1.0, "gamma")],
        [Background.asymmetric(0.5, 2.0, 0.4), Background(3.0, 1.0)],
    ],
)
@pytest.mark.parametrize("rho", [0.6, -0.5])
def test_correlated_errors_of_any_form_against_draws(backgrounds, rho):
    correlation = np.array([[1.0, rho], [rho, 1.0]])
    up = np.array([x.error for x in backgrounds])
    found = joint_p_values([9, 5], backgrounds, correlation * np.outer(up, up))
    values = copula(backgrounds, correlation, 200_000, 4)
    assert found.computed == "exact"
    assert found.p_n == pytest.approx(stats.poisson.sf(13, values.sum(axis=1)).mean(), rel=0.05)
    k = np.arange(60)
    first, second = (stats.poisson.pmf(k[:, None], column) for column in values[:20_000].T)
    table = first @ second.T / 20_000
    assert found.p_l == pytest.approx(table[table <= table[9, 5]].sum(), rel=0.03)


def test_toys_of_asymmetric_errors_of_many_sources():
    """Too many sources for a quadrature, and a tail that plain toys reach, and one that they do not."""
    regions = 4
    correlation = 0.3 + 0.7 * np.eye(regions)
    backgrounds = [Background.asymmetric(2.0, 1.0, 0.2)] * regions
    values = copula(backgrounds, correlation, 100_000, 5).sum(axis=1)
    for seen in (4, 7):
        found = joint_p_values([seen] * regions, backgrounds, correlation)
        assert found.computed != "exact"
        assert found.p_n == pytest.approx(stats.poisson.sf(regions * seen - 1, values).mean(), rel=0.15)


def test_refuses_missing_regions():
    with pytest.raises(InputError, match="one observed count for each region"):
        joint_p_values([1, 2], [Background(1.0)])


UNSEEN = Background.unseen(0.3 * np.log(10))
"""Exponential with mean 0.3."""


def test_a_region_without_a_pair_is_independent_of_the_others():
    """Products of the geometric law and of the marginalised Poisson law, summed one by one."""
    seen = Background(0.58, 0.07)
    p = joint_p_values([2, 1], [UNSEEN, seen])
    k = np.arange(60)
    table = np.outer((0.3 / 1.3) ** k / 1.3, count_probabilities(seen, 59))
    assert p.computed == "exact"
    assert p.p_n == pytest.approx(table[np.add.outer(k, k) >= 3].sum(), rel=1e-9)
    assert p.p_l == pytest.approx(table[table <= table[2, 1] * (1 + 1e-9)].sum(), rel=1e-9)


def test_a_region_without_a_pair_alone():
    for n in (0, 1, 3):
        p = joint_p_values([n], [UNSEEN])
        assert (p.p_n, p.p_l) == pytest.approx(((0.3 / 1.3) ** n,) * 2, rel=1e-9)


def test_toys_of_a_region_without_a_pair(monkeypatch):
    exact = joint_p_values([2, 1], [UNSEEN, Background(0.58, 0.07)])
    monkeypatch.setattr(joint, "MAX_TUPLES", 10)
    toys = joint_p_values([2, 1], [UNSEEN, Background(0.58, 0.07)])
    error = _error(toys.computed)
    assert (toys.p_n, toys.p_l) == pytest.approx((exact.p_n, exact.p_l), abs=4 * error)


def test_toys_count_the_data_as_one_more_experiment():
    given = [Background(x, 0.2 * x) for x in (2.0, 3.0, 4.0, 5.0)]
    covariance = 0.03 * np.outer((2.0, 3.0, 4.0, 5.0), (2.0, 3.0, 4.0, 5.0))
    np.fill_diagonal(covariance, [x.error**2 for x in given])
    found = joint_p_values([6, 5, 7, 8], given, covariance)
    (number,) = re.findall(r"toys, n=(\d+), error=[^,]+$", found.computed)
    as_rare = found.p_l * (int(number) + 1)
    assert as_rare == pytest.approx(round(as_rare), abs=1e-6)
    assert as_rare > 1


@pytest.mark.parametrize("counts", [[60] * 4, [3000, 3000]])
def test_a_joint_p_value_is_never_zero(counts):
    backgrounds = [Background(10.0, 1.0) for _ in counts]
    found = joint_p_values(counts, backgrounds, np.eye(len(counts)))
    assert 0 < found.p_l < 1e-60
    assert 0 < found.p_n < 1e-60

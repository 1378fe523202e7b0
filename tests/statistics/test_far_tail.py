"""Joint p-values far in the tail against sums written out, and toys drawn there against them."""

from functools import reduce

import numpy as np
import pytest
from scipy import stats

from bdana.statistics.far_tail import enumerated, toys_in_the_tail
from bdana.statistics.joint import joint_p_values
from bdana.statistics.poisson import Background, p_values


def written_out(counts, values, weights, number):
    """p_n and p_l from a table of all tuples below a number, given points of the expectations."""
    p = [stats.poisson.pmf(np.arange(number), values[:, [i]]) for i in range(len(counts))]
    letters = "abcd"[: len(counts)]
    table = np.einsum(",".join(["z", *("z" + x for x in letters)]) + "->" + letters, weights, *p)
    rare = table[table <= table[tuple(counts)] * (1 + 1e-9)].sum()
    return weights @ stats.poisson.sf(sum(counts) - 1, values.sum(axis=1)), rare


@pytest.mark.parametrize(
    ("counts", "mean"), [((0, 0), (30, 50)), ((40, 3), (10, 5)), ((12, 0, 1), (0.3, 0.6, 1.7))]
)
def test_known_backgrounds(counts, mean):
    found = joint_p_values(counts, [Background(float(x)) for x in mean])
    expected = written_out(counts, np.array([mean], dtype=float), np.ones(1), 150)
    assert (found.p_n, found.p_l) == pytest.approx(expected, rel=1e-6)
    assert found.computed == "exact"


@pytest.mark.parametrize(
    ("counts", "mean", "errors"),
    [
        ((0, 2), (60.0, 50.0), (6.0, 5.0)),
        ((180, 20), (100.0, 50.0), (10.0, 5.0)),
        ((4, 12), (0.29, 0.58), (0.04, 0.07)),
    ],
)
def test_errors_that_move_together(counts, mean, errors):
    z = np.linspace(-15, 15, 6001)
    values = np.array(mean) + z[:, None] * np.array(errors)
    inside = (values > 0).all(axis=1)
    weights = np.exp(-0.5 * z[inside] ** 2)
    expected = written_out(counts, values[inside], weights / weights.sum(), 400)
    found = joint_p_values(counts, [Background(*x) for x in zip(mean, errors, strict=True)])
    assert found.p_l < 1e-9
    assert (found.p_n, found.p_l) == pytest.approx(expected, rel=0.01)


def test_a_region_beside_an_empty_one_is_the_region():
    """n = 0 at b = 100 +- 10: 2.5e-22."""
    found = joint_p_values([0, 0], [Background(100.0, 10.0), Background(1e-9)], np.diag([100.0, 0.0]))
    assert found.p_l == pytest.approx(2.49e-22, rel=0.01)
    assert found.p_l == pytest.approx(p_values(0, Background(100.0, 10.0)).p_l, rel=1e-4)


B = np.array([0.29, 0.58, 1.70])
COVARIANCE = np.diag((0.1 * B) ** 2) + np.outer(0.13 * B, 0.13 * B)
THREE = [Background(float(b), float(np.sqrt(v))) for b, v in zip(B, np.diag(COVARIANCE), strict=True)]


@pytest.mark.exhaustive
def test_three_sources_of_error():
    """Where the usual quadrature still comes, both agree; beyond, with draws of the expectations that reach there."""
    near = joint_p_values([3, 4, 8], THREE, COVARIANCE)
    assert near.computed == "exact"
    here = enumerated(np.array([3, 4, 8]), THREE, COVARIANCE)
    assert (here.p_n, here.p_l) == pytest.approx((near.p_n, near.p_l), rel=0.01)
    far = joint_p_values([6, 6, 12], THREE, COVARIANCE)
    rng = np.random.default_rng(2)
    z = 3.0 * rng.normal(size=(20_000, 4))
    weights = np.exp(-0.5 * (z**2).sum(axis=1) * (1 - 1 / 9))
    values = B * (1 + 0.1 * z[:, :3] + 0.13 * z[:, [3]])
    inside = (values > 0).all(axis=1)
    expected = written_out((6, 6, 12), values[inside], weights[inside] / weights[inside].sum(), 40)
    assert (far.p_n, far.p_l) == pytest.approx(expected, rel=0.25)
    assert far.computed.startswith("sum over tuples, relative error=")


@pytest.mark.parametrize("counts", [(3, 4, 8), (12, 2, 10)])
def test_toys_drawn_in_the_tail(counts):
    summed = enumerated(np.array(counts), THREE, COVARIANCE)
    toys = toys_in_the_tail(
        np.array(counts),
        [Background(b, e) for b, e in zip(B, np.sqrt(np.diag(COVARIANCE)), strict=True)],
        COVARIANCE,
    )
    assert toys.p_l == pytest.approx(summed.p_l, rel=0.6)
    assert toys.p_n == pytest.approx(summed.p_n, rel=0.1)


def test_toys_of_five_regions_agree_with_a_convolution_of_their_likelihoods():
    p = stats.poisson.pmf(np.arange(70), 10.0)
    step = 0.05
    place = np.rint(-np.log(np.maximum(p, 1e-300)) / step).astype(int)
    one = np.bincount(place, p)
    every = reduce(np.convolve, [one] * 5)
    for n in (22, 30):
        expected = every[int(-5 * np.log(p[n]) / step) :].sum()
        found = toys_in_the_tail(np.full(5, n), [Background(10.0)] * 5, np.zeros((5, 5)))
        assert found.p_l == pytest.approx(expected, rel=0.5)
        assert found.p_n == pytest.approx(stats.poisson.sf(5 * n - 1, 50.0), rel=1e-6)


def test_regions_without_a_pair_in_the_tail():
    unseen = [Background.unseen(b * np.log(10.0)) for b in (0.01, 0.02)]
    ratio = np.array([0.01 / 1.01, 0.02 / 1.02])
    n = np.arange(60)
    table = np.multiply.outer(*((1 - r) * r**n for r in ratio))
    found = joint_p_values([5, 7], unseen, np.zeros((2, 2)))
    assert found.p_l == pytest.approx(table[table <= table[5, 7] * (1 + 1e-9)].sum(), rel=1e-4)
    assert found.p_n == pytest.approx(table[np.add.outer(n, n) >= 12].sum(), rel=1e-4)
    two = [unseen[0], Background(2.0)]
    mixed = toys_in_the_tail(np.array([5, 9]), two, np.zeros((2, 2)))
    full = enumerated(np.array([5, 9]), two, np.zeros((2, 2)))
    assert mixed.p_l == pytest.approx(full.p_l, rel=0.5)
    assert mixed.p_n == pytest.approx(full.p_n, rel=1e-4)

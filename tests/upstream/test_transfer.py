"""Prompt pairs carried from open regions to the others: cases by hand, coverage of the limits, where nothing constrains."""

from types import SimpleNamespace

import numpy as np
import pytest

from bdana.upstream import fit_prompt_share, transfer_prompt
from bdana.upstream.prompt import PromptParts


def simulated(expected, weight=0.01, pairs=None, yield_error=1.0):
    """Simulated pairs of three regions, all of one weight."""
    expected = np.array(expected)
    return SimpleNamespace(
        regions=("SR", "CR", "outside"),
        expected=expected,
        error=yield_error * expected,
        pairs=np.rint(expected / weight).astype(int) if pairs is None else np.array(pairs),
        simulation_error=np.sqrt(weight * expected),
        covariance=np.diag(weight * expected),
        upper_limit=np.where(expected > 0, np.nan, 2.303 * weight),
    )


def fitted(accidental, prompt, seed=1):
    rng = np.random.default_rng(seed)
    dt = np.concatenate([rng.uniform(-8.0, 8.0, accidental), 0.57 * rng.standard_normal(prompt)])
    return fit_prompt_share(dt, 8.0, 0.57, 5.0, 0.06)


def test_the_fitted_yield_times_the_ratio_is_expected_whatever_yield_was_simulated():
    share = fitted(40, 20)
    rows = transfer_prompt(share, simulated([1.0, 4.0, 20.0]), ["outside"], 0.0, survival=0.8)
    assert [row.expected for row in rows] == pytest.approx([0.8 * share.prompt * r for r in (0.05, 0.2, 1.0)])
    assert [row.ratio for row in rows] == pytest.approx([0.05, 0.2, 1.0])
    ten = transfer_prompt(share, simulated([10.0, 40.0, 200.0], 0.1), ["outside"], 0.0, survival=0.8)
    for one, other in zip(rows, ten, strict=True):
        assert (other.expected, other.upper_limit) == pytest.approx((one.expected, one.upper_limit))
    assert all(row.constrained and row.low < row.expected < row.high < row.upper_limit * 1.5 for row in rows)


def test_the_only_open_region_has_the_fitted_pairs_with_the_error_of_the_fit_alone():
    share = fitted(40, 20)
    outside = transfer_prompt(share, simulated([1.0, 4.0, 20.0]), ["outside"], 0.5)[-1]
    assert (outside.low, outside.high) == pytest.approx((share.prompt_low, share.prompt_high))
    assert outside.upper_limit == pytest.approx(np.quantile(share.prompt_quantiles, 0.9), rel=1e-2)
    assert outside.ratio_error == pytest.approx(0.0)


def test_errors_of_the_ratio_are_those_of_simulated_pairs_and_of_the_model():
    share, made = fitted(40, 20), simulated([1.0, 4.0, 20.0], weight=0.1)
    # 10, 40 and 200 pairs; a pair of the mean weight is added to the first.
    alone = transfer_prompt(share, made, ["outside"], 0.0)[0]
    assert alone.ratio_error / alone.ratio == pytest.approx(np.sqrt(1 / 10 + 1 / 200 + 1 / 100), rel=1e-6)
    more = transfer_prompt(share, made, ["outside"], 0.5)[0]
    assert more.ratio_error / more.ratio == pytest.approx(np.hypot(alone.ratio_error / alone.ratio, 0.5))
    assert more.upper_limit > alone.upper_limit
    # With all regions open only the part that lies elsewhere is carried over, and no region has more than all pairs.
    everywhere = transfer_prompt(share, made, ["SR", "CR", "outside"], 0.5)
    assert sum(row.expected for row in everywhere) == pytest.approx(share.prompt)
    assert everywhere[-1].ratio_error / everywhere[-1].ratio < 0.15
    assert everywhere[-1].upper_limit <= np.quantile(share.prompt_quantiles, 0.9, method="hazen")


@pytest.mark.parametrize("ratio", [0.0, 1e-12])
def test_a_region_without_a_pair_or_with_light_ones_alone_has_the_limit_of_one_mean_pair(ratio):
    made = simulated([ratio, 4.0, 20.0], weight=0.1, pairs=[int(ratio > 0), 40, 200])
    inner = transfer_prompt(fitted(40, 20), made, ["outside"], 0.0)[0]
    assert inner.expected == pytest.approx(0.0, abs=1e-9)
    assert inner.ratio_error == pytest.approx(0.1 / 20, rel=1e-3)
    assert inner.upper_limit == pytest.approx(20 * 2.303 * 0.1 / 20, rel=0.35)


@pytest.mark.parametrize(("truth", "ratio"), [(0.0, 0.05), (6.0, 0.05), (30.0, 0.2)])
def test_limits_hold_the_true_prompt_pairs_as_often_as_they_say(truth, ratio):
    """Both the data and the simulated pairs fluctuate: 90% limits hold in 90% of experiments or more."""
    rng, inside = np.random.default_rng(3), 0
    for seed in range(150):
        share = fitted(rng.poisson(40), rng.poisson(truth), seed)
        made = simulated([0.1 * rng.poisson(200 * ratio), 4.0, 0.1 * rng.poisson(200)], weight=0.1)
        inside += transfer_prompt(share, made, ["outside"], 0.0)[0].upper_limit > truth * ratio
    assert inside / 150 > 0.85


@pytest.mark.parametrize(("regions", "expected"), [([], [1.0, 4.0, 20.0]), (["outside"], [1.0, 4.0, 0.0])])
def test_where_nothing_constrains_the_yield_it_is_the_assumed_one_with_its_error(regions, expected):
    rows = transfer_prompt(fitted(0, 0), simulated(expected), regions, 0.0)
    assert [row.expected for row in rows] == expected
    assert rows[0].high == 2.0  # 100%
    assert rows[0].upper_limit == pytest.approx(1.0 + 1.2816, abs=1e-3)
    assert not any(row.constrained for row in rows)
    assert rows[0].ratio is None


def test_no_pair_is_a_constraint():
    """Without a pair in the open regions the flat prior leaves exp(-P): 2.303 pairs at 90% CL."""
    rows = transfer_prompt(fitted(0, 0), simulated([1.0, 4.0, 20.0]), ["outside"], 0.0)
    assert rows[-1].constrained
    assert rows[-1].upper_limit == pytest.approx(np.log(10.0), rel=5e-3)
    assert rows[0].upper_limit == pytest.approx(0.05 * np.log(10.0), rel=0.1)
    assert (rows[0].expected, rows[0].low) == (0.0, 0.0)


def test_the_fitted_pairs_are_those_of_the_open_part_of_a_region():
    """Of 20 pairs `outside` 5 lie in a guard band: without it there are 15 pairs to carry over, and with it 20/15 of them."""
    share, expected = fitted(40, 20), np.array([1.0, 0.0, 4.0, 0.0, 5.0, 15.0])
    weight = 0.01
    parts = PromptParts(
        expected, weight * expected, np.rint(expected / weight).astype(int), np.zeros((6, 6)), weight, 0.0
    )
    closed = np.array([[True, True], [True, True], [False, True]])

    def carried(which):
        made = SimpleNamespace(regions=("SR", "CR", "outside"), **parts.counted(which))
        return transfer_prompt(share, made, ["outside"], 0.5, fitted=parts.with_open(which))

    inner, _, outside = carried(closed)
    assert [inner.ratio, outside.ratio] == pytest.approx([1 / 15, 1.0])
    assert outside.expected == pytest.approx(share.prompt)
    assert outside.ratio_error == pytest.approx(0.0, abs=1e-9)
    inner, _, outside = carried(np.ones_like(closed))
    assert [inner.ratio, outside.ratio] == pytest.approx([1 / 15, 20 / 15])
    # A quarter of the pairs lies in the guard band: the error of the model is that of this part.
    assert 0.5 * 0.25 * 20 / 15 < outside.ratio_error < 0.2
    assert outside.upper_limit > 20 / 15 * np.quantile(share.prompt_quantiles, 0.8)

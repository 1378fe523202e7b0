"""Sums of decay laws are those of numpy at any coupling, add up, and stay true where life is very long or very short."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bdana.errors import InputError
from bdana.signal.reweighting import DecaySum, effective_size

COUPLINGS = np.geomspace(1e-16, 1e-6, 81)
seeds = st.integers(0, 2**32 - 1)


def sample(seed, signed=False):
    """Weights, exponents over four decades, and paths inside from 1e-6 to 100 times those before."""
    rng = np.random.default_rng(seed)
    n = int(np.exp(rng.uniform(0.0, np.log(3000.0))))
    near = 10.0 ** rng.uniform(9.0, 13.0) * 10.0 ** rng.uniform(0.0, rng.uniform(0.0, 4.0), n)
    inside = near * 10.0 ** rng.uniform(-6.0, 2.0, n if rng.random() < 0.5 else 1)
    weight = rng.exponential(size=n) ** rng.integers(1, 8)
    weight[1:][rng.random(n - 1) < 0.3] = 0.0
    if signed:
        weight *= rng.choice([-1.0, 1.0], n)
    return weight, near, inside


def through(weight, near, inside, s):
    return (np.exp(-np.multiply.outer(s, near)) * -np.expm1(-np.multiply.outer(s, inside))) @ weight


def at_points(weight, rate, exponent, s):
    return s * (np.exp(-np.multiply.outer(s, exponent)) @ (weight * rate))


def check(found, true, scale):
    """Compare where `scale`, the sum of absolute values, is above 1e-30 of its maximum."""
    known = scale > 1e-30 * scale.max()
    assert (np.abs(found - true)[known] <= 1e-5 * scale[known]).all()


@given(seeds, st.booleans())
@settings(deadline=None)
def test_decays_in_a_volume_are_those_of_numpy(seed, signed):
    weight, near, inside = sample(seed, signed)
    far = near + inside
    found = DecaySum.through(weight, near, far)(COUPLINGS)
    true, scale = (through(w, near, far - near, COUPLINGS) for w in (weight, np.abs(weight)))
    check(found, true, scale)


@given(seeds, st.booleans())
@settings(deadline=None)
def test_decays_at_points_are_those_of_numpy(seed, signed):
    weight, near, inside = sample(seed, signed)
    found = DecaySum.at_points(weight, inside, near)(COUPLINGS)
    true, scale = (at_points(w, inside, near, COUPLINGS) for w in (weight, np.abs(weight)))
    check(found, true, scale)


@pytest.mark.parametrize("place", np.linspace(0.0, 1.0, 7))
@pytest.mark.parametrize("ratio", [1e-6, 1e-3, 0.3, 100.0])
def test_one_decay_wherever_it_lies_between_the_nodes(place, ratio):
    near = np.exp(0.008 * (3000 + place))
    far = near * (1.0 + ratio)
    s = np.geomspace(1e-3, 73.0, 60) / near
    assert DecaySum.at_points(1.0, 2.0, near)(s) == pytest.approx(2.0 * s * np.exp(-s * near), rel=1e-5)
    true = np.exp(-s * near) * -np.expm1(-s * (far - near))
    assert DecaySum.through(1.0, near, far)(s) == pytest.approx(true, rel=1e-5)


@given(seeds)
@settings(deadline=None)
def test_in_the_limit_of_long_life_decays_are_as_many_as_the_path_inside_is_long(seed):
    weight, near, inside = sample(seed)
    s = 1e-12 / near.max()
    far = near + inside
    path = s * (weight * (far - near)).sum()
    assert DecaySum.through(weight, near, far)(s) == pytest.approx(path, rel=1e-6)
    assert DecaySum.at_points(weight, far - near, near)(s) == pytest.approx(path, rel=1e-10)


@given(seeds, seeds, st.floats(-1e3, 1e3))
@settings(deadline=None)
def test_sums_add_up_and_scale(seed, other, factor):
    (w, near, inside), (v, exponent, rate) = sample(seed, signed=True), sample(other, signed=True)
    a, b = DecaySum.through(w, near, near + inside), DecaySum.at_points(v, rate, exponent)
    whole, parts = (a + factor * b)(COUPLINGS), a(COUPLINGS) + factor * b(COUPLINGS)
    absolute = DecaySum(a.nodes, np.abs(a.coefficients)) + DecaySum(b.nodes, np.abs(factor * b.coefficients))
    rounding = 1e-12 * absolute(COUPLINGS) + 1e-69 * COUPLINGS * absolute.coefficients.sum()
    assert (np.abs(whole - parts) <= rounding).all()
    assert ((b * factor)(COUPLINGS) == (factor * b)(COUPLINGS)).all()


def test_a_sum_of_sums_has_no_more_nodes_than_the_widest():
    exponent = np.geomspace(1e10, 1e14, 1000)
    whole = DecaySum.at_points(1.0, exponent, exponent)
    part = DecaySum.at_points(1.0, exponent[200:500], exponent[200:500])
    assert len((whole + part).nodes) == len(whole.nodes) < 1200
    assert (np.float64(2.0) * part)(1e-12) == 2.0 * part(1e-12)  # numpy numbers too


@given(seeds)
@settings(deadline=None)
def test_positive_weights_give_no_negative_numbers_and_a_tail_that_only_falls(seed):
    weight, near, inside = sample(seed)
    s = np.concatenate([[0.0], np.geomspace(1e-30, 1e30, 241)])
    for decays in (
        DecaySum.through(weight, near, near + inside),
        DecaySum.at_points(weight, inside, near),
    ):
        found = decays(s)
        assert found[0] == 0.0
        assert found[-1] == 0.0
        assert (found >= 0.0).all()
        tail = decays(np.geomspace(3.0, 1000.0, 200) / near[weight != 0.0].min())
        assert (np.diff(tail) <= 0.0).all()


def test_a_later_entry_and_a_longer_volume():
    s = np.geomspace(1e-16, 1e-10, 100)
    early, late = DecaySum.through(1.0, 1e12, 3e12)(s), DecaySum.through(1.0, 2e12, 3e12)(s)
    assert (late[late > 0.0] < early[late > 0.0]).all()
    both = DecaySum.through(1.0, 1e12, 2e12) + DecaySum.through(1.0, 2e12, 3e12)
    assert both(s) == pytest.approx(early, rel=1e-5)


def test_what_has_weight_zero_counts_for_nothing_and_may_be_anything():
    alone = DecaySum.through(1.0, 1e10, 1e10 + 1e4)
    beside = DecaySum.through([1.0, 0.0, 0.0], [1e10, 1e18, np.nan], [1e10 + 1e4, 1e20, -1.0])
    assert (beside(COUPLINGS) == alone(COUPLINGS)).all()
    for nothing in (DecaySum.through(0.0, 1.0, 2.0), DecaySum.at_points([], [], [])):
        assert (nothing(COUPLINGS) == 0.0).all()
        assert ((nothing + alone)(COUPLINGS) == alone(COUPLINGS)).all()
    assert effective_size(0.0, 1.0, 1.0, [0.0, 1.0]).tolist() == [0.0, 0.0]


@pytest.mark.parametrize("shape", [(), (1,), (5, 100), (0,), (2, 3, 4)])
def test_the_result_has_the_shape_of_the_couplings(shape):
    decays = DecaySum.at_points([1.0, 2.0], 1e12, [[1e12], [2e12]])  # two particles in two slices
    found = decays(np.full(shape, 1e-12))
    assert found.shape == shape
    assert found == pytest.approx(np.full(shape, 3.0 * (np.exp(-1.0) + np.exp(-2.0))), rel=1e-9)
    assert effective_size([1.0, 2.0], 1e12, 1e12, np.full(shape, 1e-12)) == pytest.approx(np.full(shape, 1.8))


def test_the_two_arrays_are_all_of_it(tmp_path):
    decays = DecaySum.through([1.0, -0.5], [1e12, 2e12], [3e12, 4e12])
    np.savez(tmp_path / "sum.npz", nodes=decays.nodes, coefficients=decays.coefficients)
    with np.load(tmp_path / "sum.npz") as stored:
        again = DecaySum(stored["nodes"], stored["coefficients"])
    assert (again(COUPLINGS) == decays(COUPLINGS)).all()


def test_many_couplings_are_each_as_if_alone():
    decays = DecaySum.through([1.0, 0.5], [1e12, 2e12], [3e12, 4e12])
    s = np.geomspace(1e-14, 1e-11, 700)
    assert decays(s) == pytest.approx([decays(x) for x in s], rel=1e-12)


@given(seeds)
@settings(deadline=None)
def test_the_sum_of_squares_is_a_sum_of_the_same_kind(seed):
    weight, exponent, rate = sample(seed, signed=True)
    squares = DecaySum.at_points(weight**2, rate**2, 2.0 * exponent)(COUPLINGS)
    terms = COUPLINGS[:, None] * weight * rate * np.exp(-np.multiply.outer(COUPLINGS, exponent))
    true = (terms**2).sum(axis=1)
    check(COUPLINGS * squares, true, true)


@given(seeds)
@settings(deadline=None)
def test_the_effective_size_is_that_of_numpy_at_any_coupling(seed):
    weight, exponent, rate = sample(seed)
    counted = weight != 0.0
    log_terms = np.log((weight * rate)[counted]) - np.multiply.outer(COUPLINGS, exponent[counted])
    terms = np.exp(log_terms - log_terms.max(axis=1, keepdims=True))  # relative to the largest, in any tail
    true = terms.sum(axis=1) ** 2 / (terms**2).sum(axis=1)
    found = effective_size(weight, rate, exponent, COUPLINGS)
    left = (found > 0.0) & (COUPLINGS * exponent[counted].min() < 700.0)
    assert found[left] == pytest.approx(true[left], rel=1e-4)
    assert (found[log_terms.max(axis=1) > log_terms[0].max() - 40.0] > 0.0).all()


def test_the_effective_size_of_equal_decays_is_their_number():
    found = effective_size(np.full(50, 0.1), 1e12, 1e12, [0.0, 1e-20, 1e-12, 1e-10, 1e-9])
    assert found == pytest.approx(50.0, rel=1e-5)


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda: DecaySum.through([1.0, 1.0], [1.0, 2.0], [2.0, 1.9]), "far is below near"),
        (lambda: DecaySum.through(1.0, 0.0, 1.0), "near is not above 0"),
        (lambda: DecaySum.through(1.0, 1.0, np.inf), "a far is not finite"),
        (lambda: DecaySum.through(np.nan, 1.0, 2.0), "a weight is not finite"),
        (lambda: DecaySum.at_points(1.0, 1.0, -1.0), "exponent is not above 0"),
        (lambda: DecaySum.at_points(1.0, np.nan, 1.0), "a rate is not finite"),
        (lambda: DecaySum.at_points(1.0, 1.0, 1.0)(-1.0), "squared coupling"),
        (lambda: DecaySum.at_points(1.0, 1.0, 1.0)([1.0, np.inf]), "squared coupling"),
        (lambda: effective_size(1.0, 1.0, 1.0, np.nan), "squared coupling"),
        (lambda: effective_size(1.0, 1.0, 0.0, 1.0), "exponent is not above 0"),
    ],
)
def test_numbers_that_have_no_meaning_are_refused(make, reason):
    with pytest.raises(InputError, match=reason):
        make()

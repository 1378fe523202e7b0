"""Counts in groups: exact probabilities by hand, toys against them, and refusals."""

import numpy as np
import pytest
from scipy import stats

from bdana.errors import InputError
from bdana.statistics import multinomial
from bdana.statistics.multinomial import multinomial_p


@pytest.mark.parametrize("n", range(11))
def test_two_groups_are_the_binomial_test(n):
    assert multinomial_p([n, 10 - n], [0.3, 0.7]) == pytest.approx(stats.binomtest(n, 10, 0.3).pvalue)


def test_three_groups_by_enumeration():
    law = stats.multinomial(5, [0.2, 0.3, 0.5])
    every = [(i, j, 5 - i - j) for i in range(6) for j in range(6 - i)]
    seen = law.pmf((3, 1, 1))
    by_hand = sum(p for p in map(law.pmf, every) if p <= seen * (1 + 1e-9))
    assert multinomial_p([3, 1, 1], [2, 3, 5]) == pytest.approx(by_hand)


def test_toys_agree_with_enumeration(monkeypatch):
    exact = multinomial_p([9, 3, 4, 4], [1, 1, 1, 1])
    monkeypatch.setattr(multinomial, "MAX_TUPLES", 0)
    assert multinomial_p([9, 3, 4, 4], [1, 1, 1, 1], seed=3) == pytest.approx(exact, abs=0.006)


def test_p_is_uniform_under_the_hypothesis():
    rng = np.random.default_rng(2)
    p = [multinomial_p(rng.multinomial(30, [0.25] * 4), [1] * 4) for _ in range(300)]
    assert np.mean(np.array(p) <= 0.1) == pytest.approx(0.1, abs=0.06)


def test_nothing_counted_says_nothing():
    assert multinomial_p([0, 0], [1, 1]) == 1.0
    assert multinomial_p([0, 2], [0, 1]) == 1.0


@pytest.mark.parametrize(
    ("counts", "shares"),
    [([1], [1, 2]), ([-1, 2], [1, 1]), ([1, 1], [0, 0]), ([1, 1], [0, 1]), ([1, 1], [np.nan, 1])],
)
def test_what_makes_no_sense_is_refused(counts, shares):
    with pytest.raises(InputError):
        multinomial_p(counts, shares)

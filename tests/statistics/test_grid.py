"""Grids of limits are the single limits, and fast."""

import numpy as np
import pytest

from bdana.errors import InputError
from bdana.statistics.grid import upper_limits
from bdana.statistics.methods import METHODS
from bdana.statistics.poisson import Background


@pytest.mark.parametrize("method", METHODS)
def test_every_point_is_the_single_limit(method):
    n, b = np.array([[3], [0]]), np.array([2.57, 0.016, 2.57])
    error, efficiency = np.array([0.002, 0.0, 0.33]), np.array([[0.0], [0.2]])
    found = upper_limits(n, b, error, efficiency, 0.95, method)
    assert found.shape == (2, 3)
    for (i, j), value in np.ndenumerate(found):
        single = METHODS[method](int(n[i, 0]), Background(b[j], error[j]), 0.95, efficiency[i, 0])
        assert value == pytest.approx(single.high, rel=1e-7), (i, j)


def test_a_case_that_repeats_is_solved_once(monkeypatch):
    calls = []
    monkeypatch.setitem(METHODS, "own", lambda *case: calls.append(case) or METHODS["cls"](*case))
    found = upper_limits(np.arange(100) % 2, np.full((100, 1), 2.57), 0.33, method="own")
    assert found.shape == (100, 100)
    assert len(calls) == 2


def test_a_hundred_by_a_hundred_different_backgrounds_in_closed_form():
    n, b = np.meshgrid(np.arange(100) % 51, np.linspace(0, 100, 100))
    found = upper_limits(n, b)
    for i, j in [(0, 0), (99, 50), (99, 0), (30, 99)]:
        single = METHODS["cls"](int(n[i, j]), Background(float(b[i, j])), 0.9, 0.0)
        assert found[i, j] == pytest.approx(single.high, rel=1e-6)


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (([1, 1.5], 1.0), "1.5 in the grid: counts"),
        (([1, 2], [1.0, np.nan]), "nan in the grid: backgrounds"),
        (([1, -2], 1.0), "-2.0 in the grid"),
        (([1, 2], 1.0, -0.1), "-0.1 in the grid"),
    ],
)
def test_what_makes_no_sense_is_refused(arguments, reason):
    with pytest.raises(InputError, match=reason):
        upper_limits(*arguments)

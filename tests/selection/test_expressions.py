"""Formulae of the quantities of candidates."""

import numpy as np
import pytest

from bdana.errors import ConfigError
from bdana.selection import Candidates, Variable
from bdana.selection.expressions import Expression


def candidates(**columns):
    values = dict.fromkeys(Candidates.__dataclass_fields__, np.ones(2))
    return Candidates(**values | {name: np.array(column) for name, column in columns.items()})


def test_a_formula_gives_its_values_in_the_unit_of_the_axis():
    found = candidates(p_plus=[3000.0, 1.0], p_minus=[4000.0, 1.0])
    variable = Variable("p", "p", "GeV", 10, 0.0, 10.0, "hypot(p_plus, -p_minus)")
    assert variable.values(found)[0] == pytest.approx(5.0)


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os')",
        "p_plus.real",
        "p_plus + z_tax",
        "log(mass)",
        "2 ** mass",
        "nothing",
        "mass if 1 else 0",
        "(",
    ],
)
def test_what_is_no_formula_of_one_dimension_is_refused(text):
    with pytest.raises(ConfigError):
        Expression(text)


def test_the_unit_of_the_axis_is_that_of_the_formula():
    with pytest.raises(ConfigError, match="dimension of energy"):
        Variable("p", "p", "mm", 10, 0.0, 10.0, "p_plus + p_minus")


def test_times_of_pairs_of_different_events_are_known_to_be_missing():
    assert Variable("late", "late", "ns", 10, 0.0, 10.0, "abs(dt)").needs_time
    assert not Variable("p", "p", "GeV", 10, 0.0, 10.0, "p_plus").needs_time

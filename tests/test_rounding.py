"""Printed numbers: errors have two digits, values the same places, and nothing is printed as p = 0."""

import math
import re
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bdana.rounding import SMALLEST_P, error_text, p_equals, p_text, percent, plus_minus, same_place, z_text

sizes = st.floats(min_value=1e-320, max_value=1e300)
errors = st.builds(
    lambda mantissa, power: float(f"{mantissa}e{power}"), st.floats(1.0, 9.99), st.integers(-90, 90)
)


@pytest.mark.parametrize(
    ("numbers", "text"),
    [
        ((0.02, 0.0027), "0.0200 ± 0.0027"),
        ((0.016, 0.002), "0.0160 ± 0.0020"),
        ((26.3, 3.4), "26.3 ± 3.4"),
        ((9.0, 3.0), "9.0 ± 3.0"),
        ((9.996, 0.0996), "10.00 ± 0.10"),
        ((7.7e-90, 7.7e-90), "(7.7 ± 7.7)e-90"),
        ((123456.0, 7890.0), "123500 ± 7900"),
        ((1.4e17, 2.1e15), "(1.400 ± 0.021)e+17"),
        ((0.0, 0.0031), "0.0000 ± 0.0031"),
        ((-0.001, 0.21), "0.00 ± 0.21"),
        ((0.0, 0.0), "0 ± 0"),
        ((1.7, 0.0), "1.7 ± 0"),
        ((1.0, math.inf), "1 ± inf"),
        ((math.nan, 0.5), "nan ± 0.50"),
        ((2.4561, 0.304, 0.2149), "2.46 +0.30 -0.21"),
        ((0.0, 1.2, 0.0), "0.0 +1.2 -0"),
        ((0.19, math.inf, 0.11), "0.19 +inf -0.11"),
        ((1.088e-10, 4.04e-11, 3.48e-11), "(1.09 +0.40 -0.35)e-10"),
        ((6e-16, 0.0612744, 6e-16), "0.000 +0.061 -0.000"),
        ((0.0013, 0.0614, 0.0013), "0.0013 +0.0614 -0.0013"),
        ((1e300, 1e-300), "1e+300 ± 1.0e-300"),
    ],
)
def test_value_and_error(numbers, text):
    assert plus_minus(*numbers) == text


@given(st.floats(-1e6, 1e6), errors)
def test_an_error_has_two_digits_and_its_value_the_same_place(factor, error):
    value, (shown, of_error) = factor * error, same_place(factor * error, error)
    digits = re.sub(r"e.*", "", of_error).replace(".", "").lstrip("0")
    assert float(of_error) == pytest.approx(float(f"{error:.1e}"), rel=1e-12)
    if "e" in of_error or error < 10.0:
        assert len(digits) == 2
        assert Decimal(shown).as_tuple().exponent == Decimal(of_error).as_tuple().exponent
    step = float(f"1e{int(f'{error:.1e}'.partition('e')[2]) - 1}")
    assert abs(Decimal(shown) - Decimal(value)) <= Decimal(step) * Decimal("0.5001")


@given(sizes, sizes, sizes)
def test_upper_and_lower_error_end_at_one_place(value, up, down):
    shown, high, low = same_place(value, up, down)
    if min(up, down) > 1.1e-3 * max(up, down):
        assert float(min(high, low, key=float)) > 0.0
    if max(value, up, down) < 1e15 * min(up, down):
        assert len({Decimal(text).as_tuple().exponent for text in (shown, high, low) if "." in text}) <= 1


@given(st.floats(allow_nan=True, allow_infinity=True), st.floats(allow_nan=True, allow_infinity=True))
def test_any_two_numbers_have_a_short_text(value, error):
    assert len(plus_minus(value, error)) < 70


@given(st.floats(0.0, 1.0))
def test_no_p_value_is_printed_as_zero(p):
    text = p_text(p)
    assert float(text.removeprefix("< ")) > 0.0
    assert text.startswith("<") == (p <= SMALLEST_P)
    assert p_equals(p) in {text, f"= {text}"}


def test_a_bound_on_p_gives_a_bound_on_its_significance():
    assert p_text(0.0) == p_equals(0.0) == "< 1e-300"
    assert z_text(37.5) == "> 37.04"
    assert p_text(0.01234, 0.0012) == "0.0123 ± 0.0012"


def test_signs_percentages_and_errors_alone():
    assert same_place(1.442, 0.52, signed=True) == ["+1.44", "0.52"]
    assert same_place(-0.001, 0.52, signed=True) == ["0.00", "0.52"]
    assert percent(0.1234, 0.0123) == "(12.3 ± 1.2)%"
    assert [error_text(x) for x in (3.0, 0.0995, 0.0)] == ["3.0", "0.10", "0"]

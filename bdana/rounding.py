"""Rounding of printed numbers by one rule: an error to two digits, its value to the same place; p is never 0."""

from __future__ import annotations

import math
from decimal import ROUND_HALF_EVEN, Context, Decimal

__all__ = [
    "SMALLEST_P",
    "bounded_p",
    "error_text",
    "p_equals",
    "p_text",
    "percent",
    "plus_minus",
    "same_place",
    "z_text",
]

SMALLEST_P = 1e-300
"""What a smaller p-value is given as: an upper bound that double precision can hold."""

_PLAIN = range(-4, 9)  # decades of the larger of value and error that are written without a power of ten
_EXACT = Context(prec=60, rounding=ROUND_HALF_EVEN, Emin=-9999, Emax=9999)
_LARGEST_Z = 37.04  # of SMALLEST_P, one-sided
_DIGITS = 6  # of a number whose error is zero or unknown
_SEEN = (
    1e-3  # of the larger of two errors: the place is not that of a smaller one, which is 0 beside the other
)
_HELD = 16  # digits that double precision holds


def same_place(value: float, *errors: float, signed: bool = False) -> list[str]:
    """Return a value and its errors as text, rounded to the second digit of the smallest error that is not zero.

    So every error has at least two digits, unless it is below a thousandth of another, and the value as many places as they
    have; the Particle Data Group rounds like this, but gives one digit to some errors (Review of Particle Physics,
    introduction, section 5.3). A power of ten is that of the larger of value and error, and the same in all of them. Without
    an error the value has up to six digits.

    Parameters
    ----------
    value : float
    *errors : float
        Standard deviations, or upper and lower error; their signs are left out.
    signed : bool
        Whether a value above zero has its sign too.

    Examples
    --------
    >>> from bdana.rounding import same_place
    >>> same_place(0.02, 0.0027), same_place(2.4561, 0.304, 0.2149)
    (['0.0200', '0.0027'], ['2.46', '0.30', '0.21'])
    >>> same_place(7.7e-90, 7.7e-90)
    ['7.7e-90', '7.7e-90']
    """
    texts, power = _mantissas(value, [abs(error) for error in errors], signed=signed)
    return [f"{text}e{power:+03d}" if power and math.isfinite(float(text)) else text for text in texts]


def plus_minus(value: float, up: float, down: float | None = None) -> str:
    """Return a value with its error, or with its upper and lower error, rounded as `same_place` does.

    Parameters
    ----------
    value : float
    up : float
        The error; the upper one where there is a lower one.
    down : float, optional

    Examples
    --------
    >>> from bdana.rounding import plus_minus
    >>> plus_minus(0.02, 0.0027), plus_minus(7.7e-90, 7.7e-90), plus_minus(2.4561, 0.304, 0.2149)
    ('0.0200 ± 0.0027', '(7.7 ± 7.7)e-90', '2.46 +0.30 -0.21')
    """
    errors = [abs(up)] if down is None else [abs(up), abs(down)]
    (shown, *others), power = _mantissas(value, errors)
    text = f"{shown} ± {others[0]}" if down is None else f"{shown} +{others[0]} -{others[1]}"
    return f"({text})e{power:+03d}" if power else text


def percent(value: float, error: float) -> str:
    """Return a share with its error in percent, rounded as `same_place` does.

    Parameters
    ----------
    value, error : float

    Examples
    --------
    >>> from bdana.rounding import percent
    >>> percent(0.1234, 0.0123)
    '(12.3 ± 1.2)%'
    """
    return f"({plus_minus(100.0 * value, 100.0 * error)})%"


def error_text(error: float) -> str:
    """Return an error alone, with two digits; a percentage error or an upper limit is rounded as it.

    Parameters
    ----------
    error : float

    Examples
    --------
    >>> from bdana.rounding import error_text
    >>> error_text(3.0), error_text(0.00266), error_text(0.0)
    ('3.0', '0.0027', '0')
    """
    return same_place(0.0, error)[1]


def bounded_p(p: float) -> float:
    """Return a p-value that is not below `SMALLEST_P`, which bounds those that double precision cannot hold.

    Parameters
    ----------
    p : float
    """
    return max(float(p), SMALLEST_P)


def p_text(p: float, error: float = 0.0) -> str:
    """Return a p-value with four digits, or its error; one below `SMALLEST_P` as its upper bound, never as 0.

    Parameters
    ----------
    p : float
    error : float
        Monte Carlo error, where it has one.

    Examples
    --------
    >>> from bdana.rounding import p_text
    >>> p_text(0.70354), p_text(2.5e-9), p_text(0.0)
    ('0.7035', '2.5e-09', '< 1e-300')
    """
    if p <= SMALLEST_P:
        return f"< {SMALLEST_P:g}"
    return plus_minus(p, error) if error else f"{p:.4g}"


def p_equals(p: float) -> str:
    """Return what follows the name of a p-value in a sentence: it equals a number, or is below its bound.

    Parameters
    ----------
    p : float

    Examples
    --------
    >>> from bdana.rounding import p_equals
    >>> p_equals(0.0206), p_equals(0.0)
    ('= 0.0206', '< 1e-300')
    """
    text = p_text(p)
    return text if text.startswith("<") else f"= {text}"


def z_text(z: float) -> str:
    """Return the significance of a p-value with four digits; that of a p-value which is a bound is one too.

    Parameters
    ----------
    z : float

    Examples
    --------
    >>> from bdana.rounding import z_text
    >>> z_text(2.3146), z_text(37.0471)
    ('2.315', '> 37.04')
    """
    return f"> {_LARGEST_Z:g}" if z >= _LARGEST_Z else f"{z:.4g}"


def _mantissas(value: float, errors: list[float], *, signed: bool = False) -> tuple[list[str], int]:
    """Return value and errors as decimal numbers, and the power of ten that they have in common."""
    known = [abs(number) for number in (value, *errors) if math.isfinite(number) and number]
    some = [error for error in errors if math.isfinite(error) and error]
    decade = max((_decade(number, 2 if some else _DIGITS) for number in known), default=0)
    power = 0 if decade in _PLAIN else decade
    if some:
        told = [error for error in some if error >= _SEEN * max(some)]
        place = min(_decade(error, 2) for error in told) - 1
        if decade - place > _HELD:  # more places than the value has
            return [f"{value!r}", *(f"{error:.1e}" for error in errors)], 0
    else:
        place = decade - _DIGITS + 1
    texts = [_at_place(number, place, power) for number in (value, *errors)]
    if not some:  # nothing says to which place: as short as the digits allow
        texts = [_short(text) for text in texts]
    else:
        texts[1:] = ["0" if error == 0.0 else text for error, text in zip(errors, texts[1:], strict=True)]
    if signed and not texts[0].startswith("-") and texts[0].strip("0."):
        texts[0] = f"+{texts[0]}"
    return texts, power


def _decade(number: float, digits: int) -> int:
    """Return the power of ten of the first digit, when rounded to so many digits."""
    return int(f"{number:.{digits - 1}e}".partition("e")[2])


def _at_place(number: float, place: int, power: int) -> str:
    """Return a number over a power of ten, rounded at the given decimal place of the number itself."""
    if not math.isfinite(number):
        return str(number)
    rounded = _EXACT.quantize(Decimal(number), Decimal((0, (1,), place))).scaleb(-power, _EXACT)
    return format(abs(rounded) if rounded.is_zero() else rounded, "f")


def _short(text: str) -> str:
    return text.rstrip("0").rstrip(".") if "." in text else text


def grouped(number: float) -> str:
    """Return a number of events with its thousands apart: whole ones in full, sums of weights with six digits.

    Parameters
    ----------
    number : float

    Examples
    --------
    >>> from bdana.rounding import grouped
    >>> grouped(2068210.0), grouped(1234.5678), grouped(0.0312345678)
    ('2 068 210', '1 234.57', '0.0312346')
    """
    if float(number).is_integer() and abs(number) < 1e15:
        return f"{number:,.0f}".replace(",", " ")
    if not 1.0 <= abs(number) < 1e15:
        return f"{number:.6g}"
    digits = max(0, 5 - math.floor(math.log10(abs(number))))
    return f"{number:,.{digits}f}".replace(",", " ")

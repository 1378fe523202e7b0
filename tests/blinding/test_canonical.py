"""Canonical JSON: one text for one content, and the content back from the text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bdana.blinding.canonical import canonical, differences, parse
from bdana.errors import BlindingError

LEAVES = st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text(max_size=5)
NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
DOCUMENTS = st.recursive(
    LEAVES | NUMBERS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
)


@given(DOCUMENTS)
def test_what_is_written_is_read_and_is_the_same(document):
    text = canonical(document)
    assert canonical(parse(text)) == text
    assert differences(document, parse(text)) == []


@pytest.mark.parametrize("number", [1.4e17, -(2.0**53), 1e20, 1e21, 5e-324])
def test_large_floats_are_read_back(number):
    assert parse(canonical(number)) == number


def test_large_integers_are_refused():
    with pytest.raises(BlindingError, match="as text"):
        canonical(2**53)


@pytest.mark.parametrize("text", [b"1.0", b'{"b":1,"a":2}', b" 1", b"9007199254740993", b"[" * 100_000])
def test_anything_but_the_canonical_form_is_refused(text):
    with pytest.raises(ValueError, match=r"canonical|nested"):
        parse(text)


def test_differences_name_the_leaves():
    old = {"a": 1.0, "b": [1, 2], "c": {"d": True}, "gone": 0}
    new = {"a": 1, "b": [1, 3], "c": {"d": 1}, "new": 0}
    assert differences(old, new) == ["b.1 changed", "c.d changed", "gone removed", "new added"]

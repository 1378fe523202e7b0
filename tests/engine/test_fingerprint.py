"""Hash of the content of values."""

import os
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bdana.detector import load_detector
from bdana.engine.fingerprint import fingerprint

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.tuples(inner, inner) | st.dictionaries(st.text(), inner) | st.lists(inner).map(tuple),
    max_leaves=8,
)


@dataclass(frozen=True)
class Box:
    low: float
    edges: np.ndarray
    names: frozenset[str] = frozenset()


BOX = Box(1.0, np.array([[1.0, 2.0]]), frozenset({"CR", "SR"}))


@given(PLAIN, PLAIN)
def test_only_equal_content_is_equal(one, other):
    assert (fingerprint(one) == fingerprint(other)) == (
        repr(one) == repr(other) or _sorted(one) == _sorted(other)
    )


def _sorted(value):
    """Write a value down with the keys of its mappings in order."""
    if isinstance(value, dict):
        return repr(sorted((key, _sorted(one)) for key, one in value.items()))
    return repr([_sorted(one) for one in value]) if isinstance(value, tuple) else repr(value)


@pytest.mark.parametrize(
    "other",
    [
        replace(BOX, low=1.5),
        replace(BOX, edges=np.array([[1.0, 2.5]])),
        replace(BOX, edges=np.array([1.0, 2.0])),
        replace(BOX, edges=np.array([[1.0, 2.0]], dtype=np.float32)),
        replace(BOX, names=frozenset({"CR"})),
        {"low": 1.0},
    ],
)
def test_every_part_of_a_value_counts(other):
    assert fingerprint(BOX) == fingerprint(replace(BOX, edges=BOX.edges.copy(order="F")))
    assert fingerprint(other) != fingerprint(BOX)


def test_the_order_of_the_keys_does_not_count():
    assert fingerprint({"a": 1, "b": (2,)}) == fingerprint({"b": (2,), "a": 1})


def test_a_geometry_is_told_from_another():
    detector = load_detector("na62")
    assert fingerprint(detector) == fingerprint(load_detector("na62"))
    assert fingerprint(detector) != fingerprint(detector.model_copy(update={"name": "another"}))


@pytest.mark.parametrize("value", [object(), lambda: 1, np.array([object()])])
def test_what_has_no_content_that_is_known_is_refused(value):
    with pytest.raises(TypeError):
        fingerprint([value])


def test_another_process_finds_the_same():
    code = (
        "from bdana.engine.fingerprint import fingerprint; print(fingerprint({'a', 'b', 'c'}, {'x': 1}, 'y'))"
    )
    found = {
        subprocess.run(
            [sys.executable, "-c", code],
            env=os.environ | {"PYTHONHASHSEED": seed},
            cwd=Path(__file__).parents[2],
            check=True,
            capture_output=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert found == {f"{fingerprint({'a', 'b', 'c'}, {'x': 1}, 'y')}\n".encode()}

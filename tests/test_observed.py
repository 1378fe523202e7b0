"""Observed and predicted numbers: a closed number refuses every use."""

import copy
import json
import pickle

import numpy as np
import pytest

from bdana.errors import BlindingError
from bdana.observed import Observed, Predicted

CLOSED = Observed("SR")

USES = {
    "value": lambda n: n.value, "format": lambda n: f"{n:>5}",
    "int": int, "float": float, "complex": complex, "bool": bool, "index": lambda n: [0][n], "hash": hash,
    "equal": lambda n: n == 0, "unequal": lambda n: n != 0, "less": lambda n: n < 1,
    "at most": lambda n: n <= 1, "more": lambda n: n > 1, "at least": lambda n: n >= 1, "reflected": lambda n: n < 1,
    "sum": lambda n: n + Observed("CR", 3), "added": lambda n: Observed("CR", 3) + n, "range": range,
    "pickle": pickle.dumps, "copy": copy.copy, "numpy": lambda n: np.array([n], dtype=float),
    "compared to open": lambda n: Observed("CR", 0) == n, "round": lambda n: round(float(n)),
    "sorted": lambda n: sorted([n, Observed("CR", 1)]), "in": lambda n: n in [0, 1], "json": lambda n: json.dumps(n, default=int),
}  # fmt: skip


@pytest.mark.parametrize("use", USES)
def test_a_closed_number_cannot_be_used(use):
    with pytest.raises(BlindingError, match=r"region SR is closed; .bdana blinding status. shows"):
        USES[use](CLOSED)


def test_a_closed_number_prints_as_closed():
    assert (repr(CLOSED), str(CLOSED), f"{CLOSED}") == ("Observed('SR', closed)", "closed", "closed")
    assert repr(Observed("CR", 4)) == "Observed('CR', 4)"


def test_an_open_number_is_a_number():
    n = Observed("CR", 4)
    assert (n.state, CLOSED.state) == ("open", "closed")
    assert (int(n), float(n), f"{n:03d}", str(n), n == 4, n > 3, bool(n)) == (
        4,
        4.0,
        "004",
        "4",
        True,
        True,
        True,
    )
    assert (n + Observed("CR1", 2)).value == 6
    assert pickle.loads(pickle.dumps(n)) == n


def test_observed_and_predicted_do_not_mix():
    n, other = Observed("CR", 4), Predicted(1.0, 0.5)
    for use in (lambda: n + other, lambda: other + n, lambda: n < other, lambda: n == other):
        with pytest.raises(TypeError):
            use()

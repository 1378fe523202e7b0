"""Rows found again by burst, whatever the order in which they came and wherever they are kept."""

import errno

import numpy as np
import pytest

from bdana.errors import InputError
from bdana.pairing.estimate import burst_store
from bdana.pairing.estimate.burst_store import BurstStore

BURSTS = 12


def filled(rng, sizes):
    """Return a store, and all that is in it."""
    store, added = BurstStore(), []
    for size in sizes:
        place, passed = rng.integers(BURSTS, size=size), rng.random(size) < 0.7
        columns = {"p": rng.random(size), "charge": rng.integers(-1, 2, size).astype(np.int8)}
        store.add(place, passed, columns)
        added.append((place, passed, columns["p"], columns["charge"]))
    return store, [np.concatenate(column) for column in zip(*added, strict=True)]


@pytest.mark.parametrize("in_memory", [0, 2**20])
def test_rows_come_burst_by_burst_in_the_order_in_which_they_were_added(monkeypatch, in_memory):
    monkeypatch.setattr(burst_store, "IN_MEMORY", in_memory)
    store, (place, passed, p, charge) = filled(np.random.default_rng(1), [40, 0, 1, 60])
    order = np.lexsort((~passed, place))
    assert store.names == ("p", "charge")
    for begin, end in [(0, BURSTS), (3, 4), (5, 9), (2, 2), (BURSTS, BURSTS)]:
        rows = store.read(begin, end, ["p", "charge"])
        own = order[(place[order] >= begin) & (place[order] < end)]
        assert np.array_equal(rows.place, place[own])
        assert np.array_equal(rows.passed, passed[own])
        assert np.array_equal(rows.columns["p"], p[own])
        assert np.array_equal(rows.columns["charge"], charge[own])


def test_a_column_that_some_rows_lack_is_no_column_of_all():
    store = BurstStore()
    one = np.zeros(1, dtype=np.int64), np.ones(1, dtype=np.bool_)
    store.add(*one, {"p": np.ones(1), "timestamp": np.ones(1)})
    store.add(*one, {"p": np.ones(1)})
    assert store.names == ("p",)


def test_a_full_disk_is_said(monkeypatch):
    class Full:
        def __init__(self, max_size):
            pass

        def seek(self, place):
            pass

        def close(self):
            pass

        def write(self, data):
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(burst_store.tempfile, "SpooledTemporaryFile", Full)
    with pytest.raises(
        InputError, match=r"cannot hold the single tracks \(No space left on device\); set TMPDIR"
    ):
        filled(np.random.default_rng(1), [3])

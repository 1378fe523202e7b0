"""Pair searches shared out among threads."""

import numba
import pytest

from bdana.pairing.geometry import pair_finder


@pytest.fixture
def thread_numbers(monkeypatch):
    """Go through all numbers of threads, which then work on searches of any size; otherwise on large ones only."""
    before = numba.get_num_threads()

    def each():
        monkeypatch.setattr(pair_finder, "FEW_PAIRS", 0)
        for number in range(1, numba.config.NUMBA_NUM_THREADS + 1):
            numba.set_num_threads(number)
            yield number

    yield each
    numba.set_num_threads(before)

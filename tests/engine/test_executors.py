"""Executors give results in the order of the items, and errors as they are."""

import time

import pytest

import bdana
from bdana.errors import ConfigError


def slower_first(item):
    time.sleep(0.2 if item == 0 else 0.0)
    return item * item


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_results_come_in_the_order_of_the_items(workers):
    assert list(bdana.ProcessExecutor(workers).map(slower_first, range(6))) == [0, 1, 4, 9, 16, 25]
    assert list(bdana.SerialExecutor().map(slower_first, range(3))) == [0, 1, 4]


def fails(item):
    raise ConfigError(f"item {item} is bad")


def test_an_error_in_a_worker_is_the_error_here():
    with pytest.raises(ConfigError, match="item 0 is bad"):
        list(bdana.ProcessExecutor(2).map(fails, range(4)))


def test_no_worker_is_refused():
    with pytest.raises(ConfigError, match="at least 1"):
        bdana.ProcessExecutor(0)

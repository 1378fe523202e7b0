"""Executors give results in the order of the items, and errors as they are."""

import threading
import time

import pytest

import bdana
from bdana.engine import ThreadExecutor
from bdana.errors import ConfigError

IN_PARALLEL = [bdana.ProcessExecutor, ThreadExecutor]


def slower_first(item):
    time.sleep(0.2 if item == 0 else 0.0)
    return item * item


@pytest.mark.parametrize("kind", IN_PARALLEL)
@pytest.mark.parametrize("workers", [1, 2, 5])
def test_results_come_in_the_order_of_the_items(kind, workers):
    assert list(kind(workers).map(slower_first, range(6))) == [0, 1, 4, 9, 16, 25]
    assert list(bdana.SerialExecutor().map(slower_first, range(3))) == [0, 1, 4]


def fails(item):
    raise ConfigError(f"item {item} is bad")


@pytest.mark.parametrize("kind", IN_PARALLEL)
def test_an_error_in_a_worker_is_the_error_here(kind):
    with pytest.raises(ConfigError, match="item 0 is bad"):
        list(kind(2).map(fails, range(4)))


@pytest.mark.parametrize("kind", IN_PARALLEL)
def test_no_worker_is_refused(kind):
    with pytest.raises(ConfigError, match="at least 1"):
        kind(0)


def test_threads_work_together_and_wait_for_what_they_gave():
    both, done = threading.Barrier(2), []

    def met(item):
        if item < 2:
            both.wait(10.0)  # an error where there is only one thread
        done.append(item)
        return item

    results = ThreadExecutor(2).map(met, range(100))
    assert next(results) == 0
    time.sleep(0.05)
    assert len(done) <= 4
    results.close()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("bdana")]


def test_threads_begin_nothing_more_when_nobody_wants_the_rest():
    done = []

    def slow(item):
        time.sleep(1.0 if item else 0.0)
        done.append(item)

    results = ThreadExecutor(2).map(slow, range(100))
    next(results)
    results.close()
    assert set(done) <= {0, 1, 2}

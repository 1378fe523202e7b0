"""Executors give the same bits, in the order of the chunks, whatever their number."""

import time

import numpy as np
import pytest

import bdana
from bdana.errors import ConfigError
from bdana.events import dataset
from bdana.events.exposure import BurstTable
from bdana.events.writing import write_events
from tests.synthetic import dimuon_event, records


@pytest.fixture(scope="module")
def foreign(shared):
    return shared / "data" / "open" / "na62_reco.root"


def arrays(run):
    return {name: getattr(run.candidates, name) for name in run.candidates.__dataclass_fields__}


def same(a, b):
    assert a.to_dict() == b.to_dict()
    for name, column in arrays(a).items():
        np.testing.assert_array_equal(column, arrays(b)[name], strict=True)


@pytest.fixture(scope="module")
def serial(foreign):
    return bdana.load(bdana.analysis.template_folder()).select([foreign], kind="mc")


def test_worker_processes_change_no_bit(foreign, serial):
    analysis = bdana.load(bdana.analysis.template_folder())
    same(analysis.select([foreign], kind="mc", executor=bdana.ProcessExecutor(2)), serial)


@pytest.fixture
def clustered(tmp_path):
    """A bdana file of 3 clusters; every third event is out of time with the trigger."""
    events = [dimuon_event(i) | ({"trigger_time": 40.0} if i % 3 == 1 else {}) for i in range(70)]
    path = tmp_path / "clustered.root"
    one = np.array([1])
    bursts = BurstTable(99001 * one, one, 1e12 * one, 4.8 * one, one == 1, 100.0 * one)
    write_events(path, (records(events[i : i + 30]) for i in range(0, 70, 30)), bursts)
    return path


def test_chunks_follow_the_clusters_and_change_nothing(clustered, monkeypatch):
    analysis = bdana.load(bdana.analysis.template_folder())
    whole = analysis.select([clustered], kind="mc")
    monkeypatch.setattr(dataset, "CHUNK_ENTRIES", 20)
    seen = []
    run = analysis.select([clustered], kind="mc", progress=lambda done, total: seen.append((done, total)))
    assert seen == [(30, 70), (60, 70), (70, 70)]
    same(run, whole)
    assert run.candidates.event.tolist() == [i for i in range(70) if i % 3 != 1]


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

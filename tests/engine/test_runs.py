"""A selection gives the same bits, whatever the chunks and whoever works on them."""

import numpy as np
import pytest

import bdana
from bdana.events.writing import write_events
from tests.synthetic import dimuon_event, good_bursts, records


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
    bursts = good_bursts(downscale=100.0)
    write_events(path, (records(events[i : i + 30]) for i in range(0, 70, 30)), bursts)
    return path


def test_chunks_follow_the_clusters_and_change_nothing(clustered, request):
    analysis = bdana.load(bdana.analysis.template_folder())
    whole = analysis.select([clustered], kind="mc")
    request.getfixturevalue("chunk_each_cluster")
    seen = []
    run = analysis.select([clustered], kind="mc", progress=lambda done, total: seen.append((done, total)))
    assert seen == [(30, 70), (60, 70), (70, 70)]
    same(run, whole)
    assert run.candidates.event.tolist() == [i for i in range(70) if i % 3 != 1]

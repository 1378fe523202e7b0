"""A selection gives the same bits, whatever the chunks and whoever works on them."""

from dataclasses import replace

import numpy as np
import pytest

import bdana
from bdana.engine import ThreadExecutor
from bdana.events.files import forget_files
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


@pytest.mark.usefixtures("chunk_each_cluster")
@pytest.mark.parametrize("container", ["na62", "ttree", "rntuple"])
def test_threads_change_no_bit(foreign, tmp_path, container):
    paths = [foreign]
    if container != "na62":
        paths = [tmp_path / f"{number}.root" for number in range(3)]
        for number, path in enumerate(paths):
            pieces = (records([dimuon_event(200 * number + 40 * k + i) for i in range(40)]) for k in range(4))
            write_events(path, pieces, good_bursts(downscale=100.0), container=container)
    analysis = bdana.load(bdana.analysis.template_folder())
    dataset = analysis.dataset(paths, kind="mc")
    assert len(dataset.batches(("run",))) > 4 or container == "na62"
    expected = analysis.select_from(dataset)
    for _ in range(3):
        forget_files()  # opened by both at once
        same(analysis.select_from(dataset, executor=ThreadExecutor(3)), expected)


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


def test_the_chain_of_numbers_begins_with_what_was_read(tmp_path):
    """Ten events: four in a bad burst, three of the others of another trigger, two of the rest with one track."""
    # Bit 1 is H2.
    events = [dimuon_event(i, burst=1 + (i < 4)) | {"trigger": 1 if i in {4, 5, 6} else 2} for i in range(10)]
    for event in events[8:]:
        event["tracks"] = event["tracks"][:1]
    path = tmp_path / "events.root"
    write_events(path, [records(events)], good_bursts(2, good=np.array([True, False])))
    analysis = bdana.load(bdana.analysis.template_folder())
    run = analysis.select_from(replace(analysis.dataset([path], kind="mc"), trigger="H2"))
    chain = [(step.step, step.events, step.efficiency) for step in run.accounting]
    assert chain[:5] == [
        ("read", 10, None),
        ("good_bursts", 6, 0.6),
        ("trigger", 3, 0.5),
        ("open", 3, 1.0),
        ("two_good_tracks", 1, pytest.approx(1 / 3)),
    ]
    assert chain[-1] == ("candidates", 1, 1.0)
    assert run.accounting[-1].total_efficiency == pytest.approx(0.1)
    assert run.cutflow.rows[0].cut == "all"
    assert run.label == "simulation"
